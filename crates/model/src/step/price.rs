//! Prices of one country and year: Bertrand-Nash by maker, with taxes, duties and support between maker and buyer (model.md section 6).
//!
//! `p = (1 + v) p_prod + s`. A maker's marginal cost is that of the base year, at which the prices then recorded are an equilibrium,
//! moved by direct cost: batteries, drives, engines, and by what a scenario sets.

use kyoso_demand::classes::{Buyers, ClassLayout, ClassMarket, ClassTastes, Costs, Scratch};

use super::cost::CostYear;
use super::standards::{Constraint, Multipliers, Search, Trial};
use super::wedge::Wedges;
use crate::calibrate::{Base, mix::Offers};
use crate::ids::{ORIGINS, POWERTRAINS};
use crate::world::World;

/// Largest relative change of a price in the last pass at which prices count as solved.
pub const TOLERANCE: f64 = 1e-11;
/// Passes over a market after which it counts as not solved.
pub const MOST_PASSES: usize = 400;

/// What buyers weigh beside the price, by offer, USD 2023: running cost less the worth of range and chargers.
pub fn beside(world: &World, costs: &CostYear, offers: &Offers, c: usize) -> Vec<f64> {
    // The same for all offers of a segment and powertrain.
    let mut cells = [f64::NAN; super::market::CLASSES];
    offers
        .of(c)
        .map(|j| {
            let (s, f) = (offers.segment[j] as usize, offers.powertrain[j] as usize);
            let cell = &mut cells[super::market::class_of(s, f)];
            if cell.is_nan() {
                *cell = costs.beside_price(world, c, s, f);
            }
            *cell
        })
        .collect()
}

/// Marginal costs of a country's offers, USD 2023: those of the base year moved by direct cost and by what a scenario sets for
/// origins.
pub fn marginal_costs(
    world: &World,
    base: &Base,
    costs: &CostYear,
    factors: &[[f64; POWERTRAINS]; ORIGINS],
    c: usize,
) -> Vec<f64> {
    let offers = &base.offers;
    offers
        .of(c)
        .map(|j| {
            let (o, s, f) = (
                offers.origin[j] as usize,
                offers.segment[j] as usize,
                offers.powertrain[j] as usize,
            );
            let direct = costs.direct_cost(&base.price_level, world, c, s, f);
            let moved = direct / base.prices.direct_cost_usd[j];
            base.prices.marginal_cost_usd[j] * moved * factors[o][f]
        })
        .collect()
}

/// Everything that a market's prices follow from.
pub struct Priced<'a> {
    /// Tastes.
    pub tastes: &'a ClassTastes,
    /// Buyers.
    pub buyers: &'a Buyers,
    /// Who sells what.
    pub layout: &'a ClassLayout,
    /// Utilities.
    pub utility: &'a [f64],
    /// Money beside the price, USD 2023.
    pub beside_usd: &'a [f64],
    /// Wedges.
    pub wedges: &'a Wedges,
    /// Marginal costs of producers, USD 2023.
    pub marginal_cost_usd: &'a [f64],
    /// Prices to the buyer, without the price of rules, to start from, USD 2023.
    pub start_usd: &'a [f64],
}

/// A solved market.
#[derive(Debug, Clone, Default)]
pub struct Solved {
    /// Prices to the buyer after tax and support, with the price of rules, USD 2023.
    pub consumer_price_usd: Vec<f64>,
    /// The same without the price of rules.
    pub untilted_price_usd: Vec<f64>,
    /// What the maker receives before tax and duty, without the price of rules, USD 2023.
    pub producer_price_usd: Vec<f64>,
    /// Part of potential buyers by offer.
    pub share: Vec<f64>,
    /// Part of potential buyers that buys.
    pub bought: f64,
    /// Demand shift.
    pub shift: f64,
    /// Multipliers of rules.
    pub multipliers: Multipliers,
    /// Surplus of buyers, USD 2023 a potential buyer.
    pub surplus_usd: f64,
    /// Passes over the market.
    pub evaluations: usize,
    /// Largest relative change of a price in the last pass.
    pub residual: f64,
}

impl Priced<'_> {
    /// The market as demand.
    pub fn market(&self) -> ClassMarket<'_> {
        ClassMarket {
            tastes: self.tastes,
            buyers: self.buyers,
            layout: self.layout,
            utility: self.utility,
            beside: self.beside_usd,
        }
    }

    /// Prices in equilibrium under the rules of `constraint`; `multipliers` are last year's, from which the search starts.
    pub fn solve(
        &self,
        constraint: &Constraint,
        multipliers: Multipliers,
        scratch: &mut Scratch,
    ) -> Solved {
        let market = self.market();
        let n = self.layout.products();
        let consumer_cost = self.wedges.consumer_costs(self.marginal_cost_usd);
        let kept = self.wedges.kept();
        let mut search = Search::from(multipliers);
        let solved = market.equilibrium(
            &Costs {
                consumer_cost: &consumer_cost,
                kept: &kept,
            },
            self.start_usd,
            &mut |market, weights, change, scratch, shares| {
                let trial = Trial::new(market, weights, constraint.size, scratch, shares);
                constraint.tilt(trial, change, &mut search)
            },
            (TOLERANCE, MOST_PASSES),
            scratch,
        );
        let producer_price_usd = (0..n)
            .map(|j| (solved.untilted[j] - self.wedges.specific_usd[j]) * kept[j])
            .collect();
        Solved {
            consumer_price_usd: solved.prices,
            untilted_price_usd: solved.untilted,
            producer_price_usd,
            share: solved.shares,
            bought: solved.bought,
            shift: solved.shift,
            multipliers: search.found(),
            surplus_usd: solved.surplus,
            evaluations: solved.evaluations,
            residual: solved.residual,
        }
    }
}
