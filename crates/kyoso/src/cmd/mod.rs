//! One file a command.

mod compare;
mod conduct;
mod counterfactual;
mod data;
mod doctor;
mod estimate;
mod example;
mod explain;
mod hindcast;
mod pilot;
mod reach;
mod reproduce;
pub mod run;
mod schema;
mod stage;

use anyhow::{Context, Result};
use clap::CommandFactory;

use crate::cli::{Arguments, Command};
use crate::term;

/// Does what was asked.
pub fn dispatch(arguments: &Arguments) -> Result<()> {
    let common = &arguments.common;
    if let Some(threads) = common.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .context("cannot start the threads")?;
    }
    match &arguments.command {
        Command::Run(options) => run::run(common, options),
        Command::Compare(options) => compare::compare(common, options),
        Command::Counterfactual(options) => counterfactual::counterfactual(common, options),
        Command::Conduct(options) => conduct::conduct(common, options),
        Command::Reach(options) => reach::reach(common, options),
        Command::Hindcast(options) => hindcast::hindcast(common, options),
        Command::Estimate(options) => estimate::estimate(common, options),
        Command::Explain(options) => explain::explain(common, options),
        Command::Data { action } => data::data(common, action),
        Command::Example { action } => example::example(common, action),
        Command::Reproduce { manifest } => reproduce::reproduce(common, manifest),
        Command::Schema {
            parameters,
            problem,
        } => schema::schema(common, *parameters, *problem),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "kyoso", &mut script);
            term::print(&String::from_utf8_lossy(&script))
        }
        Command::Doctor => doctor::doctor(common),
    }
}
