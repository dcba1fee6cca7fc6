//! `kyoso compare` as a user meets it.

mod common;

use std::collections::BTreeMap;
use std::fs;

use common::{Place, code, errors, kyoso, printed};

/// Two scenarios that differ in three things.
const STRATEGY: &str = "extends = \"baseline\"\ndrivers = \"SSP3\"\n[set]\n\
    \"incentive.BEV.THA\" = 4000\n\"incentive.BEV.IDN\" = 3000\n\
    \"fuel_price.gasoline.THA\" = { 2024 = 1.5, 2026 = 2.5 }\n";

/// Cells of a CSV table by column.
fn table(place: &Place, file: &str) -> Vec<BTreeMap<String, String>> {
    let text = fs::read_to_string(place.0.join(file)).expect("a table");
    let mut lines = text.lines();
    let header: Vec<&str> = lines.next().expect("a header").split(',').collect();
    lines
        .map(|line| {
            let cells = line.split(',').map(str::to_owned);
            header
                .iter()
                .map(|name| (*name).to_owned())
                .zip(cells)
                .collect()
        })
        .collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().expect("a number")
}

#[test]
fn a_scenario_differs_from_itself_by_nothing() {
    let place = Place::new("compare-same");
    let out = kyoso(
        &place.0,
        &[
            "compare",
            "baseline",
            "baseline",
            "--horizon",
            "2025",
            "--format",
            "csv",
            "--out",
            "same",
            "--attribute",
        ],
    );
    assert_eq!(code(&out), 0, "{}", errors(&out));
    assert!(printed(&out).contains("nothing in the scenarios differs"));
    let rows = table(&place, "same/differences.csv");
    assert!(rows.len() > 40_000, "{}", rows.len());
    for row in &rows {
        assert_eq!(row["difference"], "0", "{row:?}");
        assert_eq!(row["scenario"], "baseline (2)");
    }
    let html = fs::read_to_string(place.0.join("same/report.html")).expect("a report");
    for forbidden in ["src=\"http", "href=\"http", "@import", "url(http"] {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn parts_sum_to_the_difference_and_threads_change_nothing() {
    let place = Place::new("compare-parts");
    place.file("strategy.toml", STRATEGY);
    let run = |out: &str, threads: &str| {
        let asked = [
            "compare",
            "baseline",
            "strategy.toml",
            "--attribute",
            "--horizon",
            "2026",
        ];
        let how = [
            "--format",
            "csv",
            "--regions",
            "THA,IDN,World",
            "--out",
            out,
            "--threads",
            threads,
        ];
        kyoso(&place.0, &[&asked[..], &how[..]].concat())
    };
    let first = run("a", "1");
    assert_eq!(code(&first), 0, "{}", errors(&first));
    assert!(printed(&first).contains("3 groups of changes, 8 runs (all combinations)"));
    assert_eq!(code(&run("b", "3")), 0);
    for file in [
        "differences.csv",
        "attribution.csv",
        "report.html",
        "datapackage.json",
    ] {
        let read = |folder: &str| fs::read(place.0.join(folder).join(file)).expect("a file");
        assert_eq!(read("a"), read("b"), "{file}");
    }
    let key = |row: &BTreeMap<String, String>| {
        ["region", "variable", "year"].map(|column| row[column].clone())
    };
    let mut sums: BTreeMap<[String; 3], f64> = BTreeMap::new();
    for row in table(&place, "a/attribution.csv") {
        *sums.entry(key(&row)).or_default() += number(&row, "part");
        assert_eq!(row["standard_error"], "0");
    }
    let differences = table(&place, "a/differences.csv");
    let mut moved = 0;
    for row in differences
        .iter()
        .filter(|row| sums.contains_key(&key(row)))
    {
        let difference = number(row, "difference");
        assert_eq!(sums[&key(row)], difference, "{row:?}");
        moved += usize::from(difference != 0.0);
    }
    assert!(moved > 20, "{moved} cells of {} moved", sums.len());
}

#[test]
fn the_headline_and_the_parts_are_printed() {
    let place = Place::new("compare-print");
    place.file("strategy.toml", STRATEGY);
    let out = kyoso(
        &place.0,
        &[
            "compare",
            "baseline",
            "strategy.toml",
            "--attribute",
            "--group",
            "Thailand=incentive.BEV.THA,fuel_price",
            "--horizon",
            "2025",
            "--regions",
            "THA,IDN",
            "--quiet",
        ],
    );
    assert_eq!(code(&out), 0, "{}", errors(&out));
    let text = printed(&out);
    for word in [
        "strategy less baseline, 2025",
        "Thailand",
        "incentive.BEV",
        "drivers",
        "all",
    ] {
        assert!(text.contains(word), "{word} in\n{text}");
    }
    assert!(
        place
            .0
            .join("out/compare-baseline-strategy/manifest.json")
            .is_file()
    );
}

#[test]
fn many_groups_are_sampled_with_their_errors() {
    let place = Place::new("compare-sampled");
    let countries = ["THA", "IDN", "MYS", "VNM", "PHL", "SGP", "JPN", "KOR"];
    let sets: String = countries
        .iter()
        .map(|iso3| format!("\"incentive.BEV.{iso3}\" = 2000\n"))
        .collect();
    place.file(
        "wide.toml",
        &format!("extends = \"baseline\"\n[set]\n{sets}"),
    );
    let groups: Vec<String> = countries
        .iter()
        .map(|iso3| format!("{iso3}=incentive.BEV.{iso3}"))
        .collect();
    let mut arguments = vec![
        "compare",
        "baseline",
        "wide.toml",
        "--attribute",
        "--pairs",
        "2",
    ];
    arguments.extend(groups.iter().flat_map(|group| ["--group", group.as_str()]));
    arguments.extend([
        "--horizon",
        "2024",
        "--regions",
        "ASEAN,JPN",
        "--json",
        "--quiet",
    ]);
    let out = kyoso(&place.0, &arguments);
    assert_eq!(code(&out), 0, "{}", errors(&out));
    let json: serde_json::Value = serde_json::from_str(&printed(&out)).expect("JSON");
    assert_eq!(json["attributed"][0]["exact"], false);
    let rows = json["attribution"].as_array().expect("rows");
    assert!(rows.iter().all(|row| {
        row["standard_error"]
            .as_f64()
            .is_some_and(|error| error >= 0.0)
    }));
    // A country's support reaches no other country's market within the year; what is built there it does.
    let sold = |row: &&serde_json::Value| {
        row["variable"]
            .as_str()
            .is_some_and(|name| name.starts_with("Sales|"))
    };
    for row in rows
        .iter()
        .filter(|row| row["region"] == "JPN" && row["group"] != "JPN")
        .filter(sold)
    {
        assert_eq!(row["part"].as_f64(), Some(0.0), "{row}");
    }
}

#[test]
fn folders_of_earlier_runs_are_read_back() {
    let place = Place::new("compare-folders");
    for (scenario, format, out) in [
        ("baseline", "csv", "old"),
        ("no-thai-support", "parquet", "new"),
    ] {
        let run = kyoso(
            &place.0,
            &[
                "run",
                scenario,
                "--horizon",
                "2025",
                "--format",
                format,
                "--out",
                out,
                "-q",
            ],
        );
        assert_eq!(code(&run), 0, "{}", errors(&run));
    }
    let compare = |arguments: &[&str]| {
        let all = [
            &["compare"],
            arguments,
            &["--horizon", "2025", "--format", "csv", "--out", "c"],
        ]
        .concat();
        let out = kyoso(&place.0, &all);
        assert_eq!(code(&out), 0, "{}", errors(&out));
        ["differences", "welfare", "effectiveness"]
            .map(|table| fs::read(place.0.join(format!("c/{table}.csv"))).expect("a table"))
    };
    let read = compare(&["old", "new"]);
    assert_eq!(
        read,
        compare(&["baseline", "no-thai-support"]),
        "what is read is what is run"
    );
    let thailand = table(&place, "c/effectiveness.csv");
    let thailand = thailand
        .iter()
        .find(|row| row["region"] == "THA")
        .expect("a row");
    // Without the support treasuries gain and buyers lose, makers too, and fewer plug-in vehicles are sold.
    assert!(number(thailand, "public") > 0.0);
    for column in ["buyers", "makers", "plug_ins"] {
        assert!(number(thailand, column) < 0.0, "{column}: {thailand:?}");
    }
    // What a plug-in vehicle sold less saves the treasury.
    assert!(number(thailand, "usd_per_plug_in") > 5_000.0);
    let welfare = table(&place, "c/welfare.csv");
    let of_thailand = welfare.iter().filter(|row| row["region"] == "THA");
    let undiscounted: f64 = of_thailand.map(|row| number(row, "difference")).sum();
    let net = number(thailand, "net");
    assert!(
        (net / undiscounted - 1.0).abs() < 0.10,
        "{net} {undiscounted}"
    );
    let refused = kyoso(&place.0, &["compare", "old", "new", "--attribute"]);
    assert_eq!(code(&refused), 1);
    assert!(errors(&refused).contains("name its scenario for --attribute"));
}

#[test]
fn what_cannot_be_compared_is_told_with_what_could() {
    let place = Place::new("compare-wrong");
    place.file(
        "bad.toml",
        "horizn = 2030\n[set]\n\"battery.learning_rat\" = 1\n",
    );
    fs::create_dir(place.0.join("empty")).expect("a folder");
    let mut told = String::new();
    for arguments in [
        &["baseline", "bad.toml", "baselin"][..],
        &["baseline", "empty"],
        &[
            "baseline",
            "battery-stalls",
            "--horizon",
            "2025",
            "--regions",
            "THI",
            "--variables",
            "Sale",
            "--years",
            "2019,2026",
        ],
        &[
            "baseline",
            "battery-stalls",
            "--horizon",
            "2025",
            "--attribute",
            "--group",
            "a=battry",
        ],
    ] {
        let out = kyoso(&place.0, &[&["compare"], arguments].concat());
        assert_eq!(code(&out), 1);
        told.push_str(&errors(&out));
    }
    insta::assert_snapshot!(told);
    assert_eq!(code(&kyoso(&place.0, &["compare", "baseline"])), 2);
}
