//! A problem: checked columns, sorted by market, fixed effects absorbed, agents in tiles.

mod effects;
mod specification;
mod tiles;

pub(crate) use effects::Effects;
pub use specification::{CostForm, Names, Specification};
use tiles::Tiles;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::error::{Defect, Error};
use crate::formulation::{Expression, Formulation, Table};
use crate::linalg::{Matrix, collinear_columns};
use crate::market::MarketView;
use crate::simd::{LANES, Lane, Level};
use crate::supply::Ownership;

/// A market of a problem.
#[derive(Debug, Clone)]
pub(crate) struct Market {
    pub name: String,
    pub rows: Range<usize>,
    pub tiles: Range<usize>,
    pub agents: usize,
    pub nest: Vec<u32>,
    pub nest_rho: Vec<u32>,
    pub ownership: Ownership,
}

/// A checked problem; products are sorted by market, in the order in which markets first appear.
#[derive(Debug, Clone)]
pub struct Problem {
    pub(crate) level: Level,
    pub(crate) cost_form: CostForm,
    pub(crate) markets: Vec<Market>,
    /// Row of the user's table at each row here.
    pub(crate) order: Vec<usize>,
    pub(crate) products: Vec<String>,
    pub(crate) firms: Vec<String>,
    /// Makers as numbers: equal names have equal ones.
    pub(crate) makers: Vec<u32>,
    /// Equal makers that each product's maker stands for.
    pub(crate) equals: Vec<f64>,
    pub(crate) shares: Vec<f64>,
    pub(crate) prices: Vec<f64>,
    /// Linear characteristics as given and with effects absorbed.
    pub(crate) x1: Matrix,
    pub(crate) x1_absorbed: Matrix,
    pub(crate) x1_price: Matrix,
    pub(crate) x2: Matrix,
    pub(crate) x2_price: Matrix,
    pub(crate) x3: Matrix,
    pub(crate) x3_absorbed: Matrix,
    /// Instruments: excluded, then exogenous characteristics; absorbed.
    pub(crate) zd: Matrix,
    pub(crate) zs: Matrix,
    pub(crate) demand_effects: Effects,
    pub(crate) supply_effects: Effects,
    pub(crate) clusters: Option<Vec<usize>>,
    pub(crate) rhos: Vec<String>,
    pub(crate) weights: Vec<Lane>,
    pub(crate) nodes: Vec<Lane>,
    /// Row of the agents' table at each place of the tiles; `u32::MAX` in padding and where there is no table.
    pub(crate) agent_rows: Vec<[u32; LANES]>,
    pub(crate) node_count: usize,
    pub(crate) demographic_count: usize,
    pub(crate) specification: Specification,
    pub(crate) table: Table,
    pub(crate) agents: Table,
}

fn reordered(values: &[f64], order: &[usize]) -> Vec<f64> {
    order.iter().map(|i| values[*i]).collect()
}

/// Evaluates terms and, with `price`, their derivatives; collects defects.
fn columns(
    formulation: &Formulation,
    table: &Table,
    order: &[usize],
    price: Option<&str>,
    defects: &mut Vec<Defect>,
) -> Matrix {
    let mut out = Vec::new();
    for term in &formulation.terms {
        let term = price.map_or_else(|| term.clone(), |p| term.derivative(p));
        match term.evaluate(table) {
            Ok(values) => out.push(reordered(&values, order)),
            Err(Error::Invalid(found)) => {
                defects.extend(found);
                out.push(vec![0.0; order.len()]);
            }
            Err(_) => out.push(vec![0.0; order.len()]),
        }
    }
    Matrix::from_columns(order.len(), &out)
}

impl Problem {
    /// Checks and compiles a problem.
    ///
    /// `products` has one row a product and market; `agents` one row an agent and market (or without a market column, the same
    /// agents for every market).
    ///
    /// # Errors
    /// Every defect at once, each with column, market and product.
    pub fn new(
        specification: Specification,
        products: &Table,
        agents: Option<&Table>,
    ) -> Result<Self, Error> {
        Self::build(specification, products, agents, true)
    }

    /// [`Self::new`]; without `ranks` columns may be combinations of others, as prices may be before they are solved.
    pub(crate) fn build(
        specification: Specification,
        products: &Table,
        agents: Option<&Table>,
        ranks: bool,
    ) -> Result<Self, Error> {
        let names = &specification.names;
        let mut defects = products.defects("products");
        if let Some(agents) = agents {
            defects.extend(agents.defects("agents"));
        }
        for name in [&names.market, &names.share, &names.price] {
            if !products.has(name) {
                defects.push(Defect::new(
                    "products",
                    format!(
                        "no column `{name}`; there are {}",
                        products.names().collect::<Vec<_>>().join(", ")
                    ),
                ));
            }
        }
        if products.rows() == 0 {
            defects.push(Defect::new("products", "no rows"));
        }
        if !defects.is_empty() {
            return Err(Error::Invalid(defects));
        }
        let rows = products.rows();
        let market_labels = products.labels(&names.market).unwrap_or_default();
        let (order, ranges, market_names) = sorted_by_market(&market_labels);
        let product_names = products
            .labels(&names.product)
            .unwrap_or_else(|| (1..=rows).map(|i| format!("row {i}")).collect());
        let product_names: Vec<String> = order.iter().map(|i| product_names[*i].clone()).collect();

        let mut take = |name: &str| -> Vec<f64> {
            if let Some(v) = products.numbers(name) {
                reordered(v, &order)
            } else {
                defects.push(Defect::new(
                    format!("products.{name}"),
                    "holds labels, numbers were expected",
                ));
                vec![f64::NAN; rows]
            }
        };
        let (shares, prices) = (take(&names.share), take(&names.price));
        check_shares(
            &shares,
            &prices,
            &ranges,
            &market_names,
            &product_names,
            &mut defects,
        );
        if products.has(&names.product) {
            for (range, market) in ranges.iter().zip(&market_names) {
                let mut seen = HashMap::new();
                for j in range.clone() {
                    if seen.insert(&product_names[j], j).is_some() {
                        defects.push(Defect::new(
                            format!("market {market}, product {}", product_names[j]),
                            "stands there twice",
                        ));
                    }
                }
            }
        }

        let price = names.price.as_str();
        let x1 = columns(&specification.linear, products, &order, None, &mut defects);
        let x2 = columns(&specification.random, products, &order, None, &mut defects);
        let x3 = columns(&specification.cost, products, &order, None, &mut defects);
        let mut silent = Vec::new();
        let x1_price = columns(
            &specification.linear,
            products,
            &order,
            Some(price),
            &mut silent,
        );
        let x2_price = columns(
            &specification.random,
            products,
            &order,
            Some(price),
            &mut silent,
        );
        let demand_effects =
            Effects::new(products, &specification.linear.absorb, &order, &mut defects);
        let supply_effects =
            Effects::new(products, &specification.cost.absorb, &order, &mut defects);
        for f in [&specification.random, &specification.demographics] {
            if !f.absorb.is_empty() {
                defects.push(Defect::new(
                    format!("C({})", f.absorb.join(", ")),
                    "effects are absorbed from linear characteristics and costs only",
                ));
            }
        }

        let firms = products.labels(&names.firm);
        if firms.is_none()
            && !specification.cost.terms.is_empty()
            && !products.has(&format!("{}0", names.ownership))
        {
            defects.push(Defect::new(
                "products",
                format!("a supply side needs the makers, column `{}`", names.firm),
            ));
        }
        let firms: Vec<String> = firms.map_or_else(
            || product_names.clone(),
            |f| order.iter().map(|i| f[*i].clone()).collect(),
        );
        let mut codes = BTreeMap::new();
        let makers: Vec<u32> = firms
            .iter()
            .map(|f| {
                let next = codes.len() as u32;
                *codes.entry(f.as_str()).or_insert(next)
            })
            .collect();
        let equals = products
            .numbers(&names.equals)
            .map_or_else(|| vec![1.0; rows], |v| reordered(v, &order));
        for (j, n) in equals.iter().enumerate() {
            if !(*n >= 1.0 && n.is_finite()) {
                defects.push(Defect::new(
                    format!("product {}", product_names[j]),
                    format!("stands for {n} makers; one or more were expected"),
                ));
            }
        }
        let ownership_columns = products.numbered(&names.ownership);
        let nests = products
            .labels(&names.nest)
            .map(|n| order.iter().map(|i| n[*i].clone()).collect::<Vec<_>>());
        let rhos = nests.as_ref().map_or_else(Vec::new, |nests| {
            let mut found: Vec<String> = nests.clone();
            found.sort();
            found.dedup();
            found
        });

        let agents = agents.cloned().unwrap_or_default();
        let tiles = Tiles::build(&specification, &agents, &market_names, &mut defects);
        let mut markets = Vec::with_capacity(ranges.len());
        for (m, (range, name)) in ranges.iter().zip(&market_names).enumerate() {
            let (nest, nest_rho) = nests.as_ref().map_or_else(Default::default, |nests| {
                local_nests(&nests[range.clone()], &rhos)
            });
            let ownership = if ownership_columns.is_empty() {
                Ownership::from_firms(&makers[range.clone()], &equals[range.clone()])
            } else {
                let n = range.len();
                if ownership_columns.len() < n {
                    defects.push(Defect::new(
                        format!("market {name}"),
                        format!(
                            "{n} products, but the ownership matrix has {} columns",
                            ownership_columns.len()
                        ),
                    ));
                }
                let mut kappa = vec![0.0; n * n];
                for j in 0..n {
                    for k in 0..n.min(ownership_columns.len()) {
                        kappa[j * n + k] = ownership_columns[k][order[range.start + j]];
                    }
                }
                Ownership::from_matrix(n, &kappa)
            };
            markets.push(Market {
                name: name.clone(),
                rows: range.clone(),
                tiles: tiles.ranges.get(m).cloned().unwrap_or(0..0),
                agents: tiles.counts.get(m).copied().unwrap_or(0),
                nest,
                nest_rho,
                ownership,
            });
        }

        let instruments = |prefix: &str| -> Matrix {
            let columns: Vec<Vec<f64>> = products
                .numbered(prefix)
                .iter()
                .map(|v| reordered(v, &order))
                .collect();
            Matrix::from_columns(rows, &columns)
        };
        let exogenous = |formulation: &Formulation, x: &Matrix| -> Matrix {
            let kept: Vec<Vec<f64>> = formulation
                .terms
                .iter()
                .enumerate()
                .filter(|(_, e)| !e.reads(&names.price) && !e.reads(&names.share))
                .map(|(c, _)| x.column(c))
                .collect();
            Matrix::from_columns(rows, &kept)
        };
        let mut zd =
            instruments(&names.demand_instruments).beside(&exogenous(&specification.linear, &x1));
        let supply = !specification.cost.terms.is_empty();
        let mut zs = if supply {
            instruments(&names.supply_instruments).beside(&exogenous(&specification.cost, &x3))
        } else {
            Matrix::zeros(rows, 0)
        };
        for (prefix, z) in [
            (&names.demand_instruments, &zd),
            (&names.supply_instruments, &zs),
        ] {
            for at in (0..z.data.len())
                .filter(|i| !z.data[*i].is_finite())
                .take(5)
            {
                let (row, column) = (at / z.cols, at % z.cols);
                defects.push(Defect::new(
                    format!("{prefix}{column}, product {}", product_names[row]),
                    format!("{} is not finite", z.data[at]),
                ));
            }
        }
        if !defects.is_empty() {
            return Err(Error::Invalid(defects));
        }
        let (mut x1_absorbed, mut x3_absorbed) = (x1.clone(), x3.clone());
        demand_effects.absorb_columns(&mut x1_absorbed);
        demand_effects.absorb_columns(&mut zd);
        supply_effects.absorb_columns(&mut x3_absorbed);
        supply_effects.absorb_columns(&mut zs);
        if ranks {
            check_rank(
                "linear characteristics",
                &x1_absorbed,
                &specification.linear.labels(),
                &mut defects,
            );
            check_rank(
                "random coefficients",
                &x2,
                &specification.random.labels(),
                &mut defects,
            );
            check_rank(
                "cost characteristics",
                &x3_absorbed,
                &specification.cost.labels(),
                &mut defects,
            );
        }
        Error::of(defects)?;
        let clusters = products.labels(&names.cluster).map(|labels| {
            let mut codes = HashMap::new();
            order
                .iter()
                .map(|i| {
                    let next = codes.len();
                    *codes.entry(labels[*i].clone()).or_insert(next)
                })
                .collect()
        });
        Ok(Self {
            level: specification.level.unwrap_or_else(Level::detect),
            cost_form: specification.cost_form,
            markets,
            order,
            products: product_names,
            firms,
            makers,
            equals,
            shares,
            prices,
            x1,
            x1_absorbed,
            x1_price,
            x2,
            x2_price,
            x3,
            x3_absorbed,
            zd,
            zs,
            demand_effects,
            supply_effects,
            clusters,
            rhos,
            weights: tiles.weights,
            nodes: tiles.nodes,
            agent_rows: tiles.rows,
            node_count: tiles.node_count,
            demographic_count: specification.demographics.terms.len(),
            table: products.clone(),
            agents,
            specification,
        })
    }

    /// Prices by product, in the order of results.
    pub fn prices(&self) -> &[f64] {
        &self.prices
    }

    /// Shares by product, in the order of results.
    pub fn shares(&self) -> &[f64] {
        &self.shares
    }

    /// Number of products over all markets.
    pub fn products(&self) -> usize {
        self.shares.len()
    }

    /// Names of the products, in the order of results.
    pub fn product_names(&self) -> &[String] {
        &self.products
    }

    /// Makers of the products, in the order of results; the products themselves where no makers are given.
    pub fn firm_names(&self) -> &[String] {
        &self.firms
    }

    /// Products of every market, as ranges of the order of results.
    pub fn market_rows(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.markets.iter().map(|m| m.rows.clone())
    }

    /// Number of agents over all markets.
    pub fn agents(&self) -> usize {
        self.markets.iter().map(|m| m.agents).sum()
    }

    /// Products and agents of each market.
    pub fn sizes(&self) -> impl Iterator<Item = (usize, usize)> {
        self.markets.iter().map(|m| (m.rows.len(), m.agents))
    }

    /// Names of the markets, in the order of results.
    pub fn markets(&self) -> Vec<&str> {
        self.markets.iter().map(|m| m.name.as_str()).collect()
    }

    /// Names of nests with a parameter each.
    pub fn nests(&self) -> &[String] {
        &self.rhos
    }

    /// Number of nodes and of demographics of an agent.
    pub fn dimensions(&self) -> (usize, usize) {
        (self.node_count, self.demographic_count)
    }

    /// Whether there is a supply side.
    pub fn has_supply(&self) -> bool {
        self.x3.cols > 0
    }

    /// Sorted values back into the order of the user's table; NaN where there is none.
    pub fn in_table_order(&self, sorted: &[f64]) -> Vec<f64> {
        let mut out = vec![f64::NAN; self.order.len()];
        for (value, row) in sorted.iter().zip(&self.order) {
            out[*row] = *value;
        }
        out
    }

    /// Values in the order of the user's table, put into the order of results; NaN where there is none.
    pub fn in_market_order(&self, table: &[f64]) -> Vec<f64> {
        let value = |row: &usize| table.get(*row).copied().unwrap_or(f64::NAN);
        self.order.iter().map(value).collect()
    }

    /// An expression over columns of the agents in every tile; zero in padding.
    pub(crate) fn agent_lanes(&self, e: &Expression) -> Result<Vec<Lane>, Error> {
        if let Expression::Number(v) = e {
            return Ok(vec![[*v; LANES]; self.agent_rows.len()]);
        }
        let values = e.evaluate(&self.agents)?;
        let at = |row: &u32| values.get(*row as usize).copied().unwrap_or(0.0);
        Ok(self
            .agent_rows
            .iter()
            .map(|rows| std::array::from_fn(|l| at(&rows[l])))
            .collect())
    }

    /// Whether utility is linear in the price: its derivatives do not move with it.
    pub(crate) fn is_linear_in_price(&self) -> bool {
        let price = &self.specification.names.price;
        let terms = self
            .specification
            .linear
            .terms
            .iter()
            .chain(&self.specification.random.terms);
        terms.into_iter().all(|t| !t.derivative(price).reads(price))
    }

    /// `x1`, `x2` and their derivatives in one market at other prices.
    pub(crate) fn columns_at(&self, m: usize, prices: &[f64]) -> [Vec<f64>; 4] {
        let price = &self.specification.names.price;
        let rows = self.markets[m].rows.clone();
        let fill = |formulation: &Formulation, derivative: bool| {
            let terms: Vec<Expression> = formulation
                .terms
                .iter()
                .map(|t| {
                    if derivative {
                        t.derivative(price)
                    } else {
                        t.clone()
                    }
                })
                .collect();
            rows.clone()
                .zip(prices)
                .flat_map(|(row, p)| {
                    let at = self.order[row];
                    terms
                        .iter()
                        .map(move |t| t.at_with(&self.table, at, price, *p))
                        .collect::<Vec<_>>()
                })
                .collect::<Vec<f64>>()
        };
        let spec = &self.specification;
        [
            fill(&spec.linear, false),
            fill(&spec.random, false),
            fill(&spec.linear, true),
            fill(&spec.random, true),
        ]
    }

    pub(crate) fn view(&self, m: usize) -> MarketView<'_> {
        let market = &self.markets[m];
        let rows = &market.rows;
        let dims = self.node_count + self.demographic_count;
        MarketView {
            level: self.level,
            x2: &self.x2.data[rows.start * self.x2.cols..rows.end * self.x2.cols],
            k2: self.x2.cols,
            x2_price: &self.x2_price.data[rows.start * self.x2.cols..rows.end * self.x2.cols],
            x1_price: &self.x1_price.data[rows.start * self.x1.cols..rows.end * self.x1.cols],
            k1: self.x1.cols,
            shares: &self.shares[rows.clone()],
            prices: &self.prices[rows.clone()],
            nest: &market.nest,
            nest_rho: &market.nest_rho,
            weights: &self.weights[market.tiles.clone()],
            nodes: &self.nodes[market.tiles.start * dims..market.tiles.end * dims],
            dims,
        }
    }
}

/// Rows grouped by market, markets in order of first appearance: order, ranges, names.
pub(crate) fn sorted_by_market(labels: &[String]) -> (Vec<usize>, Vec<Range<usize>>, Vec<String>) {
    let mut index: HashMap<&str, usize> = HashMap::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut names = Vec::new();
    for (row, label) in labels.iter().enumerate() {
        let m = *index.entry(label).or_insert_with(|| {
            groups.push(Vec::new());
            names.push(label.clone());
            groups.len() - 1
        });
        groups[m].push(row);
    }
    let mut order = Vec::with_capacity(labels.len());
    let mut ranges = Vec::new();
    for group in groups {
        let start = order.len();
        order.extend(group);
        ranges.push(start..order.len());
    }
    (order, ranges, names)
}

fn local_nests(labels: &[String], rhos: &[String]) -> (Vec<u32>, Vec<u32>) {
    let mut nest_rho = Vec::new();
    let mut found: BTreeMap<&str, u32> = BTreeMap::new();
    let nest = labels
        .iter()
        .map(|label| {
            *found.entry(label).or_insert_with(|| {
                nest_rho.push(rhos.binary_search(label).unwrap_or(0) as u32);
                nest_rho.len() as u32 - 1
            })
        })
        .collect();
    (nest, nest_rho)
}

fn check_shares(
    shares: &[f64],
    prices: &[f64],
    ranges: &[Range<usize>],
    markets: &[String],
    products: &[String],
    defects: &mut Vec<Defect>,
) {
    for (range, market) in ranges.iter().zip(markets) {
        for j in range.clone() {
            let place = || format!("market {market}, product {}", products[j]);
            if !(shares[j] > 0.0 && shares[j] < 1.0) {
                defects.push(Defect::new(
                    place(),
                    format!("share {} is not between 0 and 1", shares[j]),
                ));
            }
            if !prices[j].is_finite() {
                defects.push(Defect::new(
                    place(),
                    format!("price {} is not finite", prices[j]),
                ));
            }
        }
        let total: f64 = shares[range.clone()].iter().sum();
        if total >= 1.0 {
            defects.push(Defect::new(
                format!("market {market}"),
                format!("shares sum to {total}, nothing is left for the outside good"),
            ));
        }
    }
}

/// Columns that others make up, by name.
fn check_rank(what: &str, x: &Matrix, labels: &[String], defects: &mut Vec<Defect>) {
    for c in collinear_columns(x, 1e-10) {
        defects.push(Defect::new(
            format!("{what}, `{}`", labels[c]),
            "is a combination of the columns before it (and of absorbed effects)",
        ));
    }
}
