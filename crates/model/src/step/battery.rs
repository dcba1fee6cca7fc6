//! Battery pack price from cumulative output (model.md section 7).
//!
//! `P(t) = M(t) + (P(B) - M(B)) (Q(t)/Q(B))^-b` with `b = -log2(1 - learning rate)`: minerals do not learn, they
//! follow their own prices (`step/minerals.rs`).

use crate::parameters::Parameters;

/// Price of a pack, USD 2023/kWh, after `ratio` times the output of the base year and with minerals that cost
/// `content_ratio` times those of the base year.
pub fn pack_price(
    parameters: &Parameters,
    year: i32,
    base_price: f64,
    ratio: f64,
    content_ratio: f64,
) -> f64 {
    let floor = parameters
        .at("battery.materials_floor", year)
        .min(base_price);
    let exponent = -(1.0 - parameters.at("battery.learning_rate", year)).log2();
    floor * content_ratio + (base_price - floor) * ratio.max(1.0).powf(-exponent)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_doubling_takes_the_learning_rate_off_what_learns() {
        let exponent = -(1.0_f64 - 0.18).log2();
        let price = 28.0 + (139.0 - 28.0) * 2.0_f64.powf(-exponent);
        assert!((price - (28.0 + 111.0 * 0.82)).abs() < 1e-9);
    }
}
