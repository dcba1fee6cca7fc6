//! Anderson's acceleration of fixed points (Walker and Ni 2011, type II).
//!
//! Of the last changes `f = G(x) - x`, that combination is sought which cancels best; the same combination of the points themselves is the
//! next one. Products of differences are kept, so that a step costs as many dot products as there are differences, and nothing is allocated.

use crate::linalg::dot;

/// Differences that are remembered at most.
const MOST: usize = 8;

/// Points and changes of the last steps.
pub(crate) struct Anderson {
    memory: usize,
    n: usize,
    /// Differences taken since the last reset.
    taken: usize,
    /// Whether the last point and its change are there to take the next difference from.
    follows: bool,
    /// Rows of `n`: the last point, its change, then two rings of `memory` rows, differences of changes and of points plus changes.
    rows: Vec<f64>,
    /// Their products `df_a . df_b`.
    normal: [[f64; MOST]; MOST],
}

impl Anderson {
    /// For `n` numbers with so many differences; with none the plain fixed point.
    pub fn new(n: usize, memory: usize) -> Self {
        let memory = memory.min(MOST);
        Self {
            memory,
            n,
            taken: 0,
            follows: false,
            rows: vec![0.0; n * (2 + 2 * memory)],
            normal: [[0.0; MOST]; MOST],
        }
    }

    /// Forgets what was.
    pub fn reset(&mut self) {
        self.taken = 0;
        self.follows = false;
    }

    /// Keeps the differences, but takes none from the last point to the next: changes are measured otherwise from here on.
    pub fn begin_anew(&mut self) {
        self.follows = false;
    }

    /// The next point from `x` and its change, into `out`.
    pub fn step(&mut self, x: &[f64], change: &[f64], out: &mut [f64]) {
        let n = self.n;
        let (x, change, out) = (&x[..n], &change[..n], &mut out[..n]);
        for j in 0..n {
            out[j] = x[j] + change[j];
        }
        if self.memory == 0 {
            return;
        }
        let (last_x, rest) = self.rows.split_at_mut(n);
        let (last_change, rest) = rest.split_at_mut(n);
        let (df, dg) = rest.split_at_mut(n * self.memory);
        let follows = std::mem::replace(&mut self.follows, true);
        let slot = self.taken % self.memory;
        if follows {
            let (df, dg) = (&mut df[slot * n..][..n], &mut dg[slot * n..][..n]);
            for j in 0..n {
                df[j] = change[j] - last_change[j];
                dg[j] = x[j] - last_x[j] + df[j];
            }
            self.taken += 1;
        }
        last_x.copy_from_slice(x);
        last_change.copy_from_slice(change);
        let m = self.taken.min(self.memory);
        if m == 0 {
            return;
        }
        let row = |a: usize| &df[a * n..(a + 1) * n];
        let mut weights = [0.0; MOST];
        for a in 0..m {
            if follows {
                let product = dot(row(a), row(slot));
                self.normal[a][slot] = product;
                self.normal[slot][a] = product;
            }
            weights[a] = dot(row(a), change);
        }
        if !solve(&self.normal, m, &mut weights) {
            // Differences that say nothing sound: from here on without them.
            self.taken = 0;
            return;
        }
        for (a, weight) in weights[..m].iter().enumerate() {
            for (o, d) in out.iter_mut().zip(&dg[a * n..(a + 1) * n]) {
                *o -= weight * d;
            }
        }
    }
}

/// Solves the leading `m x m` part by Cholesky; `false` when that cannot be done or the answer is enormous.
fn solve(normal: &[[f64; MOST]; MOST], m: usize, x: &mut [f64; MOST]) -> bool {
    let mut l = *normal;
    for a in 0..m {
        // A little of the diagonal keeps nearly parallel differences from blowing the combination up.
        let mut pivot = l[a][a] * (1.0 + 1e-10);
        for k in 0..a {
            pivot -= l[a][k] * l[a][k];
        }
        if !(pivot > 0.0) {
            return false;
        }
        let pivot = pivot.sqrt();
        l[a][a] = pivot;
        for b in a + 1..m {
            let mut value = l[b][a];
            for k in 0..a {
                value -= l[b][k] * l[a][k];
            }
            l[b][a] = value / pivot;
        }
    }
    for a in 0..m {
        for k in 0..a {
            x[a] -= l[a][k] * x[k];
        }
        x[a] /= l[a][a];
    }
    for a in (0..m).rev() {
        for k in a + 1..m {
            x[a] -= l[k][a] * x[k];
        }
        x[a] /= l[a][a];
    }
    x[..m].iter().all(|g| g.abs() <= 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A linear map is solved in as many steps as it has dimensions, and one more.
    #[test]
    fn linear_maps_end_after_as_many_steps_as_dimensions() {
        let map = |x: &[f64]| {
            vec![
                0.9 * x[0] + 0.05 * x[1] + 1.0,
                0.1 * x[0] - 0.8 * x[1] + 2.0,
            ]
        };
        let mut x = vec![0.0; 2];
        let mut anderson = Anderson::new(2, 5);
        let mut next = vec![0.0; 2];
        for _ in 0..4 {
            let change: Vec<f64> = map(&x).iter().zip(&x).map(|(g, x)| g - x).collect();
            anderson.step(&x, &change, &mut next);
            x.copy_from_slice(&next);
        }
        let left = map(&x)
            .iter()
            .zip(&x)
            .map(|(g, x)| (g - x).abs())
            .sum::<f64>();
        assert!(left < 1e-8, "{left:e}");
    }
}
