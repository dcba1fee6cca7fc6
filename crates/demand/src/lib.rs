//! Differentiated-products demand: Berry-Levinsohn-Pakes estimation with demand, supply and micro moments.
//!
//! Utility of agent `r` for product `j` is `u_jr = delta_j + mu_jr + e_jr`, `delta = X1 beta + xi`,
//! `mu_jr = sum_k x_jk (sum_l sigma_kl v_rl + sum_d pi_kd d_rd)`, `e` extreme-value, nested where nests are given. Shares are
//! `s_j = sum_r w_r s_jr`; makers set prices by Bertrand-Nash, so that costs are `p - eta`.
//!
//! Problems are made of a [`Specification`], products and agents in [`Table`]s; [`Problem::solve`] estimates.
//!
//! References: Berry, Levinsohn and Pakes (1995), *Econometrica* 63(4); Nevo (2000), *J. Econ. Manage. Strategy* 9(4);
//! Conlon and Gortmaker (2020), *RAND J. Econ.* 51(4).

// Kernels are compiled once for each instruction level, which needs everything below them inlined.
#![allow(clippy::inline_always)]
// A comparison that must also fail for what is not a number is written negated.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

pub mod classes;
mod economy;
pub mod error;
mod estimate;
mod evaluate;
mod formulation;
mod gmm;
mod inference;
mod instruments;
mod integrate;
mod invert;
pub mod linalg;
mod market;
pub mod micro;
mod optimise;
mod parameters;
mod price;
mod problem;
mod simd;
mod simulate;
mod supply;
mod tangent;

pub use economy::{Counterfactual, Economy, Outcome};
pub use error::{Defect, Error, Warning};
pub use estimate::{Effort, Estimate, Options, Progress, Results, Steps};
pub use formulation::{Column, Expression, Formulation, Table};
pub use gmm::Covariance;
pub use inference::{Test, Uncertain};
pub use instruments::{
    Closeness, OptimalInstruments, blp_instruments, differentiation_instruments,
};
pub use integrate::{Integration, Nodes, Rule};
pub use invert::{Inversion, Inverted, Method};
pub use optimise::{Optimiser, Stopping};
pub use parameters::Parameters;
pub use price::{Notch, Pricing, Verdict};
pub use problem::{CostForm, Names, Problem, Specification};
pub use simd::Level;
pub use simulate::{draw_errors, draw_uniform, simulate};
