//! Entry in expectation: a maker that may come counts with the probability that it has come.
//!
//! The hazard `h` of the record gives the part that is still absent, `prod (1 - h)`. What is there weighs in its powertrain like any
//! offer; so that entry decides who sells and adoption how much, all offers of the powertrain step back by what the entrants weigh:
//! familiarity and variety are one state (model.md section 5).

use crate::calibrate::Base;
use crate::calibrate::entry::BEV;

/// Parts of a country's offers still absent at the end of the base year: one for those who may enter.
pub fn absent(base: &Base, c: usize) -> Vec<f64> {
    base.offers
        .of(c)
        .map(|j| f64::from(u8::from(base.entrants[j].is_some())))
        .collect()
}

/// One year more, at a pace of Chinese makers over that of the record.
pub fn pass_year(base: &Base, c: usize, pace: f64, absent: &mut [f64]) {
    for (absent, j) in absent.iter_mut().zip(base.offers.of(c)) {
        if let Some(entrant) = &base.entrants[j] {
            let factor = if entrant.chinese { pace } else { 1.0 };
            *absent *= 1.0 - (entrant.hazard * factor).clamp(0.0, 1.0);
        }
    }
}

/// Lets the part that has come into the market.
pub fn let_in(base: &Base, c: usize, absent: &[f64], utility: &mut [f64]) {
    let lambda = base.tastes.lambda();
    let mut come = 0.0;
    for ((utility, absent), j) in utility.iter_mut().zip(absent).zip(base.offers.of(c)) {
        if let Some(entrant) = &base.entrants[j] {
            come += entrant.weight * (1.0 - absent);
            *utility += lambda * (-absent).ln_1p();
        }
    }
    if come > 0.0 {
        let back = lambda * come.ln_1p();
        for (utility, j) in utility.iter_mut().zip(base.offers.of(c)) {
            if base.offers.powertrain[j] as usize == BEV {
                *utility -= back;
            }
        }
    }
}
