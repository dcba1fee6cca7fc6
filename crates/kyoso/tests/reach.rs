//! `kyoso reach` and `[[target]]` as a user meets them.

mod common;

use std::fs;

use common::{Place, code, errors, kyoso, printed};

const SHARE: &str = "Sales|Transportation|Light-Duty Vehicle|Battery-Electric [Share]";

#[test]
fn the_support_that_is_found_gives_the_share_that_was_asked_for() {
    let place = Place::new("reach");
    let asked = [
        "reach",
        SHARE,
        "THA",
        "2025",
        "26",
        "--with",
        "incentive.BEV.THA",
    ];
    let out = kyoso(&place.0, &[&asked[..], &["--json"]].concat());
    assert_eq!(code(&out), 0, "{}", errors(&out));
    let answer: serde_json::Value = serde_json::from_str(&printed(&out)).expect("JSON");
    let (support, before) = (
        answer["value"].as_f64().expect("a number"),
        &answer["before"],
    );
    assert!(before.as_f64().expect("a number") < 26.0);
    // A scenario with that support says the same, and that the target is met.
    let text = format!(
        "extends = \"baseline\"\n[set]\n\"incentive.BEV.THA\" = {support:?}\n\
         [[target]]\nname = \"goal\"\nvariable = \"{SHARE}\"\nregion = \"THA\"\nyear = 2025\nvalue = 25.999\ndirection = \"at least\"\n"
    );
    place.file("with.toml", &text);
    let run = kyoso(
        &place.0,
        &[
            "run",
            "with.toml",
            "--horizon",
            "2025",
            "--format",
            "csv",
            "--out",
            "r",
            "-q",
        ],
    );
    assert_eq!(code(&run), 0, "{}", errors(&run));
    let targets = fs::read_to_string(place.0.join("r/targets.csv")).expect("a table");
    let last: Vec<&str> = targets.lines().last().expect("rows").split(',').collect();
    assert_eq!(
        (last[1], last[6], last[7]),
        ("goal", "met", "2025"),
        "{targets}"
    );
    let share: f64 = last[8].parse().expect("a number");
    assert!((share - 26.0).abs() < 1e-5, "{targets}");
    assert!(targets.contains("not yet due,2024"), "{targets}");
    let report = fs::read_to_string(place.0.join("r/report.html")).expect("a report");
    assert!(report.contains("id=\"target-charts\"") && report.contains("none of them official"));
    let compared = kyoso(
        &place.0,
        &["compare", "baseline", "with.toml", "--horizon", "2025"],
    );
    let text = printed(&compared);
    assert!(
        text.contains("goal (THA") && text.contains("missed") && text.contains("met"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_reached_is_said_plainly() {
    let place = Place::new("reach-not");
    let asked = [
        "reach",
        SHARE,
        "THA",
        "2024",
        "99",
        "--with",
        "incentive.BEV.THA",
    ];
    let out = kyoso(
        &place.0,
        &[&asked[..], &["--low", "0", "--high", "1000"]].concat(),
    );
    assert_eq!(code(&out), 4);
    let told = errors(&out);
    assert!(
        told.contains("cannot be brought") && told.contains("between 0 and 1000"),
        "{told}"
    );
}

#[test]
fn bad_questions_are_helped() {
    let place = Place::new("reach-bad");
    let mut told = String::new();
    for arguments in [
        &["Sale", "THI", "2019", "5", "--with", "incentive.BEV.THA"][..],
        &[SHARE, "THA", "2030", "5", "--with", "incentiv.BEV.THA"],
        &[SHARE, "THA", "2030", "5", "--with", "incentive.BEV.THI"],
        &[
            SHARE,
            "THA",
            "2030",
            "5",
            "--with",
            "incentive.BEV.THA",
            "--low",
            "5",
            "--high",
            "1",
        ],
        &[
            SHARE,
            "THA",
            "2030",
            "5",
            "--with",
            "incentive.BEV.THA",
            "--scenario",
            "baselin",
        ],
    ] {
        let out = kyoso(&place.0, &[&["reach"], arguments].concat());
        assert_eq!(code(&out), 1);
        told.push_str(&errors(&out));
    }
    insta::assert_snapshot!(told);
}
