//! Minerals and packs (model.md section 7).
//!
//! Need = packs x chemistry x kg/kWh / yield + vehicles x kg; packs leave use by a Weibull law, serve a second
//! time in part, and come back as far as they are collected. Mines grow with the demand they foresee and with
//! the price: `g = a g_demand + r ln(P / P_mean)`; the price follows tightness,
//! `P = P(B) ((D - recovered) / mined)^k`, within bounds about its recorded mean.

use crate::ids::{
    CHEMISTRIES, Chemistry, FIRST_YEAR, Grid, MINERALS, Mineral, POWERTRAINS, YEARS, year_index,
};
use crate::measures::Measures;
use crate::parameters::Parameters;
use crate::world::World;

/// Ages of packs kept apart; the last holds all older ones.
pub const PACK_AGES: usize = 36;

/// Minerals at the end of a year.
#[derive(Debug, Clone)]
pub struct MineralState {
    /// `GWh` in vehicles by country and age.
    in_use: Grid,
    /// `GWh` in their second life and the tonnes they hold, by country: `1 + MINERALS` columns.
    second_life: Grid,
    /// `GWh` that ever came in, that were returned, that were lost, by country.
    passed: Grid,
    /// Tonnes mined a year by mineral and country, the world's rest last.
    mined: Grid,
    /// USD 2023/t; NaN where no price is known.
    pub price: [f64; MINERALS],
    /// Tonnes needed in the world.
    needed: [f64; MINERALS],
    /// Tonnes of the base year outside batteries and light vehicles.
    elsewhere_of_base: [f64; MINERALS],
    /// Content of the mean pack of the world at the prices of the year, USD 2023/kWh.
    pub content_usd_per_kwh: f64,
    /// The same in the base year.
    pub base_content_usd_per_kwh: f64,
}

/// What was sold in a year, as far as minerals are concerned.
#[derive(Debug, Clone, Copy)]
pub struct Sold<'a> {
    /// Packs of new light vehicles by country, `GWh`.
    pub gwh: &'a [f64],
    /// New light vehicles by country and powertrain.
    pub vehicles: &'a Grid,
    /// Packs of heavy vehicles and two-wheelers, and of storage, `GWh` of the world.
    pub other_gwh: [f64; 2],
    /// Biofuel beyond the mandate, GJ by country.
    pub fuel_added_gj: &'a [f64],
}

/// Minerals of one year.
#[derive(Debug, Clone)]
pub struct MineralYear {
    /// Tonnes needed for new light vehicles, by country and mineral.
    pub needed: Grid,
    /// Tonnes needed for packs of heavy vehicles, two-wheelers and storage.
    pub needed_other_packs: [f64; MINERALS],
    /// Tonnes needed outside batteries and light vehicles.
    pub needed_elsewhere: [f64; MINERALS],
    /// Tonnes recovered from packs, by country and mineral.
    pub recovered: Grid,
    /// Tonnes mined, by mineral and country, the rest of the world last.
    pub mined: Grid,
    /// USD 2023/t.
    pub price: [f64; MINERALS],
    /// Need less recovered, over mined, against the base year.
    pub tightness: [f64; MINERALS],
    /// `GWh` by country: new, in use, second life, returned so far, lost so far, all that ever came in.
    pub packs: Grid,
    /// Content of the mean pack of the world, USD 2023/kWh.
    pub content_usd_per_kwh: f64,
    /// What joint purchases and another chemistry take off a kWh, by country, USD 2023.
    pub saving_usd_per_kwh: Vec<f64>,
    /// Packs returned beyond the collection of the pack, kWh by country.
    pub collected_by_measure_kwh: Vec<f64>,
}

/// Concentration (Herfindahl-Hirschman, 0 to 1) of shares; what is missing to one counts as many small ones.
pub fn concentration(shares: impl Iterator<Item = f64>) -> f64 {
    shares.map(|share| share * share).sum()
}

/// Chemistry of packs sold in a country, before measures: its own of the base year, drawn to the world's path.
pub fn chemistry(
    world: &World,
    parameters: &Parameters,
    c: usize,
    year: i32,
) -> [f64; CHEMISTRIES] {
    let minerals = &world.resources.minerals;
    let path = minerals.chemistry_path.row(year_index(year));
    let years = parameters.get("minerals.chemistry_years");
    let own = (1.0 - f64::from(year - world.base_year) / years).clamp(0.0, 1.0);
    let base = minerals.chemistry.row(c);
    std::array::from_fn(|k| own * base[k] + (1.0 - own) * path[k])
}

/// The same after a shift of nickel-based packs to another chemistry.
fn shifted(
    mut mix: [f64; CHEMISTRIES],
    measures: &Measures,
    c: usize,
    t: usize,
) -> [f64; CHEMISTRIES] {
    for shift in measures.chemistry.iter().filter(|shift| shift.country == c) {
        let share = shift.share[t];
        let mut moved = 0.0;
        for chemistry in Chemistry::ALL {
            if chemistry.is_nickel_based() && *chemistry != shift.chemistry {
                moved += share * mix[chemistry.index()];
                mix[chemistry.index()] *= 1.0 - share;
            }
        }
        mix[shift.chemistry.index()] += moved;
    }
    mix
}

/// kg/kWh of a chemistry mix.
fn kg_per_kwh(world: &World, mix: &[f64; CHEMISTRIES]) -> [f64; MINERALS] {
    let mut kg = [0.0; MINERALS];
    for (share, of_chemistry) in mix.iter().zip(&world.resources.minerals.pack_kg_per_kwh) {
        for (cell, content) in kg.iter_mut().zip(of_chemistry) {
            *cell += share * content;
        }
    }
    kg
}

/// USD 2023/kWh of minerals that a kWh takes from the mine.
fn content_usd(kg: &[f64; MINERALS], price: &[f64; MINERALS]) -> f64 {
    kg.iter()
        .zip(price)
        .map(|(kg, price)| kg * price * 1e-3)
        .sum()
}

/// Ratio of the mineral content of a pack to that of the base year; exactly one where no price is known.
pub fn content_ratio(state: &MineralState) -> f64 {
    let ratio = state.content_usd_per_kwh / state.base_content_usd_per_kwh;
    if ratio.is_finite() { ratio } else { 1.0 }
}

/// Minerals at the end of the base year: packs of the years before by their sales and sizes.
///
/// `history_gwh` holds packs sold by country and year.
pub fn initial(
    world: &World,
    parameters: &Parameters,
    history_gwh: &Grid,
    sold: &Sold,
) -> MineralState {
    let countries = world.countries.len();
    let base = year_index(world.base_year);
    let minerals = &world.resources.minerals;
    let law = PackLaw::new(parameters);
    let mut in_use = Grid::filled(countries, PACK_AGES, 0.0);
    let mut passed = Grid::filled(countries, 3, 0.0);
    for c in 0..countries {
        for sold in 0..=base {
            let age = (base - sold).min(PACK_AGES - 1);
            in_use[(c, age)] += history_gwh[(c, sold)] * law.survival[age];
        }
        passed[(c, 0)] = in_use.row(c).iter().sum();
    }
    let mut mined = Grid::filled(MINERALS, countries + 1, 0.0);
    for m in 0..MINERALS {
        mined.row_mut(m)[..countries].copy_from_slice(minerals.mined.row(m));
        mined[(m, countries)] = minerals.mined_elsewhere[m];
    }
    let kg: Vec<[f64; MINERALS]> = (0..countries)
        .map(|c| kg_per_kwh(world, &chemistry(world, parameters, c, world.base_year)))
        .collect();
    let content = mean_content(sold.gwh, &kg, &minerals.price);
    let processing = parameters.get("minerals.processing_yield");
    let light = needs(world, &kg, processing, sold);
    let others = other_packs(world, sold.other_gwh, processing);
    let output: [f64; MINERALS] = std::array::from_fn(|m| mined.row(m).iter().sum());
    MineralState {
        in_use,
        second_life: Grid::filled(countries, 1 + MINERALS, 0.0),
        passed,
        needed: output,
        elsewhere_of_base: std::array::from_fn(|m| {
            let vehicles: f64 = (0..countries).map(|c| light[(c, m)]).sum();
            (output[m] - vehicles - others[m]).max(0.0)
        }),
        mined,
        price: minerals.price,
        content_usd_per_kwh: content,
        base_content_usd_per_kwh: content,
    }
}

/// Mean content of packs, weighted by what is sold where.
fn mean_content(gwh: &[f64], kg: &[[f64; MINERALS]], price: &[f64; MINERALS]) -> f64 {
    let (mut sum, mut weight) = (0.0, 0.0);
    for (gwh, kg) in gwh.iter().zip(kg) {
        sum += gwh * content_usd(kg, price);
        weight += gwh;
    }
    sum / weight
}

/// Survival of packs and their second life.
struct PackLaw {
    survival: [f64; PACK_AGES],
    second_share: f64,
    second_leaves: f64,
    collection: f64,
}

impl PackLaw {
    fn new(parameters: &Parameters) -> Self {
        let (scale, shape) = (
            parameters.get("minerals.pack_life_scale"),
            parameters.get("minerals.pack_life_shape"),
        );
        Self {
            survival: std::array::from_fn(|age| (-(age as f64 / scale).powf(shape)).exp()),
            second_share: parameters.get("minerals.second_life_share"),
            second_leaves: 1.0 / parameters.get("minerals.second_life_years"),
            collection: parameters.get("minerals.collection_rate"),
        }
    }

    /// Part of packs of an age that stays a year more; packs of the last age all leave.
    fn stays(&self, age: usize) -> f64 {
        if age + 1 < PACK_AGES {
            self.survival[age + 1] / self.survival[age]
        } else {
            0.0
        }
    }
}

/// One year of minerals.
pub fn minerals(
    world: &World,
    parameters: &Parameters,
    measures: &Measures,
    year: i32,
    last: &MineralState,
    sold: &Sold,
) -> (MineralYear, MineralState) {
    let countries = world.countries.len();
    let t = year_index(year);
    let law = PackLaw::new(parameters);
    let processing = parameters.get("minerals.processing_yield");
    let mut state = last.clone();
    let (plain, kg) = mixes(world, parameters, measures, year);
    let (recovered, collected_by_measure_kwh) = age_packs(
        world, parameters, measures, &law, year, &mut state, sold.gwh,
    );

    let needed = needs(world, &kg, processing, sold);
    let elsewhere = needed_elsewhere(parameters, &last.elsewhere_of_base, year - world.base_year);
    let other_packs = other_packs(world, sold.other_gwh, processing);
    let sum_of = |grid: &Grid, m: usize| (0..countries).map(|c| grid[(c, m)]).sum::<f64>();
    let total: [f64; MINERALS] =
        std::array::from_fn(|m| sum_of(&needed, m) + other_packs[m] + elsewhere[m]);
    let anticipation = parameters.get("minerals.anticipation");
    let response = parameters.get("minerals.supply_response");
    let exponent = parameters.get("minerals.price_exponent");
    let drift = parameters.get("minerals.share_drift")
        * (-0.2 * f64::from(year - world.base_year - 1)).exp();
    let of_world = &world.resources.minerals;
    let mut tightness = [1.0; MINERALS];
    for m in 0..MINERALS {
        let dear = (last.price[m] / of_world.mean_price[m]).ln();
        let dear = if dear.is_finite() { dear } else { 0.0 };
        let foreseen = (total[m] / last.needed[m]).ln();
        let growth = (anticipation * foreseen + response * dear).clamp(-0.1, FASTEST_GROWTH);
        grow_mines(
            state.mined.row_mut(m),
            of_world.growth_above_world.row(m),
            growth,
            drift,
        );
        let mined: f64 = state.mined.row(m).iter().sum();
        tightness[m] = (total[m] - sum_of(&recovered, m)).max(0.0) / mined;
        let mean = of_world.mean_price[m];
        state.price[m] = if mean > 0.0 {
            let price = of_world.price[m] * tightness[m].powf(exponent);
            price.clamp(0.4 * mean, 4.0 * mean)
        } else {
            f64::NAN
        };
    }
    state.needed = total;
    state.content_usd_per_kwh = mean_content(sold.gwh, &plain, &state.price);
    let saving_usd_per_kwh = savings(parameters, measures, t, &plain, &kg, &state.price, sold.gwh);

    let mut packs = Grid::filled(countries, 6, 0.0);
    for c in 0..countries {
        packs.row_mut(c).copy_from_slice(&[
            sold.gwh[c],
            state.in_use.row(c).iter().sum(),
            state.second_life[(c, 0)],
            state.passed[(c, 1)],
            state.passed[(c, 2)],
            state.passed[(c, 0)],
        ]);
    }
    let result = MineralYear {
        needed,
        needed_other_packs: other_packs,
        needed_elsewhere: elsewhere,
        recovered,
        mined: state.mined.clone(),
        price: state.price,
        tightness,
        packs,
        content_usd_per_kwh: state.content_usd_per_kwh,
        saving_usd_per_kwh,
        collected_by_measure_kwh,
    };
    (result, state)
}

/// kg/kWh by country, before and after measures.
fn mixes(
    world: &World,
    parameters: &Parameters,
    measures: &Measures,
    year: i32,
) -> (Vec<[f64; MINERALS]>, Vec<[f64; MINERALS]>) {
    let t = year_index(year);
    (0..world.countries.len())
        .map(|c| {
            let mix = chemistry(world, parameters, c, year);
            (
                kg_per_kwh(world, &mix),
                kg_per_kwh(world, &shifted(mix, measures, c, t)),
            )
        })
        .unzip()
}

/// Packs grow a year older; what leaves goes to a second life, is returned or lost. Gives the tonnes recovered,
/// and the kWh that measures brought back.
fn age_packs(
    world: &World,
    parameters: &Parameters,
    measures: &Measures,
    law: &PackLaw,
    year: i32,
    state: &mut MineralState,
    new_gwh: &[f64],
) -> (Grid, Vec<f64>) {
    let countries = world.countries.len();
    let t = year_index(year);
    let yields: [f64; MINERALS] = std::array::from_fn(|m| {
        if Mineral::ALL[m] == Mineral::RareEarths {
            // They are in motors, not in packs.
            return 0.0;
        }
        parameters.get(&format!("minerals.recovery.{}", Mineral::ALL[m].code()))
    });
    // Content by year of sale; packs of history hold the base year's chemistry.
    let mut recovered = Grid::filled(countries, MINERALS, 0.0);
    let mut by_measure = vec![0.0; countries];
    for c in 0..countries {
        let total: f64 = state.in_use.row(c).iter().sum();
        let content_of: Vec<[f64; MINERALS]> = if total > 0.0 {
            let first = year - PACK_AGES as i32;
            (first..year)
                .map(|sold| {
                    let sold = sold.max(world.base_year);
                    let mix = chemistry(world, parameters, c, sold);
                    kg_per_kwh(world, &shifted(mix, measures, c, year_index(sold)))
                })
                .collect()
        } else {
            vec![[0.0; MINERALS]; PACK_AGES]
        };
        let row = state.in_use.row_mut(c);
        let (mut left, mut left_tonnes) = (0.0, [0.0; MINERALS]);
        for age in (0..PACK_AGES).rev() {
            let stays = law.stays(age);
            let leaves = row[age] * (1.0 - stays);
            left += leaves;
            // kg/kWh are kt/GWh.
            let content = &content_of[PACK_AGES - 1 - age];
            for (tonnes, kg) in left_tonnes.iter_mut().zip(content) {
                *tonnes += leaves * kg * 1e3;
            }
            if age + 1 < PACK_AGES {
                row[age + 1] = row[age] * stays;
            }
        }
        row[0] = new_gwh[c];
        let collection = (law.collection + measures.recycling[(c, t)]).min(MOST_COLLECTED);
        let second = state.second_life.row_mut(c);
        let mut returned = 0.0;
        for (column, cell) in second.iter_mut().enumerate() {
            let arrives = if column == 0 {
                left
            } else {
                left_tonnes[column - 1]
            };
            let leaves_second = *cell * law.second_leaves;
            let directly = arrives * (1.0 - law.second_share);
            let offered = directly + leaves_second;
            *cell += arrives * law.second_share - leaves_second;
            if column == 0 {
                returned = offered * collection;
                by_measure[c] = offered * (collection - law.collection).max(0.0) * 1e6;
                state.passed[(c, 2)] += offered * (1.0 - collection);
            } else {
                recovered[(c, column - 1)] = offered * collection * yields[column - 1];
            }
        }
        state.passed[(c, 0)] += new_gwh[c];
        state.passed[(c, 1)] += returned;
    }
    (recovered, by_measure)
}

/// Greatest growth of the world's mines, log a year: lithium grew 0.23 from 2022 to 2023.
const FASTEST_GROWTH: f64 = 0.25;

/// However much is asked, some packs are never found.
pub const MOST_COLLECTED: f64 = 0.95;

/// Tonnes for new light vehicles, by country and mineral.
fn needs(world: &World, kg: &[[f64; MINERALS]], processing: f64, sold: &Sold) -> Grid {
    let mut needed = Grid::filled(world.countries.len(), MINERALS, 0.0);
    for (c, row) in needed.rows_mut().enumerate() {
        for (m, cell) in row.iter_mut().enumerate() {
            let vehicles: f64 = (0..POWERTRAINS)
                .map(|f| sold.vehicles[(c, f)] * world.resources.minerals.vehicle_kg[f][m])
                .sum();
            *cell = sold.gwh[c] * kg[c][m] * 1e3 / processing + vehicles * 1e-3;
        }
    }
    needed
}

/// Packs of heavy vehicles, two-wheelers and storage hold iron phosphate.
fn other_packs(world: &World, gwh: [f64; 2], processing: f64) -> [f64; MINERALS] {
    let kg = &world.resources.minerals.pack_kg_per_kwh[Chemistry::Lfp.index()];
    kg.map(|kg| (gwh[0] + gwh[1]) * kg * 1e3 / processing)
}

/// Other uses: what the base year's output leaves beside batteries and vehicles, growing at its own rate.
fn needed_elsewhere(
    parameters: &Parameters,
    base: &[f64; MINERALS],
    years: i32,
) -> [f64; MINERALS] {
    std::array::from_fn(|m| {
        let growth = parameters.get(&format!("minerals.other_growth.{}", Mineral::ALL[m].code()));
        base[m] * (1.0 + growth).powi(years)
    })
}

/// Countries keep their own pace above or below the world's, ever less.
fn grow_mines(mined: &mut [f64], above: &[f64], growth: f64, drift: f64) {
    let before: f64 = mined.iter().sum();
    for (mine, above) in mined.iter_mut().zip(above) {
        *mine *= (drift * above).exp();
    }
    let now: f64 = mined.iter().sum();
    if now > 0.0 {
        let scale = before * growth.exp() / now;
        mined.iter_mut().for_each(|mine| *mine *= scale);
    }
}

/// What a kWh costs less in a country by joint purchases and by another chemistry, USD 2023.
///
/// The discount grows with the part of the world's need that buys jointly and saturates:
/// `d = d_max v / (v + v_half) x share`.
fn savings(
    parameters: &Parameters,
    measures: &Measures,
    t: usize,
    plain: &[[f64; MINERALS]],
    kg: &[[f64; MINERALS]],
    price: &[f64; MINERALS],
    gwh: &[f64],
) -> Vec<f64> {
    let world: f64 = gwh.iter().sum();
    let joint: f64 = gwh
        .iter()
        .enumerate()
        .map(|(c, gwh)| gwh * measures.joint_procurement[(c, t)])
        .sum();
    let part = if world > 0.0 { joint / world } else { 0.0 };
    let most = parameters.get("minerals.procurement_discount");
    let half = parameters.get("minerals.procurement_half_volume");
    let discount = most * part / (part + half);
    plain
        .iter()
        .zip(kg)
        .enumerate()
        .map(|(c, (plain, kg))| {
            let share = measures.joint_procurement[(c, t)];
            let asked = measures
                .chemistry
                .iter()
                .any(|shift| shift.country == c && shift.share[t] > 0.0);
            if share == 0.0 && !asked {
                return 0.0;
            }
            let saving =
                content_usd(plain, price) - content_usd(kg, price) * (1.0 - discount * share);
            if saving.is_finite() { saving } else { 0.0 }
        })
        .collect()
}

/// Packs sold in years of history by country, `GWh`: vehicles with a plug or hybrid drive times the packs of their year.
pub fn history_gwh(
    countries: usize,
    base: usize,
    vehicles: impl Fn(usize, usize, usize) -> f64,
    pack_kwh: impl Fn(usize, usize, i32) -> f64,
) -> Grid {
    let mut gwh = Grid::filled(countries, YEARS, 0.0);
    for c in 0..countries {
        for t in 0..=base {
            let sum: f64 = (0..POWERTRAINS)
                .map(|f| vehicles(c, f, t) * pack_kwh(c, f, FIRST_YEAR + t as i32) * 1e-6)
                .filter(|gwh| gwh.is_finite())
                .sum();
            gwh[(c, t)] = sum;
        }
    }
    gwh
}
