//! The model against history: projected from earlier base years with nothing later than each, and scored
//! beside baselines.
//!
//! Two modes. `conditional` knows the true income, prices and rules and is blind to sales, fleets and shares
//! after the origin; `ex_ante` knows only rows of the record whose `known_from` is not after the origin, apart
//! from tables whose schema waives that. In both, everything fitted is fitted again on data up to the origin.

pub mod origins;

use rayon::prelude::*;

use kyoso_explore::baseline::{self, Method};
use kyoso_explore::score;

use crate::calibrate;
use crate::ids::{Group, Powertrain, YEARS, year_index};
use crate::input::{Cut, Problems, Record};
use crate::run::{self, Outcome, RunError};
use crate::scenario::Scenario;
use crate::tables::{Column, Table, Values};
use crate::world::World;

/// Origins scored where a user names none.
pub const ORIGINS: [i32; 5] = [2012, 2014, 2016, 2018, 2020];
/// Years ahead that are scored.
pub const LEADS: [i32; 3] = [1, 3, 5];
/// First year of the histories given to baselines.
const FIRST_SALES: i32 = 2005;
const FIRST_PLUG_IN: i32 = 2010;

/// What a hindcast may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// True income, prices and rules.
    Conditional,
    /// Only what was known at the origin.
    ExAnte,
}

impl Mode {
    /// Both modes.
    pub const ALL: [Self; 2] = [Self::Conditional, Self::ExAnte];

    /// Name in tables.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Conditional => "conditional",
            Self::ExAnte => "ex_ante",
        }
    }
}

/// What is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Variable {
    /// New four-wheeled vehicles.
    Sales,
    /// Vehicles in use, by the growth of recorded fleets.
    Stock,
    /// Plug-in share of light-duty sales.
    PlugInShare,
    /// Share of hybrids without plug.
    HybridShare,
}

impl Variable {
    /// All variables.
    pub const ALL: [Self; 4] = [
        Self::Sales,
        Self::Stock,
        Self::PlugInShare,
        Self::HybridShare,
    ];

    /// Name in tables.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Sales => "sales",
            Self::Stock => "stock",
            Self::PlugInShare => "plug_in_share",
            Self::HybridShare => "hybrid_share",
        }
    }

    const fn is_share(self) -> bool {
        matches!(self, Self::PlugInShare | Self::HybridShare)
    }
}

/// One forecast and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Mode.
    pub mode: Mode,
    /// Base year of the projection.
    pub origin: i32,
    /// Years ahead.
    pub lead: i32,
    /// Position of the country.
    pub country: usize,
    /// What is forecast.
    pub variable: Variable,
    /// `kyoso` or the code of a baseline.
    pub method: &'static str,
    /// The forecast.
    pub forecast: f64,
    /// The record.
    pub actual: f64,
    /// Mean absolute and root mean squared yearly change before the origin.
    pub scale: (f64, f64),
}

/// All forecasts of a hindcast.
#[derive(Debug, Clone)]
pub struct Hindcast {
    /// Countries by position: code and group.
    pub countries: Vec<(String, Group)>,
    /// Forecasts in order of mode, origin, variable, country, method, lead.
    pub forecasts: Vec<Forecast>,
    /// What the ex-ante record left out and let pass, by origin.
    pub cuts: Vec<(i32, Cut)>,
}

/// Why there is no hindcast.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HindcastError {
    /// An origin outside the record.
    #[error("origin {origin} is out of range: expected a year from {first} to {last}")]
    Origin {
        /// Asked for.
        origin: i32,
        /// First possible.
        first: i32,
        /// Last possible.
        last: i32,
    },
    /// A world could not be built.
    #[error(transparent)]
    Input(#[from] Problems),
    /// A projection failed.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// True for the half of the countries on which parameters may be tuned (origins to 2016); the other half and
/// later origins are only scored. Fixed by the letters of the code.
pub fn in_tuning_half(iso3: &str) -> bool {
    iso3.bytes().map(u32::from).sum::<u32>().is_multiple_of(2)
}

/// The projection of one origin in one mode; nothing later than the origin enters but what the mode allows.
pub fn project(
    record: &Record,
    mode: Mode,
    origin: i32,
    years: i32,
) -> Result<(World, calibrate::Base, Outcome, Cut), HindcastError> {
    let (known, cut) = match mode {
        Mode::Conditional => (record.clone(), Cut::default()),
        Mode::ExAnte => record.known_by(origin),
    };
    let mut world = World::as_of(&known, origin)?;
    let base = calibrate::calibrate(&mut world, &known);
    let scenario = Scenario {
        horizon: origin + years,
        ..Scenario::default()
    };
    let outcome = run::run(&world, &base, &scenario)?;
    Ok((world, base, outcome, cut))
}

/// Projects from every origin in both modes and scores against the record.
pub fn hindcast(
    record: &Record,
    origins: &[i32],
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Hindcast, HindcastError> {
    let truth = World::build(record)?;
    let (first, last) = (2009, truth.base_year - 1);
    if let Some(&origin) = origins
        .iter()
        .find(|origin| !(first..=last).contains(*origin))
    {
        return Err(HindcastError::Origin {
            origin,
            first,
            last,
        });
    }
    let jobs: Vec<(Mode, i32)> = Mode::ALL
        .iter()
        .flat_map(|&mode| origins.iter().map(move |&origin| (mode, origin)))
        .collect();
    let done = std::sync::atomic::AtomicUsize::new(0);
    let results: Vec<Result<(Vec<Forecast>, Cut), HindcastError>> = jobs
        .par_iter()
        .map(|&(mode, origin)| {
            let years = LEADS[LEADS.len() - 1].min(truth.base_year - origin);
            let (world, base, outcome, cut) = project(record, mode, origin, years)?;
            let scored = score_origin(&truth, &world, &base, &outcome, mode);
            progress(
                done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1,
                jobs.len(),
            );
            Ok((scored, cut))
        })
        .collect();
    let mut hindcast = Hindcast {
        countries: truth
            .countries
            .iter()
            .map(|country| (country.iso3.clone(), country.group))
            .collect(),
        forecasts: Vec::new(),
        cuts: Vec::new(),
    };
    for (&(mode, origin), result) in jobs.iter().zip(results) {
        let (scored, cut) = result?;
        hindcast.forecasts.extend(scored);
        if mode == Mode::ExAnte {
            hindcast.cuts.push((origin, cut));
        }
    }
    Ok(hindcast)
}

/// The recorded series of a variable; NaN where there is no record.
fn recorded(truth: &World, c: usize, variable: Variable) -> Vec<f64> {
    (0..YEARS)
        .map(|t| match variable {
            Variable::Sales if truth.sales_recorded[c * YEARS + t] => truth.sales[(c, t)],
            Variable::Stock => truth.private_stock[(c, t)],
            Variable::PlugInShare
                if truth.plug_in_recorded[c]
                    && t >= year_index(FIRST_PLUG_IN)
                    && !truth.sales[(c, t)].is_nan() =>
            {
                let units: Vec<f64> = [Powertrain::PlugInHybrid, Powertrain::BatteryElectric]
                    .iter()
                    .map(|f| truth.electrified[f.index()][(c, t)])
                    .collect();
                if units.iter().all(|units| units.is_nan()) {
                    0.0
                } else {
                    let sum: f64 = units.iter().filter(|units| !units.is_nan()).sum();
                    (sum / truth.light_sales(c, t)).min(1.0)
                }
            }
            Variable::HybridShare => truth.hybrid_share_recorded[(c, t)],
            _ => f64::NAN,
        })
        .collect()
}

/// What the model says of a variable some years ahead.
fn projected(
    world: &World,
    base: &calibrate::Base,
    outcome: &Outcome,
    c: usize,
    variable: Variable,
    lead: i32,
) -> f64 {
    let country = &outcome.years[(lead - 1) as usize].countries[c];
    let light: f64 = country.light_new.iter().sum();
    match variable {
        Variable::Sales => light + country.heavy_new,
        Variable::Stock => {
            // Growth of light vehicles, from the recorded fleet of the origin.
            let now: f64 = country.light_stock.iter().sum();
            let then: f64 = base.stocks[c].light.iter().sum();
            world.private_stock[(c, year_index(world.base_year))] * now / then
        }
        Variable::PlugInShare => {
            [Powertrain::PlugInHybrid, Powertrain::BatteryElectric]
                .iter()
                .map(|f| country.light_new[f.index()])
                .sum::<f64>()
                / light
        }
        Variable::HybridShare => country.light_new[Powertrain::Hybrid.index()] / light,
    }
}

fn score_origin(
    truth: &World,
    world: &World,
    base: &calibrate::Base,
    outcome: &Outcome,
    mode: Mode,
) -> Vec<Forecast> {
    let origin = world.base_year;
    let b = year_index(origin);
    let mut forecasts = Vec::new();
    for variable in Variable::ALL {
        for c in 0..truth.countries.len() {
            let series = recorded(truth, c, variable);
            let first = match variable {
                Variable::Sales => year_index(FIRST_SALES),
                Variable::PlugInShare => year_index(FIRST_PLUG_IN),
                _ => 0,
            };
            // The unbroken run of records that ends at the origin.
            let start = (first..=b)
                .rev()
                .take_while(|&t| !series[t].is_nan())
                .last();
            let Some(start) = start else { continue };
            let history = &series[start..=b];
            if history.len() < 3 {
                continue;
            }
            let scale = (
                score::naive_scale(history),
                score::naive_root_scale(history),
            );
            let horizon = outcome.years.len();
            let mut methods: Vec<(&'static str, Vec<f64>)> = vec![(
                "kyoso",
                (1..=horizon as i32)
                    .map(|lead| projected(world, base, outcome, c, variable, lead))
                    .collect(),
            )];
            for method in Method::ALL {
                if method == Method::Bass && !variable.is_share() {
                    continue;
                }
                if let Ok(mut points) = baseline::forecast(method, history, horizon) {
                    let top = if variable.is_share() {
                        1.0
                    } else {
                        f64::INFINITY
                    };
                    points
                        .iter_mut()
                        .for_each(|point| *point = point.clamp(0.0, top));
                    methods.push((method.code(), points));
                }
            }
            for lead in LEADS.into_iter().filter(|&lead| lead as usize <= horizon) {
                let actual = series[b + lead as usize];
                if actual.is_nan() {
                    continue;
                }
                for (method, points) in &methods {
                    let forecast = points[(lead - 1) as usize];
                    forecasts.push(Forecast {
                        mode,
                        origin,
                        lead,
                        country: c,
                        variable,
                        method,
                        forecast,
                        actual,
                        scale,
                    });
                }
            }
        }
    }
    forecasts
}

/// One cell of the table of scores.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Mode.
    pub mode: Mode,
    /// Origin; 0 for all together.
    pub origin: i32,
    /// Lead.
    pub lead: i32,
    /// World, a group, a country, or one of the halves `tuning half`, `other half`.
    pub region: String,
    /// Variable.
    pub variable: Variable,
    /// Method.
    pub method: &'static str,
    /// Metric.
    pub metric: &'static str,
    /// Value.
    pub value: f64,
    /// Forecasts behind it.
    pub n: usize,
}

impl Hindcast {
    /// Scores by region: World, the halves, the groups and every country.
    pub fn scores(&self) -> Vec<Score> {
        let mut regions: Vec<(String, Vec<bool>)> = vec![
            ("World".to_owned(), vec![true; self.countries.len()]),
            (
                "tuning half".to_owned(),
                self.countries
                    .iter()
                    .map(|(iso3, _)| in_tuning_half(iso3))
                    .collect(),
            ),
            (
                "other half".to_owned(),
                self.countries
                    .iter()
                    .map(|(iso3, _)| !in_tuning_half(iso3))
                    .collect(),
            ),
        ];
        for group in Group::ALL {
            regions.push((
                group.code().to_owned(),
                self.countries.iter().map(|(_, of)| of == group).collect(),
            ));
        }
        for (c, (iso3, _)) in self.countries.iter().enumerate() {
            regions.push((
                iso3.clone(),
                (0..self.countries.len()).map(|i| i == c).collect(),
            ));
        }
        let mut index: std::collections::BTreeMap<
            (Mode, i32, Variable, &'static str),
            Vec<&Forecast>,
        > = std::collections::BTreeMap::new();
        for forecast in &self.forecasts {
            index
                .entry((
                    forecast.mode,
                    forecast.lead,
                    forecast.variable,
                    forecast.method,
                ))
                .or_default()
                .push(forecast);
        }
        let mut origins: Vec<i32> = self
            .forecasts
            .iter()
            .map(|forecast| forecast.origin)
            .collect();
        origins.sort_unstable();
        origins.dedup();
        origins.insert(0, 0);
        regions
            .par_iter()
            .flat_map_iter(|(region, members)| {
                let mut scores = Vec::new();
                for (&(mode, lead, variable, method), forecasts) in &index {
                    let naive = &index[&(mode, lead, variable, "naive")];
                    for &origin in &origins {
                        let pick = |list: &[&Forecast]| -> Vec<Forecast> {
                            list.iter()
                                .filter(|f| {
                                    members[f.country] && (origin == 0 || f.origin == origin)
                                })
                                .map(|f| (*f).clone())
                                .collect()
                        };
                        let (own, reference) = (pick(forecasts), pick(naive));
                        if !own.is_empty() {
                            let key = (mode, origin, lead, region, variable, method);
                            scores.extend(metrics(key, &own, &reference));
                        }
                    }
                }
                scores
            })
            .collect()
    }

    /// The table `scores` of the interface.
    pub fn table(&self) -> Table {
        let scores = self.scores();
        let words = |of: &dyn Fn(&Score) -> String| crate::tables::words(scores.iter().map(of));
        let column = |name, unit, description, values| Column {
            name,
            unit,
            description,
            values,
        };
        Table {
            name: "scores",
            description: "Forecasts from earlier base years against the record, beside baselines",
            columns: vec![
                column(
                    "mode",
                    "",
                    "conditional: true income, prices and rules; ex_ante: only what was known",
                    words(&|s| s.mode.code().to_owned()),
                ),
                column(
                    "origin",
                    "",
                    "base year of the projection; 0 for all",
                    Values::Integers(scores.iter().map(|s| s.origin).collect()),
                ),
                column(
                    "lead",
                    "years",
                    "years ahead",
                    Values::Integers(scores.iter().map(|s| s.lead).collect()),
                ),
                column(
                    "region",
                    "",
                    "World, halves, groups, countries",
                    words(&|s| s.region.clone()),
                ),
                column(
                    "variable",
                    "",
                    "what is forecast",
                    words(&|s| s.variable.code().to_owned()),
                ),
                column(
                    "method",
                    "",
                    "kyoso or a baseline",
                    words(&|s| s.method.to_owned()),
                ),
                column(
                    "metric",
                    "",
                    "see docs/explanation/hindcast.md",
                    words(&|s| s.metric.to_owned()),
                ),
                column(
                    "value",
                    "",
                    "value of the metric",
                    Values::Reals(scores.iter().map(|s| s.value).collect()),
                ),
                column(
                    "n",
                    "",
                    "forecasts behind it",
                    Values::Integers(scores.iter().map(|s| s.n as i32).collect()),
                ),
            ],
        }
    }
}

type Key<'a> = (Mode, i32, i32, &'a String, Variable, &'static str);

fn metrics(
    (mode, origin, lead, region, variable, method): Key,
    own: &[Forecast],
    naive: &[Forecast],
) -> Vec<Score> {
    let column = |of: &dyn Fn(&Forecast) -> f64| own.iter().map(of).collect::<Vec<f64>>();
    let (forecast, actual) = (column(&|f| f.forecast), column(&|f| f.actual));
    let scaled = |of: &dyn Fn(&Forecast) -> f64| {
        let values: Vec<f64> = own
            .iter()
            .map(of)
            .filter(|value| value.is_finite())
            .collect();
        if values.is_empty() {
            f64::NAN
        } else {
            values.iter().sum::<f64>() / values.len() as f64
        }
    };
    let errors = |list: &[Forecast]| {
        list.iter()
            .map(|f| (f.forecast - f.actual).abs())
            .collect::<Vec<f64>>()
    };
    let same: Vec<Forecast> = own
        .iter()
        .filter_map(|f| {
            naive
                .iter()
                .find(|other| other.country == f.country && other.origin == f.origin)
                .cloned()
        })
        .collect();
    [
        ("mae", score::mean_absolute_error(&forecast, &actual)),
        (
            "mase",
            scaled(&|f| (f.forecast - f.actual).abs() / f.scale.0),
        ),
        (
            "rmsse",
            scaled(&|f| ((f.forecast - f.actual) / f.scale.1).powi(2)).sqrt(),
        ),
        (
            "smape",
            score::symmetric_percentage_error(&forecast, &actual),
        ),
        ("bias", score::bias(&forecast, &actual)),
        ("wins", score::share_of_wins(&errors(own), &errors(&same))),
    ]
    .into_iter()
    .map(|(metric, value)| Score {
        mode,
        origin,
        lead,
        region: region.clone(),
        variable,
        method,
        metric,
        value,
        n: own.len(),
    })
    .collect()
}
