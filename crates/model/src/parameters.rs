//! Parameters by path, as the pack gives them and as a scenario changes them.

use std::collections::BTreeMap;

use crate::input::Record;
use crate::scenario::{ParameterInfo, Reach, Setting};

/// Paths that end in a country code and default to the tables of the pack:
/// path, unit, lowest and highest value allowed, what it is.
pub const COUNTRY_PATHS: &[(&str, &str, f64, f64, &str)] = &[
    (
        "fuel_price.gasoline",
        "USD2023/l",
        0.001,
        20.0,
        "retail price of petrol",
    ),
    (
        "fuel_price.diesel",
        "USD2023/l",
        0.001,
        20.0,
        "retail price of diesel",
    ),
    (
        "fuel_price.electricity",
        "USD2023/kWh",
        0.0,
        5.0,
        "retail price of electricity",
    ),
    (
        "grid",
        "gCO2e/kWh",
        0.0,
        2000.0,
        "life-cycle emissions of electricity",
    ),
    ("population", "persons", 1.0, 5e9, "people"),
    (
        "gdp_per_head",
        "2021 intl$",
        100.0,
        1e6,
        "income at purchasing power",
    ),
    (
        "annual_km",
        "km/vehicle/year",
        100.0,
        100_000.0,
        "distance of a new light vehicle",
    ),
    (
        "incentive.BEV",
        "USD2023/vehicle",
        -100_000.0,
        100_000.0,
        "support to a buyer; negative is a charge",
    ),
    (
        "incentive.PHEV",
        "USD2023/vehicle",
        -100_000.0,
        100_000.0,
        "support to a buyer; negative is a charge",
    ),
    (
        "incentive.HEV",
        "USD2023/vehicle",
        -100_000.0,
        100_000.0,
        "support to a buyer; negative is a charge",
    ),
    (
        "chargers",
        "public points",
        0.0,
        1e9,
        "public charging points",
    ),
];

/// Families of parameters that fit the base year. A scenario begins after that, so it cannot set them:
/// tastes, for one, must be those under which the base-year shares were reproduced.
const FITTED: &[&str] = &[
    "adoption.country_shrinkage",
    "adoption.deviation_decay",
    "adoption.pace",
    "adoption.prior_years",
    "adoption.slowdown",
    "choice.income_exponent",
    "choice.market_elasticity",
    "choice.offer_elasticity",
    "choice.plug_in_taste_sd",
    "choice.powertrain_elasticity",
    "choice.size_taste_sd",
    "entry.arrival",
    "entry.bev_launch",
    "entry.first_year_discount",
    "ownership.adjustment",
    "ownership.alpha",
    "ownership.beta",
    "ownership.cycle_prior",
    "ownership.income_rebase",
    "ownership.record_years",
    "ownership.residual",
    "ownership.saturation",
    "price_level",
    "split",
    "stock",
    "survival",
    "tech.battery_size_2010",
    "tech.markup",
    "tech.price_income_elasticity",
    "trade.agreement_effect",
    "trade.base_utilisation",
    "trade.distance_elasticity",
    "trade.foreign_friction",
    "trade.near_km",
    "trade.off_line_weight",
    "trade.sourcing_elasticity",
    "used_trade.net_import_rate",
    "workforce.heavy_hours",
    "workforce.hours_a_year",
];

/// Families of parameters that are read every year: the others are read once a run.
const YEARLY: &[&str] = &[
    "adoption.laggard_catch_up",
    "battery.learning_rate",
    "battery.materials_floor",
    "chargers.elasticity",
    "cost",
    "entry.chinese_pace",
    "fuel",
    "quota.stock_growth",
    "trade.greatest_scarcity",
    "trade.idling_speed",
    "trade.localisation_pace",
];

/// When the model reads a parameter.
fn reach(path: &str) -> Reach {
    let among = |families: &[&str]| {
        families.iter().any(|family| {
            path.strip_prefix(family)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_']))
        })
    };
    if among(FITTED) {
        Reach::Calibration
    } else if among(YEARLY) {
        Reach::Year
    } else {
        Reach::Run
    }
}

/// One parameter of the pack.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Value in the pack.
    pub value: f64,
    /// Unit.
    pub unit: String,
    /// Lowest value allowed.
    pub low: f64,
    /// Highest value allowed.
    pub high: f64,
    /// Source key.
    pub source: String,
    /// Basis of the value.
    pub basis: String,
    /// What it is.
    pub note: String,
}

/// All parameters, with the settings of a scenario laid over them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    values: BTreeMap<String, Parameter>,
    settings: BTreeMap<String, Setting>,
}

impl Parameters {
    /// Parameters of the pack.
    pub fn from_record(record: &Record) -> Self {
        let table = record.table("parameters");
        let (path, unit, source) = (table.text("path"), table.text("unit"), table.text("source"));
        let (basis, note) = (table.text("basis"), table.text("note"));
        let (value, low, high) = (table.real("value"), table.real("low"), table.real("high"));
        let values = (0..table.rows())
            .map(|row| {
                let parameter = Parameter {
                    value: value[row],
                    unit: unit.get(row).to_owned(),
                    low: low[row],
                    high: high[row],
                    source: source.get(row).to_owned(),
                    basis: basis.get(row).to_owned(),
                    note: note.get(row).to_owned(),
                };
                (path.get(row).to_owned(), parameter)
            })
            .collect();
        Self {
            values,
            settings: BTreeMap::new(),
        }
    }

    /// The same parameters under the settings of a scenario.
    #[must_use]
    pub fn with(&self, settings: &[(String, Setting)]) -> Self {
        let mut changed = self.clone();
        changed.settings.extend(settings.iter().cloned());
        changed
    }

    /// Value of a parameter that does not depend on the year.
    ///
    /// # Panics
    /// If the pack lacks the path: a defect of the program, since the pack is checked to hold all.
    pub fn get(&self, path: &str) -> f64 {
        self.at(path, crate::ids::FIRST_YEAR)
    }

    /// Value of a parameter in a year.
    ///
    /// # Panics
    /// As [`Parameters::get`].
    pub fn at(&self, path: &str, year: i32) -> f64 {
        self.setting(path, year)
            .or_else(|| self.values.get(path).map(|parameter| parameter.value))
            .unwrap_or_else(|| panic!("the pack has no parameter `{path}`"))
    }

    /// Value of `path.member` if there is one, of `path.fallback` otherwise.
    pub fn of_member(&self, path: &str, member: &str, fallback: &str) -> f64 {
        let own = format!("{path}.{member}");
        if self.values.contains_key(&own) || self.settings.contains_key(&own) {
            self.get(&own)
        } else {
            self.get(&format!("{path}.{fallback}"))
        }
    }

    /// What a scenario sets for a path in a year, if anything.
    pub fn setting(&self, path: &str, year: i32) -> Option<f64> {
        self.settings.get(path).map(|setting| setting.at(year))
    }

    /// True if a scenario sets a path that begins like this.
    pub fn sets(&self, prefix: &str) -> bool {
        self.settings.keys().any(|path| path.starts_with(prefix))
    }

    /// The parameter of the pack with this path.
    pub fn find(&self, path: &str) -> Option<&Parameter> {
        self.values.get(path)
    }

    /// Every path that a scenario may set, with unit and range.
    pub fn catalogue(&self) -> Vec<ParameterInfo> {
        let plain = self.values.iter().map(|(path, parameter)| ParameterInfo {
            path: path.clone(),
            unit: parameter.unit.clone(),
            low: parameter.low,
            high: parameter.high,
            by_country: false,
            reach: reach(path),
            description: parameter.note.clone(),
        });
        let by_country = COUNTRY_PATHS
            .iter()
            .map(|(path, unit, low, high, description)| ParameterInfo {
                path: (*path).to_owned(),
                unit: (*unit).to_owned(),
                low: *low,
                high: *high,
                by_country: true,
                reach: Reach::Year,
                description: (*description).to_owned(),
            });
        plain.chain(by_country).collect()
    }
}
