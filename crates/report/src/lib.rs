//! What a run leaves: tables, manifest, report. Everything takes tables; nothing here knows the model's insides.

pub mod csv;
pub mod html;
pub mod manifest;
pub mod parquet;
pub mod read;
pub mod schema;
pub mod write;
