//! Three results to look at before any other (model.md section 13): the market of 2023, Thailand without its incentives, and prices
//! that leave a cost.
//!
//! The record of China's segments holds passenger cars alone, so the model spreads light trucks and vans among them: its share of plug-ins
//! among cars there is lower than the recorded one, which is shown.

use super::MarketConduct;
use crate::calibrate::Base;
use crate::counterfactual::{Counterfactual, Side};
use crate::ids::{Origin, Powertrain, Segment, year_index};
use crate::input::{Record, RecordTable};
use crate::world::World;

/// A result and the range in which it must lie.
#[derive(Debug, Clone, PartialEq)]
pub struct Landmark {
    /// Which of the three.
    pub group: &'static str,
    /// What it is.
    pub name: &'static str,
    /// Unit.
    pub unit: &'static str,
    /// Value.
    pub value: f64,
    /// Least and greatest value at which the model is believed.
    pub range: (f64, f64),
}

impl Landmark {
    /// Does the value lie in its range?
    pub fn holds(&self) -> bool {
        (self.range.0..=self.range.1).contains(&self.value)
    }
}

/// Segments that are cars.
fn is_car(segment: u8) -> bool {
    !matches!(
        Segment::ALL[segment as usize],
        Segment::Pickup | Segment::Van
    )
}

/// Share of plug-ins among new cars of the world in the base year.
fn plug_ins_among_cars(world: &World, base: &Base) -> f64 {
    let t = year_index(world.base_year);
    let (mut plugs, mut cars) = (0.0, 0.0);
    for c in 0..world.countries.len() {
        for j in base
            .offers
            .of(c)
            .filter(|&j| is_car(base.offers.segment[j]))
        {
            let units = base.offers.base_share[j] * world.light_sales(c, t);
            cars += units;
            if Powertrain::ALL[base.offers.powertrain[j] as usize].is_plug_in() {
                plugs += units;
            }
        }
    }
    plugs / cars
}

/// Share of plug-ins among new passenger cars of a country in the record of the base year.
fn recorded_plug_ins_among_cars(record: &Record, iso3: &str, year: i32) -> f64 {
    let sum = |table: &str, pass: &dyn Fn(&RecordTable, usize) -> bool| -> f64 {
        let table = record.table(table);
        (0..table.rows())
            .filter(|&row| table.integer("year")[row] == year)
            .filter(|&row| table.text("iso3").get(row) == iso3 && pass(table, row))
            .map(|row| table.real("units")[row])
            .sum()
    };
    let plugs = sum("electrified", &|table, row| {
        table.text("vehicle_class").get(row) == "car"
            && table.text("measure").get(row) == "sales"
            && matches!(table.text("powertrain").get(row), "BEV" | "PHEV")
    });
    plugs
        / sum("sales", &|table, row| {
            table.text("vehicle_class").get(row) == "passenger"
        })
}

/// Units of a country's battery-electric offers that pass, recorded and solved again.
fn electric(
    base: &Base,
    found: &Counterfactual,
    c: usize,
    of: impl Fn(&Side) -> f64,
    pass: impl Fn(usize) -> bool,
) -> [f64; 2] {
    let country = &found.countries[c];
    let mut sums = [0.0; 2];
    for (k, j) in base.offers.of(c).enumerate() {
        if base.offers.powertrain[j] as usize == Powertrain::BatteryElectric.index() && pass(j) {
            sums[0] += of(&country.recorded[k]);
            sums[1] += of(&country.solved[k]);
        }
    }
    sums
}

/// The three results. `without` is Thailand without the whole scheme, `without_cut` without its cut of duty alone.
pub fn landmarks(
    record: &Record,
    world: &World,
    base: &Base,
    markets: &[MarketConduct],
    without: &Counterfactual,
    without_cut: &Counterfactual,
) -> Vec<Landmark> {
    let t = year_index(world.base_year);
    let mut found = Vec::new();
    let mut say = |group, name, unit, value, range| {
        found.push(Landmark {
            group,
            name,
            unit,
            value,
            range,
        });
    };
    let of_world: f64 = (0..world.countries.len())
        .map(|c| world.sales[(c, t)])
        .sum();
    say(
        "2023",
        "world, new vehicles",
        "million",
        of_world * 1e-6,
        (88.2, 88.4),
    );
    if let Some(china) = world.country("CHN") {
        let sales = world.sales[(china, t)] * 1e-6;
        say(
            "2023",
            "China, new vehicles",
            "million",
            sales,
            (25.15, 25.25),
        );
        let share = 100.0 * recorded_plug_ins_among_cars(record, "CHN", world.base_year);
        let name = "China, plug-ins among passenger cars";
        say("2023", name, "%", share, (36.5, 38.5));
    }
    let share = 100.0 * plug_ins_among_cars(world, base);
    say(
        "2023",
        "world, plug-ins among cars",
        "%",
        share,
        (17.0, 19.0),
    );

    if let Some(thailand) = world.country("THA") {
        let thai = "Thailand without EV3.0";
        let [recorded, solved] = electric(base, without, thailand, |side| side.units, |_| true);
        say(
            thai,
            "battery-electric, recorded",
            "vehicles",
            recorded,
            (76_161.0, 76_921.0),
        );
        say(
            thai,
            "battery-electric, solved again",
            "vehicles",
            solved,
            (42_000.0, 58_000.0),
        );
        let chinese = |j: usize| base.offers.origin[j] as usize == Origin::China.index();
        let [with, cut] = electric(base, without_cut, thailand, |side| side.duty_usd, chinese);
        let name = "duty on a Chinese maker's, change where the cut alone ends";
        say(thai, name, "USD", cut - with, (-0.01, 0.01));
    }

    let costs = "prices leave a cost";
    let lowest = markets
        .iter()
        .map(|market| market.lowest_cost_ratio)
        .fold(f64::INFINITY, f64::min);
    say(
        costs,
        "least marginal cost over producer price",
        "",
        lowest,
        (0.05, 1.0),
    );
    let mut margins: Vec<f64> = (0..base.offers.maker.len())
        .filter(|&j| base.offers.base_share[j] > 0.0)
        .map(|j| 1.0 - base.prices.marginal_cost_usd[j] / base.prices.producer_price_usd[j])
        .collect();
    margins.sort_by(f64::total_cmp);
    let median = margins.get(margins.len() / 2).copied().unwrap_or(f64::NAN);
    say(
        costs,
        "median margin over producer price (Lerner)",
        "",
        median,
        (0.25, 0.35),
    );
    let highest = markets
        .iter()
        .map(|market| market.median_margin)
        .fold(0.0, f64::max);
    say(
        costs,
        "highest median of a country",
        "",
        highest,
        (0.0, 0.45),
    );
    // Per cent of sales lost for a per cent on all prices.
    let fall = |market: &MarketConduct| -market.market_elasticity;
    let units = |market: &&MarketConduct| world.light_sales(market.country, t);
    let light: f64 = markets.iter().map(|market| units(&market)).sum();
    let lost: f64 = markets
        .iter()
        .map(|market| fall(market) * units(&market))
        .sum();
    let name = "world sales lost where all prices rise by 1 %";
    say(costs, name, "%", lost / light, (0.5, 1.5));
    let within: f64 = markets
        .iter()
        .filter(|market| (0.5..=1.5).contains(&fall(market)))
        .map(|market| units(&market))
        .sum();
    let name = "sales of countries where 0.5 to 1.5 % are lost";
    say(costs, name, "%", 100.0 * within / light, (99.0, 100.0));
    found
}
