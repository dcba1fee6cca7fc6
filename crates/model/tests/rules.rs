//! Rules of the pack against figures worked out by hand from the laws.

use std::sync::OnceLock;

use kyoso_model::ids::{Origin, Powertrain, Segment};
use kyoso_model::input::{Folder, Record};
use kyoso_model::rules::{Date, Instrument, Module, OfferTraits, Rules};

/// Units of currency for a US dollar, as in the pack.
const THB: f64 = 34.7841;
const CNY: f64 = 7.084;
const NOK: f64 = 10.564;

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| {
        let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data");
        let record =
            Record::load(&Folder(pack.into())).unwrap_or_else(|problems| panic!("{problems}"));
        Rules::load(&record).unwrap_or_else(|problems| panic!("{problems}"))
    })
}

fn country(iso3: &str) -> usize {
    rules()
        .codes
        .binary_search_by(|code| code.as_str().cmp(iso3))
        .expect("it is in the pack")
}

/// A battery-electric car of 60 kWh at 1.1 million baht.
fn electric<'a>(maker: &'a str, built: &'a [(usize, f64)]) -> OfferTraits<'a> {
    OfferTraits {
        segment: Segment::Medium,
        powertrain: Powertrain::BatteryElectric,
        origin: Origin::China,
        maker,
        battery_kwh: 60.0,
        engine_cc: 0.0,
        co2_g_per_km: 0.0,
        list_price_usd: 1.1e6 / THB,
        electric_range_km: 410.0,
        built,
    }
}

/// A petrol car of 1,500 cm³ and 140 g/km at 18,000 dollars.
fn petrol<'a>(maker: &'a str, built: &'a [(usize, f64)]) -> OfferTraits<'a> {
    OfferTraits {
        powertrain: Powertrain::Gasoline,
        origin: Origin::Japan,
        battery_kwh: 0.0,
        engine_cc: 1500.0,
        co2_g_per_km: 140.0,
        list_price_usd: 18_000.0,
        electric_range_km: 0.0,
        ..electric(maker, built)
    }
}

fn near(found: f64, expected: f64) {
    assert!(
        (found - expected).abs() < 1e-9 * expected.abs().max(1.0),
        "{found}, by hand {expected}"
    );
}

/// Duty of a wedge in terms of the customs value, which is four fifths of the producer's price.
fn duty(iso3: &str, year: i32, offer: &OfferTraits, built: &str) -> f64 {
    rules()
        .active(country(iso3), year, None)
        .duty(offer, country(built))
        / 0.8
}

#[test]
fn a_thai_electric_car_of_2023_pays_two_per_cent_excise_and_gets_150_000_baht() {
    let built = [(country("CHN"), 1.0)];
    let active = rules().active(country("THA"), 2023, None);
    let signed = active.wedge(&electric("BYD", &built), &[]);
    near(signed.ad_valorem, 1.07 / (1.0 - 1.1 * 0.02) - 1.0);
    near(signed.specific_usd, -150_000.0 / THB);
    near(signed.compliance, 0.01);
    let unsigned = active.wedge(&electric("Volkswagen", &built), &[]);
    near(unsigned.ad_valorem, 1.07 / (1.0 - 1.1 * 0.08) - 1.0);
    near(unsigned.specific_usd, 0.0);
    let small = OfferTraits {
        battery_kwh: 29.0,
        ..electric("BYD", &built)
    };
    near(active.wedge(&small, &[]).specific_usd, -70_000.0 / THB);
}

#[test]
fn the_thai_duty_cut_is_worth_nothing_to_a_car_from_china() {
    let parts = rules()
        .active(country("THA"), 2023, None)
        .parts(&electric("BYD", &[(country("CHN"), 1.0)]), &[]);
    assert!(
        parts
            .iter()
            .all(|part| part.instrument != Instrument::ImportDutyCut),
        "{parts:?}"
    );
    near(duty("THA", 2023, &electric("BYD", &[]), "CHN"), 0.0);
    // From Germany the cut leaves half of 80 per cent, from Japan none of 20; unsigned nothing is cut.
    near(duty("THA", 2023, &electric("BYD", &[]), "DEU"), 0.4);
    near(duty("THA", 2023, &electric("Toyota", &[]), "JPN"), 0.0);
    near(duty("THA", 2023, &electric("Nissan", &[]), "JPN"), 0.2);
    near(duty("THA", 2023, &electric("Volkswagen", &[]), "DEU"), 0.8);
    // It ended with 2025.
    near(duty("THA", 2026, &electric("BYD", &[]), "DEU"), 0.8);
    near(duty("THA", 2026, &electric("BYD", &[]), "CHN"), 0.0);
}

#[test]
fn thai_support_steps_down_and_asks_for_local_cars_from_2026() {
    let support = |year: i32, built: &str| {
        let built = [(country(built), 1.0)];
        -rules()
            .active(country("THA"), year, None)
            .wedge(&electric("Changan", &built), &[])
            .specific_usd
            * THB
    };
    for (year, imported, local) in [
        (2024, 100_000.0, 100_000.0),
        (2025, 75_000.0, 75_000.0),
        (2026, 0.0, 50_000.0),
        (2028, 0.0, 0.0),
    ] {
        near(support(year, "CHN"), imported);
        near(support(year, "THA"), local);
    }
    // A maker in both schemes gets the better one, not both: EV3.0 pays 150,000 for local cars to 2025.
    let local = [(country("THA"), 1.0)];
    let both = rules()
        .active(country("THA"), 2024, None)
        .wedge(&electric("BYD", &local), &[]);
    near(both.specific_usd, -150_000.0 / THB);
}

#[test]
fn the_parts_of_a_wedge_sum_to_it_and_shares_of_places_average() {
    for (iso3, year) in [
        ("THA", 2023),
        ("THA", 2026),
        ("IDN", 2025),
        ("MYS", 2026),
        ("NOR", 2024),
        ("CHN", 2025),
        ("BRA", 2024),
        ("TUR", 2025),
        ("USA", 2025),
    ] {
        let active = rules().active(country(iso3), year, None);
        let (china, home) = (country("CHN"), country(iso3));
        let mixed = [(china, 0.3), (home, 0.7)];
        for offer in [electric("BYD", &mixed), petrol("Toyota", &mixed)] {
            let wedge = active.wedge(&offer, &[]);
            let parts = active.parts(&offer, &[]);
            near(
                parts.iter().map(|part| part.ad_valorem).sum(),
                wedge.ad_valorem,
            );
            near(
                parts.iter().map(|part| part.specific_usd).sum(),
                wedge.specific_usd,
            );
            let ends = [china, home].map(|place| {
                active
                    .wedge(
                        &OfferTraits {
                            built: &[(place, 1.0)],
                            ..offer
                        },
                        &[],
                    )
                    .ad_valorem
            });
            near(wedge.ad_valorem, 0.3 * ends[0] + 0.7 * ends[1]);
        }
    }
}

#[test]
fn an_exhausted_budget_pays_the_share_that_is_funded() {
    let built = [(country("CHN"), 1.0)];
    let mut funded = vec![1.0; rules().budgets.len()];
    let budget = rules()
        .budgets
        .iter()
        .position(|name| name == "THA-EV3.0")
        .expect("it has one");
    funded[budget] = 0.4;
    let wedge = rules()
        .active(country("THA"), 2023, None)
        .wedge(&electric("BYD", &built), &funded);
    near(wedge.specific_usd, -60_000.0 / THB);
}

#[test]
fn the_price_ceiling_is_a_notch() {
    let built = [(country("CHN"), 1.0)];
    let dear = OfferTraits {
        list_price_usd: 1.9e6 / THB,
        ..electric("BYD", &built)
    };
    let active = rules().active(country("THA"), 2023, None);
    let notch = active.notch(&dear, &[]).expect("two million baht is near");
    near(notch.ceiling_usd, 2.0e6 / THB);
    near(notch.lost_usd, 150_000.0 / THB);
    assert_eq!(active.notch(&electric("Volkswagen", &built), &[]), None);
}

#[test]
fn indonesian_luxury_tax_follows_co2_and_is_no_base_of_vat() {
    let local = [(country("IDN"), 1.0)];
    let active = rules().active(country("IDN"), 2023, None);
    near(
        active.wedge(&petrol("Toyota", &local), &[]).ad_valorem,
        0.15 + 0.11,
    );
    let hybrid = OfferTraits {
        powertrain: Powertrain::Hybrid,
        co2_g_per_km: 110.0,
        ..petrol("Toyota", &local)
    };
    near(active.wedge(&hybrid, &[]).ad_valorem, 0.07 + 0.11);
    let plug_in = OfferTraits {
        powertrain: Powertrain::PlugInHybrid,
        co2_g_per_km: 40.0,
        electric_range_km: 60.0,
        ..hybrid
    };
    near(active.wedge(&plug_in, &[]).ad_valorem, 0.05 + 0.11);
    // Local electric cars: no luxury tax; VAT 11 per cent to March, one per cent from April.
    near(
        active.wedge(&electric("SAIC", &local), &[]).ad_valorem,
        0.11 - 0.10 * 275.0 / 365.0,
    );
    // Built up, from a maker that has promised a plant: free in 2025, 50 % duty and 15 % luxury tax in 2026.
    let china = [(country("CHN"), 1.0)];
    near(
        rules()
            .active(country("IDN"), 2025, None)
            .wedge(&electric("BYD", &china), &[])
            .ad_valorem,
        0.12,
    );
    near(
        rules()
            .active(country("IDN"), 2026, None)
            .wedge(&electric("BYD", &china), &[])
            .ad_valorem,
        0.4 + 1.4 * (0.15 + 0.12),
    );
}

#[test]
fn malaysia_tells_kits_from_built_up_cars() {
    let (local, china) = ([(country("MYS"), 1.0)], [(country("CHN"), 1.0)]);
    let wedge = |year: i32, built: &[(usize, f64)]| {
        rules()
            .active(country("MYS"), year, None)
            .wedge(&electric("BYD", built), &[])
            .ad_valorem
    };
    near(wedge(2023, &local), 0.0);
    near(wedge(2023, &china), 0.10);
    near(wedge(2026, &local), 0.0);
    near(wedge(2026, &china), (1.0 + 0.8 * 0.05) * 1.1 * 1.1 - 1.0);
    let germany = [(country("DEU"), 1.0)];
    near(
        rules()
            .active(country("MYS"), 2023, None)
            .wedge(&petrol("Volkswagen", &germany), &[])
            .ad_valorem,
        (1.0 + 0.8 * 0.3) * 1.75 * 1.1 - 1.0,
    );
}

#[test]
fn viet_nam_and_the_philippines_count_in_shares_of_the_combustion_rate() {
    let local = [(country("VNM"), 1.0)];
    let active = rules().active(country("VNM"), 2024, None);
    near(
        active.wedge(&petrol("Toyota", &local), &[]).ad_valorem,
        1.35 * 1.1 * 1.1 - 1.0,
    );
    let plug_in = OfferTraits {
        powertrain: Powertrain::PlugInHybrid,
        ..petrol("Toyota", &local)
    };
    near(
        active.wedge(&plug_in, &[]).ad_valorem,
        (1.0 + 0.7 * 0.35) * 1.1 * 1.1 - 1.0,
    );
    near(
        active.wedge(&electric("VinFast", &local), &[]).ad_valorem,
        1.03 * 1.1 - 1.0,
    );
    let home = [(country("PHL"), 1.0)];
    let hybrid = OfferTraits {
        powertrain: Powertrain::Hybrid,
        ..petrol("Toyota", &home)
    };
    // 18,000 dollars are a million pesos: the band of 20 per cent, half for a hybrid.
    near(
        rules()
            .active(country("PHL"), 2024, None)
            .wedge(&hybrid, &[])
            .ad_valorem,
        1.1 * 1.12 - 1.0,
    );
}

#[test]
fn norway_charges_vat_on_what_is_above_half_a_million() {
    let built = [(country("CHN"), 1.0)];
    let active = rules().active(country("NOR"), 2024, None);
    let cheap = active.wedge(&electric("BYD", &built), &[]);
    near(cheap.ad_valorem, 0.0);
    near(cheap.specific_usd, 17_500.0 / NOK);
    let dear = OfferTraits {
        list_price_usd: 90_000.0,
        ..electric("BYD", &built)
    };
    let wedge = active.wedge(&dear, &[]);
    near(wedge.ad_valorem, 0.25);
    near(wedge.specific_usd, (17_500.0 - 125_000.0) / NOK);
}

#[test]
fn chinese_purchase_tax_relief_is_capped_then_halved() {
    let local = [(country("CHN"), 1.0)];
    let wedge = |year: i32, usd: f64| {
        let offer = OfferTraits {
            list_price_usd: usd,
            ..electric("BYD", &local)
        };
        rules()
            .active(country("CHN"), year, None)
            .wedge(&offer, &[])
    };
    near(wedge(2024, 20_000.0).ad_valorem, 0.13);
    near(wedge(2024, 60_000.0).ad_valorem, 0.23);
    near(wedge(2024, 60_000.0).specific_usd, -30_000.0 / CNY);
    near(wedge(2026, 20_000.0).ad_valorem, 0.13 + 0.05);
    near(wedge(2028, 20_000.0).ad_valorem, 0.13 + 0.10);
}

#[test]
fn duties_on_chinese_cars() {
    near(duty("DEU", 2025, &electric("BYD", &[]), "CHN"), 0.10 + 0.17);
    near(
        duty("DEU", 2025, &electric("SAIC", &[]), "CHN"),
        0.10 + 0.353,
    );
    near(
        duty("DEU", 2025, &electric("Chery", &[]), "CHN"),
        0.10 + 0.207,
    );
    near(duty("DEU", 2023, &electric("BYD", &[]), "CHN"), 0.10);
    near(duty("DEU", 2025, &electric("BYD", &[]), "HUN"), 0.0);
    near(
        duty("USA", 2026, &electric("BYD", &[]), "CHN"),
        0.025 + 1.0 + 0.25,
    );
    near(duty("USA", 2026, &petrol("Toyota", &[]), "JPN"), 0.15);
    near(duty("MEX", 2025, &petrol("Toyota", &[]), "THA"), 0.2);
    for exporter in ["CHN", "THA", "IDN"] {
        near(duty("MEX", 2026, &petrol("Toyota", &[]), exporter), 0.5);
    }
    near(duty("MEX", 2026, &petrol("Toyota", &[]), "JPN"), 0.0);
    // Half the year 18 per cent after 10: the mean over days.
    near(
        duty("BRA", 2024, &electric("BYD", &[]), "CHN"),
        0.10 * 182.0 / 366.0 + 0.18 * 184.0 / 366.0,
    );
    near(duty("BRA", 2027, &electric("BYD", &[]), "CHN"), 0.35);
    near(duty("CAN", 2025, &electric("BYD", &[]), "CHN"), 0.061 + 1.0);
    near(duty("TUR", 2024, &electric("BYD", &[]), "CHN"), 0.10 + 0.40);
    // The least of 8,000 dollars a car binds below a customs value of 26,667 dollars.
    let cheap = OfferTraits {
        list_price_usd: 20_000.0,
        built: &[(country("CHN"), 1.0)],
        ..electric("BYD", &[])
    };
    let parts = rules()
        .active(country("TUR"), 2026, None)
        .parts(&cheap, &[]);
    let added = parts
        .iter()
        .find(|part| part.instrument == Instrument::AdditionalDuty)
        .expect("it is charged");
    near(added.ad_valorem, 0.0);
    near(added.specific_usd, 8_000.0);
}

#[test]
fn what_was_not_announced_is_not_known() {
    let built = [(country("CHN"), 1.0)];
    let active = rules().active(country("THA"), 2024, Date::parse("2023-12-18"));
    near(
        active.wedge(&electric("Changan", &built), &[]).specific_usd,
        0.0,
    );
    let active = rules().active(country("THA"), 2024, Date::parse("2023-12-19"));
    near(
        active.wedge(&electric("BYD", &built), &[]).specific_usd,
        0.0,
    );
    let active = rules().active(country("MEX"), 2026, Date::parse("2025-06-30"));
    near(
        active.duty(&petrol("Toyota", &[]), country("THA")) / 0.8,
        0.2,
    );
}

#[test]
fn averages_give_way_to_itemised_rules() {
    // Brazil's average support holds duty relief that the schedule of duties itemises.
    let local = [(country("BRA"), 1.0)];
    near(
        rules()
            .active(country("BRA"), 2024, None)
            .wedge(&electric("BYD", &local), &[])
            .specific_usd,
        0.0,
    );
    // No rule is itemised for Germany: its average stands.
    let german = [(country("DEU"), 1.0)];
    let wedge = rules()
        .active(country("DEU"), 2023, None)
        .wedge(&electric("Volkswagen", &german), &[]);
    near(wedge.ad_valorem, 0.19);
    near(wedge.specific_usd, -6_500.0);
}

#[test]
fn every_row_of_the_fact_file_is_obeyed_or_listed_with_a_reason() {
    let numbered = |id: &str| {
        id.rsplit('-')
            .next()
            .is_some_and(|n| n.len() == 3 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let all: Vec<_> = rules()
        .list
        .iter()
        .filter(|rule| !rule.average && numbered(&rule.id))
        .collect();
    assert_eq!(all.len(), 247);
    let obeyed = all
        .iter()
        .filter(|rule| rule.module() != Module::Shown)
        .count();
    let listed = rules()
        .not_obeyed()
        .filter(|(rule, _)| numbered(&rule.id))
        .count();
    assert_eq!(obeyed + listed, 247, "{obeyed} obeyed, {listed} listed");
    assert!(rules().not_obeyed().all(|(_, reason)| reason.len() > 10));
    assert_eq!(
        listed,
        all.iter().filter(|rule| rule.reason.is_some()).count(),
        "each has a reason of its own"
    );
}
