//! `kyoso counterfactual` as a user meets it.

mod common;

use std::fs;

use common::{Place, code, errors, kyoso, printed};

#[test]
fn nothing_changes_where_nothing_is_changed() {
    let place = Place::new("counterfactual-same");
    let out = kyoso(
        &place.0,
        &[
            "counterfactual",
            "--year",
            "2023",
            "--format",
            "csv",
            "--out",
            "c",
        ],
    );
    assert_eq!(code(&out), 0, "{}", errors(&out));
    assert!(printed(&out).contains("no market moves"));
    let text = fs::read_to_string(place.0.join("c/counterfactual.csv")).expect("a table");
    let mut rows = 0;
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |i: usize| -> f64 { cells[i].parse().expect("a number") };
        // Word columns and the year, then recorded and solved units and prices.
        let (recorded, solved) = (number(6), number(7));
        assert!(
            (recorded - solved).abs() <= 1e-6 * (1.0 + recorded),
            "{line}"
        );
        assert!((number(8) - number(9)).abs() <= 1e-6 * number(8), "{line}");
        rows += 1;
    }
    assert!(rows > 2000, "{rows}");
}

#[test]
fn support_taken_away_takes_battery_cars_from_thailand_alone() {
    let place = Place::new("counterfactual-thai");
    let out = kyoso(
        &place.0,
        &["counterfactual", "no-thai-support", "--json", "-q"],
    );
    assert_eq!(code(&out), 0, "{}", errors(&out));
    let json: serde_json::Value = serde_json::from_str(&printed(&out)).expect("JSON");
    let rows = json["counterfactual"].as_array().expect("rows");
    assert!(rows.iter().all(|row| row["iso3"] == "THA"));
    let units = |column: &str, powertrain: &str| -> f64 {
        let of = rows.iter().filter(|row| row["powertrain"] == powertrain);
        of.map(|row| row[column].as_f64().expect("a number")).sum()
    };
    assert!((units("recorded_units", "BEV") - 76_538.0).abs() < 0.005 * 76_538.0);
    assert!(units("units", "BEV") < 0.85 * units("recorded_units", "BEV"));
    assert!(units("units", "ICE-gasoline") > units("recorded_units", "ICE-gasoline"));
    let money = json["counterfactual_money"].as_array().expect("rows");
    let support = money
        .iter()
        .find(|row| row["item"] == "support to buyers")
        .expect("a row");
    assert!(support["recorded"].as_f64().expect("a number") < 0.0);
    assert_eq!(support["amount"].as_f64().expect("a number").abs(), 0.0);
    let surplus = money
        .iter()
        .find(|row| row["item"] == "surplus of buyers")
        .expect("a row");
    assert!(surplus["difference"].as_f64().expect("a number") < 0.0);
}

#[test]
fn an_earlier_year_is_solved_too_and_later_ones_are_refused() {
    let place = Place::new("counterfactual-year");
    let out = kyoso(
        &place.0,
        &[
            "counterfactual",
            "no-thai-support",
            "--year",
            "2022",
            "--countries",
            "THA",
            "-q",
        ],
    );
    assert_eq!(code(&out), 0, "{}", errors(&out));
    assert!(printed(&out).contains("Thailand"));
    let refused = kyoso(
        &place.0,
        &["counterfactual", "--year", "2024", "--countries", "THI"],
    );
    assert_eq!(code(&refused), 1);
    insta::assert_snapshot!(errors(&refused));
}

#[test]
fn conduct_shows_the_three_results_beside_the_literature() {
    let place = Place::new("conduct");
    let out = kyoso(
        &place.0,
        &["conduct", "rules-of-2023", "--countries", "THA,JPN", "-q"],
    );
    assert_eq!(code(&out), 0, "{}", errors(&out));
    let text = printed(&out);
    insta::assert_snapshot!(text);
    for table in [
        "landmarks",
        "conduct",
        "market_conduct",
        "market_conditions",
    ] {
        let file = place.0.join("out/conduct").join(format!("{table}.parquet"));
        assert!(file.is_file(), "{table}");
    }
}
