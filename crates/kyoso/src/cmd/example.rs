//! `kyoso example`: the scenarios that ship.

use anyhow::{Context, Result, bail};
use kyoso_model::input::{Record, nearest};
use kyoso_model::scenario::{Library, Scenario};

use crate::cli::{Choice, Common, ExampleAction, RunOptions, TableFormat};
use crate::{pack, term};

pub fn example(common: &Common, action: &ExampleAction) -> Result<()> {
    let source = pack::source(common.data.as_deref())?;
    let library = pack::Scenarios(source.as_ref());
    match action {
        ExampleAction::List => {
            let record = Record::load(source.as_ref())?;
            let vocabulary = pack::vocabulary(&record);
            let mut text = String::new();
            for name in library.names() {
                let scenario = Scenario::load(&name, &library, &vocabulary)?;
                text.push_str(&format!("{name:18} {}\n", scenario.description));
            }
            term::print(&text)
        }
        ExampleAction::Extract { name, out } => {
            let names = library.names();
            if !names.contains(name) {
                let near = nearest(name, names.iter().map(String::as_str));
                bail!(
                    "no scenario `{name}`\n  help: {}",
                    near.map_or_else(
                        || format!("shipped are {}", names.join(", ")),
                        |near| format!("did you mean `{near}`?")
                    )
                );
            }
            let bytes = source.read(&pack::shipped(name)).unwrap_or_default();
            let file = out.clone().unwrap_or_else(|| format!("{name}.toml").into());
            if file.exists() {
                bail!(
                    "{} exists\n  help: name another file with --out",
                    file.display()
                );
            }
            std::fs::write(&file, &bytes)
                .with_context(|| format!("cannot write {}", file.display()))?;
            term::print(&format!("{}\n", file.display()))
        }
        ExampleAction::Run { name } => {
            let choice = Choice {
                scenario: name.clone(),
                horizon: None,
                drivers: None,
            };
            super::run::run(
                common,
                &RunOptions {
                    choice,
                    out: None,
                    format: TableFormat::Parquet,
                    hindcast: false,
                },
            )
        }
    }
}
