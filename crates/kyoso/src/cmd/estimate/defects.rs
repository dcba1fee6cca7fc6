//! What the estimator refuses, at its place in the user's files.

use kyoso_demand::{Defect, Error, Expression};
use kyoso_model::input::{Problem, Problems};

use super::plan::Plan;
use super::tree::{Node, Report, join};

/// Where the estimator's defects stand in the files.
#[derive(Debug)]
pub struct Anchors {
    pub file: String,
    pub root: Node,
    pub products: String,
    pub agents: String,
}

impl Plan {
    /// What the estimator refuses, at its place in the files.
    pub fn place(&self, error: &Error) -> Problems {
        let mut report = Report {
            file: &self.anchors.file,
            text: &self.text,
            problems: Problems::default(),
        };
        match error {
            Error::Invalid(defects) => {
                for defect in defects {
                    self.place_defect(&mut report, defect);
                }
            }
            Error::Singular { .. } => {
                let list = |side: &[String]| {
                    let labels: Vec<String> = side
                        .iter()
                        .enumerate()
                        .map(|(i, l)| format!("{} {l}", i + 1))
                        .collect();
                    labels.join(", ")
                };
                let mut help = format!("demand instruments are {}", list(&self.instruments[0]));
                if !self.instruments[1].is_empty() {
                    help.push_str(&format!(
                        "; supply instruments are {}",
                        list(&self.instruments[1])
                    ));
                }
                let at = self
                    .anchors
                    .root
                    .get("instruments")
                    .map_or(0, |node| node.at);
                report.problem(at, "instruments", error.to_string(), help);
            }
            Error::NotFinite(_) => {
                let at = self.anchors.root.get("start").map_or(0, |node| node.at);
                report.problem(
                    at,
                    "start",
                    error.to_string(),
                    "try smaller starting values",
                );
            }
        }
        let mut problems = report.problems;
        problems.0.sort();
        problems
    }

    fn place_defect(&self, report: &mut Report, defect: &Defect) {
        let root = &self.anchors.root;
        let place = defect.place.as_str();
        let section = |name: &str| root.get(name);
        let formulation = |key: &str| section("formulation").and_then(|f| f.get(key));
        let sides = [
            ("linear characteristics", "x1"),
            ("random coefficients", "x2"),
            ("cost characteristics", "x3"),
        ];
        for (side, key) in sides {
            if let Some(label) = place.strip_prefix(side) {
                let label = label.trim_matches([',', ' ', '`']);
                let node = formulation(key);
                let item = node.and_then(|n| {
                    n.items()
                        .iter()
                        .find(|item| canonical(item.as_text().unwrap_or("")) == label)
                });
                let at = item.or(node).map_or(0, |n| n.at);
                let message = format!("`{label}` {}", defect.message);
                report.problem(
                    at,
                    &join("formulation", key),
                    message,
                    "leave one of them out",
                );
                return;
            }
        }
        if let Some(node) = section("bounds").and_then(|b| b.get(place)) {
            report.problem(node.at, &join("bounds", place), defect.message.clone(), "");
            return;
        }
        let parameter = place.split('[').next().unwrap_or(place);
        if ["sigma", "pi", "rho", "beta"].contains(&parameter) {
            let start = section("start");
            let at = start
                .and_then(|s| s.get(parameter))
                .or(start)
                .map_or(0, |n| n.at);
            let help = if parameter == "beta" {
                format!(
                    "under [start]: beta = {{ {} = -1.0 }}, say",
                    place.trim_start_matches("beta[").trim_end_matches(']')
                )
            } else {
                String::new()
            };
            report.problem(
                at,
                &join("start", parameter),
                format!("{place} {}", defect.message),
                help,
            );
            return;
        }
        if place.starts_with("micro") {
            let at = section("micro").map_or(0, |n| n.at);
            report.problem(at, "micro", defect.to_string(), "");
            return;
        }
        if place == "instruments" {
            let at = section("instruments").map_or(0, |n| n.at);
            report.problem(at, "instruments", defect.message.clone(), "add instruments under [instruments.demand] or [instruments.supply], or estimate less");
            return;
        }
        let file = if place.starts_with("agents") || defect.message.contains("agents") {
            &self.anchors.agents
        } else {
            &self.anchors.products
        };
        report.problems.push(Problem {
            file: if file.is_empty() {
                self.anchors.file.clone()
            } else {
                file.clone()
            },
            line: 0,
            column: 0,
            key: String::new(),
            message: defect.to_string(),
            help: String::new(),
        });
    }
}

/// An expression as the estimator writes it.
pub fn canonical(text: &str) -> String {
    Expression::parse(text).map_or_else(|_| text.to_owned(), |e| e.to_string())
}
