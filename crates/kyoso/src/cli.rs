//! What a user may type.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The world car market to 2035 and 2050, country by country.
#[derive(Debug, Parser)]
#[command(
    name = "kyoso",
    version,
    about,
    arg_required_else_help = true,
    after_help = "Exit: 0 done, 1 invalid input or a folder that cannot be written, 2 usage, 3 not converged, 4 a check failed, 5 internal error."
)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args, Clone)]
pub struct Common {
    /// Use this folder in place of the data in the program (`kyoso data init DIR` makes one).
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Print JSON on standard output.
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress and no messages beside results and errors.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Threads; results are the same for any number.
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// Seed of random numbers (only sampled attributions draw any; kept in the manifest).
    #[arg(long, global = true, value_name = "N", default_value_t = 1)]
    pub seed: u64,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The outlook: projects the base year to the horizon; tables, manifest and report.
    Run(RunOptions),
    /// Runs scenarios side by side: what differs, and which change makes the difference.
    Compare(CompareOptions),
    /// A recorded year solved again at its own tastes under other rules; apart from the outlook.
    Counterfactual(CounterfactualOptions),
    /// How makers and buyers behave beside the literature, whether prices are an equilibrium, and three results to look at first.
    Conduct(ConductOptions),
    /// How much of a measure a wanted outcome takes, by varying the measure until the model gives it.
    Reach(ReachOptions),
    /// Projects from earlier base years and scores against the record.
    Hindcast(HindcastOptions),
    /// Estimates demand (and supply) of differentiated products from a problem file.
    Estimate(EstimateOptions),
    /// Takes one number apart: equation, terms, inputs and their sources.
    Explain(ExplainOptions),
    /// Checks, shows, cites or copies out the data.
    Data {
        #[command(subcommand)]
        action: DataAction,
    },
    /// The scenarios and estimation problems that ship.
    Example {
        #[command(subcommand)]
        action: ExampleAction,
    },
    /// Runs a manifest again and compares byte for byte.
    Reproduce {
        /// `manifest.json` of a run.
        manifest: PathBuf,
    },
    /// JSON Schema of scenario files or problem files, for completion in editors.
    Schema {
        /// List the parameters that a scenario may set, with value, range and unit.
        #[arg(long)]
        parameters: bool,
        /// The schema of problem files (`kyoso estimate`).
        #[arg(long, conflicts_with = "parameters")]
        problem: bool,
    },
    /// Completion script for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// What this machine has and whether the program is sound on it.
    Doctor,
}

/// File format of tables.
#[derive(Debug, Clone, Copy, ValueEnum, PartialEq, Eq)]
pub enum TableFormat {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values.
    Csv,
}

impl From<TableFormat> for kyoso_report::write::Format {
    fn from(format: TableFormat) -> Self {
        match format {
            TableFormat::Parquet => Self::Parquet,
            TableFormat::Csv => Self::Csv,
        }
    }
}

#[derive(Debug, Args, Clone)]
pub struct Choice {
    /// A shipped scenario by name, or a .toml file.
    #[arg(default_value = "baseline")]
    pub scenario: String,
    /// Last year, in place of the scenario's.
    #[arg(long, value_name = "YEAR")]
    pub horizon: Option<i32>,
    /// Path of people and income (SSP1 to SSP5), in place of the scenario's.
    #[arg(long, value_name = "SSP")]
    pub drivers: Option<String>,
}

#[derive(Debug, Args)]
pub struct RunOptions {
    #[command(flatten)]
    pub choice: Choice,
    /// Folder for the results (default `out/NAME`).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Format of the tables.
    #[arg(long, value_enum, default_value = "parquet")]
    pub format: TableFormat,
    /// Score the model against history too and put the scores into the report (about a second).
    #[arg(long)]
    pub hindcast: bool,
}

/// A rate from 0 to 1.
fn discount(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..1.0).contains(&rate) => Ok(rate),
        _ => Err("expected a rate from 0 to below 1, such as 0.03".to_owned()),
    }
}

#[derive(Debug, Args)]
pub struct CompareOptions {
    /// Shipped scenarios by name, .toml files, or folders of earlier runs; the first is the base.
    #[arg(required = true, num_args = 2.., value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
    /// Split each difference among the things that changed (Shapley values).
    #[arg(long)]
    pub attribute: bool,
    /// Changes to take together with --attribute; a key stands for all that begin with it.
    #[arg(long, value_name = "NAME=KEY,...", requires = "attribute")]
    pub group: Vec<String>,
    /// Pairs of orders to sample with --attribute where more than seven groups changed.
    #[arg(long, value_name = "N", default_value_t = 16, requires = "attribute", value_parser = clap::value_parser!(u16).range(2..=10_000))]
    pub pairs: u16,
    /// Regions to show: ISO codes, groups, World.
    #[arg(long, value_delimiter = ',', value_name = "R1,R2,...")]
    pub regions: Vec<String>,
    /// Variables of the indicators to show.
    #[arg(long, value_delimiter = ',', value_name = "V1,V2,...")]
    pub variables: Vec<String>,
    /// Years to show.
    #[arg(long, value_delimiter = ',', value_name = "Y1,Y2,...")]
    pub years: Vec<i32>,
    /// Rate a year at which money is discounted to the base year.
    #[arg(long, value_name = "RATE", default_value_t = 0.03, value_parser = discount)]
    pub discount: f64,
    /// Last year, in place of the scenarios' (default: the last that all have).
    #[arg(long, value_name = "YEAR")]
    pub horizon: Option<i32>,
    /// Folder for the results (default `out/compare-A-B`).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Format of the tables.
    #[arg(long, value_enum, default_value = "parquet")]
    pub format: TableFormat,
}

#[derive(Debug, Args)]
pub struct CounterfactualOptions {
    /// A shipped scenario by name, or a .toml file: its settings and rules hold in the recorded year.
    #[arg(default_value = "baseline")]
    pub scenario: String,
    /// The recorded year (default: the base year).
    #[arg(long, value_name = "YEAR")]
    pub year: Option<i32>,
    /// Countries to show (default: those that move).
    #[arg(long, value_delimiter = ',', value_name = "ISO3,...")]
    pub countries: Vec<String>,
    /// Folder for the tables (default `out/counterfactual-NAME-YEAR`).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Format of the tables.
    #[arg(long, value_enum, default_value = "parquet")]
    pub format: TableFormat,
}

#[derive(Debug, Args)]
pub struct ConductOptions {
    /// A shipped scenario by name, or a .toml file: prices of its years are put to the test.
    #[arg(default_value = "baseline")]
    pub scenario: String,
    /// Countries to show (default: the largest markets).
    #[arg(long, value_delimiter = ',', value_name = "ISO3,...")]
    pub countries: Vec<String>,
    /// Folder for the tables (default `out/conduct`).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Format of the tables.
    #[arg(long, value_enum, default_value = "parquet")]
    pub format: TableFormat,
}

#[derive(Debug, Args)]
pub struct ReachOptions {
    /// Variable of the indicators that is to change.
    pub variable: String,
    /// ISO code, group or World.
    pub region: String,
    /// Year.
    pub year: i32,
    /// Value wanted, in the unit of the variable.
    #[arg(allow_negative_numbers = true)]
    pub value: f64,
    /// Parameter to vary, such as incentive.BEV.THA; it holds in every year after the base year.
    #[arg(long, value_name = "PATH")]
    pub with: String,
    /// Least value of the parameter tried (default: its bound).
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub low: Option<f64>,
    /// Greatest value of the parameter tried (default: its bound).
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub high: Option<f64>,
    /// A shipped scenario by name, or a .toml file.
    #[arg(long, default_value = "baseline")]
    pub scenario: String,
}

#[derive(Debug, Args)]
pub struct HindcastOptions {
    /// Base years to project from.
    #[arg(long, value_delimiter = ',', value_name = "Y1,Y2,...")]
    pub origins: Option<Vec<i32>>,
    /// Folder for the table of scores (default `out/hindcast`).
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Format of the table.
    #[arg(long, value_enum, default_value = "parquet")]
    pub format: TableFormat,
}

#[derive(Debug, Args)]
pub struct EstimateOptions {
    /// A problem file (TOML), its folder, or a shipped problem by name.
    pub problem: PathBuf,
    /// Folder for the results: results.json, tables, manifest.json.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Format of the tables in that folder.
    #[arg(long, value_enum, default_value = "csv")]
    pub format: TableFormat,
}

#[derive(Debug, Args)]
pub struct ExplainOptions {
    /// Variable of the indicators, such as "Sales|Transportation|Light-Duty Vehicle".
    pub variable: String,
    /// ISO code, group or World.
    pub region: String,
    /// Year.
    pub year: i32,
    /// A shipped scenario by name, or a .toml file.
    #[arg(long, default_value = "baseline")]
    pub scenario: String,
}

#[derive(Debug, Subcommand)]
pub enum DataAction {
    /// Checks every table: schema, ranges, keys, sums, sources; all problems at once.
    Check,
    /// Lists tables, or the rows of one.
    List {
        /// A table.
        table: Option<String>,
        /// Only rows with this word in some cell (a country code, say).
        #[arg(long)]
        filter: Option<String>,
    },
    /// Rows by basis, and the bibliography.
    Sources,
    /// The estimates that stand where the record is silent.
    Estimates,
    /// Copies the data into a folder, for editing.
    Init {
        /// A folder that does not exist yet.
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum ExampleAction {
    /// Names and descriptions.
    List,
    /// Writes a scenario to a file, or an estimation problem with its data to a folder.
    Extract {
        /// Name.
        name: String,
        /// File of a scenario (default `NAME.toml`) or folder of a problem (default `NAME`).
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Runs a scenario or estimates a problem.
    Run {
        /// Name.
        name: String,
    },
}
