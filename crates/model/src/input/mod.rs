//! Text to typed rows: everything that can be wrong is found here, and all of it at once.

pub mod problem;
pub mod record;
pub mod schema;
pub mod source;
pub mod table;

pub use problem::{Problem, Problems, nearest, position};
pub use record::{Cut, Record};
pub use source::{Folder, Memory, Source};
pub use table::RecordTable;
