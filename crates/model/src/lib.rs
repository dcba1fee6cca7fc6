//! Structural model of the world automobile market. Modules stand in the order of computation.

pub mod calibrate;
pub mod cohorts;
pub mod compare;
pub mod conduct;
pub mod counterfactual;
pub mod explain;
pub mod hindcast;
pub mod ids;
pub mod input;
pub mod law;
pub mod least_squares;
pub mod measures;
pub mod parameters;
pub mod pilot;
pub mod results;
pub mod rules;
pub mod run;
pub mod scenario;
pub mod sourcing;
pub mod state;
pub mod step;
pub mod tables;
pub mod world;
