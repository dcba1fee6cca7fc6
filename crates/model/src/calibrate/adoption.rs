//! How fast buyers and makers take up a powertrain beyond what prices explain.
//!
//! Adoption is one state by country and powertrain in log-odds against conventional vehicles, for
//! familiarity, variety and the entrant's discount together (Struben and Sterman 2008). Its yearly gain is
//! `a + b share + own(c) exp(-decay k)`, with `a`, `b` pooled over all countries and `own(c)` the mean
//! deviation of the country, shrunk by the length of its record. Gains are what remains of the recorded
//! change in log-odds when the change in generalised cost has been taken off.

use super::mix::powertrain_shares;
use crate::ids::{Drivers, Grid, POWERTRAINS, Powertrain, year_index};
use crate::least_squares::solve;
use crate::step::cost::{self, CostYear, PriceLevel};
use crate::world::World;

/// Powertrains whose adoption is a state.
pub const ADOPTED: [Powertrain; 3] = [
    Powertrain::Hybrid,
    Powertrain::PlugInHybrid,
    Powertrain::BatteryElectric,
];

/// Share below which a recorded change of log-odds is noise of single vehicles.
const LEAST_SHARE: f64 = 5e-4;
/// First year of the record of electric vehicles.
pub const FIRST_RECORD_YEAR: i32 = 2010;

/// Law of the yearly gain in log-odds.
#[derive(Debug, Clone)]
pub struct AdoptionLaw {
    /// Common gain at a share of nothing, by `ADOPTED`.
    pub pace: [f64; 3],
    /// Change of the gain per unit of share, by `ADOPTED`.
    pub slowdown: [f64; 3],
    /// Country-years behind the fit, by `ADOPTED`.
    pub observations: [usize; 3],
    /// Own deviation of each country from the common gain, by `ADOPTED`.
    pub own: Vec<[f64; 3]>,
    /// Speed at which own deviations fade, 1/year.
    pub decay: f64,
    /// Largest yearly gain of the plug-in share in log-odds: (share up to, gain).
    pub limits: Vec<(f64, f64)>,
}

impl AdoptionLaw {
    /// Gain in log-odds of one powertrain, `years_ahead` years after the base year.
    pub fn gain(&self, country: usize, adopted: usize, share: f64, years_ahead: i32) -> f64 {
        let own = self.own[country][adopted] * (-self.decay * f64::from(years_ahead - 1)).exp();
        // Familiarity is not forgotten within a year: the state never falls.
        (self.pace[adopted] + self.slowdown[adopted] * share + own).max(0.0)
    }

    /// Largest gain of the plug-in share in log-odds from a share.
    pub fn limit(&self, share: f64) -> f64 {
        self.limits
            .iter()
            .find(|(up_to, _)| share <= *up_to)
            .or(self.limits.last())
            .map_or(f64::INFINITY, |limit| limit.1)
    }
}

/// Generalised cost disadvantage in log-odds, by powertrain, of the average light vehicle of a country and year.
fn economics(
    world: &World,
    level: &PriceLevel,
    costs: &CostYear,
    country: usize,
) -> [f64; POWERTRAINS] {
    let mut advantage = [0.0; POWERTRAINS];
    let mut weights = 0.0;
    let slope = cost::log_odds_per_usd(&world.parameters, level, country);
    for (segment, &weight) in world.segment_share.row(country).iter().enumerate() {
        let conventional =
            costs.generalised(level, world, country, segment, Powertrain::Gasoline.index());
        for (f, sum) in advantage.iter_mut().enumerate() {
            *sum -= weight
                * slope
                * (costs.generalised(level, world, country, segment, f) - conventional);
        }
        weights += weight;
    }
    advantage.iter_mut().for_each(|sum| *sum /= weights);
    advantage
}

/// Fits the law on the record up to the base year.
pub fn fit(world: &World, level: &PriceLevel) -> AdoptionLaw {
    let parameters = &world.parameters;
    let first = year_index(FIRST_RECORD_YEAR);
    let base = year_index(world.base_year);
    let years: Vec<CostYear> = (first..=base)
        .map(|year| cost::history(world, year))
        .collect();
    let shrinkage = parameters.get("adoption.country_shrinkage");
    let prior_years = parameters.get("adoption.prior_years");
    let mut law = AdoptionLaw {
        pace: [0.0; 3],
        slowdown: [0.0; 3],
        observations: [0; 3],
        own: vec![[0.0; 3]; world.countries.len()],
        decay: parameters.get("adoption.deviation_decay"),
        limits: Vec::new(),
    };
    let shares: Vec<Vec<[f64; POWERTRAINS]>> = (0..world.countries.len())
        .map(|c| {
            (first..=base)
                .map(|year| powertrain_shares(world, c, year))
                .collect()
        })
        .collect();
    let advantage: Vec<Vec<[f64; POWERTRAINS]>> = (0..world.countries.len())
        .map(|c| {
            years
                .iter()
                .map(|costs| economics(world, level, costs, c))
                .collect()
        })
        .collect();

    for (slot, powertrain) in ADOPTED.iter().enumerate() {
        let f = powertrain.index();
        let mut rows: Vec<([f64; 2], f64)> = Vec::new();
        let mut origin_of_row: Vec<(usize, usize)> = Vec::new();
        for c in 0..world.countries.len() {
            let recorded = if *powertrain == Powertrain::Hybrid {
                world.hybrid_recorded[c]
            } else {
                world.plug_in_recorded[c]
            };
            if !recorded {
                continue;
            }
            for k in 0..base - first {
                let (now, next) = (&shares[c][k], &shares[c][k + 1]);
                if now[f] > LEAST_SHARE && next[f] > 0.0 && now[f] < 0.9 && next[f] < 0.95 {
                    let gain = log_odds(next[f])
                        - log_odds(now[f])
                        - (advantage[c][k + 1][f] - advantage[c][k][f]);
                    rows.push(([1.0, now[f]], gain.clamp(-1.5, 2.0)));
                    origin_of_row.push((c, k));
                }
            }
        }
        let code = powertrain.code();
        let prior = [
            parameters.get(&format!("adoption.pace_prior.{code}")),
            parameters.get(&format!("adoption.slowdown_prior.{code}")),
        ];
        let [pace, slowdown] = solve(&rows, &[prior_years, prior_years * 0.5], &prior);
        law.pace[slot] = pace;
        law.slowdown[slot] = slowdown.min(0.0);
        law.observations[slot] = rows.len();
        let mut sums = vec![(0.0, 0.0); world.countries.len()];
        for ((features, gain), &(c, k)) in rows.iter().zip(&origin_of_row) {
            // Recent years say more about a country's own pace: half the weight every four years.
            let weight = 0.5_f64.powf((base - first - 1 - k) as f64 / 4.0);
            let sum: &mut (f64, f64) = &mut sums[c];
            sum.0 += weight * (gain - pace - law.slowdown[slot] * features[1]);
            sum.1 += weight;
        }
        for (own, (sum, weight)) in law.own.iter_mut().zip(sums) {
            own[slot] = sum / (weight + shrinkage);
        }
    }
    law.limits = pace_limits(world, &shares, base - first);
    law
}

fn log_odds(share: f64) -> f64 {
    (share / (1.0 - share)).ln()
}

/// The chosen quantile of recorded yearly gains of the plug-in share, by level of the share.
fn pace_limits(world: &World, shares: &[Vec<[f64; POWERTRAINS]>], years: usize) -> Vec<(f64, f64)> {
    const BINS: [(f64, f64); 4] = [(0.01, 1.6), (0.05, 1.1), (0.20, 0.8), (1.0, 0.55)];
    const ENOUGH: usize = 20;
    let quantile = world.parameters.get("adoption.pace_limit_quantile");
    let plug_in = |row: &[f64; POWERTRAINS]| {
        row[Powertrain::PlugInHybrid.index()] + row[Powertrain::BatteryElectric.index()]
    };
    let mut lowest = 0.0_f64;
    BINS.iter()
        .map(|&(up_to, default)| {
            let mut gains: Vec<f64> = Vec::new();
            for (_, series) in shares
                .iter()
                .enumerate()
                .filter(|(c, _)| world.plug_in_recorded[*c])
            {
                for k in 0..years {
                    let (now, next) = (plug_in(&series[k]), plug_in(&series[k + 1]));
                    if now > lowest.max(LEAST_SHARE)
                        && now <= up_to
                        && now < 0.95
                        && next > 0.0
                        && next < 0.99
                    {
                        gains.push(log_odds(next) - log_odds(now));
                    }
                }
            }
            lowest = up_to;
            gains.sort_by(f64::total_cmp);
            let limit = if gains.len() >= ENOUGH {
                gains[((gains.len() - 1) as f64 * quantile) as usize]
            } else {
                default
            };
            (up_to, limit.max(0.2))
        })
        .collect()
}

/// Light-duty plug-in sales where none are recorded: what the world's total leaves over the recorded
/// countries, shared out by sales times income (basis: estimate).
pub fn fill_unrecorded(world: &mut World, world_total: &Grid) {
    let first = year_index(FIRST_RECORD_YEAR);
    let base = year_index(world.base_year);
    let income = world.income[Drivers::Ssp2.index()].clone();
    for (slot, f) in [
        Powertrain::PlugInHybrid.index(),
        Powertrain::BatteryElectric.index(),
    ]
    .into_iter()
    .enumerate()
    {
        for year in first..=base {
            let recorded: f64 = (0..world.countries.len())
                .filter(|&c| world.plug_in_recorded[c])
                .map(|c| world.electrified[f][(c, year)])
                .filter(|units| !units.is_nan())
                .sum();
            let total = world_total[(slot, year)];
            // Two significant figures a country leave a residual of either sign; a ten-thousandth is the least.
            let left = if total.is_nan() {
                0.0
            } else {
                (total - recorded).max(0.0)
            };
            let weight = |c: usize| world.light_sales(c, year) * (income[(c, year)] / 2e4).min(3.0);
            let weights: f64 = (0..world.countries.len())
                .filter(|&c| !world.plug_in_recorded[c])
                .map(weight)
                .sum();
            let shares: Vec<(usize, f64)> = (0..world.countries.len())
                .filter(|&c| !world.plug_in_recorded[c])
                .map(|c| {
                    (
                        c,
                        (left * weight(c) / weights).clamp(
                            1e-4 * world.light_sales(c, year),
                            0.05 * world.light_sales(c, year),
                        ),
                    )
                })
                .collect();
            for (c, units) in shares {
                world.electrified[f][(c, year)] = units;
            }
        }
    }
}
