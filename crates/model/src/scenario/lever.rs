//! Levers: measures of cooperation as a scenario names them, and what each kind needs.

use std::fmt::Write;

use super::{Setting, quoted};

/// One yen of 2023 in dollars of 2023.
pub const USD_PER_YEN: f64 = 1.0 / 140.5;

/// What a key of a lever may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expects {
    /// Any text.
    Text,
    /// One of a list.
    OneOf(&'static [&'static str]),
    /// Code of a country.
    Country,
    /// A number within a range.
    Number(f64, f64),
}

/// A key beside size, countries, years and payer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeverKey {
    /// Key in the file.
    pub name: &'static str,
    /// What it may hold.
    pub expects: Expects,
    /// Unit; empty for words.
    pub unit: &'static str,
    /// Value where none is given; NaN where a value is needed, or the key is a word.
    pub default: f64,
    /// True if a word is needed.
    pub required: bool,
    /// One sentence.
    pub description: &'static str,
}

/// What spending is counted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostBase {
    /// Unit cost times size: known before the run.
    Size,
    /// Unit cost times size times vehicles made in the countries.
    VehiclesMade,
    /// Unit cost times size times packs that leave use, kWh.
    PacksReturned,
    /// Unit cost times vehicles bought that the lever names; size is the unit cost itself.
    VehiclesBought,
    /// Size times unit cost times vehicles made in the countries that the lever names; size is money a vehicle.
    VehiclesBuilt,
    /// Added biofuel, GJ, times unit cost.
    FuelAdded,
    /// Nothing is paid.
    Nothing,
}

/// A kind of lever: data that reading, schema and documents share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeverKind {
    /// Name in the file.
    pub name: &'static str,
    /// Key of the size.
    pub size: &'static str,
    /// Unit of the size.
    pub unit: &'static str,
    /// Least and greatest size.
    pub range: (f64, f64),
    /// Further keys.
    pub keys: &'static [LeverKey],
    /// True if someone must pay.
    pub needs_payer: bool,
    /// What spending is counted on.
    pub cost_base: CostBase,
    /// Unit cost, USD 2023: default, least, greatest.
    pub unit_cost: (f64, f64, f64),
    /// What it does, with the equation.
    pub effect: &'static str,
    /// What it rests on.
    pub evidence: &'static str,
    /// Part of the model that reads it.
    pub acts_in: &'static str,
    /// Field of cooperation that it belongs to: levers of one field are taken together unless a user groups them.
    pub field: &'static str,
}

const fn number(
    name: &'static str,
    unit: &'static str,
    low: f64,
    high: f64,
    default: f64,
    description: &'static str,
) -> LeverKey {
    LeverKey {
        name,
        expects: Expects::Number(low, high),
        unit,
        default,
        required: false,
        description,
    }
}

const fn word(
    name: &'static str,
    list: &'static [&'static str],
    required: bool,
    description: &'static str,
) -> LeverKey {
    LeverKey {
        name,
        expects: if list.is_empty() {
            Expects::Text
        } else {
            Expects::OneOf(list)
        },
        unit: "",
        default: f64::NAN,
        required,
        description,
    }
}

const fn country(name: &'static str, description: &'static str) -> LeverKey {
    LeverKey {
        name,
        expects: Expects::Country,
        unit: "",
        default: f64::NAN,
        required: false,
        description,
    }
}

const SKILL_WORDS: &[&str] = &[
    "mechanical",
    "electrified powertrain and battery",
    "software",
    "production engineering",
];
const POWERTRAIN_WORDS: &[&str] = &[
    "ICE-gasoline",
    "ICE-diesel",
    "flex-fuel",
    "CNG",
    "HEV",
    "PHEV",
    "BEV",
    "FCEV",
];
const SEGMENT_WORDS: &[&str] = &["small", "medium", "suv", "mpv", "pickup", "van"];
const CHEMISTRY_WORDS: &[&str] = &["LFP", "sodium-ion", "solid-state"];
const FUEL_WORDS: &[&str] = &["ethanol", "biodiesel", "hvo"];

/// Every kind, in the order of the documents.
pub const KINDS: &[LeverKind] = &[
    LeverKind {
        name: "training",
        size: "seats",
        unit: "seats a year and country",
        range: (0.0, 5e6),
        keys: &[
            word("skill", SKILL_WORDS, true, "what is taught"),
            number(
                "completion",
                "fraction",
                0.0,
                1.0,
                0.85,
                "part of seats that complete the course",
            ),
            number(
                "retention",
                "fraction",
                0.0,
                1.0,
                0.8,
                "part of graduates who stay in the industry",
            ),
        ],
        needs_payer: true,
        cost_base: CostBase::Size,
        unit_cost: (1500.0, 0.0, 100_000.0),
        effect: "graduates = seats x completion x retention join the skilled stock; output and cost move only through the gap",
        evidence: "a course of 2-4 weeks costs 300-5,000 USD, a trainer's stay in Japan 8,000-25,000 (own estimate); Thai programme of 2005: 10,000 people in ten years; no trainee count of the strategy is on record",
        acts_in: "people",
        field: "talent",
    },
    LeverKind {
        name: "measured_co2",
        size: "share",
        unit: "fraction of plants",
        range: (0.0, 1.0),
        keys: &[],
        needs_payer: false,
        cost_base: CostBase::VehiclesMade,
        unit_cost: (2.0, 0.0, 1000.0),
        effect: "plant energy x (1 - saving x share), saving = making.measured_saving",
        evidence: "energy management systems save 5-11 % in their first years (recalled); the strategy names measurement without a rate",
        acts_in: "clean manufacturing",
        field: "clean plants",
    },
    LeverKind {
        name: "renewable_power",
        size: "share",
        unit: "fraction of plant electricity",
        range: (0.0, 1.0),
        keys: &[],
        needs_payer: false,
        cost_base: CostBase::VehiclesMade,
        unit_cost: (0.0, -100.0, 1000.0),
        effect: "grid at the plant x (1 - share)",
        evidence: "0.2-0.8 t CO2 a vehicle in Thailand if fully matched; -60 to 40 USD/t CO2 (own estimate); rooftops alone cover 10-30 %",
        acts_in: "clean manufacturing",
        field: "clean plants",
    },
    LeverKind {
        name: "heat_electrification",
        size: "share",
        unit: "fraction of plant heat",
        range: (0.0, 1.0),
        keys: &[],
        needs_payer: false,
        cost_base: CostBase::VehiclesMade,
        unit_cost: (30.0, 0.0, 1000.0),
        effect: "gas x (1 - share) + power x share / making.heat_pump_factor",
        evidence: "40-250 USD/t CO2 (own estimate); on a coal grid it can raise emissions",
        acts_in: "clean manufacturing",
        field: "clean plants",
    },
    LeverKind {
        name: "low_carbon_steel",
        size: "share",
        unit: "fraction of steel",
        range: (0.0, 1.0),
        keys: &[],
        needs_payer: false,
        cost_base: CostBase::VehiclesMade,
        unit_cost: (162.0, 0.0, 2000.0),
        effect: "steel factor x (1 - making.low_carbon_steel_cut x share)",
        evidence: "ICCT (2024): 95 % less, 100-200 EUR a vehicle; 57 EUR at 40 % (Transport and Environment)",
        acts_in: "clean manufacturing",
        field: "clean plants",
    },
    LeverKind {
        name: "joint_procurement",
        size: "share",
        unit: "fraction of minerals bought jointly",
        range: (0.0, 1.0),
        keys: &[],
        needs_payer: false,
        cost_base: CostBase::Nothing,
        unit_cost: (0.0, 0.0, 0.0),
        effect: "members pay content x (1 - d share), d = d_max v / (v + v_half) with v their joint part of the world's need; purchases from the largest refiner fall",
        evidence: "none on record for battery minerals: 5 % (0-15 %) at most is an assumption to be varied",
        acts_in: "minerals",
        field: "minerals and batteries",
    },
    LeverKind {
        name: "recycling",
        size: "share",
        unit: "added collection rate",
        range: (0.0, 0.95),
        keys: &[],
        needs_payer: false,
        cost_base: CostBase::PacksReturned,
        unit_cost: (10.0, 0.0, 200.0),
        effect: "collection = min(0.95, rate + share); recovered minerals lower what is mined, and the price",
        evidence: "EU regulation 2023/1542: lithium 50 % by 2027 and 80 % by 2031, nickel, cobalt, copper 90-95 % (recalled); cost 5-20 USD/kWh (estimate)",
        acts_in: "minerals",
        field: "minerals and batteries",
    },
    LeverKind {
        name: "chemistry",
        size: "share",
        unit: "fraction of nickel-based packs",
        range: (0.0, 1.0),
        keys: &[word(
            "to",
            CHEMISTRY_WORDS,
            true,
            "chemistry that takes their place",
        )],
        needs_payer: false,
        cost_base: CostBase::Nothing,
        unit_cost: (0.0, 0.0, 0.0),
        effect: "share of each nickel-based chemistry moves to another: needs of minerals and the mineral cost of a pack follow; range and mass do not",
        evidence: "China sells half of its electric cars with iron phosphate, Japan 2 % (2023)",
        acts_in: "minerals",
        field: "minerals and batteries",
    },
    LeverKind {
        name: "biofuel",
        size: "blend",
        unit: "volume share",
        range: (0.0, 1.0),
        keys: &[word("fuel", FUEL_WORDS, true, "biofuel")],
        needs_payer: false,
        cost_base: CostBase::FuelAdded,
        unit_cost: (10.0, -50.0, 200.0),
        effect: "blend = min(max(mandate, blend), feedstock potential over last year's fuel)",
        evidence: "potentials and carbon by country in biofuel_supply; 10 USD/GJ above fossil fuel (estimate)",
        acts_in: "biofuels",
        field: "biofuels",
    },
    LeverKind {
        name: "joint_information",
        size: "usd_million",
        unit: "million USD 2023 a year and country",
        range: (0.0, 1e5),
        keys: &[
            word(
                "origin",
                &["JPN", "ASEAN"],
                false,
                "whose vehicles are told about: of Japanese makers built in ASEAN, or all built in ASEAN",
            ),
            number(
                "carry_over",
                "fraction",
                0.0,
                0.99,
                0.5,
                "part of goodwill that is left after a year",
            ),
            number(
                "elasticity",
                "",
                0.0,
                0.5,
                0.03,
                "elasticity of sales to all that is spent on telling about them",
            ),
            number(
                "usual_usd",
                "USD 2023 a vehicle",
                50.0,
                5000.0,
                400.0,
                "what makers spend on advertising as it is",
            ),
        ],
        needs_payer: true,
        cost_base: CostBase::Size,
        unit_cost: (1e6, 1e6, 1e6),
        effect: "goodwill G = carry_over G + usd; log sales of vehicles built in ASEAN gain elasticity x ln(1 + G / usual goodwill), usual goodwill = usual_usd x vehicles / (1 - carry_over)",
        evidence: "advertising elasticities of cars 0.01-0.1, carry-over half a year to two years, 300-1,000 USD of advertising a vehicle (recalled); the strategy names the field without a sum",
        acts_in: "demand",
        field: "joint information",
    },
    LeverKind {
        name: "launch",
        size: "price_usd",
        unit: "USD 2023 before tax",
        range: (1000.0, 500_000.0),
        keys: &[
            word("maker", &[], true, "maker by code"),
            word("segment", SEGMENT_WORDS, true, "segment"),
            word("powertrain", POWERTRAIN_WORDS, true, "powertrain"),
            country(
                "built_in",
                "country of the plant; the maker's usual plants where none is named",
            ),
            number(
                "discount",
                "log points",
                0.0,
                5.0,
                2.5,
                "appeal of an entrant below the maker's mean",
            ),
        ],
        needs_payer: false,
        cost_base: CostBase::Nothing,
        unit_cost: (0.0, 0.0, 0.0),
        effect: "the offer enters in its year at this producer price: its utility is the mean of the maker in the segment, else of the powertrain in the market, less the discount; afterwards it prices like any other",
        evidence: "announcements of makers; an entrant's first year sells 30-60 % of what comes later (own estimate)",
        acts_in: "offers",
        field: "models and plants",
    },
    LeverKind {
        name: "plant_investment",
        size: "capacity",
        unit: "vehicles a year, ordered in the year",
        range: (0.0, 5e6),
        keys: &[
            word("maker", &[], true, "maker by code"),
            word("powertrain", POWERTRAIN_WORDS, true, "powertrain"),
            number("lag", "years", 0.0, 8.0, 2.0, "from order to output"),
        ],
        needs_payer: true,
        cost_base: CostBase::Size,
        unit_cost: (6000.0, 0.0, 50_000.0),
        effect: "capacity is there after the lag, as far as people can man it, and the site builds the powertrain; weight of the site x (1 + capacity / capacity of before)^b; what is not used stands idle and shrinks",
        evidence: "announcements: 150 billion baht of Japanese makers in Thailand in five years; 4,000-10,000 USD a vehicle of yearly capacity (own estimate)",
        acts_in: "plants",
        field: "models and plants",
    },
    LeverKind {
        name: "purchase_incentive",
        size: "usd",
        unit: "USD 2023 a vehicle",
        range: (0.0, 50_000.0),
        keys: &[word("powertrain", POWERTRAIN_WORDS, true, "powertrain")],
        needs_payer: true,
        cost_base: CostBase::VehiclesBought,
        unit_cost: (1.0, 1.0, 1.0),
        effect: "support to the buyer of a vehicle, beside what rules give",
        evidence: "Li et al. (2017, 2020): 40 % of plug-in sales of the USA and over half of China's due to support",
        acts_in: "demand",
        field: "incentives and duties",
    },
    LeverKind {
        name: "production_incentive",
        size: "usd",
        unit: "USD 2023 a vehicle made",
        range: (0.0, 50_000.0),
        keys: &[word("powertrain", POWERTRAIN_WORDS, true, "powertrain")],
        needs_payer: true,
        cost_base: CostBase::VehiclesBuilt,
        unit_cost: (1.0, 1.0, 1.0),
        effect: "marginal cost less the amount on what the country builds; weight of its sites x (1 - usd / direct cost)^-theta",
        evidence: "credits of the United States for packs (45X): 45 USD/kWh (recalled); pass-through and sourcing follow from the model",
        acts_in: "prices and sourcing",
        field: "incentives and duties",
    },
    LeverKind {
        name: "infrastructure",
        size: "points",
        unit: "public chargers a year and country",
        range: (0.0, 5e6),
        keys: &[],
        needs_payer: true,
        cost_base: CostBase::Size,
        unit_cost: (3000.0, 100.0, 200_000.0),
        effect: "points are added to those that follow the fleet",
        evidence: "Li et al. (2017), Springel (2021): money for stations moves sales more than the same money for buyers",
        acts_in: "demand",
        field: "incentives and duties",
    },
    LeverKind {
        name: "tariff",
        size: "points",
        unit: "fraction of the customs value, on top of the duty; negative takes off",
        range: (-1.0, 2.0),
        keys: &[
            word(
                "origin",
                &["JPN", "CHN", "KOR", "EUR", "USA", "ASEAN", "IND", "any"],
                true,
                "where the vehicles are built",
            ),
            word(
                "powertrain",
                POWERTRAIN_WORDS,
                false,
                "powertrain; all where none is given",
            ),
        ],
        needs_payer: false,
        cost_base: CostBase::Nothing,
        unit_cost: (0.0, 0.0, 0.0),
        effect: "a rule is added: duty' = max(0, duty + points), in prices of the year and in sourcing",
        evidence: "published tariffs; elasticity of sourcing 7.7 (Head and Mayer 2019)",
        acts_in: "rules",
        field: "incentives and duties",
    },
];

/// The kind with a name.
pub fn kind_of(name: &str) -> Option<&'static LeverKind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// A lever of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Lever {
    /// Name for tables and attribution; the kind with its place where the file gives none.
    pub name: String,
    /// Kind.
    pub kind: &'static LeverKind,
    /// Countries by code, sorted; groups are written out.
    pub countries: Vec<String>,
    /// Size over years; nothing before its first year.
    pub size: Setting,
    /// First and last year in which it acts.
    pub years: (i32, i32),
    /// Who pays: a country code, `makers`, or any other name; empty where nobody does.
    pub payer: String,
    /// USD 2023 a unit.
    pub unit_cost_usd: f64,
    /// Words by key.
    pub words: Vec<(&'static str, String)>,
    /// Numbers by key.
    pub numbers: Vec<(&'static str, f64)>,
    /// File, line and column where it stands.
    pub place: (String, usize, usize),
}

impl Lever {
    /// Size in a year; nothing outside its years.
    pub fn size_in(&self, year: i32) -> f64 {
        if (self.years.0..=self.years.1).contains(&year) {
            self.size.at(year)
        } else {
            0.0
        }
    }

    /// True if it has a size in some year up to the horizon.
    pub fn acts(&self, horizon: i32) -> bool {
        (self.years.0..=self.years.1.min(horizon)).any(|year| self.size_in(year) != 0.0)
    }

    /// As it stands in a file.
    pub(super) fn written(&self) -> String {
        let countries: Vec<String> = self.countries.iter().map(|code| quoted(code)).collect();
        let mut text = format!(
            "\n[[lever]]\nname = {}\nkind = {}\ncountries = [{}]\n{} = {}\nfrom = {}\nuntil = {}\n",
            quoted(&self.name),
            quoted(self.kind.name),
            countries.join(", "),
            self.kind.size,
            self.size.written(),
            self.years.0,
            self.years.1
        );
        if !self.payer.is_empty() {
            let _ = writeln!(text, "payer = {}", quoted(&self.payer));
        }
        let _ = writeln!(text, "unit_cost = {:?}", self.unit_cost_usd);
        for (key, word) in &self.words {
            let _ = writeln!(text, "{key} = {}", quoted(word));
        }
        for (key, value) in &self.numbers {
            let _ = writeln!(text, "{key} = {value:?}");
        }
        text
    }

    /// A word of the lever.
    pub fn word(&self, key: &str) -> Option<&str> {
        self.words
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, word)| word.as_str())
    }

    /// A number of the lever.
    pub fn number(&self, key: &str) -> f64 {
        self.numbers
            .iter()
            .find(|(name, _)| *name == key)
            .map_or(f64::NAN, |(_, value)| *value)
    }
}

/// Money that a payer may spend on levers.
#[derive(Debug, Clone, PartialEq)]
pub struct Budget {
    /// Payer, as levers name it.
    pub payer: String,
    /// USD 2023 over its years.
    pub total_usd: f64,
    /// First and last year.
    pub years: (i32, i32),
    /// File, line and column where it stands.
    pub place: (String, usize, usize),
}

impl Budget {
    /// As it stands in a file.
    pub(super) fn written(&self) -> String {
        format!(
            "\n[[budget]]\npayer = {}\nusd_million = {:?}\nfrom = {}\nuntil = {}\n",
            quoted(&self.payer),
            self.total_usd / 1e6,
            self.years.0,
            self.years.1
        )
    }
}
