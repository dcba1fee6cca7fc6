//! Stock of each country rebuilt from its sales, survival and used trade, fitted to the counts there are.
//!
//! Unknowns by country: the stock of 2004, a factor on the Weibull scale, and the net rate of used
//! imports. They minimise squared relative errors against the counts (weights by their basis) plus
//! squared distances from their priors, by Gauss-Newton with damping.

use rayon::prelude::*;

use crate::cohorts::{
    AGES, age_one_year, export_used, import_used, steady_profile, used_age_profile, yearly_survival,
};
use crate::ids::{YEARS, year_index};
use crate::least_squares::gauss_newton;
use crate::world::{Anchor, World};

/// First year whose sales enter the cohorts.
const FIRST_SALES_YEAR: i32 = 2005;

/// A country's vehicles at the end of the base year, and the way there.
#[derive(Debug, Clone)]
pub struct StockHistory {
    /// Light vehicles by age.
    pub light: [f64; AGES],
    /// Heavy vehicles by age.
    pub heavy: [f64; AGES],
    /// Chance of surviving a year, by age: light.
    pub light_survival: [f64; AGES],
    /// Chance of surviving a year, by age: heavy.
    pub heavy_survival: [f64; AGES],
    /// Vehicles in use at the end of each year.
    pub stock: Vec<f64>,
    /// Of which heavy.
    pub heavy_stock: Vec<f64>,
    /// Vehicles scrapped in each year.
    pub scrapped: Vec<f64>,
    /// Used imports less used exports in each year.
    pub net_used_imports: Vec<f64>,
    /// Net used imports as a share of the stock.
    pub used_rate: f64,
    /// Fitted factor on the Weibull scale.
    pub scale_factor: f64,
    /// Largest relative distance from a recorded or recalled count.
    pub worst_misfit: f64,
    /// True where the stock of the base year had to leave its count by more than a quarter.
    pub adjusted: bool,
}

struct Unknowns {
    log_initial: f64,
    log_scale_factor: f64,
    used_rate: f64,
}

struct Setting<'a> {
    world: &'a World,
    country: usize,
    profile: [f64; AGES],
    initial_growth: f64,
}

impl Setting<'_> {
    fn simulate(&self, unknowns: &Unknowns) -> StockHistory {
        let world = self.world;
        let [light_scale, light_shape, heavy_scale, heavy_shape] = world.survival[self.country];
        let factor = unknowns.log_scale_factor.exp();
        let light_survival = yearly_survival(light_scale * factor, light_shape);
        let heavy_survival = yearly_survival(heavy_scale * factor, heavy_shape);
        let first = year_index(FIRST_SALES_YEAR);
        let base = year_index(world.base_year);
        let initial = unknowns.log_initial.exp();
        let heavy_part = world.heavy_share[(self.country, first)];
        let mut light = steady_profile(
            initial * (1.0 - heavy_part),
            self.initial_growth,
            &light_survival,
        );
        let mut heavy = steady_profile(initial * heavy_part, self.initial_growth, &heavy_survival);
        let mut history = StockHistory {
            light,
            heavy,
            light_survival,
            heavy_survival,
            stock: vec![f64::NAN; YEARS],
            heavy_stock: vec![f64::NAN; YEARS],
            scrapped: vec![f64::NAN; YEARS],
            net_used_imports: vec![f64::NAN; YEARS],
            used_rate: unknowns.used_rate,
            scale_factor: factor,
            worst_misfit: 0.0,
            adjusted: false,
        };
        history.stock[first - 1] = initial;
        history.heavy_stock[first - 1] = initial * heavy_part;
        for year in first..=base {
            let mut net = 0.0;
            let mut scrapped = 0.0;
            let heavy_new = world.heavy_share[(self.country, year)];
            let units = world.sales[(self.country, year)];
            for (cohorts, survival, new) in [
                (&mut light, &light_survival, units * (1.0 - heavy_new)),
                (&mut heavy, &heavy_survival, units * heavy_new),
            ] {
                let traded = unknowns.used_rate * cohorts.iter().sum::<f64>();
                scrapped += age_one_year(cohorts, survival);
                if traded >= 0.0 {
                    import_used(cohorts, traded, &self.profile);
                    net += traded;
                } else {
                    net -= export_used(cohorts, -traded, &self.profile);
                }
                cohorts[0] += new;
            }
            history.scrapped[year] = scrapped;
            history.net_used_imports[year] = net;
            history.heavy_stock[year] = heavy.iter().sum();
            history.stock[year] = light.iter().sum::<f64>() + history.heavy_stock[year];
        }
        history.light = light;
        history.heavy = heavy;
        history
    }
}

/// Rebuilds the stock of every country.
pub fn rebuild(world: &World) -> Vec<StockHistory> {
    (0..world.countries.len())
        .into_par_iter()
        .map(|country| rebuild_country(world, country))
        .collect()
}

fn rebuild_country(world: &World, country: usize) -> StockHistory {
    let parameters = &world.parameters;
    let setting = Setting {
        world,
        country,
        profile: used_age_profile(parameters.get("used_trade.mean_age")),
        initial_growth: parameters.get("stock.initial_growth"),
    };
    let anchors: Vec<Anchor> = world
        .anchors
        .iter()
        .filter(|anchor| anchor.country == country)
        .copied()
        .collect();
    let private = private_growth(world, country);
    let group = world.countries[country]
        .group
        .code()
        .to_lowercase()
        .replace(' ', "-");
    let used_prior = parameters.of_member(
        "used_trade.net_import_rate",
        &world.countries[country].iso3,
        &group,
    );
    let used_sd = parameters.get("used_trade.net_import_rate_sd");
    let scale_sd = parameters.get("survival.scale_prior_sd");
    let log_initial_prior = initial_guess(world, country, &anchors);
    let initial_sd = 0.6;

    let residuals = |x: &[f64; 3]| -> Vec<f64> {
        let history = setting.simulate(&Unknowns {
            log_initial: x[0],
            log_scale_factor: x[1],
            used_rate: x[2],
        });
        let mut errors: Vec<f64> = anchors
            .iter()
            .filter(|anchor| anchor.year >= FIRST_SALES_YEAR - 1)
            .map(|anchor| {
                (history.stock[year_index(anchor.year)] / anchor.vehicles)
                    .max(1e-6)
                    .ln()
                    / anchor.relative_sd
            })
            .collect();
        if let Some((from, to, growth)) = private {
            errors.push(((history.stock[to] / history.stock[from]).max(1e-6).ln() - growth) / 0.06);
        }
        errors.push((x[0] - log_initial_prior) / initial_sd);
        errors.push(x[1] / scale_sd);
        errors.push((x[2] - used_prior) / used_sd);
        errors
    };
    let bounds = |x: [f64; 3]| [x[0], x[1].clamp(-0.7, 0.7), x[2].clamp(-0.04, 0.12)];
    let fitted = gauss_newton(
        [log_initial_prior, 0.0, used_prior],
        [1e-4, 1e-4, 1e-6],
        bounds,
        residuals,
    );
    let mut history = setting.simulate(&Unknowns {
        log_initial: fitted[0],
        log_scale_factor: fitted[1],
        used_rate: fitted[2],
    });
    for anchor in anchors
        .iter()
        .filter(|anchor| anchor.year >= FIRST_SALES_YEAR - 1)
    {
        let misfit = (history.stock[year_index(anchor.year)] / anchor.vehicles - 1.0).abs();
        history.worst_misfit = history.worst_misfit.max(misfit);
        if anchor.year == world.base_year && misfit > 0.25 {
            history.adjusted = true;
        }
    }
    history
}

/// Stock of 2004 before any fit: the nearest count moved by the growth of income, else sales times twelve.
fn initial_guess(world: &World, country: usize, anchors: &[Anchor]) -> f64 {
    let first = year_index(FIRST_SALES_YEAR);
    let income = &world.income[crate::ids::Drivers::Ssp2.index()];
    let people = &world.population[crate::ids::Drivers::Ssp2.index()];
    anchors.first().map_or_else(
        || (12.0 * world.sales[(country, first)]).max(10.0).ln(),
        |anchor| {
            let year = year_index(anchor.year);
            let size = |t: usize| income[(country, t)] * people[(country, t)];
            (anchor.vehicles * size(first - 1) / size(year))
                .max(10.0)
                .ln()
        },
    )
}

/// Growth of the private fleet between the ends of its record, if that spans five years without a jump.
fn private_growth(world: &World, country: usize) -> Option<(usize, usize, f64)> {
    let row = world.private_stock.row(country);
    let known: Vec<usize> = (year_index(FIRST_SALES_YEAR)..YEARS)
        .filter(|&year| row[year] > 0.0)
        .collect();
    let (&from, &to) = (known.first()?, known.last()?);
    let smooth = known
        .windows(2)
        .all(|pair| (row[pair[1]] / row[pair[0]]).ln().abs() < 0.12 * (pair[1] - pair[0]) as f64);
    (to >= from + 5 && smooth).then(|| (from, to, (row[to] / row[from]).ln()))
}
