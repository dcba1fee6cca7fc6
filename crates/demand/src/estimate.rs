//! Estimation: GMM over demand, supply and micro moments.

use crate::error::{Error, Warning};
use crate::evaluate::{Evaluation, Request, evaluate};
use crate::gmm::{
    Covariance, Linear, initial_weights, instrumented, moment_covariance, parameter_covariance,
    weights,
};
use crate::invert::{Inversion, logit_delta};
use crate::linalg::{Matrix, condition, dot, symmetric_eigenvalues};
use crate::micro::{Bound, MicroMoments};
use crate::optimise::{Minimum, Objective, Optimiser, Stopping, minimise, projected};
use crate::parameters::{Layout, Parameter, Parameters};
use crate::problem::Problem;

/// Sequence of weighting matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Steps {
    /// The initial weights only.
    One,
    /// Weights updated once.
    #[default]
    Two,
    /// Weights updated until the parameters rest, at most so often.
    Iterated(usize),
    /// Weights a function of the parameters (Hansen, Heaton and Yaron 1996).
    ContinuouslyUpdated,
}

/// Options of an estimation.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Sequence of weights.
    pub steps: Steps,
    /// Weights from the second step on.
    pub weights: Covariance,
    /// Standard errors.
    pub errors: Covariance,
    /// Whether moments are centred before their covariance is taken.
    pub centred: bool,
    /// Whether weights are updated at the start, before the first step; with micro moments they always are.
    pub initial_update: bool,
    /// Weights of the first step in place of two-stage least squares.
    pub given_weights: Option<Matrix>,
    /// Share inversion.
    pub inversion: Inversion,
    /// Bounds that costs are moved to.
    pub cost_bounds: (f64, f64),
    /// Minimiser.
    pub optimiser: Optimiser,
    /// When the minimiser stops.
    pub stopping: Stopping,
    /// Further starts, drawn around the given one.
    pub more_starts: usize,
    /// Half-width of a drawn start, relative to the given one.
    pub spread: f64,
    /// Seed of drawn starts.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            steps: Steps::Two,
            weights: Covariance::Robust,
            errors: Covariance::Robust,
            centred: true,
            initial_update: false,
            given_weights: None,
            inversion: Inversion::default(),
            cost_bounds: (f64::NEG_INFINITY, f64::INFINITY),
            optimiser: Optimiser::default(),
            stopping: Stopping::default(),
            more_starts: 0,
            spread: 0.5,
            seed: 0,
        }
    }
}

/// What an observer sees after every evaluation of the objective.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Step of the weights, from 1.
    pub step: usize,
    /// Start, from 1.
    pub start: usize,
    /// Evaluation within the step.
    pub evaluation: usize,
    /// Objective.
    pub objective: f64,
    /// Largest projected gradient.
    pub gradient: f64,
    /// Markets whose inversion failed.
    pub failures: usize,
}

/// One estimated number.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Label such as `sigma[prices]`.
    pub label: String,
    /// Value.
    pub value: f64,
    /// Standard error; NaN where it cannot be computed.
    pub error: f64,
}

/// What an estimation did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Effort {
    /// Evaluations of the objective, all steps and starts.
    pub evaluations: usize,
    /// Share evaluations, all markets.
    pub contractions: usize,
    /// Cells (products x agents) of those share evaluations.
    pub cells: usize,
}

/// An estimated problem.
#[derive(Debug, Clone)]
pub struct Results<'a> {
    /// The problem.
    pub problem: &'a Problem,
    /// Estimated parameters and concentrated coefficients, with errors.
    pub estimates: Vec<Estimate>,
    /// Covariance of `estimates`.
    pub covariance: Matrix,
    /// Parameters, every `beta` filled in.
    pub parameters: Parameters,
    /// Objective `N g'Wg`.
    pub objective: f64,
    /// Its derivative by the estimated nonlinear parameters.
    pub gradient: Vec<f64>,
    /// Their labels.
    pub labels: Vec<String>,
    /// Largest projected gradient.
    pub projected_gradient: f64,
    /// Eigenvalues of the Gauss-Newton approximation of the Hessian.
    pub curvature: Vec<f64>,
    /// Step of the weights.
    pub step: usize,
    /// Whether the minimiser converged in every step and all markets were inverted.
    pub converged: bool,
    /// The minimiser's last word.
    pub message: String,
    /// Weighting matrix of the last step.
    pub weights: Matrix,
    /// Mean moments.
    pub moments: Vec<f64>,
    /// Values of micro moments.
    pub micro: Vec<f64>,
    /// Derivatives of the mean moments by `estimates`.
    pub moment_jacobian: Matrix,
    /// Covariance of the moments.
    pub moment_covariance: Matrix,
    /// Mean utilities, by product in the order of the problem.
    pub delta: Vec<f64>,
    /// Demand errors.
    pub xi: Vec<f64>,
    /// Cost errors; empty without a supply side.
    pub omega: Vec<f64>,
    /// Costs or their logarithms; empty without a supply side.
    pub tilde_costs: Vec<f64>,
    /// Markups `p - c` of the estimated supply side.
    pub markups: Vec<f64>,
    /// Derivatives of `delta` by the estimated nonlinear parameters.
    pub delta_tangent: Matrix,
    /// Derivatives of `tilde_costs`.
    pub cost_tangent: Matrix,
    /// Work done.
    pub effort: Effort,
    /// Things to know.
    pub warnings: Vec<Warning>,
    pub(crate) options: Options,
    pub(crate) start: Parameters,
}

/// Everything about one weighting matrix at one point.
struct Moments {
    theta: Vec<f64>,
    evaluation: Evaluation,
    linear: Vec<f64>,
    g: Vec<f64>,
    objective: f64,
    gradient: Vec<f64>,
    curvature: Matrix,
}

struct Estimator<'a, 'o> {
    problem: &'a Problem,
    layout: Layout,
    micro: Option<Bound>,
    options: &'o Options,
    effort: Effort,
}

impl Problem {
    /// Estimates from a start.
    ///
    /// # Errors
    /// Starts that do not fit the problem, instruments that are combinations of one another, numbers that are not finite at the start.
    /// What goes wrong later (a market that is not inverted, a minimiser that stops early) is a warning of the results.
    pub fn solve(&self, start: &Parameters, options: &Options) -> Result<Results<'_>, Error> {
        self.solve_with(start, &MicroMoments::default(), options, &mut |_| {})
    }

    /// [`Self::solve`] with micro moments and an observer.
    ///
    /// # Errors
    /// As [`Self::solve`].
    pub fn solve_with(
        &self,
        start: &Parameters,
        micro: &MicroMoments,
        options: &Options,
        observe: &mut dyn FnMut(&Progress),
    ) -> Result<Results<'_>, Error> {
        let layout = Layout::new(self, start)?;
        let bound = if micro.moments.is_empty() {
            None
        } else {
            Some(Bound::new(self, micro)?)
        };
        if (options.weights == Covariance::Clustered || options.errors == Covariance::Clustered)
            && self.clusters.is_none()
        {
            return Err(Error::invalid(
                "products",
                format!(
                    "clustered weights or errors need a column `{}`",
                    self.specification.names.cluster
                ),
            ));
        }
        let columns = layout.concentrated.len() + layout.free.len() + self.x3.cols;
        let instruments = self.zd.cols + self.zs.cols + micro.moments.len();
        if instruments < columns {
            return Err(Error::invalid(
                "instruments",
                format!(
                    "{columns} parameters, but only {instruments} moments (excluded instruments and exogenous characteristics)"
                ),
            ));
        }
        Estimator {
            problem: self,
            layout,
            micro: bound,
            options,
            effort: Effort::default(),
        }
        .run(observe)
    }
}

impl<'a> Estimator<'a, '_> {
    fn run(mut self, observe: &mut dyn FnMut(&Progress)) -> Result<Results<'a>, Error> {
        let micro = self.micro.as_ref().map_or(0, |m| m.moments.len());
        let mut w = match &self.options.given_weights {
            Some(w) => w.clone(),
            None => initial_weights(self.problem, micro)?,
        };
        let moments = self.problem.zd.cols + self.problem.zs.cols + micro;
        if w.rows != moments || w.cols != moments || !w.is_finite() {
            return Err(Error::invalid(
                "given_weights",
                format!(
                    "{} x {} for {moments} moments, or not finite",
                    w.rows, w.cols
                ),
            ));
        }
        let mut warnings = Vec::new();
        let theta0 = self.layout.pack(&self.layout.start);
        let mut delta = self.logit();
        if self.options.initial_update || (micro > 0 && self.options.given_weights.is_none()) {
            let linear = self.linear(&w, &mut warnings)?;
            let point = self.moments(&theta0, &delta, &w, &linear, false);
            if !point.objective.is_finite() {
                return Err(Error::NotFinite(
                    "moments at the given parameters".to_owned(),
                ));
            }
            delta.copy_from_slice(&point.evaluation.delta);
            w = self.updated(&point, self.options.weights, &mut warnings)?;
        }
        let mut theta = theta0;
        let mut best: Option<(Minimum, Moments)> = None;
        let steps = match self.options.steps {
            Steps::One => 1,
            Steps::Two | Steps::ContinuouslyUpdated => 2,
            Steps::Iterated(n) => n.max(1),
        };
        let mut all_converged = true;
        let mut step = 0;
        while step < steps {
            step += 1;
            let before = theta.clone();
            if let Some((_, point)) = &best {
                w = self.updated(point, self.options.weights, &mut warnings)?;
            }
            let linear = self.linear(&w, &mut warnings)?;
            let continuous = step == 2 && self.options.steps == Steps::ContinuouslyUpdated;
            let found = if continuous {
                let last = best
                    .take()
                    .ok_or_else(|| Error::NotFinite("first step".to_owned()))?;
                let (minimum, point, updated) =
                    self.continuously_updated(&theta, &last.1, step, observe)?;
                w = updated;
                (minimum, point)
            } else {
                self.minimum(&theta, &mut delta, &w, &linear, step, observe)?
            };
            all_converged &= found.0.converged;
            theta.clone_from(&found.0.theta);
            delta.copy_from_slice(&found.1.evaluation.delta);
            best = Some(found);
            let moved = before
                .iter()
                .zip(&theta)
                .map(|(a, b)| (a - b).abs() / a.abs().max(1.0))
                .fold(0.0, f64::max);
            if step > 1 && moved < 1e-8 && matches!(self.options.steps, Steps::Iterated(_)) {
                break;
            }
        }
        let (minimum, point) = best.ok_or_else(|| Error::NotFinite("no step".to_owned()))?;
        if let (Steps::Iterated(n), true) = (self.options.steps, step == steps)
            && n > 1
        {
            warnings.push(Warning::Other(format!(
                "weights were still moving after {n} steps"
            )));
        }
        self.results(minimum, point, w, step, all_converged, warnings)
    }

    fn logit(&self) -> Vec<f64> {
        let mut delta = vec![0.0; self.problem.products()];
        let rho = self.layout.start.rho_by_nest(self.problem.rhos.len());
        for (m, market) in self.problem.markets.iter().enumerate() {
            logit_delta(&self.problem.view(m), &rho, &mut delta[market.rows.clone()]);
        }
        delta
    }

    fn linear(&self, w: &Matrix, warnings: &mut Vec<Warning>) -> Result<Linear, Error> {
        Linear::new(self.problem, &self.layout.concentrated, w, warnings)
    }

    /// Demand residual before linear parameters that are concentrated out: `delta - X1f beta_f`.
    fn demand_side(&self, values: &Parameters, delta: &[f64]) -> Vec<f64> {
        let mut y = delta.to_vec();
        for k in &self.layout.fixed {
            let b = values.beta[*k].unwrap_or(0.0);
            for r in 0..y.len() {
                y[r] -= self.problem.x1[(r, *k)] * b;
            }
        }
        y
    }

    fn moments(
        &mut self,
        theta: &[f64],
        start: &[f64],
        w: &Matrix,
        linear: &Linear,
        covariance: bool,
    ) -> Moments {
        let problem = self.problem;
        let values = self.layout.unpack(theta);
        let request = Request {
            layout: &self.layout,
            inversion: &self.options.inversion,
            cost_bounds: self.options.cost_bounds,
            micro: self.micro.as_ref(),
            derivatives: true,
            micro_covariance: covariance || self.micro.is_some(),
        };
        let mut evaluation = evaluate(problem, &values, start, &request);
        self.effort.evaluations += 1;
        for (m, i) in evaluation.inverted.iter().enumerate() {
            self.effort.contractions += i.evaluations;
            self.effort.cells +=
                i.evaluations * problem.markets[m].rows.len() * problem.markets[m].agents;
        }
        // Coefficients that are parameters move the demand error directly.
        for (p, parameter) in self.layout.free.iter().enumerate() {
            if let Parameter::Beta(k) = parameter {
                for r in 0..problem.products() {
                    evaluation.delta_tangent[(r, p)] -= problem.x1[(r, *k)];
                }
            }
        }
        let n = problem.products() as f64;
        let y = Matrix::new(
            problem.products(),
            1,
            self.demand_side(&values, &evaluation.delta),
        );
        let c = Matrix::new(
            evaluation.tilde_costs.len(),
            1,
            evaluation.tilde_costs.clone(),
        );
        let zy = instrumented(problem, &y, &c);
        let coefficients = linear.parameters(&zy.data);
        let mut g: Vec<f64> = linear.residual(&zy).data.iter().map(|x| x / n).collect();
        g.extend(&evaluation.micro.gaps);
        let zj = instrumented(problem, &evaluation.delta_tangent, &evaluation.cost_tangent);
        let mut jacobian = linear.residual(&zj);
        jacobian.data.iter_mut().for_each(|x| *x /= n);
        if self.micro.is_some() {
            jacobian.rows += evaluation.micro.jacobian.rows;
            jacobian.data.extend(&evaluation.micro.jacobian.data);
        }
        let wg = w.apply(&g);
        let objective = n * dot(&g, &wg);
        let gradient = jacobian
            .apply_transposed(&wg)
            .iter()
            .map(|x| 2.0 * n * x)
            .collect();
        let mut curvature = jacobian.transpose_times(&w.times(&jacobian));
        curvature.data.iter_mut().for_each(|x| *x *= n);
        Moments {
            theta: theta.to_vec(),
            evaluation,
            linear: coefficients,
            g,
            objective,
            gradient,
            curvature,
        }
    }

    fn minimum(
        &mut self,
        theta: &[f64],
        delta: &mut [f64],
        w: &Matrix,
        linear: &Linear,
        step: usize,
        observe: &mut dyn FnMut(&Progress),
    ) -> Result<(Minimum, Moments), Error> {
        let (lower, upper) = (self.layout.lower.clone(), self.layout.upper.clone());
        let starts = self.starts(theta, step);
        let mut best: Option<(Minimum, Moments)> = None;
        for (number, start) in starts.iter().enumerate() {
            let mut count = 0;
            // Warm starts along the path: delta of the last evaluation.
            let mut warm = delta.to_vec();
            let (optimiser, stopping) = (self.options.optimiser, self.options.stopping);
            let minimum = minimise(optimiser, &stopping, start, &lower, &upper, |theta| {
                let point = self.moments(theta, &warm, w, linear, false);
                count += 1;
                if point.evaluation.delta.iter().all(|d| d.is_finite()) {
                    warm.copy_from_slice(&point.evaluation.delta);
                }
                let markets = point.evaluation.inverted.iter();
                observe(&Progress {
                    step,
                    start: number + 1,
                    evaluation: count,
                    objective: point.objective,
                    gradient: projected(theta, &point.gradient, &lower, &upper),
                    failures: markets.filter(|i| !i.converged).count(),
                });
                Objective {
                    value: point.objective,
                    gradient: point.gradient,
                    curvature: point.curvature,
                }
            });
            let point = self.moments(&minimum.theta, &warm, w, linear, true);
            if best
                .as_ref()
                .is_none_or(|(_, b)| !(b.objective <= point.objective))
            {
                best = Some((minimum, point));
            }
        }
        let (minimum, point) = best.ok_or_else(|| Error::NotFinite("no start".to_owned()))?;
        if !point.objective.is_finite() {
            return Err(Error::NotFinite(
                "moments at the given parameters".to_owned(),
            ));
        }
        Ok((minimum, point))
    }

    /// The start itself, and in the first step those drawn around it.
    fn starts(&self, theta: &[f64], step: usize) -> Vec<Vec<f64>> {
        use rand_chacha::rand_core::SeedableRng;
        let mut random = rand_chacha::ChaCha12Rng::seed_from_u64(self.options.seed);
        let mut starts = vec![theta.to_vec()];
        if step == 1 && !theta.is_empty() {
            for _ in 0..self.options.more_starts {
                starts.push(
                    theta
                        .iter()
                        .enumerate()
                        .map(|(i, t)| {
                            let u = 2.0 * crate::integrate::uniform(&mut random) - 1.0;
                            (t * (1.0 + self.options.spread * u))
                                .clamp(self.layout.lower[i], self.layout.upper[i])
                        })
                        .collect(),
                );
            }
        }
        starts
    }

    /// Errors of demand and supply at a point, effects absorbed.
    fn errors(&self, point: &Moments) -> (Vec<f64>, Vec<f64>) {
        let problem = self.problem;
        let values = self.layout.unpack(&point.theta);
        let mut xi = self.demand_side(&values, &point.evaluation.delta);
        problem.demand_effects.absorb(&mut xi);
        let k = self.layout.concentrated.len();
        for (c, column) in self.layout.concentrated.iter().enumerate() {
            for r in 0..xi.len() {
                xi[r] -= problem.x1_absorbed[(r, *column)] * point.linear[c];
            }
        }
        let mut omega = point.evaluation.tilde_costs.clone();
        problem.supply_effects.absorb(&mut omega);
        for r in 0..omega.len() {
            omega[r] -= dot(problem.x3_absorbed.row(r), &point.linear[k..]);
        }
        (xi, omega)
    }

    fn updated(
        &self,
        point: &Moments,
        kind: Covariance,
        warnings: &mut Vec<Warning>,
    ) -> Result<Matrix, Error> {
        let (xi, omega) = self.errors(point);
        let s = moment_covariance(
            self.problem,
            &xi,
            &omega,
            kind,
            self.options.centred,
            &point.evaluation.micro.covariance,
        );
        weights(&s, warnings)
    }

    /// The continuously updated estimator: parameters and linear coefficients together, the covariance of moments following them.
    ///
    /// The derivative of `N g' S^-1 g` is `2 N G'lambda - N lambda' dS lambda`, `lambda = S^-1 g`. The covariance of micro moments is
    /// held at its value of the first step.
    fn continuously_updated(
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

    fn mean_moments(&self, point: &Moments) -> Vec<f64> {
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
    fn error_tangents(&self, point: &Moments) -> (Matrix, Matrix) {
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
    fn full_jacobian(&self, point: &Moments) -> Matrix {
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

    fn continuous_objective(&self, point: &Moments) -> Result<(Objective, Matrix), Error> {
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

    fn results(
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
