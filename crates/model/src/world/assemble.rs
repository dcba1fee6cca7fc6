//! Record to dense arrays: reads each table once and hands the gaps to `fill`.

use super::{
    Anchor, Country, FuelFactors, Incentive, MakingFactors, Technology, World, brands, fill,
    industry, makers, resources,
};
use crate::ids::{
    DRIVERS, Drivers, FIRST_YEAR, Grid, Group, LAST_YEAR, ORIGINS, Origin, POWERTRAINS, Powertrain,
    SEGMENTS, Segment, YEARS, year_index,
};
use crate::input::{Problem, Problems, Record};
use crate::parameters::Parameters;
use crate::rules::Rules;

/// Countries by code, to place rows.
struct Places<'a> {
    countries: &'a [Country],
}

impl Places<'_> {
    fn of(&self, iso3: &str) -> Option<usize> {
        self.countries
            .binary_search_by(|country| country.iso3.as_str().cmp(iso3))
            .ok()
    }

    /// The country itself, or the members where the code is an aggregate with a group of its own.
    fn members(&self, code: &str) -> Vec<usize> {
        if let Some(country) = self.of(code) {
            return vec![country];
        }
        let group = match code {
            "EU27" => Some(Group::Eu27),
            "ASEAN" => Some(Group::Asean),
            _ => Group::from_code(code),
        };
        (0..self.countries.len())
            .filter(|&c| code == "WLD" || Some(self.countries[c].group) == group)
            .collect()
    }

    fn empty_grid(&self) -> Grid {
        Grid::filled(self.countries.len(), YEARS, f64::NAN)
    }
}

/// A filter on words of a row: column and value.
type Where<'a> = &'a [(&'a str, &'a str)];

/// Calls `visit(country code, year, value)` for rows of a table that pass the filter.
fn each_row(
    record: &Record,
    table: &str,
    place: &str,
    filter: Where,
    value: &str,
    mut visit: impl FnMut(&str, i32, f64),
) {
    let table = record.table(table);
    let (code, years, values) = (table.text(place), table.integer("year"), table.real(value));
    let columns: Vec<_> = filter
        .iter()
        .map(|(column, word)| (table.text(column), *word))
        .collect();
    for row in 0..table.rows() {
        if columns
            .iter()
            .all(|(column, word)| column.get(row) == *word)
        {
            visit(code.get(row), years[row], values[row]);
        }
    }
}

/// A grid over countries and years from one value column, up to `last_year`.
fn grid(
    record: &Record,
    places: &Places,
    table: &str,
    filter: Where,
    value: &str,
    last_year: i32,
) -> Grid {
    let mut grid = places.empty_grid();
    each_row(record, table, "iso3", filter, value, |code, year, value| {
        if let (Some(country), FIRST_YEAR..=LAST_YEAR) = (places.of(code), year)
            && year <= last_year
        {
            grid[(country, year_index(year))] = value;
        }
    });
    grid
}

/// Last year for which the record holds sales.
pub fn last_sales_year(record: &Record) -> i32 {
    record
        .table("sales")
        .integer("year")
        .iter()
        .copied()
        .max()
        .unwrap_or(FIRST_YEAR)
}

/// Builds the world as of a base year; outcomes after it are not read.
pub fn assemble(record: &Record, base_year: i32) -> Result<World, Problems> {
    let parameters = Parameters::from_record(record);
    let countries = countries(record)?;
    let rules = Rules::load(record)?;
    let places = Places {
        countries: &countries,
    };
    let base = year_index(base_year);

    let population_history = grid(
        record,
        &places,
        "population",
        &[("scenario", "history")],
        "population",
        LAST_YEAR,
    );
    let gdp_history = grid(
        record,
        &places,
        "gdp",
        &[("scenario", "history")],
        "gdp_ppp_bn",
        LAST_YEAR,
    );
    let mut population = Vec::with_capacity(DRIVERS);
    let mut income = Vec::with_capacity(DRIVERS);
    for drivers in Drivers::ALL {
        let filter = [("scenario", drivers.code())];
        let people_path = grid(
            record,
            &places,
            "population",
            &filter,
            "population",
            LAST_YEAR,
        );
        let gdp_path = grid(record, &places, "gdp", &filter, "gdp_ppp_bn", LAST_YEAR);
        let people = fill::driver_path(&population_history, &people_path, &countries, 0.01);
        let mut per_head = fill::driver_path(&gdp_history, &gdp_path, &countries, 0.02);
        for (c, row) in per_head.rows_mut().enumerate() {
            for (cell, persons) in row.iter_mut().zip(people.row(c)) {
                *cell = *cell * 1e9 / persons;
            }
        }
        population.push(people);
        income.push(per_head);
    }
    let reference = Drivers::Ssp2.index();

    let recorded_sales = grid(
        record,
        &places,
        "sales",
        &[("vehicle_class", "total")],
        "units",
        base_year,
    );
    let commercial = grid(
        record,
        &places,
        "sales",
        &[("vehicle_class", "commercial")],
        "units",
        base_year,
    );
    let (sales, sales_recorded) = fill::sales(
        &recorded_sales,
        &population[reference],
        &income[reference],
        &countries,
        base,
    );
    let heavy_share =
        fill::heavy_share(&recorded_sales, &commercial, &countries, &parameters, base);

    let electrified: Vec<Grid> = Powertrain::ALL
        .iter()
        .map(|powertrain| light_electrified(record, &places, powertrain.code(), base_year))
        .collect();
    let mut heavy_electric = places.empty_grid();
    for class in ["bus", "truck"] {
        let filter = [("vehicle_class", class), ("measure", "sales")];
        each_row(
            record,
            "electrified",
            "iso3",
            &filter,
            "units",
            |code, year, units| {
                if let (Some(country), true) = (places.of(code), year <= base_year) {
                    let cell = &mut heavy_electric[(country, year_index(year))];
                    *cell = if cell.is_nan() { units } else { *cell + units };
                }
            },
        );
    }
    let plug_in_recorded: Vec<bool> = (0..countries.len())
        .map(|c| {
            let cell = electrified[Powertrain::BatteryElectric.index()][(c, base)];
            !cell.is_nan()
        })
        .collect();

    let fuel_price = ["gasoline", "diesel", "electricity"].map(|carrier| {
        let mut prices = grid(
            record,
            &places,
            "fuel_prices",
            &[("carrier", carrier)],
            "price_usd2023",
            LAST_YEAR,
        );
        fill::by_group_ratio(&mut prices, &countries, &population[reference]);
        prices
    });
    let crude = fill::crude(record, &parameters);
    let mut grid_g_per_kwh = grid(
        record,
        &places,
        "grid",
        &[("scenario", "reference")],
        "gco2e_per_kwh",
        LAST_YEAR,
    );
    let grid_history = grid(
        record,
        &places,
        "grid",
        &[("scenario", "history")],
        "gco2e_per_kwh",
        LAST_YEAR,
    );
    fill::overlay(&mut grid_g_per_kwh, &grid_history);
    fill::interpolate_rows(&mut grid_g_per_kwh);
    fill::by_group_ratio(&mut grid_g_per_kwh, &countries, &population[reference]);

    let mut hybrid_recorded_share = hybrid_share(record, &places, base_year, false);
    let mut hybrid_share = hybrid_share(record, &places, base_year, true);
    // Counts of hybrids go before published shares.
    let hybrids = &electrified[Powertrain::Hybrid.index()];
    for c in 0..countries.len() {
        for t in 0..=base {
            let share = hybrids[(c, t)] / (sales[(c, t)] * (1.0 - heavy_share[(c, t)]));
            if share.is_finite() {
                hybrid_recorded_share[(c, t)] = share.min(0.9);
                hybrid_share[(c, t)] = share.min(0.9);
            }
        }
    }
    let hybrid_recorded: Vec<bool> = (0..countries.len())
        .map(|c| !hybrid_recorded_share[(c, base)].is_nan())
        .collect();
    fill::hybrid_share(&mut hybrid_share, &countries, &income[reference], base);

    let (bev_origin_share, mut origin_share) = origin_shares(record, &places, base_year);
    let makers = makers::makers(record)?;
    let maker_market = brands::maker_markets(&brands::Known {
        record,
        base_year,
        countries: &countries,
        makers: &makers,
        sales: &sales,
        heavy_share: &heavy_share,
        origin_share: &origin_share,
        bev_origin_share: &bev_origin_share,
    });
    // Where brands are on record their sums are the origins.
    for (row, market) in origin_share.rows_mut().zip(&maker_market) {
        row.copy_from_slice(&market.by_origin(&makers));
    }
    let world = World {
        base_year,
        anchors: anchors(record, &places, base_year),
        private_stock: grid(
            record,
            &places,
            "stock",
            &[("vehicle_class", "private_light")],
            "vehicles",
            base_year,
        ),
        production: grid(
            record,
            &places,
            "production",
            &[("vehicle_class", "total")],
            "units",
            base_year,
        ),
        conventional_mix: conventional_mix(record, &places, base_year),
        segment_share: segment_shares(record, &places),
        industry: industry::industry(record, &countries, &makers, base_year)?,
        makers,
        maker_market,
        origin_share,
        bev_origin_share,
        technology: technology(record),
        battery_price: battery_price(record),
        other_battery_gwh: other_battery(record, base_year),
        cumulative_battery_gwh: cumulative_battery(record, base_year),
        battery_size_ratio: battery_size_ratio(record, &places),
        fuels: fuels(record),
        ethanol_share: blends(record, &places, "ethanol"),
        biodiesel_share: blends(record, &places, "biodiesel"),
        survival: survival(record, &places, &parameters),
        annual_km: annual_km(record, &places, &countries),
        chargers: chargers(record, &places, base_year),
        ownership_prior: ownership_prior(record, &places),
        recorded_price_usd: recorded_prices(record, &places),
        rules,
        incentives: incentives(record, &places),
        tax_rate: tax_rates(record, &places, base_year),
        tariff: tariffs(record, &places),
        making: making(record),
        resources: resources::read(record, &countries, base_year),
        gini: gini(record, &places),
        population,
        income,
        fuel_price,
        crude_usd_per_bbl: crude,
        grid_g_per_kwh,
        sales,
        sales_recorded,
        heavy_share,
        electrified,
        heavy_electric,
        plug_in_recorded,
        hybrid_share,
        hybrid_share_recorded: hybrid_recorded_share,
        hybrid_recorded,
        parameters,
        countries,
    };
    Ok(world)
}

fn countries(record: &Record) -> Result<Vec<Country>, Problems> {
    let table = record.table("countries");
    let (iso3, name, group, asean) = (
        table.text("iso3"),
        table.text("name"),
        table.text("group"),
        table.integer("asean"),
    );
    let mut problems = Problems::default();
    let mut countries: Vec<Country> = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let Some(member) = Group::from_code(group.get(row)) else {
            problems.push(Problem {
                file: table.file().to_owned(),
                line: table.line(row),
                column: 0,
                key: "group".to_owned(),
                message: format!("unknown group `{}`", group.get(row)),
                help: String::new(),
            });
            continue;
        };
        countries.push(Country {
            iso3: iso3.get(row).to_owned(),
            name: name.get(row).to_owned(),
            group: member,
            asean: asean[row] == 1,
        });
    }
    countries.sort_by(|a, b| a.iso3.cmp(&b.iso3));
    problems.or_ok(countries)
}

/// Cars and vans with this powertrain sold; NaN where a country and year has no record.
fn light_electrified(record: &Record, places: &Places, powertrain: &str, base_year: i32) -> Grid {
    let mut sum = places.empty_grid();
    for class in ["car", "van"] {
        let filter = [
            ("vehicle_class", class),
            ("powertrain", powertrain),
            ("measure", "sales"),
        ];
        let part = grid(record, places, "electrified", &filter, "units", base_year);
        for (cell, add) in sum.rows_mut().flatten().zip(part.cells()) {
            if !add.is_nan() {
                *cell = if cell.is_nan() { *add } else { *cell + add };
            }
        }
    }
    sum
}

/// Stated standard deviations and bases become weights of the stock fit.
fn anchors(record: &Record, places: &Places, base_year: i32) -> Vec<Anchor> {
    let table = record.table("stock");
    let (iso3, class, basis) = (
        table.text("iso3"),
        table.text("vehicle_class"),
        table.text("basis"),
    );
    let (year, vehicles, sd) = (
        table.integer("year"),
        table.real("vehicles"),
        table.real("relative_sd"),
    );
    let mut anchors: Vec<Anchor> = (0..table.rows())
        .filter(|&row| {
            class.get(row) == "total_4w"
                && year[row] <= base_year
                && year[row] >= FIRST_YEAR
                && vehicles[row] > 0.0
        })
        .filter_map(|row| {
            Some(Anchor {
                country: places.of(iso3.get(row))?,
                year: year[row],
                vehicles: vehicles[row],
                relative_sd: if sd[row] > 0.0 { sd[row] } else { 0.2 },
                recorded: matches!(basis.get(row), "measured" | "literature"),
            })
        })
        .collect();
    anchors.sort_by_key(|anchor| (anchor.country, anchor.year));
    anchors
}

/// Hybrids without plug as a share of sales, as published; aggregates speak for members without a figure if asked to.
fn hybrid_share(record: &Record, places: &Places, base_year: i32, with_aggregates: bool) -> Grid {
    let mut share = places.empty_grid();
    each_row(
        record,
        "powertrain_mix",
        "iso3",
        &[("powertrain", "HEV")],
        "share",
        |code, year, value| {
            if year <= base_year && year >= FIRST_YEAR {
                // An aggregate speaks for its members only where they have no figure of their own.
                let own = places.of(code).is_some();
                if !own && !with_aggregates {
                    return;
                }
                for country in places.members(code) {
                    let cell = &mut share[(country, year_index(year))];
                    if own || cell.is_nan() {
                        *cell = value;
                    }
                }
            }
        },
    );
    share
}

/// Shares of petrol, diesel, flex-fuel and gas in conventional sales of the latest year known.
fn conventional_mix(record: &Record, places: &Places, base_year: i32) -> Grid {
    let mut mix = Grid::filled(places.countries.len(), POWERTRAINS, 0.0);
    let mut latest = Grid::filled(places.countries.len(), POWERTRAINS, f64::NEG_INFINITY);
    let table = record.table("powertrain_mix");
    let (iso3, powertrain) = (table.text("iso3"), table.text("powertrain"));
    let (year, share) = (table.integer("year"), table.real("share"));
    for row in 0..table.rows() {
        let Some(code) = Powertrain::from_code(powertrain.get(row)) else {
            continue;
        };
        if !code.is_conventional() || year[row] > base_year {
            continue;
        }
        let own = places.of(iso3.get(row)).is_some();
        // A figure of the country itself beats an aggregate's of the same year.
        let rank = f64::from(year[row]) + if own { 0.5 } else { 0.0 };
        for country in places.members(iso3.get(row)) {
            if rank > latest[(country, code.index())] {
                latest[(country, code.index())] = rank;
                mix[(country, code.index())] = share[row];
            }
        }
    }
    fill::conventional_mix(&mut mix, places.countries);
    mix
}

fn segment_shares(record: &Record, places: &Places) -> Grid {
    let mut share = Grid::filled(places.countries.len(), SEGMENTS, f64::NAN);
    let mut latest = vec![i32::MIN; places.countries.len()];
    let table = record.table("segments");
    let (iso3, segment) = (table.text("iso3"), table.text("segment"));
    let (year, value) = (table.integer("year"), table.real("share"));
    let mut complete: std::collections::BTreeMap<(usize, i32), ([f64; SEGMENTS], bool)> =
        std::collections::BTreeMap::new();
    for row in 0..table.rows() {
        let Some(code) = Segment::from_code(segment.get(row)) else {
            continue;
        };
        let own = places.of(iso3.get(row)).is_some();
        for country in places.members(iso3.get(row)) {
            let entry = complete
                .entry((country, year[row]))
                .or_insert(([0.0; SEGMENTS], own));
            if own == entry.1 {
                entry.0[code.index()] += value[row];
            } else if own {
                *entry = ([0.0; SEGMENTS], true);
                entry.0[code.index()] += value[row];
            }
        }
    }
    for ((country, year), (shares, _)) in complete {
        let sum: f64 = shares.iter().sum();
        if year > latest[country] && (sum - 1.0).abs() < 0.05 {
            latest[country] = year;
            share
                .row_mut(country)
                .iter_mut()
                .zip(shares)
                .for_each(|(cell, value)| *cell = value / sum);
        }
    }
    fill::segment_share(&mut share, places.countries);
    share
}

fn origin_shares(record: &Record, places: &Places, base_year: i32) -> (Grid, Grid) {
    let mut tables = ["BEV", "all"].map(|powertrain| {
        let mut share = Grid::filled(places.countries.len(), ORIGINS, f64::NAN);
        let mut latest = vec![i32::MIN; places.countries.len()];
        let table = record.table("origins");
        let (iso3, kind, origin) = (
            table.text("iso3"),
            table.text("powertrain"),
            table.text("origin"),
        );
        let (year, value) = (table.integer("year"), table.real("share"));
        // The latest year known; origins are a waived table, so an earlier base takes what there is.
        let within = |year: i32| if year <= base_year { year } else { -year };
        for row in (0..table.rows()).filter(|&row| kind.get(row) == powertrain) {
            let (Some(country), Some(code)) =
                (places.of(iso3.get(row)), Origin::from_code(origin.get(row)))
            else {
                continue;
            };
            let rank = within(year[row]);
            if rank > latest[country] {
                latest[country] = rank;
                share.row_mut(country).fill(0.0);
            }
            if rank == latest[country] {
                share[(country, code.index())] += value[row];
            }
        }
        share
    });
    fill::origin_share(&mut tables[1], places.countries);
    for row in tables[0].rows_mut() {
        let sum: f64 = row.iter().sum();
        if sum > 0.0 {
            row.iter_mut().for_each(|share| *share /= sum);
        }
    }
    let [bev, all] = tables;
    (bev, all)
}

/// Rows of `vehicle_tech` by parameter; a year of projection follows in `yearly`.
fn technology(record: &Record) -> Technology {
    let table = record.table("vehicle_tech");
    let (segment, powertrain, parameter) = (
        table.text("segment"),
        table.text("powertrain"),
        table.text("parameter"),
    );
    let (year, value) = (table.integer("year"), table.real("value"));
    let cell = |s: Segment, f: &str, name: &str| {
        (0..table.rows())
            .find(|&row| {
                segment.get(row) == s.code()
                    && parameter.get(row) == name
                    && (f.is_empty() || powertrain.get(row) == f)
            })
            .map_or(f64::NAN, |row| value[row])
    };
    let by_segment = |f: &str, name: &str| {
        Segment::ALL
            .iter()
            .map(|&s| cell(s, f, name))
            .collect::<Vec<f64>>()
    };
    let yearly = |name: &str| {
        let mut points: Vec<(i32, f64)> = (0..table.rows())
            .filter(|&row| parameter.get(row) == name)
            .map(|row| (year[row], value[row]))
            .collect();
        points.sort_by_key(|point| point.0);
        fill::years_from_points(&points)
    };
    let mut fuel = Grid::filled(SEGMENTS, POWERTRAINS, 0.0);
    let mut electricity = Grid::filled(SEGMENTS, POWERTRAINS, 0.0);
    let mut mass = Grid::filled(SEGMENTS, POWERTRAINS, f64::NAN);
    for &s in Segment::ALL {
        for &f in Powertrain::ALL {
            let place = (s.index(), f.index());
            match f {
                Powertrain::PlugInHybrid => {
                    // The pack gives both as averages over all driving; the utility factor is applied once, later.
                    fuel[place] = cell(s, "HEV", "energy_mj_per_km");
                    electricity[place] = cell(s, "BEV", "energy_mj_per_km") * 1.05;
                }
                Powertrain::BatteryElectric => {
                    electricity[place] = cell(s, f.code(), "energy_mj_per_km");
                }
                _ => fuel[place] = cell(s, f.code(), "energy_mj_per_km"),
            }
            let own_mass = cell(s, f.code(), "curb_mass_kg");
            let near = match f {
                Powertrain::PlugInHybrid => cell(s, "HEV", "curb_mass_kg") + 120.0,
                Powertrain::FuelCell => cell(s, "BEV", "curb_mass_kg"),
                _ => cell(s, "ICE-gasoline", "curb_mass_kg"),
            };
            mass[place] = if own_mass.is_nan() { near } else { own_mass };
        }
    }
    Technology {
        fuel_mj_per_km: fuel,
        electricity_mj_per_km: electricity,
        mass_kg: mass,
        bev_battery_kwh: by_segment("BEV", "battery_kwh"),
        motor_kw: by_segment("BEV", "motor_kw"),
        glider_usd: by_segment("", "cost_glider_usd"),
        engine_cc: by_segment("ICE-gasoline", "engine_cc"),
        engine_usd: by_segment("ICE-gasoline", "cost_powertrain_usd"),
        hybrid_usd: by_segment("HEV", "cost_hybrid_adder_usd"),
        drive_usd_per_kw: yearly("cost_edrive_usd_per_kw"),
        fuel_cell_usd_per_kw: yearly("cost_fuel_cell_usd_per_kw"),
    }
}

fn battery_price(record: &Record) -> Vec<f64> {
    let table = record.table("battery_price");
    let mut prices = vec![f64::NAN; YEARS];
    for (year, price) in table
        .integer("year")
        .iter()
        .zip(table.real("price_usd2023_per_kwh"))
    {
        if (FIRST_YEAR..=LAST_YEAR).contains(year) {
            prices[year_index(*year)] = *price;
        }
    }
    prices
}

/// `GWh` of the base year for (heavy vehicles and two-wheelers, stationary storage).
fn other_battery(record: &Record, base_year: i32) -> [f64; 2] {
    let mut gwh = [0.0; 2];
    let mut latest = [i32::MIN; 2];
    let table = record.table("battery_volume");
    let (year, application, volume) = (
        table.integer("year"),
        table.text("application"),
        table.real("gwh"),
    );
    let groups: [&[&str]; 2] = [&["heavy", "two_wheelers"], &["storage"]];
    for (slot, names) in groups.iter().enumerate() {
        for row in 0..table.rows() {
            if names.contains(&application.get(row)) && year[row] <= base_year {
                if year[row] > latest[slot] {
                    latest[slot] = year[row];
                    gwh[slot] = 0.0;
                }
                if year[row] == latest[slot] {
                    gwh[slot] += volume[row];
                }
            }
        }
    }
    gwh
}

fn cumulative_battery(record: &Record, base_year: i32) -> f64 {
    let mut by_year = vec![0.0_f64; YEARS];
    let mut all = vec![0.0_f64; YEARS];
    each_row_world(record, base_year, |application, year, gwh| {
        if application == "all" {
            all[year] = gwh;
        } else {
            by_year[year] += gwh;
        }
    });
    let total: f64 = by_year
        .iter()
        .zip(&all)
        .map(|(sum, all)| sum.max(*all))
        .sum();
    // Consumer electronics before vehicles: about 0.3 TWh by 2012 carried the first doublings.
    total + 300.0
}

fn each_row_world(record: &Record, base_year: i32, mut visit: impl FnMut(&str, usize, f64)) {
    let table = record.table("battery_volume");
    let (year, application, gwh) = (
        table.integer("year"),
        table.text("application"),
        table.real("gwh"),
    );
    for row in 0..table.rows() {
        if (FIRST_YEAR..=base_year).contains(&year[row]) {
            visit(application.get(row), year_index(year[row]), gwh[row]);
        }
    }
}

/// Average battery of a country's electric cars over the default mix (57 kWh).
fn battery_size_ratio(record: &Record, places: &Places) -> Vec<f64> {
    let mut size = vec![f64::NAN; places.countries.len()];
    let mut latest = vec![i32::MIN; places.countries.len()];
    each_row(
        record,
        "battery_size",
        "iso3",
        &[],
        "battery_kwh",
        |code, year, kwh| {
            if let Some(country) = places.of(code)
                && year > latest[country]
            {
                latest[country] = year;
                size[country] = kwh;
            }
        },
    );
    let known: Vec<f64> = size.iter().copied().filter(|kwh| !kwh.is_nan()).collect();
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    size.iter()
        .map(|kwh| {
            if kwh.is_nan() || mean <= 0.0 {
                1.0
            } else {
                (kwh / mean).clamp(0.5, 1.6)
            }
        })
        .collect()
}

fn fuels(record: &Record) -> FuelFactors {
    let table = record.table("fuels");
    let (fuel, pathway, parameter, value) = (
        table.text("fuel"),
        table.text("pathway"),
        table.text("parameter"),
        table.real("value"),
    );
    // Several sources give the same factor: the median is used, so that no single one rules.
    let median = |name: &str, way: &str, what: &str| {
        let mut found: Vec<f64> = (0..table.rows())
            .filter(|&row| {
                fuel.get(row) == name
                    && parameter.get(row) == what
                    && pathway.get(row).contains(way)
            })
            .map(|row| value[row])
            .collect();
        found.sort_by(f64::total_cmp);
        found.get(found.len() / 2).copied().unwrap_or(f64::NAN)
    };
    FuelFactors {
        mj_per_litre: [32.0, 35.8, 21.2, 33.0],
        tailpipe_g_per_mj: ["gasoline", "diesel", "cng"]
            .map(|name| median(name, "fossil", "tailpipe_co2")),
        supply_g_per_mj: [
            median("gasoline", "fossil", "well_to_tank_ghg"),
            median("diesel", "fossil", "well_to_tank_ghg"),
            median("cng", "fossil", "well_to_tank_ghg"),
            median("hydrogen", "SMR", "well_to_tank_ghg"),
        ],
        biofuel_g_per_mj: [
            median("ethanol", "", "well_to_tank_ghg"),
            median("biodiesel_fame", "", "well_to_tank_ghg"),
        ],
    }
}

fn blends(record: &Record, places: &Places, fuel: &str) -> Grid {
    let mut share = Grid::filled(places.countries.len(), YEARS, 0.0);
    let mut rows: Vec<(usize, usize, f64)> = Vec::new();
    each_row(
        record,
        "blends",
        "iso3",
        &[("fuel", fuel)],
        "share",
        |code, year, value| {
            if (FIRST_YEAR..=LAST_YEAR).contains(&year) {
                rows.extend(
                    places
                        .members(code)
                        .into_iter()
                        .map(|country| (country, year_index(year), value)),
                );
            }
        },
    );
    rows.sort_by_key(|a| (a.0, a.1));
    for (country, year, value) in rows {
        share.row_mut(country)[year..].fill(value);
    }
    share
}

fn survival(record: &Record, places: &Places, parameters: &Parameters) -> Vec<[f64; 4]> {
    let default = [
        parameters.get("survival.scale_default"),
        parameters.get("survival.shape_default"),
        parameters.get("survival.scale_default") * 0.95,
        parameters.get("survival.shape_default"),
    ];
    let mut found = vec![default; places.countries.len()];
    let table = record.table("survival");
    let (region, class) = (table.text("region"), table.text("vehicle_class"));
    let (scale, shape) = (table.real("scale_years"), table.real("shape"));
    // From the wide to the narrow: world, group, country.
    let width = |code: &str| {
        if code == "WLD" {
            0
        } else {
            2 - usize::from(places.of(code).is_none())
        }
    };
    let mut order: Vec<usize> = (0..table.rows()).collect();
    order.sort_by_key(|&row| width(region.get(row)));
    for row in order {
        let slot = if class.get(row) == "heavy" { 2 } else { 0 };
        for country in places.members(region.get(row)) {
            if scale[row] > 0.0 {
                found[country][slot] = scale[row].clamp(8.0, 40.0);
            }
            if shape[row] > 0.0 {
                found[country][slot + 1] = shape[row].clamp(1.2, 8.0);
            }
        }
    }
    found
}

fn annual_km(record: &Record, places: &Places, countries: &[Country]) -> Vec<f64> {
    let table = record.table("annual_km");
    let (iso3, class, value) = (
        table.text("iso3"),
        table.text("vehicle_class"),
        table.real("km"),
    );
    let mut km = vec![f64::NAN; countries.len()];
    for row in 0..table.rows() {
        if let (Some(country), false) = (places.of(iso3.get(row)), class.get(row) == "heavy") {
            km[country] = value[row];
        }
    }
    fill::by_group_mean(&mut km, countries, 12_500.0);
    km
}

fn chargers(record: &Record, places: &Places, base_year: i32) -> Grid {
    let mut points = places.empty_grid();
    each_row(
        record,
        "chargers",
        "iso3",
        &[],
        "points",
        |code, year, value| {
            if let (Some(country), FIRST_YEAR..=LAST_YEAR, true) =
                (places.of(code), year, year <= base_year)
            {
                let cell = &mut points[(country, year_index(year))];
                *cell = if cell.is_nan() { value } else { *cell + value };
            }
        },
    );
    points
}

fn ownership_prior(record: &Record, places: &Places) -> Vec<[f64; 2]> {
    let mut prior = vec![[f64::NAN; 2]; places.countries.len()];
    let table = record.table("ownership_prior");
    let (iso3, parameter, value) = (
        table.text("iso3"),
        table.text("parameter"),
        table.real("value"),
    );
    for row in 0..table.rows() {
        if let Some(country) = places.of(iso3.get(row)) {
            match parameter.get(row) {
                "gamma" => prior[country][0] = value[row],
                "beta" => prior[country][1] = value[row],
                _ => {}
            }
        }
    }
    prior
}

fn recorded_prices(record: &Record, places: &Places) -> Vec<f64> {
    let mut price = vec![f64::NAN; places.countries.len()];
    let mut latest = vec![i32::MIN; places.countries.len()];
    each_row(
        record,
        "vehicle_prices",
        "iso3",
        &[("powertrain", "all")],
        "price_usd2023",
        |code, year, usd| {
            if let Some(country) = places.of(code)
                && year >= latest[country]
            {
                latest[country] = year;
                price[country] = usd;
            }
        },
    );
    price
}

fn incentives(record: &Record, places: &Places) -> Vec<Incentive> {
    let table = record.table("purchase_incentives");
    let (iso3, powertrain, rule) = (
        table.text("iso3"),
        table.text("powertrain"),
        table.text("rule"),
    );
    let (start, end, usd) = (
        table.integer("start"),
        table.integer("end"),
        table.real("usd2023"),
    );
    let announced = table.integer("known_from");
    let mut found = Vec::new();
    for row in 0..table.rows() {
        let Some(powertrain) = Powertrain::from_code(powertrain.get(row)) else {
            continue;
        };
        for country in places.members(iso3.get(row)) {
            found.push(Incentive {
                country,
                powertrain,
                years: (start[row], end[row]),
                usd_per_vehicle: usd[row],
                announced: announced[row],
                rule: rule.get(row).to_owned(),
            });
        }
    }
    found.sort_by(|a, b| {
        (a.country, a.powertrain, a.years, &a.rule).cmp(&(
            b.country,
            b.powertrain,
            b.years,
            &b.rule,
        ))
    });
    found
}

/// Taxes on a new vehicle compounded to one rate on the price before tax.
fn tax_rates(record: &Record, places: &Places, base_year: i32) -> Grid {
    let mut factor = Grid::filled(places.countries.len(), POWERTRAINS, 1.0);
    let table = record.table("vehicle_taxes");
    let (iso3, powertrain, rate) = (
        table.text("iso3"),
        table.text("powertrain"),
        table.real("rate"),
    );
    let (start, end) = (table.integer("start"), table.integer("end"));
    for row in 0..table.rows() {
        if start[row] > base_year || (end[row] != 0 && end[row] < base_year) || rate[row].is_nan() {
            continue;
        }
        for country in places.members(iso3.get(row)) {
            for &f in Powertrain::ALL {
                let word = powertrain.get(row);
                if word == "all" || word == f.code() {
                    factor[(country, f.index())] *= 1.0 + rate[row];
                }
            }
        }
    }
    factor.rows_mut().flatten().for_each(|cell| *cell -= 1.0);
    factor
}

fn tariffs(record: &Record, places: &Places) -> Grid {
    let table = record.table("tariffs");
    let (importer, exporter, rate) = (
        table.text("importer"),
        table.text("exporter"),
        table.real("rate"),
    );
    let mut tariff = Grid::filled(places.countries.len(), ORIGINS, f64::NAN);
    let mut order: Vec<usize> = (0..table.rows()).collect();
    // The most favoured nation first, preferences lower it.
    order.sort_by_key(|&row| usize::from(exporter.get(row) != "MFN"));
    for row in order {
        for country in places.members(importer.get(row)) {
            let origins: Vec<usize> = match exporter.get(row) {
                "MFN" | "WLD" => (0..ORIGINS).collect(),
                "EU27" | "EU" => vec![Origin::Europe.index()],
                code => Origin::from_code(code)
                    .map(Origin::index)
                    .into_iter()
                    .collect(),
            };
            for origin in origins {
                let cell = &mut tariff[(country, origin)];
                *cell = if cell.is_nan() {
                    rate[row]
                } else {
                    cell.min(rate[row])
                };
            }
        }
    }
    fill::tariff(&mut tariff, places.countries);
    tariff
}

/// Mass-scaled making of the vehicle without battery (which holds its assembly), plant emissions, battery.
fn making(record: &Record) -> MakingFactors {
    let table = record.table("manufacturing");
    let (stage, item, value) = (table.text("stage"), table.text("item"), table.real("value"));
    let mean = |in_stage: &str, wanted: &str| {
        let found: Vec<f64> = (0..table.rows())
            .filter(|&row| stage.get(row) == in_stage && item.get(row) == wanted)
            .map(|row| value[row])
            .collect();
        found.iter().sum::<f64>() / found.len() as f64
    };
    let electric =
        |item: &str| mean("vehicle_incl_battery", item) - mean("vehicle_excl_battery", "ghg_bev");
    MakingFactors {
        // t CO2e per t of vehicle is kg per kg.
        vehicle_kg_per_kg: mean("vehicle_excl_battery", "mass_scaling"),
        assembly_kg: 1000.0 * mean("assembly_plant", "ghg_scope12"),
        // The tables give vehicles with packs of about 55 kWh (US supply); half LFP, half nickel.
        battery_kg_per_kwh: 1000.0 * 0.5 * (electric("ghg_bev_lfp") + electric("ghg_bev_nmc811"))
            / 55.0,
    }
}

fn gini(record: &Record, places: &Places) -> Vec<f64> {
    let table = record.table("gini");
    let mut gini = vec![f64::NAN; places.countries.len()];
    for (row, value) in table.real("gini_income_equivalent").iter().enumerate() {
        if let Some(country) = places.of(table.text("iso3").get(row)) {
            gini[country] = value / 100.0;
        }
    }
    fill::by_group_mean(&mut gini, places.countries, 0.40);
    gini
}
