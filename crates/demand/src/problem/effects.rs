//! Fixed effects, absorbed by taking means out.

use std::collections::HashMap;

use crate::error::Defect;
use crate::formulation::Table;
use crate::linalg::Matrix;

/// Fixed effects: levels of each absorbed dimension.
#[derive(Debug, Clone, Default)]
pub(crate) struct Effects {
    dimensions: Vec<(Vec<usize>, Vec<f64>)>,
}

impl Effects {
    pub(super) fn new(
        table: &Table,
        columns: &[String],
        order: &[usize],
        defects: &mut Vec<Defect>,
    ) -> Self {
        let mut dimensions = Vec::new();
        for name in columns {
            // `a*b` absorbs combinations of levels.
            let mut keys = vec![String::new(); order.len()];
            for part in name.split('*').map(str::trim) {
                match table.labels(part) {
                    Some(labels) if labels.len() == table.rows() => {
                        for (key, row) in keys.iter_mut().zip(order) {
                            key.push('\u{1f}');
                            key.push_str(&labels[*row]);
                        }
                    }
                    _ => defects.push(Defect::new(
                        format!("C({name})"),
                        format!("no column `{part}` in the products"),
                    )),
                }
            }
            let mut codes = HashMap::new();
            let mut level = Vec::with_capacity(keys.len());
            for key in keys {
                let next = codes.len();
                level.push(*codes.entry(key).or_insert(next));
            }
            let mut counts = vec![0.0; codes.len()];
            level.iter().for_each(|l| counts[*l] += 1.0);
            dimensions.push((level, counts));
        }
        Self { dimensions }
    }

    pub fn is_empty(&self) -> bool {
        self.dimensions.is_empty()
    }

    /// Takes the means of every dimension out of a column: exact for one way, for several by alternating projections
    /// (Guimaraes and Portugal 2010) until nothing moves by more than 1e-14 of the column's scale.
    pub fn absorb(&self, column: &mut [f64]) {
        let scale = column.iter().fold(0.0_f64, |a, x| a.max(x.abs()));
        for _ in 0..10_000 {
            let mut moved = 0.0_f64;
            for (level, counts) in &self.dimensions {
                let mut means = vec![0.0; counts.len()];
                for (x, l) in column.iter().zip(level) {
                    means[*l] += x;
                }
                for (mean, count) in means.iter_mut().zip(counts) {
                    *mean /= count;
                    moved = moved.max(mean.abs());
                }
                for (x, l) in column.iter_mut().zip(level) {
                    *x -= means[*l];
                }
            }
            if self.dimensions.len() < 2 || !(moved > 1e-14 * scale) {
                return;
            }
        }
    }

    pub fn absorb_columns(&self, matrix: &mut Matrix) {
        if self.is_empty() {
            return;
        }
        for c in 0..matrix.cols {
            let mut column = matrix.column(c);
            self.absorb(&mut column);
            for (r, x) in column.iter().enumerate() {
                matrix[(r, c)] = *x;
            }
        }
    }
}
