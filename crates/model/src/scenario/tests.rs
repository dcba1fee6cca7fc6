use super::*;

fn vocabulary() -> Vocabulary {
    let info = |path: &str, low, high, by_country| ParameterInfo {
        path: path.to_owned(),
        unit: "-".to_owned(),
        low,
        high,
        by_country,
    };
    Vocabulary {
        parameters: vec![
            info("battery.learning_rate", 0.0, 0.4, false),
            info("fuel_price.gasoline", 0.001, 20.0, true),
        ],
        countries: vec!["IDN".to_owned(), "THA".to_owned()],
        base_year: 2023,
    }
}

fn load(files: &[(&str, &str)]) -> Result<Scenario, Problems> {
    let shelf = Shelf(
        files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
    );
    Scenario::load(files[0].0, &shelf, &vocabulary())
}

#[test]
fn a_child_keeps_what_it_does_not_change() {
    let scenario = load(&[
        ("child", "extends = \"parent\"\n[set]\n\"fuel_price.gasoline.THA\" = { 2025 = 1.1, 2035 = 1.3 }\n"),
        ("parent", "horizon = 2040\ndrivers = \"SSP5\"\n[set]\n\"battery.learning_rate\" = 0.1\n"),
    ])
    .expect("both are valid");
    assert_eq!(
        (scenario.name.as_str(), scenario.horizon, scenario.drivers),
        ("child", 2040, Drivers::Ssp5)
    );
    assert_eq!(scenario.set.len(), 2);
    let price = &scenario.set[1].1;
    assert!(
        (price.at(2030) - 1.2).abs() < 1e-12
            && (price.at(2024) - 1.1).abs() < 1e-12
            && (price.at(2050) - 1.3).abs() < 1e-12
    );
}

#[test]
fn all_problems_come_at_once_with_their_places() {
    let text = "horizn = 2040\nhorizon = 1999\ndrivers = \"SSP9\"\npolicy_as_of = \"yesterday\"\n[set]\n\"battery.learning_rat\" = 0.1\n\"battery.learning_rate\" = -3\n\"fuel_price.gasoline.THI\" = 1.0\n\"fuel_price.gasoline.THA\" = { 2020 = 1.0, 2030 = \"x\" }\n[[lever]]\nkind = \"training\"\n";
    let problems = load(&[("bad", text)]).expect_err("much is wrong");
    insta::assert_snapshot!(problems.to_string());
}

#[test]
fn a_circle_is_named() {
    let problems = load(&[("a", "extends = \"b\"\n"), ("b", "extends = \"a\"\n")])
        .expect_err("it is a circle");
    assert!(problems.to_string().contains("a -> b -> a"), "{problems}");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = load(&[("any", &text)]);
    }

    #[test]
    fn no_toml_makes_the_reader_panic(key in "[a-z_.\"]{1,12}", value in "[-0-9a-z.\"{}=\\[\\], ]{0,20}") {
        let _ = load(&[("any", &format!("{key} = {value}\n[set]\n{key} = {value}\n"))]);
    }
}
