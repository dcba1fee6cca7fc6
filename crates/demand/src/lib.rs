//! Differentiated-products demand: Berry-Levinsohn-Pakes estimation with demand, supply and micro moments.
//!
//! Utility of agent `r` for product `j` is `u_jr = delta_j + mu_jr + e_jr`, `delta = X1 beta + xi`,
//! `mu_jr = sum_k x_jk (sum_l sigma_kl v_rl + sum_d pi_kd d_rd)`, `e` extreme-value, nested where nests are given. Shares are
//! `s_j = sum_r w_r s_jr`; makers set prices by Bertrand-Nash, so that costs are `p - eta`.
//!
//! Problems are made of a [`Specification`], products and agents in [`Table`]s; [`Problem::solve`] estimates, and
//! [`Results::economy`] gives elasticities, costs, equilibrium prices and welfare.
//!
//! ```
//! use kyoso_demand::{Formulation, Options, Parameters, Problem, Specification, Table};
//!
//! let products = Table::new()
//!     .with_labels("market_ids", ["N", "N", "S", "S", "S"].map(str::to_owned).to_vec())
//!     .with("shares", vec![0.2, 0.1, 0.3, 0.1, 0.15])
//!     .with("prices", vec![1.0, 1.6, 0.9, 1.8, 1.3])
//!     .with("demand_instruments0", vec![0.4, 0.9, 0.3, 1.0, 0.7]);
//! let specification = Specification {
//!     linear: Formulation::parse(&["1", "prices"])?,
//!     ..Specification::default()
//! };
//! let problem = Problem::new(specification, &products, None)?;
//! let results = problem.solve(&Parameters::default(), &Options::default())?;
//! assert!(results.estimates[1].label == "beta[prices]" && results.estimates[1].value < 0.0);
//! let elasticities = results.economy().elasticities("prices")?;
//! assert_eq!((elasticities[1].rows, elasticities[1].cols), (3, 3)); // one matrix a market
//! # Ok::<(), kyoso_demand::Error>(())
//! ```
//!
//! Shapes: with `N` products over all markets, `X1` is `N x k1`, `X2` `N x k2`, `sigma` `k2 x k2` (lower triangular), `pi`
//! `k2 x demographics`. Results by product stand in the order of the problem: markets as they first appear, products of a market as
//! in the table ([`Problem::in_table_order`] brings them back). Matrices by market have the product that responds in their rows.
//! Prices, costs, markups and consumer surplus are in the units of the price column; profits, surplus and taxes are per head of the
//! market; shares are parts of the market, outside good included.
//!
//! Nothing here reads or writes files, and no input makes it panic: what is wrong comes back as an [`Error`] with every defect, what
//! is doubtful as a [`Warning`] of the results. Results are the same to the last bit on any number of threads.
//!
//! References: Berry, Levinsohn and Pakes (1995), *Econometrica* 63(4); Nevo (2000), *J. Econ. Manage. Strategy* 9(4);
//! Petrin (2002), *JPE* 110(4); Morrow and Skerlos (2011), *Operations Research* 59(2); Gandhi and Houde (2019), NBER 26375;
//! Conlon and Gortmaker (2020), *RAND J. Econ.* 51(4).

// Kernels are compiled once for each instruction level, which needs everything below them inlined.
#![allow(clippy::inline_always)]
// A comparison that must also fail for what is not a number is written negated.
#![allow(clippy::neg_cmp_op_on_partial_ord)]

mod accelerate;
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
pub use integrate::{Integration, Nodes, Rule, normal_quantile};
pub use invert::{Inversion, Inverted, Method};
pub use optimise::{Optimiser, Stopping};
pub use parameters::Parameters;
pub use price::{Notch, Pricing, Verdict};
pub use problem::{CostForm, Names, Problem, Specification};
pub use simd::Level;
pub use simulate::{draw_errors, draw_uniform, simulate};
