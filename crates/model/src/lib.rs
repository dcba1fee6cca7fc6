//! Structural model of the world automobile market. Modules stand in the order of computation.

pub mod input;
pub mod tables;
