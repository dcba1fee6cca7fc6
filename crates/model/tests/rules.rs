//! Rules of the pack against figures worked out by hand from the laws.

mod common;

use std::sync::OnceLock;

use common::record;
use kyoso_model::ids::{Origin, Powertrain, Segment};
use kyoso_model::input::Problems;
use kyoso_model::rules::{
    Date, Instrument, Kind, Ledger, Module, OfferTraits, Rules, Spent, funded,
};
use kyoso_model::scenario::{Scenario, Shelf, Vocabulary};

/// Units of currency for a US dollar, as in the pack.
const THB: f64 = 34.7841;
const CNY: f64 = 7.084;
const NOK: f64 = 10.564;

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| Rules::load(record()).unwrap_or_else(|problems| panic!("{problems}")))
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

/// A scenario of the text, checked against the rules of the pack.
fn scenario(text: &str) -> Result<Scenario, Problems> {
    let shelf = Shelf([("mine".to_owned(), text.to_owned())].into());
    let vocabulary = Vocabulary {
        groups: std::collections::BTreeMap::new(),
        parameters: Vec::new(),
        variables: Vec::new(),
        regions: Vec::new(),
        countries: rules().codes.clone(),
        base_year: 2023,
        rules: Some(rules().clone()),
    };
    Scenario::load("mine", &shelf, &vocabulary)
}

#[test]
fn every_bad_rule_is_told_by_name_with_its_place_all_at_once() {
    let text = r#"
[[rule]]
id = "A"
iso3 = "THX"
instrument = "purchase_subsidie"
value = 1
start = "2026-01-01"

[[rule]]
id = "B"
iso3 = "THA"
instrument = "purchase_subsidy"
powertrain = "BEW"
condition = "battery_kw>=30; price_thb<=much; maker=BYDD; colour=red; signed=EV9; battery_kwh~3"
value = 100000
unit = "THB/unit"
start = "2026-01-01"
end = "2025-01-01"

[[rule]]
id = "C"
iso3 = "IDN"
instrument = "excise"
value = 0.1
unit = "IDR"
start = "soon"
cap = "a lot"
reason = "because"
built = "Mars"

[[rule]]
id = "THA-999"
value = 3

[[rule]]
id = "THA-021"
segment = "van"
"#;
    insta::assert_snapshot!(scenario(text).expect_err("all of it is wrong").to_string());
}

#[test]
fn a_bad_rule_is_told_beside_the_other_defects_of_its_file() {
    let text =
        "horizont = 2030\n[[rule]]\nid = \"THA-0211\"\nremove = true\n[set]\n\"market.sise\" = 1\n";
    let told = scenario(text).expect_err("three defects").to_string();
    for defect in ["`horizont`", "no such rule", "`market.sise`"] {
        assert!(told.contains(defect), "{told}");
    }
}

#[test]
fn rules_that_contradict_sense_or_each_other_are_told() {
    let text = r#"
[[rule]]
id = "X1"
iso3 = "THA"
instrument = "purchase_subsidy"
scheme = "EV4.0"
powertrain = "BEV"
condition = "price_thb<=500000"
value = 600000
unit = "THB/unit"
start = "2028-01-01"

[[rule]]
id = "X2"
iso3 = "THA"
instrument = "purchase_subsidy"
scheme = "EV4.0"
powertrain = "BEV"
condition = "price_thb<=500000"
value = 50000
unit = "THB/unit"
start = "2029-01-01"
budget = "THA-EV4.0"

[[rule]]
id = "X3"
iso3 = "THA"
instrument = "budget"
value = -5
unit = "THB"
start = "2028-01-01"
budget = "THA-X"

[[rule]]
id = "X4"
iso3 = "THA"
instrument = "excise"
value = 25
unit = "ad_valorem"
start = "2028-01-01"
"#;
    insta::assert_snapshot!(scenario(text).expect_err("all of it is wrong").to_string());
}

#[test]
fn a_scenario_takes_away_alters_and_adds_rules() {
    let text = "[[rule]]\nid = [\"THA-021\", \"THA-022\"]\nremove = true\n\
        [[rule]]\nid = \"THA-024\"\nvalue = 60000\ncondition = \"battery_kwh>=10; price_thb<=2000000; signed\"\n\
        [[rule]]\nid = \"NEW\"\niso3 = \"THA\"\ninstrument = \"feebate\"\npowertrain = \"HEV\"\nvalue = -10000\nunit = \"THB/unit\"\nstart = 2026-01-01\n\
        [[rule]]\nid = \"tariff:DEU:MFN:8703\"\nremove = true\n";
    let found = scenario(text).expect_err("the last is no rule").to_string();
    assert!(
        found.contains("mine.toml:17:7") && found.contains("did you mean"),
        "{found}"
    );
    let text = &text[..text.rfind("[[rule]]").expect("it was there")];
    let mine = scenario(text).expect("valid");
    let changed = rules().changed(&mine.rules).expect("valid");
    let built = [(country("CHN"), 1.0)];
    let support = |rules: &Rules, year: i32| {
        rules
            .active(country("THA"), year, None)
            .wedge(&electric("BYD", &built), &[])
            .specific_usd
            * THB
    };
    near(support(&changed, 2024), -60_000.0);
    near(support(&changed, 2025), 0.0);
    let hybrid = OfferTraits {
        powertrain: Powertrain::Hybrid,
        ..petrol("Toyota", &built)
    };
    near(
        changed
            .active(country("THA"), 2026, None)
            .wedge(&hybrid, &[])
            .specific_usd,
        10_000.0 / THB,
    );
    let again = scenario(&mine.canonical()).expect("the canonical form is valid");
    assert_eq!(again.canonical(), mine.canonical());
    let same = rules().changed(&again.rules).expect("valid");
    near(support(&same, 2024), support(&changed, 2024));
    let unchanged = rules().changed(&[]).expect("valid");
    // Cells without a number are not equal to themselves, their print is.
    assert!(
        format!("{:?}", unchanged.list) == format!("{:?}", rules().list),
        "no change changes nothing"
    );
}

#[test]
fn shipped_scenarios_do_what_they_say() {
    let shipped = |text: &str| {
        let own = text.replace("extends = \"baseline\"\n", "");
        rules()
            .changed(
                &scenario(&own)
                    .unwrap_or_else(|problems| panic!("{problems}"))
                    .rules,
            )
            .expect("valid")
    };
    let without = shipped(include_str!("../../../data/scenarios/no-ev35.toml"));
    let china = [(country("CHN"), 1.0)];
    for year in [2023, 2024, 2025, 2026] {
        let wedge = without
            .active(country("THA"), year, None)
            .wedge(&electric("BYD", &china), &[]);
        if year == 2023 {
            near(wedge.specific_usd, -150_000.0 / THB);
        } else {
            near(wedge.specific_usd, 0.0);
        }
        // From 2026 the general rate is two per cent for all.
        let excise = if matches!(year, 2024 | 2025) {
            0.08
        } else {
            0.02
        };
        near(wedge.ad_valorem, 1.07 / (1.0 - 1.1 * excise) - 1.0);
    }
    let common = shipped(include_str!(
        "../../../data/scenarios/asean-common-tariff.toml"
    ));
    for iso3 in ["THA", "IDN", "MYS", "VNM", "PHL", "KHM", "SGP", "BRN"] {
        let duty = |built: &str| {
            common
                .active(country(iso3), 2027, None)
                .duty(&petrol("Volkswagen", &[]), country(built))
                / 0.8
        };
        near(duty("DEU"), 0.2);
        near(duty("IDN"), 0.0);
    }
}

#[test]
fn constraints_follow_the_standards_and_pool_europe() {
    let of = |iso3: &str, year: i32| rules().constraints(country(iso3), year, None);
    let european = of("DEU", 2026);
    let co2 = european
        .iter()
        .find(|one| one.kind == Kind::Co2Standard)
        .expect("the Union has one");
    near(co2.target, 95.8);
    near(co2.fine_usd, 103.0);
    assert_eq!(
        co2.pool.countries.len(),
        29,
        "27 members, Norway and Iceland"
    );
    near(
        co2.coefficient(&OfferTraits {
            co2_g_per_km: 120.0,
            ..petrol("Volkswagen", &[])
        }),
        24.2,
    );
    let british = of("GBR", 2025);
    let mandate = british
        .iter()
        .find(|one| one.kind == Kind::SalesMandate)
        .expect("it has one");
    near(mandate.coefficient(&electric("BYD", &[])), 0.26 - 1.0);
    let plug_in = OfferTraits {
        powertrain: Powertrain::PlugInHybrid,
        ..electric("BYD", &[])
    };
    near(mandate.coefficient(&plug_in), 0.26);
    let ban = of("GBR", 2031);
    let ban = ban
        .iter()
        .find(|one| one.kind == Kind::CombustionBan)
        .expect("from 2030");
    assert!(ban.fine_usd.is_infinite());
    near(ban.coefficient(&petrol("Toyota", &[])), 1.0);
    near(ban.coefficient(&plug_in), 0.0);
    let quota = of("CAN", 2027);
    let quota = quota
        .iter()
        .find(|one| one.kind == Kind::Quota)
        .expect("since January 2026");
    near(quota.bound, 49_000.0);
    near(
        quota.coefficient(&electric(
            "BYD",
            &[(country("CHN"), 0.5), (country("CAN"), 0.5)],
        )),
        0.5,
    );
    assert!(
        of("CAN", 2027)
            .iter()
            .all(|one| one.kind != Kind::SalesMandate),
        "paused: without a fine it has no force"
    );
}

#[test]
fn thai_offsets_double_and_carry_over() {
    let tha = country("THA");
    let terms = |scheme: &str, year: i32, as_of: Option<&str>| {
        rules().offset_terms(tha, scheme, year, as_of.and_then(Date::parse))
    };
    let ratios: Vec<Option<f64>> = (2023..=2028)
        .map(|year| terms("EV3.0", year, None).ratio)
        .collect();
    assert_eq!(
        ratios,
        [None, Some(1.0), Some(1.5), Some(2.0), Some(3.0), None]
    );
    let ratios: Vec<Option<f64>> = (2024..=2028)
        .map(|year| terms("EV3.5", year, None).ratio)
        .collect();
    assert_eq!(ratios, [None, None, Some(2.0), Some(3.0), None]);
    // Before December 2024 nobody knew that EV3.0 debts could go on.
    let early = terms("EV3.0", 2025, Some("2024-06-30"));
    assert!(!early.goes_on && (early.export_credit - 1.0).abs() < 1e-12);
    let late = terms("EV3.0", 2025, None);
    assert!(late.goes_on);
    near(late.export_credit, 1.5);
    near(late.interest, 0.075);
    near(late.share_before_payment, 0.5);
    let owed: f64 = rules()
        .opening_debts
        .iter()
        .filter(|one| one.country == tha)
        .map(|one| one.debt.units)
        .sum();
    near(owed, 62_452.0 + 8_012.0);
}

#[test]
fn a_budget_pays_what_it_has_and_carries_the_rest_over() {
    let slot = rules()
        .budgets
        .iter()
        .position(|name| name == "THA-EV3.0")
        .expect("it has one");
    let at = |year: i32, spent: &Spent| rules().available_usd(year, spent, None)[slot];
    let nothing = Spent::default();
    near(at(2022, &nothing), 3.0e9 / THB);
    near(at(2023, &nothing), 43.0e9 / THB);
    let mut claims = vec![0.0; rules().budgets.len()];
    claims[slot] = 60.0e9 / THB;
    let available = rules().available_usd(2023, &nothing, None);
    near(funded(&claims, &available)[slot], 43.0 / 60.0);
    let spent = nothing.after(&claims, &available);
    near(at(2024, &spent), 0.0);
    near(at(2027, &nothing), 0.0);
}

#[test]
fn money_in_is_money_out() {
    let built = [(country("CHN"), 1.0)];
    let active = rules().active(country("THA"), 2023, None);
    let offer = electric("BYD", &built);
    let (parts, wedge) = (active.parts(&offer, &[]), active.wedge(&offer, &[]));
    let mut ledger = Ledger::new(rules());
    ledger.book(&parts, 20_000.0, 1000.0);
    let treasury: f64 = ledger
        .by_payer(rules())
        .iter()
        .map(|(_, money)| money.net_usd())
        .sum();
    near(
        treasury,
        1000.0 * (wedge.ad_valorem * 20_000.0 + wedge.specific_usd),
    );
    let subsidy = rules()
        .list
        .iter()
        .position(|rule| rule.id == "THA-001")
        .expect("it is there");
    near(ledger.0[subsidy].outlays_usd, 1000.0 * 150_000.0 / THB);
}

proptest::proptest! {
    #[test]
    fn no_condition_makes_the_reader_panic(text in "\\PC{0,60}") {
        let _ = rules().lexicon.condition(&text, "EV3.5");
    }

    #[test]
    fn near_conditions_do_not_make_it_panic(text in "(battery_kwh|price_thb|built|signed|maker)?(>=|<=|=|!=|<|>|!)?[0-9a-zA-Z+_.; ]{0,12}") {
        let _ = rules().lexicon.condition(&text, "EV3.5");
    }
}
