//! A recorded year solved again at its own tastes under other rules and costs (model.md section 6): what would have
//! been sold, at which prices, and who would have paid. Static and apart from the outlook, whose history never moves.
//!
//! Tastes are those at which the recorded year is an equilibrium. A scenario's settings hold as they do in that year
//! (a path over years counts with its value nearest to it), its `policy_as_of` leaves later rules out. What is
//! held: the number of potential buyers, the stock, chargers and battery prices as recorded, and the shadow prices of
//! standards and of scarce supply, which stay within marginal costs.

use kyoso_demand::classes::{Scratch, Size};
use rayon::prelude::*;

use crate::calibrate::Base;
use crate::ids::{Origin, POWERTRAINS, Powertrain, Segment, year_index};
use crate::run::{RunError, rules_of};
use crate::scenario::Scenario;
use crate::step::cost;
use crate::step::price::{self, Priced, TOLERANCE};
use crate::step::standards::{Asked, Constraint, Multipliers};
use crate::step::wedge::{Law, Wedges};
use crate::tables::{LongTable, Table};
use crate::world::World;

/// One side of an offer: as recorded, or as it would have been.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Side {
    /// New vehicles.
    pub units: f64,
    /// Price to the buyer after tax and support, USD 2023.
    pub consumer_price_usd: f64,
    /// What the maker receives before tax and duty, USD 2023.
    pub producer_price_usd: f64,
    /// Marginal cost, USD 2023.
    pub marginal_cost_usd: f64,
    /// Duty a vehicle, USD 2023.
    pub duty_usd: f64,
    /// Other taxes a vehicle, USD 2023.
    pub tax_usd: f64,
    /// Support a vehicle, USD 2023.
    pub support_usd: f64,
}

/// A country's market, recorded and solved again: offers in the order of the base year.
#[derive(Debug, Clone, PartialEq)]
pub struct CountryCounterfactual {
    /// Offers as recorded.
    pub recorded: Vec<Side>,
    /// Offers under the scenario.
    pub solved: Vec<Side>,
    /// Surplus of buyers as recorded and under the scenario, USD 2023.
    pub surplus_usd: [f64; 2],
    /// Largest relative change of a price in the last pass.
    pub residual: f64,
}

/// The whole world's markets.
#[derive(Debug, Clone, PartialEq)]
pub struct Counterfactual {
    /// Countries in order.
    pub countries: Vec<CountryCounterfactual>,
}

/// Solves the base year again under a scenario.
///
/// # Errors
/// If the prices of a country are not found.
pub fn counterfactual(
    world: &World,
    base: &Base,
    scenario: &Scenario,
) -> Result<Counterfactual, RunError> {
    let t = year_index(world.base_year);
    let parameters = world.parameters.with(&scenario.set);
    let rules = rules_of(world, scenario)?;
    let costs = cost::history_under(world, t, &parameters, scenario.policy_as_of);
    let factors = cost::origin_factors(&parameters, world.base_year);
    let law = Law {
        world,
        rules: &rules,
        policy_as_of: scenario.policy_as_of,
        parameters: &parameters,
        costs: &costs,
        offers: &base.offers,
        sourcing: &base.sourcing,
        built: &base.built,
    };
    let countries: Vec<CountryCounterfactual> = (0..world.countries.len())
        .into_par_iter()
        .map(|c| {
            let marginal_cost_usd = price::marginal_costs(world, base, &costs, &factors, c);
            country(base, &law, &marginal_cost_usd, c)
        })
        .collect();
    for (country, solved) in world.countries.iter().zip(&countries) {
        if solved.residual.is_nan() || solved.residual > TOLERANCE {
            return Err(RunError::NotConverged {
                iso3: country.iso3.clone(),
                year: world.base_year,
                residual: solved.residual,
            });
        }
    }
    Ok(Counterfactual { countries })
}

fn country(base: &Base, law: &Law, marginal_cost_usd: &[f64], c: usize) -> CountryCounterfactual {
    let (world, costs) = (law.world, law.costs);
    let (offers, prices, range) = (&base.offers, &base.prices, base.offers.of(c));
    let wedges = law.wedges(c, &prices.eligibility_usd[range.clone()], &[]);
    let nothing = Constraint {
        asked: Asked::default(),
        co2_g_per_km: [0.0; POWERTRAINS],
        last_plug_in_share: 0.0,
        pace_limit: f64::INFINITY,
        size: Size::Shift(0.0),
    };
    let solved = Priced {
        tastes: &base.tastes,
        buyers: &base.buyers[c],
        layout: &prices.layout[c],
        utility: &base.utility(c),
        beside_usd: &price::beside(world, costs, offers, c),
        wedges: &wedges,
        marginal_cost_usd,
        start_usd: &prices.consumer_price_usd[range.clone()],
    }
    .solve(&nothing, Multipliers::default(), &mut Scratch::default());
    let potential = world.light_sales(c, year_index(world.base_year)) / base.bought;
    let recorded_shares: Vec<f64> = offers.base_share[range.clone()]
        .iter()
        .map(|share| share * base.bought)
        .collect();
    CountryCounterfactual {
        recorded: sides(
            &recorded_shares,
            potential,
            &prices.consumer_price_usd[range.clone()],
            &prices.producer_price_usd[range.clone()],
            &prices.marginal_cost_usd[range.clone()],
            &prices.wedges[c],
        ),
        solved: sides(
            &solved.share,
            potential,
            &solved.consumer_price_usd,
            &solved.producer_price_usd,
            marginal_cost_usd,
            &wedges,
        ),
        surplus_usd: [prices.surplus_usd[c], solved.surplus_usd].map(|usd| usd * potential),
        residual: solved.residual,
    }
}

fn sides(
    shares: &[f64],
    potential: f64,
    consumer: &[f64],
    producer: &[f64],
    marginal_cost: &[f64],
    wedges: &Wedges,
) -> Vec<Side> {
    (0..shares.len())
        .map(|k| {
            let duty_usd = producer[k] * wedges.duty[k];
            Side {
                units: shares[k] * potential,
                consumer_price_usd: consumer[k],
                producer_price_usd: producer[k],
                marginal_cost_usd: marginal_cost[k],
                duty_usd,
                tax_usd: producer[k] * wedges.ad_valorem[k] - duty_usd,
                support_usd: -wedges.specific_usd[k],
            }
        })
        .collect()
}

/// What money moves, in the order of the table `counterfactual_money`: name, and amount of an offer's side, USD 2023.
type Item = (&'static str, fn(&Side) -> f64);
const MONEY: [Item; 4] = [
    ("support to buyers", |side| -side.units * side.support_usd),
    ("vehicle taxes", |side| side.units * side.tax_usd),
    ("import duty", |side| side.units * side.duty_usd),
    ("profit of makers", |side| {
        side.units * (side.producer_price_usd - side.marginal_cost_usd)
    }),
];

impl CountryCounterfactual {
    /// Money by item, million USD 2023, as recorded and under the scenario: receipts positive, outlays negative.
    pub fn money(&self) -> Vec<(&'static str, [f64; 2])> {
        let sum = |sides: &[Side], amount: fn(&Side) -> f64| -> f64 {
            sides.iter().map(amount).sum::<f64>() * 1e-6
        };
        let of_offers = MONEY.iter().map(|&(item, amount)| {
            (
                item,
                [sum(&self.recorded, amount), sum(&self.solved, amount)],
            )
        });
        let surplus = ("surplus of buyers", self.surplus_usd.map(|usd| usd * 1e-6));
        of_offers.chain([surplus]).collect()
    }
}

impl Counterfactual {
    /// Tables `counterfactual` (offers) and `counterfactual_money`.
    pub fn tables(&self, world: &World, base: &Base) -> Vec<Table> {
        vec![self.offers(world, base), self.money(world)]
    }

    fn offers(&self, world: &World, base: &Base) -> Table {
        let mut rows = LongTable::new(5, 8);
        let offers = &base.offers;
        for (c, country) in self.countries.iter().enumerate() {
            for (k, j) in offers.of(c).enumerate() {
                let (before, after) = (&country.recorded[k], &country.solved[k]);
                let maker = &world.makers[usize::from(offers.maker[j])];
                let words = [
                    world.countries[c].iso3.as_str(),
                    &maker.code,
                    Origin::ALL[offers.origin[j] as usize].code(),
                    Segment::ALL[offers.segment[j] as usize].code(),
                    Powertrain::ALL[offers.powertrain[j] as usize].code(),
                ];
                let numbers = [
                    before.units,
                    after.units,
                    before.consumer_price_usd,
                    after.consumer_price_usd,
                    before.producer_price_usd,
                    after.producer_price_usd,
                    before.support_usd,
                    after.support_usd,
                ];
                rows.push(&words, world.base_year, &numbers);
            }
        }
        rows.table(
            "counterfactual",
            "A recorded year, and the same year solved again at its own tastes under the scenario",
            &[
                ("iso3", "country"),
                ("maker", "maker; an origin where makers are not told apart"),
                ("origin", "origin of the badge"),
                ("segment", "segment"),
                ("powertrain", "powertrain"),
            ],
            &[
                ("recorded_units", "vehicles", "new vehicles on record"),
                ("units", "vehicles", "new vehicles under the scenario"),
                (
                    "recorded_price",
                    "USD_2023/vehicle",
                    "to the buyer, after tax and support",
                ),
                ("price", "USD_2023/vehicle", "the same under the scenario"),
                (
                    "recorded_producer_price",
                    "USD_2023/vehicle",
                    "before tax and duty",
                ),
                (
                    "producer_price",
                    "USD_2023/vehicle",
                    "the same under the scenario",
                ),
                (
                    "recorded_support",
                    "USD_2023/vehicle",
                    "support to the buyer",
                ),
                ("support", "USD_2023/vehicle", "the same under the scenario"),
            ],
        )
    }

    fn money(&self, world: &World) -> Table {
        let mut rows = LongTable::new(2, 3);
        for (c, country) in self.countries.iter().enumerate() {
            let iso3 = world.countries[c].iso3.as_str();
            for (item, [before, after]) in country.money() {
                rows.push(
                    &[iso3, item],
                    world.base_year,
                    &[before, after, after - before],
                );
            }
        }
        rows.table(
            "counterfactual_money",
            "Money of the recorded year and under the scenario: receipts positive, outlays negative",
            &[("iso3", "country"), ("item", "what it is")],
            &[
                ("recorded", "million USD_2023", "as recorded"),
                ("amount", "million USD_2023", "under the scenario"),
                ("difference", "million USD_2023", "amount less recorded"),
            ],
        )
    }
}
