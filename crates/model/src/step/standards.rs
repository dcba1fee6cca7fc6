//! Standards, mandates and bans, and the pace at which new powertrains can be supplied.
//!
//! A standard is a constraint on the mean of an attribute over sales, `sum_f a_f s_f <= b`. Its multiplier, a
//! feebate in dollars per unit of the attribute, is found together with the shares and never exceeds the
//! fine (model.md section 6). A ban takes the offers away. What makers can supply bounds the yearly gain of
//! the plug-in share in log-odds; the multiplier of that bound is the rent of scarce supply.

use super::market::{Incomes, Market, Shares, Tastes, Tilt};
use crate::ids::{POWERTRAINS, Powertrain};
use crate::world::{Standard, StandardKind, World};

/// What the rules of a country ask in a year.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Highest mean test CO2 and the fine per gram and vehicle.
    pub co2: Option<(f64, f64)>,
    /// Least share, the fine per vehicle short, and whether plug-in hybrids count.
    pub mandate: Option<(f64, f64, bool)>,
    /// Combustion taken away; true where hybrids may go on.
    pub ban: Option<bool>,
}

/// What the multipliers came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Multipliers {
    /// USD per g/km and vehicle.
    pub co2_usd_per_gram: f64,
    /// USD per vehicle of the share asked.
    pub mandate_usd: f64,
    /// USD per plug-in vehicle by which scarce supply holds the share back.
    pub scarcity_usd: f64,
}

/// Reads the rules of a country for a year; values between the points of a rule are interpolated.
pub fn asked(world: &World, country: usize, year: i32, policy_as_of: Option<i32>) -> Asked {
    // Standards are sorted by country.
    let first = world
        .standards
        .partition_point(|rule| rule.country < country);
    let rules: Vec<&Standard> = world.standards[first..]
        .iter()
        .take_while(|rule| rule.country == country)
        .filter(|rule| policy_as_of.is_none_or(|as_of| rule.announced <= as_of))
        .collect();
    let mut asked = Asked::default();
    let mut start = 0;
    while start < rules.len() {
        let same =
            |rule: &&&Standard| rule.rule == rules[start].rule && rule.kind == rules[start].kind;
        let end = start + rules[start..].iter().take_while(same).count();
        if let Some(value) = value_in(&rules[start..end], year) {
            let rule = rules[start];
            match rule.kind {
                // The stricter of two rules in force binds.
                StandardKind::Co2Standard if asked.co2.is_none_or(|(other, _)| value < other) => {
                    asked.co2 = Some((value, rule.fine_usd));
                }
                StandardKind::SalesMandate
                    if asked.mandate.is_none_or(|(other, _, _)| value > other) =>
                {
                    asked.mandate = Some((value, rule.fine_usd, rule.counts_plug_in_hybrids));
                }
                StandardKind::CombustionBan if value > 0.0 => {
                    asked.ban = Some(rule.counts_plug_in_hybrids);
                }
                _ => {}
            }
        }
        start = end;
    }
    asked
}

/// Value of a rule in a year: none before its first point, the last after its last.
fn value_in(points: &[&Standard], year: i32) -> Option<f64> {
    let after = points.partition_point(|point| point.year <= year);
    let before = points.get(after.checked_sub(1)?)?;
    Some(match points.get(after) {
        Some(next) if before.kind != StandardKind::CombustionBan => {
            before.value
                + (next.value - before.value) * f64::from(year - before.year)
                    / f64::from(next.year - before.year)
        }
        _ => before.value,
    })
}

/// Everything that shapes shares beside appeal and cost.
pub struct Constraint<'a> {
    /// What the rules ask.
    pub asked: Asked,
    /// Test CO2 by powertrain, g/km.
    pub co2_g_per_km: [f64; POWERTRAINS],
    /// Plug-in share of last year.
    pub last_plug_in_share: f64,
    /// Largest gain of the plug-in share in log-odds.
    pub pace_limit: f64,
    /// Tastes.
    pub tastes: &'a Tastes,
    /// Incomes.
    pub incomes: &'a Incomes,
}

/// Plug-in share.
pub fn plug_in(shares: &[f64; POWERTRAINS]) -> f64 {
    shares[Powertrain::PlugInHybrid.index()] + shares[Powertrain::BatteryElectric.index()]
}

impl Constraint<'_> {
    /// Shares that keep the rules as far as their fines reach, and the pace of supply.
    pub fn solve(&self, market: &Market, demand: f64) -> (Shares, Tilt, Multipliers) {
        let mut tilt: Tilt = [0.0; POWERTRAINS];
        let mut multipliers = Multipliers::default();
        if let Some(hybrids_stay) = self.asked.ban {
            let gone = |f: Powertrain| {
                f.is_conventional()
                    || (!hybrids_stay && matches!(f, Powertrain::Hybrid | Powertrain::PlugInHybrid))
            };
            for &f in Powertrain::ALL {
                if gone(f) {
                    tilt[f.index()] = f64::INFINITY;
                }
            }
        }
        let mut shares = market.shares(self.tastes, self.incomes, &tilt, demand);
        if shares.by_powertrain.iter().any(|share| !share.is_finite()) {
            // A ban where nothing else is on sale would close the market: it is left open.
            tilt = [0.0; POWERTRAINS];
            shares = market.shares(self.tastes, self.incomes, &tilt, demand);
        }
        if let Some((target, fine)) = self.asked.co2 {
            let attribute = self.co2_g_per_km.map(|grams| grams - target);
            multipliers.co2_usd_per_gram =
                self.bind(market, demand, &mut tilt, &mut shares, &attribute, fine);
        }
        if let Some((target, fine, hybrids_count)) = self.asked.mandate {
            let mut attribute = [target; POWERTRAINS];
            for &f in Powertrain::ALL {
                if matches!(f, Powertrain::BatteryElectric | Powertrain::FuelCell)
                    || (hybrids_count && f == Powertrain::PlugInHybrid)
                {
                    attribute[f.index()] = target - 1.0;
                }
            }
            multipliers.mandate_usd =
                self.bind(market, demand, &mut tilt, &mut shares, &attribute, fine);
        }
        multipliers.scarcity_usd = self.keep_pace(market, demand, &mut tilt, &mut shares);
        (shares, tilt, multipliers)
    }

    /// Least multiplier in `0..=ceiling` at which the mean of the attribute is not above zero.
    fn bind(
        &self,
        market: &Market,
        demand: f64,
        tilt: &mut Tilt,
        shares: &mut Shares,
        attribute: &[f64; POWERTRAINS],
        ceiling: f64,
    ) -> f64 {
        let mean = |shares: &Shares| -> f64 {
            shares
                .by_powertrain
                .iter()
                .zip(attribute)
                .map(|(share, a)| share * a)
                .sum()
        };
        if ceiling.is_nan() || ceiling <= 0.0 || mean(shares) <= 0.0 {
            return 0.0;
        }
        let before = *tilt;
        let tilted = |multiplier: f64| -> Tilt {
            std::array::from_fn(|f| before[f] + multiplier * attribute[f])
        };
        let at =
            |multiplier: f64| market.shares(self.tastes, self.incomes, &tilted(multiplier), demand);
        let multiplier = root(0.0, ceiling, mean(shares), |multiplier| {
            mean(&at(multiplier))
        });
        *tilt = tilted(multiplier);
        *shares = at(multiplier);
        multiplier
    }

    /// Holds the plug-in share back to what can be supplied.
    fn keep_pace(&self, market: &Market, demand: f64, tilt: &mut Tilt, shares: &mut Shares) -> f64 {
        let last = self.last_plug_in_share.clamp(1e-6, 1.0 - 1e-6);
        let bound = 1.0 / (1.0 + (-((last / (1.0 - last)).ln() + self.pace_limit)).exp());
        let excess = |shares: &Shares| plug_in(&shares.by_powertrain) - bound;
        if excess(shares) <= 0.0 {
            return 0.0;
        }
        let before = *tilt;
        let tilted = |usd: f64| -> Tilt {
            std::array::from_fn(|f| {
                let back = if Powertrain::ALL[f].is_plug_in() {
                    usd
                } else {
                    0.0
                };
                // A ban cannot bite before there is something to buy instead.
                if before[f].is_infinite() {
                    3.0e4 - usd.min(3.0e4)
                } else {
                    before[f] + back
                }
            })
        };
        let at = |usd: f64| market.shares(self.tastes, self.incomes, &tilted(usd), demand);
        let usd = root(0.0, 2.0e5, excess(shares), |usd| excess(&at(usd)));
        *tilt = tilted(usd);
        *shares = at(usd);
        usd
    }
}

/// Root of a falling function that is positive at `low`; `high` if it is positive there too (Illinois method).
fn root(low: f64, high: f64, at_low: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut a, mut fa) = (low, at_low);
    let (mut b, mut fb) = (high, f(high));
    if fb > 0.0 {
        return high;
    }
    let mut side = 0;
    for _ in 0..80 {
        let x = if (fa - fb).abs() > 0.0 {
            (fa * b - fb * a) / (fa - fb)
        } else {
            f64::midpoint(a, b)
        };
        // Far from the root the function is exponential, where halving beats the secant.
        let x = if x - a < 1e-3 * (b - a) || b - x < 1e-3 * (b - a) {
            f64::midpoint(a, b)
        } else {
            x
        };
        let fx = f(x);
        if fx.abs() < 1e-13 || (b - a).abs() < 1e-9 * (1.0 + b.abs()) {
            return x;
        }
        if fx > 0.0 {
            (a, fa) = (x, fx);
            if side == 1 {
                fb *= 0.5;
            }
            side = 1;
        } else {
            (b, fb) = (x, fx);
            if side == -1 {
                fa *= 0.5;
            }
            side = -1;
        }
    }
    b
}
