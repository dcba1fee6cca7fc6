//! `kyoso example`: the scenarios, pilots and estimation problems that ship.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kyoso_model::input::{Record, Source, nearest};
use kyoso_model::scenario::{Library, Scenario};
use kyoso_model::world::World;

use super::{estimate, pilot};
use crate::cli::{Choice, Common, EstimateOptions, ExampleAction, RunOptions, TableFormat};
use crate::output::Draft;
use crate::{pack, term};

pub fn example(common: &Common, action: &ExampleAction) -> Result<()> {
    let source = pack::source(common.data.as_deref())?;
    let library = pack::Scenarios(source.as_ref());
    let problems = estimate::shipped(source.as_ref());
    match action {
        ExampleAction::List => {
            let record = Record::load(source.as_ref())?;
            let vocabulary = pack::vocabulary(&record)?;
            let mut text = String::new();
            for name in library.names() {
                let scenario = Scenario::load(&name, &library, &vocabulary)?;
                text.push_str(&format!("{name:18} {}\n", scenario.description));
            }
            text.push_str("\nPilots:\n");
            let world = World::build(&record)?;
            for name in pilot::NAMES {
                let title = pilot::read(source.as_ref(), name, &record, &world)?.title;
                text.push_str(&format!("{name:18} {title}\n"));
            }
            text.push_str("\nEstimation problems:\n");
            for name in &problems {
                let description = estimate::description(source.as_ref(), name);
                text.push_str(&format!("{name:18} {description}\n"));
            }
            term::print(&text)
        }
        ExampleAction::Extract { name, out } if problems.contains(name) => {
            let place = out.clone().unwrap_or_else(|| name.into());
            extract_problem(source.as_ref(), name, &place)
        }
        ExampleAction::Extract { name, out } => {
            let mut names = library.names();
            names.extend(problems);
            names.extend(pilot::NAMES.map(str::to_owned));
            if !names.contains(name) {
                let near = nearest(name, names.iter().map(String::as_str));
                bail!(
                    "no example `{name}`\n  help: {}",
                    near.map_or_else(
                        || format!("shipped are {}", names.join(", ")),
                        |near| format!("did you mean `{near}`?")
                    )
                );
            }
            let path = if pilot::NAMES.contains(&name.as_str()) {
                pilot::path(name)
            } else {
                pack::shipped(name)
            };
            let bytes = source.read(&path).unwrap_or_default();
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
        ExampleAction::Run { name } if problems.contains(name) => estimate::estimate(
            common,
            &EstimateOptions {
                problem: PathBuf::from(name),
                out: None,
                format: TableFormat::Csv,
            },
        ),
        ExampleAction::Run { name } if pilot::NAMES.contains(&name.as_str()) => {
            pilot::run(common, source.as_ref(), name)
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

/// A problem and its data in a folder of their own, which appears whole.
fn extract_problem(source: &dyn Source, name: &str, place: &Path) -> Result<()> {
    if place.exists() {
        bail!(
            "{} exists\n  help: name another folder with --out",
            place.display()
        );
    }
    let draft = Draft::new(place)?;
    for (file, bytes) in estimate::files(source, name) {
        let path = draft.folder().join(&file);
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {file}"))?;
    }
    draft.finish()?;
    term::print(&format!(
        "{}\nRun it with `kyoso estimate {}`.\n",
        place.display(),
        place.join("problem.toml").display()
    ))
}
