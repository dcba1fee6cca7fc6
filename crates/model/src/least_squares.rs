//! Least squares with a prior, for the handful of coefficients that calibration fits.

/// Coefficients that minimise squared errors plus `weight * (b - prior)^2`.
///
/// `rows` are (features, value). Solved by Gaussian elimination with pivoting of the normal
/// equations, which are well conditioned since every weight is positive.
pub fn solve<const N: usize>(rows: &[([f64; N], f64)], weight: &[f64; N], prior: &[f64; N]) -> [f64; N] {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_line_is_found_and_prior_rules_without_rows() {
        let rows: Vec<([f64; 2], f64)> = (0..5).map(|x| ([1.0, f64::from(x)], 2.0 - 0.5 * f64::from(x))).collect();
        let [a, b] = solve(&rows, &[1e-12, 1e-12], &[0.0, 0.0]);
        assert!((a - 2.0).abs() < 1e-9 && (b + 0.5).abs() < 1e-9);
        assert_eq!(solve(&[], &[2.0, 3.0], &[0.25, -4.0]), [0.25, -4.0]);
    }
}
