//! Dense linear algebra behind a few functions; matrices are row-major, factorisations are `faer`'s, on one thread.

use faer::linalg::solvers::{DenseSolveCore, Solve};
use faer::{MatRef, Side};

/// A row-major matrix.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Matrix {
    /// Number of rows.
    pub rows: usize,
    /// Number of columns.
    pub cols: usize,
    /// Row after row.
    pub data: Vec<f64>,
}

impl Matrix {
    /// A matrix of zeros.
    pub fn zeros(rows: usize, cols: usize) -> Self {
        Self {
            rows,
            cols,
            data: vec![0.0; rows * cols],
        }
    }

    /// Row-major numbers as a matrix; `data.len()` must be `rows * cols`, or what lacks is zero.
    pub fn new(rows: usize, cols: usize, mut data: Vec<f64>) -> Self {
        data.resize(rows * cols, 0.0);
        Self { rows, cols, data }
    }

    /// A matrix with this diagonal.
    pub fn diagonal(values: &[f64]) -> Self {
        let mut matrix = Self::zeros(values.len(), values.len());
        for (i, v) in values.iter().enumerate() {
            matrix[(i, i)] = *v;
        }
        matrix
    }

    /// Columns side by side; all of one length.
    pub fn from_columns(rows: usize, columns: &[Vec<f64>]) -> Self {
        let mut matrix = Self::zeros(rows, columns.len());
        for (c, column) in columns.iter().enumerate() {
            for (r, v) in column.iter().enumerate().take(rows) {
                matrix[(r, c)] = *v;
            }
        }
        matrix
    }

    /// One row.
    pub fn row(&self, r: usize) -> &[f64] {
        &self.data[r * self.cols..(r + 1) * self.cols]
    }

    /// One row, to write.
    pub fn row_mut(&mut self, r: usize) -> &mut [f64] {
        &mut self.data[r * self.cols..(r + 1) * self.cols]
    }

    /// One column, copied.
    pub fn column(&self, c: usize) -> Vec<f64> {
        (0..self.rows).map(|r| self[(r, c)]).collect()
    }

    /// The transpose.
    #[must_use]
    pub fn transposed(&self) -> Self {
        let mut t = Self::zeros(self.cols, self.rows);
        for r in 0..self.rows {
            for c in 0..self.cols {
                t[(c, r)] = self[(r, c)];
            }
        }
        t
    }

    /// `self * other`.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        from_faer((self.view() * other.view()).as_ref())
    }

    /// `self' * other`.
    #[must_use]
    pub fn transpose_times(&self, other: &Self) -> Self {
        from_faer((self.view().transpose() * other.view()).as_ref())
    }

    /// `self * x`.
    pub fn apply(&self, x: &[f64]) -> Vec<f64> {
        (0..self.rows).map(|r| dot(self.row(r), x)).collect()
    }

    /// `self' * x`.
    pub fn apply_transposed(&self, x: &[f64]) -> Vec<f64> {
        let mut y = vec![0.0; self.cols];
        for r in 0..self.rows {
            for (y, a) in y.iter_mut().zip(self.row(r)) {
                *y += a * x[r];
            }
        }
        y
    }

    /// `self`, then the columns of `other`.
    #[must_use]
    pub fn beside(&self, other: &Self) -> Self {
        let mut joined = Self::zeros(self.rows, self.cols + other.cols);
        for r in 0..self.rows {
            let row = joined.row_mut(r);
            row[..self.cols].copy_from_slice(self.row(r));
            row[self.cols..].copy_from_slice(other.row(r));
        }
        joined
    }

    /// The mean of the matrix and its transpose.
    #[must_use]
    pub fn symmetrised(&self) -> Self {
        let mut s = self.clone();
        for r in 0..self.rows {
            for c in 0..self.cols {
                s[(r, c)] = f64::midpoint(self[(r, c)], self[(c, r)]);
            }
        }
        s
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        self.data.iter().all(|v| v.is_finite())
    }

    fn view(&self) -> MatRef<'_, f64> {
        MatRef::from_row_major_slice(&self.data, self.rows, self.cols)
    }
}

impl std::ops::Index<(usize, usize)> for Matrix {
    type Output = f64;
    fn index(&self, (r, c): (usize, usize)) -> &f64 {
        &self.data[r * self.cols + c]
    }
}

impl std::ops::IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (r, c): (usize, usize)) -> &mut f64 {
        &mut self.data[r * self.cols + c]
    }
}

fn from_faer(m: MatRef<'_, f64>) -> Matrix {
    let mut matrix = Matrix::zeros(m.nrows(), m.ncols());
    for r in 0..m.nrows() {
        for c in 0..m.ncols() {
            matrix[(r, c)] = m[(r, c)];
        }
    }
    matrix
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Eight sums side by side do not wait for one another.
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for l in 0..8 {
            sums[l] += a[l] * b[l];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

/// The larger of a number and the absolute value of another; NaN when one is.
#[inline(always)]
pub(crate) fn larger(a: f64, x: f64) -> f64 {
    let x = x.abs();
    if x <= a || a.is_nan() { a } else { x }
}

/// Largest absolute value; NaN when one is.
pub(crate) fn largest(values: &[f64]) -> f64 {
    // Four side by side do not wait for one another.
    let (values, rest) = values.as_chunks::<4>();
    let mut most = [0.0; 4];
    for values in values {
        for l in 0..4 {
            most[l] = larger(most[l], values[l]);
        }
    }
    most.iter().chain(rest).fold(0.0, |a, x| larger(a, *x))
}

/// A square matrix, factorised.
pub(crate) struct Factor(faer::linalg::solvers::PartialPivLu<f64>);

impl Factor {
    /// Factorises a row-major `n x n` matrix; `None` when a number is not finite or the matrix is singular to the bit.
    pub fn new(n: usize, data: &[f64]) -> Option<Self> {
        if data.iter().any(|v| !v.is_finite()) {
            return None;
        }
        let lu = MatRef::from_row_major_slice(data, n, n).partial_piv_lu();
        let upper = lu.U();
        (0..n).all(|i| upper[(i, i)] != 0.0).then_some(Self(lu))
    }

    /// Solves in place for one right side.
    pub fn solve(&self, x: &mut [f64]) {
        let n = x.len();
        let rhs = faer::MatMut::from_column_major_slice_mut(x, n, 1);
        self.0.solve_in_place(rhs);
    }

    /// Solves in place for the columns of `x`.
    pub fn solve_columns(&self, x: &mut Matrix) {
        let rhs = faer::MatMut::from_row_major_slice_mut(&mut x.data, x.rows, x.cols);
        self.0.solve_in_place(rhs);
    }

    /// The inverse.
    pub fn inverse(&self) -> Matrix {
        from_faer(self.0.inverse().as_ref())
    }
}

/// Inverse of a square matrix, the pseudo-inverse where it is singular; the flag says which.
///
/// # Errors
/// `None` when a number is not finite.
pub(crate) fn inverse_or_pseudo(matrix: &Matrix) -> Option<(Matrix, bool)> {
    if !matrix.is_finite() {
        return None;
    }
    let n = matrix.rows;
    // Rows and columns in units of their diagonal lose fewer digits: (D A D)^-1 = D^-1 A^-1 D^-1.
    let unit: Vec<f64> = (0..n)
        .map(|i| matrix[(i, i)].abs().sqrt())
        .map(|d| if d > 0.0 { 1.0 / d } else { 1.0 })
        .collect();
    let mut scaled = matrix.clone();
    for r in 0..n {
        for c in 0..n {
            scaled[(r, c)] *= unit[r] * unit[c];
        }
    }
    if let Some(factor) = Factor::new(n, &scaled.data) {
        let mut inverse = factor.inverse();
        for r in 0..n {
            for c in 0..n {
                inverse[(r, c)] *= unit[r] * unit[c];
            }
        }
        if inverse.is_finite() {
            return Some((inverse, false));
        }
    }
    let svd = matrix.view().svd().ok()?;
    Some((from_faer(svd.pseudoinverse().as_ref()), true))
}

/// Ratio of the largest to the smallest singular value.
pub(crate) fn condition(matrix: &Matrix) -> f64 {
    if matrix.rows == 0 || !matrix.is_finite() {
        return if matrix.rows == 0 { 1.0 } else { f64::NAN };
    }
    let Ok(values) = matrix.view().singular_values() else {
        return f64::NAN;
    };
    let largest = values.iter().fold(0.0_f64, |a, b| a.max(*b));
    let smallest = values.iter().fold(f64::INFINITY, |a, b| a.min(*b));
    largest / smallest
}

/// Eigenvalues of a symmetric matrix, ascending.
pub(crate) fn symmetric_eigenvalues(matrix: &Matrix) -> Option<Vec<f64>> {
    if matrix.rows == 0 {
        return Some(Vec::new());
    }
    if !matrix.is_finite() {
        return None;
    }
    matrix.view().self_adjoint_eigenvalues(Side::Lower).ok()
}

/// Whether a symmetric matrix is negative definite: whether Cholesky's pivots of its negative are above zero.
pub(crate) fn is_negative_definite(matrix: &Matrix) -> bool {
    let n = matrix.rows;
    let negative = Matrix::new(n, n, matrix.data.iter().map(|x| -x).collect());
    let l = cholesky_lower(&negative);
    (0..n).all(|j| l[(j, j)] > 0.0)
}

/// Eigenvalues of a symmetric matrix, ascending, and its eigenvectors by columns.
pub(crate) fn symmetric_eigen(matrix: &Matrix) -> Option<(Vec<f64>, Matrix)> {
    if !matrix.is_finite() {
        return None;
    }
    let eigen = matrix.view().self_adjoint_eigen(Side::Lower).ok()?;
    let values = eigen.S().column_vector().iter().copied().collect();
    Some((values, from_faer(eigen.U())))
}

/// Products with a vector after which all eigenvalues are the cheaper way to the largest.
const POWERS: usize = 100;

/// Relative error of an eigenvalue found by powers.
const SETTLED: f64 = 1e-9;

/// Largest modulus of the eigenvalues of a square matrix.
pub(crate) fn spectral_radius(matrix: &Matrix) -> Option<f64> {
    if matrix.rows == 0 {
        return Some(0.0);
    }
    if !matrix.is_finite() {
        return None;
    }
    if let Some(radius) = dominant(matrix) {
        return Some(radius);
    }
    let values = matrix.view().eigenvalues().ok()?;
    Some(values.iter().map(|z| z.re.hypot(z.im)).fold(0.0, f64::max))
}

/// Modulus of the largest eigenvalue by powers of the matrix, where it is real and stands apart from the others; else none.
fn dominant(matrix: &Matrix) -> Option<f64> {
    let n = matrix.rows;
    // Of no symmetry that an eigenvector could be orthogonal to.
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    let mut x: Vec<f64> = (0..n).map(|i| 0.5 + (i as f64 * golden).fract()).collect();
    let mut y = vec![0.0; n];
    let mut length = dot(&x, &x).sqrt();
    for _ in 0..POWERS {
        x.iter_mut().for_each(|x| *x /= length);
        for (i, y) in y.iter_mut().enumerate() {
            *y = dot(matrix.row(i), &x);
        }
        let value = dot(&x, &y);
        length = dot(&y, &y).sqrt();
        let rest: f64 = y.iter().zip(&x).map(|(y, x)| (y - value * x).powi(2)).sum();
        if length > 0.0 && rest.sqrt() <= SETTLED * length {
            return Some(value.abs());
        }
        std::mem::swap(&mut x, &mut y);
    }
    None
}

/// Lower Cholesky factor of a symmetric positive semi-definite matrix (zero pivots give zero columns).
pub(crate) fn cholesky_lower(matrix: &Matrix) -> Matrix {
    let n = matrix.rows;
    let mut l = Matrix::zeros(n, n);
    for j in 0..n {
        let d = matrix[(j, j)] - (0..j).map(|k| l[(j, k)] * l[(j, k)]).sum::<f64>();
        let pivot = if d > 1e-14 * matrix[(j, j)].abs() {
            d.sqrt()
        } else {
            0.0
        };
        l[(j, j)] = pivot;
        for i in j + 1..n {
            let s = matrix[(i, j)] - (0..j).map(|k| l[(i, k)] * l[(j, k)]).sum::<f64>();
            l[(i, j)] = if pivot > 0.0 { s / pivot } else { 0.0 };
        }
    }
    l
}

/// Columns that are combinations of the columns before them, by Gram-Schmidt on columns of unit length.
pub(crate) fn collinear_columns(matrix: &Matrix, tolerance: f64) -> Vec<usize> {
    let mut basis: Vec<Vec<f64>> = Vec::new();
    let mut dependent = Vec::new();
    for c in 0..matrix.cols {
        let mut v = matrix.column(c);
        let length = dot(&v, &v).sqrt();
        if length == 0.0 {
            dependent.push(c);
            continue;
        }
        v.iter_mut().for_each(|x| *x /= length);
        // Twice is enough for orthogonality to working precision.
        for _ in 0..2 {
            for b in &basis {
                let projection = dot(b, &v);
                v.iter_mut().zip(b).for_each(|(x, b)| *x -= projection * b);
            }
        }
        let rest = dot(&v, &v).sqrt();
        if rest < tolerance {
            dependent.push(c);
        } else {
            v.iter_mut().for_each(|x| *x /= rest);
            basis.push(v);
        }
    }
    dependent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spectral_radius_is_found_by_powers_or_without() {
        // A companion matrix has the roots of its polynomial as eigenvalues.
        let companion = |coefficients: [f64; 3]| {
            let mut matrix = Matrix::zeros(3, 3);
            (matrix[(1, 0)], matrix[(2, 1)]) = (1.0, 1.0);
            for (i, c) in coefficients.iter().enumerate() {
                matrix[(i, 2)] = -c;
            }
            matrix
        };
        // (x - 2)(x - 1)(x + 1/2); (x^2 + 4)(x - 1), a pair of modulus 2; (x - 2)(x + 2)(x - 1), two of one modulus.
        for (coefficients, alone) in [
            ([1.0, 0.5, -2.5], true),
            ([-4.0, 4.0, -1.0], false),
            ([4.0, -4.0, -1.0], false),
        ] {
            let matrix = companion(coefficients);
            assert_eq!(dominant(&matrix).is_some(), alone, "{coefficients:?}");
            let radius = spectral_radius(&matrix).unwrap();
            assert!((radius - 2.0).abs() < 1e-8, "{coefficients:?}: {radius}");
        }
        assert_eq!(spectral_radius(&Matrix::zeros(2, 2)), Some(0.0));
        let mut not = Matrix::zeros(2, 2);
        not[(0, 1)] = f64::NAN;
        assert_eq!(spectral_radius(&not), None);
    }

    #[test]
    fn a_matrix_is_negative_definite_when_its_eigenvalues_are_below_zero() {
        let matrix = |diagonal: f64, beside: f64| {
            Matrix::new(2, 2, vec![diagonal, beside, beside, diagonal])
        };
        // Eigenvalues diagonal +- beside.
        assert!(is_negative_definite(&matrix(-2.0, 1.0)));
        assert!(!is_negative_definite(&matrix(-1.0, 2.0)));
        assert!(!is_negative_definite(&matrix(-1.0, 1.0)));
        assert!(!is_negative_definite(&matrix(f64::NAN, 0.0)));
        assert!(is_negative_definite(&Matrix::zeros(0, 0)));
    }
}
