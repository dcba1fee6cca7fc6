//! Tests of restrictions, errors of functions of the parameters.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::economy::Economy;
use crate::error::Error;
use crate::estimate::Results;
use crate::evaluate::{Request, evaluate};
use crate::integrate::normal;
use crate::linalg::{Matrix, cholesky_lower, dot, inverse_or_pseudo};
use crate::parameters::Layout;

/// A test statistic with its distribution under the null.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Test {
    /// The statistic.
    pub statistic: f64,
    /// Degrees of freedom of its chi-squared distribution.
    pub degrees: usize,
    /// Probability of a larger statistic under the null; NaN without degrees of freedom.
    pub p_value: f64,
}

impl Test {
    fn new(statistic: f64, degrees: usize) -> Self {
        let p_value =
            ChiSquared::new(degrees as f64).map_or(f64::NAN, |d| d.sf(statistic.max(0.0)));
        Self {
            statistic,
            degrees,
            p_value,
        }
    }
}

/// Values of a function of the economy with their errors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Uncertain {
    /// At the estimates.
    pub values: Vec<f64>,
    /// Standard errors.
    pub errors: Vec<f64>,
    /// Draws of a bootstrap, one vector each; empty for the delta method.
    pub draws: Vec<Vec<f64>>,
}

impl Uncertain {
    /// Quantile of the draws of one value, by linear interpolation; NaN without draws.
    pub fn quantile(&self, value: usize, p: f64) -> f64 {
        let mut sorted: Vec<f64> = self
            .draws
            .iter()
            .filter_map(|d| d.get(value).copied())
            .filter(|x| x.is_finite())
            .collect();
        sorted.sort_by(f64::total_cmp);
        if sorted.is_empty() {
            return f64::NAN;
        }
        let at = p.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
        let low = at.floor() as usize;
        let high = (low + 1).min(sorted.len() - 1);
        sorted[low] + (at - low as f64) * (sorted[high] - sorted[low])
    }
}

impl<'a> Results<'a> {
    /// Hansen's test of over-identifying restrictions; meaningful with efficient weights (two steps or more).
    pub fn overidentification(&self) -> Test {
        Test::new(
            self.objective,
            self.moments.len().saturating_sub(self.estimates.len()),
        )
    }

    /// Wald test of `h(estimates) = 0` with `jacobian = dh/d estimates`.
    ///
    /// # Errors
    /// Shapes that do not fit, a covariance that cannot be inverted.
    pub fn wald(&self, restrictions: &[f64], jacobian: &Matrix) -> Result<Test, Error> {
        if jacobian.rows != restrictions.len() || jacobian.cols != self.estimates.len() {
            return Err(Error::invalid(
                "wald",
                format!(
                    "a {} x {} Jacobian for {} restrictions and {} estimates",
                    jacobian.rows,
                    jacobian.cols,
                    restrictions.len(),
                    self.estimates.len()
                ),
            ));
        }
        let v = jacobian
            .times(&self.covariance)
            .times(&jacobian.transposed());
        let singular = || Error::Singular {
            what: "the covariance of the restrictions".to_owned(),
            hint: ": they may say the same twice".to_owned(),
        };
        let (inverse, pseudo) = inverse_or_pseudo(&v).ok_or_else(singular)?;
        if pseudo {
            return Err(singular());
        }
        Ok(Test::new(
            dot(restrictions, &inverse.apply(restrictions)),
            restrictions.len(),
        ))
    }

    /// Likelihood-ratio (distance) test of this restricted estimation against one with more parameters; both need the same weights
    /// ([`crate::Options::given_weights`]).
    ///
    /// # Errors
    /// Fewer parameters in the other, other weights.
    pub fn distance(&self, unrestricted: &Results) -> Result<Test, Error> {
        if self.weights != unrestricted.weights {
            return Err(Error::invalid(
                "distance test",
                "the two estimations have different weights",
            ));
        }
        let degrees = unrestricted
            .estimates
            .len()
            .checked_sub(self.estimates.len())
            .filter(|d| *d > 0);
        let degrees = degrees.ok_or_else(|| {
            Error::invalid(
                "distance test",
                "the unrestricted estimation needs more parameters than the restricted one",
            )
        })?;
        Ok(Test::new(self.objective - unrestricted.objective, degrees))
    }

    /// The economy at other values of the estimates: `delta` follows from the observed shares, costs from the pricing condition.
    fn economy_at(&self, layout: &Layout, estimates: &[f64]) -> Economy<'a> {
        let p = layout.free.len();
        let mut parameters = layout.unpack(&estimates[..p]);
        for (c, k) in layout.concentrated.iter().enumerate() {
            parameters.beta[*k] = Some(estimates[p + c]);
        }
        parameters.gamma = estimates[p + layout.concentrated.len()..].to_vec();
        let request = Request {
            layout,
            inversion: &self.options.inversion,
            cost_bounds: self.options.cost_bounds,
            micro: None,
            derivatives: false,
            micro_covariance: false,
        };
        let at = evaluate(self.problem, &parameters, &self.delta, &request);
        Economy::estimated(self.problem, parameters, at.delta, &at.tilde_costs)
    }

    /// Standard errors of any function of the economy by the delta method, its derivatives by central differences.
    ///
    /// # Errors
    /// A start that does not fit the problem.
    pub fn delta_method(
        &self,
        f: impl Fn(&Economy<'a>) -> Vec<f64> + Sync,
    ) -> Result<Uncertain, Error> {
        let layout = Layout::new(self.problem, &self.start)?;
        let at: Vec<f64> = self.estimates.iter().map(|e| e.value).collect();
        let values = f(&self.economy_at(&layout, &at));
        let slopes: Vec<Vec<f64>> = (0..at.len())
            .into_par_iter()
            .map(|i| {
                // A fraction of the standard error, or of the value where there is none.
                let h = if self.estimates[i].error > 0.0 {
                    1e-3 * self.estimates[i].error
                } else {
                    1e-6 * at[i].abs().max(1e-3)
                };
                let side = |sign: f64| {
                    let mut moved = at.clone();
                    moved[i] += sign * h;
                    f(&self.economy_at(&layout, &moved))
                };
                side(1.0)
                    .iter()
                    .zip(side(-1.0))
                    .map(|(a, b)| (a - b) / (2.0 * h))
                    .collect()
            })
            .collect();
        let errors = (0..values.len())
            .map(|v| {
                let slope: Vec<f64> = slopes.iter().map(|s| s[v]).collect();
                dot(&slope, &self.covariance.apply(&slope)).sqrt()
            })
            .collect();
        Ok(Uncertain {
            values,
            errors,
            draws: Vec::new(),
        })
    }

    /// Parametric bootstrap: the function at draws of the estimates from their normal distribution, moved inside bounds.
    ///
    /// # Errors
    /// A start that does not fit the problem.
    pub fn bootstrap(
        &self,
        draws: usize,
        seed: u64,
        f: impl Fn(&Economy<'a>) -> Vec<f64> + Sync,
    ) -> Result<Uncertain, Error> {
        let layout = Layout::new(self.problem, &self.start)?;
        let at: Vec<f64> = self.estimates.iter().map(|e| e.value).collect();
        let root = cholesky_lower(&self.covariance);
        let p = layout.free.len();
        let drawn: Vec<Vec<f64>> = (0..draws)
            .into_par_iter()
            .map(|d| {
                let mut random = ChaCha12Rng::seed_from_u64(seed);
                random.set_stream(d as u64);
                let z: Vec<f64> = at.iter().map(|_| normal(&mut random)).collect();
                let mut moved: Vec<f64> =
                    root.apply(&z).iter().zip(&at).map(|(a, b)| a + b).collect();
                for i in 0..p {
                    moved[i] = moved[i].clamp(layout.lower[i], layout.upper[i]);
                }
                f(&self.economy_at(&layout, &moved))
            })
            .collect();
        let values = f(&self.economy_at(&layout, &at));
        let errors = (0..values.len())
            .map(|v| {
                let finite: Vec<f64> = drawn
                    .iter()
                    .map(|d| d[v])
                    .filter(|x| x.is_finite())
                    .collect();
                let n = finite.len() as f64;
                let mean = finite.iter().sum::<f64>() / n;
                (finite.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt()
            })
            .collect();
        Ok(Uncertain {
            values,
            errors,
            draws: drawn,
        })
    }
}
