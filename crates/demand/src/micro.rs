//! Micro moments: what surveys say about who chooses what (Petrin 2002; Conlon and Gortmaker 2023).
//!
//! A dataset draws agent `i` who chooses `j` (and would choose `k` if `j` were gone) with probability in proportion to
//! `w_i omega_i s_ij (s_ik(-j)) omega_j`. A part is the mean of `a_i b_j (c_k)` over the dataset; a moment is a function of parts.

use crate::error::{Defect, Error};
use crate::formulation::Expression;
use crate::linalg::Matrix;
use crate::problem::Problem;
use crate::simd::{self, Kernel, LANES, Lane, ZERO, fma};
use crate::tangent::{Direction, Point, Scratch};

/// Whom a survey asked.
#[derive(Debug, Clone)]
pub struct Dataset {
    /// Name.
    pub name: String,
    /// Number of answers; scales the covariance of its moments.
    pub observations: f64,
    /// Markets; all where empty.
    pub markets: Vec<String>,
    /// Sampling weight of an agent, over columns of the agents.
    pub agents: Expression,
    /// Sampling weight of a chosen product and of choosing none.
    pub choices: Factor,
    /// Whether second choices were asked.
    pub second: bool,
}

/// A function of a choice: an expression over columns of the products, and its value for the outside good.
#[derive(Debug, Clone)]
pub struct Factor {
    /// Value of a product.
    pub product: Expression,
    /// Value of the outside good.
    pub outside: f64,
}

impl Factor {
    /// 1 for every choice.
    pub fn one() -> Self {
        Self {
            product: Expression::Number(1.0),
            outside: 1.0,
        }
    }

    /// 1 for every product, 0 for the outside good.
    pub fn inside() -> Self {
        Self {
            product: Expression::Number(1.0),
            outside: 0.0,
        }
    }
}

/// A mean over a dataset.
#[derive(Debug, Clone)]
pub struct Part {
    /// Index of the dataset.
    pub dataset: usize,
    /// Function of the agent.
    pub agents: Expression,
    /// Function of the choice.
    pub choice: Factor,
    /// Function of the second choice; read only where the dataset has them.
    pub second: Factor,
}

/// A function of parts.
#[derive(Debug, Clone)]
pub enum Formula {
    /// A part.
    Mean(usize),
    /// One part by another: a conditional mean.
    Ratio(usize, usize),
    /// `E[xy] - E[x] E[y]`.
    Covariance(usize, usize, usize),
}

impl Formula {
    fn value(&self, parts: &[f64]) -> f64 {
        match *self {
            Self::Mean(p) => parts[p],
            Self::Ratio(p, q) => parts[p] / parts[q],
            Self::Covariance(xy, x, y) => parts[xy] - parts[x] * parts[y],
        }
    }

    fn gradient(&self, parts: &[f64]) -> Vec<(usize, f64)> {
        match *self {
            Self::Mean(p) => vec![(p, 1.0)],
            Self::Ratio(p, q) => {
                vec![(p, 1.0 / parts[q]), (q, -parts[p] / (parts[q] * parts[q]))]
            }
            Self::Covariance(xy, x, y) => vec![(xy, 1.0), (x, -parts[y]), (y, -parts[x])],
        }
    }

    fn parts(&self) -> Vec<usize> {
        match *self {
            Self::Mean(p) => vec![p],
            Self::Ratio(p, q) => vec![p, q],
            Self::Covariance(a, b, c) => vec![a, b, c],
        }
    }
}

/// A moment with its observed value.
#[derive(Debug, Clone)]
pub struct Moment {
    /// Name.
    pub name: String,
    /// Observed value.
    pub value: f64,
    /// Function of parts.
    pub formula: Formula,
}

/// Surveys and the moments taken from them.
#[derive(Debug, Clone, Default)]
pub struct MicroMoments {
    /// Surveys.
    pub datasets: Vec<Dataset>,
    /// Means over them.
    pub parts: Vec<Part>,
    /// Moments.
    pub moments: Vec<Moment>,
    /// Sampling covariance of the moments; from the model where `None`.
    pub covariance: Option<Matrix>,
}

/// Micro moments bound to a problem: every factor evaluated.
pub(crate) struct Bound {
    datasets: Vec<BoundDataset>,
    parts: Vec<BoundPart>,
    pub moments: Vec<Moment>,
    pub covariance: Option<Matrix>,
}

struct BoundDataset {
    observations: f64,
    markets: Vec<bool>,
    agents: Vec<Lane>,
    choices: Vec<f64>,
    outside: f64,
    second: bool,
}

struct BoundPart {
    dataset: usize,
    agents: Vec<Lane>,
    choices: Vec<f64>,
    outside: f64,
    second: Vec<f64>,
    second_outside: f64,
}

/// One market's contribution: sums over agents, before they are divided over all markets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contribution {
    pub numerator: Vec<f64>,
    pub denominator: Vec<f64>,
    /// `parts x directions`.
    pub numerator_tangent: Vec<f64>,
    pub denominator_tangent: Vec<f64>,
    /// `parts x parts`.
    pub products: Vec<f64>,
}

/// Values of the moments, their derivatives and covariance.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values {
    pub model: Vec<f64>,
    /// Observed less model.
    pub gaps: Vec<f64>,
    /// Derivative of the gaps, `moments x directions`.
    pub jacobian: Matrix,
    pub covariance: Matrix,
}

impl Bound {
    pub fn new(problem: &Problem, micro: &MicroMoments) -> Result<Self, Error> {
        let mut defects: Vec<Defect> = Vec::new();
        let mut products = |e: &Expression| match e.evaluate(&problem.table) {
            Ok(v) if v.is_empty() => vec![0.0; problem.products()],
            Ok(v) => problem.in_market_order(&v),
            Err(Error::Invalid(found)) => {
                defects.extend(found);
                vec![0.0; problem.products()]
            }
            Err(_) => vec![0.0; problem.products()],
        };
        let mut choices: Vec<Vec<f64>> = micro
            .datasets
            .iter()
            .map(|d| products(&d.choices.product))
            .collect();
        let mut firsts: Vec<Vec<f64>> = micro
            .parts
            .iter()
            .map(|p| products(&p.choice.product))
            .collect();
        let mut seconds: Vec<Vec<f64>> = micro
            .parts
            .iter()
            .map(|p| products(&p.second.product))
            .collect();
        let mut lanes = |e: &Expression| match problem.agent_lanes(e) {
            Ok(v) => v,
            Err(Error::Invalid(found)) => {
                defects.extend(found);
                Vec::new()
            }
            Err(_) => Vec::new(),
        };
        let dataset_agents: Vec<Vec<Lane>> =
            micro.datasets.iter().map(|d| lanes(&d.agents)).collect();
        let part_agents: Vec<Vec<Lane>> = micro.parts.iter().map(|p| lanes(&p.agents)).collect();
        for d in &micro.datasets {
            if !(d.observations > 0.0) {
                defects.push(Defect::new(
                    format!("micro dataset {}", d.name),
                    "needs a positive number of observations",
                ));
            }
            for name in &d.markets {
                if !problem.markets.iter().any(|m| m.name == *name) {
                    defects.push(Defect::new(
                        format!("micro dataset {}", d.name),
                        format!("no market `{name}`"),
                    ));
                }
            }
        }
        for (i, p) in micro.parts.iter().enumerate() {
            if p.dataset >= micro.datasets.len() {
                defects.push(Defect::new(
                    format!("micro part {i}"),
                    "names a dataset that is not there",
                ));
            }
        }
        for m in &micro.moments {
            if m.formula.parts().iter().any(|p| *p >= micro.parts.len()) {
                defects.push(Defect::new(
                    format!("micro moment {}", m.name),
                    "names a part that is not there",
                ));
            }
            if !m.value.is_finite() {
                defects.push(Defect::new(
                    format!("micro moment {}", m.name),
                    "has no finite value",
                ));
            }
        }
        if let Some(c) = &micro.covariance
            && (c.rows != micro.moments.len() || c.cols != micro.moments.len() || !c.is_finite())
        {
            defects.push(Defect::new(
                "micro covariance",
                format!(
                    "is {} x {}, expected finite {2} x {2}",
                    c.rows,
                    c.cols,
                    micro.moments.len()
                ),
            ));
        }
        Error::of(defects)?;
        let datasets = micro
            .datasets
            .iter()
            .zip(dataset_agents)
            .zip(&mut choices)
            .map(|((d, agents), choices)| BoundDataset {
                observations: d.observations,
                markets: problem
                    .markets
                    .iter()
                    .map(|m| d.markets.is_empty() || d.markets.contains(&m.name))
                    .collect(),
                agents,
                choices: std::mem::take(choices),
                outside: d.choices.outside,
                second: d.second,
            })
            .collect();
        let parts = micro
            .parts
            .iter()
            .zip(part_agents)
            .zip(firsts.iter_mut().zip(&mut seconds))
            .map(|((p, agents), (first, second))| BoundPart {
                dataset: p.dataset,
                agents,
                choices: std::mem::take(first),
                outside: p.choice.outside,
                second: std::mem::take(second),
                second_outside: p.second.outside,
            })
            .collect();
        Ok(Self {
            datasets,
            parts,
            moments: micro.moments.clone(),
            covariance: micro.covariance.clone(),
        })
    }

    /// Sums over one market's agents.
    pub fn contribution(
        &self,
        m: usize,
        rows: std::ops::Range<usize>,
        tiles: std::ops::Range<usize>,
        point: &Point,
        directions: &[Direction],
        d_delta: &Matrix,
    ) -> Contribution {
        point.view.level.run(Sums {
            bound: self,
            m,
            rows,
            tiles,
            point,
            directions,
            d_delta,
        })
    }

    /// Moments from the contributions of all markets.
    pub fn values(
        &self,
        contributions: &[Contribution],
        directions: usize,
        covariance: bool,
    ) -> Values {
        let (parts, moments) = (self.parts.len(), self.moments.len());
        let mut sum = Contribution::sized(parts, directions);
        for c in contributions {
            sum.add(c);
        }
        let means: Vec<f64> = (0..parts)
            .map(|p| sum.numerator[p] / sum.denominator[p])
            .collect();
        let mut out = Values {
            model: self
                .moments
                .iter()
                .map(|m| m.formula.value(&means))
                .collect(),
            jacobian: Matrix::zeros(moments, directions),
            covariance: Matrix::zeros(moments, moments),
            ..Values::default()
        };
        out.gaps = self
            .moments
            .iter()
            .zip(&out.model)
            .map(|(m, v)| m.value - v)
            .collect();
        for (i, moment) in self.moments.iter().enumerate() {
            for (p, slope) in moment.formula.gradient(&means) {
                for d in 0..directions {
                    let change = (sum.numerator_tangent[p * directions + d]
                        - means[p] * sum.denominator_tangent[p * directions + d])
                        / sum.denominator[p];
                    out.jacobian[(i, d)] -= slope * change;
                }
            }
        }
        if !covariance {
            return out;
        }
        if let Some(given) = &self.covariance {
            out.covariance = given.clone();
            return out;
        }
        for (i, a) in self.moments.iter().enumerate() {
            for (k, b) in self.moments.iter().enumerate() {
                for (p, x) in a.formula.gradient(&means) {
                    for (q, y) in b.formula.gradient(&means) {
                        if self.parts[p].dataset == self.parts[q].dataset {
                            let n = self.datasets[self.parts[p].dataset].observations;
                            let c = sum.products[p * parts + q] / sum.denominator[p]
                                - means[p] * means[q];
                            out.covariance[(i, k)] += x * y * c / n;
                        }
                    }
                }
            }
        }
        out
    }
}

impl Contribution {
    fn sized(parts: usize, directions: usize) -> Self {
        Self {
            numerator: vec![0.0; parts],
            denominator: vec![0.0; parts],
            numerator_tangent: vec![0.0; parts * directions],
            denominator_tangent: vec![0.0; parts * directions],
            products: vec![0.0; parts * parts],
        }
    }

    fn add(&mut self, other: &Self) {
        for (a, b) in [
            (&mut self.numerator, &other.numerator),
            (&mut self.denominator, &other.denominator),
            (&mut self.numerator_tangent, &other.numerator_tangent),
            (&mut self.denominator_tangent, &other.denominator_tangent),
            (&mut self.products, &other.products),
        ] {
            for (a, b) in a.iter_mut().zip(b) {
                *a += b;
            }
        }
    }
}

struct Sums<'a> {
    bound: &'a Bound,
    m: usize,
    rows: std::ops::Range<usize>,
    tiles: std::ops::Range<usize>,
    point: &'a Point<'a>,
    directions: &'a [Direction],
    d_delta: &'a Matrix,
}

/// Functions of first and second choice whose expectation over choices is wanted.
struct Integrand<'a> {
    first: Vec<f64>,
    first_outside: f64,
    second: Option<(&'a [f64], f64)>,
}

impl Sums<'_> {
    /// `sum_j b_j s_j (sum_k c_k s_k(-j))` of every agent of a tile and its derivative in a direction.
    #[inline(always)]
    fn expectation<const FMA: bool>(
        &self,
        t: usize,
        f: &Integrand,
        scratch: Option<(&Scratch, Direction)>,
    ) -> Lane {
        let point = self.point;
        let n = point.view.products();
        let p = &point.choices.p[t * n..(t + 1) * n];
        let mut out = ZERO;
        let Some((c, c_outside)) = f.second else {
            match scratch {
                None => {
                    for j in 0..n {
                        if f.first[j] != 0.0 {
                            for l in 0..LANES {
                                out[l] = fma::<FMA>(p[j][l], f.first[j], out[l]);
                            }
                        }
                    }
                    for l in 0..LANES {
                        out[l] += f.first_outside * point.choices.outside[t][l];
                    }
                }
                Some((scratch, _)) => {
                    // What all products gain the outside good loses.
                    for j in 0..n {
                        let b = f.first[j] - f.first_outside;
                        if b != 0.0 {
                            for l in 0..LANES {
                                out[l] = fma::<FMA>(p[j][l] * scratch.log_s[j][l], b, out[l]);
                            }
                        }
                    }
                }
            }
            return out;
        };
        let nested = point.view.nested();
        let nests = if nested { point.nest_lambda.len() } else { 1 };
        let nest = |j: usize| {
            if nested {
                point.view.nest[j] as usize
            } else {
                0
            }
        };
        let (mut sum, mut d_sum) = (vec![0.0; nests], vec![0.0; nests]);
        let (mut share, mut d_share) = (vec![0.0; nests], vec![0.0; nests]);
        for l in 0..LANES {
            sum.fill(0.0);
            d_sum.fill(0.0);
            share.fill(0.0);
            d_share.fill(0.0);
            let mut d_inside = 0.0;
            for j in 0..n {
                let ds = scratch.map_or(0.0, |(s, _)| p[j][l] * s.log_s[j][l]);
                sum[nest(j)] += c[j] * p[j][l];
                d_sum[nest(j)] += c[j] * ds;
                share[nest(j)] += p[j][l];
                d_share[nest(j)] += ds;
                d_inside += ds;
            }
            let all = sum.iter().sum::<f64>() + c_outside * point.choices.outside[t][l];
            let d_all = d_sum.iter().sum::<f64>() - c_outside * d_inside;
            for j in 0..n {
                if f.first[j] == 0.0 {
                    continue;
                }
                let s = p[j][l];
                let h = nest(j);
                let ds = scratch.map_or(0.0, |(x, _)| s * x.log_s[j][l]);
                let (value, change) = if nested {
                    // Without j the nest keeps (1-c)^lambda of its weight, its other products (1-c)^(lambda-1) of theirs.
                    let inner = point.choices.c[t * n + j][l];
                    let lambda = point.nest_lambda[h];
                    let rest = (1.0 - inner).max(1e-300);
                    let (a, r) = (rest.powf(lambda - 1.0), rest.powf(lambda));
                    let den = 1.0 - share[h] * (1.0 - r);
                    let (mut da, mut dr) = (0.0, 0.0);
                    if let Some((x, direction)) = scratch {
                        let dc = inner * x.log_c[j][l];
                        let moved = matches!(direction, Direction::Rho { h: q }
                            if q == crate::tangent::ALL_NESTS || point.view.nest_rho[h] as usize == q);
                        let d_lambda = if moved { -1.0 } else { 0.0 };
                        da = a * (-(lambda - 1.0) * dc / rest + d_lambda * rest.ln());
                        dr = r * (-lambda * dc / rest + d_lambda * rest.ln());
                    }
                    let own = sum[h] - c[j] * s;
                    let d_own = d_sum[h] - c[j] * ds;
                    let top = own * a + (all - sum[h]);
                    let d_top = d_own * a + own * da + d_all - d_sum[h];
                    let d_den = -d_share[h] * (1.0 - r) + share[h] * dr;
                    (
                        s * top / den,
                        ds * top / den + s * d_top / den - s * top * d_den / (den * den),
                    )
                } else {
                    let den = 1.0 - s;
                    let top = all - c[j] * s;
                    let d_top = d_all - c[j] * ds;
                    (
                        s * top / den,
                        ds * top / den + s * d_top / den + s * top * ds / (den * den),
                    )
                };
                out[l] += f.first[j] * if scratch.is_some() { change } else { value };
            }
        }
        out
    }
}

impl Kernel for Sums<'_> {
    type Output = Contribution;
    #[inline(always)]
    fn run<const FMA: bool>(self) -> Contribution {
        let bound = self.bound;
        let (parts, count) = (bound.parts.len(), self.directions.len());
        let mut out = Contribution::sized(parts, count);
        let view = &self.point.view;
        let n = view.products();
        let integrand =
            |dataset: &BoundDataset, chosen: &[(&[f64], f64)], second: Option<(Vec<f64>, f64)>| {
                let mut first: Vec<f64> = dataset.choices[self.rows.clone()].to_vec();
                let mut outside = dataset.outside;
                for (values, at_outside) in chosen {
                    first
                        .iter_mut()
                        .zip(&values[self.rows.clone()])
                        .for_each(|(a, b)| *a *= b);
                    outside *= at_outside;
                }
                (first, outside, second)
            };
        let one = vec![1.0; n];
        let mut scratch = Scratch::new(view);
        let active: Vec<usize> = (0..parts)
            .filter(|p| bound.datasets[bound.parts[*p].dataset].markets[self.m])
            .collect();
        // Numerators and denominators, then products of parts of one dataset.
        let mut wanted = Vec::new();
        for p in &active {
            let part = &bound.parts[*p];
            let dataset = &bound.datasets[part.dataset];
            let second = |x: &[f64], o: f64| dataset.second.then(|| (x.to_vec(), o));
            wanted.push((
                *p,
                None,
                integrand(
                    dataset,
                    &[(&part.choices, part.outside)],
                    second(&part.second[self.rows.clone()], part.second_outside),
                ),
            ));
            wanted.push((
                *p,
                Some(usize::MAX),
                integrand(dataset, &[], second(&one, 1.0)),
            ));
            for q in &active {
                let other = &bound.parts[*q];
                if q <= p && other.dataset == part.dataset {
                    let both: Vec<f64> = part.second[self.rows.clone()]
                        .iter()
                        .zip(&other.second[self.rows.clone()])
                        .map(|(a, b)| a * b)
                        .collect();
                    wanted.push((
                        *p,
                        Some(*q),
                        integrand(
                            dataset,
                            &[
                                (&part.choices, part.outside),
                                (&other.choices, other.outside),
                            ],
                            second(&both, part.second_outside * other.second_outside),
                        ),
                    ));
                }
            }
        }
        let integrands: Vec<_> = wanted
            .iter()
            .map(|(p, kind, (first, outside, second))| {
                (
                    *p,
                    *kind,
                    Integrand {
                        first: first.clone(),
                        // Second choices are asked of buyers only.
                        first_outside: if second.is_some() { 0.0 } else { *outside },
                        second: second.as_ref().map(|(c, o)| (c.as_slice(), *o)),
                    },
                )
            })
            .collect();
        for t in 0..view.tiles() {
            let at = self.tiles.start + t;
            let weight = |p: usize, kind: Option<usize>| -> Lane {
                let part = &bound.parts[p];
                let dataset = &bound.datasets[part.dataset];
                std::array::from_fn(|l| {
                    let w = view.weights[t][l] * dataset.agents[at][l];
                    match kind {
                        None => w * part.agents[at][l],
                        Some(usize::MAX) => w,
                        Some(q) => w * part.agents[at][l] * bound.parts[q].agents[at][l],
                    }
                })
            };
            let total = |w: &Lane, e: &Lane| {
                let product: Lane = std::array::from_fn(|l| w[l] * e[l]);
                simd::sum(&product)
            };
            for (p, kind, f) in &integrands {
                let value = total(&weight(*p, *kind), &self.expectation::<FMA>(t, f, None));
                match kind {
                    None => out.numerator[*p] += value,
                    Some(usize::MAX) => out.denominator[*p] += value,
                    Some(q) => {
                        out.products[p * parts + q] += value;
                        if p != q {
                            out.products[q * parts + p] += value;
                        }
                    }
                }
            }
            for (d, direction) in self.directions.iter().enumerate() {
                if matches!(direction, Direction::None | Direction::Price { .. }) {
                    continue;
                }
                self.point.log_tangent::<FMA>(
                    t,
                    *direction,
                    Some((&self.d_delta.data, count, d)),
                    &mut scratch,
                );
                for (p, kind, f) in &integrands {
                    let target = match kind {
                        None => &mut out.numerator_tangent,
                        Some(usize::MAX) => &mut out.denominator_tangent,
                        Some(_) => continue,
                    };
                    let e = self.expectation::<FMA>(t, f, Some((&scratch, *direction)));
                    target[p * count + d] += total(&weight(*p, *kind), &e);
                }
            }
        }
        out
    }
}
