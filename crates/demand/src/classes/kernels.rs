//! What runs over buyers of a market, sixteen tastes at once.

use super::{Buyers, ClassMarket, ClassTastes, NESTS, Shares, Size};
use crate::simd::{self, Kernel, LANES, Lane, ZERO, add_scaled, fma};

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
        let (incomes, weight) = (buyers.slope.len(), tastes.weight);
        for k in 0..incomes {
            let nest = &mut nest[k * nests..(k + 1) * nests];
            nest.fill([ZERO; 3]);
            // Classes of a nest follow each other: their sum stays in registers.
            let of_nest =
                |a: &u8, b: &u8| tastes.nest[usize::from(*a)] == tastes.nest[usize::from(*b)];
            for alike in active.chunk_by(of_nest) {
                let mut sum = ZERO;
                for c in alike {
                    let c = usize::from(*c);
                    add_scaled::<FMA>(&mut sum, &tastes.factor[c], sums[k * classes + c]);
                }
                nest[usize::from(tastes.nest[usize::from(alike[0])])][0] = sum;
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
                // Copies, so that the compiler sees that nothing it writes is read.
                let [sum, powered, _] = *of;
                let (mut inverse, mut ratio) = (ZERO, ZERO);
                for l in 0..LANES {
                    inverse[l] = 1.0 / sum[l];
                    ratio[l] = powered[l] * per[l] * inverse[l];
                }
                *of = [sum, inverse, ratio];
            }
            for c in active {
                let c = usize::from(*c);
                let of = &nest[usize::from(tastes.nest[c])];
                let r = &mut reach[k * classes + c];
                simd::keep_loop();
                let (factor, ratio) = (tastes.factor[c], of[2]);
                let mut own = ZERO;
                for l in 0..LANES {
                    own[l] = factor[l] * ratio[l];
                }
                *r = own;
                let mean = buyers.weight[k] * simd::dot_tile::<FMA>(&own, &weight);
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

/// The cross terms of the fixed point, `sum_i w_i a_k s_ij (rho/lambda Tc_ih + T_i)` by product.
pub(super) struct CrossTerms<'a> {
    pub market: &'a ClassMarket<'a>,
    pub weights: &'a [f64],
    pub margins: &'a [f64],
    pub reach: &'a [Lane],
    pub nest: &'a [[Lane; 3]],
    /// By income and position of the run among its maker's.
    pub taken: &'a mut [Lane],
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
            taken,
            cross,
        } = self;
        let (tastes, buyers, layout) = (market.tastes, market.buyers, market.layout);
        let (classes, nests, lambda) = (tastes.classes(), tastes.nests, tastes.lambda);
        let (n, incomes) = (layout.products(), buyers.slope.len());
        let closeness = (1.0 - lambda) / lambda;
        let weight = tastes.weight;
        for (m, &kappa) in layout.kappa.iter().enumerate() {
            let runs = usize::from(layout.maker_start[m])..usize::from(layout.maker_start[m + 1]);
            let runs = &layout.runs[runs];
            for k in 0..incomes {
                let weights = &weights[k * n..(k + 1) * n];
                let nest = &nest[k * nests..(k + 1) * nests];
                let taken = &mut taken[k * NESTS..k * NESTS + runs.len()];
                let mut total = ZERO;
                for (taken, run) in taken.iter_mut().zip(runs) {
                    let of = &nest[usize::from(run.nest)];
                    let mut sum = ZERO;
                    for j in &layout.order[run.places()] {
                        let j = usize::from(*j);
                        let c = usize::from(layout.class[j]);
                        add_scaled::<FMA>(&mut sum, &tastes.factor[c], margins[j] * weights[j]);
                    }
                    // Copies, so that the compiler sees that nothing it writes is read.
                    let [_, inverse, per] = *of;
                    let mut within = ZERO;
                    for l in 0..LANES {
                        let own = sum[l] * kappa;
                        total[l] = fma::<FMA>(own, per[l], total[l]);
                        // Tc = sum / N.
                        within[l] = own * inverse[l] * closeness;
                    }
                    *taken = within;
                }
                let scale = buyers.slope[k] * buyers.weight[k];
                for taken in taken {
                    let mut both = *taken;
                    for l in 0..LANES {
                        both[l] = (both[l] + total[l]) * (weight[l] * scale);
                    }
                    *taken = both;
                }
            }
            for (r, run) in runs.iter().enumerate() {
                for j in &layout.order[run.places()] {
                    let j = usize::from(*j);
                    let c = usize::from(layout.class[j]);
                    let mut sum = ZERO;
                    for k in 0..incomes {
                        let (reach, taken) = (&reach[k * classes + c], &taken[k * NESTS + r]);
                        let own = weights[k * n + j];
                        simd::keep_loop();
                        for l in 0..LANES {
                            sum[l] = fma::<FMA>(reach[l] * own, taken[l], sum[l]);
                        }
                    }
                    cross[j] = simd::sum(&sum);
                }
            }
        }
    }
}
