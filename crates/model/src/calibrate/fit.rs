//! Iterative proportional fitting to two margins, and the thinning of what it gives.

/// Cells with the row and the column each lies in.
#[derive(Debug, Clone, Default)]
pub struct TwoWay {
    /// Value of each cell.
    pub cell: Vec<f64>,
    /// Row of each cell.
    pub row: Vec<usize>,
    /// Column of each cell.
    pub column: Vec<usize>,
    /// What the cells of each row sum to.
    pub row_target: Vec<f64>,
    /// What the cells of each column sum to.
    pub column_target: Vec<f64>,
}

const SWEEPS: usize = 4000;
/// Largest error of a margin at which the fitting ends, as a share of the whole.
const CLOSE: f64 = 1e-13;

impl TwoWay {
    /// Adds a cell.
    pub fn push(&mut self, row: usize, column: usize, cell: f64) {
        self.row.push(row);
        self.column.push(column);
        self.cell.push(cell);
    }

    /// Scales rows and columns in turn until both margins are met; returns the largest error left.
    pub fn fit(&mut self) -> f64 {
        let mut error = f64::INFINITY;
        for _ in 0..SWEEPS {
            error = scale(&mut self.cell, &self.row, &self.row_target);
            scale(&mut self.cell, &self.column, &self.column_target);
            if error < CLOSE {
                break;
            }
        }
        error
    }

    /// Keeps cells of at least `least`, and the largest of each row and column, and fits them anew;
    /// the threshold rises where more than `most` cells would stay. A thinner table that cannot meet the
    /// margins is tried again with a quarter of the threshold.
    pub fn thin(&mut self, least: f64, most: usize, acceptable: f64) {
        let mut sorted = self.cell.clone();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let mut threshold = sorted.get(most).map_or(least, |cell| cell.max(least));
        while threshold > least * 1e-3 {
            let mut thinner = self.clone();
            let row_top = largest(&self.cell, &self.row, self.row_target.len());
            let column_top = largest(&self.cell, &self.column, self.column_target.len());
            for (i, cell) in thinner.cell.iter_mut().enumerate() {
                let top = row_top[self.row[i]] == Some(i) || column_top[self.column[i]] == Some(i);
                if *cell < threshold && !top {
                    *cell = 0.0;
                }
            }
            if thinner.fit() < acceptable {
                *self = thinner;
                return;
            }
            threshold /= 4.0;
        }
    }
}

/// Scales the cells of each group to its target; returns the largest distance before.
fn scale(cell: &mut [f64], group: &[usize], target: &[f64]) -> f64 {
    let mut sum = vec![0.0; target.len()];
    for (cell, &group) in cell.iter().zip(group) {
        sum[group] += cell;
    }
    let mut error = 0.0_f64;
    for (sum, &target) in sum.iter_mut().zip(target) {
        error = error.max((*sum - target).abs());
        *sum = if *sum > 0.0 { target / *sum } else { 0.0 };
    }
    for (cell, &group) in cell.iter_mut().zip(group) {
        *cell *= sum[group];
    }
    error
}

/// Position of the largest cell of each group.
fn largest(cell: &[f64], group: &[usize], groups: usize) -> Vec<Option<usize>> {
    let mut top: Vec<Option<usize>> = vec![None; groups];
    for (i, &group) in group.iter().enumerate() {
        if cell[i] > 0.0 && top[group].is_none_or(|best| cell[i] > cell[best]) {
            top[group] = Some(i);
        }
    }
    top
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(cell: [[f64; 3]; 2]) -> TwoWay {
        let mut table = TwoWay {
            row_target: vec![0.7, 0.3],
            column_target: vec![0.5, 0.4, 0.1],
            ..TwoWay::default()
        };
        for (row, cells) in cell.iter().enumerate() {
            for (column, &cell) in cells.iter().enumerate() {
                table.push(row, column, cell);
            }
        }
        table
    }

    #[test]
    fn even_weights_give_the_product_of_the_margins() {
        let mut table = table([[1.0; 3]; 2]);
        assert!(table.fit() < 1e-12);
        for (i, cell) in table.cell.iter().enumerate() {
            let product = table.row_target[table.row[i]] * table.column_target[table.column[i]];
            assert!((cell - product).abs() < 1e-12);
        }
    }

    #[test]
    fn ratios_of_ratios_survive_the_fitting() {
        let mut table = table([[1.0, 2.0, 3.0], [4.0, 1.0, 1.0]]);
        table.fit();
        let odds = |cell: &[f64]| cell[0] * cell[4] / (cell[1] * cell[3]);
        assert!((odds(&table.cell) - 1.0 / 8.0).abs() < 1e-12);
    }

    #[test]
    fn a_thinner_table_meets_the_margins_or_is_not_taken() {
        let mut table = table([[1.0, 1.0, 1.0], [1.0, 1.0, 1e-3]]);
        table.fit();
        let before = table.cell.iter().filter(|cell| **cell > 0.0).count();
        table.thin(0.05, 6, 1e-9);
        let after = table.cell.iter().filter(|cell| **cell > 0.0).count();
        assert!(after < before);
        let first: f64 = table.cell[..3].iter().sum();
        assert!((first - 0.7).abs() < 1e-9);
    }
}
