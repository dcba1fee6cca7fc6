//! Prices in equilibrium under a change of the world, costs that prices imply, pass-through.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Counterfactual, Economy, Outcome};
use crate::error::{Defect, Error};
use crate::linalg::{Factor, Matrix};
use crate::price::{Game, Pricing, Terms, Verdict};
use crate::supply::{Margins, Ownership};

impl Economy<'_> {
    /// Makers under a change as numbers, those of the problem by the problem's own; empty where none changes.
    fn makers(&self, change: &Counterfactual) -> Vec<u32> {
        let problem = self.problem;
        let mut others: BTreeMap<&str, u32> = BTreeMap::new();
        let mut makers = Vec::with_capacity(change.firms.len());
        for (j, name) in change.firms.iter().enumerate() {
            // Most makers stay what they were.
            if *name == problem.firms[j] {
                makers.push(problem.makers[j]);
                continue;
            }
            let next = (problem.makers.len() + others.len()) as u32;
            let known = || problem.firms.iter().position(|f| f == name);
            makers.push(
                *others
                    .entry(name)
                    .or_insert_with(|| known().map_or(next, |i| problem.makers[i])),
            );
        }
        makers
    }

    /// Who owns the products of a market, given [`Self::makers`].
    fn ownership(&self, m: usize, makers: &[u32]) -> Cow<'_, Ownership> {
        let market = &self.problem.markets[m];
        if makers.is_empty() {
            return Cow::Borrowed(&market.ownership);
        }
        let rows = market.rows.clone();
        Cow::Owned(Ownership::from_firms(
            &makers[rows.clone()],
            &self.problem.equals[rows],
        ))
    }

    fn terms(&self, m: usize, change: &Counterfactual) -> Terms {
        Terms {
            ad_valorem: self.part(&change.ad_valorem, m).to_vec(),
            specific: self.part(&change.specific, m).to_vec(),
            floor: self.part(&change.floor, m).to_vec(),
            ceiling: self.part(&change.ceiling, m).to_vec(),
            notch: self.part(&change.notch, m).to_vec(),
            present: self.part(&change.present, m).to_vec(),
        }
    }

    /// Marginal costs that the problem's prices imply under makers and wedges:
    /// `c = (p - s)/(1 + v) - n`, `n` from `phi s + M n = 0`.
    ///
    /// # Errors
    /// Vectors of another length than the problem has products, wedges that leave no producer price.
    pub fn implied_costs(&self, change: &Counterfactual) -> Result<Vec<f64>, Error> {
        Error::of(self.defects(change))?;
        Ok(self.costs_implied(change))
    }

    /// [`Self::implied_costs`] under a change without defects.
    pub(super) fn costs_implied(&self, change: &Counterfactual) -> Vec<f64> {
        let makers = self.makers(change);
        self.by_market(|m| {
            let (market, choices, alpha) = self.choices(m, self.own_prices(m));
            let ownership = self.ownership(m, &makers);
            let margins = Margins::new(&market.view, &choices, &alpha, &market.lambda, &ownership);
            let terms = self.terms(m, change);
            let n = choices.shares.len();
            let wedge = |values: &[f64], j: usize| values.get(j).copied().unwrap_or(0.0);
            let scaled: Vec<f64> = (0..n)
                .map(|j| choices.shares[j] / (1.0 + wedge(&terms.ad_valorem, j)))
                .collect();
            let margin = margins.markups(&scaled);
            (0..n)
                .map(|j| {
                    (self.own_prices(m)[j] - wedge(&terms.specific, j))
                        / (1.0 + wedge(&terms.ad_valorem, j))
                        - margin[j]
                })
                .collect::<Vec<f64>>()
        })
        .concat()
    }

    /// What is wrong with a change.
    fn defects(&self, change: &Counterfactual) -> Vec<Defect> {
        let given = [
            ("firms", change.firms.len()),
            ("costs", change.costs.len()),
            ("ad_valorem", change.ad_valorem.len()),
            ("specific", change.specific.len()),
            ("floor", change.floor.len()),
            ("ceiling", change.ceiling.len()),
            ("notch", change.notch.len()),
            ("present", change.present.len()),
        ];
        let mut defects = self.misfits(given.into_iter().filter(|(_, length)| *length != 0));
        for (j, v) in change.ad_valorem.iter().enumerate() {
            if !(*v > -1.0 && v.is_finite()) {
                defects.push(Defect::new(
                    format!(
                        "ad_valorem, product {}",
                        self.problem.products.get(j).map_or("", String::as_str)
                    ),
                    format!("{v} leaves no producer price; more than -1 expected"),
                ));
            }
        }
        for j in 0..change.floor.len().min(change.ceiling.len()) {
            if change.floor[j] > change.ceiling[j] {
                defects.push(Defect::new(
                    format!(
                        "floor, product {}",
                        self.problem.products.get(j).map_or("", String::as_str)
                    ),
                    format!(
                        "{} stands above the ceiling {}",
                        change.floor[j], change.ceiling[j]
                    ),
                ));
            }
        }
        defects
    }

    /// The costs under a change, and prices to begin at, if nothing is wrong with any of them.
    fn costs_under<'v>(
        &'v self,
        change: &'v Counterfactual,
        start: &[f64],
    ) -> Result<&'v [f64], Error> {
        let mut defects = self.defects(change);
        let costs = if change.costs.is_empty() {
            &self.costs
        } else {
            &change.costs
        };
        if costs.is_empty() && self.problem.products() > 0 {
            defects.push(Defect::new(
                "costs",
                "are not known; give them or estimate a supply side",
            ));
        } else if change.costs.is_empty() {
            defects.extend(self.misfits([("costs", costs.len())]));
        }
        defects.extend(self.misfits([("start", start.len())]));
        Error::of(defects)?;
        Ok(costs)
    }

    /// Prices and shares in equilibrium under a change, from the problem's prices.
    ///
    /// # Errors
    /// Vectors of another length than the problem has products, costs that are not known.
    pub fn equilibrium(
        &self,
        change: &Counterfactual,
        options: &Pricing,
    ) -> Result<Outcome, Error> {
        self.equilibrium_from(&self.problem.prices, change, options)
    }

    /// [`Self::equilibrium`] from other prices.
    ///
    /// # Errors
    /// As [`Self::equilibrium`]; prices of another number than the problem has products.
    pub fn equilibrium_from(
        &self,
        start: &[f64],
        change: &Counterfactual,
        options: &Pricing,
    ) -> Result<Outcome, Error> {
        let costs = self.costs_under(change, start)?;
        let makers = self.makers(change);
        let solved = self.by_market(|m| {
            let market = self.priced(m);
            let ownership = self.ownership(m, &makers);
            let terms = self.terms(m, change);
            let mut game = Game::new(&market, &ownership, self.part(costs, m), &terms);
            let mut prices = self.part(start, m).to_vec();
            let verdict = game.solve(&mut prices, options);
            let shares = game.shares(&prices);
            (prices, shares, verdict)
        });
        let mut out = Outcome::default();
        for (prices, shares, verdict) in solved {
            out.prices.extend(prices);
            out.shares.extend(shares);
            out.verdicts.push(verdict);
        }
        Ok(out)
    }

    /// First- and second-order conditions at the problem's own prices.
    ///
    /// # Errors
    /// As [`Self::equilibrium`].
    pub fn verdicts(&self, change: &Counterfactual) -> Result<Vec<Verdict>, Error> {
        let costs = self.costs_under(change, &self.problem.prices)?;
        let makers = self.makers(change);
        Ok(self.by_market(|m| {
            let market = self.priced(m);
            let ownership = self.ownership(m, &makers);
            Game::new(
                &market,
                &ownership,
                self.part(costs, m),
                &self.terms(m, change),
            )
            .judge(self.own_prices(m), true)
        }))
    }

    /// `dp_j/dc_k`: how prices follow costs, one matrix a market, at the problem's prices.
    ///
    /// # Errors
    /// As [`Self::equilibrium`].
    pub fn pass_through(&self, change: &Counterfactual) -> Result<Vec<Matrix>, Error> {
        let costs = self.costs_under(change, &self.problem.prices)?;
        let makers = self.makers(change);
        Ok(self.by_market(|m| {
            let (market, choices, alpha) = self.choices(m, self.own_prices(m));
            let ownership = self.ownership(m, &makers);
            let n = choices.shares.len();
            let mut game = Game::new(
                &market,
                &ownership,
                self.part(costs, m),
                &self.terms(m, change),
            );
            let jacobian = game.jacobian(self.own_prices(m));
            // dF/dc = -M diag(phi) (1 + v) = -M, so dp/dc = (dF/dp)^-1 M.
            let slopes = self.share_derivatives(m, &market, &choices, &alpha);
            let mut rhs = Matrix::zeros(n, n);
            for j in 0..n {
                for (k, share) in ownership.members(ownership.row[j] as usize) {
                    rhs[(j, k)] = share * slopes[(k, j)];
                }
                // One of several equal makers gains from the whole of its own product's slope.
                if ownership.kappa(j, j) < 1.0 {
                    let sums = crate::supply::weighted_sums(
                        &market.view,
                        &crate::supply::sloped_shares(&choices, &alpha),
                    );
                    let own = sums[j] / market.lambda[j];
                    rhs[(j, j)] = own + ownership.kappa(j, j) * (slopes[(j, j)] - own);
                }
            }
            match Factor::new(n, &jacobian.data) {
                Some(factor) => factor.solve_columns(&mut rhs),
                None => rhs.data.fill(f64::NAN),
            }
            rhs
        }))
    }
}
