//! The steps of a year, in the order in which they are taken.

pub mod battery;
pub mod cost;
pub mod energy;
pub mod fleet;
pub mod market;
pub mod price;
pub mod standards;
