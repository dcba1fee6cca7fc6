//! Share inversion: the `delta` at which model shares equal observed ones.
//!
//! Contraction: Berry, Levinsohn and Pakes (1995), with nests Iizuka (2007), step `(1 - rho) (ln s - ln s(delta))`.
//! SQUAREM: Varadhan and Roland (2008), scheme S3. Newton: analytic Jacobian of the shares; it is factorised where it is
//! needed and used again while the residual falls fast enough (a chord). A factorisation costs as much as dozens of share
//! evaluations, so the default accelerates the contraction (Anderson) and leaves to Newton only what that does not settle.

use crate::accelerate::Anderson;
use crate::linalg::{Factor, largest};
use crate::market::{Choices, MarketView, ShareMap, share_jacobian};
use crate::simd::Lane;

/// How shares are inverted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// The fixed point itself: slow and safe.
    Contraction,
    /// The fixed point with squared extrapolation.
    Squarem,
    /// Newton with the analytic Jacobian, damped; falls back to the fixed point where it does not descend.
    Newton,
    /// The fixed point with Anderson's acceleration, then Newton where that takes long.
    #[default]
    Anderson,
}

/// Options of the inversion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inversion {
    /// Method.
    pub method: Method,
    /// Largest absolute change of `delta` at which it has converged.
    pub tolerance: f64,
    /// Most share evaluations a market.
    pub max_evaluations: usize,
}

impl Default for Inversion {
    fn default() -> Self {
        Self {
            method: Method::Anderson,
            tolerance: 1e-14,
            max_evaluations: 5000,
        }
    }
}

/// How an inversion ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Inverted {
    /// Share evaluations.
    pub evaluations: usize,
    /// Largest difference of log shares at the end.
    pub residual: f64,
    /// Whether the tolerance was met.
    pub converged: bool,
}

/// The `delta` of a nested or plain logit without random coefficients:
/// `ln s_j - ln s_0 - rho ln s_{j|h}` (Berry 1994).
pub(crate) fn logit_delta(view: &MarketView, rho: &[f64], delta: &mut [f64]) {
    let inside: f64 = view.shares.iter().sum();
    let outside = (1.0 - inside).ln();
    if view.nested() {
        let mut nest = vec![0.0; view.nest_rho.len()];
        for (h, s) in view.nest.iter().zip(view.shares) {
            nest[*h as usize] += s;
        }
        for j in 0..delta.len() {
            let h = view.nest[j] as usize;
            let r = rho[view.nest_rho[h] as usize];
            delta[j] = view.shares[j].ln() - outside - r * (view.shares[j] / nest[h]).ln();
        }
    } else {
        for j in 0..delta.len() {
            delta[j] = view.shares[j].ln() - outside;
        }
    }
}

/// Moves `delta` to where the shares of `map` are the observed ones.
///
/// A change below the tolerance of one unit in the last place of a large `delta` cannot be seen; the test is therefore
/// `max |change| <= tolerance * max(1, |delta|)` in the last step.
pub(crate) fn invert(map: &mut ShareMap, delta: &mut [f64], options: &Inversion) -> Inverted {
    match options.method {
        Method::Contraction => contraction(map, delta, options),
        Method::Squarem => squarem(map, delta, options),
        Method::Newton => newton(map, delta, options),
        Method::Anderson => anderson(map, delta, options),
    }
}

/// `ln s - ln s(delta)` into `out`; the largest absolute one is returned (NaN if any is).
fn residual(map: &mut ShareMap, delta: &[f64], log_shares: &[f64], out: &mut [f64]) -> f64 {
    map.shares(delta, out);
    for o in out.iter_mut() {
        *o = o.max(1e-300);
    }
    map.view.level.ln(out);
    for (o, l) in out.iter_mut().zip(log_shares) {
        *o = l - *o;
    }
    largest(out)
}

/// Rounding of `delta` and of the shares keeps the residual from falling further.
fn tolerance_at(delta: &[f64], tolerance: f64) -> f64 {
    tolerance.max(4.0 * f64::EPSILON * delta.iter().fold(1.0_f64, |a, d| a.max(d.abs())))
}

fn log_shares(map: &ShareMap) -> Vec<f64> {
    map.view.shares.iter().map(|s| s.ln()).collect()
}

fn contraction(map: &mut ShareMap, delta: &mut [f64], options: &Inversion) -> Inverted {
    let target = log_shares(map);
    let mut f = vec![0.0; delta.len()];
    let mut evaluations = 0;
    let mut worst = f64::INFINITY;
    while evaluations < options.max_evaluations {
        worst = residual(map, delta, &target, &mut f);
        evaluations += 1;
        for j in 0..delta.len() {
            delta[j] += map.lambda()[j] * f[j];
        }
        if worst <= tolerance_at(delta, options.tolerance) || worst.is_nan() {
            break;
        }
    }
    let converged = worst <= tolerance_at(delta, options.tolerance);
    Inverted {
        evaluations,
        residual: worst,
        converged,
    }
}

fn squarem(map: &mut ShareMap, delta: &mut [f64], options: &Inversion) -> Inverted {
    let n = delta.len();
    let target = log_shares(map);
    let lambda = map.lambda().to_vec();
    let (mut r, mut next, mut v) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let (mut one, mut two) = (vec![0.0; n], vec![0.0; n]);
    let mut evaluations = 0;
    // Bounds of the step length widen as steps are accepted (Varadhan and Roland, step-length bounds).
    let mut longest = 1.0;
    let mut worst = f64::INFINITY;
    while evaluations + 2 <= options.max_evaluations {
        worst = residual(map, delta, &target, &mut r);
        evaluations += 1;
        for j in 0..n {
            r[j] *= lambda[j];
            one[j] = delta[j] + r[j];
        }
        if worst <= tolerance_at(delta, options.tolerance) || worst.is_nan() {
            delta.copy_from_slice(&one);
            break;
        }
        let second = residual(map, &one, &target, &mut next);
        evaluations += 1;
        for j in 0..n {
            next[j] *= lambda[j];
            two[j] = one[j] + next[j];
            v[j] = next[j] - r[j];
        }
        if second <= tolerance_at(delta, options.tolerance) || second.is_nan() {
            worst = second;
            delta.copy_from_slice(&two);
            break;
        }
        let rr: f64 = r.iter().map(|x| x * x).sum();
        let vv: f64 = v.iter().map(|x| x * x).sum();
        let mut step = (rr / vv).sqrt();
        if !step.is_finite() {
            step = 1.0;
        }
        step = step.clamp(1.0, longest);
        if step == longest {
            longest *= 4.0;
        }
        let mut sound = true;
        for j in 0..n {
            let x = delta[j] + 2.0 * step * r[j] + step * step * v[j];
            sound &= x.is_finite();
            one[j] = x;
        }
        delta.copy_from_slice(if sound { &one } else { &two });
    }
    let converged = worst <= tolerance_at(delta, options.tolerance);
    Inverted {
        evaluations,
        residual: worst,
        converged,
    }
}

/// A residual that a step shrinks less than this makes the Jacobian be taken anew.
const CHORD: f64 = 0.1;

fn newton(map: &mut ShareMap, delta: &mut [f64], options: &Inversion) -> Inverted {
    let n = delta.len();
    let target = log_shares(map);
    let view = map.view;
    let lambda = map.lambda().to_vec();
    let (mut f, mut trial_f) = (vec![0.0; n], vec![0.0; n]);
    let (mut trial, mut step) = (vec![0.0; n], vec![0.0; n]);
    let mut jacobian = Vec::new();
    let mut choices = Choices::default();
    let mut factor: Option<(Factor, Vec<f64>)> = None;
    let mut evaluations = 1;
    let mut worst = residual(map, delta, &target, &mut f);
    while evaluations < options.max_evaluations && worst.is_finite() {
        let limit = tolerance_at(delta, options.tolerance);
        if worst <= limit {
            break;
        }
        // Far from the solution the fixed point is the better guide, and cheaper.
        let mut moved = false;
        if worst < 1.0 {
            let fresh = factor.is_none();
            if fresh {
                map.choices_into(delta, &mut choices);
                evaluations += 1;
                share_jacobian(&view, &choices, &lambda, &mut jacobian);
                factor = Factor::new(n, &jacobian).map(|f| (f, choices.shares.clone()));
            }
            if let Some((lu, shares)) = &factor {
                // d ln s / d delta = (ds/d delta) / s.
                for j in 0..n {
                    step[j] = f[j] * shares[j];
                }
                lu.solve(&mut step);
                for j in 0..n {
                    trial[j] = delta[j] + step[j];
                }
                let reached = residual(map, &trial, &target, &mut trial_f);
                evaluations += 1;
                if reached < worst {
                    let slow = reached > CHORD * worst;
                    delta.copy_from_slice(&trial);
                    f.copy_from_slice(&trial_f);
                    // Rounding alone is left: nothing better can be reached.
                    let floor = fresh && slow && reached < 1e-12;
                    worst = reached;
                    moved = true;
                    if slow {
                        factor = None;
                    }
                    if floor {
                        break;
                    }
                } else if worst < 1e-12 {
                    break;
                } else {
                    factor = None;
                    if !fresh {
                        moved = true;
                    }
                }
            }
        }
        if !moved {
            for j in 0..n {
                delta[j] += lambda[j] * f[j];
            }
            worst = residual(map, delta, &target, &mut f);
            evaluations += 1;
        }
    }
    // At the floor of rounding the residual is a few units in the last place of the shares.
    let converged = worst <= tolerance_at(delta, options.tolerance).max(1e-13);
    Inverted {
        evaluations,
        residual: worst,
        converged,
    }
}

/// Differences that the acceleration remembers.
const MEMORY: usize = 6;

/// Evaluations after which Newton takes over: by then it is the cheaper way.
const PATIENCE: usize = 60;

fn anderson(map: &mut ShareMap, delta: &mut [f64], options: &Inversion) -> Inverted {
    let n = delta.len();
    let target = log_shares(map);
    let lambda = map.lambda().to_vec();
    let mut memory = Anderson::new(n, MEMORY);
    let (mut f, mut trial, mut trial_f) = (vec![0.0; n], vec![0.0; n], vec![0.0; n]);
    let mut worst = residual(map, delta, &target, &mut f);
    let mut evaluations = 1;
    while evaluations < options.max_evaluations && worst.is_finite() {
        if worst <= tolerance_at(delta, options.tolerance) {
            return Inverted {
                evaluations,
                residual: worst,
                converged: true,
            };
        }
        if evaluations >= PATIENCE {
            break;
        }
        f.iter_mut().zip(&lambda).for_each(|(f, l)| *f *= l);
        memory.step(delta, &f, &mut trial);
        let mut reached = residual(map, &trial, &target, &mut trial_f);
        evaluations += 1;
        // The contraction itself never does much worse; a combination that does is dropped.
        if !(reached <= 2.0 * worst) {
            memory.reset();
            for j in 0..n {
                trial[j] = delta[j] + f[j];
            }
            reached = residual(map, &trial, &target, &mut trial_f);
            evaluations += 1;
        }
        delta.copy_from_slice(&trial);
        std::mem::swap(&mut f, &mut trial_f);
        worst = reached;
    }
    let rest = Inversion {
        max_evaluations: options.max_evaluations.saturating_sub(evaluations),
        ..*options
    };
    let end = newton(map, delta, &rest);
    Inverted {
        evaluations: evaluations + end.evaluations,
        ..end
    }
}

/// Inverts one market from a start; returns how it ended and the map, ready for the choices at the solution.
pub(crate) fn invert_market<'a>(
    view: MarketView<'a>,
    mu: &'a [Lane],
    rho: &[f64],
    delta: &mut [f64],
    options: &Inversion,
) -> (Inverted, ShareMap<'a>) {
    if view.k2 == 0 {
        logit_delta(&view, rho, delta);
        let done = Inverted {
            evaluations: 0,
            residual: 0.0,
            converged: true,
        };
        return (done, ShareMap::new(view, mu, delta, rho));
    }
    if delta.iter().any(|d| !d.is_finite()) {
        logit_delta(&view, rho, delta);
    }
    let mut map = ShareMap::new(view, mu, delta, rho);
    let mut start = delta.to_vec();
    let done = invert(&mut map, delta, options);
    if done.converged {
        return (done, map);
    }
    // A start far off may have led nowhere: once more from the logit.
    logit_delta(&view, rho, &mut start);
    let mut map = ShareMap::new(view, mu, &start, rho);
    let again = invert(&mut map, &mut start, options);
    if again.converged || again.residual < done.residual || !done.residual.is_finite() {
        delta.copy_from_slice(&start);
        return (
            Inverted {
                evaluations: done.evaluations + again.evaluations,
                ..again
            },
            map,
        );
    }
    (done, map)
}
