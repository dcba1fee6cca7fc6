//! Nodes and weights for standard normal tastes.

use std::collections::BTreeMap;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::linalg::{Matrix, symmetric_eigenvalues};

/// A rule of integration.
#[derive(Debug, Clone, PartialEq)]
pub struct Integration {
    /// The rule.
    pub rule: Rule,
    /// Seed of scrambles and draws.
    pub seed: u64,
    /// Nodes of its own for every market; otherwise all markets share one set.
    pub by_market: bool,
}

/// Rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Gauss-Hermite product rule with this many nodes a dimension: `n^d` nodes.
    Product(usize),
    /// Sparse grid of Gauss-Hermite rules, exact to degree `2 level - 1` (Heiss and Winschel 2008); has negative weights.
    Grid(usize),
    /// Halton points, digits permuted at random by dimension.
    Halton(usize),
    /// Sobol points with Owen scrambling.
    Sobol(usize),
    /// Modified Latin hypercube: each dimension a shifted, shuffled regular grid (Hess, Train and Polak 2006).
    Mlhs(usize),
    /// Independent draws.
    MonteCarlo(usize),
}

/// Nodes, one vector an agent, and weights that sum to one.
#[derive(Debug, Clone, PartialEq)]
pub struct Nodes {
    /// `nodes[agent][dimension]`.
    pub nodes: Vec<Vec<f64>>,
    /// One weight an agent.
    pub weights: Vec<f64>,
}

/// Product rules larger than this are cut to one node: no machine would finish them.
const MOST_NODES: usize = 5_000_000;

impl Integration {
    /// A rule with seed 0, one set for each market unless the rule is deterministic.
    pub fn new(rule: Rule) -> Self {
        Self {
            rule,
            seed: 0,
            by_market: !matches!(rule, Rule::Product(_) | Rule::Grid(_)),
        }
    }

    /// Number of nodes in so many dimensions; `None` when beyond five million.
    pub fn count(&self, dimensions: usize) -> Option<usize> {
        match self.rule {
            Rule::Product(n) => n
                .checked_pow(dimensions as u32)
                .filter(|c| *c > 0 && *c <= MOST_NODES),
            Rule::Grid(level) => (level > 0 && level <= 25 && dimensions <= 20)
                .then(|| self.nodes(dimensions, 0).weights.len()),
            Rule::Halton(n) | Rule::Sobol(n) | Rule::Mlhs(n) | Rule::MonteCarlo(n) => {
                (n > 0 && n <= MOST_NODES).then_some(n)
            }
        }
    }

    /// Nodes in so many dimensions for a market.
    pub fn nodes(&self, dimensions: usize, market: u64) -> Nodes {
        let mut random = ChaCha12Rng::seed_from_u64(self.seed);
        random.set_stream(market);
        match self.rule {
            Rule::Product(n) => product(&vec![gauss_hermite(n.max(1)); dimensions]),
            Rule::Grid(level) => sparse_grid(level.max(1), dimensions),
            Rule::Halton(n) => equal(n.max(1), dimensions, |d, points| {
                halton(d, points, &mut random);
            }),
            Rule::Sobol(n) => {
                let scramble = random.next_u32();
                equal(n.max(1), dimensions, |d, points| {
                    for (i, x) in points.iter_mut().enumerate() {
                        // 24 bits: half a step keeps zero out.
                        *x = f64::from(sobol_burley::sample(i as u32, d as u32, scramble))
                            + 0.5 / f64::from(1 << 24);
                    }
                })
            }
            Rule::Mlhs(n) => equal(n.max(1), dimensions, |_, points| {
                let shift = uniform(&mut random);
                let n = points.len();
                for (i, x) in points.iter_mut().enumerate() {
                    *x = (i as f64 + shift) / n as f64;
                }
                for i in (1..n).rev() {
                    points.swap(i, (random.next_u64() % (i as u64 + 1)) as usize);
                }
            }),
            Rule::MonteCarlo(n) => equal(n.max(1), dimensions, |_, points| {
                points.iter_mut().for_each(|x| *x = uniform(&mut random));
            }),
        }
    }
}

/// A number in (0, 1).
pub(crate) fn uniform(random: &mut ChaCha12Rng) -> f64 {
    ((random.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// A standard normal draw.
pub(crate) fn normal(random: &mut ChaCha12Rng) -> f64 {
    normal_quantile(uniform(random))
}

/// Quantile of the standard normal distribution.
pub fn normal_quantile(p: f64) -> f64 {
    Normal::standard().inverse_cdf(p)
}

/// Points of the unit cube, dimension by dimension, as normal nodes of equal weight.
fn equal(n: usize, dimensions: usize, mut fill: impl FnMut(usize, &mut [f64])) -> Nodes {
    let mut nodes = vec![vec![0.0; dimensions]; n];
    let mut points = vec![0.0; n];
    for d in 0..dimensions {
        fill(d, &mut points);
        for (node, p) in nodes.iter_mut().zip(&points) {
            node[d] = normal_quantile(*p);
        }
    }
    Nodes {
        nodes,
        weights: vec![1.0 / n as f64; n],
    }
}

fn prime(index: usize) -> u64 {
    (2_u64..)
        .filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0))
        .nth(index)
        .unwrap_or(2)
}

/// The radical inverse in the dimension's prime base, its digits permuted anew at every place; the first 100 points are left
/// out, since those of large bases are close to one another.
fn halton(dimension: usize, points: &mut [f64], random: &mut ChaCha12Rng) {
    let base = prime(dimension);
    let places = (52.0 / (base as f64).log2()).ceil() as usize;
    let permutations: Vec<Vec<u64>> = (0..places)
        .map(|_| {
            let mut digits: Vec<u64> = (0..base).collect();
            for i in (1..digits.len()).rev() {
                digits.swap(i, (random.next_u64() % (i as u64 + 1)) as usize);
            }
            digits
        })
        .collect();
    for (i, x) in points.iter_mut().enumerate() {
        let mut rest = i as u64 + 100;
        let mut scale = 1.0;
        *x = 0.0;
        for permutation in &permutations {
            scale /= base as f64;
            *x += permutation[(rest % base) as usize] as f64 * scale;
            rest /= base;
        }
        *x = (*x + 0.5 * scale).clamp(1e-16, 1.0 - 1e-16);
    }
}

/// Gauss-Hermite rule for the standard normal: roots of the Hermite polynomial `He_n` as eigenvalues of its Jacobi matrix
/// (Golub and Welsch 1969), polished by Newton; weights `n! / (n He_{n-1}(x))^2`, with orthonormal polynomials so that no
/// factorial overflows.
fn gauss_hermite(n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut jacobi = Matrix::zeros(n, n);
    for i in 1..n {
        jacobi[(i, i - 1)] = (i as f64).sqrt();
        jacobi[(i - 1, i)] = (i as f64).sqrt();
    }
    let mut roots = symmetric_eigenvalues(&jacobi).unwrap_or_else(|| vec![0.0; n]);
    let mut weights = Vec::with_capacity(n);
    for x in &mut roots {
        // h_k = He_k / sqrt(k!): h_{k+1} = (x h_k - sqrt(k) h_{k-1}) / sqrt(k+1), h_n' = sqrt(n) h_{n-1}.
        let last = |x: f64| {
            let (mut before, mut now) = (0.0, 1.0);
            for k in 0..n {
                let next = (x * now - (k as f64).sqrt() * before) / ((k + 1) as f64).sqrt();
                before = now;
                now = next;
            }
            (before, now)
        };
        for _ in 0..3 {
            let (before, now) = last(*x);
            *x -= now / ((n as f64).sqrt() * before);
        }
        if x.abs() < 1e-15 {
            *x = 0.0;
        }
        let (before, _) = last(*x);
        weights.push(1.0 / (n as f64 * before * before));
    }
    (roots, weights)
}

fn product(rules: &[(Vec<f64>, Vec<f64>)]) -> Nodes {
    let mut out = Nodes {
        nodes: vec![Vec::new()],
        weights: vec![1.0],
    };
    for (x, w) in rules {
        let mut next = Nodes {
            nodes: Vec::new(),
            weights: Vec::new(),
        };
        for (node, weight) in out.nodes.iter().zip(&out.weights) {
            for (x, w) in x.iter().zip(w) {
                let mut node = node.clone();
                node.push(*x);
                next.nodes.push(node);
                next.weights.push(weight * w);
            }
        }
        out = next;
    }
    out
}

/// Smolyak's combination: `sum_{q} (-1)^(L-1-q) C(d-1, L-1-q) sum_{|i| = q + d} rule_{i_1} x ... x rule_{i_d}`, nodes that
/// coincide taken together.
fn sparse_grid(level: usize, dimensions: usize) -> Nodes {
    if dimensions == 0 {
        return Nodes {
            nodes: vec![Vec::new()],
            weights: vec![1.0],
        };
    }
    let rules: Vec<_> = (1..=level).map(gauss_hermite).collect();
    let mut merged: BTreeMap<Vec<i64>, (Vec<f64>, f64)> = BTreeMap::new();
    for q in level.saturating_sub(dimensions)..level {
        let k = level - 1 - q;
        let binomial = (0..k).fold(1.0, |b, i| b * (dimensions - 1 - i) as f64 / (i + 1) as f64);
        let sign = if k.is_multiple_of(2) { 1.0 } else { -1.0 };
        for orders in compositions(q, dimensions) {
            let chosen: Vec<_> = orders.iter().map(|o| rules[*o].clone()).collect();
            let part = product(&chosen);
            for (node, weight) in part.nodes.into_iter().zip(part.weights) {
                let key = node.iter().map(|x| (x * 1e12).round() as i64).collect();
                merged.entry(key).or_insert((node, 0.0)).1 += sign * binomial * weight;
            }
        }
    }
    let kept: Vec<_> = merged
        .into_values()
        .filter(|(_, w)| w.abs() > 1e-17)
        .collect();
    let (nodes, weights) = kept.into_iter().unzip();
    Nodes { nodes, weights }
}

/// All vectors of `parts` non-negative integers with this sum.
fn compositions(sum: usize, parts: usize) -> Vec<Vec<usize>> {
    if parts == 1 {
        return vec![vec![sum]];
    }
    (0..=sum)
        .flat_map(|first| {
            compositions(sum - first, parts - 1)
                .into_iter()
                .map(move |mut rest| {
                    rest.insert(0, first);
                    rest
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(nodes: &Nodes, f: impl Fn(&[f64]) -> f64) -> f64 {
        nodes
            .nodes
            .iter()
            .zip(&nodes.weights)
            .map(|(x, w)| w * f(x))
            .sum()
    }

    #[test]
    fn gaussian_rules_are_exact_for_the_moments_of_the_normal() {
        for n in [2, 3, 5, 9, 20] {
            let nodes = Integration::new(Rule::Product(n)).nodes(1, 0);
            let mut expected = 1.0;
            for power in (0..2 * n).step_by(2) {
                if power > 0 {
                    expected *= (power - 1) as f64;
                }
                let got = mean(&nodes, |x| x[0].powi(power as i32));
                assert!(
                    (got / expected - 1.0).abs() < 1e-11,
                    "n {n} power {power}: {got}"
                );
            }
        }
    }

    #[test]
    fn sparse_grids_are_exact_to_their_degree() {
        for level in 1..=5 {
            let nodes = Integration::new(Rule::Grid(level)).nodes(3, 0);
            assert!((mean(&nodes, |_| 1.0) - 1.0).abs() < 1e-12);
            if level >= 2 {
                assert!((mean(&nodes, |x| x[1] * x[1]) - 1.0).abs() < 1e-12);
            }
            if level >= 3 {
                assert!((mean(&nodes, |x| x[0] * x[0] * x[2] * x[2]) - 1.0).abs() < 1e-11);
            }
        }
        // Heiss and Winschel's count for three dimensions at level 3.
        assert_eq!(Integration::new(Rule::Grid(2)).nodes(3, 0).weights.len(), 7);
    }

    #[test]
    fn draws_have_the_moments_of_the_normal_and_are_repeatable() {
        for rule in [
            Rule::Halton(4000),
            Rule::Sobol(4096),
            Rule::Mlhs(4000),
            Rule::MonteCarlo(40_000),
        ] {
            let integration = Integration::new(rule);
            let nodes = integration.nodes(3, 7);
            for d in 0..3 {
                assert!(mean(&nodes, |x| x[d]).abs() < 0.02, "{rule:?}");
                assert!(
                    (mean(&nodes, |x| x[d] * x[d]) - 1.0).abs() < 0.03,
                    "{rule:?}"
                );
            }
            assert!(mean(&nodes, |x| x[0] * x[2]).abs() < 0.05, "{rule:?}");
            assert_eq!(nodes, integration.nodes(3, 7));
            assert_ne!(nodes, integration.nodes(3, 8));
        }
    }
}
