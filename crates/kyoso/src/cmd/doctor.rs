//! `kyoso doctor`: is the program sound on this machine?

use std::time::Instant;

use anyhow::Result;

use super::run::project;
use crate::cli::{Choice, Common};
use crate::term::{self, CheckFailed};

pub fn doctor(common: &Common) -> Result<()> {
    let start = Instant::now();
    let choice = Choice {
        scenario: "baseline".to_owned(),
        horizon: None,
        drivers: None,
    };
    let finished = project(common, &choice)?;
    let balances = finished.results().balances();
    let mut text = format!(
        "kyoso {}\n{} {}, {} threads\ndata: {} tables, base year {}, {} countries\nbaseline to {} in {:.0} ms\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
        rayon::current_num_threads(),
        finished.record.tables().count(),
        finished.world.base_year,
        finished.world.countries.len(),
        finished.scenario.horizon,
        start.elapsed().as_secs_f64() * 1e3,
    );
    for balance in &balances {
        let verdict = if balance.holds() { "holds" } else { "BROKEN" };
        text.push_str(&format!(
            "{verdict}: {} ({:.1e})\n",
            balance.name, balance.residual
        ));
    }
    term::print(&text)?;
    match balances.iter().find(|balance| !balance.holds()) {
        Some(broken) => Err(CheckFailed(broken.name.to_owned()).into()),
        None => Ok(()),
    }
}
