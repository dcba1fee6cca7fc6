//! Instruments from characteristics of other products, and from the model itself.

use crate::error::Error;
use crate::estimate::Results;
use crate::evaluate::{Request, evaluate};
use crate::formulation::{Formulation, Table};
use crate::invert::Inversion;
use crate::linalg::{Factor, Matrix, collinear_columns, dot};
use crate::parameters::{Layout, Parameter};
use crate::price::Pricing;
use crate::problem::{CostForm, Names, Problem, sorted_by_market};

/// Closeness of products in differentiation instruments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closeness {
    /// Number of products nearer than one standard deviation of the differences over all markets.
    Local,
    /// Sum of squared differences.
    Quadratic,
}

type Grouped = (Vec<usize>, Vec<std::ops::Range<usize>>, Vec<String>);
/// Columns, products by market, and the firm of each product.
type Prepared = (Vec<Vec<f64>>, Grouped, Vec<String>);

fn grouped(formulation: &Formulation, products: &Table, names: &Names) -> Result<Prepared, Error> {
    let columns = formulation
        .terms
        .iter()
        .map(|t| t.evaluate(products))
        .collect::<Result<Vec<_>, _>>()?;
    let label = |name: &str| {
        products
            .labels(name)
            .ok_or_else(|| Error::invalid("products", format!("no column `{name}`")))
    };
    let (markets, firms) = (label(&names.market)?, label(&names.firm)?);
    Ok((columns, sorted_by_market(&markets), firms))
}

/// Sums of characteristics over the maker's other products and over rivals' (Berry, Levinsohn and Pakes 1995), in the order of the
/// table: first all of the former, then all of the latter.
///
/// # Errors
/// Columns that are missing.
pub fn blp_instruments(
    formulation: &Formulation,
    products: &Table,
    names: &Names,
) -> Result<Vec<Vec<f64>>, Error> {
    let (columns, (order, ranges, _), firms) = grouped(formulation, products, names)?;
    let mut own = vec![vec![0.0; products.rows()]; columns.len()];
    let mut rival = own.clone();
    for range in ranges {
        for j in range.clone() {
            for k in range.clone().filter(|k| *k != j) {
                let (j, k) = (order[j], order[k]);
                let target = if firms[j] == firms[k] {
                    &mut own
                } else {
                    &mut rival
                };
                for (sum, column) in target.iter_mut().zip(&columns) {
                    sum[j] += column[k];
                }
            }
        }
    }
    own.extend(rival);
    Ok(own)
}

/// Differentiation instruments of Gandhi and Houde: sums over the maker's other products, then over rivals', of a function of
/// differences in characteristics; with `interact` also of products of differences.
///
/// # Errors
/// Columns that are missing.
pub fn differentiation_instruments(
    formulation: &Formulation,
    products: &Table,
    names: &Names,
    closeness: Closeness,
    interact: bool,
) -> Result<Vec<Vec<f64>>, Error> {
    let (columns, (order, ranges, _), firms) = grouped(formulation, products, names)?;
    let count = columns.len();
    let deviations: Vec<f64> = columns
        .iter()
        .map(|x| {
            let (mut pairs, mut sum, mut squares) = (0.0, 0.0, 0.0);
            for range in &ranges {
                for j in range.clone() {
                    for k in range.clone().filter(|k| *k != j) {
                        let d = x[order[k]] - x[order[j]];
                        pairs += 1.0;
                        sum += d;
                        squares += d * d;
                    }
                }
            }
            (squares / pairs - (sum / pairs).powi(2)).sqrt()
        })
        .collect();
    let mut terms = Vec::new();
    for a in 0..count {
        match (closeness, interact) {
            (Closeness::Quadratic | Closeness::Local, false) => terms.push((a, a)),
            (Closeness::Quadratic, true) => terms.extend((a..count).map(|b| (a, b))),
            (Closeness::Local, true) => terms.extend((0..count).map(|b| (a, b))),
        }
    }
    let mut own = vec![vec![0.0; products.rows()]; terms.len()];
    let mut rival = own.clone();
    for range in ranges {
        for j in range.clone() {
            for k in range.clone().filter(|k| *k != j) {
                let (j, k) = (order[j], order[k]);
                let target = if firms[j] == firms[k] {
                    &mut own
                } else {
                    &mut rival
                };
                for (sum, (a, b)) in target.iter_mut().zip(&terms) {
                    // PyBLP's sign: product j less product k.
                    let (da, db) = (
                        columns[*a][j] - columns[*a][k],
                        columns[*b][j] - columns[*b][k],
                    );
                    sum[j] += match closeness {
                        Closeness::Quadratic => da * db,
                        Closeness::Local if da.abs() >= deviations[*a] => 0.0,
                        Closeness::Local => {
                            if interact {
                                db
                            } else {
                                1.0
                            }
                        }
                    };
                }
            }
        }
    }
    own.extend(rival);
    Ok(own)
}

/// Optimal instruments and the problem that has them.
#[derive(Debug, Clone)]
pub struct OptimalInstruments {
    /// The problem with its excluded instruments replaced.
    pub problem: Problem,
    /// Expected prices.
    pub prices: Vec<f64>,
    /// Inverse covariance of demand and cost errors.
    pub precision: Matrix,
}

impl Results<'_> {
    /// Approximate optimal instruments (Chamberlain 1987; Berry, Levinsohn and Pakes 1999; Conlon and Gortmaker 2020): derivatives of the errors
    /// by the parameters where the errors are zero, times the inverse of their covariance. Prices there are the equilibrium of estimated
    /// costs, or without a supply side those fitted by the instruments.
    ///
    /// # Errors
    /// Prices that were not found, instruments that are all combinations of exogenous characteristics.
    pub fn optimal_instruments(&self, pricing: &Pricing) -> Result<OptimalInstruments, Error> {
        let problem = self.problem;
        let n = problem.products();
        let mut economy = self.economy();
        for (delta, xi) in economy.delta.iter_mut().zip(&self.xi) {
            *delta -= xi;
        }
        let prices = if problem.has_supply() {
            let costs: Vec<f64> = self
                .tilde_costs
                .iter()
                .zip(&self.omega)
                .map(|(c, o)| match problem.cost_form {
                    CostForm::Linear => c - o,
                    CostForm::Log => (c - o).exp(),
                })
                .collect();
            economy.costs = costs;
            let options = Pricing {
                check: false,
                ..*pricing
            };
            let outcome = economy.equilibrium(&crate::Counterfactual::default(), &options)?;
            for (market, verdict) in problem.markets().iter().zip(&outcome.verdicts) {
                if !verdict.converged {
                    return Err(Error::NotFinite(format!(
                        "expected prices of market {market} were not found"
                    )));
                }
            }
            outcome.prices
        } else {
            fitted_prices(problem)?
        };
        let delta = economy.delta_at(&prices)?;
        let shares = economy.shares_at(&prices)?;
        let names = &problem.specification.names;
        let table = problem
            .table
            .clone()
            .with(&names.price, problem.in_table_order(&prices))
            .with(&names.share, problem.in_table_order(&shares));
        let expected = Problem::build(
            problem.specification.clone(),
            &table,
            Some(&problem.agents),
            false,
        )?;
        let mut start = self.parameters.clone();
        let layout = Layout::new(problem, &self.start)?;
        for k in &layout.concentrated {
            start.beta[*k] = None;
        }
        let request = Request {
            layout: &layout,
            inversion: &Inversion::default(),
            cost_bounds: self.options.cost_bounds,
            micro: None,
            derivatives: true,
            micro_covariance: false,
        };
        let mut at = evaluate(&expected, &self.parameters, &delta, &request);
        for (p, parameter) in layout.free.iter().enumerate() {
            if let Parameter::Beta(k) = parameter {
                for r in 0..n {
                    at.delta_tangent[(r, p)] -= expected.x1[(r, *k)];
                }
            }
        }
        // Coefficients of the price that are concentrated out have their own derivative: the characteristic itself.
        let endogenous: Vec<usize> = layout
            .concentrated
            .iter()
            .copied()
            .filter(|k| problem.specification.linear.terms[*k].reads(&names.price))
            .collect();
        let supply = problem.has_supply();
        let precision = precision(&self.xi, &self.omega)?;
        let mut demand = Vec::new();
        let mut cost = Vec::new();
        for p in 0..layout.free.len() {
            let d = at.delta_tangent.column(p);
            if supply {
                let c = at.cost_tangent.column(p);
                demand.push(
                    (0..n)
                        .map(|r| precision[(0, 0)] * d[r] + precision[(0, 1)] * c[r])
                        .collect(),
                );
                cost.push(
                    (0..n)
                        .map(|r| precision[(1, 0)] * d[r] + precision[(1, 1)] * c[r])
                        .collect(),
                );
            } else {
                demand.push(d.iter().map(|x| precision[(0, 0)] * x).collect());
            }
        }
        for k in endogenous {
            demand.push(
                expected
                    .x1
                    .column(k)
                    .iter()
                    .map(|x| -precision[(0, 0)] * x)
                    .collect(),
            );
        }
        let demand = independent(problem, demand, &problem.x1, &problem.specification.linear);
        let cost = independent(problem, cost, &problem.x3, &problem.specification.cost);
        let replaced = problem
            .table
            .clone()
            .without_numbered(&names.demand_instruments)
            .without_numbered(&names.supply_instruments)
            .with_numbered(&names.demand_instruments, demand)
            .with_numbered(&names.supply_instruments, cost);
        let problem = Problem::new(
            problem.specification.clone(),
            &replaced,
            Some(&problem.agents),
        )?;
        Ok(OptimalInstruments {
            problem,
            prices,
            precision,
        })
    }
}

/// Columns, in the order of the table, that exogenous characteristics and the columns before them do not make up.
fn independent(
    problem: &Problem,
    columns: Vec<Vec<f64>>,
    x: &Matrix,
    formulation: &Formulation,
) -> Vec<Vec<f64>> {
    let names = &problem.specification.names;
    let exogenous: Vec<Vec<f64>> = formulation
        .terms
        .iter()
        .enumerate()
        .filter(|(_, t)| !t.reads(&names.price) && !t.reads(&names.share))
        .map(|(k, _)| x.column(k))
        .collect();
    let known = exogenous.len();
    let mut all = exogenous;
    all.extend(columns);
    let dependent = collinear_columns(&Matrix::from_columns(problem.products(), &all), 1e-8);
    all.into_iter()
        .enumerate()
        .skip(known)
        .filter(|(i, _)| !dependent.contains(i))
        .map(|(_, column)| problem.in_table_order(&column))
        .collect()
}

/// Prices fitted by the demand instruments.
fn fitted_prices(problem: &Problem) -> Result<Vec<f64>, Error> {
    let mut absorbed = problem.prices.clone();
    problem.demand_effects.absorb(&mut absorbed);
    let zz = problem.zd.transpose_times(&problem.zd);
    let mut coefficients = problem.zd.apply_transposed(&absorbed);
    Factor::new(zz.rows, &zz.data)
        .ok_or_else(|| Error::Singular {
            what: "Z'Z of the demand instruments".to_owned(),
            hint: String::new(),
        })?
        .solve(&mut coefficients);
    Ok((0..problem.products())
        .map(|r| dot(problem.zd.row(r), &coefficients) + problem.prices[r] - absorbed[r])
        .collect())
}

/// Inverse of the covariance of the errors; one number without a supply side.
fn precision(xi: &[f64], omega: &[f64]) -> Result<Matrix, Error> {
    let covariance = |a: &[f64], b: &[f64]| {
        let n = a.len() as f64;
        let (ma, mb) = (a.iter().sum::<f64>() / n, b.iter().sum::<f64>() / n);
        a.iter()
            .zip(b)
            .map(|(x, y)| (x - ma) * (y - mb))
            .sum::<f64>()
            / (n - 1.0)
    };
    let matrix = if omega.is_empty() {
        Matrix::new(
            1,
            1,
            vec![covariance(xi, xi) * (xi.len() as f64 - 1.0) / xi.len() as f64],
        )
    } else {
        let cross = covariance(xi, omega);
        Matrix::new(
            2,
            2,
            vec![covariance(xi, xi), cross, cross, covariance(omega, omega)],
        )
    };
    Factor::new(matrix.rows, &matrix.data)
        .map(|f| f.inverse())
        .ok_or_else(|| Error::Singular {
            what: "the covariance of the errors".to_owned(),
            hint: String::new(),
        })
}
