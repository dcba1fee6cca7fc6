//! The continuously updated estimator.

use super::{Estimator, Moments, Progress};
use crate::error::Error;
use crate::gmm::{Covariance, moment_covariance, weights};
use crate::linalg::{Matrix, dot};
use crate::optimise::{Minimum, Objective, minimise, projected};

impl Estimator<'_, '_> {
    /// The continuously updated estimator: parameters and linear coefficients together, the covariance of moments following them.
    ///
    /// The derivative of `N g' S^-1 g` is `2 N G'lambda - N lambda' dS lambda`, `lambda = S^-1 g`. The covariance of micro moments is
    /// held at its value of the first step.
    pub(super) fn continuously_updated(
        &mut self,
        theta: &[f64],
        first: &Moments,
        step: usize,
        observe: &mut dyn FnMut(&Progress),
    ) -> Result<(Minimum, Moments, Matrix), Error> {
        let p = theta.len();
        let mut start = theta.to_vec();
        start.extend(&first.linear);
        let unbounded = first.linear.len();
        let mut lower = self.layout.lower.clone();
        let mut upper = self.layout.upper.clone();
        lower.extend(std::iter::repeat_n(f64::NEG_INFINITY, unbounded));
        upper.extend(std::iter::repeat_n(f64::INFINITY, unbounded));
        let micro = first.evaluation.micro.covariance.clone();
        let w = self.updated(first, self.options.weights, &mut Vec::new())?;
        let linear = self.linear(&w, &mut Vec::new())?;
        let mut warm = first.evaluation.delta.clone();
        let mut failure = None;
        let mut count = 0;
        let (stopping, optimiser) = (self.options.stopping, self.options.optimiser);
        let minimum = minimise(optimiser, &stopping, &start, &lower, &upper, |x| {
            let mut point = self.moments(&x[..p], &warm, &w, &linear, true);
            point.linear = x[p..].to_vec();
            point.evaluation.micro.covariance = micro.clone();
            let found = self.continuous_objective(&point);
            match found {
                Ok((objective, _)) => {
                    count += 1;
                    if point.evaluation.delta.iter().all(|d| d.is_finite()) {
                        warm.copy_from_slice(&point.evaluation.delta);
                    }
                    observe(&Progress {
                        step,
                        start: 1,
                        evaluation: count,
                        objective: objective.value,
                        gradient: projected(x, &objective.gradient, &lower, &upper),
                        failures: point
                            .evaluation
                            .inverted
                            .iter()
                            .filter(|i| !i.converged)
                            .count(),
                    });
                    objective
                }
                Err(e) => {
                    failure = Some(e);
                    Objective {
                        value: f64::NAN,
                        gradient: vec![f64::NAN; x.len()],
                        curvature: Matrix::zeros(x.len(), x.len()),
                    }
                }
            }
        });
        if let Some(e) = failure {
            return Err(e);
        }
        let mut point = self.moments(&minimum.theta[..p], &warm, &w, &linear, true);
        point.linear = minimum.theta[p..].to_vec();
        point.evaluation.micro.covariance = micro;
        let (objective, w) = self.continuous_objective(&point)?;
        point.objective = objective.value;
        point.gradient = objective.gradient[..p].to_vec();
        point.g = self.mean_moments(&point);
        let minimum = Minimum {
            theta: minimum.theta[..p].to_vec(),
            ..minimum
        };
        Ok((minimum, point, w))
    }

    pub(super) fn continuous_objective(
        &self,
        point: &Moments,
    ) -> Result<(Objective, Matrix), Error> {
        let problem = self.problem;
        let n = problem.products() as f64;
        let (xi, omega) = self.errors(point);
        let g = self.mean_moments(point);
        let jacobian = self.full_jacobian(point);
        let (demand, supply) = self.error_tangents(point);
        let kind = self.options.weights;
        let s = moment_covariance(
            problem,
            &xi,
            &omega,
            kind,
            self.options.centred,
            &point.evaluation.micro.covariance,
        );
        let w = weights(&s, &mut Vec::new())?;
        let lambda = w.apply(&g);
        let d = problem.zd.cols;
        let (zd, zs) = (
            problem.zd.apply(&lambda[..d]),
            if problem.zs.cols > 0 {
                problem.zs.apply(&lambda[d..d + problem.zs.cols])
            } else {
                Vec::new()
            },
        );
        let mut quadratic = vec![0.0; jacobian.cols];
        if kind == Covariance::Unadjusted {
            let sides = [(&xi, &demand, &zd), (&omega, &supply, &zs)];
            for (ea, da, za) in sides {
                for (eb, db, zb) in sides {
                    if za.is_empty() || zb.is_empty() {
                        continue;
                    }
                    let q = dot(za, zb) / n;
                    let (ma, mb) = (ea.iter().sum::<f64>() / n, eb.iter().sum::<f64>() / n);
                    for r in 0..ea.len() {
                        for c in 0..quadratic.len() {
                            quadratic[c] +=
                                q / n * (da[(r, c)] * (eb[r] - mb) + (ea[r] - ma) * db[(r, c)]);
                        }
                    }
                }
            }
        } else {
            // a_i = lambda'(g_i - mean), summed within clusters.
            let mut a: Vec<f64> = (0..xi.len())
                .map(|r| zd[r] * xi[r] + if zs.is_empty() { 0.0 } else { zs[r] * omega[r] })
                .collect();
            if self.options.centred {
                let mean = a.iter().sum::<f64>() / n;
                a.iter_mut().for_each(|x| *x -= mean);
            }
            if let (Covariance::Clustered, Some(clusters)) = (kind, &problem.clusters) {
                let mut sums = vec![0.0; clusters.iter().max().map_or(0, |m| m + 1)];
                a.iter().zip(clusters).for_each(|(x, c)| sums[*c] += x);
                a.iter_mut().zip(clusters).for_each(|(x, c)| *x = sums[*c]);
            }
            let total: f64 = a.iter().sum();
            let aggregate = d + problem.zs.cols;
            for c in 0..quadratic.len() {
                let mut sum = 0.0;
                for r in 0..a.len() {
                    sum += a[r] * zd[r] * demand[(r, c)];
                    if !zs.is_empty() {
                        sum += a[r] * zs[r] * supply[(r, c)];
                    }
                }
                if self.options.centred {
                    let slope: f64 = (0..aggregate).map(|m| lambda[m] * jacobian[(m, c)]).sum();
                    sum -= total * slope;
                }
                quadratic[c] = 2.0 / n * sum;
            }
        }
        let gradient = jacobian
            .apply_transposed(&lambda)
            .iter()
            .zip(&quadratic)
            .map(|(a, b)| 2.0 * n * a - n * b)
            .collect();
        let mut curvature = jacobian.transpose_times(&w.times(&jacobian));
        curvature.data.iter_mut().for_each(|x| *x *= n);
        Ok((
            Objective {
                value: n * dot(&g, &lambda),
                gradient,
                curvature,
            },
            w,
        ))
    }
}
