//! Long-run ownership of each country, and the persistence of what it does not explain.
//!
//! `V* = gamma exp(alpha exp(beta y))` (Dargay, Gately and Sommer 2007, eq. 1-4), approached with speed
//! `theta`. Published betas are per thousand 1995 dollars of purchasing power and are rebased; the record
//! of the last years says what long-run ownership they must have been heading for, and the two are weighed.

use super::stock::StockHistory;
use crate::ids::{Drivers, GROUPS, year_index};
use crate::least_squares::solve;
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

/// How the residual of new registrations moves: `r(t) = persistence r(t-1) + cycle (growth - trend)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResidualLaw {
    /// Persistence of the residual, fitted.
    pub persistence: f64,
    /// Elasticity to income growth beside its trend, fitted.
    pub cycle: f64,
    /// Country-years behind the fit.
    pub observations: usize,
}

/// Weight of this year's growth in the trend against which the cycle is measured.
pub const TREND_WEIGHT: f64 = 0.2;

/// Ownership laws of all countries.
pub fn fit(world: &World, stocks: &[StockHistory]) -> Vec<Ownership> {
    let parameters = &world.parameters;
    let rebase = parameters.get("ownership.income_rebase");
    let alpha = parameters.get("ownership.alpha");
    let prior_weight = parameters.get("ownership.prior_weight");
    let years = parameters.get("ownership.record_years") as usize;
    let adjustment = adjustment(world);
    let income = &world.income[Drivers::Ssp2.index()];
    let people = &world.population[Drivers::Ssp2.index()];
    let base = year_index(world.base_year);
    let saturation = saturations(world);
    (0..world.countries.len())
        .map(|c| {
            let published = world.ownership_prior[c][1];
            let prior = if published.is_nan() { parameters.get("ownership.beta_mean") } else { published } / rebase;
            let density = |year: usize| stocks[c].stock[year] / people[(c, year)];
            let from = base.saturating_sub(years).max(year_index(2005));
            let span = (base - from) as f64;
            // The ownership the country has been heading for, on average over the record.
            let implied: f64 = (from + 1..=base)
                .map(|year| {
                    let step = density(year) - density(year - 1);
                    density(year - 1) + step / if step > 0.0 { adjustment.rising } else { adjustment.falling }
                })
                .sum::<f64>()
                / span;
            let mean_income = (from + 1..=base).map(|year| income[(c, year)]).sum::<f64>() / span / 1000.0;
            let floor = density(base) * 1.02;
            let gamma = saturation[c].max(implied.max(floor) / 0.95);
            let share = (implied / gamma).clamp(0.003, 0.97);
            let from_record = ((share.ln() / alpha).ln() / mean_income).clamp(-0.6, -0.005);
            let beta = prior_weight * prior + (1.0 - prior_weight) * from_record;
            Ownership { saturation: gamma, alpha, beta }
        })
        .collect()
}

/// Speeds of adjustment.
pub fn adjustment(world: &World) -> Adjustment {
    Adjustment {
        rising: world.parameters.get("ownership.adjustment_rising"),
        falling: world.parameters.get("ownership.adjustment_falling"),
    }
}

/// Saturation by country in vehicles per person: published, else the mean of the group, else of all.
fn saturations(world: &World) -> Vec<f64> {
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
    let mean = |slot: usize| if sums[slot].1 > 0.0 { sums[slot].0 / sums[slot].1 } else { f64::NAN };
    world
        .countries
        .iter()
        .zip(&world.ownership_prior)
        .map(|(country, prior)| {
            let path = format!("ownership.saturation.{}", country.iso3);
            let set = world.parameters.setting(&path, world.base_year);
            let choices = [set.unwrap_or(f64::NAN), prior[0], mean(country.group.index()), mean(GROUPS), 600.0];
            choices.into_iter().find(|value| !value.is_nan()).unwrap_or(600.0) / 1000.0
        })
        .collect()
}

/// New registrations that ownership, scrappage and used trade call for in a year of history.
fn structural(world: &World, stock: &StockHistory, law: &Ownership, adjustment: &Adjustment, c: usize, year: usize) -> f64 {
    let people = &world.population[Drivers::Ssp2.index()];
    let income = &world.income[Drivers::Ssp2.index()];
    let last = stock.stock[year - 1];
    let wanted = adjustment.next(last / people[(c, year - 1)], law.long_run(income[(c, year)])) * people[(c, year)];
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

/// Fits the law of the residual on all recorded country-years.
pub fn fit_residual_law(world: &World, residuals: &[Vec<f64>]) -> ResidualLaw {
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
            if recorded(year) && recorded(year - 1) && last.abs() < 1.5 && now.abs() < 1.5 {
                let growth = (income[(c, year)] / income[(c, year - 1)]).ln();
                let surprise = (growth - trend[year - first - 1]).clamp(-0.10, 0.10);
                rows.push(([last, surprise], now));
            }
        }
    }
    let prior = [parameters.get("ownership.residual_prior"), parameters.get("ownership.cycle_prior")];
    // A prior year weighs as one with a residual of 0.2 and a surprise of 3 %.
    let years = parameters.get("ownership.residual_prior_years");
    let [persistence, cycle] = solve(&rows, &[years * 0.04, years * 0.0009], &prior);
    ResidualLaw { persistence: persistence.clamp(0.0, 0.99), cycle: cycle.clamp(0.0, 4.0), observations: rows.len() }
}
