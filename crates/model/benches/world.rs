//! Whole-world benchmarks. Aim on two cores: projection 2023-2035 with makers in equilibrium 250 ms (docs/reference/benchmarks.md says what it takes).

use criterion::{Criterion, criterion_group, criterion_main};
use kyoso_model::calibrate::{self, Base};
use kyoso_model::hindcast;
use kyoso_model::input::{Folder, Record};
use kyoso_model::results::Results;
use kyoso_model::run::{self, Outcome};
use kyoso_model::scenario::Scenario;
use kyoso_model::step::market::NODES;
use kyoso_model::world::World;

fn world(bench: &mut Criterion) {
    let pack = Folder(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data").into());
    let record = Record::load(&pack).expect("the pack is sound");
    bench.bench_function("read and check the pack", |b| {
        b.iter(|| Record::load(&pack));
    });
    bench.bench_function("calibrate", |b| {
        b.iter(|| {
            let mut world = World::build(&record).expect("a world");
            calibrate::calibrate(&mut world, &record)
        });
    });
    let mut world = World::build(&record).expect("a world");
    let base = calibrate::calibrate(&mut world, &record);
    let scenario = Scenario::default();
    bench.bench_function("project 2023-2035", |b| {
        b.iter(|| run::run(&world, &base, &scenario));
    });
    let outcome = run::run(&world, &base, &scenario).expect("it converges");
    let results = Results {
        world: &world,
        base: &base,
        scenario: &scenario,
        outcome: &outcome,
    };
    bench.bench_function("tables", |b| b.iter(|| results.tables()));
    by_country(&world, &base, &outcome);
}

/// Markets, offers, nodes, passes and time of the countries that take longest.
fn by_country(world: &World, base: &Base, outcome: &Outcome) {
    let mut rows: Vec<(f64, usize, usize, usize)> = (0..world.countries.len())
        .map(|c| {
            let years = outcome.years.iter().map(|year| &year.countries[c]);
            let seconds = years.clone().map(|of| of.seconds).sum();
            let passes = years.map(|of| of.evaluations).sum();
            (seconds, c, base.offers.of(c).len(), passes)
        })
        .collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let offers: usize = rows.iter().map(|row| row.2).sum();
    let passes: usize = rows.iter().map(|row| row.3).sum();
    println!(
        "{} markets, {} offers, {} nodes, {} passes, {:.1} ms on all threads together",
        rows.len() * outcome.years.len(),
        offers * outcome.years.len(),
        NODES,
        passes,
        1e3 * rows.iter().map(|row| row.0).sum::<f64>()
    );
    println!(
        "country  offers  passes  ms in {} years",
        outcome.years.len()
    );
    for (seconds, c, offers, passes) in rows.iter().take(15) {
        let iso3 = &world.countries[*c].iso3;
        println!("{iso3:7}  {offers:6}  {passes:6}  {:.2}", 1e3 * seconds);
    }
}

fn history(bench: &mut Criterion) {
    let pack = Folder(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data").into());
    let record = Record::load(&pack).expect("the pack is sound");
    bench.bench_function("hindcast of five origins", |b| {
        b.iter(|| hindcast::hindcast(&record, &hindcast::ORIGINS, &|_, _| {}));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = world, history
}
criterion_main!(benches);
