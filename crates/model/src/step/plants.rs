//! Plants from one year to the next: what opens, what is ordered, what stands idle and closes (model.md section 8).
//!
//! Capacity moves by announced plants at their dates (a third of each in its first year, two in its second), by orders
//! of sites that are used beyond `trade.target_utilisation` (ready after `trade.investment_lag` years), and down where less
//! than half is used. What a site asks for its capacity beyond cost is its *scarcity* `lambda`: it rises where a year's
//! output would exceed capacity, by what brings demand back at the elasticity of sourcing, and falls likewise.
//! A maker that owes output to a country (production offset) gives up part of the cost there, the *relief*, up to the
//! penalty that it would pay otherwise.

use crate::calibrate::sourcing::{SourcingBase, largest_site};
use crate::ids::{Origin, year_index};
use crate::measures::OrderedPlant;
use crate::parameters::Parameters;
use crate::sourcing::duties::Content;
use crate::sourcing::lines::{LINES, Line};
use crate::world::{Plant, PlantStatus, World};

/// Parts of a new plant that run in its first years.
const RAMP: [f64; 3] = [1.0 / 3.0, 2.0 / 3.0, 1.0];
/// Below this use capacity is given up.
const IDLE_BELOW: f64 = 0.5;
/// Years of hardly any output after which a site closes.
const CLOSES_AFTER: u8 = 3;
/// Content up to which plants grow: a little above what agreements ask for.
const CONTENT_GOAL: f64 = 0.45;
/// Part of a missing obligation that its shadow price closes in a year.
const OBLIGATION_PART: f64 = 0.5;
/// Part of a market that a plant in it would serve, for makers that weigh one.
const LOCAL_PART: f64 = 0.5;

/// Plants at the end of a year.
#[derive(Debug, Clone, PartialEq)]
pub struct PlantState {
    /// Capacity by site, light vehicles a year.
    pub capacity: Vec<f64>,
    /// Orders by year of arrival: `orders[k]` arrives in `k + 1` years, by site.
    pub orders: Vec<Vec<f64>>,
    /// Shadow price of capacity by site, share of factory cost.
    pub scarcity: Vec<f64>,
    /// What a maker gives up to build where it owes output, by site, share of factory cost.
    pub relief: Vec<f64>,
    /// Residual by site; 0 before a site opens.
    pub weight: Vec<f64>,
    /// What each site can build by line.
    pub capability: Vec<f64>,
    /// Years since a site last opened a plant.
    pub age: Vec<u8>,
    /// Years in a row with hardly any output.
    pub idle_years: Vec<u8>,
    /// Content by origin, exporter and line.
    pub content: Content,
}

impl PlantState {
    /// Plants at the end of the base year.
    pub fn at_base(base: &SourcingBase, parameters: &Parameters) -> Self {
        let sites = base.network.sites();
        let lag = parameters.get("trade.investment_lag").round().max(1.0) as usize;
        Self {
            capacity: base.capacity.clone(),
            orders: vec![vec![0.0; sites]; lag],
            scarcity: vec![0.0; sites],
            relief: vec![0.0; sites],
            weight: base.weight.clone(),
            capability: base.capability.clone(),
            age: vec![u8::MAX; sites],
            idle_years: vec![0; sites],
            content: base.content.clone(),
        }
    }
}

/// Output that a maker owes to a country in a year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Obligation {
    /// Position of the maker.
    pub maker: usize,
    /// Position of the country.
    pub country: usize,
    /// Vehicles to build in the year.
    pub vehicles: f64,
    /// What a vehicle short costs, share of factory cost.
    pub penalty: f64,
}

/// What bears on plants in a year.
pub struct Circumstances<'a> {
    /// World.
    pub world: &'a World,
    /// Base year.
    pub base: &'a SourcingBase,
    /// Parameters with the scenario's settings.
    pub parameters: &'a Parameters,
    /// Year.
    pub year: i32,
    /// Plants announced after this year are unknown; none to know all.
    pub policy_as_of: Option<i32>,
    /// Output that makers owe.
    pub obligations: &'a [Obligation],
    /// Part of new capacity that can be manned, by country; empty where nothing holds it back.
    pub readiness: &'a [f64],
    /// Capacity that levers order.
    pub ordered: &'a [OrderedPlant],
}

impl Circumstances<'_> {
    /// Is a plant's opening or end known to this run?
    fn known(&self, announced: i32) -> bool {
        self.policy_as_of.is_none_or(|as_of| announced <= as_of)
    }

    /// Will this plant open by itself?
    fn opens(&self, plant: &Plant) -> bool {
        plant.start.0 > self.world.base_year
            && matches!(plant.status, PlantStatus::Planned | PlantStatus::Operating)
            && self.known(plant.start.1)
    }

    fn plants(&self, site: usize) -> &[Plant] {
        &self.world.industry.plants[self.base.network.site_plants[site].clone()]
    }

    fn readiness(&self, site: usize) -> f64 {
        let country = self.base.network.site_country[site] as usize;
        self.readiness.get(country).copied().unwrap_or(1.0)
    }

    /// Capacity of an announced plant; where none is on record, a small plant's.
    fn size(&self, plant: &Plant) -> f64 {
        if plant.capacity.is_nan() {
            self.parameters.get("trade.small_plant")
        } else {
            plant.capacity
        }
    }
}

/// Plants at the start of a year: orders arrive, announced plants open, plants close, lines and content grow.
pub fn open(at: &Circumstances, last: &PlantState) -> PlantState {
    let mut state = last.clone();
    let arrivals = state.orders.remove(0);
    state.orders.push(vec![0.0; arrivals.len()]);
    for (site, ordered) in arrivals.into_iter().enumerate() {
        let before = state.capacity[site];
        state.capacity[site] += ordered * at.readiness(site);
        state.age[site] = state.age[site].saturating_add(1);
        open_announced(at, &mut state, site);
        close_announced(at, &mut state, site);
        if before <= 0.0 && state.capacity[site] > 0.0 {
            state.age[site] = 0;
            state.weight[site] = entrant_weight(at, &state, site);
        }
    }
    for order in at.ordered {
        open_ordered(at, &mut state, order);
    }
    grow_lines(at, &mut state);
    let growth = at.parameters.get("trade.content_growth");
    state.content = state.content.grown(growth, CONTENT_GOAL);
    state
}

/// Capacity that a lever has ordered for the year: the site takes up the line, and its weight grows as its size does.
fn open_ordered(at: &Circumstances, state: &mut PlantState, order: &OrderedPlant) {
    let size = order.capacity[year_index(at.year)];
    let site = at.base.network.site(order.maker, order.country);
    let Some(site) = site.filter(|_| at.year >= order.opens) else {
        return;
    };
    let capability = &mut state.capability[site * LINES + order.line.index()];
    *capability = capability.max(1.0);
    if size <= 0.0 {
        return;
    }
    let before = state.capacity[site];
    state.capacity[site] += size * at.readiness(site);
    state.age[site] = 0;
    state.weight[site] = if before > 0.0 && state.weight[site] > 0.0 {
        state.weight[site] * (state.capacity[site] / before).powf(at.base.prior.1)
    } else {
        entrant_weight(at, state, site)
    };
}

/// Announced plants of a site that are in their first three years; they widen what the site builds.
fn open_announced(at: &Circumstances, state: &mut PlantState, site: usize) {
    for plant in at.plants(site).iter().filter(|plant| at.opens(plant)) {
        let Ok(step) = usize::try_from(at.year - plant.start.0) else {
            continue;
        };
        if step >= RAMP.len() {
            continue;
        }
        let gain = RAMP[step] - if step == 0 { 0.0 } else { RAMP[step - 1] };
        let size = at.size(plant);
        if step == 0 {
            for (line, &built) in plant.lines.iter().enumerate() {
                if built {
                    let capability = &mut state.capability[site * LINES + line];
                    *capability = capability.max(1.0);
                }
            }
            if state.capacity[site] > 0.0 {
                let wider = 1.0 + size / state.capacity[site];
                state.weight[site] *= wider.powf(at.base.prior.1);
            }
            state.age[site] = 0;
        }
        state.capacity[site] += gain * size * at.readiness(site);
    }
}

/// Plants whose last year was the one before.
fn close_announced(at: &Circumstances, state: &mut PlantState, site: usize) {
    let plants = at.plants(site);
    let ends = |plant: &Plant, year: i32| {
        plant
            .end
            .is_some_and(|(last, announced)| last < year && at.known(announced))
    };
    let closing = plants
        .iter()
        .filter(|plant| ends(plant, at.year) && !ends(plant, at.year - 1));
    let (count, lost) = closing.fold((0, 0.0), |(count, lost), plant| {
        (count + 1, lost + at.size(plant))
    });
    if count == 0 {
        return;
    }
    let before = state.capacity[site];
    let left = if plants.iter().all(|plant| ends(plant, at.year)) {
        0.0
    } else {
        (before - lost).max(0.0)
    };
    state.capacity[site] = left;
    if left <= 0.0 {
        state.weight[site] = 0.0;
    } else {
        state.weight[site] *= (left / before).powf(at.base.prior.1);
    }
}

/// Weight of a site that opens: what the fit over existing sites gives for its size, beside its maker's largest.
fn entrant_weight(at: &Circumstances, state: &PlantState, site: usize) -> f64 {
    let network = &at.base.network;
    let announced: f64 = at
        .plants(site)
        .iter()
        .filter(|plant| at.opens(plant) && (at.year..at.year + 3).contains(&plant.start.0))
        .map(|plant| at.size(plant))
        .sum();
    let size = announced.max(state.capacity[site]);
    let (intercept, slope) = at.base.prior;
    match largest_site(network, &at.base.capacity, network.site_maker[site]) {
        Some(home) if at.base.weight[home] > 0.0 => {
            at.base.weight[home]
                * (intercept + slope * (size / at.base.capacity[home]).min(1.0).ln()).exp()
        }
        _ => 1.0,
    }
}

/// Pace at which plants of a maker in a country take up lines and makers order plants there.
fn localisation_pace(at: &Circumstances, origin: usize) -> f64 {
    if origin == Origin::China.index() {
        at.parameters.at("trade.localisation_pace.CHN", at.year)
    } else {
        at.parameters.at("trade.localisation_pace", at.year)
    }
}

/// Electrified lines that a site lacks come with time.
fn grow_lines(at: &Circumstances, state: &mut PlantState) {
    let network = &at.base.network;
    for site in 0..network.sites() {
        let origin = at.base.origin[network.site_maker[site] as usize] as usize;
        let pace = localisation_pace(at, origin);
        for line in [Line::Hybrid, Line::PlugIn, Line::Battery].map(Line::index) {
            let capability = &mut state.capability[site * LINES + line];
            *capability += pace * (1.0 - *capability).max(0.0);
        }
    }
}

/// Factor of each site's cost at the gate.
pub fn gate(state: &PlantState) -> Vec<f64> {
    state
        .scarcity
        .iter()
        .zip(&state.relief)
        .map(|(scarcity, relief)| (1.0 + scarcity - relief).max(0.1))
        .collect()
}

/// Scarcity and relief that fit a year's output, from those under which it was found.
pub fn reprice(at: &Circumstances, state: &mut PlantState, built: &[f64]) {
    let elasticity = at.base.geography.elasticity;
    let highest = at.parameters.at("trade.greatest_scarcity", at.year);
    for site in 0..built.len() {
        let (capacity, output) = (state.capacity[site], built[site]);
        if capacity > 0.0 && output > 0.0 {
            let gate = (1.0 + state.scarcity[site]) * (output / capacity).powf(1.0 / elasticity);
            state.scarcity[site] = (gate - 1.0).clamp(0.0, highest);
        } else {
            state.scarcity[site] = 0.0;
        }
    }
    let mut owed = vec![false; built.len()];
    for obligation in at.obligations {
        let site = at.base.network.site(obligation.maker, obligation.country);
        let Some(site) = site.filter(|&site| state.capacity[site] > 0.0) else {
            continue;
        };
        owed[site] = true;
        let short = (obligation.vehicles / built[site].max(1.0)).max(1e-3);
        let relief = state.relief[site] + OBLIGATION_PART * short.ln() / elasticity;
        state.relief[site] = relief.clamp(0.0, obligation.penalty.clamp(0.0, 0.8));
    }
    for (relief, owed) in state.relief.iter_mut().zip(owed) {
        if !owed {
            *relief = 0.0;
        }
    }
}

/// Orders and closures after a year: `built` by site, `market` is what each maker sells in each country that it could build in.
pub fn invest(
    at: &Circumstances,
    state: &mut PlantState,
    built: &[f64],
    market: impl Fn(usize, usize) -> f64,
) {
    let target = at.parameters.get("trade.target_utilisation");
    let speed = at.parameters.get("trade.investment_speed");
    let idling = at.parameters.at("trade.idling_speed", at.year);
    let closing = at.parameters.get("trade.closing_utilisation");
    let least = at.parameters.get("trade.small_plant");
    let network = &at.base.network;
    for (site, &output) in built.iter().enumerate() {
        let under_way: f64 = state.orders.iter().map(|orders| orders[site]).sum();
        let capacity = state.capacity[site];
        let maker = network.site_maker[site] as usize;
        let last = state.orders.len() - 1;
        if capacity <= 0.0 {
            // A maker without a plant weighs one where its market would carry it.
            let would_sell = LOCAL_PART * market(maker, network.site_country[site] as usize);
            let prospective = at
                .plants(site)
                .iter()
                .any(|plant| plant.status == PlantStatus::Prospective);
            if prospective && would_sell > least && under_way <= 0.0 {
                let pace = localisation_pace(at, at.base.origin[maker] as usize);
                state.orders[last][site] += pace * would_sell;
            }
            continue;
        }
        let used = output / capacity;
        let missing = output / target - capacity - under_way;
        if used > target && missing > 0.0 {
            state.orders[last][site] += speed * missing;
        }
        if used < IDLE_BELOW && state.age[site] > RAMP.len() as u8 {
            state.capacity[site] *= 1.0 - idling * (1.0 - used / IDLE_BELOW);
            state.idle_years[site] = if used < closing {
                state.idle_years[site].saturating_add(1)
            } else {
                0
            };
            if state.idle_years[site] >= CLOSES_AFTER {
                state.capacity[site] = 0.0;
                state.weight[site] = 0.0;
            }
        } else {
            state.idle_years[site] = 0;
        }
    }
}
