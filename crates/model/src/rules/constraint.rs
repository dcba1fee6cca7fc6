//! Standards, mandates, bans and quotas as one object: `sum_j a_j q_j <= b`, a ceiling on its multiplier,
//! and the pool that keeps it together.

use super::{Date, Instrument, Module, OfferTraits, Places, Rule, Rules};
use crate::ids::Powertrain;

/// What a constraint asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Least share of some powertrains: `a = target - [counts]`, `b = 0`.
    SalesMandate,
    /// Highest mean test CO2: `a = g/km - target`, `b = 0`.
    Co2Standard,
    /// No sales of some powertrains: `a = [banned]`, `b = 0`.
    CombustionBan,
    /// Most vehicles of a scope: `a = [in scope]`, `b` vehicles a year.
    Quota,
}

/// Who keeps a constraint together. Credits are traded among makers, so that one multiplier holds for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Word that names it; the code of the country if alone.
    pub name: String,
    /// Positions of the countries.
    pub countries: Vec<usize>,
}

/// One constraint of a country and year.
#[derive(Debug, Clone, PartialEq)]
pub struct Constraint {
    /// What it asks.
    pub kind: Kind,
    /// Position of the rule in [`Rules::list`].
    pub rule: usize,
    /// Powertrains that fulfil a mandate or may go on under a ban; the scope of a quota. Bit by position.
    pub powertrains: u16,
    /// Where vehicles of a quota are built.
    pub built: Places,
    /// Share, or g/km.
    pub target: f64,
    /// Right-hand side: 0, or vehicles a year.
    pub bound: f64,
    /// Ceiling of the multiplier, USD 2023 per unit of the left-hand side; infinite where no fine buys off.
    pub fine_usd: f64,
    /// Who keeps it together.
    pub pool: Pool,
    country: usize,
}

impl Constraint {
    /// Left-hand side of one vehicle of an offer.
    pub fn coefficient(&self, offer: &OfferTraits) -> f64 {
        let among = self.powertrains >> offer.powertrain.index() & 1 == 1;
        let counts = f64::from(u8::from(among));
        match self.kind {
            Kind::SalesMandate => self.target - counts,
            Kind::Co2Standard => offer.co2_g_per_km - self.target,
            Kind::CombustionBan => 1.0 - counts,
            Kind::Quota => {
                let from = offer
                    .built
                    .iter()
                    .filter(|(built, _)| self.built.hold(*built, self.country));
                counts * from.map(|(_, share)| share).sum::<f64>()
            }
        }
    }
}

impl Rules {
    /// The constraints of a country in a year. Between the years that a standard names its value is
    /// interpolated; of two rules of one kind the stricter holds. Fines of a pool are its highest.
    pub fn constraints(
        &self,
        country: usize,
        year: i32,
        policy_as_of: Option<Date>,
    ) -> Vec<Constraint> {
        let known: Vec<(usize, &Rule)> = self
            .of(country)
            .filter(|(_, rule)| {
                rule.module() == Module::Constraint
                    && policy_as_of.is_none_or(|as_of| rule.announced <= as_of)
            })
            .collect();
        let mut found: Vec<Constraint> = Vec::new();
        for (index, (_, first)) in known.iter().enumerate() {
            let same =
                |rule: &Rule| rule.instrument == first.instrument && rule.scheme == first.scheme;
            if known[..index].iter().any(|(_, earlier)| same(earlier)) {
                continue;
            }
            let mut points: Vec<(usize, &Rule)> = known
                .iter()
                .filter(|(_, rule)| same(rule))
                .copied()
                .collect();
            points.sort_by_key(|(_, rule)| rule.start);
            let Some((position, rule, target)) = in_year(&points, year) else {
                continue;
            };
            let constraint = self.constraint(country, position, rule, target);
            match found
                .iter_mut()
                .find(|other| other.kind == constraint.kind && other.kind != Kind::Quota)
            {
                Some(other) if stricter(&constraint, other) => *other = constraint,
                Some(_) => {}
                None => found.push(constraint),
            }
        }
        found.retain(|constraint| constraint.fine_usd > 0.0);
        found.sort_by_key(|constraint| (constraint.kind, constraint.rule));
        found
    }

    fn constraint(&self, country: usize, position: usize, rule: &Rule, target: f64) -> Constraint {
        let clean = 1 << Powertrain::FuelCell.index();
        let (kind, powertrains) = match rule.instrument {
            Instrument::SalesMandate => (Kind::SalesMandate, rule.powertrains | clean),
            Instrument::Co2Standard => (Kind::Co2Standard, rule.powertrains),
            Instrument::IceBan => (
                Kind::CombustionBan,
                rule.powertrains | clean | 1 << Powertrain::BatteryElectric.index(),
            ),
            _ => (Kind::Quota, rule.powertrains),
        };
        let mut pool = Pool {
            name: self.codes[country].clone(),
            countries: vec![country],
        };
        let mut fine_usd = if kind == Kind::CombustionBan || rule.fine_usd.is_nan() {
            f64::INFINITY
        } else {
            rule.fine_usd
        };
        if !rule.pool.is_empty() {
            let members = self.list.iter().filter(|other| {
                other.pool == rule.pool
                    && other.instrument == rule.instrument
                    && other.reason.is_none()
            });
            let mut countries = Vec::new();
            for member in members {
                countries.extend_from_slice(&member.countries);
                fine_usd = fine_usd.max(member.fine_usd);
            }
            countries.sort_unstable();
            countries.dedup();
            pool = Pool {
                name: rule.pool.clone(),
                countries,
            };
        }
        Constraint {
            kind,
            rule: position,
            powertrains,
            built: rule.built.clone(),
            target,
            bound: if kind == Kind::Quota { rule.value } else { 0.0 },
            fine_usd,
            pool,
            country,
        }
    }
}

/// The point in force and the value in a year: none before the first point, the last after the last.
fn in_year<'r>(points: &[(usize, &'r Rule)], year: i32) -> Option<(usize, &'r Rule, f64)> {
    let day = Date::last_of(year);
    let after = points.partition_point(|(_, rule)| rule.start <= day);
    let &(position, rule) = points.get(after.checked_sub(1)?)?;
    if rule.end.is_some_and(|end| end < Date::first_of(year)) {
        return None;
    }
    let stepwise = matches!(rule.instrument, Instrument::IceBan | Instrument::DutyQuota);
    let value = match points.get(after) {
        Some((_, next)) if !stepwise => {
            let (from, to) = (rule.start.year(), next.start.year());
            rule.value
                + (next.value - rule.value) * f64::from(year - from) / f64::from((to - from).max(1))
        }
        _ => rule.value,
    };
    Some((position, rule, value))
}

fn stricter(a: &Constraint, b: &Constraint) -> bool {
    match a.kind {
        Kind::SalesMandate => a.target > b.target,
        _ => a.target < b.target,
    }
}
