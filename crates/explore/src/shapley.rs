//! Shapley values (Shapley 1953): the change of a model's outputs between two states split among the groups of
//! inputs that moved.
//!
//! `v(S)` is the model's output with the groups of `S` moved and the others as they were. Part of group `i` among `n`:
//!
//! ```text
//! phi_i = sum over S without i of |S|! (n - |S| - 1)! / n! * (v(S + i) - v(S))
//! ```
//!
//! Few groups are counted out: every subset is evaluated once. More are sampled: permutations in antithetic pairs, a
//! permutation and its reverse (Mitchell, Cooper, Frank and Holmes 2022, J. Machine Learning Research 23(43)), with
//! the standard error over pairs. Permutation `k` draws from its own stream of one generator, so results depend
//! neither on the number of threads nor on how many permutations follow.
//!
//! Either way the parts sum to `v(all) - v(none)`. What rounding leaves, a few units in the last place, is moved
//! into the parts, so that adding them in order gives the whole to the last bit. Where parts larger than the whole
//! cancel, no number may close the sum (1 in 2000 random games); [`Attribution::residual`] says what is left, below
//! the last place of the largest part.
//! A group that changes nothing has a part of exactly zero.
//!
//! ```
//! use kyoso_explore::shapley::{Options, Subset, attribute};
//!
//! // Glove market: one left glove, two right ones; a pair is worth 1.
//! let pairs = |s: Subset| -> Result<Vec<f64>, std::convert::Infallible> {
//!     Ok(vec![f64::from(u8::from(s.has(0) && (s.has(1) || s.has(2))))])
//! };
//! let split = attribute(3, pairs, Options::default())?;
//! assert!((split.parts[0][0] - 2.0 / 3.0).abs() < 1e-15);
//! assert!((split.parts[1][0] - 1.0 / 6.0).abs() < 1e-15);
//! # Ok::<(), kyoso_explore::shapley::ShapleyError<std::convert::Infallible>>(())
//! ```

use std::collections::BTreeMap;

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rayon::prelude::*;

/// Most groups that can be told apart.
pub const MOST_GROUPS: usize = 128;
/// Most groups that may be counted out: 2^20 evaluations.
pub const MOST_EXACT: usize = 20;

/// The groups that have moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subset(u128);

impl Subset {
    /// No group.
    pub const NONE: Self = Self(0);

    /// The first `groups` groups.
    pub const fn all(groups: usize) -> Self {
        if groups >= MOST_GROUPS {
            Self(u128::MAX)
        } else {
            Self((1 << groups) - 1)
        }
    }

    /// True if the group is in.
    pub const fn has(self, group: usize) -> bool {
        group < MOST_GROUPS && self.0 >> group & 1 == 1
    }

    /// The set with one more group.
    #[must_use]
    pub const fn with(self, group: usize) -> Self {
        Self(self.0 | 1 << group)
    }

    /// Number of groups in it.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// True if it holds none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// How the parts are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Up to so many groups every subset is evaluated, at most [`MOST_EXACT`].
    pub exact_up_to: usize,
    /// Antithetic pairs of permutations beyond that, at least 2.
    pub pairs: usize,
    /// Seed of the permutations.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            exact_up_to: 7,
            pairs: 16,
            seed: 1,
        }
    }
}

/// The split of a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// Part of each group in each output; NaN where some evaluation gave no number.
    pub parts: Vec<Vec<f64>>,
    /// Standard error of each part; zero if all subsets were counted.
    pub standard_errors: Vec<Vec<f64>>,
    /// `v(all) - v(none)` of each output.
    pub whole: Vec<f64>,
    /// Whole less the sum of the parts in order, of each output.
    pub residual: Vec<f64>,
    /// Evaluations of the model.
    pub evaluations: usize,
    /// True if all subsets were counted.
    pub exact: bool,
}

/// Why there is no split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapleyError<E> {
    /// More groups than can be told apart.
    #[error("{found} groups are more than {MOST_GROUPS}")]
    TooManyGroups {
        /// Groups given.
        found: usize,
    },
    /// Too few pairs for a standard error, or more subsets than can be counted.
    #[error(
        "at least 2 pairs of permutations and at most {MOST_EXACT} groups counted out can be asked for"
    )]
    Options,
    /// Evaluations gave different numbers of outputs.
    #[error("the model gave {found} outputs where it gave {expected} before")]
    Outputs {
        /// Outputs of the empty set.
        expected: usize,
        /// Outputs of another set.
        found: usize,
    },
    /// The model failed.
    #[error(transparent)]
    Model(E),
}

/// Splits the change of every output of `value` among the groups.
///
/// # Errors
/// If the options or the number of groups are out of range, or an evaluation fails: the failure of the first subset
/// in order, whatever the threads.
pub fn attribute<E: Send>(
    groups: usize,
    value: impl Fn(Subset) -> Result<Vec<f64>, E> + Sync,
    options: Options,
) -> Result<Attribution, ShapleyError<E>> {
    if groups > MOST_GROUPS {
        return Err(ShapleyError::TooManyGroups { found: groups });
    }
    if options.exact_up_to > MOST_EXACT || options.pairs < 2 {
        return Err(ShapleyError::Options);
    }
    if groups <= options.exact_up_to {
        counted(groups, &value)
    } else {
        sampled(groups, &value, options)
    }
}

/// Evaluates each subset once.
fn evaluate<E: Send>(
    subsets: &[Subset],
    value: &(impl Fn(Subset) -> Result<Vec<f64>, E> + Sync),
) -> Result<Vec<Vec<f64>>, ShapleyError<E>> {
    // Collected before the first failure is looked for: which one that is must not depend on the threads.
    let results: Vec<Result<Vec<f64>, E>> = subsets.par_iter().map(|&s| value(s)).collect();
    let values = results
        .into_iter()
        .collect::<Result<Vec<_>, E>>()
        .map_err(ShapleyError::Model)?;
    let expected = values.first().map_or(0, Vec::len);
    match values.iter().find(|outputs| outputs.len() != expected) {
        Some(outputs) => Err(ShapleyError::Outputs {
            expected,
            found: outputs.len(),
        }),
        None => Ok(values),
    }
}

fn counted<E: Send>(
    groups: usize,
    value: &(impl Fn(Subset) -> Result<Vec<f64>, E> + Sync),
) -> Result<Attribution, ShapleyError<E>> {
    let subsets: Vec<Subset> = (0..1_u128 << groups).map(Subset).collect();
    let values = evaluate(&subsets, value)?;
    let outputs = values[0].len();
    let weight = weights(groups);
    let mut parts = vec![vec![0.0; outputs]; groups];
    for (group, part) in parts.iter_mut().enumerate() {
        for &without in subsets.iter().filter(|s| !s.has(group)) {
            let with = &values[without.with(group).0 as usize];
            let before = &values[without.0 as usize];
            for output in 0..outputs {
                part[output] += weight[without.len()] * (with[output] - before[output]);
            }
        }
    }
    let standard_errors = vec![vec![0.0; outputs]; groups];
    let whole = difference(&values[subsets.len() - 1], &values[0]);
    Ok(close(parts, standard_errors, whole, values.len(), true))
}

/// `|S|! (n - |S| - 1)! / n!` by size of `S`.
fn weights(groups: usize) -> Vec<f64> {
    let mut choose = 1.0;
    (0..groups)
        .map(|size| {
            let weight = 1.0 / (groups as f64 * choose);
            // From `n - 1` over `size` to `n - 1` over `size + 1`.
            choose *= (groups - 1 - size) as f64 / (size + 1) as f64;
            weight
        })
        .collect()
}

fn sampled<E: Send>(
    groups: usize,
    value: &(impl Fn(Subset) -> Result<Vec<f64>, E> + Sync),
    options: Options,
) -> Result<Attribution, ShapleyError<E>> {
    let pairs: Vec<[Vec<usize>; 2]> = (0..options.pairs)
        .map(|pair| {
            let forward = permutation(groups, options.seed, pair as u64);
            let backward = forward.iter().rev().copied().collect();
            [forward, backward]
        })
        .collect();
    // Permutations meet in the same subsets, the empty and the full one at least: each is evaluated once.
    let mut place: BTreeMap<Subset, usize> = BTreeMap::new();
    for order in pairs.iter().flatten() {
        place.extend(chain(order).into_iter().map(|subset| (subset, 0)));
    }
    let subsets: Vec<Subset> = place.keys().copied().collect();
    place.values_mut().enumerate().for_each(|(i, at)| *at = i);
    let values = evaluate(&subsets, value)?;
    let outputs = values[0].len();
    let mut mean = vec![vec![0.0; outputs]; groups];
    let mut square = vec![vec![0.0; outputs]; groups];
    for (done, pair) in pairs.iter().enumerate() {
        let mut of_pair = vec![vec![0.0; outputs]; groups];
        for order in pair {
            let along: Vec<usize> = chain(order).iter().map(|subset| place[subset]).collect();
            for (step, &group) in order.iter().enumerate() {
                let (before, with) = (&values[along[step]], &values[along[step + 1]]);
                for output in 0..outputs {
                    of_pair[group][output] += 0.5 * (with[output] - before[output]);
                }
            }
        }
        // Mean and sum of squares, updated (Welford 1962).
        for group in 0..groups {
            for output in 0..outputs {
                let found = of_pair[group][output];
                let gap = found - mean[group][output];
                mean[group][output] += gap / (done + 1) as f64;
                square[group][output] += gap * (found - mean[group][output]);
            }
        }
    }
    let n = options.pairs as f64;
    for error in square.iter_mut().flatten() {
        *error = (*error / (n * (n - 1.0))).sqrt();
    }
    let whole = difference(
        &values[place[&Subset::all(groups)]],
        &values[place[&Subset::NONE]],
    );
    Ok(close(mean, square, whole, values.len(), false))
}

/// The sets met along a permutation, from none to all.
fn chain(order: &[usize]) -> Vec<Subset> {
    let mut subset = Subset::NONE;
    std::iter::once(subset)
        .chain(order.iter().map(|&group| {
            subset = subset.with(group);
            subset
        }))
        .collect()
}

/// Permutation of a stream (Fisher and Yates 1938).
fn permutation(groups: usize, seed: u64, stream: u64) -> Vec<usize> {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    random.set_stream(stream);
    let mut order: Vec<usize> = (0..groups).collect();
    for last in (1..groups).rev() {
        // High word of a 128-bit product: uniform up to 2^-57.
        let chosen = (u128::from(random.next_u64()) * (last as u128 + 1)) >> 64;
        order.swap(last, chosen as usize);
    }
    order
}

fn difference(after: &[f64], before: &[f64]) -> Vec<f64> {
    after.iter().zip(before).map(|(a, b)| a - b).collect()
}

/// Closes the sums and gives the result.
fn close(
    mut parts: Vec<Vec<f64>>,
    standard_errors: Vec<Vec<f64>>,
    whole: Vec<f64>,
    evaluations: usize,
    exact: bool,
) -> Attribution {
    let residual = (0..whole.len())
        .map(|output| {
            let mut column: Vec<f64> = parts.iter().map(|part| part[output]).collect();
            let residual = settle(&mut column, whole[output]);
            for (part, value) in parts.iter_mut().zip(column) {
                part[output] = value;
            }
            residual
        })
        .collect();
    Attribution {
        parts,
        standard_errors,
        whole,
        residual,
        evaluations,
        exact,
    }
}

/// Moves the few units in the last place that rounding left, from the last part to the first until the sum closes;
/// gives what cannot be closed. Parts of zero stay: a group that changes nothing gets nothing.
///
/// The last addition decides: a part no larger than the whole has a neighbour for every last bit of the sum.
fn settle(parts: &mut [f64], whole: f64) -> f64 {
    let residual = |parts: &[f64]| whole - parts.iter().fold(0.0, |sum, part| sum + part);
    for _ in 0..4 {
        for group in (0..parts.len())
            .rev()
            .filter(|&i| parts[i] != 0.0)
            .collect::<Vec<_>>()
        {
            let left = residual(parts);
            if left == 0.0 || !left.is_finite() {
                return left;
            }
            let moved = parts[group] + left;
            for near in [moved, moved.next_up(), moved.next_down()] {
                parts[group] = near;
                if residual(parts) == 0.0 {
                    return 0.0;
                }
            }
            parts[group] = moved;
        }
    }
    residual(parts)
}

#[cfg(test)]
mod tests;
