//! Least squares with a prior, for the handful of coefficients that calibration fits.

/// Coefficients that minimise squared errors plus `weight * (b - prior)^2`.
///
/// `rows` are (features, value). Solved by Gaussian elimination with pivoting of the normal
/// equations, which are well conditioned since every weight is positive.
pub fn solve<const N: usize>(
    rows: &[([f64; N], f64)],
    weight: &[f64; N],
    prior: &[f64; N],
) -> [f64; N] {
    let mut matrix = [[0.0; N]; N];
    let mut right = [0.0; N];
    for i in 0..N {
        matrix[i][i] = weight[i];
        right[i] = weight[i] * prior[i];
    }
    for (features, value) in rows {
        for i in 0..N {
            for j in 0..N {
                matrix[i][j] += features[i] * features[j];
            }
            right[i] += features[i] * value;
        }
    }
    eliminate(matrix, right)
}

/// Solution of a square system by Gaussian elimination with pivoting.
pub fn eliminate<const N: usize>(mut matrix: [[f64; N]; N], mut right: [f64; N]) -> [f64; N] {
    for column in 0..N {
        let pivot = (column..N)
            .max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))
            .unwrap_or(column);
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..N {
            let factor = matrix[row][column] / matrix[column][column];
            for k in column..N {
                matrix[row][k] -= factor * matrix[column][k];
            }
            right[row] -= factor * right[column];
        }
    }
    let mut solution = [0.0; N];
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|k| matrix[row][k] * solution[k]).sum();
        solution[row] = (right[row] - known) / matrix[row][row];
    }
    solution
}

/// Minimises the sum of squares of `residuals` from `start`; steps that do not improve are damped.
///
/// `steps` are the differences for the numerical Jacobian, `bounds` brings a point back where it may be.
pub fn gauss_newton<const N: usize>(
    start: [f64; N],
    steps: [f64; N],
    bounds: impl Fn([f64; N]) -> [f64; N],
    residuals: impl Fn(&[f64; N]) -> Vec<f64>,
) -> [f64; N] {
    let sum_of_squares = |errors: &[f64]| errors.iter().map(|e| e * e).sum::<f64>();
    let mut x = start;
    let mut errors = residuals(&x);
    let mut damping = 1e-3;
    for _ in 0..15 {
        let moved: Vec<Vec<f64>> = (0..N)
            .map(|k| {
                let mut y = x;
                y[k] += steps[k];
                residuals(&y)
            })
            .collect();
        let rows: Vec<([f64; N], f64)> = errors
            .iter()
            .enumerate()
            .map(|(i, error)| {
                (
                    std::array::from_fn(|k| (moved[k][i] - error) / steps[k]),
                    -error,
                )
            })
            .collect();
        let curvature: [f64; N] = std::array::from_fn(|k| {
            damping * rows.iter().map(|(row, _)| row[k] * row[k]).sum::<f64>() + 1e-12
        });
        let step = solve(&rows, &curvature, &[0.0; N]);
        let next = bounds(std::array::from_fn(|k| x[k] + step[k]));
        let next_errors = residuals(&next);
        if sum_of_squares(&next_errors) < sum_of_squares(&errors) {
            let small = (0..N).all(|k| (next[k] - x[k]).abs() < 1e-9);
            x = next;
            errors = next_errors;
            damping *= 0.3;
            if small {
                break;
            }
        } else {
            damping *= 10.0;
            if damping > 1e6 {
                break;
            }
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_line_is_found_and_prior_rules_without_rows() {
        let rows: Vec<([f64; 2], f64)> = (0..5)
            .map(|x| ([1.0, f64::from(x)], 2.0 - 0.5 * f64::from(x)))
            .collect();
        let [a, b] = solve(&rows, &[1e-12, 1e-12], &[0.0, 0.0]);
        assert!((a - 2.0).abs() < 1e-9 && (b + 0.5).abs() < 1e-9);
        assert_eq!(solve(&[], &[2.0, 3.0], &[0.25, -4.0]), [0.25, -4.0]);
    }
}
