//! The model on the pack that ships: the base year is the record, the books close, and levers have their signs.

mod common;

use common::{model, record};
use kyoso_model::calibrate::{self, Base};
use kyoso_model::hindcast::{self, Mode, Variable};
use kyoso_model::ids::{Drivers, POWERTRAINS, Powertrain, YEARS, year_index};
use kyoso_model::input::Record;
use kyoso_model::results::Results;
use kyoso_model::run::{self, Outcome};
use kyoso_model::scenario::{Scenario, Setting};
use kyoso_model::tables::{Table, Values};
use kyoso_model::world::World;

struct Set {
    record: &'static Record,
    world: &'static World,
    base: &'static Base,
}

fn set() -> Set {
    let (world, base) = model();
    Set {
        record: record(),
        world,
        base,
    }
}

fn scenario(settings: &[(&str, f64)]) -> Scenario {
    let set = settings
        .iter()
        .map(|(path, value)| ((*path).to_owned(), Setting::Constant(*value)))
        .collect();
    Scenario {
        set,
        ..Scenario::default()
    }
}

fn project(scenario: &Scenario) -> Outcome {
    run::run(set().world, set().base, scenario).expect("it converges")
}

fn tables(scenario: &Scenario) -> Vec<Table> {
    let outcome = project(scenario);
    Results {
        world: set().world,
        base: set().base,
        scenario,
        outcome: &outcome,
    }
    .tables()
}

/// Plug-in share of a country in a projected year.
fn plug_in_share(outcome: &Outcome, iso3: &str, year: i32) -> f64 {
    let c = set().world.country(iso3).expect("a known country");
    let sold = &outcome.years[(year - 2024) as usize].countries[c].light_new;
    let plugs = sold[Powertrain::PlugInHybrid.index()] + sold[Powertrain::BatteryElectric.index()];
    plugs / sold.iter().sum::<f64>()
}

/// Relative difference.
fn apart(a: f64, b: f64) -> f64 {
    (a - b).abs() / b.abs().max(1.0)
}

#[test]
fn the_base_year_is_the_record() {
    let Set {
        record,
        world,
        base,
    } = set();
    let t = year_index(world.base_year);
    let table = record.table("sales");
    let mut checked = 0;
    for row in 0..table.rows() {
        if table.integer("year")[row] == world.base_year
            && table.text("vehicle_class").get(row) == "total"
        {
            let c = world.country(table.text("iso3").get(row)).expect("checked");
            let light: f64 = base
                .offers
                .of(c)
                .map(|j| base.offers.base_share[j] * world.light_sales(c, t))
                .sum();
            let heavy = world.sales[(c, t)] * world.heavy_share[(c, t)];
            assert!(
                apart(light + heavy, table.real("units")[row]) < 1e-9,
                "{}",
                world.countries[c].iso3
            );
            checked += 1;
        }
    }
    assert!(checked > 130, "{checked}");
    // Cars and vans together are the record of plug-in sales.
    for f in [Powertrain::PlugInHybrid, Powertrain::BatteryElectric] {
        for c in (0..world.countries.len()).filter(|&c| world.plug_in_recorded[c]) {
            let recorded = world.electrified[f.index()][(c, t)];
            if recorded.is_nan() {
                continue;
            }
            let units: f64 = base
                .offers
                .of(c)
                .filter(|&j| base.offers.powertrain[j] as usize == f.index())
                .map(|j| base.offers.base_share[j] * world.light_sales(c, t))
                .sum();
            assert!(
                apart(units, recorded) < 1e-9,
                "{} {f}: {units} {recorded}",
                world.countries[c].iso3
            );
        }
    }
    assert!(base.prices.error < 1e-9);
}

#[test]
fn books_close_and_no_number_is_lost_for_every_path_to_2050() {
    for &drivers in Drivers::ALL {
        let scenario = Scenario {
            drivers,
            horizon: 2050,
            ..Scenario::default()
        };
        let outcome = project(&scenario);
        let results = Results {
            world: set().world,
            base: set().base,
            scenario: &scenario,
            outcome: &outcome,
        };
        for balance in results.balances() {
            assert!(
                balance.holds(),
                "{drivers}: {} {:e}",
                balance.name,
                balance.residual
            );
        }
        for year in &outcome.years {
            for (country, at) in year.countries.iter().zip(&set().world.countries) {
                let numbers = country
                    .offer_units
                    .iter()
                    .chain(&country.light_stock)
                    .chain(&country.light_new)
                    .chain(&country.ageing.scrapped)
                    .chain(&country.ageing.used_imports)
                    .chain(&country.ageing.used_exports)
                    .chain(&country.energy.tailpipe_mt)
                    .chain(&country.energy.supply_mt)
                    .chain([
                        &country.heavy_new,
                        &country.heavy_stock,
                        &country.battery_gwh,
                        &country.chargers,
                    ]);
                for number in numbers {
                    assert!(
                        number.is_finite() && *number >= 0.0,
                        "{drivers} {} {}: {number}",
                        at.iso3,
                        year.year
                    );
                }
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("threads");
        pool.install(|| {
            let mut world = World::build(set().record).expect("a world");
            let base = calibrate::calibrate(&mut world, set().record);
            let scenario = Scenario::default();
            let outcome = run::run(&world, &base, &scenario).expect("it converges");
            Results {
                world: &world,
                base: &base,
                scenario: &scenario,
                outcome: &outcome,
            }
            .tables()
        })
    };
    let one = with(1);
    for threads in [2, 8] {
        let other = with(threads);
        for (a, b) in one.iter().zip(&other) {
            assert!(same_bits(a, b), "{} differs with {threads} threads", a.name);
        }
    }
}

/// Equality in which unknown equals unknown.
fn same_bits(a: &Table, b: &Table) -> bool {
    a.columns
        .iter()
        .zip(&b.columns)
        .all(|(a, b)| match (&a.values, &b.values) {
            (Values::Reals(a), Values::Reals(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
            }
            (a, b) => a == b,
        })
}

#[test]
fn a_setting_at_its_own_value_changes_nothing() {
    let plain = project(&Scenario::default());
    let value = set().world.parameters.get("battery.learning_rate");
    let set_again = project(&scenario(&[("battery.learning_rate", value)]));
    for (a, b) in plain.years.iter().zip(&set_again.years) {
        assert!(apart(a.pack_price, b.pack_price) < 1e-12);
        for (a, b) in a.countries.iter().zip(&b.countries) {
            for (a, b) in a.offer_units.iter().zip(&b.offer_units) {
                assert!(apart(*a, *b) < 1e-9, "{a} {b}");
            }
        }
    }
}

#[test]
fn history_never_moves() {
    let plain = tables(&Scenario::default());
    let changed = tables(&scenario(&[
        ("battery.learning_rate", 0.02),
        ("fuel_price.gasoline.THA", 3.0),
        ("ownership.cycle_prior", 0.5),
    ]));
    for (a, b) in plain
        .iter()
        .zip(&changed)
        .filter(|(table, _)| table.name == "indicators")
    {
        // Rows of the projection may come and go (a price of what a ban takes away), so history is compared alone.
        let history = |table: &Table| -> Vec<(i32, u64)> {
            let column = |name: &str| {
                &table
                    .columns
                    .iter()
                    .find(|column| column.name == name)
                    .expect("a column")
                    .values
            };
            let (Values::Integers(years), Values::Reals(values)) =
                (column("year"), column("value"))
            else {
                panic!("the table has years and values");
            };
            years
                .iter()
                .zip(values)
                .filter(|(year, _)| **year <= 2023)
                .map(|(year, value)| (*year, value.to_bits()))
                .collect()
        };
        let (before, after) = (history(a), history(b));
        assert!(before.len() > 10_000);
        assert!(before == after);
    }
}

#[test]
fn prices_and_rules_pull_where_they_should() {
    let plain = project(&Scenario::default());
    let share = |settings: &[(&str, f64)], iso3: &str| {
        plug_in_share(&project(&scenario(settings)), iso3, 2030)
    };
    assert!(share(&[("battery.learning_rate", 0.02)], "USA") < plug_in_share(&plain, "USA", 2030));
    assert!(share(&[("fuel_price.gasoline.THA", 3.0)], "THA") > plug_in_share(&plain, "THA", 2030));
    assert!(
        share(&[("fuel_price.electricity.THA", 0.6)], "THA") < plug_in_share(&plain, "THA", 2030)
    );
    assert!(
        share(&[("incentive.BEV.IDN", 8000.0)], "IDN")
            > share(&[("incentive.BEV.IDN", 0.0)], "IDN")
    );
    // Support makes the market larger as well: the size of the market is set once, prices move it.
    let c = set().world.country("IDN").expect("it is there");
    let sold = |settings: &[(&str, f64)]| {
        project(&scenario(settings)).years[6].countries[c]
            .light_new
            .iter()
            .sum::<f64>()
    };
    assert!(sold(&[("incentive.BEV.IDN", 8000.0)]) > sold(&[("incentive.BEV.IDN", 0.0)]));
}

#[test]
fn rules_announced_later_are_unknown_to_a_run_as_of_an_earlier_year() {
    let known = Scenario {
        policy_as_of: Some(2018),
        ..Scenario::default()
    };
    let early = plug_in_share(&project(&known), "GBR", 2030);
    let all = plug_in_share(&project(&Scenario::default()), "GBR", 2030);
    assert!(
        early < all - 0.05,
        "the mandate of 2023 is not known in 2018: {early} {all}"
    );
}

#[test]
fn nothing_later_than_the_origin_leaks_into_the_ex_ante_run() {
    let origin = 2016;
    let (cut, counts) = set().record.known_by(origin);
    assert!(counts.dropped.values().sum::<usize>() > 1000);
    let (_, _, whole, _) =
        hindcast::project(set().record, Mode::ExAnte, origin, 5).expect("it runs");
    let (_, _, alone, _) =
        hindcast::project(&cut, Mode::ExAnte, origin, 5).expect("it runs without later rows");
    for (a, b) in whole.years.iter().zip(&alone.years) {
        for (a, b) in a.countries.iter().zip(&b.countries) {
            assert_eq!(a.heavy_new.to_bits(), b.heavy_new.to_bits());
            for f in 0..POWERTRAINS {
                assert_eq!(a.light_new[f].to_bits(), b.light_new[f].to_bits());
                assert_eq!(a.light_stock[f].to_bits(), b.light_stock[f].to_bits());
            }
        }
    }
}

#[test]
fn the_hindcast_beats_the_last_value_where_it_was_not_tuned() {
    let scored = hindcast::hindcast(set().record, &[2018, 2020], &|_, _| {}).expect("it runs");
    let scores = scored.scores();
    let find = |variable: Variable, method: &str, lead: i32| {
        scores
            .iter()
            .find(|s| {
                s.region == "other half"
                    && s.origin == 0
                    && s.mode == Mode::ExAnte
                    && s.variable == variable
                    && s.lead == lead
                    && s.method == method
                    && s.metric == "mae"
            })
            .map_or(f64::NAN, |s| s.value)
    };
    // Hybrids are on record to 2019 only, so one year ahead is all there is.
    for (variable, lead) in [
        (Variable::PlugInShare, 3),
        (Variable::PlugInShare, 1),
        (Variable::HybridShare, 1),
    ] {
        assert!(
            find(variable, "kyoso", lead) < find(variable, "naive", lead),
            "{variable:?} {lead}"
        );
    }
    assert!(find(Variable::Stock, "kyoso", 1) < find(Variable::Stock, "naive", 1));
}

#[test]
fn regions_are_sums_of_their_countries() {
    let scenario = Scenario::default();
    let outcome = project(&scenario);
    let table = Results {
        world: set().world,
        base: set().base,
        scenario: &scenario,
        outcome: &outcome,
    }
    .indicators();
    let column = |name: &str| {
        &table
            .columns
            .iter()
            .find(|column| column.name == name)
            .expect("a column")
            .values
    };
    let (
        Values::Words {
            words: regions,
            codes: region,
        },
        Values::Words {
            words: names,
            codes: variable,
        },
    ) = (column("region"), column("variable"))
    else {
        panic!("words");
    };
    let (Values::Integers(year), Values::Reals(value)) = (column("year"), column("value")) else {
        panic!("numbers")
    };
    let (mut world, mut groups, mut countries) = (0.0, 0.0, 0.0);
    for row in 0..value.len() {
        if year[row] == 2030 && names[variable[row] as usize] == "Sales|Transportation|Road Vehicle"
        {
            match regions[region[row] as usize].as_str() {
                "World" => world += value[row],
                "ASEAN (11)" => {}
                name if name.len() == 3 && set().world.country(name).is_some() => {
                    countries += value[row];
                }
                _ => groups += value[row],
            }
        }
    }
    assert!(
        apart(world, groups) < 1e-9 && apart(world, countries) < 1e-9,
        "{world} {groups} {countries}"
    );
    assert_eq!(YEARS, 51);
}
