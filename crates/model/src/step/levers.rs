//! Levers that act on offers, and what they ask of the pack.

use crate::calibrate::{Base, launch};
use crate::ids::{Origin, year_index};
use crate::input::nearest;
use crate::measures::Measures;
use crate::rules::RuleChange;
use crate::rules::read::{Cell, RawRule};
use crate::run::RunError;
use crate::scenario::Scenario;
use crate::scenario::lever::Lever;
use crate::step::wedge::Built;
use crate::world::World;

/// Least part of its marginal cost that support leaves to a maker.
const LEAST_COST: f64 = 0.05;

/// Levers name makers of the pack, and plants where the maker has one or might have one.
pub fn check(world: &World, base: &Base, scenario: &Scenario) -> Result<(), RunError> {
    for lever in &scenario.levers {
        let Some(code) = lever.word("maker") else {
            continue;
        };
        let wrong = |message: String, help: String| RunError::Lever {
            lever: lever.name.clone(),
            message,
            help,
        };
        let Some(maker) = world.maker(code) else {
            let codes = world.makers.iter().map(|maker| maker.code.as_str());
            let help = nearest(code, codes).map_or_else(
                || "`kyoso data list makers` names them".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(wrong(format!("unknown maker `{code}`"), help));
        };
        if lever.kind.name == "launch"
            && let Some((maker, segment, powertrain)) = launch::named(world, lever)
        {
            let sells = |iso3: &&String| {
                let country = world.country(iso3);
                country.is_some_and(|c| base.offers.sold(c, maker, segment, powertrain))
            };
            if let Some(iso3) = lever.countries.iter().find(sells) {
                return Err(wrong(
                    format!("{code} sells that in {iso3} already"),
                    "launch another segment or powertrain, or leave the country out".to_owned(),
                ));
            }
        }
        let wanted: Vec<String> = if lever.kind.name == "plant_investment" {
            lever.countries.clone()
        } else {
            lever
                .word("built_in")
                .map(str::to_owned)
                .into_iter()
                .collect()
        };
        let network = &base.sourcing.network;
        let has_site = |iso3: &str| {
            let country = world.country(iso3);
            country.is_some_and(|country| network.site(maker, country).is_some())
        };
        if let Some(iso3) = wanted.iter().find(|iso3| !has_site(iso3)) {
            let places: Vec<&str> = (0..network.sites())
                .filter(|&site| network.site_maker[site] as usize == maker)
                .map(|site| {
                    world.countries[network.site_country[site] as usize]
                        .iso3
                        .as_str()
                })
                .collect();
            let help = format!(
                "sites of {code}: {}; for another one add a row with status `prospective` to the table plants (`kyoso data init`)",
                places.join(", ")
            );
            return Err(wrong(format!("{code} has no site in {iso3}"), help));
        }
    }
    Ok(())
}

/// Tariff levers as rules: one a country and year, so that prices, money and sourcing all see the same.
pub fn tariffs(world: &World, scenario: &Scenario) -> Vec<RuleChange> {
    let mut changes = Vec::new();
    for lever in scenario
        .levers
        .iter()
        .filter(|lever| lever.kind.name == "tariff" && lever.acts(scenario.horizon))
    {
        for year in world.base_year + 1..=scenario.horizon {
            let points = lever.size_in(year);
            if points == 0.0 {
                continue;
            }
            for iso3 in &lever.countries {
                changes.push(tariff(lever, iso3, year, points));
            }
        }
    }
    changes
}

fn tariff(lever: &Lever, iso3: &str, year: i32, points: f64) -> RuleChange {
    let built = match lever.word("origin") {
        Some("EUR") => "EU27",
        Some("any") | None => "imported",
        Some(origin) => origin,
    };
    let (instrument, unit) = if points > 0.0 {
        ("additional_duty", "ad_valorem")
    } else {
        ("import_duty_cut", "points")
    };
    let cells = [
        ("id", format!("lever:{}:{iso3}:{year}", lever.name)),
        ("iso3", iso3.to_owned()),
        ("instrument", instrument.to_owned()),
        ("scheme", format!("lever {}", lever.name)),
        ("payer", iso3.to_owned()),
        ("segment", "light".to_owned()),
        (
            "powertrain",
            lever.word("powertrain").unwrap_or("all").to_owned(),
        ),
        ("built", built.to_owned()),
        ("value", points.abs().to_string()),
        ("unit", unit.to_owned()),
        ("start", format!("{year}-01-01")),
        ("end", format!("{year}-12-31")),
        // A lever is the scenario's own: whatever date a run may look to, it is known.
        ("announced", "2000-01-01".to_owned()),
    ];
    let (file, line, column) = lever.place.clone();
    let cell = |text: String| Cell {
        text,
        line,
        column: 0,
    };
    RuleChange {
        raw: RawRule {
            file,
            line,
            column,
            cells: cells
                .into_iter()
                .map(|(key, text)| (key.to_owned(), cell(text)))
                .collect(),
        },
        remove: false,
    }
}

/// Utility that no buyer chooses.
const ASLEEP: f64 = -40.0;

/// Offers of launches are asleep until their year, and after their last.
pub fn put_on_sale(base: &Base, measures: &Measures, (c, t): (usize, usize), utility: &mut [f64]) {
    let offers = &base.offers;
    for (utility, j) in utility.iter_mut().zip(offers.of(c)) {
        if offers.base_share[j] > 0.0 || base.entrants[j].is_some() {
            continue;
        }
        let on_sale = measures.launches.iter().any(|launch| {
            launch.on_sale[t]
                && launch.country == c
                && launch.maker == offers.maker[j] as usize
                && launch.segment == offers.segment[j] as usize
                && launch.powertrain == offers.powertrain[j] as usize
        });
        if !on_sale {
            *utility += ASLEEP;
        }
    }
}

/// Goodwill in third markets: `u += lambda e ln(1 + G / G0)` on the part of an offer that is built in ASEAN, `G0` being what
/// is spent on these vehicles as it is.
pub fn tell(
    world: &World,
    base: &Base,
    built: &Built,
    measures: &Measures,
    (c, t): (usize, usize),
    utility: &mut [f64],
) {
    for goodwill in measures
        .goodwill
        .iter()
        .filter(|goodwill| goodwill.country == c && goodwill.usd[t] > 0.0)
    {
        let part: Vec<f64> = base
            .offers
            .of(c)
            .map(|j| {
                let japanese = usize::from(base.offers.origin[j]) == Origin::Japan.index();
                if goodwill.japanese && !japanese {
                    return 0.0;
                }
                let places = built.of(&base.sourcing, j).iter();
                places
                    .filter(|(place, _)| world.countries[*place].asean)
                    .map(|(_, share)| share)
                    .sum()
            })
            .collect();
        let light = world.light_sales(c, year_index(world.base_year));
        let sold: f64 = base
            .offers
            .of(c)
            .zip(&part)
            .map(|(j, part)| light * base.offers.base_share[j] * part)
            .sum();
        if sold <= 0.0 {
            continue;
        }
        let known = (1.0 + goodwill.usd[t] / (goodwill.usual_usd * sold)).ln();
        for (utility, part) in utility.iter_mut().zip(part) {
            *utility += base.tastes.lambda() * goodwill.elasticity * known * part;
        }
    }
}

/// Support to makers for what is built in a country comes off the marginal cost of what it ships.
pub fn pay_makers(
    base: &Base,
    built: &Built,
    measures: &Measures,
    (c, t): (usize, usize),
    marginal_cost_usd: &mut [f64],
) {
    for (cost, j) in marginal_cost_usd.iter_mut().zip(base.offers.of(c)) {
        let f = usize::from(base.offers.powertrain[j]);
        let places = built.of(&base.sourcing, j).iter();
        let usd: f64 = places
            .map(|(place, share)| share * measures.production_usd[f][(*place, t)])
            .sum();
        if usd != 0.0 {
            *cost = (*cost - usd).max(LEAST_COST * *cost);
        }
    }
}
