//! Who builds what for whom (model.md section 8): the network of sites and the weights by which markets choose among them.
//!
//! A maker `g` serves country `n` in segment `s` and line `f` from its sites `l` with shares (Head and Mayer 2019)
//!
//! `share_l = b_l phi_l(s,f) [ (1 + lambda_l) tau_ln (1 + tariff_ln) ]^-theta d_ln / PHI`,
//!
//! where `PHI` is the sum of the same over all sites. `b_l` is the site's
//! residual (its cost to the power `-theta` and the breadth of what it builds), `phi` what its lines can build,
//! `tau` border and distance, `lambda` the shadow price of capacity of the year before, as a share of the cost at
//! the factory gate: freight and duty are paid on it, so that sites and routes separate and a year of the world
//! costs a few milliseconds. `d_ln` is what recorded trade says beyond that.
//!
//! Delivered cost is the mean over sites of cost at the gate times distance. `PHI^(-1/theta)`, which stands for it in the
//! paper, holds breadth too (`b`, `phi`): by it a line that comes into being would lower cost by a third.
//!
//! Makers that are not told apart in a market are served by the sites of all makers of their origin.
//!
//! [`lines`] names what plants build, [`cells`] lays out demand, [`network`] holds sites and pools, [`duties`] the tariffs on each route,
//! [`routes`] the weights of a year. [`crate::calibrate::sourcing`] fits the base year, [`crate::step::sourcing`]
//! projects flows and [`crate::step::plants`] capacity.

pub mod cells;
pub mod duties;
pub mod lines;
pub mod network;
pub mod routes;
