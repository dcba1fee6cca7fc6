//! The rules of a country in a year, compiled once, and the wedge they put on each offer.
//!
//! A year is cut where a rule begins or ends; within a part of it:
//! - of the duties open to an offer the least one is paid, proof of origin counted; cuts come off it; of
//!   additional duties of one scheme the greatest is paid, of several schemes all;
//! - of the rates of one tax that apply the least is paid, reliefs (`points`) come off it;
//! - of the support of one payer the greatest is paid, of several payers all.
//!
//! A rule of the table goes before an average of another table (see [`super::convert`]).
//! The wedge is `p = (1 + v) p_prod + s`; its parts sum to `v` and `s`.

use super::bases::Base;
use super::condition::{Number, holds};
use super::evaluate::Evaluation;
use super::{Date, Instrument, Module, OfferTraits, Rule, Rules, Test, Unit};
use crate::ids::Powertrain;

/// What one rule adds between producer and consumer price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Position in [`Rules::list`].
    pub rule: usize,
    /// Instrument.
    pub instrument: Instrument,
    /// Share of the producer's price.
    pub ad_valorem: f64,
    /// USD 2023 a vehicle; support is negative.
    pub specific_usd: f64,
    /// What it is charged on.
    pub base: Base,
}

/// The whole wedge: consumer price = (1 + `ad_valorem`) producer price + `specific_usd`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Wedge {
    /// Share of the producer's price.
    pub ad_valorem: f64,
    /// USD 2023 a vehicle.
    pub specific_usd: f64,
    /// Duty and additional duties within `ad_valorem`.
    pub duty: f64,
    /// What proof of origin costs, as a share of the producer's price: a cost of the maker, no tax.
    pub compliance: f64,
}

impl Wedge {
    /// Adds a part of another wedge.
    pub(super) fn add(&mut self, other: &Self, part: f64) {
        self.ad_valorem += part * other.ad_valorem;
        self.specific_usd += part * other.specific_usd;
        self.duty += part * other.duty;
        self.compliance += part * other.compliance;
    }
}

/// A price above which a bonus is lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Notch {
    /// Highest list price with the bonus, USD 2023.
    pub ceiling_usd: f64,
    /// Consumer price just above the ceiling less that just below, at the same producer price, USD 2023.
    pub lost_usd: f64,
}

/// A rule as the evaluation needs it.
pub(super) struct Compiled<'r> {
    pub position: usize,
    pub rule: &'r Rule,
    pub value: f64,
    pub budget: Option<usize>,
    /// Regime of a duty, scheme of an additional duty, payer of support: rules that exclude each other.
    pub family: u32,
    /// Schemes that its conditions ask about, with the makers that have signed each.
    signed: Vec<(&'r str, Vec<&'r str>)>,
}

/// A part of the year with the same rules.
pub(super) struct Period<'r> {
    pub weight: f64,
    pub rules: Vec<Compiled<'r>>,
}

/// The wedge rules of a country and year.
pub struct ActiveRules<'r> {
    pub(super) rules: &'r Rules,
    pub(super) country: usize,
    pub(super) periods: Vec<Period<'r>>,
}

impl Rules {
    /// The rules of a country that make wedges in a year, as far as they are known by `policy_as_of`.
    pub fn active(&self, country: usize, year: i32, policy_as_of: Option<Date>) -> ActiveRules<'_> {
        let (first, last) = (Date::first_of(year), Date::last_of(year));
        let in_year: Vec<(usize, &Rule)> = self
            .of(country)
            .filter(|(_, rule)| rule.module() == Module::Wedge && rule.overlaps(first, last))
            .filter(|(_, rule)| policy_as_of.is_none_or(|as_of| rule.announced <= as_of))
            .collect();
        let mut cuts = vec![first, last.next()];
        for (_, rule) in &in_year {
            cuts.extend(
                [Some(rule.start), rule.end.map(Date::next)]
                    .into_iter()
                    .flatten()
                    .filter(|cut| (first..=last).contains(cut)),
            );
        }
        cuts.sort_unstable();
        cuts.dedup();
        let days = f64::from(last.next().days_since(first));
        let periods: Vec<Period> = cuts
            .windows(2)
            .map(|cut| {
                let in_force = in_year
                    .iter()
                    .filter(|(_, rule)| rule.overlaps(cut[0], cut[0]));
                let list: Vec<(usize, &Rule)> = in_force.copied().collect();
                Period {
                    weight: f64::from(cut[1].days_since(cut[0])) / days,
                    rules: self.compile(country, year, policy_as_of, &list),
                }
            })
            .collect();
        ActiveRules {
            rules: self,
            country,
            periods,
        }
    }

    fn compile<'r>(
        &'r self,
        country: usize,
        year: i32,
        policy_as_of: Option<Date>,
        list: &[(usize, &'r Rule)],
    ) -> Vec<Compiled<'r>> {
        let itemised: u16 = list
            .iter()
            .filter(|(_, rule)| replaces_support(rule))
            .fold(0, |mask, (_, rule)| mask | rule.powertrains);
        let mut families: Vec<&str> = Vec::new();
        list.iter()
            .filter(|(_, rule)| {
                !(rule.average && rule.instrument.is_support() && rule.powertrains & !itemised == 0)
            })
            .map(|&(position, rule)| {
                let family = match rule.instrument {
                    instrument if instrument.is_support() => rule.payer.as_str(),
                    _ => rule.scheme.as_str(),
                };
                let index = families
                    .iter()
                    .position(|known| *known == family)
                    .unwrap_or_else(|| {
                        families.push(family);
                        families.len() - 1
                    });
                let schemes = rule.tests.iter().filter_map(|test| match test {
                    Test::Signed(schemes, _) => Some(schemes),
                    _ => None,
                });
                let signed = schemes
                    .flatten()
                    .map(|scheme| {
                        let makers = self.signatories.iter().map(|row| row.maker.as_str());
                        let makers = makers.filter(|maker| {
                            self.signed(scheme, country, maker, year, policy_as_of)
                        });
                        (scheme.as_str(), makers.collect())
                    })
                    .collect();
                Compiled {
                    position,
                    rule,
                    value: match rule.unit {
                        Unit::PerVehicle(usd) => rule.value * usd,
                        _ => rule.value,
                    },
                    budget: self.budget_of(position),
                    family: index as u32,
                    signed,
                }
            })
            .collect()
    }
}

/// Does an itemised rule stand in place of average support of its powertrains?
fn replaces_support(rule: &Rule) -> bool {
    let tells_powertrains_apart = Powertrain::ALL
        .iter()
        .all(|f| !f.is_conventional() || rule.powertrains >> f.index() & 1 == 0);
    !rule.average && tells_powertrains_apart && rule.instrument != Instrument::AdditionalDuty
}

impl Compiled<'_> {
    /// Does the rule apply to an offer built in one country and sold in another?
    pub fn applies(&self, offer: &OfferTraits, built: usize, country: usize) -> bool {
        self.is_on_class(offer) && self.holds_for(offer) && self.applies_there(built, country)
    }

    /// Is it on the offer's segment and powertrain?
    pub fn is_on_class(&self, offer: &OfferTraits) -> bool {
        self.rule.segments >> offer.segment.index() & 1 == 1
            && self.rule.powertrains >> offer.powertrain.index() & 1 == 1
    }

    /// Does it look at more of an offer than its class and where it is built?
    pub fn is_particular(&self) -> bool {
        let mut tests = self.rule.tests.iter();
        tests.any(|test| !matches!(test, Test::Built(..)))
    }

    /// Do its conditions hold for the offer, where it is built aside?
    pub fn holds_for(&self, offer: &OfferTraits) -> bool {
        self.rule.tests.iter().all(|test| {
            holds(test, offer, |scheme| {
                self.signed
                    .iter()
                    .any(|(known, makers)| *known == scheme && makers.contains(&offer.maker))
            })
        })
    }

    /// Does it apply to what is built there, as far as that matters?
    pub fn applies_there(&self, built: usize, country: usize) -> bool {
        self.rule.built.hold(built, country)
            && self.rule.tests.iter().all(|test| match test {
                Test::Built(places, wanted) => places.hold(built, country) == *wanted,
                _ => true,
            })
    }

    /// Does what it is worth end at a cap or a floor in money?
    pub const fn has_limit(&self) -> bool {
        !self.rule.cap_usd.is_nan() || !self.rule.floor_usd.is_nan()
    }

    /// Does what it adds depend on more of an offer than that it applies?
    pub fn varies(&self) -> bool {
        self.has_limit() || self.rule.unit == Unit::ShareOfCombustionRate
    }

    pub const fn is(&self, instrument: Instrument) -> bool {
        self.rule.instrument as u8 == instrument as u8
    }
}

impl ActiveRules<'_> {
    /// The wedge on an offer. `funded` is the share of each budget's claims that is paid, by position in
    /// [`Rules::budgets`]; an empty list pays all.
    pub fn wedge(&self, offer: &OfferTraits, funded: &[f64]) -> Wedge {
        self.visit(offer, funded, |_| {})
    }

    /// The parts of the wedge, merged by rule, in order of position.
    pub fn parts(&self, offer: &OfferTraits, funded: &[f64]) -> Vec<Part> {
        self.wedge_and_parts(offer, funded).1
    }

    /// The wedge and its parts.
    pub fn wedge_and_parts(&self, offer: &OfferTraits, funded: &[f64]) -> (Wedge, Vec<Part>) {
        let mut parts: Vec<Part> = Vec::new();
        let wedge = self.visit(offer, funded, |part| {
            match parts.iter_mut().find(|known| known.rule == part.rule) {
                Some(known) => {
                    known.ad_valorem += part.ad_valorem;
                    known.specific_usd += part.specific_usd;
                }
                None => parts.push(part),
            }
        });
        parts.sort_by_key(|part| part.rule);
        (wedge, parts)
    }

    /// Duty and additional duties on a vehicle built in one country, as a share of the producer's price.
    pub fn duty(&self, offer: &OfferTraits, built: usize) -> f64 {
        let whole = [(built, 1.0)];
        let there = OfferTraits {
            built: &whole,
            ..*offer
        };
        self.wedge(&there, &[]).duty
    }

    /// The same without the other taxes, for vehicles whose price decides nothing.
    pub fn plain_duty(&self, offer: &OfferTraits, built: usize) -> f64 {
        let of = |period: &Period| {
            let one = Evaluation::new(self, period, offer, built, &[]);
            period.weight * one.duty()
        };
        self.periods.iter().map(of).sum()
    }

    fn ceilings(&self) -> impl Iterator<Item = f64> {
        self.periods
            .iter()
            .flat_map(|period| &period.rules)
            .flat_map(|compiled| &compiled.rule.tests)
            .filter_map(|test| match test {
                Test::Number(Number::Price, bounds) if bounds.high.is_finite() => Some(bounds.high),
                _ => None,
            })
    }

    /// Does a rule end at a list price?
    pub fn has_ceilings(&self) -> bool {
        self.ceilings().next().is_some()
    }

    /// The price ceiling nearest to the list price within a quarter of it, and what is lost above it.
    pub fn notch(&self, offer: &OfferTraits, funded: &[f64]) -> Option<Notch> {
        let list = offer.list_price_usd;
        let mut near: Vec<f64> = self
            .ceilings()
            .filter(|ceiling| (ceiling / list - 1.0).abs() < 0.25)
            .collect();
        near.sort_by(|a, b| (a - list).abs().total_cmp(&(b - list).abs()));
        near.into_iter().find_map(|ceiling_usd| {
            let below = self.wedge(
                &OfferTraits {
                    list_price_usd: ceiling_usd * (1.0 - 1e-9),
                    ..*offer
                },
                funded,
            );
            let above = self.wedge(
                &OfferTraits {
                    list_price_usd: ceiling_usd * (1.0 + 1e-9),
                    ..*offer
                },
                funded,
            );
            let producer = ceiling_usd / (1.0 + below.ad_valorem);
            let lost_usd = (above.ad_valorem - below.ad_valorem) * producer + above.specific_usd
                - below.specific_usd;
            (lost_usd > 1.0).then_some(Notch {
                ceiling_usd,
                lost_usd,
            })
        })
    }

    /// Evaluates every part of the year and every place where the offer is built, and hands over each part.
    fn visit(&self, offer: &OfferTraits, funded: &[f64], mut emit: impl FnMut(Part)) -> Wedge {
        let mut total = Wedge::default();
        for period in &self.periods {
            for &(built, share) in offer.built {
                let weight = period.weight * share;
                let one = Evaluation::new(self, period, offer, built, funded);
                let wedge = one.wedge(&mut |part| {
                    emit(Part {
                        ad_valorem: part.ad_valorem * weight,
                        specific_usd: part.specific_usd * weight,
                        ..part
                    });
                });
                total.add(&wedge, weight);
            }
        }
        total
    }
}
