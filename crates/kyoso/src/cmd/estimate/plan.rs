//! From a problem file to what the estimator takes; every defect at once, each at its place.

use std::collections::BTreeMap;

use kyoso_demand::micro::MicroMoments;
use kyoso_demand::{CostForm, Formulation, Names, Options, Parameters, Specification, Table};
use kyoso_model::input::{Problems, nearest};
use kyoso_report::manifest::hash;

use super::columns::File;
use super::defects::Anchors;
use super::keys::ROOT;
use super::tree::{Node, Report, join};
use super::uses::{Place, Uses, check_products};
use super::{after, instruments, micro, start};

/// A problem ready to be solved.
#[derive(Debug)]
pub struct Plan {
    /// Short name.
    pub name: String,
    /// One sentence.
    pub description: String,
    /// Text of the problem file.
    pub text: String,
    /// What is estimated.
    pub specification: Specification,
    /// Products, only the columns that are used.
    pub products: Table,
    /// Agents.
    pub agents: Option<Table>,
    /// Starting values.
    pub start: Parameters,
    /// Moments of surveys.
    pub micro: MicroMoments,
    /// Options of the estimation.
    pub options: Options,
    /// Whether optimal instruments follow.
    pub optimal: bool,
    /// What is computed from the estimates.
    pub after: after::After,
    /// Labels of all instruments, demand and supply.
    pub instruments: [Vec<String>; 2],
    /// Hash of every file read.
    pub inputs: BTreeMap<String, String>,
    /// Settings that were left out and matter.
    pub notes: Vec<String>,
    /// Places for the estimator's defects.
    pub anchors: Anchors,
}

/// Reads a problem file and everything it names.
pub fn read(file: &str, fallback: &str, text: String, place: &Place) -> Result<Plan, Problems> {
    let mut report = Report {
        file,
        text: &text,
        problems: Problems::default(),
    };
    let Some(root) = report.read(ROOT) else {
        return Err(report.problems);
    };
    let mut inputs = BTreeMap::from([(file.to_owned(), hash(text.as_bytes()))]);
    let products = open(&mut report, &root, "products", place, &mut inputs).unwrap_or_default();
    let agents = open(&mut report, &root, "agents", place, &mut inputs);
    let mut builder = Builder {
        report,
        root: &root,
        products,
        agents,
        notes: Vec::new(),
        product_uses: Uses::default(),
        agent_uses: Uses::default(),
    };
    let built = builder.build();
    let Builder {
        report,
        products,
        agents,
        notes,
        ..
    } = builder;
    let anchors = Anchors {
        file: file.to_owned(),
        products: products.name.clone(),
        agents: agents.map_or_else(String::new, |a| a.name),
        root: root.clone(),
    };
    let problems = report.problems;
    let (name, description) = (
        root.text("name").unwrap_or(fallback).to_owned(),
        root.text("description").unwrap_or("").to_owned(),
    );
    problems.or_ok(Plan {
        name,
        description,
        specification: built.specification,
        products: built.products,
        agents: built.agents,
        start: built.start,
        micro: built.micro,
        options: built.options,
        optimal: built.optimal,
        after: built.after,
        instruments: built.instruments,
        text,
        inputs,
        notes,
        anchors,
    })
}

fn open(
    report: &mut Report,
    root: &Node,
    section: &str,
    place: &Place,
    inputs: &mut BTreeMap<String, String>,
) -> Option<File> {
    let node = root.get(section)?.get("file")?;
    let name = node.as_text()?;
    match place.read(name) {
        Ok(bytes) => {
            inputs.insert(name.to_owned(), hash(&bytes));
            match File::read(name, bytes) {
                Ok(file) => return Some(file),
                Err(problems) => problems.into_iter().for_each(|p| report.problems.push(p)),
            }
        }
        Err(reason) => {
            let names = place.beside();
            let help = nearest(name, names.iter().map(String::as_str)).map_or_else(
                || "paths are from the place of the problem file".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            report.problem(node.at, &join(section, "file"), reason, help);
        }
    }
    // An empty file in place of one that cannot be read keeps later checks silent about it.
    Some(File::unread(name))
}

/// Everything that follows from the keys.
struct Built {
    specification: Specification,
    products: Table,
    agents: Option<Table>,
    start: Parameters,
    micro: MicroMoments,
    options: Options,
    optimal: bool,
    after: after::After,
    instruments: [Vec<String>; 2],
}

/// Reading under way.
pub struct Builder<'a> {
    pub report: Report<'a>,
    pub root: &'a Node,
    pub products: File,
    pub agents: Option<File>,
    pub notes: Vec<String>,
    pub product_uses: Uses,
    pub agent_uses: Uses,
}

impl Builder<'_> {
    fn build(&mut self) -> Built {
        let names = self.names();
        let formulation = self.root.get("formulation");
        let part = |key: &str| formulation.and_then(|f| f.get(key));
        let path = |key: &str| join("formulation", key);
        let mut of_products = |key: &str| {
            self.product_uses
                .terms(&mut self.report, &self.products, &path(key), part(key))
        };
        let (linear, random, cost) = (of_products("x1"), of_products("x2"), of_products("x3"));
        let demographics = self.demographics(part("demographics"));
        if linear.terms.is_empty()
            && random.terms.is_empty()
            && let Some(x1) = part("x1")
        {
            self.report.problem(
                x1.at,
                "formulation.x1",
                "names no characteristic",
                "expected such as [\"1\", \"prices\"]",
            );
        }
        let integration = self.integration(&random);
        let optimal = self
            .root
            .get("instruments")
            .and_then(|i| i.flag("optimal"))
            .unwrap_or(false);
        let requests = instruments::requests(self, &names);
        let after = after::read(self);
        let micro = micro::read(self, &names);
        let specification = Specification {
            linear,
            random,
            cost,
            demographics,
            cost_form: match formulation.and_then(|f| f.text("cost")) {
                Some("log") => CostForm::Log,
                _ => CostForm::Linear,
            },
            names,
            integration,
            level: None,
        };
        let start = start::read(self, &specification);
        let options = self.options(part("cost_bounds"));
        let (products, agents) = self.tables(&specification.names);
        // Values can be trusted from here on only if nothing was wrong.
        let (products, labels, after) = if self.report.problems.0.is_empty() {
            let (products, labels) = instruments::add(self, &requests, products, &specification);
            let after = after::bind(self, after, &products, &specification.names);
            (products, labels, after)
        } else {
            (products, Default::default(), after::After::default())
        };
        Built {
            specification,
            products,
            agents,
            start,
            micro,
            options,
            optimal,
            after,
            instruments: labels,
        }
    }

    fn demographics(&mut self, node: Option<&Node>) -> Formulation {
        let Some(node) = node else {
            return Formulation::default();
        };
        let Some(file) = &self.agents else {
            if !node.items().is_empty() {
                self.report.problem(
                    node.at,
                    "formulation.demographics",
                    "there are no agents",
                    "name their table under [agents]",
                );
            }
            return Formulation::default();
        };
        self.agent_uses.terms(
            &mut self.report,
            file,
            "formulation.demographics",
            Some(node),
        )
    }

    /// The columns that are used, with defects of their cells.
    fn tables(&mut self, names: &Names) -> (Table, Option<Table>) {
        let mut problems = Vec::new();
        let products = self.product_uses.table(&self.products, &mut problems);
        let market_is_number = self.product_uses.numbers.contains(&names.market);
        let agents = self.agents.as_ref().map(|file| {
            let mut table = self.agent_uses.table(file, &mut problems);
            let given = self.root.get("agents").and_then(|a| a.text("market"));
            let column = given.unwrap_or(&names.market);
            if file.has(column) {
                let labels = file.checked_labels(column, &mut problems);
                let labels = if market_is_number {
                    // As the products' markets are written.
                    labels
                        .iter()
                        .map(|l| {
                            l.parse::<f64>()
                                .map_or_else(|_| l.clone(), |v| v.to_string())
                        })
                        .collect()
                } else {
                    labels
                };
                table = table.with_labels(&names.market, labels);
            }
            table
        });
        if problems.is_empty() && !self.products.names.is_empty() {
            check_products(&self.products, &products, names, &mut problems);
        }
        problems
            .into_iter()
            .for_each(|p| self.report.problems.push(p));
        (products, agents)
    }
}
