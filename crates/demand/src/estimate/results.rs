//! Derivatives of the mean moments by all that is estimated, and what an estimation gives.

use super::{Estimate, Estimator, Moments, Results};
use crate::error::{Error, Warning};
use crate::gmm::{Covariance, instrumented, moment_covariance, parameter_covariance, weights};
use crate::linalg::{Matrix, condition, symmetric_eigenvalues};
use crate::optimise::{Minimum, projected};
use crate::parameters::Parameter;

impl<'a> Estimator<'a, '_> {
    pub(super) fn mean_moments(&self, point: &Moments) -> Vec<f64> {
        let n = self.problem.products() as f64;
        let (xi, omega) = self.errors(point);
        let xi = Matrix::new(xi.len(), 1, xi);
        let omega = Matrix::new(omega.len(), 1, omega);
        let mut g: Vec<f64> = instrumented(self.problem, &xi, &omega)
            .data
            .iter()
            .map(|x| x / n)
            .collect();
        g.extend(&point.evaluation.micro.gaps);
        g
    }

    /// Derivatives of the errors by parameters and linear coefficients, effects absorbed.
    pub(super) fn error_tangents(&self, point: &Moments) -> (Matrix, Matrix) {
        let problem = self.problem;
        let p = self.layout.free.len();
        let k = self.layout.concentrated.len();
        let all = p + point.linear.len();
        let mut demand = Matrix::zeros(problem.products(), all);
        for r in 0..demand.rows {
            let row = &mut demand.data[r * all..(r + 1) * all];
            row[..p].copy_from_slice(point.evaluation.delta_tangent.row(r));
            for (c, column) in self.layout.concentrated.iter().enumerate() {
                row[p + c] = -problem.x1[(r, *column)];
            }
        }
        problem.demand_effects.absorb_columns(&mut demand);
        let mut supply = Matrix::zeros(point.evaluation.tilde_costs.len(), all);
        for r in 0..supply.rows {
            let row = &mut supply.data[r * all..(r + 1) * all];
            row[..p].copy_from_slice(point.evaluation.cost_tangent.row(r));
            for c in 0..problem.x3.cols {
                row[p + k + c] = -problem.x3[(r, c)];
            }
        }
        problem.supply_effects.absorb_columns(&mut supply);
        (demand, supply)
    }

    /// `dg` by parameters and linear coefficients.
    pub(super) fn full_jacobian(&self, point: &Moments) -> Matrix {
        let (demand, supply) = self.error_tangents(point);
        let mut g = instrumented(self.problem, &demand, &supply);
        let n = self.problem.products() as f64;
        g.data.iter_mut().for_each(|x| *x /= n);
        let micro = &point.evaluation.micro.jacobian;
        for m in 0..micro.rows {
            g.rows += 1;
            g.data.extend(micro.row(m));
            g.data.extend(std::iter::repeat_n(0.0, g.cols - micro.cols));
        }
        g
    }

    pub(super) fn results(
        self,
        minimum: Minimum,
        point: Moments,
        w: Matrix,
        step: usize,
        minimised: bool,
        mut warnings: Vec<Warning>,
    ) -> Result<Results<'a>, Error> {
        let problem = self.problem;
        let n = problem.products() as f64;
        let (xi, omega) = self.errors(&point);
        let s = moment_covariance(
            problem,
            &xi,
            &omega,
            self.options.errors,
            self.options.centred,
            &point.evaluation.micro.covariance,
        );
        let jacobian = self.full_jacobian(&point);
        // Unadjusted errors need weights in the scale of the errors.
        let scaled = if self.options.errors == Covariance::Unadjusted && step == 1 {
            weights(&s, &mut warnings)?
        } else {
            w.clone()
        };
        let mut covariance =
            parameter_covariance(&jacobian, &scaled, &s, self.options.errors, &mut warnings)
                .unwrap_or_else(|| {
                    Matrix::new(
                        jacobian.cols,
                        jacobian.cols,
                        vec![f64::NAN; jacobian.cols * jacobian.cols],
                    )
                });
        covariance.data.iter_mut().for_each(|x| *x /= n);
        let spec = &problem.specification;
        let mut labels = self.layout.labels.clone();
        labels.extend(
            self.layout
                .concentrated
                .iter()
                .map(|k| format!("beta[{}]", spec.linear.terms[*k])),
        );
        labels.extend(spec.cost.terms.iter().map(|t| format!("gamma[{t}]")));
        let values = minimum.theta.iter().chain(&point.linear);
        let estimates = labels
            .into_iter()
            .zip(values)
            .enumerate()
            .map(|(i, (label, value))| Estimate {
                label,
                value: *value,
                error: covariance[(i, i)].sqrt(),
            })
            .collect();
        let mut parameters = self.layout.unpack(&minimum.theta);
        for (c, k) in self.layout.concentrated.iter().enumerate() {
            parameters.beta[*k] = Some(point.linear[c]);
        }
        parameters.gamma = point.linear[self.layout.concentrated.len()..].to_vec();
        if !minimised {
            warnings.push(Warning::Optimiser(minimum.message.clone()));
        }
        let condition = condition(&w);
        if condition > 1e16 {
            warnings.push(Warning::Other(format!(
                "the weighting matrix has a condition number of {condition:.0e}: moments may be nearly dependent"
            )));
        }
        let inverted = point.evaluation.inverted.iter().all(|i| i.converged);
        warnings.extend(point.evaluation.warnings.clone());
        // Coefficients that are parameters do not move delta.
        let mut delta_tangent = point.evaluation.delta_tangent.clone();
        for (p, parameter) in self.layout.free.iter().enumerate() {
            if matches!(parameter, Parameter::Beta(_)) {
                (0..delta_tangent.rows).for_each(|r| delta_tangent[(r, p)] = 0.0);
            }
        }
        Ok(Results {
            problem,
            estimates,
            covariance,
            parameters,
            objective: point.objective,
            projected_gradient: projected(
                &minimum.theta,
                &point.gradient,
                &self.layout.lower,
                &self.layout.upper,
            ),
            gradient: point.gradient,
            labels: self.layout.labels.clone(),
            curvature: symmetric_eigenvalues(&point.curvature).unwrap_or_default(),
            step,
            converged: minimised && inverted,
            message: minimum.message,
            weights: w,
            moments: point.g,
            micro: point.evaluation.micro.model,
            moment_jacobian: jacobian,
            moment_covariance: s,
            delta: point.evaluation.delta,
            xi,
            omega,
            tilde_costs: point.evaluation.tilde_costs,
            markups: point.evaluation.markups,
            delta_tangent,
            cost_tangent: point.evaluation.cost_tangent,
            effort: self.effort,
            warnings,
            options: self.options.clone(),
            start: self.layout.start.clone(),
        })
    }
}
