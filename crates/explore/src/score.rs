//! Scores of point forecasts (Hyndman and Koehler 2006, Int. J. Forecasting 22(4)).

/// Mean absolute error. Shapes: equal lengths; NaN where there is nothing to score.
pub fn mean_absolute_error(forecast: &[f64], actual: &[f64]) -> f64 {
    mean(forecast.iter().zip(actual).map(|(f, a)| (f - a).abs()))
}

/// Root mean squared error.
pub fn root_mean_squared_error(forecast: &[f64], actual: &[f64]) -> f64 {
    mean(forecast.iter().zip(actual).map(|(f, a)| (f - a).powi(2))).sqrt()
}

/// Symmetric mean absolute percentage error in percent, 0-200 (Makridakis 1993); a pair of zeros scores 0.
pub fn symmetric_percentage_error(forecast: &[f64], actual: &[f64]) -> f64 {
    mean(forecast.iter().zip(actual).map(|(f, a)| {
        let size = f.abs() + a.abs();
        if size > 0.0 {
            200.0 * (f - a).abs() / size
        } else {
            0.0
        }
    }))
}

/// Mean error: positive where the forecast was too high.
pub fn bias(forecast: &[f64], actual: &[f64]) -> f64 {
    mean(forecast.iter().zip(actual).map(|(f, a)| f - a))
}

/// Mean absolute yearly change of a history: the in-sample error of the naive forecast that scales MASE.
pub fn naive_scale(history: &[f64]) -> f64 {
    mean(history.windows(2).map(|pair| (pair[1] - pair[0]).abs()))
}

/// Root mean squared yearly change of a history: the scale of RMSSE, which survives a share of nothing
/// as long as one year moved.
pub fn naive_root_scale(history: &[f64]) -> f64 {
    mean(history.windows(2).map(|pair| (pair[1] - pair[0]).powi(2))).sqrt()
}

/// Part of the pairs in which the first error is smaller; ties count half. NaN without pairs.
pub fn share_of_wins(first: &[f64], second: &[f64]) -> f64 {
    mean(first.iter().zip(second).map(|(a, b)| {
        if (a - b).abs() <= 1e-12 * (a.abs() + b.abs()) {
            0.5
        } else if a < b {
            1.0
        } else {
            0.0
        }
    }))
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
    if count == 0 {
        f64::NAN
    } else {
        sum / f64::from(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_of_a_small_example() {
        let (forecast, actual) = ([2.0, 4.0], [1.0, 6.0]);
        assert!((mean_absolute_error(&forecast, &actual) - 1.5).abs() < 1e-12);
        assert!((root_mean_squared_error(&forecast, &actual) - 2.5_f64.sqrt()).abs() < 1e-12);
        assert!((bias(&forecast, &actual) + 0.5).abs() < 1e-12);
        assert!(
            (symmetric_percentage_error(&forecast, &actual) - f64::midpoint(200.0 / 3.0, 40.0))
                .abs()
                < 1e-9
        );
        assert_eq!(symmetric_percentage_error(&[0.0], &[0.0]), 0.0);
        assert!((naive_scale(&[1.0, 2.0, 4.0]) - 1.5).abs() < 1e-12);
        assert!((naive_root_scale(&[1.0, 2.0, 4.0]) - 2.5_f64.sqrt()).abs() < 1e-12);
        assert_eq!(share_of_wins(&[1.0, 2.0, 3.0], &[2.0, 2.0, 1.0]), 0.5);
        assert!(mean_absolute_error(&[], &[]).is_nan());
    }
}
