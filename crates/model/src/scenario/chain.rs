//! A scenario and what it extends: from a name to texts, from the oldest text to the scenario.

use toml_edit::Document;

use super::read::{Walk, slug};
use super::{Library, Missing, Scenario, Vocabulary};
use crate::input::{Problem, Problems, nearest, position};

/// Deeper than any sensible family of scenarios.
const DEEPEST: usize = 32;

/// A text of the chain and the file it came from.
struct Link {
    file: String,
    text: String,
}

/// Where a name was asked for: on the command line, or by an `extends`.
struct Wanted {
    name: String,
    asked_by: Option<Problem>,
}

impl Wanted {
    fn problem(&self, message: String, help: String) -> Problem {
        let mut problem = self
            .asked_by
            .clone()
            .unwrap_or_else(|| whole_file(&self.name));
        problem.message = message;
        problem.help = help;
        problem
    }
}

pub fn load(
    name: &str,
    library: &dyn Library,
    vocabulary: &Vocabulary,
) -> Result<Scenario, Problems> {
    let mut problems = Problems::default();
    let chain = ancestry(name, library, &mut problems);
    // Without an ancestor nobody knows which rules there are.
    let is_whole = problems.0.is_empty();
    let mut scenario = Scenario::default();
    for (generation, link) in chain.iter().enumerate().rev() {
        if generation == 0 {
            // A child that gives no name of its own is called after its file, never after its parent.
            scenario.name = slug(&stem(&link.file));
        }
        Walk::new(&link.file, &link.text, vocabulary, &mut problems).apply(&mut scenario);
    }
    super::lever_read::check(&scenario, &mut problems);
    scenario.texts = chain
        .into_iter()
        .rev()
        .map(|link| (link.file, link.text))
        .collect();
    if is_whole
        && let Some(rules) = &vocabulary.rules
        && let Err(found) = rules.changed(&scenario.rules)
    {
        problems.0.extend(found.0);
    }
    problems.or_ok(scenario)
}

/// The texts from the scenario asked for to its oldest ancestor.
fn ancestry(name: &str, library: &dyn Library, problems: &mut Problems) -> Vec<Link> {
    let mut chain: Vec<Link> = Vec::new();
    let mut next = Some(Wanted {
        name: name.to_owned(),
        asked_by: None,
    });
    while let Some(wanted) = next.take() {
        let asked_by = chain.last().map(|link| link.file.as_str());
        let found = match library.find(&wanted.name, asked_by) {
            Ok(found) => found,
            Err(missing) => {
                problems.push(not_found(&wanted, &missing, library));
                break;
            }
        };
        let circle = chain.iter().position(|link| link.file == found.file);
        if circle.is_some() || chain.len() >= DEEPEST {
            let mut files: Vec<&str> = chain.iter().map(|link| link.file.as_str()).collect();
            files.push(&found.file);
            let message = if let Some(first) = circle {
                format!(
                    "`extends` goes in a circle: {}",
                    files[first..].join(" -> ")
                )
            } else {
                format!("more than {DEEPEST} scenarios extend each other")
            };
            problems.push(wanted.problem(message, "remove one `extends`".to_owned()));
            break;
        }
        match std::str::from_utf8(&found.bytes) {
            Ok(text) => {
                let link = Link {
                    file: found.file,
                    text: text.to_owned(),
                };
                next = parent(&link);
                chain.push(link);
            }
            Err(error) => {
                let valid = String::from_utf8_lossy(&found.bytes[..error.valid_up_to()]);
                let (line, column) = position(&valid, valid.len());
                let message = "the file is not UTF-8".to_owned();
                let help = "save it as UTF-8".to_owned();
                problems.push(Problem {
                    line,
                    column,
                    message,
                    help,
                    ..whole_file(&found.file)
                });
            }
        }
    }
    chain
}

fn not_found(wanted: &Wanted, missing: &Missing, library: &dyn Library) -> Problem {
    let name = &wanted.name;
    if let Missing::Unreadable(reason) = missing {
        return wanted.problem(format!("cannot read `{name}`: {reason}"), String::new());
    }
    let known = library.names();
    let help = nearest(name, known.iter().map(String::as_str)).map_or_else(
        || {
            format!(
                "known are {}; a path to a .toml file works too",
                known.join(", ")
            )
        },
        |near| format!("did you mean `{near}`?"),
    );
    wanted.problem(format!("no scenario `{name}`"), help)
}

/// What a text extends, with the place where it says so.
fn parent(link: &Link) -> Option<Wanted> {
    let document = Document::parse(link.text.as_str()).ok()?;
    let item = document.get("extends")?;
    let name = item.as_str()?.to_owned();
    let (line, column) = position(&link.text, item.span().map_or(0, |span| span.start));
    let key = "extends".to_owned();
    let asked_by = Some(Problem {
        line,
        column,
        key,
        ..whole_file(&link.file)
    });
    Some(Wanted { name, asked_by })
}

fn whole_file(file: &str) -> Problem {
    let (key, message, help) = (String::new(), String::new(), String::new());
    Problem {
        file: file.to_owned(),
        line: 0,
        column: 0,
        key,
        message,
        help,
    }
}

fn stem(file: &str) -> String {
    std::path::Path::new(file).file_stem().map_or_else(
        || file.to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}
