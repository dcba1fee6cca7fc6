//! What sets one scenario apart from another, and scenarios in between.

use super::lever::Lever;
use super::{Scenario, Setting, Vocabulary};
use crate::ids::Drivers;
use crate::input::nearest;
use crate::rules::RuleChange;

/// One thing that two scenarios have different.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A parameter: what the second scenario sets it to, or nothing where it leaves it to the pack.
    Parameter {
        /// Path.
        path: String,
        /// Setting of the second scenario.
        setting: Option<Setting>,
    },
    /// Path of people and incomes.
    Drivers(Drivers),
    /// Date up to which rules are known.
    PolicyAsOf(Option<i32>),
    /// A rule: what the second scenario does to it, nothing where it leaves it to the pack.
    Rule {
        /// Identifier.
        id: String,
        /// Changes of the second scenario, in order.
        changes: Vec<RuleChange>,
    },
    /// A lever: as the second scenario has it, or nothing where it has none of this name.
    Lever {
        /// Name.
        name: String,
        /// Field of cooperation that it belongs to.
        field: &'static str,
        /// Lever of the second scenario.
        lever: Option<Box<Lever>>,
    },
}

impl Change {
    /// The key of a scenario file that makes the change.
    pub fn key(&self) -> String {
        match self {
            Self::Parameter { path, .. } => path.clone(),
            Self::Drivers(_) => "drivers".to_owned(),
            Self::PolicyAsOf(_) => "policy_as_of".to_owned(),
            Self::Rule { id, .. } => format!("rule.{id}"),
            Self::Lever { name, .. } => format!("lever.{name}"),
        }
    }

    /// Makes the change in a scenario.
    fn make(&self, scenario: &mut Scenario) {
        match self {
            Self::Parameter { path, setting } => {
                scenario.set.retain(|(other, _)| other != path);
                if let Some(setting) = setting {
                    scenario.set.push((path.clone(), setting.clone()));
                }
            }
            Self::Drivers(drivers) => scenario.drivers = *drivers,
            Self::PolicyAsOf(date) => scenario.policy_as_of = *date,
            Self::Rule { id, changes } => {
                scenario.rules.retain(|change| change.raw.text("id") != id);
                scenario.rules.extend(changes.iter().cloned());
            }
            Self::Lever { name, lever, .. } => {
                scenario.levers.retain(|other| other.name != *name);
                scenario.levers.extend(lever.as_deref().cloned());
            }
        }
    }
}

/// Changes that are made together.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeGroup {
    /// Name.
    pub name: String,
    /// Its changes, in the order of [`Scenario::changes`].
    pub changes: Vec<Change>,
}

impl Scenario {
    /// What has to change in this scenario to project what another one does. The horizon is no such change: it
    /// says how much of a projection is shown.
    pub fn changes(&self, other: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        if self.drivers != other.drivers {
            changes.push(Change::Drivers(other.drivers));
        }
        if self.policy_as_of != other.policy_as_of {
            changes.push(Change::PolicyAsOf(other.policy_as_of));
        }
        let find = |scenario: &Self, path: &str| {
            let setting = scenario.set.iter().find(|(found, _)| found == path);
            setting.map(|(_, setting)| setting.clone())
        };
        let mut paths: Vec<&String> = self.set.iter().chain(&other.set).map(|s| &s.0).collect();
        paths.sort();
        paths.dedup();
        for path in paths {
            let setting = find(other, path);
            if find(self, path) != setting {
                let path = path.clone();
                changes.push(Change::Parameter { path, setting });
            }
        }
        let of = |scenario: &Self, id: &str| -> Vec<RuleChange> {
            let changes = scenario
                .rules
                .iter()
                .filter(|change| change.raw.text("id") == id);
            changes.cloned().collect()
        };
        let mut ids: Vec<&str> = self
            .rules
            .iter()
            .chain(&other.rules)
            .map(|change| change.raw.text("id"))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let theirs = of(other, id);
            let says = |list: &[RuleChange]| list.iter().map(RuleChange::says).collect::<Vec<_>>();
            if says(&of(self, id)) != says(&theirs) {
                changes.push(Change::Rule {
                    id: id.to_owned(),
                    changes: theirs,
                });
            }
        }
        let of = |scenario: &Self, name: &str| {
            scenario
                .levers
                .iter()
                .find(|lever| lever.name == name)
                .cloned()
        };
        let mut names: Vec<&String> = self
            .levers
            .iter()
            .chain(&other.levers)
            .map(|lever| &lever.name)
            .collect();
        names.sort();
        names.dedup();
        for name in names {
            let (own, theirs) = (of(self, name), of(other, name));
            // Where a lever stands in its file makes no difference.
            if own.as_ref().map(Lever::written) != theirs.as_ref().map(Lever::written) {
                let either = theirs.as_ref().or(own.as_ref());
                changes.push(Change::Lever {
                    name: name.clone(),
                    field: either.map_or("", |lever| lever.kind.field),
                    lever: theirs.map(Box::new),
                });
            }
        }
        changes
    }

    /// What this scenario says where a change is made, in words.
    pub fn says(&self, change: &Change) -> String {
        match change {
            Change::Parameter { path, .. } => {
                let setting = self.set.iter().find(|(found, _)| found == path);
                match setting.map(|(_, setting)| setting) {
                    None => "as in the data".to_owned(),
                    Some(Setting::Constant(value)) => value.to_string(),
                    Some(Setting::Path(points)) => points
                        .iter()
                        .map(|(year, value)| format!("{year}: {value}"))
                        .collect::<Vec<_>>()
                        .join(", "),
                }
            }
            Change::Rule { id, .. } => {
                let said: Vec<String> = self
                    .rules
                    .iter()
                    .filter(|change| change.raw.text("id") == id)
                    .map(RuleChange::says)
                    .collect();
                if said.is_empty() {
                    "as in the data".to_owned()
                } else {
                    said.join("; ")
                }
            }
            Change::Lever { name, .. } => self
                .levers
                .iter()
                .find(|lever| lever.name == *name)
                .map_or_else(
                    || "none".to_owned(),
                    |lever| format!("{} of {}", lever.size.written(), lever.kind.name),
                ),
            Change::Drivers(_) => self.drivers.code().to_owned(),
            Change::PolicyAsOf(_) => self.policy_as_of.map_or_else(
                || "all rules in the data".to_owned(),
                |year| format!("{year}-12-31"),
            ),
        }
    }

    /// The scenario with some changes made.
    #[must_use]
    pub fn with_changes<'a>(&self, changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let mut changed = self.clone();
        for change in changes {
            change.make(&mut changed);
        }
        changed
    }
}

/// Puts changes into groups: those the user names (`NAME=KEY,KEY...`, where a key stands for all that begin with
/// it), then, of the others, the countries of one parameter together, the levers of one field of cooperation, and
/// everything else by itself.
///
/// # Errors
/// All requests that cannot be met, one a line.
pub fn group(
    changes: Vec<Change>,
    named: &[String],
    vocabulary: &Vocabulary,
) -> Result<Vec<ChangeGroup>, String> {
    let mut groups: Vec<ChangeGroup> = Vec::new();
    let mut problems: Vec<String> = Vec::new();
    let keys: Vec<String> = changes.iter().map(Change::key).collect();
    let mut taken_by: Vec<Option<usize>> = vec![None; changes.len()];
    for request in named {
        let Some((name, wanted)) = request
            .split_once('=')
            .map(|(name, wanted)| (name.trim(), wanted))
            .filter(|(name, wanted)| !name.is_empty() && !wanted.trim().is_empty())
        else {
            problems.push(format!(
                "`{request}` is no group\n  help: write NAME=KEY,KEY..., such as \"support=incentive\""
            ));
            continue;
        };
        if groups.iter().any(|group| group.name == name) {
            problems.push(format!("the group `{name}` is named twice"));
            continue;
        }
        groups.push(ChangeGroup {
            name: name.to_owned(),
            changes: Vec::new(),
        });
        for key in wanted.split(',').map(str::trim) {
            let met: Vec<usize> = (0..keys.len()).filter(|&i| begins(&keys[i], key)).collect();
            if met.is_empty() {
                problems.push(no_change(key, &keys));
            }
            for i in met {
                match taken_by[i] {
                    Some(other) if other != groups.len() - 1 => problems.push(format!(
                        "`{}` is in the groups `{}` and `{name}`",
                        keys[i], groups[other].name
                    )),
                    _ => taken_by[i] = Some(groups.len() - 1),
                }
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems.join("\n"));
    }
    for (i, change) in changes.into_iter().enumerate() {
        let at = taken_by[i].unwrap_or_else(|| {
            let name = match &change {
                Change::Lever { field, .. } => (*field).to_owned(),
                _ => family(&keys[i], vocabulary),
            };
            let named = groups.len().min(named.len());
            let found = groups[named..].iter().position(|group| group.name == name);
            found.map_or_else(
                || {
                    let changes = Vec::new();
                    groups.push(ChangeGroup { name, changes });
                    groups.len() - 1
                },
                |found| named + found,
            )
        });
        groups[at].changes.push(change);
    }
    Ok(groups)
}

/// True if a key is this one or stands under it.
fn begins(key: &str, head: &str) -> bool {
    key.strip_prefix(head)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
}

fn no_change(key: &str, keys: &[String]) -> String {
    let help = nearest(key, keys.iter().map(String::as_str)).map_or_else(
        || format!("the changes are {}", keys.join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    format!("no change begins with `{key}`\n  help: {help}")
}

/// Path of a parameter without its country.
fn family(key: &str, vocabulary: &Vocabulary) -> String {
    let by_country = |head: &str| {
        let mut parameters = vocabulary.parameters.iter();
        parameters.any(|info| info.by_country && info.path == head)
    };
    match key.rsplit_once('.') {
        Some((head, _)) if by_country(head) => head.to_owned(),
        // Rules of one country together: `rule.THA-021` is among those of `rule.THA`.
        Some(("rule", id)) => format!("rule.{}", id.split('-').next().unwrap_or(id)),
        _ => key.to_owned(),
    }
}
