//! Minimisers of the objective over bounded parameters.
//!
//! The objective is a sum of squares, `|r|^2` with `r = sqrt(N) L'g`, `LL' = W`. Dennis, Gay and Welsch's (1981, NL2SOL) method
//! uses that: it needs the whole Jacobian, which costs little more than the gradient here, and far fewer evaluations than methods
//! which learn the curvature from gradients (docs/explanation/demand.md has the comparison).

use crate::linalg::{Matrix, dot, symmetric_eigen};

/// Which minimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Optimiser {
    /// A trust region for sums of squares with large residuals (after NL2SOL), with bounds.
    #[default]
    TrustRegion,
    /// None: the start is evaluated.
    Hold,
}

/// When a minimiser stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopping {
    /// Largest projected gradient.
    pub gradient: f64,
    /// Most evaluations.
    pub evaluations: usize,
}

impl Default for Stopping {
    fn default() -> Self {
        Self {
            gradient: 1e-8,
            evaluations: 1000,
        }
    }
}

/// One evaluation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Objective {
    pub value: f64,
    pub gradient: Vec<f64>,
    /// `J'J` of the residuals.
    pub curvature: Matrix,
}

/// Where a minimiser ended.
#[derive(Debug, Clone)]
pub(crate) struct Minimum {
    pub theta: Vec<f64>,
    pub converged: bool,
    pub message: String,
}

/// Largest component of the gradient that does not push against a bound.
pub(crate) fn projected(theta: &[f64], gradient: &[f64], lower: &[f64], upper: &[f64]) -> f64 {
    (0..theta.len())
        .map(|i| {
            let step = (theta[i] - gradient[i]).clamp(lower[i], upper[i]) - theta[i];
            step.abs().min(gradient[i].abs())
        })
        .fold(0.0, f64::max)
}

pub(crate) fn minimise(
    optimiser: Optimiser,
    stopping: &Stopping,
    start: &[f64],
    lower: &[f64],
    upper: &[f64],
    f: impl FnMut(&[f64]) -> Objective,
) -> Minimum {
    match optimiser {
        Optimiser::Hold => Minimum {
            theta: start.to_vec(),
            converged: true,
            message: "held at the start".to_owned(),
        },
        Optimiser::TrustRegion => trust_region(stopping, start, lower, upper, f),
    }
}

/// Trust region in parameters scaled by their curvature, with two models of the Hessian: Gauss-Newton `2J'J`, and the same with
/// a secant estimate `T` of the rest, which large residuals make matter. The model that foretold the last change better is used.
fn trust_region(
    stopping: &Stopping,
    start: &[f64],
    lower: &[f64],
    upper: &[f64],
    mut f: impl FnMut(&[f64]) -> Objective,
) -> Minimum {
    let n = start.len();
    let mut theta: Vec<f64> = (0..n).map(|i| start[i].clamp(lower[i], upper[i])).collect();
    let mut now = f(&theta);
    let mut evaluations = 1;
    let mut scale: Vec<f64> = vec![0.0; n];
    let mut rest = Matrix::zeros(n, n);
    let mut augmented = false;
    let mut radius = f64::NAN;
    let mut stalled = 0;
    let done = |theta: Vec<f64>, converged, message: String| Minimum {
        theta,
        converged,
        message,
    };
    loop {
        let slope = projected(&theta, &now.gradient, lower, upper);
        if slope <= stopping.gradient {
            let message = format!("projected gradient {slope:.1e}");
            return done(theta, true, message);
        }
        if evaluations >= stopping.evaluations || !now.value.is_finite() {
            let message = format!("projected gradient {slope:.1e} after {evaluations} evaluations");
            return done(theta, false, message);
        }
        for i in 0..n {
            scale[i] = scale[i]
                .max(now.curvature[(i, i)].max(0.0).sqrt())
                .max(1e-12);
        }
        if radius.is_nan() {
            // A first step of at most a tenth of the start.
            radius = 0.1
                * (0..n)
                    .map(|i| (scale[i] * theta[i]).powi(2))
                    .sum::<f64>()
                    .sqrt()
                    .max(1.0);
        }
        // Parameters at a bound which the gradient pushes against stay there.
        let free: Vec<usize> = (0..n)
            .filter(|i| {
                let down = theta[*i] <= lower[*i] && now.gradient[*i] > 0.0;
                let up = theta[*i] >= upper[*i] && now.gradient[*i] < 0.0;
                !(down || up)
            })
            .collect();
        let model = |with_rest: bool| {
            let mut h = now.curvature.clone();
            h.data
                .iter_mut()
                .zip(&rest.data)
                .for_each(|(h, t)| *h = 2.0 * *h + if with_rest { *t } else { 0.0 });
            h
        };
        let hessian = model(augmented);
        let mut trial = theta.clone();
        let mut free = free;
        // A step that crosses bounds is taken again with what crossed put on its bound.
        loop {
            let m = free.len();
            let mut scaled = Matrix::zeros(m, m);
            let mut slope_scaled = vec![0.0; m];
            for (a, i) in free.iter().enumerate() {
                let fixed: f64 = (0..n)
                    .filter(|k| !free.contains(k))
                    .map(|k| hessian[(*i, k)] * (trial[k] - theta[k]))
                    .sum();
                slope_scaled[a] = (now.gradient[*i] + fixed) / scale[*i];
                for (b, k) in free.iter().enumerate() {
                    scaled[(a, b)] = hessian[(*i, *k)] / (scale[*i] * scale[*k]);
                }
            }
            let Some(step) = trust_region_step(&scaled, &slope_scaled, radius) else {
                let message = "curvature is not finite".to_owned();
                return done(theta, false, message);
            };
            let mut inside = Vec::with_capacity(m);
            for (a, i) in free.iter().enumerate() {
                let wanted = theta[*i] + step[a] / scale[*i];
                trial[*i] = wanted.clamp(lower[*i], upper[*i]);
                if trial[*i] == wanted {
                    inside.push(*i);
                }
            }
            if inside.len() == m {
                break;
            }
            free = inside;
        }
        let moved: Vec<f64> = (0..n).map(|i| trial[i] - theta[i]).collect();
        let length = (0..n)
            .map(|i| (moved[i] * scale[i]).powi(2))
            .sum::<f64>()
            .sqrt();
        let relative = (0..n)
            .map(|i| moved[i].abs() / theta[i].abs().max(1e-3))
            .fold(0.0, f64::max);
        let foretold =
            |h: &Matrix| dot(&now.gradient, &moved) + 0.5 * dot(&moved, &h.apply(&moved));
        let (plain, full) = (foretold(&model(false)), foretold(&model(true)));
        let predicted = if augmented { full } else { plain };
        if predicted.abs() <= 1e-15 * now.value.abs() && slope <= 1e-5 * (1.0 + now.value.abs()) {
            let message = format!("projected gradient {slope:.1e}, nothing left to gain");
            return done(theta, true, message);
        }
        let next = f(&trial);
        evaluations += 1;
        let change = next.value - now.value;
        // Near the minimum the change is lost in rounding; a smaller gradient then tells.
        let rounding = 1e-13 * now.value.abs();
        let better = next.value.is_finite()
            && (change < 0.0
                || (change.abs() <= rounding
                    && projected(&trial, &next.gradient, lower, upper) < slope));
        let ratio = if next.value.is_finite() {
            change / predicted
        } else {
            -1.0
        };
        if change.abs() <= rounding && better {
            radius = radius.max(length);
        } else if ratio < 0.25 {
            radius = 0.3 * length.min(radius);
        } else if ratio > 0.75 && length > 0.9 * radius {
            radius *= 2.5;
        }
        if next.value.is_finite() {
            augmented = (change - full).abs() < (change - plain).abs();
            update_rest(&mut rest, &moved, &now.gradient, &next);
        }
        if better {
            theta = trial;
            now = next;
        }
        stalled = if relative < 1e-10 || (!better && relative < 1e-8) {
            stalled + 1
        } else {
            0
        };
        if stalled >= 4 {
            let slope = projected(&theta, &now.gradient, lower, upper);
            let sound = slope <= 1e-5 * (1.0 + now.value.abs());
            let message = format!("projected gradient {slope:.1e}, no further step");
            return done(theta, sound, message);
        }
    }
}

/// The secant update of Dennis, Gay and Welsch (1981): `T s = y - 2 J'J s` with the least change, after `T` is sized down where it is
/// larger than what it should explain.
fn update_rest(rest: &mut Matrix, s: &[f64], before: &[f64], next: &Objective) {
    let n = s.len();
    let y: Vec<f64> = (0..n).map(|i| next.gradient[i] - before[i]).collect();
    let ys = dot(&y, s);
    let length = dot(s, s).sqrt() * dot(&y, &y).sqrt();
    if !ys.is_finite() || ys.abs() < 1e-8 * length || length == 0.0 {
        return;
    }
    let cs = next.curvature.apply(s);
    let wanted: Vec<f64> = (0..n).map(|i| y[i] - 2.0 * cs[i]).collect();
    let has = dot(s, &rest.apply(s)).abs();
    let size = if has > 0.0 {
        (dot(s, &wanted).abs() / has).min(1.0)
    } else {
        1.0
    };
    rest.data.iter_mut().for_each(|t| *t *= size);
    let ts = rest.apply(s);
    let w: Vec<f64> = (0..n).map(|i| wanted[i] - ts[i]).collect();
    let sw = dot(s, &w);
    for i in 0..n {
        for k in 0..n {
            rest[(i, k)] += (w[i] * y[k] + y[i] * w[k]) / ys - sw * y[i] * y[k] / (ys * ys);
        }
    }
}

/// Minimises `g'p + p'Hp/2` within `|p| <= radius` by the eigenvalues of `H`.
fn trust_region_step(h: &Matrix, g: &[f64], radius: f64) -> Option<Vec<f64>> {
    let n = g.len();
    if n == 0 {
        return Some(Vec::new());
    }
    let (values, vectors) = symmetric_eigen(h)?;
    let along = vectors.apply_transposed(g);
    let lowest = values[0];
    let norm = |shift: f64| {
        (0..n)
            .map(|i| (along[i] / (values[i] + shift)).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let floor = (-lowest).max(0.0) + 1e-12 * values[n - 1].abs().max(1e-300);
    let mut shift = if lowest > 0.0 && norm(0.0) <= radius {
        0.0
    } else {
        floor
    };
    if shift > 0.0 && norm(shift) > radius {
        // The length falls as the shift grows: bisection in logarithms.
        let (mut low, mut high) = (shift, shift.max(dot(g, g).sqrt() / radius));
        while norm(high) > radius && high < 1e300 {
            high *= 10.0;
        }
        for _ in 0..100 {
            let middle = (low * high).sqrt();
            if norm(middle) > radius {
                low = middle;
            } else {
                high = middle;
            }
        }
        shift = high;
    }
    let p: Vec<f64> = (0..n).map(|i| -along[i] / (values[i] + shift)).collect();
    Some(vectors.apply(&p))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rosenbrock's valley as residuals `10 (y - x^2)`, `1 - x`.
    fn rosenbrock(t: &[f64]) -> Objective {
        let r = [10.0 * (t[1] - t[0] * t[0]), 1.0 - t[0]];
        let j = Matrix::new(2, 2, vec![-20.0 * t[0], 10.0, -1.0, 0.0]);
        Objective {
            value: dot(&r, &r),
            gradient: j.apply_transposed(&r).iter().map(|g| 2.0 * g).collect(),
            curvature: j.transpose_times(&j),
        }
    }

    #[test]
    fn the_valley_is_found_and_bounds_are_kept() {
        {
            let optimiser = Optimiser::TrustRegion;
            let free = minimise(
                optimiser,
                &Stopping::default(),
                &[-1.2, 1.0],
                &[-9.0; 2],
                &[9.0; 2],
                rosenbrock,
            );
            assert!(
                free.converged && (free.theta[0] - 1.0).abs() < 1e-6,
                "{optimiser:?} {free:?}"
            );
            let bound = minimise(
                optimiser,
                &Stopping::default(),
                &[-1.2, 1.0],
                &[-9.0; 2],
                &[0.5, 9.0],
                rosenbrock,
            );
            assert!(
                (bound.theta[0] - 0.5).abs() < 1e-9 && (bound.theta[1] - 0.25).abs() < 1e-5,
                "{optimiser:?} {bound:?}"
            );
        }
    }
}
