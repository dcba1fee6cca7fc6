//! Prices of one country and year: Bertrand-Nash by maker, with taxes, duties and support between maker and buyer (model.md section 6).
//!
//! `p = (1 + v) p_prod + s`. A maker's marginal cost is that of the base year, at which the prices then recorded are an equilibrium,
//! moved by direct cost: batteries, drives, engines, and by what a scenario sets.

use kyoso_demand::classes::{Buyers, ClassLayout, ClassMarket, ClassTastes, Costs, Scratch, Size};

use super::cost::{CostYear, PriceLevel};
use super::standards::{Constraint, Multipliers};
use crate::calibrate::{Base, mix::Offers};
use crate::ids::{ORIGINS, POWERTRAINS};
use crate::world::World;

/// Largest relative change of a price in the last pass at which prices count as solved.
pub const TOLERANCE: f64 = 1e-11;
/// Passes over a market after which it counts as not solved.
pub const MOST_PASSES: usize = 400;

/// Wedges between producer and consumer price of a country's offers, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wedges {
    /// `v`: duty and taxes in parts of the producer price.
    pub ad_valorem: Vec<f64>,
    /// `s`: USD 2023 a vehicle, support negative.
    pub specific_usd: Vec<f64>,
}

impl Wedges {
    /// `phi = 1/(1 + v)`: the part of a consumer's dollar that reaches the producer.
    pub fn kept(&self) -> Vec<f64> {
        self.ad_valorem.iter().map(|v| 1.0 / (1.0 + v)).collect()
    }

    /// Consumer prices at marginal costs and margins of producers, USD 2023.
    pub fn prices(&self, marginal_cost_usd: &[f64], margin_usd: &[f64]) -> Vec<f64> {
        (0..marginal_cost_usd.len())
            .map(|j| {
                (1.0 + self.ad_valorem[j]) * (marginal_cost_usd[j] + margin_usd[j])
                    + self.specific_usd[j]
            })
            .collect()
    }

    /// Costs in consumer prices, `(1 + v) c + s`.
    pub fn consumer_costs(&self, marginal_cost_usd: &[f64]) -> Vec<f64> {
        (0..marginal_cost_usd.len())
            .map(|j| (1.0 + self.ad_valorem[j]) * marginal_cost_usd[j] + self.specific_usd[j])
            .collect()
    }
}

/// Wedges of a country's offers in a year.
pub fn wedges(
    world: &World,
    level: &PriceLevel,
    costs: &CostYear,
    offers: &Offers,
    c: usize,
) -> Wedges {
    let range = offers.of(c);
    Wedges {
        ad_valorem: range
            .clone()
            .map(|j| {
                let (o, f) = (offers.origin[j] as usize, offers.powertrain[j] as usize);
                (1.0 + level.duty[(c, o)]) * (1.0 + world.tax_rate[(c, f)]) - 1.0
            })
            .collect(),
        specific_usd: range
            .map(|j| -costs.support_usd[(c, offers.powertrain[j] as usize)])
            .collect(),
    }
}

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
    /// Price of rules by class, USD 2023; empty where none binds.
    pub tilt_usd: Vec<f64>,
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
        mut multipliers: Multipliers,
        scratch: &mut Scratch,
    ) -> Solved {
        let market = self.market();
        let n = self.layout.products();
        let consumer_cost = self.wedges.consumer_costs(self.marginal_cost_usd);
        let kept = self.wedges.kept();
        let (solved, tilt_usd) = market.equilibrium(
            &Costs {
                consumer_cost: &consumer_cost,
                kept: &kept,
            },
            self.start_usd,
            constraint.size,
            &mut |market, weights, scratch, shares| {
                constraint.tilt(market, weights, scratch, shares, &mut multipliers)
            },
            (TOLERANCE, MOST_PASSES),
            scratch,
        );
        let producer_price_usd = (0..n)
            .map(|j| (solved.untilted[j] - self.wedges.specific_usd[j]) * kept[j])
            .collect();
        let surplus_usd = market.surplus_at(&solved.prices, Size::Shift(solved.shift), scratch);
        Solved {
            consumer_price_usd: solved.prices,
            untilted_price_usd: solved.untilted,
            producer_price_usd,
            share: solved.shares,
            bought: solved.bought,
            shift: solved.shift,
            multipliers,
            tilt_usd,
            surplus_usd,
            evaluations: solved.evaluations,
            residual: solved.residual,
        }
    }
}
