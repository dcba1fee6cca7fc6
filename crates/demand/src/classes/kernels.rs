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
    /// `N`, `1/N`, `P/N` by income and nest.
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
            Size::Share(share) => {
                let known = shares.bought > 0.0;
                let start = if known { shares.shift } else { f64::NAN };
                shift_for::<FMA>(tastes, buyers, &shares.inclusive, share, start)
            }
        };
        shares.by_class.fill(0.0);
        let mut bought = ZERO;
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
            }
            add_scaled::<FMA>(&mut bought, &buys, buyers.weight[k]);
            for of in nest.iter_mut().filter(|of| of[0][0] > 0.0) {
                for l in 0..LANES {
                    let inverse = 1.0 / of[0][l];
                    of[2][l] = of[1][l] * per[l] * inverse;
                    of[1][l] = inverse;
                }
            }
            for c in active {
                let c = usize::from(*c);
                let of = &nest[usize::from(tastes.nest[c])];
                let r = &mut reach[k * classes + c];
                simd::keep_loop();
                for l in 0..LANES {
                    r[l] = tastes.factor[c][l] * of[2][l];
                }
                let mean = buyers.weight[k] * simd::dot_tile::<FMA>(r, &tastes.weight);
                shares.reach[k * classes + c] = mean;
                shares.by_class[c] += mean * sums[k * classes + c];
            }
        }
        for l in 0..LANES {
            bought[l] *= tastes.weight[l];
        }
        shares.bought = simd::sum(&bought);
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

/// The shift at which a part of potential buyers buys, by Newton in log-odds from `start`, or from their mean value where that is none.
#[inline(always)]
fn shift_for<const FMA: bool>(
    tastes: &ClassTastes,
    buyers: &Buyers,
    inclusive: &[Lane],
    share: f64,
    start: f64,
) -> f64 {
    let odds = (share / (1.0 - share)).ln();
    let mut shift = start;
    if !shift.is_finite() {
        let mut mean = ZERO;
        for (k, of) in inclusive.iter().enumerate() {
            add_scaled::<FMA>(&mut mean, of, buyers.weight[k]);
        }
        for l in 0..LANES {
            mean[l] *= tastes.weight[l];
        }
        shift = odds - simd::sum(&mean);
    }
    for _ in 0..60 {
        let (mut level, mut slope) = (ZERO, ZERO);
        for (k, of) in inclusive.iter().enumerate() {
            let buys = buying::<FMA>(of, shift);
            for l in 0..LANES {
                let w = buyers.weight[k] * buys[l];
                level[l] += w;
                slope[l] = fma::<FMA>(w, 1.0 - buys[l], slope[l]);
            }
        }
        for l in 0..LANES {
            level[l] *= tastes.weight[l];
            slope[l] *= tastes.weight[l];
        }
        let (level, slope) = (simd::sum(&level), simd::sum(&slope));
        // In log-odds the level is nearly a line of slope one.
        let step = (odds - (level / (1.0 - level)).ln()) * level * (1.0 - level) / slope;
        let step = if step.is_finite() {
            step.clamp(-3.0, 3.0)
        } else {
            ((share - level) / slope.max(1e-12)).clamp(-3.0, 3.0)
        };
        shift += step;
        // Newton squares its error: what the next step would change is below the last bit.
        if step.abs() < 1e-9 * (1.0 + shift.abs()) {
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
        // Of the maker at hand, by nest: his expected margin within the nest, and what its products take from it.
        let mut within = [ZERO; NESTS];
        for k in 0..buyers.slope.len() {
            let weights = &weights[k * n..(k + 1) * n];
            cell.fill(0.0);
            for j in 0..n {
                cell[layout.cell[j] as usize] += margins[j] * weights[j];
            }
            let nest = &nest[k * nests..(k + 1) * nests];
            let reach = &reach[k * classes..(k + 1) * classes];
            let scale = buyers.slope[k] * buyers.weight[k];
            for (m, kappa) in layout.kappa.iter().enumerate() {
                let runs = layout.maker_start[m] as usize..layout.maker_start[m + 1] as usize;
                let runs = &layout.runs[runs];
                let mut total = ZERO;
                for (within, run) in within.iter_mut().zip(runs) {
                    let of = &nest[usize::from(run.nest)];
                    let mut sum = ZERO;
                    for i in run.cells() {
                        let c = usize::from(layout.cell_class[i]);
                        add_scaled::<FMA>(&mut sum, &tastes.factor[c], kappa * cell[i]);
                    }
                    for l in 0..LANES {
                        total[l] = fma::<FMA>(sum[l], of[2][l], total[l]);
                        within[l] = sum[l] * of[1][l] * closeness;
                    }
                }
                for (within, run) in within.iter().zip(runs) {
                    let mut both = ZERO;
                    for l in 0..LANES {
                        both[l] = (within[l] + total[l]) * tastes.weight[l];
                    }
                    for i in run.cells() {
                        let r = &reach[usize::from(layout.cell_class[i])];
                        cell[i] = scale * simd::dot_tile::<FMA>(r, &both);
                    }
                }
            }
            for j in 0..n {
                cross[j] += weights[j] * cell[layout.cell[j] as usize];
            }
        }
    }
}
