//! Structural model of the world automobile market. Modules stand in the order of computation.

pub mod ids;
pub mod least_squares;
pub mod input;
pub mod parameters;
pub mod scenario;
pub mod world;
pub mod cohorts;
pub mod calibrate;
pub mod state;
pub mod step;
pub mod run;
pub mod results;
pub mod explain;
pub mod hindcast;
pub mod tables;
