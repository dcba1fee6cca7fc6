//! Parameters: which are estimated, where they start, between what bounds.

use crate::error::{Defect, Error};
use crate::linalg::Matrix;
use crate::problem::Problem;
use crate::tangent::{ALL_NESTS, Direction};

/// Values of the parameters; as a start, zeros of `sigma` and `pi` stay zero and are not estimated.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    /// Lower triangular root of the covariance of tastes, `k2 x k2`; columns of zeros take no node, the others take them in order.
    pub sigma: Matrix,
    /// Coefficients of demographics, `k2 x demographics`.
    pub pi: Matrix,
    /// Nesting parameters: one for all nests, or one a nest in the order of [`Problem::nests`].
    pub rho: Vec<f64>,
    /// Linear coefficients; `None` for those that follow from the others by instrumental variables.
    pub beta: Vec<Option<f64>>,
    /// Cost coefficients, all of them following from the others.
    pub gamma: Vec<f64>,
    /// Bounds of estimated parameters by label, in place of the defaults (diagonal of sigma from 0, rho from 0 to 0.99).
    pub bounds: Vec<(String, f64, f64)>,
}

/// One estimated parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parameter {
    Sigma(usize, usize),
    Pi(usize, usize),
    Rho(usize),
    Beta(usize),
}

/// The estimated parameters of a problem in their order: sigma row by row, pi, rho, beta.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub free: Vec<Parameter>,
    pub labels: Vec<String>,
    pub lower: Vec<f64>,
    pub upper: Vec<f64>,
    pub directions: Vec<Direction>,
    /// Linear characteristics whose coefficient is found by instrumental variables.
    pub concentrated: Vec<usize>,
    /// Linear characteristics whose coefficient is a parameter.
    pub fixed: Vec<usize>,
    pub start: Parameters,
}

impl Layout {
    /// Checks a start against a problem.
    pub fn new(problem: &Problem, start: &Parameters) -> Result<Self, Error> {
        let spec = &problem.specification;
        let mut defects = Vec::new();
        let mut start = start.clone();
        let (k1, k2) = (problem.x1.cols, problem.x2.cols);
        let (nodes, demographics) = problem.dimensions();
        let shape = |what: &str, m: &mut Matrix, cols: usize, defects: &mut Vec<Defect>| {
            if m.data.is_empty() {
                *m = Matrix::zeros(k2, cols);
            }
            if m.rows != k2 || m.cols != cols {
                defects.push(Defect::new(
                    what,
                    format!("is {} x {}, expected {k2} x {cols} (random coefficients by random coefficients or demographics)", m.rows, m.cols),
                ));
                *m = Matrix::zeros(k2, cols);
            }
            if !m.is_finite() {
                defects.push(Defect::new(what, "has a value that is not finite"));
            }
        };
        shape("sigma", &mut start.sigma, k2, &mut defects);
        shape("pi", &mut start.pi, demographics, &mut defects);
        let used = (0..k2)
            .filter(|l| (0..k2).any(|k| start.sigma[(k, *l)] != 0.0))
            .collect::<Vec<_>>();
        if used.len() > nodes {
            defects.push(Defect::new(
                "sigma",
                format!(
                    "has {} columns that are not zero, but agents have {nodes} nodes",
                    used.len()
                ),
            ));
        }
        // As many nodes as characteristics: each has its own, whether it is used or not.
        let node = |l: usize| {
            if nodes >= k2 {
                l
            } else {
                used.iter().position(|u| *u == l).unwrap_or(0)
            }
        };
        if start.beta.is_empty() {
            start.beta = vec![None; k1];
        }
        if start.beta.len() != k1 {
            defects.push(Defect::new(
                "beta",
                format!("has {} values, expected {k1}", start.beta.len()),
            ));
            start.beta = vec![None; k1];
        }
        let nests = problem.rhos.len();
        let rho_fits = if nests == 0 {
            start.rho.is_empty()
        } else {
            start.rho.len() == 1 || start.rho.len() == nests
        };
        if !rho_fits {
            defects.push(Defect::new(
                "rho",
                format!(
                    "has {} values, expected {}",
                    start.rho.len(),
                    if nests == 0 {
                        "none, since no nests are given".to_owned()
                    } else {
                        format!("1 or {nests}")
                    }
                ),
            ));
            start.rho = vec![0.5; nests.min(1)];
        }
        for (h, r) in start.rho.iter().enumerate() {
            if !(*r >= 0.0 && *r < 1.0) {
                defects.push(Defect::new(
                    format!("rho[{h}]"),
                    format!("{r} is not in [0, 1)"),
                ));
            }
        }
        if problem.has_supply() {
            for (k, term) in spec.linear.terms.iter().enumerate() {
                if term.reads(&spec.names.price) && start.beta[k].is_none() {
                    defects.push(Defect::new(
                        format!("beta[{term}]"),
                        "needs a start: with a supply side markups depend on it",
                    ));
                }
            }
        }
        let mut layout = Self {
            free: Vec::new(),
            labels: Vec::new(),
            lower: Vec::new(),
            upper: Vec::new(),
            directions: Vec::new(),
            concentrated: (0..k1).filter(|k| start.beta[*k].is_none()).collect(),
            fixed: (0..k1).filter(|k| start.beta[*k].is_some()).collect(),
            start: start.clone(),
        };
        let random = spec.random.labels();
        for k in 0..k2 {
            for l in 0..k2 {
                if start.sigma[(k, l)] != 0.0 {
                    let lower = if k == l {
                        start.sigma[(k, l)].min(0.0)
                    } else {
                        f64::NEG_INFINITY
                    };
                    let label = if k == l {
                        format!("sigma[{}]", random[k])
                    } else {
                        format!("sigma[{}, {}]", random[k], random[l])
                    };
                    layout.push(
                        Parameter::Sigma(k, l),
                        Direction::Taste { k, dim: node(l) },
                        label,
                        lower,
                        f64::INFINITY,
                    );
                    if l > k {
                        defects.push(Defect::new(
                            format!("sigma[{k}, {l}]"),
                            "stands above the diagonal; sigma is lower triangular",
                        ));
                    }
                }
            }
        }
        let who = spec.demographics.labels();
        for k in 0..k2 {
            for d in 0..demographics {
                if start.pi[(k, d)] != 0.0 {
                    let label = format!("pi[{}, {}]", random[k], who[d]);
                    let direction = Direction::Taste { k, dim: nodes + d };
                    layout.push(
                        Parameter::Pi(k, d),
                        direction,
                        label,
                        f64::NEG_INFINITY,
                        f64::INFINITY,
                    );
                }
            }
        }
        for h in 0..start.rho.len() {
            let label = if start.rho.len() == 1 {
                "rho".to_owned()
            } else {
                format!("rho[{}]", problem.rhos[h])
            };
            let h_direction = if start.rho.len() == 1 { ALL_NESTS } else { h };
            layout.push(
                Parameter::Rho(h),
                Direction::Rho { h: h_direction },
                label,
                0.0,
                start.rho[h].max(0.99),
            );
        }
        for (k, value) in start.beta.iter().enumerate() {
            if value.is_some() {
                let label = format!("beta[{}]", spec.linear.terms[k]);
                let direction = if problem.x1_price.column(k).iter().any(|x| *x != 0.0) {
                    Direction::Price { k }
                } else {
                    Direction::None
                };
                layout.push(
                    Parameter::Beta(k),
                    direction,
                    label,
                    f64::NEG_INFINITY,
                    f64::INFINITY,
                );
            }
        }
        for (label, lower, upper) in &start.bounds {
            match layout.labels.iter().position(|l| l == label) {
                Some(_) if !(lower <= upper) => {
                    defects.push(Defect::new(
                        label,
                        format!("bounds {lower} and {upper} leave nothing"),
                    ));
                }
                Some(p) => (layout.lower[p], layout.upper[p]) = (*lower, *upper),
                None => defects.push(Defect::new(
                    label,
                    format!(
                        "is not an estimated parameter; there are {}",
                        layout.labels.join(", ")
                    ),
                )),
            }
        }
        Error::of(defects)?;
        Ok(layout)
    }

    fn push(
        &mut self,
        parameter: Parameter,
        direction: Direction,
        label: String,
        lower: f64,
        upper: f64,
    ) {
        self.free.push(parameter);
        self.directions.push(direction);
        self.labels.push(label);
        self.lower.push(lower);
        self.upper.push(upper);
    }

    /// The estimated parameters of given values.
    pub fn pack(&self, values: &Parameters) -> Vec<f64> {
        self.free
            .iter()
            .map(|p| match *p {
                Parameter::Sigma(k, l) => values.sigma[(k, l)],
                Parameter::Pi(k, d) => values.pi[(k, d)],
                Parameter::Rho(h) => values.rho[h],
                Parameter::Beta(k) => values.beta[k].unwrap_or(f64::NAN),
            })
            .collect()
    }

    /// Values with these estimated parameters.
    pub fn unpack(&self, theta: &[f64]) -> Parameters {
        let mut values = self.start.clone();
        for (p, x) in self.free.iter().zip(theta) {
            match *p {
                Parameter::Sigma(k, l) => values.sigma[(k, l)] = *x,
                Parameter::Pi(k, d) => values.pi[(k, d)] = *x,
                Parameter::Rho(h) => values.rho[h] = *x,
                Parameter::Beta(k) => values.beta[k] = Some(*x),
            }
        }
        values
    }
}

impl Parameters {
    /// `rho` by nest parameter of the problem.
    pub(crate) fn rho_by_nest(&self, nests: usize) -> Vec<f64> {
        if self.rho.len() == 1 {
            vec![self.rho[0]; nests]
        } else {
            self.rho.clone()
        }
    }

    /// Sigma by node beside pi, row-major `k2 x (nodes + demographics)`.
    pub(crate) fn taste(&self, nodes: usize) -> Vec<f64> {
        let k2 = self.sigma.rows;
        let used = (0..self.sigma.cols)
            .filter(|l| nodes >= k2 || (0..k2).any(|k| self.sigma[(k, *l)] != 0.0));
        let mut by_node = Matrix::zeros(k2, nodes);
        for (node, l) in used.enumerate().take(nodes) {
            (0..k2).for_each(|k| by_node[(k, node)] = self.sigma[(k, l)]);
        }
        by_node.beside(&self.pi).data
    }
}
