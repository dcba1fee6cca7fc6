//! One offer from one place in one part of a year: layer by layer from the producer's price to the buyer's.

use super::active::{ActiveRules, Compiled, Part, Period, Wedge};
use super::bases::Base;
use super::{Instrument, OfferTraits, Unit};
use crate::ids::Powertrain;

/// A line in the producer's price: `k p_prod + s`.
#[derive(Clone, Copy, Default)]
pub(super) struct Line {
    pub k: f64,
    pub s: f64,
}

impl Line {
    fn plus(self, other: Self) -> Self {
        Self {
            k: self.k + other.k,
            s: self.s + other.s,
        }
    }

    fn times(self, factor: f64) -> Self {
        Self {
            k: self.k * factor,
            s: self.s * factor,
        }
    }

    fn at(self, price: f64) -> f64 {
        self.k * price + self.s
    }
}

/// One offer from one place in one part of a year.
pub(super) struct Evaluation<'a, 'r> {
    active: &'a ActiveRules<'r>,
    period: &'a Period<'r>,
    offer: &'a OfferTraits<'a>,
    built: usize,
    funded: &'a [f64],
    /// Rules of the period that hold for the offer, in their order.
    applied: Vec<&'a Compiled<'r>>,
}

impl<'a, 'r> Evaluation<'a, 'r> {
    /// Finds the rules that hold.
    pub fn new(
        active: &'a ActiveRules<'r>,
        period: &'a Period<'r>,
        offer: &'a OfferTraits<'a>,
        built: usize,
        funded: &'a [f64],
    ) -> Self {
        let applies = |rule: &&Compiled| rule.applies(offer, built, active.country);
        Self {
            active,
            period,
            offer,
            built,
            funded,
            applied: period.rules.iter().filter(applies).collect(),
        }
    }

    fn applying(&self, instrument: Instrument) -> impl Iterator<Item = &'a Compiled<'r>> {
        let applied = self.applied.iter().copied();
        applied.filter(move |rule| rule.is(instrument))
    }

    /// What the budget of a rule pays of it.
    fn paid(&self, rule: &Compiled) -> f64 {
        rule.budget
            .and_then(|budget| self.funded.get(budget))
            .copied()
            .unwrap_or(1.0)
    }

    /// The wedge on a vehicle, each part of it handed over.
    pub fn wedge(&self, emit: &mut dyn FnMut(Part)) -> Wedge {
        let limited = self.applied.iter().any(|rule| rule.has_limit());
        let producer = if limited {
            self.producer_price()
        } else {
            f64::NAN
        };
        let mut duty = 0.0;
        let (line, compliance) = self.run(producer, &mut |part| {
            if part.instrument.is_duty() {
                duty += part.ad_valorem;
            }
            emit(part);
        });
        Wedge {
            ad_valorem: line.k - 1.0,
            specific_usd: line.s,
            duty,
            compliance,
        }
    }

    /// Producer's price behind last year's list price (with taxes, before sums a vehicle), for caps and floors in money.
    fn producer_price(&self) -> f64 {
        let (line, _) = self.run(f64::NAN, &mut |_| {});
        self.offer.list_price_usd / line.k
    }

    /// The consumer price as a line in the producer's price, and the cost of proving origin.
    fn run(&self, producer: f64, emit: &mut dyn FnMut(Part)) -> (Line, f64) {
        let bases = &self.active.rules.bases[self.active.country];
        let mut paid = Line { k: 1.0, s: 0.0 };
        let (mut duty_paid, mut before_vat, mut compliance) = (paid, paid, 0.0);
        for layer in &bases.layers {
            let base = match layer.base {
                Base::ProducerPrice => Line { k: 1.0, s: 0.0 },
                Base::DutyPaid => duty_paid,
                Base::BeforeVat => before_vat,
                Base::Accumulated | Base::Gross => paid,
            };
            if layer.tax == Instrument::Vat {
                before_vat = paid;
            }
            let base = base.times(layer.share);
            let mut charge = |rule: &Compiled, line: Line| {
                paid = paid.plus(line);
                emit(Part {
                    rule: rule.position,
                    instrument: rule.rule.instrument,
                    ad_valorem: line.k,
                    specific_usd: line.s,
                    base: layer.base,
                });
            };
            if layer.tax == Instrument::ImportDuty {
                compliance = self.duties(base, bases.origin_compliance, producer, &mut charge);
                duty_paid = paid;
            } else {
                self.tax(
                    layer.tax,
                    layer.base == Base::Gross,
                    base,
                    producer,
                    &mut charge,
                );
            }
        }
        self.support(&mut |rule, line| {
            paid = paid.plus(line);
            emit(Part {
                rule: rule.position,
                instrument: rule.rule.instrument,
                ad_valorem: line.k,
                specific_usd: line.s,
                base: Base::Accumulated,
            });
        });
        (paid, compliance)
    }

    /// Duty and additional duties in parts of the producer's price.
    pub fn duty(&self) -> f64 {
        let proof = self.active.rules.bases[self.active.country].origin_compliance;
        let mut sum = 0.0;
        let whole = Line { k: 1.0, s: 0.0 };
        self.duties(whole, proof, f64::NAN, &mut |_, line| sum += line.k);
        sum
    }

    /// Least duty over the regimes open, less cuts; additional duties on top.
    fn duties(
        &self,
        base: Line,
        proof: f64,
        producer: f64,
        charge: &mut dyn FnMut(&Compiled<'r>, Line),
    ) -> f64 {
        if self.built == self.active.country {
            return 0.0;
        }
        let cut: f64 = self
            .applying(Instrument::ImportDutyCut)
            .map(|rule| rule.value)
            .sum();
        let mut best: Option<(f64, &Compiled<'r>, f64)> = None;
        for candidate in self.applying(Instrument::ImportDuty) {
            let itemised =
                |other: &&Compiled| !other.rule.average && other.family == candidate.family;
            if candidate.rule.average
                && self
                    .applying(Instrument::ImportDuty)
                    .any(|other| itemised(&other))
            {
                continue;
            }
            // Most-favoured-nation duty asks for no proof of origin.
            let compliance = if candidate.rule.scheme == "MFN" {
                0.0
            } else {
                proof
            };
            let cost = (candidate.value - cut).max(0.0) * base.k + compliance;
            if best.is_none_or(|(least, _, _)| cost < least) {
                best = Some((cost, candidate, compliance));
            }
        }
        let mut compliance = 0.0;
        if let Some((_, regime, proof)) = best {
            compliance = proof;
            charge(regime, base.times(regime.value));
            let taken = cut.min(regime.value);
            if taken > 0.0 {
                for rule in self.applying(Instrument::ImportDutyCut) {
                    charge(rule, base.times(-taken * rule.value / cut));
                }
            }
        }
        for rule in self.applying(Instrument::AdditionalDuty) {
            let greater = |other: &&Compiled| {
                other.family == rule.family
                    && (other.value > rule.value
                        || (other.value == rule.value && other.position < rule.position))
            };
            if self
                .applying(Instrument::AdditionalDuty)
                .any(|other| greater(&other))
            {
                continue;
            }
            let line = match rule.rule.unit {
                Unit::PerVehicle(_) => Line {
                    k: 0.0,
                    s: rule.value,
                },
                _ => base.times(rule.value),
            };
            let floor = rule.rule.floor_usd;
            charge(
                rule,
                if line.at(producer) < floor {
                    Line { k: 0.0, s: floor }
                } else {
                    line
                },
            );
        }
        compliance
    }

    /// Least rate of a tax with its reliefs, taxes on it, and sums a vehicle.
    fn tax(
        &self,
        tax: Instrument,
        gross: bool,
        base: Line,
        producer: f64,
        charge: &mut dyn FnMut(&Compiled<'r>, Line),
    ) {
        let least = self.least_rate(tax);
        let rate = least.map_or(0.0, |(_, rate)| rate);
        let points: f64 = self
            .applying(tax)
            .filter(|rule| rule.rule.unit == Unit::Points)
            .map(|rule| rule.value * self.paid(rule))
            .sum();
        let total = (rate + points).max(0.0);
        // Reliefs that would make the tax negative are worth no more than the tax.
        let scale = if points == 0.0 {
            0.0
        } else {
            (total - rate) / points
        };
        let local: f64 = if tax == Instrument::Excise {
            self.applying(Instrument::InteriorTax)
                .map(|rule| rule.value)
                .sum()
        } else {
            0.0
        };
        let base = if gross {
            base.times(1.0 / (1.0 - (total * (1.0 + local)).min(0.95)))
        } else {
            base
        };
        if let Some((rule, rate)) = least {
            charge(rule, base.times(rate));
        }
        for rule in self
            .applying(tax)
            .filter(|rule| rule.rule.unit == Unit::Points)
        {
            let line = base.times(rule.value * self.paid(rule) * scale);
            let cap = rule.rule.cap_usd;
            charge(
                rule,
                if -line.at(producer) > cap {
                    Line { k: 0.0, s: -cap }
                } else {
                    line
                },
            );
        }
        if local > 0.0 {
            for rule in self.applying(Instrument::InteriorTax) {
                charge(rule, base.times(total * rule.value));
            }
        }
        for rule in self.applying(tax) {
            if matches!(rule.rule.unit, Unit::PerVehicle(_)) {
                charge(
                    rule,
                    Line {
                        k: 0.0,
                        s: rule.value,
                    },
                );
            }
        }
    }

    /// The rule whose rate is paid, and the rate. An average holds excise and registration tax together,
    /// so that either, itemised, replaces it.
    fn least_rate(&self, tax: Instrument) -> Option<(&Compiled<'r>, f64)> {
        let mut best: Option<(&Compiled<'r>, f64)> = None;
        let mut itemised = tax == Instrument::Excise
            && self
                .applying(Instrument::RegistrationTax)
                .any(|rule| rule.rule.unit == Unit::AdValorem);
        for rule in self.applying(tax) {
            let rate = match rule.rule.unit {
                Unit::AdValorem => rule.value,
                Unit::ShareOfCombustionRate => {
                    let engine = OfferTraits {
                        powertrain: Powertrain::Gasoline,
                        ..*self.offer
                    };
                    let twin =
                        Evaluation::new(self.active, self.period, &engine, self.built, self.funded);
                    rule.value * twin.least_rate(tax).map_or(0.0, |(_, rate)| rate)
                }
                _ => continue,
            };
            if rule.rule.average && itemised {
                continue;
            }
            let replaced = best.is_some_and(|(known, _)| known.rule.average) && !rule.rule.average;
            itemised |= !rule.rule.average;
            if replaced || best.is_none_or(|(_, least)| rate < least) {
                best = Some((rule, rate));
            }
        }
        best
    }

    /// Support: of each payer the greatest; what a budget pays of it.
    fn support(&self, charge: &mut dyn FnMut(&Compiled<'r>, Line)) {
        let applied = self.applied.iter().copied();
        for rule in applied.filter(|rule| rule.rule.instrument.is_support()) {
            let greater = |other: &Compiled| {
                other.rule.instrument == rule.rule.instrument
                    && other.family == rule.family
                    && (other.value > rule.value
                        || (other.value == rule.value && other.position < rule.position))
            };
            if self.applied.iter().any(|other| greater(other)) {
                continue;
            }
            charge(
                rule,
                Line {
                    k: 0.0,
                    s: -rule.value * self.paid(rule),
                },
            );
        }
    }
}
