//! Standards, mandates and bans, and the pace at which new powertrains can be supplied.
//!
//! A standard is a constraint on the mean of an attribute over sales, `sum_f a_f s_f <= b`. Its multiplier, a
//! feebate in dollars per unit of the attribute, is found together with the shares and never exceeds the
//! fine (model.md section 6). A ban takes the offers away. What makers can supply bounds the yearly gain of
//! the plug-in share in log-odds; the multiplier of that bound is the rent of scarce supply.

use kyoso_demand::classes::{ClassMarket, Scratch, Shares, Size, Weights};

use super::market::CLASSES;
use crate::ids::{POWERTRAINS, Powertrain};
use crate::rules::{Date, Kind, Rules};

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

/// A fine that nothing else bounds, in dollars: per g/km and vehicle, and per vehicle.
const HIGHEST_FINE: (f64, f64) = (2.0e3, 2.0e5);

/// What the rules of a country ask in a year.
pub fn asked(rules: &Rules, country: usize, year: i32, policy_as_of: Option<i32>) -> Asked {
    let mut asked = Asked::default();
    let plug_in_hybrids = 1 << Powertrain::PlugInHybrid.index();
    for of in rules.constraints(country, year, policy_as_of.map(Date::last_of)) {
        match of.kind {
            Kind::Co2Standard => asked.co2 = Some((of.target, of.fine_usd.min(HIGHEST_FINE.0))),
            Kind::SalesMandate => {
                let counted = of.powertrains & plug_in_hybrids != 0;
                asked.mandate = Some((of.target, of.fine_usd.min(HIGHEST_FINE.1), counted));
            }
            Kind::CombustionBan if of.target > 0.0 => {
                asked.ban = Some(of.powertrains & plug_in_hybrids != 0);
            }
            // Duty quotas are part of the wedge.
            Kind::CombustionBan | Kind::Quota => {}
        }
    }
    asked
}

/// Tilt of each class in dollars: what a standard's multiplier adds to its cost; infinite takes it away.
pub type Tilt = Vec<f64>;

/// Everything that shapes shares beside appeal and cost.
pub struct Constraint {
    /// What the rules ask.
    pub asked: Asked,
    /// Test CO2 by powertrain, g/km.
    pub co2_g_per_km: [f64; POWERTRAINS],
    /// Plug-in share of last year.
    pub last_plug_in_share: f64,
    /// Largest gain of the plug-in share in log-odds.
    pub pace_limit: f64,
    /// What sets the size of the market.
    pub size: Size,
}

/// Plug-in share.
pub fn plug_in(shares: &[f64; POWERTRAINS]) -> f64 {
    shares[Powertrain::PlugInHybrid.index()] + shares[Powertrain::BatteryElectric.index()]
}

/// Shares of powertrains in sales.
fn by_powertrain(shares: &Shares) -> [f64; POWERTRAINS] {
    let mut sums = [0.0; POWERTRAINS];
    for (class, share) in shares.by_class.iter().enumerate() {
        sums[class % POWERTRAINS] += share / shares.bought;
    }
    sums
}

/// A market at given prices, to be asked for its shares under tilts.
struct Trial<'a, 'b> {
    market: &'a ClassMarket<'b>,
    weights: &'a Weights,
    size: Size,
    scratch: &'a mut Scratch,
    shares: &'a mut Shares,
}

impl Trial<'_, '_> {
    fn at(&mut self, tilt: &[f64; POWERTRAINS]) -> [f64; POWERTRAINS] {
        let by_class: Vec<f64> = (0..CLASSES)
            .map(|class| tilt[class % POWERTRAINS])
            .collect();
        self.market.class_shares(
            self.weights,
            &by_class,
            self.size,
            self.scratch,
            self.shares,
        );
        by_powertrain(self.shares)
    }
}

impl Constraint {
    /// True where no rule and no pace of supply can bind at any shares.
    fn asks_nothing(&self) -> bool {
        self.asked.co2.is_none() && self.asked.mandate.is_none() && self.asked.ban.is_none()
    }

    /// What keeps the rules as far as their fines reach, and the pace of supply, at given prices; `last` are the multipliers of the
    /// pass before, from which the search starts.
    pub fn tilt(
        &self,
        market: &ClassMarket,
        weights: &Weights,
        scratch: &mut Scratch,
        shares: &mut Shares,
        last: &mut Multipliers,
    ) -> Tilt {
        let mut trial = Trial {
            market,
            weights,
            size: self.size,
            scratch,
            shares,
        };
        let mut tilt = [0.0; POWERTRAINS];
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
        let mut sold = trial.at(&tilt);
        if sold.iter().any(|share| !share.is_finite()) {
            // A ban where nothing else is on sale would close the market: it is left open.
            tilt = [0.0; POWERTRAINS];
            sold = trial.at(&tilt);
        }
        if self.asks_nothing() && !self.outruns(&sold) {
            *last = Multipliers::default();
            return Vec::new();
        }
        if let Some((target, fine)) = self.asked.co2 {
            let attribute = self.co2_g_per_km.map(|grams| grams - target);
            bind(
                &mut trial,
                &mut tilt,
                &mut sold,
                &attribute,
                fine,
                &mut last.co2_usd_per_gram,
            );
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
            bind(
                &mut trial,
                &mut tilt,
                &mut sold,
                &attribute,
                fine,
                &mut last.mandate_usd,
            );
        }
        self.keep_pace(&mut trial, &mut tilt, &sold, &mut last.scarcity_usd);
        if tilt.iter().all(|usd| *usd == 0.0) {
            return Vec::new();
        }
        (0..CLASSES)
            .map(|class| tilt[class % POWERTRAINS])
            .collect()
    }

    /// Highest plug-in share that can be supplied.
    fn supply_bound(&self) -> f64 {
        let last = self.last_plug_in_share.clamp(1e-6, 1.0 - 1e-6);
        1.0 / (1.0 + (-((last / (1.0 - last)).ln() + self.pace_limit)).exp())
    }

    fn outruns(&self, sold: &[f64; POWERTRAINS]) -> bool {
        plug_in(sold) > self.supply_bound()
    }

    /// Holds the plug-in share back to what can be supplied.
    fn keep_pace(
        &self,
        trial: &mut Trial,
        tilt: &mut [f64; POWERTRAINS],
        sold: &[f64; POWERTRAINS],
        scarcity_usd: &mut f64,
    ) {
        let bound = self.supply_bound();
        let excess = plug_in(sold) - bound;
        if excess <= 0.0 {
            *scarcity_usd = 0.0;
            return;
        }
        let before = *tilt;
        let tilted = |usd: f64| -> [f64; POWERTRAINS] {
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
        *scarcity_usd = root(2.0e5, excess, *scarcity_usd, |usd| {
            plug_in(&trial.at(&tilted(usd))) - bound
        });
        *tilt = tilted(*scarcity_usd);
    }
}

/// Least multiplier in `0..=ceiling` at which the mean of the attribute is not above zero.
fn bind(
    trial: &mut Trial,
    tilt: &mut [f64; POWERTRAINS],
    sold: &mut [f64; POWERTRAINS],
    attribute: &[f64; POWERTRAINS],
    ceiling: f64,
    multiplier: &mut f64,
) {
    let mean = |sold: &[f64; POWERTRAINS]| -> f64 {
        sold.iter().zip(attribute).map(|(share, a)| share * a).sum()
    };
    if ceiling.is_nan() || ceiling <= 0.0 || mean(sold) <= 0.0 {
        *multiplier = 0.0;
        return;
    }
    let before = *tilt;
    let tilted = |usd: f64| -> [f64; POWERTRAINS] {
        std::array::from_fn(|f| before[f] + usd * attribute[f])
    };
    *multiplier = root(ceiling, mean(sold), *multiplier, |usd| {
        mean(&trial.at(&tilted(usd)))
    });
    *tilt = tilted(*multiplier);
    *sold = trial.at(tilt);
}

/// Root in `0..=high` of a falling function that is positive at 0; `high` if it is positive there too. A good `guess` makes it two or
/// three evaluations (secant inside a bracket, with the Illinois weight).
fn root(high: f64, at_zero: f64, guess: f64, mut f: impl FnMut(f64) -> f64) -> f64 {
    let (mut a, mut fa) = (0.0, at_zero);
    let (mut b, mut fb) = (high, f64::NAN);
    let mut x = if guess > 0.0 && guess < high {
        guess
    } else {
        high
    };
    let mut side = 0;
    for _ in 0..80 {
        let fx = f(x);
        if fx.abs() < 1e-13 || (x >= high && fx > 0.0) {
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
        if (b - a).abs() < 1e-13 * (1.0 + b.abs()) {
            return f64::midpoint(a, b);
        }
        x = if fb.is_nan() {
            // Nothing is known above: a little further than a straight line from zero would say, else the end.
            let line = a + 1.2 * (a * fa / (at_zero - fa)).abs().max(1e-3 * a);
            if line < 0.5 * high { line } else { high }
        } else {
            let secant = (fa * b - fb * a) / (fa - fb);
            // Far from the root the function is exponential, where halving beats the secant.
            let margin = 1e-3 * (b - a);
            if secant.is_finite() && secant - a > 1e-3 * margin && b - secant > 1e-3 * margin {
                secant
            } else {
                f64::midpoint(a, b)
            }
        };
    }
    x
}
