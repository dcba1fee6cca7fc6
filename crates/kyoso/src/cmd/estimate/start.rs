//! Starting values and bounds by label.

use kyoso_demand::linalg::Matrix;
use kyoso_demand::{Parameters, Specification};
use kyoso_model::input::nearest;

use super::defects::canonical;
use super::plan::Builder;
use super::tree::{Node, Report, Value, join};

/// Reads `[start]` and `[bounds]`.
pub fn read(builder: &mut Builder, specification: &Specification) -> Parameters {
    let mut start = Parameters::default();
    let report = &mut builder.report;
    let random = specification.random.labels();
    let who = specification.demographics.labels();
    let linear = specification.linear.labels();
    if let Some(section) = builder.root.get("start") {
        if let Some(node) = section.get("sigma") {
            start.sigma = sigma(report, node, &random);
        }
        if let Some(node) = section.get("pi") {
            start.pi = pi(report, node, &random, &who);
        }
        if let Some(node) = section.get("beta") {
            start.beta = vec![None; linear.len()];
            for (name, at, value) in node.entries() {
                if let Some(k) = find(report, *at, "start.beta", name, &linear, "x1") {
                    start.beta[k] = value.as_number();
                }
            }
        }
        if let Some(node) = section.get("rho") {
            start.rho = rho(builder, node, specification);
        }
    }
    for (label, _, node) in builder.root.get("bounds").map_or(&[][..], Node::entries) {
        if let Some((low, high)) = node.as_bounds() {
            start.bounds.push((label.clone(), low, high));
        }
    }
    start
}

/// Index of a label; a defect with the nearest where there is none.
fn find(
    report: &mut Report,
    at: usize,
    path: &str,
    name: &str,
    labels: &[String],
    of: &str,
) -> Option<usize> {
    let wanted = canonical(name);
    let found = labels.iter().position(|label| *label == wanted);
    if found.is_none() {
        let help = nearest(name, labels.iter().map(String::as_str)).map_or_else(
            || {
                if labels.is_empty() {
                    format!("formulation.{of} is empty")
                } else {
                    format!("there are {}", labels.join(", "))
                }
            },
            |near| format!("did you mean `{near}`?"),
        );
        report.problem(
            at,
            &join(path, name),
            format!("`{name}` is not in formulation.{of}"),
            help,
        );
    }
    found
}

fn rows(report: &mut Report, node: &Node, path: &str, rows: usize, cols: usize) -> Matrix {
    let items = node.items();
    if items.len() != rows || items.iter().any(|row| row.items().len() != cols) {
        let message = format!(
            "is {} x {}",
            items.len(),
            items.first().map_or(0, |row| row.items().len())
        );
        report.problem(node.at, path, message, format!("expected {rows} x {cols}"));
        return Matrix::zeros(rows, cols);
    }
    let data = items
        .iter()
        .flat_map(|row| row.items().iter().filter_map(Node::as_number))
        .collect();
    Matrix::new(rows, cols, data)
}

fn sigma(report: &mut Report, node: &Node, random: &[String]) -> Matrix {
    let n = random.len();
    let path = "start.sigma";
    if let Value::List(items) = &node.value {
        if items.iter().any(|item| !item.items().is_empty()) {
            return rows(report, node, path, n, n);
        }
        if items.len() == n {
            return Matrix::diagonal(&items.iter().filter_map(Node::as_number).collect::<Vec<_>>());
        }
        report.problem(
            node.at,
            path,
            format!("has {} values", items.len()),
            format!("expected {n}, one a characteristic of x2"),
        );
        return Matrix::zeros(n, n);
    }
    let mut out = Matrix::zeros(n, n);
    for (name, at, value) in node.entries() {
        let Some(k) = find(report, *at, path, name, random, "x2") else {
            continue;
        };
        if let Some(v) = value.as_number() {
            out[(k, k)] = v;
        }
        for (other, at, value) in value.entries() {
            if let Some(l) = find(report, *at, path, other, random, "x2") {
                out[(k, l)] = value.as_number().unwrap_or(0.0);
            }
        }
    }
    out
}

fn pi(report: &mut Report, node: &Node, random: &[String], who: &[String]) -> Matrix {
    let path = "start.pi";
    if matches!(node.value, Value::List(_)) {
        return rows(report, node, path, random.len(), who.len());
    }
    let mut out = Matrix::zeros(random.len(), who.len());
    for (name, at, table) in node.entries() {
        let Some(k) = find(report, *at, path, name, random, "x2") else {
            continue;
        };
        for (demographic, at, value) in table.entries() {
            if let Some(d) = find(
                report,
                *at,
                &join(path, name),
                demographic,
                who,
                "demographics",
            ) {
                out[(k, d)] = value.as_number().unwrap_or(0.0);
            }
        }
    }
    out
}

/// One value for all nests, or one a nest in the order of their names.
fn rho(builder: &mut Builder, node: &Node, specification: &Specification) -> Vec<f64> {
    if let Some(value) = node.as_number() {
        return vec![value];
    }
    let mut nests: Vec<String> = builder.products.labels(&specification.names.nest).to_vec();
    nests.sort();
    nests.dedup();
    let mut out = vec![None; nests.len()];
    for (name, at, value) in node.entries() {
        if let Some(h) = nests.iter().position(|nest| nest == name) {
            out[h] = value.as_number();
        } else {
            builder.report.problem(
                *at,
                &join("start.rho", name),
                format!("there is no nest `{name}`"),
                format!("there are {}", nests.join(", ")),
            );
        }
    }
    let missing: Vec<String> = nests
        .iter()
        .zip(&out)
        .filter(|(_, v)| v.is_none())
        .map(|(n, _)| n.clone())
        .collect();
    if !missing.is_empty() {
        builder.report.problem(
            node.at,
            "start.rho",
            format!("has no value for {}", missing.join(", ")),
            "give every nest one, or one number for all",
        );
    }
    out.into_iter().map(|v| v.unwrap_or(0.5)).collect()
}
