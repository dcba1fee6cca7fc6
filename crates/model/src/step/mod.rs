//! The steps of a year, in the order in which they are taken.

pub mod cost;
pub mod market;
pub mod standards;
pub mod fleet;
pub mod energy;
pub mod battery;
