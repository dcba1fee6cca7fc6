//! Documents say what is there.

use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn the_architecture_names_every_module_of_the_model() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    for entry in fs::read_dir(root().join("crates/model/src")).expect("the crate is there") {
        let name = entry
            .expect("entry")
            .file_name()
            .to_string_lossy()
            .into_owned();
        if name != "lib.rs" {
            let name = if Path::new(&name).extension().is_some() {
                name
            } else {
                format!("{name}/")
            };
            assert!(text.contains(&name), "ARCHITECTURE.md does not name {name}");
        }
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for file in [
        "README.md",
        "docs/how-to/README.md",
        "docs/explanation/model.md",
    ] {
        let text = fs::read_to_string(root().join(file)).expect("it is there");
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if !link.contains("://") {
                let target = root().join(file).parent().expect("a folder").join(link);
                assert!(target.exists(), "{file}: {link}");
            }
        }
    }
}

#[test]
fn every_indicator_is_defined_in_the_code_list_with_its_unit() {
    let place = std::env::temp_dir().join(format!("kyoso-codelist-{}", std::process::id()));
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_kyoso"))
        .args([
            "run",
            "--quiet",
            "--format",
            "csv",
            "--horizon",
            "2024",
            "--out",
        ])
        .arg(&place)
        .output()
        .expect("it starts")
        .status;
    assert!(status.success());
    let list = fs::read_to_string(root().join("data/codelist/variables.csv")).expect("it is there");
    let known: std::collections::BTreeSet<(&str, &str)> = list
        .lines()
        .skip(1)
        .filter_map(|line| {
            line.split_once(',')
                .and_then(|(name, rest)| Some((name, rest.split(',').next()?)))
        })
        .collect();
    let text = fs::read_to_string(place.join("indicators.csv")).expect("a table");
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        assert!(
            known.contains(&(cells[3], cells[4])),
            "{} in {} has no definition",
            cells[3],
            cells[4]
        );
    }
    let _ = fs::remove_dir_all(place);
}

#[test]
fn scenarios_of_one_lever_hold_it_as_the_joint_strategy_does() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/scenarios");
    let read = |path: &std::path::Path| std::fs::read_to_string(path).expect("a scenario");
    let whole = read(&std::path::Path::new(folder).join("joint-strategy.toml"));
    let mut alone = 0;
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        if name.starts_with("lever-") {
            let text = read(&path);
            let levers: Vec<&str> = text.split("[[lever]]").skip(1).map(str::trim).collect();
            assert!(!levers.is_empty(), "{name}");
            for lever in &levers {
                assert!(whole.contains(lever), "{name}: {lever}");
            }
            alone += levers.len();
        }
    }
    assert_eq!(alone, whole.matches("[[lever]]").count());
}
