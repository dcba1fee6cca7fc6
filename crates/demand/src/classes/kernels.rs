//! What runs over buyers of a market, sixteen tastes at once.

use super::{Buyers, ClassMarket, ClassTastes, NESTS, Shares, Size};
use crate::simd::{self, Kernel, LANES, Lane, ZERO, add_scaled, fma};

/// Exponentials in place, padded to whole lanes.
pub(super) struct Exponentials<'a>(pub &'a mut [f64]);

impl Kernel for Exponentials<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for chunk in self.0.chunks_mut(LANES) {
            let mut lane = [f64::NEG_INFINITY; LANES];
            lane[..chunk.len()].copy_from_slice(chunk);
            let values = simd::exp::<FMA>(&lane);
            chunk.copy_from_slice(&values[..chunk.len()]);
        }
    }
}

/// Nest sums, inclusive values and, where asked for, probabilities of one market at tilted class sums.
pub(super) struct Probabilities<'a> {
    pub tastes: &'a ClassTastes,
    pub buyers: &'a Buyers,
    pub active: &'a [u8],
    /// `S_kc` under the tilt.
    pub sums: &'a [f64],
    pub top: &'a [f64],
    pub size: Size,
    /// `R_ic`, income by income.
    pub reach: &'a mut [Lane],
    /// `N`, `P`, `P/N` by income and nest.
    pub nest: &'a mut [[Lane; 3]],
    pub shares: &'a mut Shares,
}

impl Kernel for Probabilities<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self {
            tastes,
            buyers,
            active,
            sums,
            top,
            size,
            reach,
            nest,
            shares,
        } = self;
        let (classes, nests, lambda) = (tastes.classes(), tastes.nests, tastes.lambda);
        let incomes = buyers.slope.len();
        for k in 0..incomes {
            let nest = &mut nest[k * nests..(k + 1) * nests];
            nest.fill([ZERO; 3]);
            for c in active {
                let c = usize::from(*c);
                add_scaled::<FMA>(
                    &mut nest[usize::from(tastes.nest[c])][0],
                    &tastes.factor[c],
                    sums[k * classes + c],
                );
            }
            let mut total = ZERO;
            for of in nest.iter_mut() {
                // A nest without products has no weight: the logarithm of a positive number, far too low.
                let empty = !(of[0][0] > 0.0);
                if empty {
                    continue;
                }
                let mut value = simd::ln::<FMA>(&of[0]);
                for v in &mut value {
                    *v *= lambda;
                }
                of[1] = simd::exp::<FMA>(&value);
                for l in 0..LANES {
                    total[l] += of[1][l];
                }
            }
            let mut inclusive = simd::ln::<FMA>(&total);
            for v in &mut inclusive {
                *v += lambda * top[k];
            }
            shares.inclusive[k] = inclusive;
        }
        shares.shift = match size {
            Size::Shift(shift) => shift,
            Size::Share(share) => shift_for::<FMA>(tastes, buyers, &shares.inclusive, share),
        };
        shares.by_class.fill(0.0);
        let mut bought = 0.0;
        for k in 0..incomes {
            let nest = &mut nest[k * nests..(k + 1) * nests];
            let buys = buying::<FMA>(&shares.inclusive[k], shares.shift);
            let mut all = ZERO;
            for of in nest.iter() {
                for l in 0..LANES {
                    all[l] += of[1][l];
                }
            }
            let mut per = ZERO;
            for l in 0..LANES {
                per[l] = buys[l] / all[l];
                bought += buyers.weight[k] * tastes.weight[l] * buys[l];
            }
            for of in nest.iter_mut().filter(|of| of[0][0] > 0.0) {
                for l in 0..LANES {
                    of[1][l] *= per[l];
                    of[2][l] = of[1][l] / of[0][l];
                }
            }
            for c in active {
                let c = usize::from(*c);
                let of = &nest[usize::from(tastes.nest[c])];
                let r = &mut reach[k * classes + c];
                let mut weighted = ZERO;
                for l in 0..LANES {
                    r[l] = tastes.factor[c][l] * of[2][l];
                    weighted[l] = r[l] * tastes.weight[l];
                }
                let mean = buyers.weight[k] * simd::sum(&weighted);
                shares.reach[k * classes + c] = mean;
                shares.by_class[c] += mean * sums[k * classes + c];
            }
        }
        shares.bought = bought;
    }
}

/// Probability of buying: `1/(1 + exp(-(I + D)))`.
#[inline(always)]
fn buying<const FMA: bool>(inclusive: &Lane, shift: f64) -> Lane {
    let mut value = ZERO;
    for l in 0..LANES {
        value[l] = -(inclusive[l] + shift);
    }
    let mut odds = simd::exp::<FMA>(&value);
    for o in &mut odds {
        *o = 1.0 / (1.0 + *o);
    }
    odds
}

/// The shift at which a part of potential buyers buys, by Newton in log-odds.
#[inline(always)]
fn shift_for<const FMA: bool>(
    tastes: &ClassTastes,
    buyers: &Buyers,
    inclusive: &[Lane],
    share: f64,
) -> f64 {
    let mut mean = 0.0;
    for (k, of) in inclusive.iter().enumerate() {
        for l in 0..LANES {
            mean += buyers.weight[k] * tastes.weight[l] * of[l];
        }
    }
    let odds = (share / (1.0 - share)).ln();
    let mut shift = odds - mean;
    for _ in 0..60 {
        let (mut level, mut slope) = (0.0, 0.0);
        for (k, of) in inclusive.iter().enumerate() {
            let buys = buying::<FMA>(of, shift);
            for l in 0..LANES {
                let w = buyers.weight[k] * tastes.weight[l];
                level += w * buys[l];
                slope += w * buys[l] * (1.0 - buys[l]);
            }
        }
        // In log-odds the level is nearly a line of slope one.
        let step = (odds - (level / (1.0 - level)).ln()) * level * (1.0 - level) / slope;
        let step = if step.is_finite() {
            step.clamp(-3.0, 3.0)
        } else {
            ((share - level) / slope.max(1e-12)).clamp(-3.0, 3.0)
        };
        shift += step;
        if step.abs() < 1e-14 * (1.0 + shift.abs()) {
            break;
        }
    }
    shift
}

/// The cross terms of the fixed point: `U` by maker and class, then by product.
pub(super) struct CrossTerms<'a> {
    pub market: &'a ClassMarket<'a>,
    pub weights: &'a [f64],
    pub margins: &'a [f64],
    pub reach: &'a [Lane],
    pub nest: &'a [[Lane; 3]],
    pub cell: &'a mut [f64],
    pub cross: &'a mut [f64],
}

impl Kernel for CrossTerms<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        let Self {
            market,
            weights,
            margins,
            reach,
            nest,
            cell,
            cross,
        } = self;
        let (tastes, buyers, layout) = (market.tastes, market.buyers, market.layout);
        let (classes, nests, lambda) = (tastes.classes(), tastes.nests, tastes.lambda);
        let n = layout.products();
        let closeness = (1.0 - lambda) / lambda;
        cross.fill(0.0);
        for k in 0..buyers.slope.len() {
            let weights = &weights[k * n..(k + 1) * n];
            cell.fill(0.0);
            for j in 0..n {
                cell[layout.cell[j] as usize] += margins[j] * weights[j];
            }
            let nest = &nest[k * nests..(k + 1) * nests];
            for (m, kappa) in layout.kappa.iter().enumerate() {
                let cells = layout.maker_start[m] as usize..layout.maker_start[m + 1] as usize;
                let mut within = [ZERO; NESTS];
                let mut total = ZERO;
                for i in cells.clone() {
                    let c = usize::from(layout.cell_class[i]);
                    add_scaled::<FMA>(
                        &mut within[usize::from(tastes.nest[c])],
                        &tastes.factor[c],
                        kappa * cell[i],
                    );
                }
                for (within, of) in within.iter_mut().zip(nest) {
                    for l in 0..LANES {
                        total[l] = fma::<FMA>(within[l], of[2][l], total[l]);
                    }
                }
                for i in cells {
                    let c = usize::from(layout.cell_class[i]);
                    let h = usize::from(tastes.nest[c]);
                    let r = &reach[k * classes + c];
                    let mut u = ZERO;
                    for l in 0..LANES {
                        // Tc = within / N.
                        let both = fma::<FMA>(within[h][l] / nest[h][0][l], closeness, total[l]);
                        u[l] = r[l] * tastes.weight[l] * both;
                    }
                    cell[i] = buyers.slope[k] * buyers.weight[k] * simd::sum(&u);
                }
            }
            for j in 0..n {
                cross[j] += weights[j] * cell[layout.cell[j] as usize];
            }
        }
    }
}
