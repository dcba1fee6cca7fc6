//! The steps of a year, in the order in which they are taken.

pub mod battery;
pub mod biofuel;
pub mod cost;
pub mod energy;
pub mod entry;
pub mod fleet;
pub mod industry;
pub mod levers;
pub mod making;
pub mod market;
pub mod minerals;
pub mod offsets;
pub mod plants;
pub mod price;
pub mod sourcing;
pub mod standards;
pub mod wedge;
pub mod workforce;
