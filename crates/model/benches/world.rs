//! Whole-world benchmarks. Budgets on two cores: projection 2023-2035 20 ms, calibration 60 ms, hindcast of five origins 2 s.

use criterion::{Criterion, criterion_group, criterion_main};
use kyoso_model::calibrate;
use kyoso_model::hindcast;
use kyoso_model::input::{Folder, Record};
use kyoso_model::results::Results;
use kyoso_model::run;
use kyoso_model::scenario::Scenario;
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
