//! Minerals, people, making and biofuels on the pack that ships: the books close, the record is met, each lever has
//! its sign, saturates, and does nothing at size zero.

mod common;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use common::{model, record};
use kyoso_model::calibrate::Base;
use kyoso_model::ids::{Biofuel, Mineral, Powertrain, Skill, year_index};
use kyoso_model::measures::Measures;
use kyoso_model::results::Results;
use kyoso_model::run::{self, Outcome};
use kyoso_model::scenario::{Scenario, Shelf, Vocabulary};
use kyoso_model::step::workforce;
use kyoso_model::tables::Table;
use kyoso_model::world::World;

struct Set {
    world: &'static World,
    base: &'static Base,
    vocabulary: Vocabulary,
}

fn set() -> &'static Set {
    static SET: OnceLock<Set> = OnceLock::new();
    SET.get_or_init(|| {
        let (world, base) = model();
        let vocabulary = Vocabulary {
            parameters: world.parameters.catalogue(),
            countries: world
                .countries
                .iter()
                .map(|country| country.iso3.clone())
                .collect(),
            groups: BTreeMap::from([(
                "ASEAN".to_owned(),
                vec!["IDN".to_owned(), "THA".to_owned()],
            )]),
            variables: Vec::new(),
            regions: Vec::new(),
            rules: None,
            base_year: world.base_year,
        };
        Set {
            world,
            base,
            vocabulary,
        }
    })
}

/// A scenario to 2030 from the text of its levers.
fn scenario(levers: &str) -> Scenario {
    let text = format!("name = \"test\"\nhorizon = 2030\n{levers}");
    let shelf = Shelf(BTreeMap::from([("test".to_owned(), text)]));
    Scenario::load("test", &shelf, &set().vocabulary)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn lever(kind: &str, countries: &str, rest: &str) -> String {
    format!("[[lever]]\nkind = \"{kind}\"\ncountries = [{countries}]\n{rest}\n")
}

fn project(scenario: &Scenario) -> Outcome {
    run::run(set().world, set().base, scenario).expect("it converges")
}

fn baseline() -> &'static Outcome {
    static BASELINE: OnceLock<Outcome> = OnceLock::new();
    BASELINE.get_or_init(|| project(&scenario("")))
}

fn tables(scenario: &Scenario, outcome: &Outcome) -> Vec<Table> {
    let Set { world, base, .. } = set();
    Results {
        world,
        base,
        scenario,
        outcome,
    }
    .tables()
}

fn country(iso3: &str) -> usize {
    set().world.country(iso3).expect("a known country")
}

#[test]
fn packs_and_vehicles_balance() {
    let (world, base, scenario) = (set().world, set().base, scenario(""));
    let results = Results {
        world,
        base,
        scenario: &scenario,
        outcome: baseline(),
    };
    for balance in results.balances() {
        assert!(balance.holds(), "{}: {}", balance.name, balance.residual);
    }
}

#[test]
fn workers_of_the_base_year_lie_within_their_counts() {
    let Set { world, base, .. } = set();
    let needed = workforce::needed(
        world,
        &world.parameters,
        &base.labour,
        &base.made,
        world.base_year,
    );
    for iso3 in [
        "THA", "IDN", "MYS", "JPN", "DEU", "USA", "CHN", "IND", "MEX",
    ] {
        let c = country(iso3);
        let (low, high) = world.resources.labour.jobs[c].expect("a count is on record");
        let workers: f64 = needed.row(c).iter().sum();
        assert!(
            low <= workers * (1.0 + 1e-9) && workers <= high * (1.0 + 1e-9),
            "{iso3}: {low} {workers} {high}"
        );
    }
    // Work a vehicle falls with income.
    assert!(base.labour.income_elasticity < -0.2);
}

#[test]
fn mines_and_prices_of_the_base_year_are_the_record() {
    let minerals = &set().world.resources.minerals;
    let lithium = Mineral::Lithium.index();
    let mined: f64 = minerals.mined.row(lithium).iter().sum();
    assert!((mined + minerals.mined_elsewhere[lithium] - 184_680.0).abs() < 1.0);
    assert!((minerals.mined[(Mineral::Nickel.index(), country("IDN"))] - 2_030_000.0).abs() < 1.0);
    assert!((minerals.price[lithium] - 219_840.0).abs() < 1.0);
    // The mineral content of the mean pack of 2023 lies in the range of the literature.
    let outcome = baseline();
    let content = outcome.years[0].industry.minerals.content_usd_per_kwh;
    assert!((22.0..40.0).contains(&content), "{content} USD/kWh");
}

#[test]
fn levers_of_size_zero_change_nothing_to_the_last_bit() {
    let zero = scenario(
        &[
            lever(
                "training",
                "\"THA\"",
                "skill = \"software\"\nseats = 0\npayer = \"JPN\"",
            ),
            lever(
                "renewable_power",
                "\"THA\"",
                "share = { 2025 = 0, 2030 = 0.0 }",
            ),
            lever("recycling", "\"ASEAN\"", "share = 0"),
            lever("chemistry", "\"THA\"", "share = 0\nto = \"LFP\""),
            lever("joint_procurement", "\"ASEAN\"", "share = 0"),
            lever("biofuel", "\"THA\"", "blend = 0\nfuel = \"ethanol\""),
            lever(
                "purchase_incentive",
                "\"THA\"",
                "usd = 0\npowertrain = \"BEV\"\npayer = \"THA\"",
            ),
            lever("infrastructure", "\"THA\"", "points = 0\npayer = \"THA\""),
        ]
        .concat(),
    );
    assert_eq!(zero.levers.len(), 8);
    let outcome = project(&zero);
    let plain = scenario("");
    for (a, b) in tables(&zero, &outcome)
        .iter()
        .zip(&tables(&plain, baseline()))
    {
        assert_eq!(format!("{a:?}"), format!("{b:?}"), "table {}", a.name);
    }
}

/// A year of people in which Thailand makes so many times the electrified vehicles of the base year, with graduates
/// of every skill.
fn people(graduates: f64, times: f64) -> (workforce::LabourYear, workforce::LabourState) {
    let Set { world, base, .. } = set();
    let thailand = country("THA");
    let mut made = base.made.clone();
    for f in [
        Powertrain::BatteryElectric,
        Powertrain::PlugInHybrid,
        Powertrain::Hybrid,
    ] {
        made.light[(thailand, f.index())] *= times;
    }
    let mut measures = Measures::none(world.countries.len());
    for of_skill in &mut measures.graduates {
        of_skill[(thailand, year_index(2024))] = graduates;
    }
    let start = workforce::initial(world, &base.labour, &base.made);
    workforce::workforce(
        world,
        &world.parameters,
        &measures,
        &base.labour,
        2024,
        &start,
        &made,
    )
}

#[test]
fn training_acts_through_the_gap_alone() {
    let (thailand, electrified) = (country("THA"), Skill::Electrified.index());
    let electric = Powertrain::BatteryElectric.index();
    let of = |graduates: f64, times: f64| people(graduates, times).1;
    let (gap, some, full, more) = (of(0.0, 4.0), of(3000.0, 4.0), of(2e5, 4.0), of(4e5, 4.0));
    let factor = |state: &workforce::LabourState| state.unit_cost_factor[(thailand, electric)];
    assert!(
        factor(&gap) > factor(&some) && factor(&some) > 1.0,
        "{} {}",
        factor(&gap),
        factor(&some)
    );
    assert!(gap.most_units[(thailand, electric)] < some.most_units[(thailand, electric)]);
    // Once the gap is closed more seats do nothing.
    assert_eq!(factor(&full).to_bits(), 1.0_f64.to_bits());
    assert_eq!(factor(&full).to_bits(), factor(&more).to_bits());
    assert!(full.most_units[(thailand, electric)].is_infinite());
    // Without a gap seats move neither cost nor output, to the last bit.
    let (idle, taught) = (of(0.0, 1.0), of(5000.0, 1.0));
    assert_eq!(
        format!("{:?}", idle.unit_cost_factor),
        format!("{:?}", taught.unit_cost_factor)
    );
    assert_eq!(
        format!("{:?}", idle.most_units),
        format!("{:?}", taught.most_units)
    );
    assert!(taught.available[(thailand, electrified)] >= idle.available[(thailand, electrified)]);
}

#[test]
fn recycling_brings_minerals_back_and_saturates() {
    let of = |share: f64| {
        let outcome = project(&scenario(&lever(
            "recycling",
            "\"CHN\"",
            &format!("share = {share}"),
        )));
        let last = outcome.years.last().expect("a year");
        (
            last.industry.minerals.recovered[(country("CHN"), Mineral::Nickel.index())],
            last.industry.minerals.price[Mineral::Nickel.index()],
            last.industry
                .spending
                .iter()
                .map(|(_, _, million)| million)
                .sum::<f64>(),
        )
    };
    let plain = baseline().years.last().expect("a year");
    let before = plain.industry.minerals.recovered[(country("CHN"), Mineral::Nickel.index())];
    let (some, full, beyond) = (of(0.2), of(0.45), of(0.6));
    assert!(some.0 > 1.2 * before && full.0 > some.0);
    assert!(some.1 < plain.industry.minerals.price[Mineral::Nickel.index()]);
    assert!(
        (full.0 / beyond.0 - 1.0).abs() < 1e-3,
        "collection ends at 95 %"
    );
    assert!(some.2 > 0.0 && full.2 > some.2);
}

#[test]
fn chemistry_moves_nickel_and_joint_purchases_save_less_and_less() {
    let china = country("CHN");
    let outcome = project(&scenario(&lever(
        "chemistry",
        "\"CHN\"",
        "share = 0.5\nto = \"LFP\"",
    )));
    let need = |outcome: &Outcome, mineral: Mineral| {
        outcome.years[3].industry.minerals.needed[(china, mineral.index())]
    };
    assert!(need(&outcome, Mineral::Nickel) < 0.6 * need(baseline(), Mineral::Nickel));
    assert!(need(&outcome, Mineral::Lithium) < 1.02 * need(baseline(), Mineral::Lithium));
    assert!(
        outcome.years[3].industry.minerals.saving_usd_per_kwh[china] > 0.0,
        "iron is cheaper than nickel"
    );

    let saving = |countries: &str| {
        let outcome = project(&scenario(&lever(
            "joint_procurement",
            countries,
            "share = 1.0",
        )));
        outcome.years[3].industry.minerals.saving_usd_per_kwh[country("THA")]
    };
    let (alone, many) = (
        saving("\"THA\""),
        saving("\"THA\", \"CHN\", \"USA\", \"DEU\", \"JPN\""),
    );
    let content = baseline().years[3].industry.minerals.content_usd_per_kwh;
    assert!(0.0 < alone && alone < many, "{alone} {many}");
    assert!(
        many < 0.05 * 2.0 * content,
        "never more than the greatest discount"
    );
}

#[test]
fn clean_making_lowers_the_carbon_of_the_plant_and_ends_at_all_of_it() {
    let thailand = country("THA");
    let making = |levers: &str| {
        let outcome = project(&scenario(levers));
        outcome.years[3].industry.making_mt[thailand]
    };
    let before = baseline().years[3].industry.making_mt[thailand];
    for (kind, stage) in [
        ("measured_co2", 0),
        ("renewable_power", 0),
        ("low_carbon_steel", 1),
    ] {
        let half = making(&lever(kind, "\"THA\"", "share = 0.5"));
        let all = making(&lever(kind, "\"THA\"", "share = 1.0"));
        let twice = making(
            &[
                lever(kind, "\"THA\"", "share = 1.0"),
                lever(kind, "\"THA\"", "share = 0.7"),
            ]
            .concat(),
        );
        assert!(
            half[stage] < before[stage] && all[stage] < half[stage],
            "{kind}"
        );
        assert!(
            (twice[stage] / all[stage] - 1.0).abs() < 1e-6,
            "{kind}: no more than all"
        );
    }
    // Heat from the Thai grid is no cleaner than gas; from renewable power it is.
    let clean = making(
        &[
            lever("renewable_power", "\"THA\"", "share = 1.0"),
            lever("heat_electrification", "\"THA\"", "share = 1.0"),
        ]
        .concat(),
    );
    assert!(clean[0] < 0.05 * before[0]);
    let heat = |levers: &[f64]| {
        let shares = levers.iter().map(|share| {
            lever(
                "heat_electrification",
                "\"THA\"",
                &format!("share = {share:?}"),
            )
        });
        let power = lever("renewable_power", "\"THA\"", "share = 1.0");
        making(&(power + &shares.collect::<String>()))[0]
    };
    let (half, twice) = (heat(&[0.5]), heat(&[1.0, 0.7]));
    assert!(half < heat(&[]) && clean[0] < half);
    assert!(
        (twice - clean[0]).abs() < 1e-6 * before[0],
        "{twice} {} {half}",
        clean[0]
    );
}

#[test]
fn biofuel_follows_the_lever_as_far_as_feedstock_reaches() {
    let thailand = country("THA");
    let blend = |share: f64| {
        let text = lever(
            "biofuel",
            "\"THA\"",
            &format!("blend = {share}\nfuel = \"hvo\""),
        );
        let outcome = project(&scenario(&text));
        let year = &outcome.years[5].countries[thailand];
        (
            year.blend,
            year.energy.tailpipe_mt.iter().sum::<f64>(),
            year.fuel_added_gj,
        )
    };
    let plain = &baseline().years[5].countries[thailand];
    let (small, large, larger) = (blend(0.001), blend(0.5), blend(0.9));
    assert!(
        (small.0.hydrotreated - 0.001).abs() < 1e-12
            && !small.0.limited[Biofuel::Hydrotreated.index()]
    );
    assert!(large.0.limited[Biofuel::Hydrotreated.index()] && large.0.hydrotreated < 0.2);
    assert!((large.0.hydrotreated / larger.0.hydrotreated - 1.0).abs() < 1e-9);
    assert!(small.1 < plain.energy.tailpipe_mt.iter().sum::<f64>() && large.1 < small.1);
    assert!(large.2 > small.2 && small.2 > 0.0);
}

#[test]
fn a_budget_is_held_against_what_the_projection_costs() {
    let text = [
        lever(
            "low_carbon_steel",
            "\"THA\"",
            "share = 1.0\npayer = \"JPN\"",
        ),
        "[[budget]]\npayer = \"JPN\"\nusd_million = 100\n".to_owned(),
    ]
    .concat();
    let found = run::run(set().world, set().base, &scenario(&text))
        .expect_err("two million vehicles a year cost more");
    assert!(
        found
            .to_string()
            .contains("`low_carbon_steel-1` overspends the budget of `JPN`"),
        "{found}"
    );
}

#[test]
fn chargers_sell_electric_cars_and_ever_fewer_more() {
    let thailand = country("THA");
    let share = |outcome: &Outcome| {
        let new = &outcome.years[4].countries[thailand].light_new;
        new[Powertrain::BatteryElectric.index()] / new.iter().sum::<f64>()
    };
    let built = |points: u32| {
        let rest = format!("points = {points}\npayer = \"THA\"");
        share(&project(&scenario(&lever(
            "infrastructure",
            "\"THA\"",
            &rest,
        ))))
    };
    let (none, some, many) = (share(baseline()), built(5_000), built(10_000));
    assert!(some > none && many > some, "{none} {some} {many}");
    assert!(many - some < some - none, "{none} {some} {many}");
}

#[test]
fn a_base_year_without_prices_keeps_the_content_of_packs() {
    let world = World::as_of(record(), 2018).expect("a world of 2018");
    assert!(
        world
            .resources
            .minerals
            .price
            .iter()
            .all(|price| price.is_nan())
    );
}
