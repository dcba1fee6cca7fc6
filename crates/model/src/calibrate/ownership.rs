//! Long-run ownership of each country, and the persistence of what it does not explain.
//!
//! `V* = gamma exp(alpha exp(beta y))` (Dargay, Gately and Sommer 2007, eq. 1-4), approached with speed
//! `theta`. Published betas are per thousand 1995 dollars of purchasing power and are rebased; the record
//! of the last years says what long-run ownership they must have been heading for, and the two are weighed.

use rayon::prelude::*;

use super::stock::StockHistory;
use crate::ids::{Drivers, GROUPS, year_index};
use crate::least_squares::{gauss_newton, solve};
use crate::world::World;

/// Ownership law of one country.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ownership {
    /// Saturation, vehicles per person.
    pub saturation: f64,
    /// Gompertz curvature.
    pub alpha: f64,
    /// Gompertz slope, per thousand 2021 intl$.
    pub beta: f64,
}

impl Ownership {
    /// Long-run vehicles per person at an income per head in 2021 intl$.
    pub fn long_run(&self, income: f64) -> f64 {
        self.saturation * (self.alpha * (self.beta * income / 1000.0).exp()).exp()
    }
}

/// Speed of adjustment for rising and falling long-run ownership.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adjustment {
    /// Share of a positive gap closed in a year.
    pub rising: f64,
    /// Share of a negative gap closed in a year.
    pub falling: f64,
}

impl Adjustment {
    /// Ownership one year on.
    pub fn next(&self, ownership: f64, long_run: f64) -> f64 {
        let gap = long_run - ownership;
        ownership + gap * if gap > 0.0 { self.rising } else { self.falling }
    }
}

/// First year whose sales the laws are fitted to.
const FIRST_FIT_YEAR: i32 = 2006;

/// How the residual of new registrations moves about its mean in a country:
/// `r(t) - m = persistence (r(t-1) - m) + cycle (growth - trend)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResidualLaw {
    /// Persistence of the residual, fitted.
    pub persistence: f64,
    /// Elasticity to income growth beside its trend, fitted.
    pub cycle: f64,
    /// Yearly change of the mean residual, fitted: sales have grown less than the law of ownership says.
    pub trend: f64,
    /// Country-years behind the fit.
    pub observations: usize,
}

/// Weight of this year's growth in the trend against which the cycle is measured.
pub const TREND_WEIGHT: f64 = 0.2;

/// Ownership laws of all countries.
///
/// Saturation and slope of each country minimise the squared log residuals of its recorded sales against
/// what the law calls for, plus squared distances of their logs from published values.
pub fn fit(world: &World, stocks: &[StockHistory]) -> Vec<Ownership> {
    (0..world.countries.len())
        .into_par_iter()
        .map(|c| fit_country(world, stocks, c))
        .collect()
}

fn fit_country(world: &World, stocks: &[StockHistory], c: usize) -> Ownership {
    let parameters = &world.parameters;
    let alpha = parameters.get("ownership.alpha");
    let published = world.ownership_prior[c][1];
    let beta = if published.is_nan() {
        parameters.get("ownership.beta_mean")
    } else {
        published
    };
    let beta = beta / parameters.get("ownership.income_rebase");
    let saturation = saturations(world, c);
    let adjustment = adjustment(world);
    let base = year_index(world.base_year);
    let first = year_index(FIRST_FIT_YEAR);
    let people = &world.population[Drivers::Ssp2.index()];
    let now = stocks[c].stock[base] / people[(c, base)];
    let sd = [
        parameters.get("ownership.saturation_prior_sd"),
        parameters.get("ownership.beta_prior_sd"),
    ];
    let noise = parameters.get("ownership.residual_sd");
    let law = |x: &[f64; 2]| Ownership {
        // No country's saturation lies below what it has reached.
        saturation: (saturation * x[0].exp()).max(1.05 * now),
        alpha,
        beta: beta * x[1].exp(),
    };
    let errors = |x: &[f64; 2]| -> Vec<f64> {
        let law = law(x);
        let mut errors: Vec<f64> = (first..=base)
            .map(|year| {
                let need = structural(world, &stocks[c], &law, &adjustment, c, year);
                // A single year's collapse says little about the long run.
                (world.sales[(c, year)] / need).ln().clamp(-1.0, 1.0) / noise
            })
            .collect();
        errors.push(x[0] / sd[0]);
        errors.push(x[1] / sd[1]);
        errors
    };
    law(&gauss_newton(
        [0.0, 0.0],
        [1e-4, 1e-4],
        |x| x.map(|value: f64| value.clamp(-1.5, 1.5)),
        errors,
    ))
}

/// Speeds of adjustment.
pub fn adjustment(world: &World) -> Adjustment {
    Adjustment {
        rising: world.parameters.get("ownership.adjustment_rising"),
        falling: world.parameters.get("ownership.adjustment_falling"),
    }
}

/// Saturation of a country in vehicles per person: published, else the mean of the group, else of all.
fn saturations(world: &World, c: usize) -> f64 {
    let mut sums = vec![(0.0, 0.0); GROUPS + 1];
    for (country, prior) in world.countries.iter().zip(&world.ownership_prior) {
        if !prior[0].is_nan() {
            for slot in [country.group.index(), GROUPS] {
                let sum: &mut (f64, f64) = &mut sums[slot];
                sum.0 += prior[0];
                sum.1 += 1.0;
            }
        }
    }
    let mean = |slot: usize| {
        if sums[slot].1 > 0.0 {
            sums[slot].0 / sums[slot].1
        } else {
            f64::NAN
        }
    };
    let country = &world.countries[c];
    let choices = [
        world.ownership_prior[c][0],
        mean(country.group.index()),
        mean(GROUPS),
    ];
    choices
        .into_iter()
        .find(|value| !value.is_nan())
        .unwrap_or(600.0)
        / 1000.0
}

/// New registrations that ownership, scrappage and used trade call for in a year of history.
fn structural(
    world: &World,
    stock: &StockHistory,
    law: &Ownership,
    adjustment: &Adjustment,
    c: usize,
    year: usize,
) -> f64 {
    let people = &world.population[Drivers::Ssp2.index()];
    let income = &world.income[Drivers::Ssp2.index()];
    let last = stock.stock[year - 1];
    let wanted = adjustment.next(
        last / people[(c, year - 1)],
        law.long_run(income[(c, year)]),
    ) * people[(c, year)];
    let need = wanted - last + stock.scrapped[year] - stock.net_used_imports[year];
    need.max(floor(stock.scrapped[year], world.sales[(c, year - 1)]))
}

/// Least structural demand: a third of scrappage or a fifth of last year's sales, so that a shrinking fleet still renews itself.
pub fn floor(scrapped: f64, last_sales: f64) -> f64 {
    (0.33 * scrapped).max(0.2 * last_sales)
}

/// Log residual of recorded sales against the structural need, by country, for the years from 2010 on.
pub fn residuals(world: &World, stocks: &[StockHistory], laws: &[Ownership]) -> Vec<Vec<f64>> {
    let adjustment = adjustment(world);
    let base = year_index(world.base_year);
    (0..world.countries.len())
        .map(|c| {
            (year_index(2006)..=base)
                .map(|year| {
                    let need = structural(world, &stocks[c], &laws[c], &adjustment, c, year);
                    (world.sales[(c, year)] / need).ln()
                })
                .collect()
        })
        .collect()
}

/// Trend growth of income per head of a country at the end of each year since 2006.
pub fn income_trend(world: &World, c: usize, until: usize) -> Vec<f64> {
    let income = &world.income[Drivers::Ssp2.index()];
    let first = year_index(2001);
    let growth = |year: usize| (income[(c, year)] / income[(c, year - 1)]).ln();
    let mut trend = (first..year_index(2006)).map(growth).sum::<f64>() / 5.0;
    (year_index(2006)..=until)
        .map(|year| {
            trend += TREND_WEIGHT * (growth(year) - trend);
            trend
        })
        .collect()
}

/// Mean residual of each country over the last years: what sets a country apart for good (registration
/// fees, second-hand markets) and no law of income explains.
pub fn residual_means(world: &World, residuals: &[Vec<f64>]) -> Vec<f64> {
    let years = world.parameters.get("ownership.record_years") as usize;
    residuals
        .iter()
        .map(|series| {
            let last = &series[series.len().saturating_sub(years)..];
            last.iter().sum::<f64>() / last.len() as f64
        })
        .collect()
}

/// Fits the law of the residual on all recorded country-years.
pub fn fit_residual_law(world: &World, residuals: &[Vec<f64>], means: &[f64]) -> ResidualLaw {
    let parameters = &world.parameters;
    let income = &world.income[Drivers::Ssp2.index()];
    let first = year_index(2006);
    let base = year_index(world.base_year);
    let mut rows: Vec<([f64; 2], f64)> = Vec::new();
    for (c, series) in residuals.iter().enumerate() {
        let trend = income_trend(world, c, base);
        for year in first + 1..=base {
            let (last, now) = (series[year - first - 1], series[year - first]);
            let recorded = |t: usize| world.sales_recorded[c * crate::ids::YEARS + t];
            if recorded(year)
                && recorded(year - 1)
                && (last - means[c]).abs() < 1.0
                && (now - means[c]).abs() < 1.0
            {
                let growth = (income[(c, year)] / income[(c, year - 1)]).ln();
                let surprise = (growth - trend[year - first - 1]).clamp(-0.10, 0.10);
                rows.push(([last - means[c], surprise], now - means[c]));
            }
        }
    }
    let prior = [
        parameters.get("ownership.residual_prior"),
        parameters.get("ownership.cycle_prior"),
    ];
    // A prior year weighs as one with a residual of 0.2 and a surprise of 3 %.
    let years = parameters.get("ownership.residual_prior_years");
    let [persistence, cycle] = solve(&rows, &[years * 0.04, years * 0.0009], &prior);
    ResidualLaw {
        persistence: persistence.clamp(0.0, 0.99),
        cycle: cycle.clamp(0.0, 4.0),
        trend: residual_trend(world, residuals).clamp(-0.06, 0.02),
        observations: rows.len(),
    }
}

/// Common yearly change of residuals over the last twelve years: slope within countries, recorded years only.
fn residual_trend(world: &World, residuals: &[Vec<f64>]) -> f64 {
    const YEARS_BACK: usize = 12;
    let first = year_index(2006);
    let mut rows: Vec<([f64; 1], f64)> = Vec::new();
    for (c, series) in residuals.iter().enumerate() {
        let start = series.len().saturating_sub(YEARS_BACK);
        let points: Vec<(f64, f64)> = (start..series.len())
            .filter(|&k| world.sales_recorded[c * crate::ids::YEARS + first + k])
            .map(|k| (k as f64, series[k]))
            .collect();
        let n = points.len() as f64;
        let mean = points.iter().fold((0.0, 0.0), |sum, point| {
            (sum.0 + point.0 / n, sum.1 + point.1 / n)
        });
        rows.extend(
            points
                .iter()
                .map(|point| ([point.0 - mean.0], (point.1 - mean.1).clamp(-1.0, 1.0))),
        );
    }
    let [slope] = solve(&rows, &[1.0], &[0.0]);
    slope
}
