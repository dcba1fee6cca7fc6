//! Sourcing of a year: who builds the vehicles that are sold (model.md section 8; equation in [`crate::sourcing`]).
//!
//! What the price step of the next year takes from here, by offer: where it was [`built`](Sourced::built) (for
//! duties and conditions on local output), its delivered cost over that of the base year without duty
//! ([`Sourced::cost_factor`]), and its mean duty ([`Sourced::duty`]).

use std::borrow::Cow;
use std::sync::Arc;

use super::plants::{self, Circumstances, Obligation, PlantState};
use super::workforce::Made;
use crate::calibrate::mix::Offers;
use crate::calibrate::sourcing::SourcingBase;
use crate::ids::{Grid, POWERTRAINS, Powertrain};
use crate::measures::{Measures, OrderedPlant};
use crate::parameters::Parameters;
use crate::sourcing::duties::{Content, Duties};
use crate::sourcing::lines::{LINES, Line};
use crate::sourcing::network::Network;
use crate::sourcing::routes::{Choice, Routes, Served};
use crate::world::World;

/// Everything that a year's sourcing follows from, beside the state.
pub struct Year<'a> {
    /// World.
    pub world: &'a World,
    /// Base year.
    pub base: &'a SourcingBase,
    /// Parameters with the scenario's settings.
    pub parameters: &'a Parameters,
    /// Year.
    pub year: i32,
    /// Plants and rules announced after this year are unknown; none to know all.
    pub policy_as_of: Option<i32>,
    /// Duties in force.
    pub duties: Arc<Duties>,
    /// Weights of routes under them.
    pub routes: Arc<Routes>,
    /// Output that makers owe.
    pub obligations: &'a [Obligation],
    /// Part of new capacity that can be manned, by country; empty where nothing holds it back.
    pub readiness: &'a [f64],
    /// Capacity that levers order.
    pub ordered: &'a [OrderedPlant],
    /// Factor of support to makers on the weight of what a site builds: `site * LINES + line`; empty where nobody pays.
    pub incentive: &'a [f64],
    /// New light vehicles by offer.
    pub units: &'a [f64],
    /// New heavy vehicles by country.
    pub heavy: &'a [f64],
}

/// Output and trade of a year.
#[derive(Debug, Clone)]
pub struct Sourced {
    /// Light vehicles built by site and line: `site * LINES + line`.
    pub production: Vec<f64>,
    /// Capacity by site.
    pub capacity: Vec<f64>,
    /// Cost at the gate over factory cost, by site: one plus scarcity less relief.
    pub gate: Vec<f64>,
    /// Residual by site.
    pub weight: Vec<f64>,
    /// Capability by site and line.
    pub capability: Vec<f64>,
    /// Contents.
    pub content: Content,
    /// Duties.
    pub duties: Arc<Duties>,
    /// Light vehicles by route: `importer * exporters + exporter`.
    pub flows: Vec<f64>,
    /// Light vehicles by run, line and entry.
    pub run_flows: Vec<f64>,
    /// Share of each entry in each cell.
    pub shares: Arc<Vec<f64>>,
    /// Delivered cost without duty over that of the base year, by offer.
    pub cost_factor: Vec<f64>,
    /// Mean duty on the price at the border, by offer; nothing on what is built at home.
    pub duty: Vec<f64>,
    /// Heavy sales by country.
    pub heavy: Vec<f64>,
}

impl Sourced {
    /// The base year in the form of any other.
    pub fn of_base(base: &SourcingBase) -> Self {
        let offers = base.cells.of_offer.len();
        Self {
            production: base.production.clone(),
            capacity: base.capacity.clone(),
            gate: vec![1.0; base.network.sites()],
            weight: base.weight.clone(),
            capability: base.capability.clone(),
            content: base.content.clone(),
            duties: Arc::new(base.duties.clone()),
            flows: base.flows.clone(),
            run_flows: base.run_flows.clone(),
            shares: Arc::new(base.shares.clone()),
            cost_factor: vec![1.0; offers],
            duty: base
                .cells
                .of_offer
                .iter()
                .map(|&cell| base.duty[cell as usize])
                .collect(),
            heavy: base.heavy_sales.clone(),
        }
    }

    /// Where an offer is built: country and share.
    pub fn built<'a>(
        &'a self,
        base: &'a SourcingBase,
        offer: usize,
    ) -> impl Iterator<Item = (usize, f64)> + 'a {
        let cell = base.cells.of_offer[offer] as usize;
        let run = base.cells.run[cell] as usize;
        let pool = base.network.pool(base.network.runs.maker[run] as usize);
        let shares = &self.shares[base.cells.flow_start[cell]..base.cells.flow_start[cell + 1]];
        pool.zip(shares).map(|(entry, &share)| {
            let exporter = base.network.entry_exporter[entry] as usize;
            (base.network.exporters[exporter] as usize, share)
        })
    }

    /// Vehicles made by country: light ones by powertrain, as the offers of each maker and line are.
    pub fn made(&self, base: &SourcingBase, offers: &Offers, units: &[f64]) -> Made {
        let network = &base.network;
        let mut light = Grid::filled(base.heavy_sales.len(), POWERTRAINS, 0.0);
        for run in 0..network.runs.maker.len() {
            let mut sold = [0.0; LINES];
            let mut by_powertrain = [0.0; POWERTRAINS];
            for j in network.runs.offers[run].clone() {
                let f = offers.powertrain[j] as usize;
                by_powertrain[f] += units[j];
                sold[Line::of(Powertrain::ALL[f]).index()] += units[j];
            }
            let pool = network.pool(network.runs.maker[run] as usize);
            let first = base.cells.run_flow_start[run];
            for (f, &part) in by_powertrain
                .iter()
                .enumerate()
                .filter(|(_, part)| **part > 0.0)
            {
                let line = Line::of(Powertrain::ALL[f]).index();
                let part = part / sold[line];
                let flows = &self.run_flows[first + line * pool.len()..][..pool.len()];
                for (entry, flow) in pool.clone().zip(flows) {
                    let e = network.entry_exporter[entry] as usize;
                    light[(network.exporters[e] as usize, f)] +=
                        flow * part * base.production_per_flow[e];
                }
            }
        }
        Made {
            light,
            heavy: base.heavy.production(&self.heavy),
        }
    }

    /// Part of each country's light sales that it builds itself.
    pub fn home_share(&self, base: &SourcingBase) -> Vec<f64> {
        let network = &base.network;
        self.flows
            .chunks(network.exporters.len())
            .zip(&network.exporter_of)
            .map(|(flows, own)| {
                let sold: f64 = flows.iter().sum();
                own.map_or(0.0, |e| {
                    if sold > 0.0 {
                        flows[e as usize] / sold
                    } else {
                        0.0
                    }
                })
            })
            .collect()
    }

    /// Light vehicles built by site.
    pub fn built_by_site(&self) -> Vec<f64> {
        self.production
            .chunks(LINES)
            .map(|lines| lines.iter().sum())
            .collect()
    }
}

/// A year's sourcing and the plants at its end.
///
/// Scarcity is last year's, corrected once within the year.
pub fn sourcing(year: &Year, last: &PlantState) -> (Sourced, PlantState) {
    let at = Circumstances {
        world: year.world,
        base: year.base,
        parameters: year.parameters,
        year: year.year,
        policy_as_of: year.policy_as_of,
        obligations: year.obligations,
        readiness: year.readiness,
        ordered: year.ordered,
    };
    let mut state = plants::open(&at, last);
    let demand = year.base.cells.gather(year.units);
    let first = Supply::new(year, &state);
    let wanted = sums(&first.production(&first.choice().sums(&demand).1));
    plants::reprice(&at, &mut state, &wanted);
    let second = Supply::new(year, &state);
    let served = second.choice().serve(&demand);
    let production = second.production(&served.by_entry);
    let (cost_factor, duty) = delivered(year.base, &served);
    let sourced = Sourced {
        gate: plants::gate(&state),
        capacity: state.capacity.clone(),
        weight: state.weight.clone(),
        capability: state.capability.clone(),
        content: state.content.clone(),
        duties: Arc::clone(&year.duties),
        run_flows: served.by_run,
        shares: Arc::new(served.shares),
        flows: served.by_route,
        heavy: year.heavy.to_vec(),
        production,
        cost_factor,
        duty,
    };
    let built = sourced.built_by_site();
    plants::invest(&at, &mut state, &built, |maker, country| {
        market_of(year, maker, country)
    });
    (sourced, state)
}

/// What support to makers does to the weight of sites by line, `(1 - usd / cost)^-theta`; nothing where none is paid.
/// `cost` is the direct cost of making by country and powertrain.
pub fn incentive(
    world: &World,
    network: &Network,
    measures: &Measures,
    cost: impl Fn(usize, usize) -> f64,
    t: usize,
) -> Vec<f64> {
    if !measures.supports_production(t) {
        return Vec::new();
    }
    let elasticity = world.parameters.get("trade.sourcing_elasticity");
    let mut factors = vec![1.0_f64; network.sites() * LINES];
    for (f, paid) in measures.production_usd.iter().enumerate() {
        let line = Line::of(Powertrain::ALL[f]).index();
        for site in 0..network.sites() {
            let country = network.site_country[site] as usize;
            let usd = paid[(country, t)];
            if usd > 0.0 {
                let left = (1.0 - usd / cost(country, f)).max(LEAST_COST_LEFT);
                let factor = &mut factors[site * LINES + line];
                *factor = factor.max(left.powf(-elasticity));
            }
        }
    }
    factors
}

/// Least part of cost that support is taken to leave when plants are chosen.
const LEAST_COST_LEFT: f64 = 0.5;

/// What sites offer at the plants' scarcity.
struct Supply<'a> {
    base: &'a SourcingBase,
    duties: &'a Duties,
    routes: &'a Routes,
    content: &'a Content,
    /// Cost at the gate by entry.
    gate: Vec<f64>,
    /// Weight by site.
    weight: Vec<f64>,
    /// Capability by site and line.
    capability: Cow<'a, [f64]>,
    /// Weight by pool, kind and entry.
    entries: Vec<f64>,
}

impl<'a> Supply<'a> {
    fn new(year: &'a Year, state: &'a PlantState) -> Self {
        let base = year.base;
        let elasticity = base.geography.elasticity;
        let gate = plants::gate(state);
        let weight: Vec<f64> = gate
            .iter()
            .enumerate()
            .map(|(site, gate)| {
                if state.capacity[site] > 0.0 {
                    state.weight[site] * gate.powf(-elasticity)
                } else {
                    0.0
                }
            })
            .collect();
        let capability = if year.incentive.is_empty() {
            Cow::Borrowed(state.capability.as_slice())
        } else {
            let paid = state.capability.iter().zip(year.incentive);
            Cow::Owned(paid.map(|(can, factor)| can * factor).collect())
        };
        Self {
            base,
            duties: &year.duties,
            routes: &year.routes,
            content: &state.content,
            gate: base.network.mean(&gate, &weight),
            entries: base.network.gather(&weight, &capability),
            weight,
            capability,
        }
    }

    /// How markets choose among it.
    fn choice(&self) -> Choice<'_> {
        Choice {
            network: &self.base.network,
            cells: &self.base.cells,
            entries: &self.entries,
            gate: &self.gate,
            geography: &self.base.geography,
            routes: self.routes,
            pair: &self.base.pair,
            duties: self.duties,
            content: self.content,
            origin: &self.base.origin,
        }
    }

    /// Output by site and line of what is bought from each entry.
    fn production(&self, by_entry: &[f64]) -> Vec<f64> {
        let network = &self.base.network;
        let mut production =
            network.by_site(by_entry, &self.entries, &self.weight, &self.capability);
        for (i, built) in production.iter_mut().enumerate() {
            *built *= self.base.production_per_flow[network.site_exporter[i / LINES] as usize];
        }
        production
    }
}

fn sums(production: &[f64]) -> Vec<f64> {
    production
        .chunks(LINES)
        .map(|lines| lines.iter().sum())
        .collect()
}

/// Delivered cost without duty over the base year's, and mean duty, by offer.
fn delivered(base: &SourcingBase, served: &Served) -> (Vec<f64>, Vec<f64>) {
    base.cells
        .of_offer
        .iter()
        .map(|&cell| {
            let cell = cell as usize;
            (served.cost[cell] / base.cost[cell], served.duty[cell])
        })
        .unzip()
}

/// Vehicles that a maker sells in a country: its own, or an even part of its origin's where makers are not told apart.
fn market_of(year: &Year, maker: usize, country: usize) -> f64 {
    let runs = &year.base.network.runs;
    let sold = |wanted: usize| -> f64 {
        runs.of(country)
            .filter(|&run| runs.maker[run] as usize == wanted)
            .map(|run| year.units[runs.offers[run].clone()].iter().sum::<f64>())
            .sum()
    };
    let own = sold(maker);
    if own > 0.0 {
        return own;
    }
    let described = &year.world.makers[maker];
    let generic = year.world.makers_of(described.origin);
    let alike = year.world.makers[generic].firms.max(1.0);
    sold(generic) / alike
}

/// Units by offer of the base year.
pub fn base_units(world: &World, offers: &Offers) -> Vec<f64> {
    let base = crate::ids::year_index(world.base_year);
    let mut units = vec![0.0; offers.maker.len()];
    for country in 0..world.countries.len() {
        let light = world.light_sales(country, base);
        for j in offers.of(country) {
            units[j] = offers.base_share[j] * light;
        }
    }
    units
}
