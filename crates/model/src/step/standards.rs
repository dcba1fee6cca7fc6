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

/// Where the search for a multiplier stands: its value, and by how much its condition falls with a dollar of it (not known at first).
#[derive(Debug, Clone, Copy)]
struct Guess {
    usd: f64,
    slope: f64,
}

/// The search for the multipliers of a market, from one pass over its prices to the next.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    co2: Guess,
    mandate: Guess,
    scarcity: Guess,
}

impl From<Multipliers> for Search {
    fn from(of: Multipliers) -> Self {
        let [co2, mandate, scarcity] =
            [of.co2_usd_per_gram, of.mandate_usd, of.scarcity_usd].map(|usd| Guess {
                usd,
                slope: f64::NAN,
            });
        Self {
            co2,
            mandate,
            scarcity,
        }
    }
}

impl Search {
    /// What was found.
    pub fn found(&self) -> Multipliers {
        Multipliers {
            co2_usd_per_gram: self.co2.usd,
            mandate_usd: self.mandate.usd,
            scarcity_usd: self.scarcity.usd,
        }
    }
}

/// How near to zero a condition is brought, over the greatest that it can be, at the finest.
const FINEST: f64 = 1e-13;
/// How near it is brought in a pass, over the largest relative change of a price in the pass before.
const FINENESS: f64 = 1e-3;
/// How near at the coarsest: in the first pass.
const COARSEST: f64 = 1e-5;

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
pub struct Trial<'a, 'b> {
    market: &'a ClassMarket<'b>,
    weights: &'a Weights,
    size: Size,
    scratch: &'a mut Scratch,
    shares: &'a mut Shares,
}

impl<'a, 'b> Trial<'a, 'b> {
    /// At the prices behind the weights.
    pub fn new(
        market: &'a ClassMarket<'b>,
        weights: &'a Weights,
        size: Size,
        scratch: &'a mut Scratch,
        shares: &'a mut Shares,
    ) -> Self {
        Self {
            market,
            weights,
            size,
            scratch,
            shares,
        }
    }

    fn at(&mut self, tilt: &[f64; POWERTRAINS]) -> [f64; POWERTRAINS] {
        let by_class: [f64; CLASSES] = std::array::from_fn(|class| tilt[class % POWERTRAINS]);
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
    /// What keeps the rules as far as their fines reach, and the pace of supply, at given prices: what each class's cost is raised by in
    /// dollars, infinite for what is banned, empty where nothing binds. The trial is left at it.
    ///
    /// The search starts where that of the pass before ended; `change` is the largest relative change of a price in that pass.
    pub fn tilt(&self, mut trial: Trial, change: f64, search: &mut Search) -> Vec<f64> {
        let fineness = (FINENESS * change).clamp(FINEST, COARSEST);
        let trial = &mut trial;
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
        // Shares at the tilt so far, where they are known.
        let mut sold = None;
        if self.asked.ban.is_some() {
            let left = trial.at(&tilt);
            if left.iter().all(|share| share.is_finite()) {
                sold = Some(left);
            } else {
                // A ban where nothing else is on sale would close the market: it is left open.
                tilt = [0.0; POWERTRAINS];
            }
        }
        if let Some((target, fine)) = self.asked.co2 {
            let attribute = self.co2_g_per_km.map(|grams| grams - target);
            bind(
                trial,
                &mut tilt,
                &mut sold,
                &attribute,
                (fine, fineness),
                &mut search.co2,
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
                trial,
                &mut tilt,
                &mut sold,
                &attribute,
                (fine, fineness),
                &mut search.mandate,
            );
        }
        self.keep_pace(trial, &mut tilt, sold, fineness, &mut search.scarcity);
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

    /// Holds the plug-in share back to what can be supplied.
    fn keep_pace(
        &self,
        trial: &mut Trial,
        tilt: &mut [f64; POWERTRAINS],
        sold: Option<[f64; POWERTRAINS]>,
        fineness: f64,
        scarcity: &mut Guess,
    ) {
        let bound = self.supply_bound();
        let excess = sold.map(|sold| plug_in(&sold) - bound);
        let before = *tilt;
        let tilted = |usd: f64| -> [f64; POWERTRAINS] {
            std::array::from_fn(|f| {
                let back = if Powertrain::ALL[f].is_plug_in() {
                    usd
                } else {
                    0.0
                };
                // A ban cannot bite before there is something to buy instead.
                if before[f].is_infinite() && usd > 0.0 {
                    3.0e4 - usd.min(3.0e4)
                } else {
                    before[f] + back
                }
            })
        };
        find(scarcity, 2.0e5, excess, fineness, |usd| {
            plug_in(&trial.at(&tilted(usd))) - bound
        });
        *tilt = tilted(scarcity.usd);
    }
}

/// Least multiplier in `0..=ceiling` at which the mean of the attribute is not above zero.
fn bind(
    trial: &mut Trial,
    tilt: &mut [f64; POWERTRAINS],
    sold: &mut Option<[f64; POWERTRAINS]>,
    attribute: &[f64; POWERTRAINS],
    (ceiling, fineness): (f64, f64),
    multiplier: &mut Guess,
) {
    if ceiling.is_nan() || ceiling <= 0.0 {
        multiplier.usd = 0.0;
        return;
    }
    let mean = |sold: &[f64; POWERTRAINS]| -> f64 {
        sold.iter().zip(attribute).map(|(share, a)| share * a).sum()
    };
    let before = *tilt;
    let tilted = |usd: f64| -> [f64; POWERTRAINS] {
        std::array::from_fn(|f| before[f] + usd * attribute[f])
    };
    let free = sold.as_ref().map(mean);
    let scale = attribute
        .iter()
        .fold(0.0, |most, a| f64::max(most, a.abs()));
    find(multiplier, ceiling, free, fineness * scale, |usd| {
        mean(sold.insert(trial.at(&tilted(usd))))
    });
    *tilt = tilted(multiplier.usd);
}

/// Evaluations after which the bracket is halved every other time.
const PATIENCE: usize = 8;

/// Root in `0..=high` of a falling function, to `fineness`; 0 where it is not positive there, `high` where it is positive even there.
/// What was evaluated last is the root, where `at_zero` does not tell at once that it is 0.
///
/// Secant inside a bracket, its first step by the slope that the search knows: near a known root one or two evaluations.
fn find(
    root: &mut Guess,
    high: f64,
    at_zero: Option<f64>,
    fineness: f64,
    mut f: impl FnMut(f64) -> f64,
) {
    if at_zero.is_some_and(|value| value <= 0.0) {
        root.usd = 0.0;
        return;
    }
    let first_step = 0.1 * high;
    let (mut low, mut top, mut known_above) = (0.0, high, false);
    let mut x = match at_zero {
        _ if root.usd > 0.0 && root.usd < high => root.usd,
        Some(_) => first_step,
        None => 0.0,
    };
    let mut last = at_zero.map(|value| (0.0, value));
    let mut zero_known = at_zero.is_some();
    for evaluation in 0..80 {
        let fx = f(x);
        root.usd = x;
        if fx.abs() < fineness || (x <= 0.0 && fx <= 0.0) || (x >= high && fx > 0.0) || fx.is_nan()
        {
            return;
        }
        let known = evaluation == 0 && root.slope < 0.0;
        if let Some((last_x, last_f)) = last
            && !known
        {
            root.slope = (fx - last_f) / (x - last_x);
        }
        last = Some((x, fx));
        zero_known |= x <= 0.0;
        if fx > 0.0 {
            low = x;
        } else {
            (top, known_above) = (x, true);
        }
        if top - low < FINEST * (1.0 + top) {
            return;
        }
        let secant = x - fx / root.slope;
        let halved = evaluation > PATIENCE && evaluation % 2 == 0;
        let inside = secant > low && secant < top && !halved;
        x = if fx > 0.0 && !known_above {
            // The line is followed a good way at most: what is bought falls faster than it at first.
            let reach = high.min(if x > 0.0 { 4.0 * x } else { first_step });
            if inside { secant.min(reach) } else { reach }
        } else if inside {
            secant
        } else if low <= 0.0 && !zero_known {
            // Below nothing is known: it may be that nothing binds.
            if root.slope < 0.0 { 0.0 } else { 0.8 * x }
        } else {
            f64::midpoint(low, top)
        };
    }
}
