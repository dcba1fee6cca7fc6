//! What making vehicles takes, as recorded: minerals, hours of work, energy and materials, biofuels.

use crate::ids::{
    BIOFUELS, Biofuel, CHEMISTRIES, Chemistry, FIRST_YEAR, Grid, LAST_YEAR, MINERALS, Mineral,
    POWERTRAINS, Powertrain, SKILLS, Skill, WORK_STAGES, WorkStage, YEARS, year_index,
};
use crate::input::Record;
use crate::world::Country;

/// Everything that the sections on minerals, people, making and biofuels read.
#[derive(Debug, Clone)]
pub struct Resources {
    /// Minerals and packs.
    pub minerals: Minerals,
    /// Work.
    pub labour: Labour,
    /// Energy and materials of making.
    pub making: Materials,
    /// Biofuel supply by country, in the order of `Biofuel`; none where it is not on record.
    pub biofuels: Vec<[Option<BiofuelSupply>; BIOFUELS]>,
}

/// Minerals: supply, prices, what packs and vehicles hold.
#[derive(Debug, Clone)]
pub struct Minerals {
    /// Tonnes mined in the base year, by mineral and country.
    pub mined: Grid,
    /// Tonnes mined in countries that are not on record, by mineral.
    pub mined_elsewhere: [f64; MINERALS],
    /// Recorded growth of output above the world's, log a year, by mineral and country.
    pub growth_above_world: Grid,
    /// Shares of refining, by mineral and country; what is missing to one is elsewhere.
    pub refining_share: Grid,
    /// USD 2023/t of the base year; all NaN where a price of that year is not on record.
    pub price: [f64; MINERALS],
    /// Mean of recorded prices up to the base year, USD 2023/t.
    pub mean_price: [f64; MINERALS],
    /// kg/kWh by chemistry.
    pub pack_kg_per_kwh: [[f64; MINERALS]; CHEMISTRIES],
    /// kg a vehicle apart from the pack, by powertrain.
    pub vehicle_kg: [[f64; MINERALS]; POWERTRAINS],
    /// Chemistry of packs sold in the base year, by country.
    pub chemistry: Grid,
    /// Published path of the world's chemistry, by year.
    pub chemistry_path: Grid,
}

/// Work in a vehicle and counts of workers.
#[derive(Debug, Clone)]
pub struct Labour {
    /// Hours a vehicle at the labour intensity of Thailand, by powertrain, stage and skill.
    pub hours: [[[f64; SKILLS]; WORK_STAGES]; POWERTRAINS],
    /// Lowest and highest count of jobs on record, by country.
    pub jobs: Vec<Option<(f64, f64)>>,
}

impl Labour {
    /// Hours a vehicle by skill.
    pub fn by_skill(&self, f: usize) -> [f64; SKILLS] {
        let mut sum = [0.0; SKILLS];
        for stage in &self.hours[f] {
            for (cell, hours) in sum.iter_mut().zip(stage) {
                *cell += hours;
            }
        }
        sum
    }
}

/// Materials of a compact car with engine, and their carbon.
#[derive(Debug, Clone)]
pub struct Materials {
    /// kg a vehicle: steel, cast iron, aluminium, plastics, rubber, copper, glass.
    pub kg: [f64; 7],
    /// kg `CO2e`/kg, likewise.
    pub kg_per_kg: [f64; 7],
}

impl Materials {
    /// Names in the record, in the order of arrays.
    pub const NAMES: [&str; 7] = [
        "steel",
        "cast_iron",
        "aluminium",
        "plastics",
        "rubber",
        "copper",
        "glass",
    ];
    /// Position of steel.
    pub const STEEL: usize = 0;
    /// Position of aluminium.
    pub const ALUMINIUM: usize = 2;
}

/// Biofuel of one kind that a country can supply a year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BiofuelSupply {
    /// PJ a year.
    pub potential_pj: f64,
    /// g `CO2e`/MJ before the tank.
    pub supply_g_per_mj: f64,
    /// g `CO2e`/MJ of land use.
    pub land_use_g_per_mj: f64,
    /// USD 2023/GJ.
    pub usd_per_gj: f64,
}

/// Reads the tables of these sections as of a base year.
pub fn read(record: &Record, countries: &[Country], base_year: i32) -> Resources {
    Resources {
        minerals: minerals(record, countries, base_year),
        labour: labour(record, countries),
        making: materials(record),
        biofuels: biofuels(record, countries),
    }
}

fn place(countries: &[Country], iso3: &str) -> Option<usize> {
    countries
        .binary_search_by(|country| country.iso3.as_str().cmp(iso3))
        .ok()
}

fn minerals(record: &Record, countries: &[Country], base_year: i32) -> Minerals {
    let (mined, mined_elsewhere, growth_above_world) = mines(record, countries, base_year);
    let mut refining_share = Grid::filled(MINERALS, countries.len(), 0.0);
    let table = record.table("mineral_refining");
    let (mineral, iso3, share) = (
        table.text("mineral"),
        table.text("iso3"),
        table.real("share"),
    );
    for row in 0..table.rows() {
        if let (Some(m), Some(c)) = (
            Mineral::from_code(mineral.get(row)),
            place(countries, iso3.get(row)),
        ) {
            refining_share[(m.index(), c)] = share[row];
        }
    }
    let (price, mean_price) = prices(record, base_year);
    let mut pack_kg_per_kwh = [[0.0; MINERALS]; CHEMISTRIES];
    let mut vehicle_kg = [[0.0; MINERALS]; POWERTRAINS];
    let table = record.table("mineral_content");
    let (kind, member, mineral) = (
        table.text("kind"),
        table.text("member"),
        table.text("mineral"),
    );
    for (row, kg) in table.real("kg").iter().enumerate() {
        let Some(m) = Mineral::from_code(mineral.get(row)) else {
            continue;
        };
        match kind.get(row) {
            "pack" => {
                if let Some(chemistry) = Chemistry::from_code(member.get(row)) {
                    pack_kg_per_kwh[chemistry.index()][m.index()] = *kg;
                }
            }
            _ => {
                if let Some(f) = Powertrain::from_code(member.get(row)) {
                    vehicle_kg[f.index()][m.index()] = *kg;
                }
            }
        }
    }
    let (chemistry, chemistry_path) = chemistries(record, countries);
    Minerals {
        mined,
        mined_elsewhere,
        growth_above_world,
        refining_share,
        price,
        mean_price,
        pack_kg_per_kwh,
        vehicle_kg,
        chemistry,
        chemistry_path,
    }
}

/// Output of the base year, or of the nearest year on record; what is left of the world; growth above the world's.
fn mines(record: &Record, countries: &[Country], base_year: i32) -> (Grid, [f64; MINERALS], Grid) {
    let table = record.table("mineral_supply");
    let (mineral, iso3) = (table.text("mineral"), table.text("iso3"));
    let (year, tonnes) = (table.integer("year"), table.real("tonnes"));
    let world = countries.len();
    // Series by mineral and place, the world last.
    let mut series: Vec<Vec<(i32, f64)>> = vec![Vec::new(); MINERALS * (world + 1)];
    for row in 0..table.rows() {
        let c = if iso3.get(row) == "WLD" {
            Some(world)
        } else {
            place(countries, iso3.get(row))
        };
        if let (Some(m), Some(c)) = (Mineral::from_code(mineral.get(row)), c) {
            series[m.index() * (world + 1) + c].push((year[row], tonnes[row]));
        }
    }
    let growth = |points: &[(i32, f64)]| {
        let known: Vec<&(i32, f64)> = points.iter().filter(|point| point.0 <= base_year).collect();
        let last = known.last()?;
        let first = known
            .iter()
            .find(|point| point.0 >= last.0 - 4 && point.0 < last.0)?;
        Some((last.1 / first.1).ln() / f64::from(last.0 - first.0))
    };
    let mut mined = Grid::filled(MINERALS, world, 0.0);
    let mut elsewhere = [0.0; MINERALS];
    let mut above = Grid::filled(MINERALS, world, 0.0);
    for m in 0..MINERALS {
        let of = |c: usize| &series[m * (world + 1) + c];
        let reference = of(world)
            .iter()
            .filter(|point| point.0 <= base_year)
            .max_by_key(|point| point.0)
            .or(of(world).first());
        let Some(&(reference_year, total)) = reference else {
            continue;
        };
        let world_growth = growth(of(world)).unwrap_or(0.0);
        for c in 0..world {
            // The year of the world's count, or the last before it.
            let own = of(c)
                .iter()
                .filter(|point| point.0 <= reference_year)
                .max_by_key(|point| point.0);
            if let Some(&(own_year, amount)) = own
                && reference_year - own_year <= 2
            {
                mined[(m, c)] = amount;
                above[(m, c)] =
                    growth(of(c)).map_or(0.0, |own| (own - world_growth).clamp(-0.15, 0.15));
            }
        }
        let listed: f64 = mined.row(m).iter().sum();
        elsewhere[m] = (total - listed).max(0.0);
    }
    (mined, elsewhere, above)
}

/// Prices of the base year and their mean; a base year without all prices knows none.
fn prices(record: &Record, base_year: i32) -> ([f64; MINERALS], [f64; MINERALS]) {
    let table = record.table("mineral_prices");
    let (mineral, year, usd) = (
        table.text("mineral"),
        table.integer("year"),
        table.real("usd2023_per_tonne"),
    );
    let mut price = [f64::NAN; MINERALS];
    let mut sum = [(0.0, 0.0); MINERALS];
    for row in 0..table.rows() {
        if let Some(m) = Mineral::from_code(mineral.get(row))
            && year[row] <= base_year
        {
            let (total, count) = &mut sum[m.index()];
            *total += usd[row];
            *count += 1.0;
            if year[row] == base_year {
                price[m.index()] = usd[row];
            }
        }
    }
    if price.iter().any(|price| price.is_nan()) {
        price = [f64::NAN; MINERALS];
    }
    (price, sum.map(|(total, count)| total / count))
}

/// Base-year chemistry by country (the world's where a country has none) and the path of the world.
fn chemistries(record: &Record, countries: &[Country]) -> (Grid, Grid) {
    let table = record.table("chemistry_paths");
    let (iso3, year) = (table.text("iso3"), table.integer("year"));
    let (chemistry, share) = (table.text("chemistry"), table.real("share"));
    let mut own = Grid::filled(countries.len(), CHEMISTRIES, 0.0);
    let mut points: Vec<(i32, [f64; CHEMISTRIES])> = Vec::new();
    for row in 0..table.rows() {
        let Some(k) = Chemistry::from_code(chemistry.get(row)) else {
            continue;
        };
        if iso3.get(row) == "WLD" {
            if points.last().is_none_or(|point| point.0 != year[row]) {
                points.push((year[row], [0.0; CHEMISTRIES]));
            }
            if let Some(point) = points.last_mut() {
                point.1[k.index()] = share[row];
            }
        } else if let Some(c) = place(countries, iso3.get(row)) {
            own[(c, k.index())] = share[row];
        }
    }
    points.sort_by_key(|point| point.0);
    let mut path = Grid::filled(YEARS, CHEMISTRIES, 0.0);
    for year in FIRST_YEAR..=LAST_YEAR {
        path.row_mut(year_index(year))
            .copy_from_slice(&between(&points, year));
    }
    let world = points.first().map_or([0.0; CHEMISTRIES], |point| point.1);
    for c in 0..countries.len() {
        if own.row(c).iter().sum::<f64>() < 0.5 {
            own.row_mut(c).copy_from_slice(&world);
        }
    }
    (own, path)
}

/// Linear between the points, constant outside them.
fn between(points: &[(i32, [f64; CHEMISTRIES])], year: i32) -> [f64; CHEMISTRIES] {
    let after = points.partition_point(|point| point.0 <= year);
    match (after.checked_sub(1).map(|i| &points[i]), points.get(after)) {
        (Some(a), Some(b)) => {
            let weight = f64::from(year - a.0) / f64::from(b.0 - a.0);
            std::array::from_fn(|k| a.1[k] + (b.1[k] - a.1[k]) * weight)
        }
        (Some(only), None) | (None, Some(only)) => only.1,
        (None, None) => [0.0; CHEMISTRIES],
    }
}

fn labour(record: &Record, countries: &[Country]) -> Labour {
    let mut hours = [[[0.0; SKILLS]; WORK_STAGES]; POWERTRAINS];
    let table = record.table("labour_hours");
    let (powertrain, stage) = (table.text("powertrain"), table.text("stage"));
    let (skill, value) = (table.text("skill"), table.real("hours"));
    for row in 0..table.rows() {
        if let (Some(f), Some(stage), Some(skill)) = (
            Powertrain::from_code(powertrain.get(row)),
            WorkStage::from_code(stage.get(row)),
            Skill::from_code(skill.get(row)),
        ) {
            hours[f.index()][stage.index()][skill.index()] = value[row];
        }
    }
    let mut jobs = vec![None; countries.len()];
    let table = record.table("auto_jobs");
    let (iso3, low, high) = (table.text("iso3"), table.real("low"), table.real("high"));
    for row in 0..table.rows() {
        if let Some(c) = place(countries, iso3.get(row)) {
            jobs[c] = Some((low[row], high[row]));
        }
    }
    Labour { hours, jobs }
}

fn materials(record: &Record) -> Materials {
    let table = record.table("manufacturing");
    let (stage, item, region) = (
        table.text("stage"),
        table.text("item"),
        table.text("region"),
    );
    let value = table.real("value");
    let of = |what: &str, name: &str, place: &str| {
        let wanted = format!("{name}_{what}");
        (0..table.rows())
            .find(|&row| {
                stage.get(row) == "materials" && item.get(row) == wanted && region.get(row) == place
            })
            .map_or(0.0, |row| value[row])
    };
    Materials {
        kg: Materials::NAMES.map(|name| of("content", name, "World C-segment ICE car")),
        kg_per_kg: Materials::NAMES.map(|name| of("emission_factor", name, "World")),
    }
}

fn biofuels(record: &Record, countries: &[Country]) -> Vec<[Option<BiofuelSupply>; BIOFUELS]> {
    let mut supply = vec![[None::<BiofuelSupply>; BIOFUELS]; countries.len()];
    let table = record.table("biofuel_supply");
    let (iso3, fuel) = (table.text("iso3"), table.text("fuel"));
    let (potential, usd) = (table.real("potential_pj"), table.real("usd2023_per_gj"));
    let (grams, land) = (
        table.real("supply_g_per_mj"),
        table.real("land_use_g_per_mj"),
    );
    for row in 0..table.rows() {
        let (Some(c), Some(fuel)) = (
            place(countries, iso3.get(row)),
            Biofuel::from_code(fuel.get(row)),
        ) else {
            continue;
        };
        let added = BiofuelSupply {
            potential_pj: potential[row],
            supply_g_per_mj: grams[row],
            land_use_g_per_mj: land[row],
            usd_per_gj: usd[row],
        };
        let slot = &mut supply[c][fuel.index()];
        // Several feedstocks of one fuel: amounts add, the rest is their mean by amount.
        *slot = Some(slot.map_or(added, |before| {
            let total = before.potential_pj + added.potential_pj;
            let mean = |a: f64, b: f64| {
                if total > 0.0 {
                    (a * before.potential_pj + b * added.potential_pj) / total
                } else {
                    a
                }
            };
            BiofuelSupply {
                potential_pj: total,
                supply_g_per_mj: mean(before.supply_g_per_mj, added.supply_g_per_mj),
                land_use_g_per_mj: mean(before.land_use_g_per_mj, added.land_use_g_per_mj),
                usd_per_gj: mean(before.usd_per_gj, added.usd_per_gj),
            }
        }));
    }
    supply
}
