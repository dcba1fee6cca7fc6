//! Moments, their weights and covariances; linear parameters by instrumental variables.
//!
//! `g = [Z_D' xi; Z_S' omega] / N`, then micro moments; objective `N g' W g`. Linear parameters are concentrated out:
//! `(X' Z W Z' X)^-1 X' Z W Z' y` (Nevo 2000, appendix).

use crate::error::{Error, Warning};
use crate::linalg::{Matrix, inverse_or_pseudo};
use crate::problem::Problem;

/// How the covariance of moments is estimated, for weights or for standard errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Covariance {
    /// Errors of one variance.
    Unadjusted,
    /// Errors of any variance.
    #[default]
    Robust,
    /// Errors that hang together within clusters.
    Clustered,
}

/// The linear part of a problem for one weighting matrix.
pub(crate) struct Linear {
    /// `Z'X`, block diagonal, of the concentrated columns.
    zx: Matrix,
    /// `(X'Z W Z'X)^-1 X'Z W`: from `Z'y` to the linear parameters.
    project: Matrix,
}

/// Concentrated columns of demand, absorbed.
pub(crate) fn concentrated(problem: &Problem, columns: &[usize]) -> Matrix {
    let chosen: Vec<Vec<f64>> = columns
        .iter()
        .map(|k| problem.x1_absorbed.column(*k))
        .collect();
    Matrix::from_columns(problem.products(), &chosen)
}

/// `[Z_D' a; Z_S' b]` by columns, block diagonal in demand and supply.
fn stacked(problem: &Problem, a: &Matrix, b: &Matrix) -> Matrix {
    let (d, s) = (problem.zd.transpose_times(a), problem.zs.transpose_times(b));
    let mut out = Matrix::zeros(d.rows + s.rows, d.cols + s.cols);
    for r in 0..d.rows {
        out.row_mut(r)[..d.cols].copy_from_slice(d.row(r));
    }
    for r in 0..s.rows {
        out.row_mut(d.rows + r)[d.cols..].copy_from_slice(s.row(r));
    }
    out
}

impl Linear {
    pub fn new(
        problem: &Problem,
        columns: &[usize],
        weights: &Matrix,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, Error> {
        let zx = stacked(
            problem,
            &concentrated(problem, columns),
            &problem.x3_absorbed,
        );
        let m = zx.rows;
        // Micro moments have no linear parameters.
        let mut w = Matrix::zeros(m, m);
        for r in 0..m {
            w.row_mut(r).copy_from_slice(&weights.row(r)[..m]);
        }
        let wzx = w.times(&zx);
        let inverse = inverse_or_pseudo(&zx.transpose_times(&wzx));
        let Some((covariance, pseudo)) = inverse else {
            return Err(Error::Singular {
                what: "X'ZWZ'X of the linear parameters".to_owned(),
                hint: ": a value is not finite".to_owned(),
            });
        };
        if pseudo {
            warnings.push(Warning::PseudoInverse(
                "X'ZWZ'X of the linear parameters".to_owned(),
            ));
        }
        let project = covariance.times(&wzx.transposed());
        Ok(Self { zx, project })
    }

    /// Linear parameters from `Z'y`.
    pub fn parameters(&self, zy: &[f64]) -> Vec<f64> {
        self.project.apply(zy)
    }

    /// Takes the linear parameters' part out of `Z'y`, columns of `zy`.
    pub fn residual(&self, zy: &Matrix) -> Matrix {
        let fitted = self.zx.times(&self.project.times(zy));
        let mut out = zy.clone();
        out.data
            .iter_mut()
            .zip(&fitted.data)
            .for_each(|(a, b)| *a -= b);
        out
    }
}

/// `[Z_D' a; Z_S' b]` for columns `a` of demand and `b` of supply that belong to one parameter each.
pub(crate) fn instrumented(problem: &Problem, demand: &Matrix, supply: &Matrix) -> Matrix {
    let d = problem.zd.transpose_times(demand);
    let mut out = Matrix::zeros(problem.zd.cols + problem.zs.cols, demand.cols);
    out.data[..d.data.len()].copy_from_slice(&d.data);
    if problem.zs.cols > 0 {
        let s = problem.zs.transpose_times(supply);
        out.data[d.data.len()..].copy_from_slice(&s.data);
    }
    out
}

/// `(Z'Z/N)^-1` by blocks: two-stage least squares.
pub(crate) fn initial_weights(problem: &Problem, micro: usize) -> Result<Matrix, Error> {
    let n = problem.products() as f64;
    let (d, s) = (problem.zd.cols, problem.zs.cols);
    let mut w = Matrix::zeros(d + s + micro, d + s + micro);
    for (z, at, what) in [(&problem.zd, 0, "demand"), (&problem.zs, d, "supply")] {
        if z.cols == 0 {
            continue;
        }
        let singular = || Error::Singular {
            what: format!("Z'Z of the {what} instruments"),
            hint: format!(
                ": instruments may be combinations of one another; columns {}",
                dependent(z)
            ),
        };
        let mut zz = z.transpose_times(z);
        zz.data.iter_mut().for_each(|x| *x /= n);
        if !crate::linalg::collinear_columns(z, 1e-12).is_empty() {
            return Err(singular());
        }
        let (inverse, pseudo) = inverse_or_pseudo(&zz).ok_or_else(singular)?;
        if pseudo {
            return Err(singular());
        }
        let inverse = inverse.symmetrised();
        for r in 0..z.cols {
            w.row_mut(at + r)[at..at + z.cols].copy_from_slice(inverse.row(r));
        }
    }
    Ok(w)
}

fn dependent(z: &Matrix) -> String {
    let columns = crate::linalg::collinear_columns(z, 1e-12);
    let listed: Vec<String> = columns.iter().map(|c| (c + 1).to_string()).collect();
    format!(
        "{} (excluded instruments first, then exogenous characteristics)",
        listed.join(", ")
    )
}

/// Contributions `[Z_D xi, Z_S omega]` by product.
pub(crate) fn moment_rows(problem: &Problem, xi: &[f64], omega: &[f64]) -> Matrix {
    let (d, s) = (problem.zd.cols, problem.zs.cols);
    let mut g = Matrix::zeros(problem.products(), d + s);
    for r in 0..g.rows {
        let row = &mut g.data[r * (d + s)..(r + 1) * (d + s)];
        for (a, z) in row[..d].iter_mut().zip(problem.zd.row(r)) {
            *a = z * xi[r];
        }
        if s > 0 {
            for (a, z) in row[d..].iter_mut().zip(problem.zs.row(r)) {
                *a = z * omega[r];
            }
        }
    }
    g
}

/// Covariance of the moments; `micro` is the covariance of micro moments, scaled by `N` here.
pub(crate) fn moment_covariance(
    problem: &Problem,
    xi: &[f64],
    omega: &[f64],
    kind: Covariance,
    centred: bool,
    micro: &Matrix,
) -> Matrix {
    let n = problem.products() as f64;
    let (d, s) = (problem.zd.cols, problem.zs.cols);
    let aggregate = if kind == Covariance::Unadjusted {
        let z = [&problem.zd, &problem.zs];
        let mut out = Matrix::zeros(d + s, d + s);
        let errors = [xi, omega];
        for (a, at) in [(0, 0), (1, d)] {
            for (b, bt) in [(0, 0), (1, d)] {
                if z[a].cols == 0 || z[b].cols == 0 {
                    continue;
                }
                let variance = covariance(errors[a], errors[b]);
                let zz = z[a].transpose_times(z[b]);
                for r in 0..zz.rows {
                    for c in 0..zz.cols {
                        out[(at + r, bt + c)] = variance * zz[(r, c)] / n;
                    }
                }
            }
        }
        out
    } else {
        let mut g = moment_rows(problem, xi, omega);
        if centred {
            for c in 0..g.cols {
                let mean = (0..g.rows).map(|r| g[(r, c)]).sum::<f64>() / n;
                (0..g.rows).for_each(|r| g[(r, c)] -= mean);
            }
        }
        if let (Covariance::Clustered, Some(clusters)) = (kind, &problem.clusters) {
            let count = clusters.iter().max().map_or(0, |m| m + 1);
            let mut sums = Matrix::zeros(count, g.cols);
            for (r, cluster) in clusters.iter().enumerate() {
                for c in 0..g.cols {
                    sums[(*cluster, c)] += g[(r, c)];
                }
            }
            g = sums;
        }
        let mut out = g.transpose_times(&g);
        out.data.iter_mut().for_each(|x| *x /= n);
        out
    };
    let m = micro.rows;
    let mut full = Matrix::zeros(d + s + m, d + s + m);
    for r in 0..d + s {
        full.row_mut(r)[..d + s].copy_from_slice(aggregate.row(r));
    }
    for r in 0..m {
        for c in 0..m {
            full[(d + s + r, d + s + c)] = n * micro[(r, c)];
        }
    }
    full.symmetrised()
}

fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len() as f64;
    let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
    a.iter()
        .zip(b)
        .map(|(x, y)| (x - ma) * (y - mb))
        .sum::<f64>()
        / n
}

/// Inverse of a covariance of moments.
pub(crate) fn weights(covariance: &Matrix, warnings: &mut Vec<Warning>) -> Result<Matrix, Error> {
    let (w, pseudo) = inverse_or_pseudo(covariance).ok_or_else(|| Error::Singular {
        what: "the covariance of the moments".to_owned(),
        hint: ": a value is not finite".to_owned(),
    })?;
    if pseudo {
        warnings.push(Warning::PseudoInverse(
            "the covariance of the moments".to_owned(),
        ));
    }
    Ok(w.symmetrised())
}

/// Covariance of the parameters times `N`: `(G'WG)^-1`, or the sandwich with `S` between.
pub(crate) fn parameter_covariance(
    g: &Matrix,
    w: &Matrix,
    s: &Matrix,
    kind: Covariance,
    warnings: &mut Vec<Warning>,
) -> Option<Matrix> {
    let wg = w.times(g);
    let (inverse, pseudo) = inverse_or_pseudo(&g.transpose_times(&wg))?;
    if pseudo {
        warnings.push(Warning::PseudoInverse("G'WG of the parameters".to_owned()));
    }
    if kind == Covariance::Unadjusted {
        return Some(inverse.symmetrised());
    }
    let middle = wg.transpose_times(&s.times(&wg));
    Some(inverse.times(&middle).times(&inverse).symmetrised())
}
