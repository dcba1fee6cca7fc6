//! Structural model of the world automobile market. Modules stand in the order of computation.

pub mod ids;
pub mod input;
pub mod parameters;
pub mod scenario;
pub mod tables;
