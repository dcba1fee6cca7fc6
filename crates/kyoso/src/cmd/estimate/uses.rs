//! The files of a problem, and which of their columns it reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kyoso_demand::{Expression, Formulation, Names, Table};
use kyoso_model::input::{Problem, Source, nearest};

use super::columns::File;
use super::tree::{Node, Report};

/// Where a problem's files are.
pub enum Place<'a> {
    /// A folder on disk.
    Disk(PathBuf),
    /// A folder of the pack.
    Pack(&'a dyn Source, String),
}

impl Place<'_> {
    /// A file's bytes, or why there are none.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        match self {
            Self::Disk(folder) => {
                let path = folder.join(name);
                std::fs::read(&path).map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => format!("there is no file {}", path.display()),
                    _ => format!("{} cannot be read: {error}", path.display()),
                })
            }
            Self::Pack(source, folder) => source
                .read(&format!("{folder}/{name}"))
                .map(std::borrow::Cow::into_owned)
                .ok_or_else(|| format!("there is no file {folder}/{name}")),
        }
    }

    /// Names of the files that are there.
    pub fn beside(&self) -> Vec<String> {
        match self {
            Self::Disk(folder) => std::fs::read_dir(Path::new(".").join(folder))
                .map(|entries| {
                    entries
                        .flatten()
                        .map(|entry| entry.file_name().to_string_lossy().into_owned())
                        .collect()
                })
                .unwrap_or_default(),
            Self::Pack(source, folder) => source
                .paths()
                .iter()
                .filter_map(|path| {
                    path.strip_prefix(folder.as_str())?
                        .strip_prefix('/')
                        .map(str::to_owned)
                })
                .collect(),
        }
    }
}

/// Columns that are read, as numbers and as labels.
#[derive(Default)]
pub struct Uses {
    pub numbers: BTreeSet<String>,
    pub labels: BTreeSet<String>,
}

impl Uses {
    /// Notes the columns of an expression; those that are not there are defects.
    pub fn expression(
        &mut self,
        report: &mut Report,
        file: &File,
        at: usize,
        path: &str,
        e: &Expression,
    ) {
        for name in e.columns() {
            if known(report, file, at, path, name) {
                self.numbers.insert(name.to_owned());
            }
        }
    }

    /// Parses a list of terms and notes their columns.
    pub fn terms(
        &mut self,
        report: &mut Report,
        file: &File,
        path: &str,
        node: Option<&Node>,
    ) -> Formulation {
        let mut all = Formulation::default();
        for item in node.map_or(&[][..], Node::items) {
            let Some(Ok(found)) = item.as_text().map(|text| Formulation::parse(&[text])) else {
                continue;
            };
            for term in &found.terms {
                self.expression(report, file, item.at, path, term);
            }
            for effect in &found.absorb {
                for name in effect.split('*').map(str::trim) {
                    if known(report, file, item.at, path, name) {
                        self.labels.insert(name.to_owned());
                    }
                }
            }
            all.terms.extend(found.terms);
            all.absorb.extend(found.absorb);
        }
        all
    }

    /// Parses an expression, or takes a number, and notes its columns.
    pub fn value(
        &mut self,
        report: &mut Report,
        file: &File,
        path: &str,
        node: &Node,
    ) -> Option<Expression> {
        let e = match (node.as_number(), node.as_text()) {
            (Some(number), _) => Expression::Number(number),
            (None, Some(text)) => Expression::parse(text).ok()?,
            _ => return None,
        };
        self.expression(report, file, node.at, path, &e);
        Some(e)
    }

    /// The columns as a table, with defects of their cells.
    pub fn table(&self, file: &File, problems: &mut Vec<Problem>) -> Table {
        let mut table = Table::new();
        for name in &self.numbers {
            table = table.with(name, file.numbers(name, problems));
        }
        for name in self.labels.difference(&self.numbers) {
            table = table.with_labels(name, file.checked_labels(name, problems));
        }
        table
    }
}

/// Whether a column is there; a defect with the nearest name where it is not.
pub fn known(report: &mut Report, file: &File, at: usize, path: &str, name: &str) -> bool {
    if file.names.is_empty() {
        // The file could not be read, which has been said.
        return false;
    }
    if !file.has(name) {
        let help = nearest(name, file.names.iter().map(String::as_str)).map_or_else(
            || format!("it has {}", file.names.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        report.problem(
            at,
            path,
            format!("{} has no column `{name}`", file.name),
            help,
        );
    }
    file.has(name)
}

/// Shares in range and summing to less than one, products once a market; by line.
pub fn check_products(file: &File, table: &Table, names: &Names, problems: &mut Vec<Problem>) {
    let (Some(shares), Some(markets)) = (table.numbers(&names.share), table.labels(&names.market))
    else {
        return;
    };
    let out_of_range = shares
        .iter()
        .enumerate()
        .filter(|(_, s)| !(**s > 0.0 && **s < 1.0))
        .map(|(i, s)| {
            let why = if *s == 0.0 {
                "share 0: products that nobody buys have no mean utility; leave them out"
            } else {
                "shares are parts of the whole market and lie between 0 and 1"
            };
            (i, format!("{s} is not between 0 and 1 ({why})"))
        });
    let before = problems.len();
    file.list(&names.share, out_of_range, problems);
    if problems.len() == before {
        let mut sums: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
        for (i, (market, share)) in markets.iter().zip(shares).enumerate() {
            let entry = sums.entry(market).or_insert((i, 0.0));
            entry.1 += share;
        }
        let full = sums.into_iter().filter(|(_, (_, sum))| *sum >= 1.0).map(
            |(market, (row, sum))| {
                (
                    row,
                    format!(
                        "market {market}: shares sum to {sum}, nothing is left for the outside good"
                    ),
                )
            },
        );
        file.list(&names.share, full, problems);
    }
    if let Some(products) = table.labels(&names.product) {
        let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut twice = Vec::new();
        for (i, key) in markets
            .iter()
            .map(String::as_str)
            .zip(products.iter().map(String::as_str))
            .enumerate()
        {
            if let Some(first) = seen.insert(key, i) {
                let line = file.lines.get(first).copied().unwrap_or(0);
                twice.push((
                    i,
                    format!(
                        "product {} stands twice in market {}, first in line {line}",
                        key.1, key.0
                    ),
                ));
            }
        }
        file.list(&names.product, twice.into_iter(), problems);
    }
}
