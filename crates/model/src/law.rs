//! The rules of every year of a run, as its prices saw them.

use crate::calibrate::Base;
use crate::ids::year_index;
use crate::run::Outcome;
use crate::scenario::Scenario;
use crate::step::cost::{self, CostYear};
use crate::step::wedge::{Built, CountryMoney, Law};
use crate::world::World;

/// Rules of the base year and of each projected year.
pub struct Laws<'a> {
    world: &'a World,
    base: &'a Base,
    scenario: &'a Scenario,
    outcome: &'a Outcome,
    base_costs: CostYear,
    /// Where offers were built in the year before each projected year.
    built: Vec<Built>,
}

impl<'a> Laws<'a> {
    /// Those of a run.
    pub fn new(
        world: &'a World,
        base: &'a Base,
        scenario: &'a Scenario,
        outcome: &'a Outcome,
    ) -> Self {
        let later = outcome.years.iter().skip(1).zip(&outcome.years);
        Self {
            world,
            base,
            scenario,
            outcome,
            base_costs: cost::history(world, year_index(world.base_year)),
            built: std::iter::once(base.built.clone())
                .chain(later.map(|(_, before)| Built::new(&base.sourcing, &before.sourced.shares)))
                .collect(),
        }
    }

    /// Costs of the base year.
    pub fn base_costs(&self) -> &CostYear {
        &self.base_costs
    }

    /// The law of a projected year by position, or of the base year.
    pub fn of(&self, year: Option<usize>) -> Law<'_> {
        let (world, base, outcome) = (self.world, self.base, self.outcome);
        let of_base = Law {
            world,
            rules: &world.rules,
            policy_as_of: None,
            parameters: &world.parameters,
            costs: &self.base_costs,
            offers: &base.offers,
            sourcing: &base.sourcing,
            built: &base.built,
        };
        year.map_or(of_base, |t| Law {
            rules: outcome.rules.as_ref().unwrap_or(&world.rules),
            policy_as_of: self.scenario.policy_as_of,
            parameters: &outcome.parameters,
            costs: &outcome.years[t].costs,
            built: &self.built[t],
            ..of_base
        })
    }

    /// Prices that the rules of a year look at: those of the year before with taxes and before support, USD 2023.
    pub fn list_price_usd(&self, c: usize, year: Option<usize>) -> Vec<f64> {
        let (prices, range) = (&self.base.prices, self.base.offers.of(c));
        match year {
            None => prices.eligibility_usd[range].to_vec(),
            Some(0) => prices.list_price_usd[range].to_vec(),
            Some(t) => self.outcome.years[t - 1].countries[c].list_price_usd(),
        }
    }

    /// Money of a country's new vehicles in a projected year or in the base year; `sold` gives units and producer prices by offer.
    pub fn money(&self, c: usize, year: Option<usize>, sold: &[(f64, f64)]) -> CountryMoney {
        let funded = year.map_or(&[][..], |t| {
            &self.outcome.years[t].countries[c].budgets.funded
        });
        self.of(year)
            .money(c, &self.list_price_usd(c, year), funded, sold)
    }
}
