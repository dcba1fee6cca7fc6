//! Inversion, gradient, price equilibrium and two-step estimation of the automobiles of Berry, Levinsohn and Pakes (1995).

#[path = "../tests/common/mod.rs"]
mod common;

use criterion::{Criterion, criterion_group, criterion_main};
use kyoso_demand::linalg::Matrix;
use kyoso_demand::{
    Counterfactual, Covariance, Economy, Inversion, Method, Optimiser, Options, Parameters,
    Pricing, Steps,
};

fn start() -> Parameters {
    let mut pi = Matrix::zeros(6, 1);
    pi[(1, 0)] = -43.501;
    Parameters {
        sigma: Matrix::diagonal(&[3.612, 0.0, 4.628, 1.818, 1.050, 2.056]),
        pi,
        ..Parameters::default()
    }
}

fn options() -> Options {
    Options {
        weights: Covariance::Clustered,
        errors: Covariance::Clustered,
        initial_update: true,
        cost_bounds: (0.001, f64::INFINITY),
        ..Options::default()
    }
}

fn automobiles(c: &mut Criterion) {
    let problem = common::blp();
    let mut group = c.benchmark_group("automobiles");
    group.sample_size(10);
    for method in [Method::Anderson, Method::Newton, Method::Squarem] {
        group.bench_function(format!("inversion, {method:?}"), |b| {
            let options = Inversion {
                method,
                ..Inversion::default()
            };
            b.iter(|| problem.invert(&start(), &options));
        });
    }
    let hold = Options {
        steps: Steps::One,
        initial_update: false,
        optimiser: Optimiser::Hold,
        ..options()
    };
    group.bench_function("objective and gradient from the logit", |b| {
        b.iter(|| problem.solve(&start(), &hold));
    });
    if let Ok((delta, _)) = problem.invert(&start(), &Inversion::default()) {
        let mut parameters = start();
        parameters.beta = vec![Some(0.0); 5];
        if let Ok(mut economy) = Economy::new(&problem, parameters, delta, Vec::new()) {
            economy.costs = economy
                .implied_costs(&Counterfactual::default())
                .unwrap_or_default();
            let raised = Counterfactual {
                costs: economy.costs.iter().map(|c| 1.02 * c).collect(),
                ..Counterfactual::default()
            };
            let pricing = Pricing {
                check: false,
                ..Pricing::default()
            };
            group.bench_function("prices after costs rose by 2 %", |b| {
                b.iter(|| economy.equilibrium(&raised, &pricing));
            });
        }
    }
    group.bench_function("two-step estimation", |b| {
        b.iter(|| problem.solve(&start(), &options()));
    });
    group.finish();
}

criterion_group!(benches, automobiles);
criterion_main!(benches);
