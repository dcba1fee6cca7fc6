//! The whole record: every table, checked against the schema, the bibliography and each other.

use std::collections::{BTreeMap, BTreeSet};

use super::schema::{Package, SCHEMA_PATH};
use super::table::RecordTable;
use super::{Problem, Problems, Source, nearest};

/// The checked tables of a pack.
#[derive(Debug, Clone)]
pub struct Record {
    tables: BTreeMap<String, RecordTable>,
    /// The schema.
    pub package: Package,
    /// Bibliography: key and text.
    pub sources: BTreeMap<String, String>,
    /// Variables of the indicators, as the code list defines them.
    pub variables: Vec<String>,
    /// Hash of each file read, by path.
    pub hashes: BTreeMap<String, String>,
}

/// What a cut by year left out and let pass.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cut {
    /// Rows left out, by table.
    pub dropped: BTreeMap<String, usize>,
    /// Rows known later but let pass, by table, with the reason.
    pub waived: BTreeMap<String, (usize, String)>,
}

impl Record {
    /// Reads and checks a pack; gives all problems at once.
    pub fn load(source: &dyn Source) -> Result<Self, Problems> {
        let package = Package::load(source)?;
        let mut problems = Problems::default();
        let mut hashes = BTreeMap::new();
        let sources = read_bibliography(source, &package.sources, &mut problems);
        let mut tables = BTreeMap::new();
        for resource in &package.resources {
            if let Some(bytes) = source.read(&resource.path) {
                hashes.insert(
                    resource.path.clone(),
                    blake3::hash(&bytes).to_hex().to_string(),
                );
                if let Some(table) = RecordTable::read(resource, &bytes, &mut problems) {
                    tables.insert(resource.name.clone(), table);
                }
            } else {
                problems.push(Problem {
                    file: format!("data/{}", resource.path),
                    line: 0,
                    column: 0,
                    key: String::new(),
                    message: format!("the table `{}` is missing", resource.name),
                    help: "`kyoso data init DIR` writes a fresh copy of the pack".to_owned(),
                });
            }
        }
        let variables = read_code_list(source, &mut problems);
        let record = Self {
            tables,
            package,
            sources,
            variables,
            hashes,
        };
        record.check_references(&mut problems);
        record.check_sums(&mut problems);
        problems.or_ok(record)
    }

    /// A table of the schema.
    ///
    /// # Panics
    /// If the pack's schema has no such table: a defect of the program, since `load` checks that all are there.
    pub fn table(&self, name: &str) -> &RecordTable {
        self.tables
            .get(name)
            .unwrap_or_else(|| panic!("the pack has no table `{name}`"))
    }

    /// All tables by name.
    pub fn tables(&self) -> impl Iterator<Item = &RecordTable> {
        self.tables.values()
    }

    /// Rows by table and basis.
    pub fn basis_counts(&self) -> BTreeMap<String, BTreeMap<String, usize>> {
        let mut counts = BTreeMap::new();
        for table in self.tables.values() {
            let basis = table.text("basis");
            let by_basis: &mut BTreeMap<String, usize> =
                counts.entry(table.name().to_owned()).or_default();
            for row in 0..table.rows() {
                *by_basis.entry(basis.get(row).to_owned()).or_insert(0) += 1;
            }
        }
        counts
    }

    /// The record as it could be known at the end of a year: later rows are left out, except in tables
    /// whose schema waives that and says why.
    pub fn known_by(&self, year: i32) -> (Self, Cut) {
        let mut cut = Cut::default();
        let mut known = self.clone();
        for resource in &self.package.resources {
            let Some(table) = self.tables.get(&resource.name) else {
                continue;
            };
            let known_from = table.integer("known_from");
            let later = known_from.iter().filter(|&&known| known > year).count();
            if later == 0 {
                continue;
            }
            if let Some(reason) = &resource.vintage.waived {
                cut.waived
                    .insert(resource.name.clone(), (later, reason.clone()));
            } else {
                cut.dropped.insert(resource.name.clone(), later);
                known.tables.insert(
                    resource.name.clone(),
                    table.filtered(|row| known_from[row] <= year),
                );
            }
        }
        (known, cut)
    }

    /// Country codes and source keys must exist.
    fn check_references(&self, problems: &mut Problems) {
        let codes: BTreeSet<&str> = self
            .tables
            .get("countries")
            .map(|table| {
                table
                    .text("iso3")
                    .distinct()
                    .iter()
                    .map(String::as_str)
                    .collect()
            })
            .unwrap_or_default();
        for resource in &self.package.resources {
            let Some(table) = self.tables.get(&resource.name) else {
                continue;
            };
            for foreign in &resource.schema.foreign_keys {
                let words = table.text(&foreign.fields);
                let bad: Vec<&str> = words
                    .distinct()
                    .iter()
                    .map(String::as_str)
                    .filter(|code| {
                        !codes.contains(code)
                            && !foreign.aggregates.iter().any(|allowed| allowed == code)
                    })
                    .collect();
                for row in (0..table.rows()).filter(|&row| bad.contains(&words.get(row))) {
                    let help = nearest(words.get(row), codes.iter().copied())
                        .map_or_else(String::new, |near| format!("did you mean `{near}`?"));
                    problems.push(Problem {
                        file: table.file().to_owned(),
                        line: table.line(row),
                        column: 0,
                        key: foreign.fields.clone(),
                        message: format!("unknown country `{}`", words.get(row)),
                        help,
                    });
                }
            }
            let keys = table.text("source");
            let unknown: Vec<&str> = keys
                .distinct()
                .iter()
                .map(String::as_str)
                .filter(|word| word.split('+').any(|key| !self.sources.contains_key(key)))
                .collect();
            for row in (0..table.rows()).filter(|&row| unknown.contains(&keys.get(row))) {
                problems.push(Problem {
                    file: table.file().to_owned(),
                    line: table.line(row),
                    column: 0,
                    key: "source".to_owned(),
                    message: format!("unknown source `{}`", keys.get(row)),
                    help: format!("add an entry with this key to {}", self.package.sources),
                });
            }
        }
    }

    /// Passenger and commercial make the total; shares make one.
    fn check_sums(&self, problems: &mut Problems) {
        if let Some(sales) = self.tables.get("sales") {
            let mut sums: BTreeMap<(&str, i32), [f64; 3]> = BTreeMap::new();
            let mut line: BTreeMap<(&str, i32), usize> = BTreeMap::new();
            let (iso3, class) = (sales.text("iso3"), sales.text("vehicle_class"));
            let (year, units) = (sales.integer("year"), sales.real("units"));
            for row in 0..sales.rows() {
                let slot = ["passenger", "commercial", "total"]
                    .iter()
                    .position(|name| *name == class.get(row));
                if let Some(slot) = slot {
                    let key = (iso3.get(row), year[row]);
                    sums.entry(key).or_insert([f64::NAN; 3])[slot] = units[row];
                    line.insert(key, sales.line(row));
                }
            }
            for ((iso3, year), [passenger, commercial, total]) in sums {
                if (passenger + commercial - total).abs() > 1.5 {
                    problems.push(Problem {
                        file: sales.file().to_owned(),
                        line: line[&(iso3, year)],
                        column: 0,
                        key: "units".to_owned(),
                        message: format!("{iso3} {year}: passenger {passenger} and commercial {commercial} do not make the total {total}"),
                        help: String::new(),
                    });
                }
            }
        }
        for (table, by) in [
            ("segments", &["iso3", "year"][..]),
            ("origins", &["iso3", "year", "powertrain"][..]),
        ] {
            self.check_shares(table, by, problems);
        }
    }

    fn check_shares(&self, name: &str, by: &[&str], problems: &mut Problems) {
        let Some(table) = self.tables.get(name) else {
            return;
        };
        let share = table.real("share");
        let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
        for (row, share) in share.iter().enumerate() {
            let cells: BTreeMap<String, String> = table.describe(row).into_iter().collect();
            let key: Vec<&str> = by.iter().map(|column| cells[*column].as_str()).collect();
            let sum = sums.entry(key.join(", ")).or_insert((0.0, table.line(row)));
            sum.0 += share;
        }
        for (key, (sum, line)) in sums {
            if (sum - 1.0).abs() > 2e-3 {
                problems.push(Problem {
                    file: table.file().to_owned(),
                    line,
                    column: 0,
                    key: "share".to_owned(),
                    message: format!("shares of {key} sum to {sum:.4}"),
                    help: "shares sum to one".to_owned(),
                });
            }
        }
    }
}

/// Code list of the indicators.
const CODE_LIST: &str = "codelist/variables.csv";

/// First column of the code list.
fn read_code_list(source: &dyn Source, problems: &mut Problems) -> Vec<String> {
    let bytes = source.read(CODE_LIST).unwrap_or_default();
    let mut reader = csv::Reader::from_reader(bytes.as_ref());
    let records = reader.records().filter_map(Result::ok);
    let variables: Vec<String> = records
        .filter_map(|record| record.get(0).map(str::to_owned))
        .collect();
    if variables.is_empty() {
        problems.push(Problem {
            file: format!("data/{CODE_LIST}"),
            line: 0,
            column: 0,
            key: String::new(),
            message: "the code list of the indicators is missing or empty".to_owned(),
            help: "`kyoso data init DIR` writes a fresh copy of the pack".to_owned(),
        });
    }
    variables
}

/// Keys and texts of a BibTeX file: `@kind{KEY, ... }`.
fn read_bibliography(
    source: &dyn Source,
    path: &str,
    problems: &mut Problems,
) -> BTreeMap<String, String> {
    let Some(bytes) = source.read(path) else {
        problems.push(Problem {
            file: format!("data/{path}"),
            line: 0,
            column: 0,
            key: String::new(),
            message: "the bibliography is missing".to_owned(),
            help: format!("{SCHEMA_PATH} names it under `sources`"),
        });
        return BTreeMap::new();
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut sources = BTreeMap::new();
    for entry in text.split("\n@").map(|entry| entry.trim_start_matches('@')) {
        if let Some((head, body)) = entry.split_once(',')
            && let Some((_, key)) = head.split_once('{')
        {
            let words: Vec<&str> = body
                .trim()
                .trim_end_matches('}')
                .split_whitespace()
                .collect();
            let text = words.join(" ");
            // Most entries are a title alone; what stands around it is for other readers of the file.
            let title = text
                .strip_prefix("title = {")
                .and_then(|rest| rest.strip_suffix('}'));
            sources.insert(key.trim().to_owned(), title.unwrap_or(&text).to_owned());
        }
    }
    sources
}
