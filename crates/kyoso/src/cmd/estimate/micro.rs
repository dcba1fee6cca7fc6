//! `[micro]`: surveys and the moments taken from them.

use kyoso_demand::linalg::Matrix;
use kyoso_demand::micro::{Dataset, Factor, Formula, MicroMoments, Moment, Part};
use kyoso_demand::{Expression, Names};
use kyoso_model::input::nearest;

use super::columns::File;
use super::plan::Builder;
use super::tree::{Node, join};

/// Reads the section.
pub fn read(builder: &mut Builder, names: &Names) -> MicroMoments {
    let mut micro = MicroMoments::default();
    let Some(section) = builder.root.get("micro") else {
        return micro;
    };
    for (i, node) in section
        .get("dataset")
        .map_or(&[][..], Node::items)
        .iter()
        .enumerate()
    {
        let dataset = dataset(builder, names, &format!("micro.dataset[{}]", i + 1), node);
        micro.datasets.push(dataset);
    }
    for (i, node) in section
        .get("moment")
        .map_or(&[][..], Node::items)
        .iter()
        .enumerate()
    {
        moment(
            builder,
            &mut micro,
            &format!("micro.moment[{}]", i + 1),
            node,
        );
    }
    if let Some(node) = section.get("covariance") {
        let n = micro.moments.len();
        let rows = node.items();
        if rows.len() == n && rows.iter().all(|row| row.items().len() == n) {
            let data = rows
                .iter()
                .flat_map(|row| row.items().iter().filter_map(Node::as_number))
                .collect();
            micro.covariance = Some(Matrix::new(n, n, data));
        } else {
            builder.report.problem(
                node.at,
                "micro.covariance",
                format!("has {} rows", rows.len()),
                format!("expected {n} x {n}, one row a moment"),
            );
        }
    }
    micro
}

fn dataset(builder: &mut Builder, names: &Names, path: &str, node: &Node) -> Dataset {
    let markets = node.get("markets").map_or(&[][..], Node::items);
    let found = builder.products.labels(&names.market);
    for market in markets {
        let name = market.as_text().unwrap_or("");
        if !found.is_empty() && !found.iter().any(|m| m == name) {
            let help = nearest(name, found.iter().map(String::as_str))
                .map_or_else(String::new, |near| format!("did you mean `{near}`?"));
            builder.report.problem(
                market.at,
                &join(path, "markets"),
                format!("there is no market `{name}`"),
                help,
            );
        }
    }
    Dataset {
        name: node.text("name").unwrap_or("").to_owned(),
        observations: node.number("observations").unwrap_or(1.0),
        markets: markets
            .iter()
            .filter_map(|m| m.as_text().map(str::to_owned))
            .collect(),
        agents: agents(builder, path, node),
        choices: Factor {
            product: products(builder, path, "products", node),
            outside: node.number("outside").unwrap_or(1.0),
        },
        second: node.flag("second_choices").unwrap_or(false),
    }
}

fn agents(builder: &mut Builder, path: &str, node: &Node) -> Expression {
    let empty = File::default();
    let file = builder.agents.as_ref().unwrap_or(&empty);
    let read = node.get("agents").and_then(|e| {
        builder
            .agent_uses
            .value(&mut builder.report, file, &join(path, "agents"), e)
    });
    read.unwrap_or(Expression::Number(1.0))
}

fn products(builder: &mut Builder, path: &str, key: &str, node: &Node) -> Expression {
    let read = node.get(key).and_then(|e| {
        builder
            .product_uses
            .value(&mut builder.report, &builder.products, &join(path, key), e)
    });
    read.unwrap_or(Expression::Number(1.0))
}

/// A part, and its index.
fn part(
    builder: &mut Builder,
    micro: &mut MicroMoments,
    dataset: usize,
    path: &str,
    node: &Node,
) -> usize {
    let default = |key: &str| if node.get(key).is_some() { 0.0 } else { 1.0 };
    micro.parts.push(Part {
        dataset,
        agents: agents(builder, path, node),
        choice: Factor {
            product: products(builder, path, "products", node),
            outside: node
                .number("outside")
                .unwrap_or_else(|| default("products")),
        },
        second: Factor {
            product: products(builder, path, "second", node),
            outside: node
                .number("second_outside")
                .unwrap_or_else(|| default("second")),
        },
    });
    micro.parts.len() - 1
}

fn moment(builder: &mut Builder, micro: &mut MicroMoments, path: &str, node: &Node) {
    let name = node.text("dataset").unwrap_or("");
    let Some(dataset) = micro.datasets.iter().position(|d| d.name == name) else {
        if let Some(at) = node.get("dataset").map(|n| n.at) {
            let known: Vec<&str> = micro.datasets.iter().map(|d| d.name.as_str()).collect();
            let help = format!("there are {}", known.join(", "));
            builder.report.problem(
                at,
                &join(path, "dataset"),
                format!("there is no dataset `{name}`"),
                help,
            );
        }
        return;
    };
    let formula = match (
        node.get("mean"),
        node.get("over"),
        node.get("covariance").map(Node::items),
    ) {
        (Some(mean), over, None) => {
            let top = part(builder, micro, dataset, &join(path, "mean"), mean);
            match over {
                Some(over) => Formula::Ratio(
                    top,
                    part(builder, micro, dataset, &join(path, "over"), over),
                ),
                None => Formula::Mean(top),
            }
        }
        (None, None, Some([x, y])) => {
            let path = join(path, "covariance");
            let x = part(builder, micro, dataset, &path, x);
            let y = part(builder, micro, dataset, &path, y);
            micro.parts.push(product(&micro.parts[x], &micro.parts[y]));
            Formula::Covariance(micro.parts.len() - 1, x, y)
        }
        _ => {
            builder.report.problem(
                node.at,
                path,
                "says not what it is a moment of",
                "give `mean`, or `mean` and `over`, or `covariance` with two parts",
            );
            return;
        }
    };
    micro.moments.push(Moment {
        name: node.text("name").unwrap_or("").to_owned(),
        value: node.number("value").unwrap_or(f64::NAN),
        formula,
    });
}

/// The part whose mean is that of the product of two.
fn product(x: &Part, y: &Part) -> Part {
    let times = |a: &Expression, b: &Expression| match (a, b) {
        (Expression::Number(x), Expression::Number(y)) => Expression::Number(x * y),
        _ => Expression::Multiply(Box::new(a.clone()), Box::new(b.clone())),
    };
    let both = |a: &Factor, b: &Factor| Factor {
        product: times(&a.product, &b.product),
        outside: a.outside * b.outside,
    };
    Part {
        dataset: x.dataset,
        agents: times(&x.agents, &y.agents),
        choice: both(&x.choice, &y.choice),
        second: both(&x.second, &y.second),
    }
}
