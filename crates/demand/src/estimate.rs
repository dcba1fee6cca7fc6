//! Estimation: GMM over demand, supply and micro moments.

mod continuous;
mod results;

use crate::error::{Error, Warning};
use crate::evaluate::{Evaluation, Request, evaluate};
use crate::gmm::{Covariance, Linear, initial_weights, instrumented, moment_covariance, weights};
use crate::invert::{Inversion, logit_delta};
use crate::linalg::{Matrix, dot};
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

/// Where the last evaluation was and how `delta` moves from there.
struct Warm {
    theta: Vec<f64>,
    delta: Vec<f64>,
    tangent: Matrix,
}

impl Warm {
    fn new(delta: &[f64]) -> Self {
        Self {
            theta: Vec::new(),
            delta: delta.to_vec(),
            tangent: Matrix::default(),
        }
    }

    fn keep(&mut self, point: &Moments, layout: &Layout) {
        let evaluation = &point.evaluation;
        if !evaluation.delta.iter().all(|d| d.is_finite()) || !evaluation.delta_tangent.is_finite()
        {
            return;
        }
        self.theta.clone_from(&point.theta);
        self.delta.copy_from_slice(&evaluation.delta);
        self.tangent.clone_from(&evaluation.delta_tangent);
        // Linear coefficients move the error, not delta.
        for (p, parameter) in layout.free.iter().enumerate() {
            if matches!(parameter, Parameter::Beta(_)) {
                (0..self.tangent.rows).for_each(|r| self.tangent[(r, p)] = 0.0);
            }
        }
    }

    fn delta_at(&self, theta: &[f64]) -> Vec<f64> {
        if self.theta.is_empty() {
            return self.delta.clone();
        }
        let step: Vec<f64> = theta.iter().zip(&self.theta).map(|(a, b)| a - b).collect();
        let moved = self.tangent.apply(&step);
        self.delta.iter().zip(moved).map(|(d, m)| d + m).collect()
    }
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
            // Warm starts along the path: delta as the last evaluation and its derivative foretell it.
            let mut warm = Warm::new(delta);
            let (optimiser, stopping) = (self.options.optimiser, self.options.stopping);
            let minimum = minimise(optimiser, &stopping, start, &lower, &upper, |theta| {
                let point = self.moments(theta, &warm.delta_at(theta), w, linear, false);
                count += 1;
                warm.keep(&point, &self.layout);
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
            let at_end = warm.delta_at(&minimum.theta);
            let point = self.moments(&minimum.theta, &at_end, w, linear, true);
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
}
