//! What rules look at in an offer.

use crate::ids::{Origin, Powertrain, Segment};

/// Traits of an offer on which rules turn. A number that is NaN is unknown: no condition on it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OfferTraits<'a> {
    /// Segment.
    pub segment: Segment,
    /// Powertrain.
    pub powertrain: Powertrain,
    /// Where the badge is at home.
    pub origin: Origin,
    /// Code of the maker (`BYD`); the code of the origin where makers have no names.
    pub maker: &'a str,
    /// Traction battery, kWh; 0 without one.
    pub battery_kwh: f64,
    /// Engine, cm³; 0 without one.
    pub engine_cc: f64,
    /// Test CO2 at the tailpipe, g/km.
    pub co2_g_per_km: f64,
    /// Last year's list price with taxes, USD 2023: it decides on price ceilings and caps.
    pub list_price_usd: f64,
    /// Range on electricity, km.
    pub electric_range_km: f64,
    /// Where it is built: positions of countries and their shares, which sum to one.
    pub built: &'a [(usize, f64)],
}
