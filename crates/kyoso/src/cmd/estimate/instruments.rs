//! Excluded instruments: given columns, sums over other products, differentiation.

use kyoso_demand::{
    Closeness, Error, Expression, Formulation, Names, Specification, Table, blp_instruments,
    differentiation_instruments,
};

use super::plan::Builder;
use super::tree::{Node, join};
use super::uses::Uses;

/// What one side asks for.
#[derive(Debug, Default)]
pub struct Request {
    columns: Vec<Expression>,
    blp: Formulation,
    differentiation: Formulation,
    local: bool,
    interact: bool,
}

/// Reads `[instruments]`, demand first; without it the numbered columns of the usual names.
pub fn requests(builder: &mut Builder, names: &Names) -> [Request; 2] {
    let defaults = Names::default();
    let supply = builder
        .root
        .get("formulation")
        .and_then(|f| f.get("x3"))
        .is_some_and(|x3| !x3.items().is_empty());
    let demand_prefix = defaults.demand_instruments.as_str();
    let demand = side(builder, names, "demand", demand_prefix);
    let node = builder
        .root
        .get("instruments")
        .and_then(|i| i.get("supply"));
    if supply {
        return [
            demand,
            side(builder, names, "supply", &defaults.supply_instruments),
        ];
    }
    if let Some(node) = node {
        builder.report.problem(
            node.at,
            "instruments.supply",
            "there is no supply side",
            "give formulation.x3, or leave it out",
        );
    }
    [demand, Request::default()]
}

fn side(builder: &mut Builder, names: &Names, side: &str, prefix: &str) -> Request {
    let path = join("instruments", side);
    let mut request = Request::default();
    let Builder {
        report,
        root,
        products,
        product_uses,
        ..
    } = builder;
    let Some(node) = root.get("instruments").and_then(|i| i.get(side)) else {
        let columns = products.numbered(prefix);
        product_uses.numbers.extend(columns.iter().cloned());
        request.columns = columns.into_iter().map(Expression::Column).collect();
        return request;
    };
    for item in node.get("columns").map_or(&[][..], Node::items) {
        let text = item.as_text().unwrap_or("");
        let key = join(&path, "columns");
        let numbered = text
            .strip_suffix('*')
            .filter(|prefix| prefix.chars().all(|c| c.is_alphanumeric() || c == '_'));
        if let Some(prefix) = numbered {
            let columns = products.numbered(prefix);
            if columns.is_empty() && !products.names.is_empty() {
                let message = format!("{} has no column `{prefix}0`", products.name);
                report.problem(
                    item.at,
                    &key,
                    message,
                    "`name*` stands for name0, name1, ...",
                );
            }
            product_uses.numbers.extend(columns.iter().cloned());
            request
                .columns
                .extend(columns.into_iter().map(Expression::Column));
            continue;
        }
        match Expression::parse(text) {
            Ok(e) => {
                product_uses.expression(report, products, item.at, &key, &e);
                request.columns.push(e);
            }
            Err(error) => report.problem(
                item.at,
                &key,
                format!("is no expression: {error}"),
                "expected such as `log(wage)` or `cost_shifter*`",
            ),
        }
    }
    let mut terms = |uses: &mut Uses, key: &str, node: Option<&Node>| {
        uses.terms(report, products, &join(&path, key), node)
    };
    request.blp = terms(product_uses, "blp", node.get("blp"));
    if let Some(differences) = node.get("differentiation") {
        request.differentiation = terms(product_uses, "differentiation.of", differences.get("of"));
        request.local = differences.text("closeness") == Some("local");
        request.interact = differences.flag("interact").unwrap_or(false);
    }
    let built = !(request.blp.terms.is_empty() && request.differentiation.terms.is_empty());
    if built && !products.names.is_empty() && !products.has(&names.firm) {
        report.problem(
            node.at,
            &path,
            "sums over makers need the makers",
            "name their column with `firm` under [products]",
        );
    }
    request
}

/// Adds the instruments to the products and gives their labels, exogenous characteristics last.
pub fn add(
    builder: &mut Builder,
    requests: &[Request; 2],
    products: Table,
    specification: &Specification,
) -> (Table, [Vec<String>; 2]) {
    let names = &specification.names;
    let mut all = [Vec::new(), Vec::new()];
    let mut table = products;
    let sides = [
        ("demand", &names.demand_instruments, &specification.linear),
        ("supply", &names.supply_instruments, &specification.cost),
    ];
    for (s, (side, prefix, exogenous)) in sides.into_iter().enumerate() {
        match columns(&requests[s], &table, names) {
            Ok((labels, columns)) => {
                table = table.with_numbered(prefix, columns);
                all[s] = labels;
            }
            Err(error) => {
                let at = builder.root.get("instruments").map_or(0, |node| node.at);
                builder
                    .report
                    .problem(at, &join("instruments", side), error.to_string(), "");
            }
        }
        let own = exogenous
            .terms
            .iter()
            .filter(|t| !t.reads(&names.price) && !t.reads(&names.share));
        all[s].extend(own.map(ToString::to_string));
    }
    (table, all)
}

type Labelled = (Vec<String>, Vec<Vec<f64>>);

fn columns(request: &Request, table: &Table, names: &Names) -> Result<Labelled, Error> {
    let mut labels = Vec::new();
    let mut columns = Vec::new();
    for e in &request.columns {
        labels.push(e.to_string());
        columns.push(e.evaluate(table)?);
    }
    if !request.blp.terms.is_empty() {
        columns.extend(blp_instruments(&request.blp, table, names)?);
        for whose in ["own", "rival"] {
            labels.extend(
                request
                    .blp
                    .labels()
                    .iter()
                    .map(|l| format!("sum of {whose} {l}")),
            );
        }
    }
    if !request.differentiation.terms.is_empty() {
        let closeness = if request.local {
            Closeness::Local
        } else {
            Closeness::Quadratic
        };
        let built = differentiation_instruments(
            &request.differentiation,
            table,
            names,
            closeness,
            request.interact,
        )?;
        labels.extend((1..=built.len()).map(|i| format!("differentiation {i}")));
        columns.extend(built);
    }
    Ok((labels, columns))
}
