//! What a run was made from, and how well its books close.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Name by which a folder is known as ours.
pub const MADE_BY: &str = "kyoso";

/// The manifest of a run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Always [`MADE_BY`].
    pub made_by: String,
    /// Version of the program.
    pub version: String,
    /// Command that made the folder.
    pub command: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Name of the scenario file or shipped scenario.
    pub scenario_request: String,
    /// Overrides of horizon and drivers given on the command line.
    pub overrides: BTreeMap<String, String>,
    /// Texts of the scenario and its ancestors, outermost first.
    pub scenario_texts: Vec<(String, String)>,
    /// Hash of those texts.
    pub scenario_hash: String,
    /// Hash of each input table.
    pub inputs: BTreeMap<String, String>,
    /// Hash of each table written, by file.
    pub outputs: BTreeMap<String, String>,
    /// Format of the tables.
    pub format: String,
    /// Seed; this version draws no random numbers.
    pub seed: u64,
    /// Threads used.
    pub threads: usize,
    /// Instruction set of the floating-point code.
    pub instruction_level: String,
    /// Identities and what is left of them.
    pub balances: Vec<BalanceEntry>,
    /// Fitted quantities that a reader may want to know.
    pub fitted: BTreeMap<String, f64>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// Wall time by stage, ms. The only part that differs between two runs of the same thing.
    pub wall_ms: BTreeMap<String, f64>,
}

/// One identity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BalanceEntry {
    /// Name.
    pub name: String,
    /// Largest relative residual.
    pub residual: f64,
    /// Largest allowed.
    pub tolerance: f64,
}

/// Hash of bytes as hexadecimal text.
pub fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
