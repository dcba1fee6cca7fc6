//! The loop over years: the only owner of the state.

use std::borrow::Cow;
use std::time::Instant;

use kyoso_demand::classes::{Scratch, Size};
use rayon::prelude::*;

use crate::calibrate::{self, Base, adoption::ADOPTED};
use crate::cohorts::used_age_profile;
use crate::ids::{
    Biofuel, Grid, ORIGINS, POWERTRAINS, Powertrain, SEGMENTS, Segment, YEARS, year_index,
};
use crate::measures::Measures;
use crate::parameters::Parameters;
use crate::rules::{self, Date, Rules, Spent};
use crate::scenario::Scenario;
use crate::sourcing::duties::YearDuties;
use crate::state::{CountryState, State};
use crate::step::battery::pack_price;
use crate::step::biofuel::{self, Blend};
use crate::step::cost::{self, CostYear};
use crate::step::energy::{self, FleetEnergy, Supply};
use crate::step::entry;
use crate::step::fleet::{self, Ageing, Circumstances};
use crate::step::industry::{self, IndustryYear, Setup};
use crate::step::levers;
use crate::step::market;
use crate::step::minerals::{self, Sold};
use crate::step::offsets::{self, OffsetState, OffsetYear};
use crate::step::plants::PlantState;
use crate::step::price::{self, Priced, TOLERANCE};
use crate::step::sourcing::{self, Sourced};
use crate::step::standards::{self, Constraint, Multipliers, plug_in};
use crate::step::wedge::{self, Built, Law, Wedges};
use crate::world::World;

/// A run that found no solution.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Prices and shares of a market could not be found.
    #[error("no equilibrium of prices for {iso3} in {year}: the residual is {residual:.3e}")]
    NotConverged {
        /// Country.
        iso3: String,
        /// Year.
        year: i32,
        /// What is left.
        residual: f64,
    },
    /// Levers cost more than their payer has.
    #[error(
        "lever `{lever}` overspends the budget of `{payer}`: {spent:.1} of {total:.1} million USD\n  help: ask for less, or raise the [[budget]]"
    )]
    Overspent {
        /// Lever that takes the sum over the budget.
        lever: String,
        /// Payer.
        payer: String,
        /// Spent up to and with this lever, million USD 2023.
        spent: f64,
        /// Budget, million USD 2023.
        total: f64,
    },
    /// A lever asks for what the pack does not have.
    #[error("lever `{lever}`: {message}\n  help: {help}")]
    Lever {
        /// Lever.
        lever: String,
        /// What is wrong.
        message: String,
        /// How to mend it.
        help: String,
    },
    /// The scenario's rules cannot stand beside the pack's.
    #[error("{0}")]
    Rules(String),
}

/// Budgets of schemes in a year, by position in [`Rules::budgets`]; empty lists where a country has none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Budgets {
    /// What could still be paid at the beginning of the year, USD 2023.
    pub available_usd: Vec<f64>,
    /// What all who were entitled would have got, USD 2023.
    pub claims_usd: Vec<f64>,
    /// Share of claims that was paid.
    pub funded: Vec<f64>,
}

/// One country in one projected year.
#[derive(Debug, Clone)]
pub struct CountryYear {
    /// New light vehicles of each of the country's offers.
    pub offer_units: Vec<f64>,
    /// New light vehicles by powertrain.
    pub light_new: [f64; POWERTRAINS],
    /// New heavy vehicles.
    pub heavy_new: f64,
    /// Scrappage and used trade.
    pub ageing: Ageing,
    /// Light vehicles in use by powertrain.
    pub light_stock: [f64; POWERTRAINS],
    /// Heavy vehicles in use.
    pub heavy_stock: f64,
    /// Energy and CO2 of light vehicles.
    pub energy: FleetEnergy,
    /// Biofuel in the tank.
    pub blend: Blend,
    /// Biofuel beyond the mandate, GJ.
    pub fuel_added_gj: f64,
    /// Batteries in new light vehicles, `GWh`.
    pub battery_gwh: f64,
    /// Demand shift.
    pub demand: f64,
    /// Potential buyers: the size of the market.
    pub potential: f64,
    /// Utility of each offer at no price.
    pub utility: Vec<f64>,
    /// Price to the buyer of each offer, USD 2023.
    pub consumer_price_usd: Vec<f64>,
    /// The same without the price of rules that bind.
    pub untilted_price_usd: Vec<f64>,
    /// What the maker of each offer receives before tax and duty, USD 2023.
    pub producer_price_usd: Vec<f64>,
    /// Marginal cost of each offer, USD 2023.
    pub marginal_cost_usd: Vec<f64>,
    /// Taxes, duties and support on each offer.
    pub wedges: Wedges,
    /// Budgets of the country's schemes; none where they have none.
    pub budgets: Budgets,
    /// Surplus of all buyers, USD 2023.
    pub surplus_usd: f64,
    /// Passes over the market until prices were solved.
    pub evaluations: usize,
    /// Largest relative change of a price in the last pass.
    pub residual: f64,
    /// Multipliers of standards and supply.
    pub multipliers: Multipliers,
    /// Public chargers.
    pub chargers: f64,
    /// Time that the country took: a measurement for benchmarks, in no table.
    pub seconds: f64,
}

impl CountryYear {
    /// Prices with taxes and before support, USD 2023: what rules look at in the year after.
    pub fn list_price_usd(&self) -> Vec<f64> {
        self.consumer_price_usd
            .iter()
            .zip(&self.wedges.specific_usd)
            .map(|(price, specific)| price - specific)
            .collect()
    }
}

/// One projected year.
#[derive(Debug, Clone)]
pub struct YearOutcome {
    /// Year.
    pub year: i32,
    /// Countries.
    pub countries: Vec<CountryYear>,
    /// Costs and prices of the year.
    pub costs: CostYear,
    /// Pack price, USD 2023/kWh.
    pub pack_price: f64,
    /// Battery demand, `GWh`: light vehicles, other vehicles, storage.
    pub battery_gwh: [f64; 3],
    /// Grid intensity by country, g `CO2e`/kWh.
    pub grid_g_per_kwh: Vec<f64>,
    /// Minerals, people, making, spending.
    pub industry: IndustryYear,
    /// Output, trade and capacity.
    pub sourced: Sourced,
    /// Debts of makers under production offsets.
    pub offsets: Vec<OffsetYear>,
}

/// A run: every projected year, and what it stands on.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Projected years in order.
    pub years: Vec<YearOutcome>,
    /// Costs of the base year.
    pub base_costs: CostYear,
    /// Energy of the base year, by country.
    pub base_energy: Vec<FleetEnergy>,
    /// Batteries of new light vehicles of the base year, `GWh`.
    pub base_battery_gwh: f64,
    /// Output and trade of the base year.
    pub base_sourced: Sourced,
    /// People by country and year.
    pub people: Grid,
    /// GDP per head by country and year, 2021 intl$.
    pub income: Grid,
    /// Parameters with the scenario's settings.
    pub parameters: Parameters,
    /// Measures of the scenario's levers.
    pub measures: Measures,
    /// Rules of the scenario, where they are not the pack's.
    pub rules: Option<Rules>,
}

/// Change of the part of claims that is paid below which it counts as found.
const FUNDING_TOLERANCE: f64 = 1e-9;
/// Rounds after which the part found last is paid.
const MOST_FUNDINGS: usize = 60;

/// Segment whose cost stands for those of a line.
const MEDIUM: usize = Segment::Medium.index();

/// Settings that change the reference itself, and with it the size of the market.
const REFERENCE_PATHS: [&str; 9] = [
    "ownership.",
    "population.",
    "gdp_per_head.",
    "survival.",
    "used_trade.",
    "stock.",
    "split.",
    "market.",
    "quota.",
];

/// Projects a scenario. Where it changes prices or rules, the size of the market is that of the same
/// scenario without those changes (model.md section 5: `D_ct` is set once).
pub fn run(world: &World, base: &Base, scenario: &Scenario) -> Result<Outcome, RunError> {
    let reference = reference(scenario)
        .map(|reference| project(world, base, &reference, &world.rules, None))
        .transpose()?;
    run_beside(world, base, scenario, reference.as_ref())
}

/// The scenario that sets the size of the market; none where the scenario sets its own.
pub fn reference(scenario: &Scenario) -> Option<Scenario> {
    let (of_reference, others): (Vec<_>, Vec<_>) = scenario
        .set
        .iter()
        .cloned()
        .partition(|(path, _)| REFERENCE_PATHS.iter().any(|head| path.starts_with(head)));
    let mut levers = scenario.levers.iter();
    let itself = others.is_empty()
        && scenario.policy_as_of.is_none()
        && scenario.rules.is_empty()
        && !levers.any(|lever| lever.acts(scenario.horizon));
    (!itself).then(|| Scenario {
        set: of_reference,
        policy_as_of: None,
        levers: Vec::new(),
        rules: Vec::new(),
        ..scenario.clone()
    })
}

/// Projects a scenario beside the run of its [`reference`], on the same base year.
pub fn run_beside(
    world: &World,
    base: &Base,
    scenario: &Scenario,
    reference: Option<&Outcome>,
) -> Result<Outcome, RunError> {
    levers::check(world, base, scenario)?;
    let rules = rules_of(world, scenario)?;
    project(world, base, scenario, &rules, reference)
}

/// The rules of the pack with a scenario's changes.
pub fn rules_of<'a>(world: &'a World, scenario: &Scenario) -> Result<Cow<'a, Rules>, RunError> {
    let mut changes = scenario.rules.clone();
    changes.extend(levers::tariffs(world, scenario));
    if changes.is_empty() {
        return Ok(Cow::Borrowed(&world.rules));
    }
    world
        .rules
        .changed(&changes)
        .map(Cow::Owned)
        .map_err(|problems| RunError::Rules(problems.to_string()))
}

/// What levers cost within the years of each budget, in the order of the levers, must fit.
fn check_budgets(
    scenario: &Scenario,
    measures: &Measures,
    years: &[YearOutcome],
) -> Result<(), RunError> {
    for budget in &scenario.budgets {
        let total = budget.total_usd * 1e-6;
        let mut spent = 0.0;
        for (l, (lever, _)) in measures.levers.iter().enumerate() {
            if lever.payer != budget.payer {
                continue;
            }
            spent += years
                .iter()
                .filter(|year| (budget.years.0..=budget.years.1).contains(&year.year))
                .flat_map(|year| &year.industry.spending)
                .filter(|(of, _, _)| *of == l)
                .map(|(_, _, million)| million)
                .sum::<f64>();
            if spent > total * (1.0 + 1e-9) {
                return Err(RunError::Overspent {
                    lever: lever.name.clone(),
                    payer: budget.payer.clone(),
                    spent,
                    total,
                });
            }
        }
    }
    Ok(())
}

/// Everything a country's year needs beside its own state.
struct Year<'a> {
    world: &'a World,
    base: &'a Base,
    parameters: &'a Parameters,
    rules: &'a Rules,
    scenario: &'a Scenario,
    reference: Option<&'a YearOutcome>,
    costs: &'a CostYear,
    measures: &'a Measures,
    /// Is anybody paid for what he builds this year?
    makers_paid: bool,
    /// Sourcing of the year before.
    sourced: &'a Sourced,
    /// Where offers were built then.
    built: &'a Built,
    people: &'a Grid,
    income: &'a Grid,
    used_scale: f64,
    used_profile: [f64; crate::cohorts::AGES],
    used_mix: [f64; POWERTRAINS],
    constants: YearConstants,
}

impl<'a> Year<'a> {
    /// The rules on offers.
    fn law(&self) -> Law<'a> {
        Law {
            world: self.world,
            rules: self.rules,
            policy_as_of: self.scenario.policy_as_of,
            parameters: self.parameters,
            costs: self.costs,
            offers: &self.base.offers,
            sourcing: &self.base.sourcing,
            built: self.built,
        }
    }
}

/// Parameters of a year, read once.
struct YearConstants {
    catch_up: f64,
    charger_elasticity: f64,
    cost_factors: [[f64; POWERTRAINS]; ORIGINS],
}

fn project(
    world: &World,
    base: &Base,
    scenario: &Scenario,
    rules: &Rules,
    reference: Option<&Outcome>,
) -> Result<Outcome, RunError> {
    // On a thread of the pool what lies between the parallel parts needs nobody to be woken.
    rayon::scope(|_| project_years(world, base, scenario, rules, reference))
}

fn project_years(
    world: &World,
    base: &Base,
    scenario: &Scenario,
    rules: &Rules,
    reference: Option<&Outcome>,
) -> Result<Outcome, RunError> {
    let parameters = world.parameters.with(&scenario.set);
    if let Some(error) =
        (base.prices.error.is_nan() || base.prices.error > 1e-9).then_some(base.prices.error)
    {
        return Err(RunError::NotConverged {
            iso3: "WLD".to_owned(),
            year: world.base_year,
            residual: error,
        });
    }
    let (people, income) =
        calibrate::run_drivers(world, scenario.drivers, &parameters, scenario.horizon);
    let base_year = year_index(world.base_year);
    let base_costs = cost::history(world, base_year);
    let measures = Measures::new(world, &scenario.levers, scenario.horizon);
    let setup = Setup {
        world,
        parameters: &parameters,
        measures: &measures,
        labour: &base.labour,
    };
    let mut state = initial_state(world, base, &base_costs, &setup);
    let opening = Law {
        world,
        rules,
        policy_as_of: scenario.policy_as_of,
        parameters: &world.parameters,
        costs: &base_costs,
        offers: &base.offers,
        sourcing: &base.sourcing,
        built: &base.built,
    };
    for (c, country) in state.countries.iter_mut().enumerate() {
        if !rules.budgets_of(c).is_empty() {
            country.spent = base_spending(&opening, base, c);
        }
    }
    let base_energy: Vec<FleetEnergy> = (0..world.countries.len())
        .into_par_iter()
        .map(|c| {
            energy::fleet_energy(
                world,
                &state.countries[c],
                // A scenario's settings begin after the base year.
                &supply(
                    world,
                    &world.parameters,
                    &base_costs,
                    &biofuel::of_base(world, c),
                    c,
                    world.base_year,
                ),
                base_year,
            )
        })
        .collect();
    for (country, energy) in state.countries.iter_mut().zip(&base_energy) {
        country.energy = Some(energy.clone());
    }
    let base_battery_gwh = battery_of_base(world, base, &base_costs);
    let used_profile = used_age_profile(parameters.get("used_trade.mean_age"));
    let mean_used_age = parameters.get("used_trade.mean_age").round() as usize;
    let imports = |state: &State| -> f64 {
        state
            .countries
            .iter()
            .enumerate()
            .map(|(c, country)| fleet::used_wish(base, c, country).max(0.0))
            .sum()
    };
    let exports_of_base: Vec<f64> = state
        .countries
        .iter()
        .enumerate()
        .map(|(c, country)| (-fleet::used_wish(base, c, country)).max(0.0))
        .collect();
    let imports_of_base = imports(&state).max(1.0);

    let base_sourced = Sourced::of_base(&base.sourcing);
    let mut plants = PlantState::at_base(&base.sourcing, &parameters);
    let mut duties = YearDuties::new(world, rules, &base.sourcing);
    let mut offsets = OffsetState::at_base(world, rules).with_relief(
        &base.offers,
        &base.prices.wedges,
        &base.offers.base_share,
    );
    let mut years: Vec<YearOutcome> =
        Vec::with_capacity((scenario.horizon - world.base_year) as usize);
    for year in world.base_year + 1..=scenario.horizon {
        let t = year_index(year);
        let recorded = world.battery_price[t];
        let price = if recorded.is_nan() {
            let ratio = state.cumulative_battery_gwh / world.cumulative_battery_gwh;
            pack_price(
                &parameters,
                year,
                cost::pack_price_near(world, base_year),
                ratio,
                minerals::content_ratio(&state.industry.minerals),
            )
        } else {
            recorded
        };
        let chargers: Vec<f64> = state
            .countries
            .iter()
            .map(|country| country.chargers)
            .collect();
        let mut costs = CostYear::new(
            world,
            &parameters,
            year,
            price,
            &chargers,
            scenario.drivers,
            scenario.policy_as_of,
        );
        let before = years.last().map_or(&base_sourced, |last| &last.sourced);
        let built = years
            .last()
            .map(|last| Built::new(&base.sourcing, &last.sourced.shares));
        costs.industry = industry::costs(&before.home_share(&base.sourcing), &state.industry);
        for c in 0..world.countries.len() {
            for f in 0..POWERTRAINS {
                costs.add_support(c, f, measures.purchase_usd[f][(c, t)]);
            }
        }
        let step = Year {
            world,
            base,
            parameters: &parameters,
            rules,
            scenario,
            reference: reference.map(|outcome| &outcome.years[years.len()]),
            costs: &costs,
            measures: &measures,
            makers_paid: measures.supports_production(t),
            sourced: before,
            built: built.as_ref().unwrap_or(&base.built),
            people: &people,
            income: &income,
            used_scale: imports(&state) / imports_of_base,
            used_profile,
            used_mix: fleet::used_mix(&state.world_mix, t.saturating_sub(mean_used_age)),
            constants: YearConstants {
                catch_up: 1.0
                    - (1.0 - parameters.at("adoption.laggard_catch_up", year))
                        .powi(year - world.base_year),
                charger_elasticity: parameters.at("chargers.elasticity", year),
                cost_factors: cost::origin_factors(&parameters, year),
            },
        };
        let stepped: Vec<(CountryYear, CountryState)> = state
            .countries
            .par_iter()
            .enumerate()
            .map_init(Scratch::default, |scratch, (c, country)| {
                let begun = Instant::now();
                let (mut result, state) =
                    country_year(&step, c, year, country, exports_of_base[c], scratch);
                result.seconds = begun.elapsed().as_secs_f64();
                (result, state)
            })
            .collect();
        let (countries, states): (Vec<CountryYear>, Vec<CountryState>) =
            stepped.into_iter().unzip();
        check(world, year, &countries)?;
        let units: Vec<f64> = countries
            .iter()
            .flat_map(|country| country.offer_units.iter().copied())
            .collect();
        let heavy: Vec<f64> = countries.iter().map(|country| country.heavy_new).collect();
        let last_made = years.last().map_or(&base.made, |last| &last.industry.made);
        let readiness = state.industry.labour.readiness(last_made);
        let direct_cost = |c, f| costs.direct_cost(&base.price_level, world, c, MEDIUM, f);
        let terms = offsets::Terms {
            world,
            rules,
            year,
            policy_as_of: scenario.policy_as_of,
        };
        let obligations = offsets.obligations(&terms, |c| {
            direct_cost(c, Powertrain::BatteryElectric.index())
        });
        let (in_force, routes) = duties.in_year(year, scenario.policy_as_of);
        let (sourced, plants_after) = sourcing::sourcing(
            &sourcing::Year {
                world,
                base: &base.sourcing,
                parameters: &parameters,
                year,
                policy_as_of: scenario.policy_as_of,
                duties: in_force,
                routes,
                obligations: &obligations,
                readiness: &readiness,
                ordered: &measures.plants,
                incentive: &sourcing::incentive(
                    world,
                    &base.sourcing.network,
                    &measures,
                    direct_cost,
                    t,
                ),
                units: &units,
                heavy: &heavy,
            },
            &plants,
        );
        plants = plants_after;
        let debts = offsets.settle(
            &terms,
            &base.sourcing,
            &base.offers,
            &sourced,
            &units,
            |c| &countries[c].wedges,
        );
        let years_ahead = year - world.base_year;
        let battery_gwh = [
            countries.iter().map(|country| country.battery_gwh).sum(),
            world.other_battery_gwh[0]
                * fading_growth(parameters.get("battery.heavy_growth"), years_ahead),
            world.other_battery_gwh[1]
                * fading_growth(parameters.get("battery.storage_growth"), years_ahead),
        ];
        let grid_g_per_kwh: Vec<f64> = (0..world.countries.len())
            .map(|c| grid_intensity(world, &parameters, c, year))
            .collect();
        let sold = sold_by_powertrain(&countries);
        let (gwh, fuel_added_gj): (Vec<f64>, Vec<f64>) = countries
            .iter()
            .map(|country| (country.battery_gwh, country.fuel_added_gj))
            .unzip();
        let made = sourced.made(&base.sourcing, &base.offers, &units);
        let sold = Sold {
            gwh: &gwh,
            vehicles: &sold,
            other_gwh: [battery_gwh[1], battery_gwh[2]],
            fuel_added_gj: &fuel_added_gj,
        };
        let (industry, industry_state) = industry::industry(
            &setup,
            &costs,
            &grid_g_per_kwh,
            &state.industry,
            &sold,
            made,
        );
        state.industry = industry_state;
        state.countries = states;
        state.cumulative_battery_gwh += battery_gwh.iter().sum::<f64>();
        state.pack_price = price;
        note_world_mix(&mut state, t, &countries);
        years.push(YearOutcome {
            year,
            countries,
            pack_price: price,
            battery_gwh,
            costs,
            grid_g_per_kwh,
            industry,
            sourced,
            offsets: debts,
        });
    }
    check_budgets(scenario, &measures, &years)?;
    Ok(Outcome {
        years,
        base_costs,
        base_energy,
        base_battery_gwh,
        base_sourced,
        people,
        income,
        parameters,
        measures,
        rules: (!std::ptr::eq(rules, &raw const world.rules)).then(|| rules.clone()),
    })
}

/// Level after some years of a growth that starts at `rate` and loses a tenth of itself each year.
fn fading_growth(rate: f64, years: i32) -> f64 {
    (0..years)
        .map(|year| 1.0 + rate * 0.9_f64.powi(year))
        .product()
}

/// Prices that were not solved, or a number that is not one, stop the run and name the place.
fn check(world: &World, year: i32, countries: &[CountryYear]) -> Result<(), RunError> {
    for (country, result) in world.countries.iter().zip(countries) {
        let sum: f64 = result.offer_units.iter().sum();
        let by_powertrain: f64 = result.light_new.iter().sum();
        let adding_up = (sum / by_powertrain - 1.0).abs();
        let residual = if adding_up > 1e-9 || adding_up.is_nan() {
            adding_up
        } else {
            result.residual
        };
        if residual.is_nan() || residual > TOLERANCE {
            return Err(RunError::NotConverged {
                iso3: country.iso3.clone(),
                year,
                residual,
            });
        }
    }
    Ok(())
}

fn note_world_mix(state: &mut State, t: usize, countries: &[CountryYear]) {
    let mut sold = Grid::filled(countries.len(), POWERTRAINS, 0.0);
    for (c, country) in countries.iter().enumerate() {
        sold.row_mut(c).copy_from_slice(&country.light_new);
    }
    state.note_world_mix(t, &sold);
}

/// Fuels, electricity and distances of a country in a year, as the scenario has them.
pub(crate) fn supply(
    world: &World,
    parameters: &Parameters,
    costs: &CostYear,
    blend: &Blend,
    c: usize,
    year: i32,
) -> Supply {
    Supply {
        ethanol: blend.ethanol,
        biodiesel: blend.biodiesel,
        hydrotreated: blend.hydrotreated,
        biofuel_g_per_mj: blend.supply_g_per_mj,
        grid_g_per_kwh: grid_intensity(world, parameters, c, year),
        km: costs.km[c],
        km_age_decline: parameters.get("fleet.km_age_decline"),
    }
}

/// Life-cycle emissions of electricity, g `CO2e`/kWh, as the scenario has them.
fn grid_intensity(world: &World, parameters: &Parameters, c: usize, year: i32) -> f64 {
    let set = if parameters.sets("grid") {
        parameters.setting(&format!("grid.{}", world.countries[c].iso3), year)
    } else {
        None
    };
    set.unwrap_or(world.grid_g_per_kwh[(c, year_index(year))])
}

/// New light vehicles by country and powertrain.
fn sold_by_powertrain(countries: &[CountryYear]) -> Grid {
    let mut light = Grid::filled(countries.len(), POWERTRAINS, 0.0);
    for (row, country) in light.rows_mut().zip(countries) {
        row.copy_from_slice(&country.light_new);
    }
    light
}

/// Energy use of new vehicles by powertrain, mean over the segments in which each is sold: (fuel, electricity) in MJ/km.
fn new_use(
    base: &Base,
    costs: &CostYear,
    c: usize,
    units: Option<&[f64]>,
) -> [(f64, f64); POWERTRAINS] {
    let mut weights = [[0.0; SEGMENTS]; POWERTRAINS];
    for (k, j) in base.offers.of(c).enumerate() {
        let weight = units.map_or(base.offers.base_share[j], |units| units[k]);
        weights[base.offers.powertrain[j] as usize][base.offers.segment[j] as usize] += weight;
    }
    std::array::from_fn(|f| {
        let total: f64 = weights[f].iter().sum();
        if total <= 0.0 {
            // Not sold here: what it would use in a medium car.
            return (costs.fuel_use(1, f), costs.electricity_use(1, f));
        }
        let mean = |of: &dyn Fn(usize) -> f64| {
            (0..SEGMENTS).map(|s| weights[f][s] * of(s)).sum::<f64>() / total
        };
        (
            mean(&|s| costs.fuel_use(s, f)),
            mean(&|s| costs.electricity_use(s, f)),
        )
    })
}

fn initial_state(world: &World, base: &Base, costs: &CostYear, setup: &Setup) -> State {
    let t = year_index(world.base_year);
    let engines = 1.0 / (1.0 - world.parameters.get("tech.engine_improvement"));
    let countries = (0..world.countries.len())
        .into_par_iter()
        .map(|c| {
            let mut fuel = vec![0.0; POWERTRAINS * YEARS];
            let mut electricity = vec![0.0; POWERTRAINS * YEARS];
            let use_now = new_use(base, costs, c, None);
            for (f, (fuel_now, electricity_now)) in use_now.into_iter().enumerate() {
                for sold in 0..YEARS {
                    let older = t.saturating_sub(sold) as i32;
                    fuel[f * YEARS + sold] = fuel_now * engines.powi(older);
                    electricity[f * YEARS + sold] = electricity_now;
                }
            }
            let mix = std::array::from_fn(|f| base.history_mix[(c, f * YEARS + t)]);
            CountryState::at_base(
                base,
                c,
                world.sales[(c, t)],
                mix,
                cost::recorded_chargers(world, c, t),
                fuel,
                electricity,
            )
        })
        .collect();
    let base_light = base_light(world, base, t);
    let gwh: Vec<f64> = (0..world.countries.len())
        .map(|c| base.history_gwh[(c, t)])
        .collect();
    let sold = Sold {
        gwh: &gwh,
        vehicles: &base_light,
        other_gwh: world.other_battery_gwh,
        fuel_added_gj: &vec![0.0; gwh.len()],
    };
    let mut state = State {
        industry: industry::initial(setup, &base.history_gwh, &sold, &base.made),
        countries,
        cumulative_battery_gwh: world.cumulative_battery_gwh,
        pack_price: costs.pack_usd_per_kwh,
        world_mix: vec![[0.0; POWERTRAINS]; YEARS],
    };
    for sold in 0..=t {
        let mut light = Grid::filled(world.countries.len(), POWERTRAINS, 0.0);
        for c in 0..world.countries.len() {
            let units = world.light_sales(c, sold);
            if units.is_finite() {
                for f in 0..POWERTRAINS {
                    light[(c, f)] = units * base.history_mix[(c, f * YEARS + sold)];
                }
            }
        }
        state.note_world_mix(sold, &light);
    }
    state
}

/// What schemes with a budget paid in the base year: years before it are not on record.
fn base_spending(law: &Law, base: &Base, c: usize) -> Spent {
    let light = law.world.light_sales(c, year_index(law.world.base_year));
    let sold: Vec<(f64, f64)> = base
        .offers
        .of(c)
        .map(|j| {
            (
                base.offers.base_share[j] * light,
                base.prices.producer_price_usd[j],
            )
        })
        .collect();
    let list = &base.prices.eligibility_usd[base.offers.of(c)];
    let money = law.money(c, list, &[], &sold);
    Spent(money.by_rule.by_budget(law.rules))
}

/// New light vehicles of the base year by powertrain.
fn base_light(world: &World, base: &Base, t: usize) -> Grid {
    let mut light = Grid::filled(world.countries.len(), POWERTRAINS, 0.0);
    for (c, row) in light.rows_mut().enumerate() {
        for (f, cell) in row.iter_mut().enumerate() {
            *cell = world.light_sales(c, t) * base.history_mix[(c, f * YEARS + t)];
        }
    }
    light
}

fn battery_of_base(world: &World, base: &Base, costs: &CostYear) -> f64 {
    let t = year_index(world.base_year);
    (0..world.countries.len())
        .map(|c| {
            let units = world.light_sales(c, t);
            base.offers
                .of(c)
                .map(|j| {
                    let (s, f) = (
                        base.offers.segment[j] as usize,
                        base.offers.powertrain[j] as usize,
                    );
                    units * base.offers.base_share[j] * costs.battery_kwh(world, c, s, f) * 1e-6
                })
                .sum::<f64>()
        })
        .sum()
}

/// One country, one year.
fn country_year(
    year_of: &Year,
    c: usize,
    year: i32,
    last: &CountryState,
    exports_of_base: f64,
    scratch: &mut Scratch,
) -> (CountryYear, CountryState) {
    let Year {
        world,
        base,
        parameters,
        costs,
        ..
    } = *year_of;
    let t = year_index(year);
    let mut state = last.clone();

    // Fleet need.
    let wish = fleet::used_wish(base, c, last);
    let net_used = if wish >= 0.0 {
        wish
    } else {
        -exports_of_base * year_of.used_scale
    };
    let ageing = fleet::age(
        base,
        c,
        &mut state,
        net_used,
        &year_of.used_profile,
        &year_of.used_mix,
    );
    let quota = format!("quota.stock_growth.{}", world.countries[c].iso3);
    let now = Circumstances {
        people: (year_of.people[(c, t)], year_of.people[(c, t - 1)]),
        income: (year_of.income[(c, t)], year_of.income[(c, t - 1)]),
        trend_weight: (-parameters.get("ownership.trend_decay")
            * f64::from(year - world.base_year - 1))
        .exp(),
        quota_growth: parameters
            .find(&quota)
            .is_some()
            .then(|| parameters.at(&quota, year)),
    };
    let needed = fleet::new_registrations(base, c, &mut state, &ageing, &now);
    let heavy_share = world.heavy_share[(c, year_index(world.base_year))];
    let (light_reference, heavy_new) = (needed * (1.0 - heavy_share), needed * heavy_share);

    // Offers, costs, adoption.
    for (slot, powertrain) in ADOPTED.iter().enumerate() {
        let ahead = year - world.base_year;
        state.adoption[slot] += base
            .adoption
            .gain(c, slot, last.mix[powertrain.index()], ahead);
    }
    let range = base.offers.of(c);
    let mut utility: Vec<f64> = range
        .clone()
        .map(|j| {
            let (o, f) = (
                base.offers.origin[j] as usize,
                base.offers.powertrain[j] as usize,
            );
            let adopted = ADOPTED
                .iter()
                .position(|powertrain| powertrain.index() == f)
                .map_or(0.0, |slot| state.adoption[slot]);
            // Who enters is like those who sell already and has nothing to catch up.
            let lag = match base.entrants[j] {
                Some(_) => 0.0,
                None => base.lag[(c, o * POWERTRAINS + f)],
            };
            // A lag is in log shares within the powertrain, where utility counts by 1/lambda.
            base.prices.utility[j] + adopted
                - base.tastes.lambda() * lag * year_of.constants.catch_up
        })
        .collect();

    let pace = parameters.at("entry.chinese_pace", year);
    entry::pass_year(base, c, pace, &mut state.absent);
    entry::let_in(base, c, &state.absent, &mut utility);
    levers::put_on_sale(base, year_of.measures, (c, t), &mut utility);
    levers::tell(
        world,
        base,
        year_of.built,
        year_of.measures,
        (c, t),
        &mut utility,
    );

    // Prices and shares under the rules.
    let asked = standards::asked(year_of.rules, c, year, year_of.scenario.policy_as_of);
    let constraint = Constraint {
        asked,
        co2_g_per_km: if asked.co2.is_some() {
            mean_test_co2(year_of, c)
        } else {
            [0.0; POWERTRAINS]
        },
        last_plug_in_share: plug_in(&last.mix),
        pace_limit: base.adoption.limit(plug_in(&last.mix)),
        size: year_of
            .reference
            .map_or(Size::Share(base.bought), |reference| {
                Size::Shift(reference.countries[c].demand)
            }),
    };
    let mut marginal_cost_usd =
        price::marginal_costs(world, base, costs, &year_of.constants.cost_factors, c);
    // Where last year's plants and routes bring it to the buyer's border.
    for (cost, delivered) in marginal_cost_usd
        .iter_mut()
        .zip(&year_of.sourced.cost_factor[range.clone()])
    {
        *cost *= delivered;
    }
    if year_of.makers_paid {
        levers::pay_makers(
            base,
            year_of.built,
            year_of.measures,
            (c, t),
            &mut marginal_cost_usd,
        );
    }
    let law = year_of.law();
    let reference = year_of.reference.map(|reference| &reference.countries[c]);
    let beside_usd = price::beside(world, costs, &base.offers, c);
    let mut budgets = Budgets::default();
    if !year_of.rules.budgets_of(c).is_empty() {
        let policy_as_of = year_of.scenario.policy_as_of.map(Date::last_of);
        budgets.available_usd = year_of.rules.available_usd(year, &last.spent, policy_as_of);
        budgets.funded = match reference {
            Some(of) if of.budgets.funded.len() == budgets.available_usd.len() => {
                of.budgets.funded.clone()
            }
            _ => vec![1.0; budgets.available_usd.len()],
        };
    }
    let mut multipliers = reference.map_or(last.multipliers, |of| of.multipliers);
    // From the reference's prices of the year, where nothing changed, the same prices come back to the last bit.
    let mut start_usd = reference.map(|of| of.untilted_price_usd.clone());
    let mut rounds = 0;
    let mut last_funding: Option<(Vec<f64>, Vec<f64>)> = None;
    // Money that runs out pays a part of each claim, and what is claimed depends on it.
    let (wedges, solved, potential, offer_units) = loop {
        let wedges = law.wedges(c, &last.list_price_usd, &budgets.funded);
        let start = start_usd
            .take()
            .unwrap_or_else(|| wedges.prices(&marginal_cost_usd, &last.margin_usd));
        let solved = Priced {
            tastes: &base.tastes,
            buyers: &base.buyers[c],
            layout: &base.prices.layout[c],
            utility: &utility,
            beside_usd: &beside_usd,
            wedges: &wedges,
            marginal_cost_usd: &marginal_cost_usd,
            start_usd: &start,
        }
        .solve(&constraint, multipliers, scratch);
        let potential = reference.map_or(light_reference / solved.bought, |of| of.potential);
        let offer_units: Vec<f64> = solved.share.iter().map(|share| share * potential).collect();
        if budgets.funded.is_empty() {
            break (wedges, solved, potential, offer_units);
        }
        let sold: Vec<(f64, f64)> = offer_units
            .iter()
            .zip(&solved.producer_price_usd)
            .map(|(units, price)| (*units, *price))
            .collect();
        budgets.claims_usd = law
            .money(c, &last.list_price_usd, &[], &sold)
            .by_rule
            .by_budget(year_of.rules);
        let wanted = rules::funded(&budgets.claims_usd, &budgets.available_usd);
        let mut pairs = wanted.iter().zip(&budgets.funded);
        rounds += 1;
        if rounds == MOST_FUNDINGS || pairs.all(|(new, old)| (new - old).abs() < FUNDING_TOLERANCE)
        {
            break (wedges, solved, potential, offer_units);
        }
        let next = next_funding(last_funding.as_ref(), &budgets.funded, &wanted);
        let tried = std::mem::replace(&mut budgets.funded, next);
        last_funding = Some((tried, wanted));
        start_usd = Some(solved.untilted_price_usd);
        multipliers = solved.multipliers;
    };
    state.spent = last
        .spent
        .after(&budgets.claims_usd, &budgets.available_usd);
    let heavy_new = reference.map_or(heavy_new, |of| of.heavy_new);
    let light_new = potential * solved.bought;
    state.margin_usd = solved
        .producer_price_usd
        .iter()
        .zip(&marginal_cost_usd)
        .map(|(price, cost)| price - cost)
        .collect();
    state.multipliers = solved.multipliers;

    // Fleet, energy, CO2.
    let mut by_powertrain = [0.0; POWERTRAINS];
    let mut battery_gwh = 0.0;
    for (k, j) in range.enumerate() {
        let (s, f) = (
            base.offers.segment[j] as usize,
            base.offers.powertrain[j] as usize,
        );
        by_powertrain[f] += offer_units[k];
        battery_gwh += offer_units[k] * costs.battery_kwh(world, c, s, f) * 1e-6;
    }
    let plug_in_before = last.plug_in_stock();
    for (f, (fuel, electricity)) in new_use(base, costs, c, Some(&offer_units))
        .into_iter()
        .enumerate()
    {
        state.light_mut(f)[0] += by_powertrain[f];
        state.set_use(f, t, fuel, electricity);
        state.mix[f] = by_powertrain[f] / light_new;
    }
    state.heavy[0] += heavy_new;
    state.sales = light_new + heavy_new;
    state.chargers = chargers(
        year_of,
        c,
        year,
        last.chargers,
        plug_in_before,
        state.plug_in_stock(),
    );
    let mandated = [Biofuel::Ethanol, Biofuel::Biodiesel].map(|fuel| {
        let as_of = year_of.scenario.policy_as_of.map(Date::last_of);
        biofuel::mandated(world, year_of.rules, c, fuel, year, as_of)
    });
    let blend = biofuel::blend(
        world,
        parameters,
        year_of.measures,
        (c, year),
        mandated,
        last.energy.as_ref(),
    );
    let in_use = supply(world, parameters, costs, &blend, c, year);
    let fleet_energy = energy::fleet_energy(world, &state, &in_use, t);
    state.energy = Some(fleet_energy.clone());
    let result = CountryYear {
        offer_units,
        light_new: by_powertrain,
        heavy_new,
        ageing,
        light_stock: std::array::from_fn(|f| state.light_stock(f)),
        heavy_stock: state.heavy.iter().sum(),
        fuel_added_gj: biofuel::added_gj(&blend, &fleet_energy),
        blend,
        energy: fleet_energy,
        battery_gwh,
        demand: solved.shift,
        potential,
        utility,
        budgets,
        consumer_price_usd: solved.consumer_price_usd,
        untilted_price_usd: solved.untilted_price_usd,
        producer_price_usd: solved.producer_price_usd,
        marginal_cost_usd,
        wedges,
        surplus_usd: solved.surplus_usd * potential,
        evaluations: solved.evaluations,
        residual: solved.residual,
        multipliers: solved.multipliers,
        chargers: state.chargers,
        seconds: 0.0,
    };
    state.list_price_usd = result.list_price_usd();
    (result, state)
}

/// The part of claims to try next: where the line through the last two trials (tried, wanted) meets itself, budget by budget; half-way
/// where there is no such line.
fn next_funding(last: Option<&(Vec<f64>, Vec<f64>)>, tried: &[f64], wanted: &[f64]) -> Vec<f64> {
    (0..tried.len())
        .map(|b| {
            let slope = last.map_or(f64::NAN, |(before, asked)| {
                (wanted[b] - asked[b]) / (tried[b] - before[b])
            });
            // The more is paid, the more is claimed and the less is left for each claim: the slope is negative.
            let step = if slope <= 0.0 {
                1.0 / (1.0 - slope)
            } else {
                0.5
            };
            (tried[b] + step * (wanted[b] - tried[b])).clamp(0.0, 1.0)
        })
        .collect()
}

/// Public chargers grow with the plug-in fleet (elasticity from the literature), unless a scenario sets them.
fn chargers(year_of: &Year, c: usize, year: i32, last: f64, before: f64, after: f64) -> f64 {
    let parameters = year_of.parameters;
    let set = if parameters.sets("chargers.") {
        parameters.setting(
            &format!("chargers.{}", year_of.world.countries[c].iso3),
            year,
        )
    } else {
        None
    };
    let growth = if before > 0.0 {
        (after / before)
            .max(0.0)
            .powf(year_of.constants.charger_elasticity)
    } else {
        1.0
    };
    let t = year_index(year);
    let added = &year_of.measures.chargers;
    set.unwrap_or(last * growth) + (added[(c, t)] - added[(c, t - 1)])
}

/// CO2 on the test cycle by powertrain, g/km, over the segments in which each was sold in the base year.
fn mean_test_co2(year_of: &Year, c: usize) -> [f64; POWERTRAINS] {
    let offers = &year_of.base.offers;
    let co2 = wedge::test_co2(year_of.world, year_of.parameters, year_of.costs, c);
    let mut sums = [(0.0, 0.0); POWERTRAINS];
    for j in offers.of(c) {
        let (s, f) = (offers.segment[j] as usize, offers.powertrain[j] as usize);
        sums[f].0 += offers.base_share[j] * co2[market::class_of(s, f)];
        sums[f].1 += offers.base_share[j];
    }
    std::array::from_fn(|f| {
        let (grams, share) = sums[f];
        // Not sold here: what it would emit in a medium car.
        if share > 0.0 {
            grams / share
        } else {
            co2[market::class_of(1, f)]
        }
    })
}
