//! What is computed from the estimates: elasticities, diversion, markups, welfare, counterfactual prices.

use kyoso_demand::linalg::Matrix;
use kyoso_demand::{
    Counterfactual, Economy, Error, Expression, Names, Outcome, Pricing, Problem, Results, Table,
    Uncertain, Verdict,
};
use kyoso_model::input::nearest;

use super::plan::Builder;
use super::tree::{Node, join};
use super::uses::known;

/// What `[after]` asks for.
#[derive(Debug, Default)]
pub struct After {
    /// Columns to give elasticities by.
    pub elasticities: Vec<String>,
    /// Diversion by price.
    pub diversion: bool,
    /// Diversion when a product goes.
    pub long_run_diversion: bool,
    /// Derivatives of prices by costs.
    pub pass_through: bool,
    /// Rise of prices in the aggregate elasticity.
    pub factor: f64,
    /// Changes of the world.
    pub changes: Vec<Change>,
    /// Errors of the summary.
    pub intervals: Option<Intervals>,
}

/// One change; vectors in the order of the products' file, empty where nothing changes.
#[derive(Debug, Default)]
pub struct Change {
    /// Name.
    pub name: String,
    asked: [Option<Expression>; 4],
    merge: Vec<Vec<String>>,
    at: usize,
    firms: Vec<String>,
    ad_valorem: Vec<f64>,
    specific: Vec<f64>,
    cost: Vec<f64>,
    exit: Vec<f64>,
}

/// How the summary's errors are found.
#[derive(Debug)]
pub struct Intervals {
    /// Draws of a bootstrap; the delta method without.
    pub draws: Option<usize>,
    /// Level.
    pub level: f64,
    /// Seed.
    pub seed: u64,
}

const FACTORS: [&str; 4] = ["ad_valorem", "specific", "cost", "exit"];

/// Reads `[after]`.
pub fn read(builder: &mut Builder) -> After {
    let mut after = After {
        factor: 0.1,
        ..After::default()
    };
    let Some(node) = builder.root.get("after") else {
        return after;
    };
    for item in node.get("elasticities").map_or(&[][..], Node::items) {
        let name = item.as_text().unwrap_or("");
        if known(
            &mut builder.report,
            &builder.products,
            item.at,
            "after.elasticities",
            name,
        ) {
            builder.product_uses.numbers.insert(name.to_owned());
            after.elasticities.push(name.to_owned());
        }
    }
    after.diversion = node.flag("diversion").unwrap_or(false);
    after.long_run_diversion = node.flag("long_run_diversion").unwrap_or(false);
    after.pass_through = node.flag("pass_through").unwrap_or(false);
    after.factor = node.number("aggregate_factor").unwrap_or(0.1);
    for (i, item) in node
        .get("counterfactual")
        .map_or(&[][..], Node::items)
        .iter()
        .enumerate()
    {
        let path = format!("after.counterfactual[{}]", i + 1);
        let asked = FACTORS.map(|key| {
            let node = item.get(key)?;
            let path = join(&path, key);
            builder
                .product_uses
                .value(&mut builder.report, &builder.products, &path, node)
        });
        let groups = item.get("merge").map_or(&[][..], Node::items).iter();
        let text = |node: &Node| node.as_text().map(str::to_owned);
        let merge: Vec<Vec<String>> = groups
            .map(|group| group.items().iter().filter_map(text).collect())
            .collect();
        if merge.is_empty() && asked.iter().all(Option::is_none) {
            builder.report.problem(
                item.at,
                &path,
                "changes nothing",
                format!("give one of merge, {}", FACTORS.join(", ")),
            );
        }
        after.changes.push(Change {
            name: item.text("name").unwrap_or("").to_owned(),
            asked,
            merge,
            at: item.at,
            ..Change::default()
        });
    }
    after.intervals = node.get("intervals").map(|node| Intervals {
        draws: (node.text("method") == Some("bootstrap"))
            .then(|| node.whole("draws").unwrap_or(200) as usize),
        level: node.number("level").unwrap_or(0.95),
        seed: node.whole("seed").unwrap_or(0),
    });
    after
}

/// Evaluates the changes over the products.
pub fn bind(builder: &mut Builder, mut after: After, products: &Table, names: &Names) -> After {
    for (i, change) in after.changes.iter_mut().enumerate() {
        let path = format!("after.counterfactual[{}]", i + 1);
        let vectors = [
            &mut change.ad_valorem,
            &mut change.specific,
            &mut change.cost,
            &mut change.exit,
        ];
        for ((e, out), key) in change.asked.iter().zip(vectors).zip(FACTORS) {
            let Some(e) = e else { continue };
            match e.evaluate(products) {
                Ok(values) => *out = values,
                Err(error) => {
                    builder
                        .report
                        .problem(change.at, &join(&path, key), error.to_string(), "");
                }
            }
        }
        let fewest = [-1.0, f64::NEG_INFINITY, 0.0, f64::NEG_INFINITY];
        let vectors = [
            &change.ad_valorem,
            &change.specific,
            &change.cost,
            &change.exit,
        ];
        for ((values, low), key) in vectors.into_iter().zip(fewest).zip(FACTORS) {
            if let Some(v) = values.iter().find(|v| **v <= low) {
                builder.report.problem(
                    change.at,
                    &join(&path, key),
                    format!("is {v} for some product"),
                    format!("expected more than {low}"),
                );
            }
        }
        if change.merge.is_empty() {
            continue;
        }
        let Some(mut firms) = products.labels(&names.firm) else {
            builder.report.problem(
                change.at,
                &join(&path, "merge"),
                "the products have no makers",
                "name their column with `firm` under [products]",
            );
            continue;
        };
        for group in &change.merge {
            for firm in group.iter().filter(|firm| !firms.contains(firm)) {
                let help = nearest(firm, firms.iter().map(String::as_str)).map_or_else(
                    || format!("makers are the values of column `{}`", names.firm),
                    |near| format!("did you mean `{near}`?"),
                );
                builder.report.problem(
                    change.at,
                    &join(&path, "merge"),
                    format!("there is no maker `{firm}`"),
                    help,
                );
            }
        }
        for group in &change.merge {
            if let Some(first) = group.first() {
                firms
                    .iter_mut()
                    .filter(|f| group.contains(f))
                    .for_each(|f| f.clone_from(first));
            }
        }
        change.firms = firms;
    }
    after
}

impl Change {
    fn is_taxed(&self) -> bool {
        !(self.ad_valorem.is_empty() && self.specific.is_empty())
    }

    /// The change of an economy, in the order of its problem.
    fn counterfactual(&self, economy: &Economy) -> Counterfactual {
        let problem = economy.problem();
        let sorted = |values: &[f64]| {
            if values.is_empty() {
                Vec::new()
            } else {
                problem.in_market_order(values)
            }
        };
        let rows: Vec<f64> = (0..problem.products()).map(|i| i as f64).collect();
        let firms = if self.firms.is_empty() {
            Vec::new()
        } else {
            problem
                .in_market_order(&rows)
                .iter()
                .map(|row| self.firms[*row as usize].clone())
                .collect()
        };
        Counterfactual {
            firms,
            costs: sorted(&self.cost)
                .iter()
                .zip(&economy.costs)
                .map(|(f, c)| f * c)
                .collect(),
            ad_valorem: sorted(&self.ad_valorem),
            specific: sorted(&self.specific),
            present: sorted(&self.exit).iter().map(|x| *x == 0.0).collect(),
            ..Counterfactual::default()
        }
    }
}

/// A world before or after a change, product by product and market by market.
#[derive(Debug, Default)]
pub struct World {
    /// Consumer prices.
    pub prices: Vec<f64>,
    /// Shares.
    pub shares: Vec<f64>,
    /// Marginal costs.
    pub costs: Vec<f64>,
    /// What makers receive.
    pub producer_prices: Vec<f64>,
    /// Profits per head of the market.
    pub profits: Vec<f64>,
    /// Concentration by market.
    pub hhi: Vec<f64>,
    /// Consumer surplus by market, per head.
    pub surplus: Vec<f64>,
    /// Taxes by market, per head.
    pub revenue: Vec<f64>,
    /// How prices were found, by market.
    pub verdicts: Vec<Verdict>,
}

/// The observed world, or the one after a change; second-order conditions where they are to be checked.
fn world(economy: &Economy, change: Option<&Change>, check: bool) -> Result<World, Error> {
    let problem = economy.problem();
    let n = problem.products();
    let change = change.map_or_else(Counterfactual::default, |c| c.counterfactual(economy));
    let observed = change == Counterfactual::default();
    let outcome = if observed {
        Outcome {
            prices: problem.prices().to_vec(),
            shares: problem.shares().to_vec(),
            verdicts: if check {
                economy.verdicts(&change)?
            } else {
                Vec::new()
            },
        }
    } else {
        economy.equilibrium(
            &change,
            &Pricing {
                check,
                ..Pricing::default()
            },
        )?
    };
    let at = |values: &[f64], j: usize| values.get(j).copied().unwrap_or(0.0);
    let producer_prices: Vec<f64> = (0..n)
        .map(|j| (outcome.prices[j] - at(&change.specific, j)) / (1.0 + at(&change.ad_valorem, j)))
        .collect();
    let costs = if change.costs.is_empty() {
        economy.costs.clone()
    } else {
        change.costs
    };
    let gains = |j: usize, margin: f64| {
        if outcome.shares[j] > 0.0 {
            margin * outcome.shares[j]
        } else {
            0.0
        }
    };
    let profits = (0..n)
        .map(|j| gains(j, producer_prices[j] - costs[j]))
        .collect();
    let revenue = problem
        .market_rows()
        .map(|rows| {
            rows.map(|j| gains(j, outcome.prices[j] - producer_prices[j]))
                .sum()
        })
        .collect();
    Ok(World {
        hhi: economy.hhi(&outcome.shares, &change.firms)?,
        surplus: economy.consumer_surplus(&outcome.prices, &change.present)?,
        prices: outcome.prices,
        shares: outcome.shares,
        verdicts: outcome.verdicts,
        costs,
        producer_prices,
        profits,
        revenue,
    })
}

/// Whether utility depends on prices, without which nobody sets them.
fn prices_matter(problem: &Problem, economy: &Economy) -> bool {
    let slopes = economy.price_derivatives();
    slopes.len() == problem.market_rows().count()
        && slopes.iter().all(|m| (0..m.rows).all(|j| m[(j, j)] != 0.0))
}

/// Everything found.
#[derive(Debug, Default)]
pub struct Found {
    /// The observed world.
    pub base: World,
    /// Own-price elasticities.
    pub own: Vec<f64>,
    /// Aggregate elasticities by market.
    pub aggregate: Vec<f64>,
    /// Elasticities by column.
    pub elasticities: Vec<(String, Vec<Matrix>)>,
    /// Matrices by market under the name of their table.
    pub pairs: Vec<(&'static str, Vec<Matrix>)>,
    /// Worlds after changes.
    pub worlds: Vec<(String, World)>,
    /// Labels of the summary.
    pub labels: Vec<String>,
    /// Its values, and errors if they were asked for.
    pub summary: Uncertain,
}

/// Computes what was asked for; nothing where prices do not matter.
pub fn compute(results: &Results, after: &After) -> Result<Option<Found>, Error> {
    let economy = results.economy();
    let problem = results.problem;
    if !prices_matter(problem, &economy) {
        return Ok(None);
    }
    let mut found = Found {
        base: world(&economy, None, true)?,
        own: own_elasticities(&economy),
        aggregate: economy.aggregate_elasticities(after.factor),
        ..Found::default()
    };
    for column in &after.elasticities {
        found
            .elasticities
            .push((column.clone(), economy.elasticities(column)?));
    }
    if after.diversion {
        found.pairs.push(("diversion", economy.diversion()));
    }
    if after.long_run_diversion {
        found
            .pairs
            .push(("long_run_diversion", economy.long_run_diversion()));
    }
    if after.pass_through {
        found.pairs.push((
            "pass_through",
            economy.pass_through(&Counterfactual::default())?,
        ));
    }
    for change in &after.changes {
        found
            .worlds
            .push((change.name.clone(), world(&economy, Some(change), true)?));
    }
    found.labels = labels(after);
    let numbers = |economy: &Economy| summary(economy, after);
    found.summary = match &after.intervals {
        None => Uncertain {
            values: numbers(&economy),
            ..Uncertain::default()
        },
        Some(Intervals {
            draws: Some(n),
            seed,
            ..
        }) => results.bootstrap(*n, *seed, numbers)?,
        Some(_) => results.delta_method(numbers)?,
    };
    Ok(Some(found))
}

fn own_elasticities(economy: &Economy) -> Vec<f64> {
    let problem = economy.problem();
    let slopes = economy.price_derivatives();
    let mut own = Vec::with_capacity(problem.products());
    for (rows, slope) in problem.market_rows().zip(&slopes) {
        for (j, row) in rows.enumerate() {
            own.push(slope[(j, j)] * problem.prices()[row] / problem.shares()[row]);
        }
    }
    own
}

fn labels(after: &After) -> Vec<String> {
    let mut labels: Vec<String> = [
        "own-price elasticity, mean",
        "aggregate elasticity, mean",
        "marginal cost, mean",
        "markup (p - c)/p, mean",
        "HHI, mean",
        "consumer surplus per head, mean",
    ]
    .map(str::to_owned)
    .to_vec();
    for change in &after.changes {
        let mut what = vec![
            "price, mean change in %",
            "shares, change of their sum, mean",
            "profits per head, change, mean",
            "consumer surplus per head, change, mean",
        ];
        if change.is_taxed() {
            what.push("taxes per head, mean");
        }
        labels.extend(what.iter().map(|what| format!("{}: {what}", change.name)));
    }
    labels
}

/// The numbers of the summary in the order of its labels; NaN where one cannot be computed.
fn summary(economy: &Economy, after: &After) -> Vec<f64> {
    let count = labels(after).len();
    let numbers = || -> Result<Vec<f64>, Error> {
        let base = world(economy, None, false)?;
        let lerner = economy.lerner(&base.prices);
        let mut out = vec![
            mean(&own_elasticities(economy)),
            mean(&economy.aggregate_elasticities(after.factor)),
            mean(&economy.costs),
            mean(&lerner),
            mean(&base.hhi),
            mean(&base.surplus),
        ];
        let markets = base.hhi.len() as f64;
        let sum = |values: &[f64]| values.iter().sum::<f64>() / markets;
        for change in &after.changes {
            let new = world(economy, Some(change), false)?;
            if !new.verdicts.iter().all(|v| v.converged) {
                out.extend(vec![f64::NAN; 4 + usize::from(change.is_taxed())]);
                continue;
            }
            let moved: Vec<f64> = (0..new.prices.len())
                .filter(|j| new.shares[*j] > 0.0)
                .map(|j| 100.0 * (new.prices[j] / base.prices[j] - 1.0))
                .collect();
            out.extend([
                mean(&moved),
                sum(&new.shares) - sum(&base.shares),
                sum(&new.profits) - sum(&base.profits),
                mean(&new.surplus) - mean(&base.surplus),
            ]);
            if change.is_taxed() {
                out.push(mean(&new.revenue));
            }
        }
        Ok(out)
    };
    numbers().unwrap_or_else(|_| vec![f64::NAN; count])
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
