//! The program as a user meets it: what it prints, what it leaves, how it refuses.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{Place, code, errors, kyoso, printed};

#[test]
fn help_shows_every_command() {
    let place = Place::new("help");
    insta::assert_snapshot!(printed(&kyoso(&place.0, &["--help"])));
    assert_eq!(code(&kyoso(&place.0, &["rum"])), 2);
    assert_eq!(code(&kyoso(&place.0, &[])), 2);
}

#[test]
fn a_run_leaves_a_whole_folder_and_a_second_run_the_same_bytes() {
    let place = Place::new("run");
    let first = kyoso(&place.0, &["run", "--out", "a", "--threads", "1"]);
    assert_eq!(code(&first), 0, "{}", errors(&first));
    assert!(printed(&first).contains("World") && printed(&first).contains("Thailand"));
    let second = kyoso(&place.0, &["run", "--out", "b", "--threads", "2"]);
    assert_eq!(code(&second), 0);
    let mut files: Vec<String> = fs::read_dir(place.0.join("a"))
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    files.sort();
    for file in [
        "indicators.parquet",
        "sales.parquet",
        "fleet.parquet",
        "prices.parquet",
        "energy.parquet",
        "emissions.parquet",
        "report.html",
        "manifest.json",
        "datapackage.json",
    ] {
        assert!(files.iter().any(|name| name == file), "{file}");
    }
    for file in files.iter().filter(|file| *file != "manifest.json") {
        assert_eq!(
            fs::read(place.0.join("a").join(file)).expect("file"),
            fs::read(place.0.join("b").join(file)).expect("file"),
            "{file}"
        );
    }
    let again = kyoso(&place.0, &["reproduce", "a/manifest.json"]);
    assert_eq!(code(&again), 0, "{}", errors(&again));
    assert!(printed(&again).contains("same to the last byte"));
    // The manifest of another scenario with these hashes cannot be reproduced.
    let manifest = fs::read_to_string(place.0.join("a/manifest.json"))
        .expect("manifest")
        .replace(
            "\"scenario_request\": \"baseline\"",
            "\"scenario_request\": \"battery-stalls\"",
        );
    place.file("changed.json", &manifest);
    assert_eq!(code(&kyoso(&place.0, &["reproduce", "changed.json"])), 4);
}

#[test]
fn csv_tables_hold_what_the_record_says() {
    let place = Place::new("csv");
    assert_eq!(
        code(&kyoso(
            &place.0,
            &[
                "run",
                "--quiet",
                "--format",
                "csv",
                "--horizon",
                "2025",
                "--out",
                "c"
            ]
        )),
        0
    );
    let text = fs::read_to_string(place.0.join("c/sales.csv")).expect("a table");
    let thailand: f64 = text
        .lines()
        .filter(|line| line.starts_with("THA,2023,"))
        .map(|line| {
            line.rsplit(',')
                .next()
                .and_then(|cell| cell.parse::<f64>().ok())
                .expect("a number")
        })
        .sum();
    assert!((thailand - 775_780.0).abs() < 1e-3, "{thailand}");
}

#[test]
fn every_defect_of_a_scenario_is_told_at_once() {
    let place = Place::new("scenario");
    place.file(
        "bad.toml",
        "horizn = 2040\n[set]\n\"fuel_price.gasoline.THI\" = 1.0\n\"fuel_price.gasoline.THA\" = -1.0\n\"battery.learning_rat\" = 0.1\n",
    );
    let output = kyoso(&place.0, &["run", "bad.toml"]);
    assert_eq!(code(&output), 1);
    insta::assert_snapshot!(errors(&output));
    assert_eq!(place.entries(), ["bad.toml"], "nothing is left");
}

#[test]
fn a_circle_of_scenarios_and_an_unknown_one_are_named() {
    let place = Place::new("circle");
    place.file("a.toml", "extends = \"b.toml\"\n");
    place.file("b.toml", "extends = \"a.toml\"\n");
    let output = kyoso(&place.0, &["run", "a.toml"]);
    assert_eq!(code(&output), 1);
    assert!(
        errors(&output).contains("a.toml -> b.toml -> a.toml"),
        "{}",
        errors(&output)
    );
    let output = kyoso(&place.0, &["run", "basline"]);
    assert_eq!(code(&output), 1);
    assert!(
        errors(&output).contains("did you mean `baseline`?"),
        "{}",
        errors(&output)
    );
}

/// A copy of the pack with one change to one table.
fn spoilt(place: &Place, table: &str, change: impl Fn(&str) -> String) -> Output {
    assert_eq!(code(&kyoso(&place.0, &["data", "init", "pack"])), 0);
    let path = place.0.join("pack/record").join(format!("{table}.csv"));
    let text = fs::read_to_string(&path).expect("the table is there");
    fs::write(&path, change(&text)).expect("it can be written");
    let output = kyoso(&place.0, &["data", "check", "--data", "pack"]);
    assert_eq!(code(&output), 1, "{}", printed(&output));
    assert_eq!(code(&kyoso(&place.0, &["run", "--data", "pack"])), 1);
    assert!(!place.0.join("out").exists());
    output
}

#[test]
fn text_in_a_number_column() {
    let place = Place::new("text");
    let output = spoilt(&place, "gini", |text| text.replacen("47.7", "many", 1));
    assert!(
        errors(&output)
            .contains("data/record/gini.csv:2:3: `gini_income_equivalent`: `many` is not a number"),
        "{}",
        errors(&output)
    );
}

#[test]
fn a_negative_price() {
    let place = Place::new("negative");
    let output = spoilt(&place, "battery_price", |text| {
        text.replacen("139", "-139", 1)
    });
    assert!(
        errors(&output).contains("-139 is out of range") && errors(&output).contains("at least 0"),
        "{}",
        errors(&output)
    );
}

#[test]
fn an_unknown_country() {
    let place = Place::new("country");
    let output = spoilt(&place, "gini", |text| text.replacen("THA,", "THI,", 1));
    assert!(
        errors(&output).contains("unknown country `THI`"),
        "{}",
        errors(&output)
    );
}

#[test]
fn a_missing_and_an_unknown_column() {
    let place = Place::new("column");
    let output = spoilt(&place, "gini", |text| {
        text.replacen("gini_income_equivalent", "gini_income", 1)
    });
    let text = errors(&output);
    assert!(
        text.contains("unknown column `gini_income`")
            && text.contains("missing column `gini_income_equivalent`"),
        "{text}"
    );
}

#[test]
fn a_year_twice() {
    let place = Place::new("twice");
    let output = spoilt(&place, "battery_price", |text| {
        let line = text.lines().nth(1).expect("a row").to_owned();
        format!("{text}{line}\n")
    });
    assert!(
        errors(&output).contains("stands twice")
            && errors(&output).contains("line 2 has the same year"),
        "{}",
        errors(&output)
    );
}

#[test]
fn an_unknown_source_and_a_row_too_short() {
    let place = Place::new("source");
    let output = spoilt(&place, "battery_price", |text| {
        format!(
            "{},NOBODY,measured,\n2009,1\n",
            text.trim_end()
                .rsplit_once('\n')
                .map_or("", |(head, _)| head)
                .to_owned()
                + "\n2009,1500,2009"
        )
    });
    let text = errors(&output);
    assert!(
        text.contains("unknown source `NOBODY`")
            && text.contains("has 2 cells where the header has 6"),
        "{text}"
    );
}

#[test]
fn a_missing_table_and_a_folder_that_is_no_pack() {
    let place = Place::new("table");
    assert_eq!(code(&kyoso(&place.0, &["data", "init", "pack"])), 0);
    fs::remove_file(place.0.join("pack/record/sales.csv")).expect("it was there");
    let output = kyoso(&place.0, &["run", "--data", "pack"]);
    assert_eq!(code(&output), 1);
    assert!(
        errors(&output).contains("the table `sales` is missing"),
        "{}",
        errors(&output)
    );
    let output = kyoso(&place.0, &["run", "--data", "nowhere"]);
    assert_eq!(code(&output), 1);
    assert!(
        errors(&output).contains("no folder nowhere"),
        "{}",
        errors(&output)
    );
}

#[test]
fn a_folder_of_somebody_else_is_not_replaced() {
    let place = Place::new("other");
    fs::create_dir(place.0.join("mine")).expect("a folder");
    fs::write(place.0.join("mine/letter.txt"), "dear").expect("a file");
    let output = kyoso(&place.0, &["run", "--out", "mine"]);
    assert_eq!(code(&output), 1);
    assert!(errors(&output).contains("was not written by kyoso"));
    assert_eq!(
        fs::read_to_string(place.0.join("mine/letter.txt")).expect("still there"),
        "dear"
    );
    // Our own folder is replaced.
    assert_eq!(
        code(&kyoso(&place.0, &["run", "--quiet", "--out", "ours"])),
        0
    );
    assert_eq!(
        code(&kyoso(
            &place.0,
            &["run", "--quiet", "--out", "ours", "battery-stalls"]
        )),
        0
    );
    assert!(
        fs::read_to_string(place.0.join("ours/manifest.json"))
            .expect("manifest")
            .contains("battery-stalls")
    );
    assert_eq!(place.entries(), ["mine", "ours"]);
}

#[test]
fn a_folder_that_cannot_be_made() {
    let place = Place::new("unwritable");
    place.file("file", "not a folder");
    let output = kyoso(&place.0, &["run", "--out", "file/inside"]);
    assert_eq!(code(&output), 1);
    assert!(
        errors(&output).contains("cannot make the folder"),
        "{}",
        errors(&output)
    );
    assert_eq!(place.entries(), ["file"]);
}

/// Runs under a limit on the size of files, as a full disk would set one.
fn limited(folder: &Path, before: &str) -> Output {
    let command = format!(
        "{before} ulimit -f 512; exec {} run --quiet --out full",
        env!("CARGO_BIN_EXE_kyoso")
    );
    Command::new("bash")
        .args(["-c", &command])
        .current_dir(folder)
        .output()
        .expect("bash starts")
}

#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    let place = Place::new("full");
    let output = limited(&place.0, "trap '' XFSZ;");
    assert_eq!(code(&output), 1, "{}", errors(&output));
    assert!(
        errors(&output).contains("cannot write"),
        "{}",
        errors(&output)
    );
    assert!(place.entries().is_empty(), "{:?}", place.entries());
}

#[test]
fn a_killed_run_leaves_no_result_and_the_next_run_cleans_up() {
    let place = Place::new("killed");
    // Without a trap the signal of the limit kills the process in the middle of a file.
    let output = limited(&place.0, "");
    assert_eq!(output.status.code(), None, "it was killed");
    assert!(!place.0.join("full").exists());
    assert_eq!(
        code(&kyoso(&place.0, &["run", "--quiet", "--out", "full"])),
        0
    );
    assert_eq!(place.entries(), ["full"], "the left-over draft is gone");
}

#[test]
fn a_number_is_explained_and_a_wrong_question_is_helped() {
    let place = Place::new("explain");
    let output = kyoso(
        &place.0,
        &[
            "explain",
            "Sales|Transportation|Road Vehicle",
            "THA",
            "2030",
        ],
    );
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let text = printed(&output);
    for part in [
        "saturation of ownership",
        "scrapped",
        "OICA",
        "parameter ownership.alpha",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let output = kyoso(
        &place.0,
        &[
            "explain",
            "Sales|Transportation|Road Vehicles",
            "THA",
            "2030",
        ],
    );
    assert_eq!(code(&output), 1);
    assert!(
        errors(&output).contains("did you mean"),
        "{}",
        errors(&output)
    );
    assert_eq!(
        code(&kyoso(
            &place.0,
            &[
                "explain",
                "Sales|Transportation|Road Vehicle",
                "THI",
                "2030"
            ]
        )),
        1
    );
    let nothing_near = errors(&kyoso(&place.0, &["explain", "zzqq", "Nowhere", "2030"]));
    for part in [
        "unknown variable `zzqq`, unknown region `Nowhere`",
        "variables begin with",
        "Sales, ",
        "World",
    ] {
        assert!(nothing_near.contains(part), "{part}\n{nothing_near}");
    }
    let json = kyoso(
        &place.0,
        &[
            "explain",
            "--json",
            "Price|Transportation|Battery Pack",
            "World",
            "2030",
        ],
    );
    assert!(serde_json::from_slice::<serde_json::Value>(&json.stdout).is_ok());
}

#[test]
fn wrong_options_are_refused() {
    let place = Place::new("options");
    for arguments in [
        &["run", "--horizon", "1999"][..],
        &["run", "--drivers", "SSP9"],
        &["hindcast", "--origins", "1990"],
    ] {
        let output = kyoso(&place.0, arguments);
        assert_eq!(code(&output), 1, "{arguments:?}");
        assert!(errors(&output).contains("expected"), "{}", errors(&output));
    }
    assert_eq!(code(&kyoso(&place.0, &["run", "--threads", "0"])), 2);
    assert!(place.entries().is_empty());
}

#[test]
fn shipped_scenarios_list_extract_and_run() {
    let place = Place::new("example");
    let list = printed(&kyoso(&place.0, &["example", "list"]));
    for name in list
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
    {
        let output = kyoso(&place.0, &["run", "--quiet", "--horizon", "2024", name]);
        assert_eq!(code(&output), 0, "{name}: {}", errors(&output));
    }
    assert_eq!(
        code(&kyoso(&place.0, &["example", "extract", "battery-stalls"])),
        0
    );
    assert_eq!(
        code(&kyoso(
            &place.0,
            &[
                "run",
                "--quiet",
                "--horizon",
                "2024",
                "--out",
                "file",
                "battery-stalls.toml"
            ]
        )),
        0
    );
    assert_eq!(
        code(&kyoso(&place.0, &["example", "extract", "battery-stals"])),
        1
    );
}

#[test]
fn small_commands_answer() {
    let place = Place::new("small");
    assert!(printed(&kyoso(&place.0, &["data", "check"])).contains("no problem found"));
    assert!(
        printed(&kyoso(
            &place.0,
            &["data", "list", "gini", "--filter", "THA"]
        ))
        .lines()
        .count()
            == 2
    );
    assert!(printed(&kyoso(&place.0, &["data", "sources"])).contains("recalled"));
    assert!(
        printed(&kyoso(&place.0, &["data", "estimates"]))
            .lines()
            .count()
            > 1000
    );
    assert!(printed(&kyoso(&place.0, &["doctor"])).contains("holds: stock(t)"));
    assert!(
        serde_json::from_slice::<serde_json::Value>(&kyoso(&place.0, &["schema"]).stdout).is_ok()
    );
    assert!(printed(&kyoso(&place.0, &["completions", "bash"])).contains("kyoso"));
}

#[test]
fn the_headline_of_the_baseline_changes_only_with_a_reason() {
    let place = Place::new("headline");
    let output = kyoso(&place.0, &["run", "--quiet"]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    insta::assert_snapshot!(printed(&output));
}
