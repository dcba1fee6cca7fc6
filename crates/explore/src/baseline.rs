//! Forecasts any model must be held against, for one yearly series.

use augurs_core::prelude::*;
use augurs_ets::AutoETS;

/// A baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// The last value.
    Naive,
    /// The last value and the mean yearly change since the first.
    Drift,
    /// Exponential smoothing chosen by information criterion (Hyndman et al. 2002), from the crate `augurs-ets`.
    Ets,
    /// Theta method (Assimakopoulos and Nikolopoulos 2000), as simple exponential smoothing with half the
    /// slope of the linear trend (Hyndman and Billah 2003).
    Theta,
    /// Bass diffusion of a share (Bass 1969): the share of adopters among buyers as a cumulative curve.
    Bass,
}

impl Method {
    /// All methods, in order.
    pub const ALL: [Self; 5] = [Self::Naive, Self::Drift, Self::Ets, Self::Theta, Self::Bass];

    /// Name in tables.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Naive => "naive",
            Self::Drift => "drift",
            Self::Ets => "ets",
            Self::Theta => "theta",
            Self::Bass => "bass",
        }
    }
}

/// Why there is no forecast.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BaselineError {
    /// The history is too short or holds a number that is not finite.
    #[error("{method} needs at least {needed} finite values, found {found}")]
    TooShort {
        /// Method.
        method: &'static str,
        /// Values needed.
        needed: usize,
        /// Finite values found.
        found: usize,
    },
}

/// Forecasts `horizon` years beyond a history of one value a year, oldest first.
///
/// Missing values (NaN) at the start are skipped; one inside is an error.
pub fn forecast(
    method: Method,
    history: &[f64],
    horizon: usize,
) -> Result<Vec<f64>, BaselineError> {
    let start = history
        .iter()
        .position(|value| value.is_finite())
        .unwrap_or(history.len());
    let history = &history[start..];
    let needed = if method == Method::Naive { 1 } else { 2 };
    let found = history.iter().filter(|value| value.is_finite()).count();
    if found < needed || found < history.len() {
        return Err(BaselineError::TooShort {
            method: method.code(),
            needed,
            found,
        });
    }
    let last = history[history.len() - 1];
    Ok(match method {
        Method::Naive => vec![last; horizon],
        Method::Drift => {
            let slope = (last - history[0]) / (history.len() - 1) as f64;
            (1..=horizon)
                .map(|step| last + slope * step as f64)
                .collect()
        }
        Method::Ets => ets(history, horizon),
        Method::Theta => theta(history, horizon),
        Method::Bass => bass(history, horizon),
    })
}

/// ETS; a history too short or too flat for the crate's search gets simple exponential smoothing.
fn ets(history: &[f64], horizon: usize) -> Vec<f64> {
    let flat = history.windows(2).all(|pair| pair[0] == pair[1]);
    if flat || history.len() < 5 {
        return vec![smooth(history).1; horizon];
    }
    let fitted = AutoETS::new(1, "ZZN")
        .ok()
        .and_then(|model| model.fit(history).ok());
    let points = fitted
        .and_then(|fitted| fitted.predict(horizon, None).ok())
        .map(|forecast| forecast.point);
    match points {
        Some(points) if points.iter().all(|value| value.is_finite()) => points,
        _ => vec![smooth(history).1; horizon],
    }
}

/// Simple exponential smoothing with the smoothing weight of least one-step error (grid of 0.01): (weight, level).
fn smooth(history: &[f64]) -> (f64, f64) {
    let run = |weight: f64| {
        history[1..]
            .iter()
            .fold((history[0], 0.0), |(level, error), value| {
                let miss = value - level;
                (level + weight * miss, error + miss * miss)
            })
    };
    let best = (1..=100)
        .map(|i| f64::from(i) / 100.0)
        .min_by(|a, b| run(*a).1.total_cmp(&run(*b).1))
        .unwrap_or(1.0);
    (best, run(best).0)
}

fn theta(history: &[f64], horizon: usize) -> Vec<f64> {
    let n = history.len() as f64;
    let mean_time = (n - 1.0) / 2.0;
    let mean_value = history.iter().sum::<f64>() / n;
    let (cross, square) =
        history
            .iter()
            .enumerate()
            .fold((0.0, 0.0), |(cross, square), (t, value)| {
                let time = t as f64 - mean_time;
                (cross + time * (value - mean_value), square + time * time)
            });
    let slope = cross / square;
    let (weight, level) = smooth(history);
    // Hyndman and Billah (2003), eq. 5: drift of half the slope, with the bias of the smoothing's start.
    let lag = (1.0 - (1.0 - weight).powf(n)) / weight;
    (0..horizon)
        .map(|step| level + 0.5 * slope * (step as f64 + lag))
        .collect()
}

/// Cumulative Bass curve `m (1 - e) / (1 + (q/p) e)`, `e = exp(-(p + q) t)`, least squares on the share over a
/// grid of saturation, imitation and time of take-off, refined twice.
fn bass(history: &[f64], horizon: usize) -> Vec<f64> {
    let last = history[history.len() - 1];
    if history.iter().all(|share| *share <= 0.0) {
        return vec![0.0; horizon];
    }
    let curve = |[m, q, shift]: [f64; 3], t: f64| {
        let p = 0.002;
        let e = (-(p + q) * (t + shift)).exp();
        m * (1.0 - e) / (1.0 + q / p * e)
    };
    let error = |x: [f64; 3]| -> f64 {
        history
            .iter()
            .enumerate()
            .map(|(t, share)| (curve(x, t as f64).max(0.0) - share).powi(2))
            .sum()
    };
    let lowest = last
        .max(history.iter().copied().fold(0.0, f64::max))
        .clamp(1e-6, 1.0);
    let mut centre = [f64::midpoint(lowest, 1.0), 0.5, 0.0];
    let mut width = [(1.0 - lowest) / 2.0, 0.45, 15.0];
    for _ in 0..4 {
        let mut best = (error(centre), centre);
        for i in -4..=4 {
            for j in -4..=4 {
                for k in -4..=4 {
                    let step = [f64::from(i), f64::from(j), f64::from(k)].map(|n| n / 4.0);
                    let x = [
                        (centre[0] + step[0] * width[0]).clamp(lowest, 1.0),
                        (centre[1] + step[1] * width[1]).clamp(0.02, 1.2),
                        centre[2] + step[2] * width[2],
                    ];
                    let missed = error(x);
                    if missed < best.0 {
                        best = (missed, x);
                    }
                }
            }
        }
        centre = best.1;
        width = width.map(|half| half / 3.0);
    }
    let n = history.len() as f64;
    // The curve goes on from where the series stands, not from where the fit stands.
    let offset = last - curve(centre, n - 1.0);
    (0..horizon)
        .map(|step| (curve(centre, n + step as f64) + offset).clamp(0.0, 1.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_goes_on() {
        let line: Vec<f64> = (0..10).map(|t| 5.0 + 2.0 * f64::from(t)).collect();
        assert_eq!(forecast(Method::Drift, &line, 2), Ok(vec![25.0, 27.0]));
        assert_eq!(forecast(Method::Naive, &line, 2), Ok(vec![23.0, 23.0]));
        let ets = forecast(Method::Ets, &line, 2).expect("long enough");
        assert!((ets[1] - 27.0).abs() < 0.2, "{ets:?}");
    }

    #[test]
    fn theta_adds_half_the_slope() {
        // Weight 1: the level is the last value, and the drift is half the slope.
        let line: Vec<f64> = (0..10).map(|t| 5.0 + 2.0 * f64::from(t)).collect();
        let theta = forecast(Method::Theta, &line, 3).expect("long enough");
        for (step, value) in theta.iter().enumerate() {
            assert!(
                (value - (23.0 + (step as f64 + 1.0))).abs() < 1e-9,
                "{theta:?}"
            );
        }
    }

    #[test]
    fn bass_finds_the_curve_it_was_given() {
        let share = |t: f64| {
            let e = (-(0.002 + 0.5) * t).exp();
            0.8 * (1.0 - e) / (1.0 + 250.0 * e)
        };
        let history: Vec<f64> = (0..14).map(|t| share(f64::from(t))).collect();
        let ahead = forecast(Method::Bass, &history, 5).expect("long enough");
        assert!(
            (ahead[4] - share(18.0)).abs() < 0.05,
            "{} {}",
            ahead[4],
            share(18.0)
        );
        assert_eq!(
            forecast(Method::Bass, &[0.0, 0.0, 0.0], 2),
            Ok(vec![0.0, 0.0])
        );
    }

    #[test]
    fn gaps_are_errors_and_leading_gaps_are_not() {
        assert!(forecast(Method::Drift, &[1.0, f64::NAN, 2.0], 1).is_err());
        assert!(forecast(Method::Theta, &[], 1).is_err());
        assert_eq!(
            forecast(Method::Drift, &[f64::NAN, 1.0, 2.0], 1),
            Ok(vec![3.0])
        );
    }
}
