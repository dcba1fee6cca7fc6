//! Methods for looking at models from outside: scores of forecasts and the baselines to hold them against, the split
//! of a change among the things that moved, and the input that gives a wanted output.
//!
//! Arrays in, arrays out: nothing here knows what is forecast, reads a file or prints.
//!
//! ```
//! use kyoso_explore::baseline::{Method, forecast};
//! use kyoso_explore::score;
//!
//! let history = [10.0, 11.0, 12.0, 13.0];
//! let drift = forecast(Method::Drift, &history, 2)?;
//! assert_eq!(drift, [14.0, 15.0]);
//! assert_eq!(score::mean_absolute_error(&drift, &[14.0, 16.0]), 0.5);
//! # Ok::<(), kyoso_explore::baseline::BaselineError>(())
//! ```

pub mod baseline;
pub mod reach;
pub mod score;
pub mod shapley;
