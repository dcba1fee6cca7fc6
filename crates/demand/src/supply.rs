//! Ownership, the pricing condition and markups.
//!
//! A maker sets the prices of its products in one market to maximise `sum_k phi_k m_k s_k`, `m = p - c`
//! (Berry, Levinsohn and Pakes 1995). With `M_jk = 1[j=k] sum_r w A_jr/lambda_j - kappa_jk sum_r w A_jr (s_kr + (rho/lambda) c_kr
//! [same nest])`, `A_jr = alpha_jr s_jr`, the first-order condition is `phi_j s_j + (M (phi m))_j = 0`.
//! `kappa_jk` is the weight of the profit on `k` in setting the price of `j`: 1 within a maker, 0 between makers, in between for
//! conduct; a maker that stands for `n` equal ones has `1/n`, since each of them sells `1/n` of every product.

use std::collections::BTreeMap;

use crate::linalg::Factor;
use crate::market::{Choices, MarketView, Mix};
use crate::simd::{Gram, Lane, Lanes, ZERO};

/// Who gains from whose sales: sparse rows of `kappa`, one for each maker (or for each product of a full matrix).
#[derive(Debug, Clone, Default)]
pub(crate) struct Ownership {
    /// Row of each product.
    pub row: Vec<u32>,
    start: Vec<usize>,
    member: Vec<u32>,
    share: Vec<f64>,
    /// Products whose conditions hang together; those of each row where there are none.
    blocks: Vec<Vec<u32>>,
}

impl Ownership {
    /// From makers and the number of equal makers that each stands for.
    pub fn from_firms(firms: &[u32], equals: &[f64]) -> Self {
        let mut makers = firms.to_vec();
        makers.sort_unstable();
        makers.dedup();
        let row = |f: &u32| makers.partition_point(|m| m < f) as u32;
        let row: Vec<u32> = firms.iter().map(row).collect();
        let mut start = vec![0; makers.len() + 1];
        for row in &row {
            start[*row as usize + 1] += 1;
        }
        for r in 0..makers.len() {
            start[r + 1] += start[r];
        }
        // The place of each row's next product.
        let mut next = start.clone();
        let mut member = vec![0; firms.len()];
        for (j, row) in row.iter().enumerate() {
            member[next[*row as usize]] = j as u32;
            next[*row as usize] += 1;
        }
        Self {
            share: member.iter().map(|j| 1.0 / equals[*j as usize]).collect(),
            row,
            start,
            member,
            blocks: Vec::new(),
        }
    }

    /// From a full matrix, row-major.
    pub fn from_matrix(n: usize, kappa: &[f64]) -> Self {
        let mut ownership = Self {
            row: (0..n as u32).collect(),
            start: vec![0],
            ..Self::default()
        };
        let mut block: Vec<usize> = (0..n).collect();
        for j in 0..n {
            for k in 0..n {
                let value = kappa[j * n + k];
                if value != 0.0 {
                    ownership.member.push(k as u32);
                    ownership.share.push(value);
                    let (a, b) = (block[j].min(block[k]), block[j].max(block[k]));
                    block.iter_mut().filter(|x| **x == b).for_each(|x| *x = a);
                }
            }
            ownership.start.push(ownership.member.len());
        }
        let mut grouped: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
        for (j, b) in block.iter().enumerate() {
            grouped.entry(*b).or_default().push(j as u32);
        }
        ownership.blocks = grouped.into_values().collect();
        ownership
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.start.len() - 1
    }

    /// Products of a row with their weights.
    pub fn members(&self, row: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.start[row]..self.start[row + 1];
        range.map(|i| (self.member[i] as usize, self.share[i]))
    }

    /// `kappa_jk`.
    pub fn kappa(&self, j: usize, k: usize) -> f64 {
        self.members(self.row[j] as usize)
            .find(|(m, _)| *m == k)
            .map_or(0.0, |(_, share)| share)
    }

    /// Products whose prices one maker sets.
    pub fn blocks(&self) -> impl ExactSizeIterator<Item = &[u32]> {
        let rows = self.blocks.is_empty();
        let count = if rows { self.rows() } else { self.blocks.len() };
        (0..count).map(move |b| {
            if rows {
                &self.member[self.start[b]..self.start[b + 1]]
            } else {
                &self.blocks[b]
            }
        })
    }
}

/// Rows of the ownership crossed with nests: sums within a nest and an owner.
pub(crate) struct Cells {
    /// Cell of each product.
    pub of: Vec<u32>,
    start: Vec<usize>,
    member: Vec<u32>,
    share: Vec<f64>,
}

impl Cells {
    pub fn new(view: &MarketView, ownership: &Ownership) -> Self {
        let n = view.products();
        let mut cells = Self {
            of: Vec::new(),
            start: vec![0],
            member: Vec::new(),
            share: Vec::new(),
        };
        if !view.nested() {
            return cells;
        }
        cells.of.resize(n, 0);
        let mut found: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        for j in 0..n {
            let key = (ownership.row[j], view.nest[j]);
            let next = found.len() as u32;
            let cell = *found.entry(key).or_insert(next);
            cells.of[j] = cell;
            if cell == next {
                for (k, share) in ownership.members(key.0 as usize) {
                    if view.nest[k] == key.1 {
                        cells.member.push(k as u32);
                        cells.share.push(share);
                    }
                }
                cells.start.push(cells.member.len());
            }
        }
        cells
    }

    pub fn count(&self) -> usize {
        self.start.len() - 1
    }

    pub fn members(&self, cell: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let range = self.start[cell]..self.start[cell + 1];
        range.map(|i| (self.member[i] as usize, self.share[i]))
    }
}

/// `alpha_jr = du_jr/dp_j`, `[tile][product]`: random part from the coefficients, mean part from the linear parameters.
pub(crate) fn price_slopes(view: &MarketView, coefficients: &[Lane], mean: &[f64]) -> Lanes {
    let n = view.products();
    let mut alpha = Lanes::zeros(view.tiles() * n);
    if view.k2 > 0 && n > 0 {
        view.level.run(Mix {
            products: n,
            k2: view.k2,
            x: view.x2_price,
            coefficients,
            out: &mut alpha,
        });
    }
    if n > 0 && mean.iter().any(|a| *a != 0.0) {
        for tile in alpha.chunks_exact_mut(n) {
            for (lane, a) in tile.iter_mut().zip(mean) {
                lane.iter_mut().for_each(|x| *x += a);
            }
        }
    }
    alpha
}

/// Mean part of the price slope by product, from the linear parameters.
pub(crate) fn mean_slopes(view: &MarketView, beta: &[f64]) -> Vec<f64> {
    (0..view.products())
        .map(|j| {
            view.x1_price[j * view.k1..(j + 1) * view.k1]
                .iter()
                .zip(beta)
                .map(|(x, b)| if *x == 0.0 { 0.0 } else { x * b })
                .sum()
        })
        .collect()
}

/// `A = alpha s`, `[tile][product]`.
pub(crate) fn sloped_shares(choices: &Choices, alpha: &[Lane]) -> Lanes {
    Lanes::from_fn(alpha.len(), |i| {
        std::array::from_fn(|l| alpha[i][l] * choices.p[i][l])
    })
}

/// `sum_r w_r A_jr` by product.
pub(crate) fn weighted_sums(view: &MarketView, lanes: &[Lane]) -> Vec<f64> {
    let n = view.products();
    let mut total = vec![ZERO; n];
    for (t, w) in view.weights.iter().enumerate() {
        for (acc, lane) in total.iter_mut().zip(&lanes[t * n..(t + 1) * n]) {
            for l in 0..w.len() {
                acc[l] += w[l] * lane[l];
            }
        }
    }
    total.iter().map(crate::simd::sum).collect()
}

/// Tiles of a block of products out of those of all `n`.
pub(crate) fn of_block(lanes: &[Lane], n: usize, block: &[u32]) -> Lanes {
    let count = block.len();
    Lanes::from_fn(lanes.len() / n.max(1) * count, |i| {
        lanes[i / count * n + block[i % count] as usize]
    })
}

/// `sum_r w_r x_jr y_kr` for so many products, row-major.
pub(crate) fn agent_products(
    view: &MarketView,
    products: usize,
    x: &[Lane],
    y: &[Lane],
) -> Vec<f64> {
    let mut out = vec![0.0; products * products];
    Gram {
        rows: products,
        a: x,
        b: y,
        w: view.weights,
        symmetric: false,
        out: &mut out,
    }
    .at(view.level);
    out
}

/// The matrix `M` of one block of products, row-major, with `kappa` applied.
pub(crate) fn margin_matrix(
    view: &MarketView,
    choices: &Choices,
    sloped: &[Lane],
    slope_sums: &[f64],
    lambda: &[f64],
    ownership: &Ownership,
    block: &[u32],
) -> Vec<f64> {
    let (n, b) = (view.products(), block.len());
    let a = of_block(sloped, n, block);
    let with = |shares: &[Lane]| agent_products(view, b, &a, &of_block(shares, n, block));
    let mut matrix = with(&choices.p);
    let within = view.nested().then(|| with(&choices.c));
    for x in 0..b {
        let j = block[x] as usize;
        let mut kappa = vec![0.0; b];
        for (k, share) in ownership.members(ownership.row[j] as usize) {
            if let Ok(y) = block.binary_search(&(k as u32)) {
                kappa[y] = share;
            }
        }
        for y in 0..b {
            let k = block[y] as usize;
            let mut value = matrix[x * b + y];
            if let Some(within) = &within
                && view.nest[j] == view.nest[k]
            {
                value += (1.0 - lambda[j]) / lambda[j] * within[x * b + y];
            }
            matrix[x * b + y] = -kappa[y] * value;
        }
        matrix[x * b + x] += slope_sums[j] / lambda[j];
    }
    matrix
}

/// Factorised blocks of `M`.
pub(crate) struct Margins {
    blocks: Vec<(Vec<u32>, Option<Factor>)>,
}

impl Margins {
    pub fn new(
        view: &MarketView,
        choices: &Choices,
        alpha: &[Lane],
        lambda: &[f64],
        ownership: &Ownership,
    ) -> Self {
        let sloped = sloped_shares(choices, alpha);
        let sums = weighted_sums(view, &sloped);
        let blocks = ownership
            .blocks()
            .map(|block| {
                let m = margin_matrix(view, choices, &sloped, &sums, lambda, ownership, block);
                (block.to_vec(), Factor::new(block.len(), &m))
            })
            .collect();
        Self { blocks }
    }

    /// `-M^-1 y` in place, for the columns of a row-major `products x columns` array; NaN where a block is singular.
    pub fn solve(&self, y: &mut [f64], columns: usize) {
        for (block, factor) in &self.blocks {
            let mut part = crate::linalg::Matrix::zeros(block.len(), columns);
            for (x, j) in block.iter().enumerate() {
                part.row_mut(x)
                    .copy_from_slice(&y[*j as usize * columns..][..columns]);
            }
            match factor {
                Some(factor) => factor.solve_columns(&mut part),
                None => part.data.fill(f64::NAN),
            }
            for (x, j) in block.iter().enumerate() {
                for c in 0..columns {
                    y[*j as usize * columns + c] = -part[(x, c)];
                }
            }
        }
    }

    /// Markups `eta = -M^-1 s`.
    pub fn markups(&self, shares: &[f64]) -> Vec<f64> {
        let mut eta = shares.to_vec();
        self.solve(&mut eta, 1);
        eta
    }
}
