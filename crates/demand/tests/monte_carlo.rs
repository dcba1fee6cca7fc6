//! A small Monte Carlo study; docs/reference/monte-carlo.md has the large one.

#[path = "common/study.rs"]
mod study;

use rayon::prelude::*;
use study::{Design, TRUTH, replicate, summary};

#[test]
fn known_parameters_are_recovered_and_intervals_hold_them() {
    let design = Design {
        markets: 100,
        makers: 5,
        products: 3,
        seed: 7,
    };
    let count = 40;
    let found: Vec<_> = (0..count)
        .into_par_iter()
        .map(|i| replicate(&design, i).unwrap())
        .collect();
    let stopped = found.iter().filter(|r| !r.converged).count();
    assert!(stopped * 5 < found.len(), "{stopped} did not converge");
    let rows = summary(&found);
    for row in &rows {
        let noise = row.spread / f64::from(count as u32).sqrt();
        assert!(row.bias.abs() < 4.0 * noise, "{}", row.line());
        assert!((row.error / row.spread - 1.0).abs() < 0.4, "{}", row.line());
    }
    // 280 intervals, those of one data set hanging together.
    let coverage = rows.iter().map(|r| r.coverage).sum::<f64>() / TRUTH.len() as f64;
    assert!((0.88..=0.99).contains(&coverage), "{coverage}");
}
