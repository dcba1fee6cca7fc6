//! Results as tables.

use kyoso_demand::Results;
use kyoso_demand::linalg::Matrix;
use kyoso_model::tables::{Column, Table, Values, words};

use super::after::Found;
use super::plan::Plan;

/// An estimation with all that follows.
pub struct Outcome<'a> {
    pub plan: &'a Plan,
    pub results: &'a Results<'a>,
    pub found: Option<&'a Found>,
    pub warnings: &'a [String],
    pub converged: bool,
}

fn texts(
    name: &'static str,
    description: &'static str,
    values: impl Iterator<Item = String>,
) -> Column {
    Column {
        name,
        unit: "",
        description,
        values: words(values),
    }
}

fn reals(
    name: &'static str,
    unit: &'static str,
    description: &'static str,
    values: Vec<f64>,
) -> Column {
    Column {
        name,
        unit,
        description,
        values: Values::Reals(values),
    }
}

const PRICE: &str = "price";
const PER_HEAD: &str = "price per head of the market";

impl Outcome<'_> {
    /// All tables.
    pub fn tables(&self) -> Vec<Table> {
        let mut tables = vec![
            self.parameters(),
            self.covariance(),
            self.products(),
            self.markets(),
        ];
        if !self.plan.micro.moments.is_empty() {
            tables.push(self.moments());
        }
        if let Some(found) = self.found {
            tables.push(self.summary(found));
            if !found.elasticities.is_empty() {
                tables.push(self.elasticities(found));
            }
            for (name, matrices) in &found.pairs {
                tables.push(Table {
                    name,
                    description: match *name {
                        "pass_through" => "derivative of the price of a product by the cost of another",
                        "diversion" => "part of the sales that a product loses by its price that go to another; to the outside good where both are the same",
                        _ => "part of the sales of a product that go to another when it is withdrawn; to the outside good where both are the same",
                    },
                    columns: self.pairs(&mut matrices.iter()),
                });
            }
            if !found.worlds.is_empty() {
                tables.push(self.changed_products(found));
                tables.push(self.changed_markets(found));
            }
        }
        tables
    }

    fn parameters(&self) -> Table {
        let estimates = &self.results.estimates;
        Table {
            name: "parameters",
            description: "estimates",
            columns: vec![
                texts(
                    "parameter",
                    "label",
                    estimates.iter().map(|e| e.label.clone()),
                ),
                reals(
                    "estimate",
                    "",
                    "value",
                    estimates.iter().map(|e| e.value).collect(),
                ),
                reals(
                    "standard_error",
                    "",
                    "standard error",
                    estimates.iter().map(|e| e.error).collect(),
                ),
                reals(
                    "t",
                    "",
                    "estimate by standard error",
                    estimates.iter().map(|e| e.value / e.error).collect(),
                ),
            ],
        }
    }

    fn covariance(&self) -> Table {
        let labels: Vec<&str> = self
            .results
            .estimates
            .iter()
            .map(|e| e.label.as_str())
            .collect();
        let pairs = || {
            labels
                .iter()
                .flat_map(|a| labels.iter().map(move |b| (*a, *b)))
        };
        Table {
            name: "covariance",
            description: "covariance of the estimates",
            columns: vec![
                texts("parameter", "row", pairs().map(|(a, _)| a.to_owned())),
                texts("with", "column", pairs().map(|(_, b)| b.to_owned())),
                reals(
                    "covariance",
                    "",
                    "value",
                    self.results.covariance.data.clone(),
                ),
            ],
        }
    }

    fn market_of_products(&self) -> Vec<String> {
        let problem = self.results.problem;
        let markets = problem.markets();
        problem
            .market_rows()
            .zip(markets)
            .flat_map(|(rows, market)| rows.map(move |_| market.to_owned()))
            .collect()
    }

    fn products(&self) -> Table {
        let r = self.results;
        let problem = r.problem;
        let mut columns = vec![
            texts("market", "market", self.market_of_products().into_iter()),
            texts(
                "product",
                "product",
                problem.product_names().iter().cloned(),
            ),
            texts("firm", "maker", problem.firm_names().iter().cloned()),
            reals("share", "", "market share", problem.shares().to_vec()),
            reals("price", PRICE, "price", problem.prices().to_vec()),
            reals("delta", "utility", "mean utility", r.delta.clone()),
            reals("xi", "utility", "demand error", r.xi.clone()),
        ];
        if !r.omega.is_empty() {
            columns.push(reals(
                "omega",
                "price or its logarithm",
                "cost error",
                r.omega.clone(),
            ));
        }
        if let Some(found) = self.found {
            let base = &found.base;
            let margin: Vec<f64> = base
                .prices
                .iter()
                .zip(&base.costs)
                .map(|(p, c)| p - c)
                .collect();
            let lerner = margin
                .iter()
                .zip(&base.prices)
                .map(|(m, p)| m / p)
                .collect();
            columns.extend([
                reals(
                    "own_elasticity",
                    "",
                    "own-price elasticity",
                    found.own.clone(),
                ),
                reals("cost", PRICE, "marginal cost", base.costs.clone()),
                reals("markup", PRICE, "price less marginal cost", margin),
                reals("lerner", "", "markup by price", lerner),
                reals(
                    "profit",
                    PER_HEAD,
                    "markup times share",
                    base.profits.clone(),
                ),
            ]);
        }
        Table {
            name: "products",
            description: "products in every market",
            columns,
        }
    }

    fn markets(&self) -> Table {
        let problem = self.results.problem;
        let rows: Vec<_> = problem.market_rows().collect();
        let outside = rows
            .iter()
            .map(|rows| 1.0 - problem.shares()[rows.clone()].iter().sum::<f64>())
            .collect();
        let mut columns = vec![
            texts(
                "market",
                "market",
                problem.markets().into_iter().map(str::to_owned),
            ),
            Column {
                name: "products",
                unit: "",
                description: "number of products",
                values: Values::Integers(rows.iter().map(|rows| rows.len() as i32).collect()),
            },
            reals("outside_share", "", "share of the outside good", outside),
        ];
        if let Some(found) = self.found {
            let base = &found.base;
            let verdict = |f: &dyn Fn(&kyoso_demand::Verdict) -> f64| {
                base.verdicts.iter().map(f).collect::<Vec<f64>>()
            };
            columns.extend([
                reals(
                    "hhi",
                    "",
                    "Herfindahl-Hirschman index of what is bought, up to 10,000",
                    base.hhi.clone(),
                ),
                reals(
                    "consumer_surplus",
                    PER_HEAD,
                    "expected consumer surplus",
                    base.surplus.clone(),
                ),
                reals(
                    "aggregate_elasticity",
                    "",
                    "change of the sum of shares when all prices rise, over the rise",
                    found.aggregate.clone(),
                ),
                reals(
                    "first_order",
                    PRICE,
                    "largest error of a margin at the observed prices",
                    verdict(&|v| v.first_order),
                ),
                reals(
                    "not_maxima",
                    "",
                    "products of makers whose profit is not at a maximum at the observed prices",
                    verdict(&|v| v.not_maxima.len() as f64),
                ),
                reals(
                    "spectral_radius",
                    "",
                    "of the fixed point of prices; above 1 it is no contraction",
                    verdict(&|v| v.spectral_radius),
                ),
            ]);
        }
        Table {
            name: "markets",
            description: "markets",
            columns,
        }
    }

    fn moments(&self) -> Table {
        let moments = &self.plan.micro.moments;
        Table {
            name: "moments",
            description: "moments of surveys",
            columns: vec![
                texts("moment", "name", moments.iter().map(|m| m.name.clone())),
                reals(
                    "observed",
                    "",
                    "in the survey",
                    moments.iter().map(|m| m.value).collect(),
                ),
                reals("model", "", "at the estimates", self.results.micro.clone()),
            ],
        }
    }

    fn summary(&self, found: &Found) -> Table {
        let values = &found.summary.values;
        let mut columns = vec![
            texts("quantity", "what", found.labels.iter().cloned()),
            reals("value", "", "at the estimates", values.clone()),
        ];
        if let Some(bounds) = self.intervals(found) {
            columns.push(reals(
                "standard_error",
                "",
                "standard error",
                found.summary.errors.clone(),
            ));
            columns.push(reals(
                "lower",
                "",
                "lower end of the interval",
                bounds.iter().map(|b| b.0).collect(),
            ));
            columns.push(reals(
                "upper",
                "",
                "upper end of the interval",
                bounds.iter().map(|b| b.1).collect(),
            ));
        }
        Table {
            name: "summary",
            description: "averages over products or markets",
            columns,
        }
    }

    /// Intervals of the summary, if they were asked for: quantiles of a bootstrap, else of the normal distribution.
    pub fn intervals(&self, found: &Found) -> Option<Vec<(f64, f64)>> {
        let asked = self.plan.after.intervals.as_ref()?;
        let tail = f64::midpoint(1.0, -asked.level);
        let s = &found.summary;
        Some(
            (0..s.values.len())
                .map(|i| {
                    if s.draws.is_empty() {
                        let z = kyoso_demand::normal_quantile(1.0 - tail);
                        (s.values[i] - z * s.errors[i], s.values[i] + z * s.errors[i])
                    } else {
                        (s.quantile(i, tail), s.quantile(i, 1.0 - tail))
                    }
                })
                .collect(),
        )
    }

    /// Market, product, other product and value of matrices by market.
    fn pairs(&self, matrices: &mut dyn Iterator<Item = &Matrix>) -> Vec<Column> {
        let problem = self.results.problem;
        let names = problem.product_names();
        let markets = problem.markets();
        let rows: Vec<_> = problem.market_rows().collect();
        let (mut at, mut product, mut other, mut values) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (i, matrix) in matrices.enumerate() {
            let m = i % rows.len();
            for j in rows[m].clone() {
                for k in rows[m].clone() {
                    at.push(markets[m].to_owned());
                    product.push(names[j].clone());
                    other.push(names[k].clone());
                }
            }
            values.extend(&matrix.data);
        }
        vec![
            texts("market", "market", at.into_iter()),
            texts("product", "product, row of the matrix", product.into_iter()),
            texts(
                "other",
                "other product, column of the matrix",
                other.into_iter(),
            ),
            reals("value", "", "value", values),
        ]
    }

    fn elasticities(&self, found: &Found) -> Table {
        let mut columns = self.pairs(&mut found.elasticities.iter().flat_map(|(_, m)| m));
        let by = found.elasticities.iter().flat_map(|(name, matrices)| {
            let cells: usize = matrices.iter().map(|m| m.data.len()).sum();
            std::iter::repeat_n(name.clone(), cells)
        });
        columns.insert(0, texts("by", "column of the products", by));
        Table {
            name: "elasticities",
            description: "elasticity of the share of a product by a characteristic of another",
            columns,
        }
    }

    fn changed_products(&self, found: &Found) -> Table {
        let problem = self.results.problem;
        let n = found.worlds.len();
        let market = self.market_of_products();
        let repeat = |values: &[String]| {
            (0..n)
                .flat_map(|_| values.to_vec())
                .collect::<Vec<_>>()
                .into_iter()
        };
        let each = |f: &dyn Fn(&super::after::World) -> Vec<f64>| {
            found
                .worlds
                .iter()
                .flat_map(|(_, w)| f(w))
                .collect::<Vec<f64>>()
        };
        let before = |values: &[f64]| (0..n).flat_map(|_| values.to_vec()).collect::<Vec<f64>>();
        Table {
            name: "counterfactual_products",
            description: "products after every change",
            columns: vec![
                texts(
                    "counterfactual",
                    "change",
                    found.worlds.iter().flat_map(|(name, _)| {
                        std::iter::repeat_n(name.clone(), problem.products())
                    }),
                ),
                texts("market", "market", repeat(&market)),
                texts("product", "product", repeat(problem.product_names())),
                texts(
                    "firm",
                    "maker before the change",
                    repeat(problem.firm_names()),
                ),
                reals(
                    "price_before",
                    PRICE,
                    "observed price",
                    before(&found.base.prices),
                ),
                reals(
                    "price",
                    PRICE,
                    "consumer price in equilibrium",
                    each(&|w| w.prices.clone()),
                ),
                reals(
                    "producer_price",
                    PRICE,
                    "what the maker receives",
                    each(&|w| w.producer_prices.clone()),
                ),
                reals("cost", PRICE, "marginal cost", each(&|w| w.costs.clone())),
                reals(
                    "share_before",
                    "",
                    "observed share",
                    before(&found.base.shares),
                ),
                reals("share", "", "share", each(&|w| w.shares.clone())),
                reals(
                    "profit_before",
                    PER_HEAD,
                    "profit before",
                    before(&found.base.profits),
                ),
                reals("profit", PER_HEAD, "profit", each(&|w| w.profits.clone())),
            ],
        }
    }

    fn changed_markets(&self, found: &Found) -> Table {
        let problem = self.results.problem;
        let n = found.worlds.len();
        let markets: Vec<String> = problem.markets().into_iter().map(str::to_owned).collect();
        let each = |f: &dyn Fn(&super::after::World) -> Vec<f64>| {
            found
                .worlds
                .iter()
                .flat_map(|(_, w)| f(w))
                .collect::<Vec<f64>>()
        };
        let before = |values: &[f64]| (0..n).flat_map(|_| values.to_vec()).collect::<Vec<f64>>();
        let profits = |w: &super::after::World| {
            problem
                .market_rows()
                .map(|rows| w.profits[rows].iter().sum())
                .collect::<Vec<f64>>()
        };
        let flags = |f: &dyn Fn(&kyoso_demand::Verdict) -> bool| {
            Values::Integers(
                found
                    .worlds
                    .iter()
                    .flat_map(|(_, w)| &w.verdicts)
                    .map(|v| i32::from(f(v)))
                    .collect(),
            )
        };
        let flag = |name, description, values| Column {
            name,
            unit: "",
            description,
            values,
        };
        Table {
            name: "counterfactual_markets",
            description: "markets after every change",
            columns: vec![
                texts(
                    "counterfactual",
                    "change",
                    found
                        .worlds
                        .iter()
                        .flat_map(|(name, _)| std::iter::repeat_n(name.clone(), markets.len())),
                ),
                texts("market", "market", (0..n).flat_map(|_| markets.clone())),
                flag(
                    "converged",
                    "1 if prices were found to the tolerance",
                    flags(&|v| v.converged),
                ),
                flag(
                    "equilibrium",
                    "1 if first- and second-order conditions hold",
                    flags(&kyoso_demand::Verdict::is_equilibrium),
                ),
                reals(
                    "hhi_before",
                    "",
                    "concentration before",
                    before(&found.base.hhi),
                ),
                reals("hhi", "", "concentration", each(&|w| w.hhi.clone())),
                reals(
                    "consumer_surplus_before",
                    PER_HEAD,
                    "consumer surplus before",
                    before(&found.base.surplus),
                ),
                reals(
                    "consumer_surplus",
                    PER_HEAD,
                    "consumer surplus",
                    each(&|w| w.surplus.clone()),
                ),
                reals(
                    "profit_before",
                    PER_HEAD,
                    "profits before",
                    before(&profits(&found.base)),
                ),
                reals("profit", PER_HEAD, "profits", each(&profits)),
                reals("revenue", PER_HEAD, "taxes", each(&|w| w.revenue.clone())),
            ],
        }
    }
}
