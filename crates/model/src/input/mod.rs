//! Text to typed rows: everything that can be wrong is found here, and all of it at once.

pub mod problem;
pub mod source;

pub use problem::{Problem, Problems, nearest};
pub use source::{Folder, Memory, Source};
