use super::*;

fn info(path: &str, low: f64, high: f64, by_country: bool, reach: Reach) -> ParameterInfo {
    let (unit, description) = ("-".to_owned(), "of the test".to_owned());
    ParameterInfo {
        path: path.to_owned(),
        unit,
        low,
        high,
        by_country,
        reach,
        description,
    }
}

fn vocabulary() -> Vocabulary {
    Vocabulary {
        parameters: vec![
            info("battery.learning_rate", 0.0, 0.4, false, Reach::Year),
            info("choice.holding_years", 3.0, 25.0, false, Reach::Run),
            info("ownership.alpha", -12.0, -2.0, false, Reach::Calibration),
            info("open.ended", f64::NAN, f64::NAN, false, Reach::Year),
            info("fuel_price.gasoline", 0.001, 20.0, true, Reach::Year),
        ],
        countries: vec!["IDN".to_owned(), "THA".to_owned()],
        variables: vec!["Sales|Battery [Share]".to_owned(), "Stocks".to_owned()],
        regions: ["World", "ASEAN", "IDN", "THA"].map(str::to_owned).to_vec(),
        groups: BTreeMap::from([("ASEAN".to_owned(), vec!["IDN".to_owned(), "THA".to_owned()])]),
        base_year: 2023,
        rules: None,
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

/// The problems of a single text, as they are printed.
fn problems(text: &str) -> String {
    load(&[("bad", text)]).expect_err("it is wrong").to_string()
}

#[test]
fn a_child_keeps_what_it_does_not_change() {
    let scenario = load(&[
        (
            "child",
            "extends = \"parent\"\n[set]\n\"fuel_price.gasoline.THA\" = { 2025 = 1.1, 2035 = 1.3 }\n",
        ),
        (
            "parent",
            "horizon = 2040\ndrivers = \"SSP5\"\n[set]\n\"battery.learning_rate\" = 0.1\n",
        ),
    ])
    .expect("both are valid");
    assert_eq!(
        (scenario.name.as_str(), scenario.horizon, scenario.drivers),
        ("child", 2040, Drivers::Ssp5)
    );
    assert_eq!(scenario.set.len(), 2);
    let price = &scenario.set[1].1;
    for (year, value) in [
        (2024, 1.1),
        (2025, 1.1),
        (2030, 1.2),
        (2035, 1.3),
        (2050, 1.3),
    ] {
        assert!((price.at(year) - value).abs() < 1e-12, "{year}");
    }
}

#[test]
fn a_child_without_a_name_is_called_after_its_file() {
    let parent = ("parent", "name = \"Grand Plan\"\n");
    let child = (
        "child",
        "# the name is that of the file\nextends = \"parent\"\n",
    );
    assert_eq!(load(&[child, parent]).expect("valid").name, "child");
    assert_eq!(load(&[parent]).expect("valid").name, "grand-plan");
}

#[test]
fn all_problems_come_at_once_with_their_places() {
    let text = "horizn = 2040\nhorizon = 1999\ndrivers = \"ssp3\"\npolicy_as_of = \"yesterday\"\n\
        name = \"--\"\nextends = 3\n[set]\n\"battery.learning_rat\" = 0.1\n\"battery.learning_rate\" = -3\n\
        \"fuel_price.gasoline.THI\" = 1.0\n\"fuel_price.gasolin.THA\" = 1\n\"fuel_price.gasoline\" = 1.0\n\
        \"fuel_price.gasoline.THA\" = { 2020 = 1.0, 2030 = \"x\", soon = 1 }\n\"open.ended\" = inf\n\
        \"choice.holding_years\" = { 2025 = 10 }\n\"ownership.alpha\" = -5\n\
        [[lever]]\nkind = \"training\"\n[[lever]]\nseats = 3\n";
    insta::assert_snapshot!(problems(text));
}

#[test]
fn a_parent_and_a_child_are_both_checked() {
    let found = load(&[
        ("child", "extends = \"parent\"\nhorizn = 1\n"),
        ("parent", "drivrs = \"SSP1\"\n"),
    ])
    .expect_err("both are wrong")
    .to_string();
    assert!(
        found.contains("child.toml:2:1") && found.contains("parent.toml:1:1"),
        "{found}"
    );
}

#[test]
fn a_circle_is_named() {
    let circle = [("a", "extends = \"b\"\n"), ("b", "extends = \"a\"\n")];
    let found = load(&circle).expect_err("it is a circle").to_string();
    assert!(found.contains("a.toml -> b.toml -> a.toml"), "{found}");
    assert!(problems("extends = \"bad\"\n").contains("bad.toml -> bad.toml"));
}

#[test]
fn an_unknown_parent_is_named_where_it_is_asked_for() {
    let found = load(&[("child", "\nextends = \"parnt\"\n"), ("parent", "")])
        .expect_err("no such parent")
        .to_string();
    let expected =
        "child.toml:2:11: `extends`: no scenario `parnt`\n  help: did you mean `parent`?";
    assert_eq!(found, expected);
}

#[test]
fn a_path_is_set_once_however_it_is_written() {
    let found = problems("[set]\n\"battery.learning_rate\" = 0.1\nbattery.learning_rate = 0.2\n");
    assert!(
        found.contains("set twice") && found.contains("line 2"),
        "{found}"
    );
    assert!(problems("horizon = 2030\nhorizon = 2031\n").contains("`horizon` stands twice"));
    let years = "[set]\n\"battery.learning_rate\" = { 2025 = 0.1, 02025 = 0.2 }\n";
    assert!(problems(years).contains("year `02025` is out of range"));
}

#[test]
fn a_setting_without_a_value_is_refused() {
    for text in ["[set]\n\"battery.learning_rate\" = {}\n", "[set.battery]\n"] {
        assert!(problems(text).contains("is given no value"), "{text}");
    }
}

#[test]
fn dates_are_days_of_the_calendar() {
    let as_of = |date: &str| {
        load(&[("one", &format!("policy_as_of = {date}\n"))]).map(|scenario| scenario.policy_as_of)
    };
    assert_eq!(as_of("\"2023-12-31\""), Ok(Some(2023)));
    assert_eq!(as_of("2024-02-29"), Ok(Some(2023)), "2024 is not over");
    for wrong in [
        "\"2023-02-29\"",
        "\"2023-13-01\"",
        "\"2023-1-1\"",
        "\"+023-01-01\"",
        "2023",
        "12:00:00",
    ] {
        assert!(as_of(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn text_that_is_not_utf8_is_told_with_its_place() {
    struct Latin;
    impl Library for Latin {
        fn find(&self, _: &str, _: Option<&str>) -> Result<Found<'_>, Missing> {
            let bytes = Cow::Borrowed(&b"# one\nname = \"caf\xe9\"\n"[..]);
            Ok(Found {
                file: "latin.toml".to_owned(),
                bytes,
            })
        }
        fn names(&self) -> Vec<String> {
            Vec::new()
        }
    }
    let found = Scenario::load("latin", &Latin, &vocabulary()).expect_err("no UTF-8");
    assert!(
        found
            .to_string()
            .starts_with("latin.toml:2:12: the file is not UTF-8"),
        "{found}"
    );
}

#[test]
fn the_canonical_form_says_the_same_thing() {
    let scenario = load(&[
        (
            "child",
            "description = 'two \"words\" \\ one'\nextends = \"parent\"\npolicy_as_of = \"2025-12-31\"\n[set]\n\"fuel_price.gasoline.THA\" = { 2035 = 1.3, 2025 = 0.1 }\n",
        ),
        ("parent", "[set]\n\"battery.learning_rate\" = 1e-3\n"),
    ])
    .expect("valid");
    let again = load(&[("again", &scenario.canonical())]).expect("valid too");
    assert_eq!(again.canonical(), scenario.canonical());
    assert_eq!(
        (
            again.name,
            again.description,
            again.policy_as_of,
            again.set.len()
        ),
        (scenario.name, scenario.description, Some(2025), 2)
    );
}

#[test]
fn targets_add_up_over_generations_and_a_name_is_given_once() {
    let parent = (
        "parent",
        "[[target]]\nname = \"a\"\nvariable = \"Stocks\"\nregion = \"ASEAN\"\nyear = 2030\nvalue = 5\ndirection = \"at most\"\n\
         [[target]]\nname = \"b\"\nvariable = \"Stocks\"\nregion = \"World\"\nvalue = { 2035 = 3.5, 2025 = 1 }\ndirection = \"at least\"\n",
    );
    let child = (
        "child",
        "extends = \"parent\"\n[[target]]\nname = \"a\"\nvariable = \"Stocks\"\nregion = \"THA\"\nyear = 2030\nvalue = 1\ndirection = \"at most\"\n",
    );
    let scenario = load(&[child, parent]).expect("valid");
    assert_eq!(scenario.targets.len(), 2);
    let b = &scenario.targets[0];
    assert_eq!(
        (b.at(2024), b.at(2030), b.at(2040)),
        (None, Some(2.25), Some(3.5))
    );
    assert_eq!(
        (scenario.targets[1].region.as_str(), b.direction),
        ("THA", Direction::AtLeast)
    );
    let again = load(&[("again", &scenario.canonical())]).expect("valid too");
    assert_eq!(again.targets, scenario.targets);
}

#[test]
fn every_defect_of_a_target_is_told() {
    insta::assert_snapshot!(problems(
        "[[target]]\nname = \"a\"\nvariable = \"Sales|Batery [Share]\"\nregion = \"THAI\"\nyear = 2020\nvalue = 5\ndirection = \"more\"\n\
         [[target]]\nnam = 3\n[[target]]\nname = \"c\"\nvariable = \"Stocks\"\nregion = \"THA\"\nyear = 2030\nvalue = { 2022 = 1, 2030 = \"x\" }\ndirection = \"at least\"\n\
         [[target]]\nname = \"d\"\nvariable = 5\nregion = \"World\"\nvalue = {}\ndirection = \"at least\"\n"
    ));
    assert!(problems("target = 3\n").contains("`target` is a whole number"));
    let twice = "[[target]]\nname = \"a\"\nvariable = \"Stocks\"\nregion = \"THA\"\nyear = 2030\nvalue = 5\ndirection = \"at most\"\n".repeat(2);
    assert!(problems(&twice).contains("two targets are called `a`"));
}

fn one(text: &str) -> Scenario {
    load(&[("one", text)]).expect("valid")
}

#[test]
fn a_scenario_with_all_changes_is_the_other_one() {
    let first = one(
        "[set]\n\"battery.learning_rate\" = 0.1\n\"open.ended\" = 1\n\"fuel_price.gasoline.IDN\" = 2\n",
    );
    let second = one(
        "drivers = \"SSP5\"\npolicy_as_of = \"2023-12-31\"\n[set]\n\"open.ended\" = 1\n\
         \"fuel_price.gasoline.IDN\" = 3\n\"fuel_price.gasoline.THA\" = { 2030 = 1 }\n",
    );
    let changes = first.changes(&second);
    let keys: Vec<String> = changes.iter().map(Change::key).collect();
    assert_eq!(
        keys,
        [
            "drivers",
            "policy_as_of",
            "battery.learning_rate",
            "fuel_price.gasoline.IDN",
            "fuel_price.gasoline.THA"
        ]
    );
    let changed = first.with_changes(&changes);
    assert_eq!(changed.canonical(), second.canonical());
    assert_eq!(first.changes(&first), []);
    assert_eq!(
        second.with_changes(&second.changes(&first)).canonical(),
        first.canonical()
    );
}

#[test]
fn changes_stand_in_the_groups_a_user_names_and_by_parameter_otherwise() {
    let (first, second) = (
        one(""),
        one(
            "drivers = \"SSP5\"\n[set]\n\"battery.learning_rate\" = 0.1\n\"fuel_price.gasoline.IDN\" = 3\n\
             \"fuel_price.gasoline.THA\" = 1\n",
        ),
    );
    let names = |named: &[&str]| {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        group(first.changes(&second), &named, &vocabulary()).map(|groups| {
            let named = groups
                .iter()
                .map(|group| (group.name.clone(), group.changes.len()));
            named.collect::<Vec<_>>()
        })
    };
    let of = |list: &[(&str, usize)]| -> Vec<(String, usize)> {
        list.iter()
            .map(|(name, n)| ((*name).to_owned(), *n))
            .collect()
    };
    assert_eq!(
        names(&[]),
        Ok(of(&[
            ("drivers", 1),
            ("battery.learning_rate", 1),
            ("fuel_price.gasoline", 2)
        ]))
    );
    assert_eq!(
        names(&[
            "Thai fuel=fuel_price.gasoline.THA",
            "world=battery, drivers"
        ]),
        Ok(of(&[
            ("Thai fuel", 1),
            ("world", 2),
            ("fuel_price.gasoline", 1)
        ]))
    );
    let wrong = names(&[
        "x",
        "a=fuel_price",
        "b=fuel_price.gasoline.THA",
        "c=driver",
        "a=battery",
    ]);
    insta::assert_snapshot!(wrong.expect_err("each is wrong"));
}

#[test]
fn the_schema_knows_what_may_be_set() {
    let schema = json_schema(&vocabulary());
    let set = &schema["properties"]["set"];
    assert!(set["properties"].get("battery.learning_rate").is_some());
    assert!(
        set["properties"].get("ownership.alpha").is_none(),
        "fitted before a scenario begins"
    );
    assert!(
        set["patternProperties"]
            .get("^fuel_price\\.gasoline\\.(IDN|THA)$")
            .is_some()
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = load(&[("any", &text)]);
    }

    #[test]
    fn no_toml_makes_the_reader_panic(
        key in "[a-z_.\"]{1,12}",
        known in proptest::sample::select(vec!["name", "horizon", "drivers", "policy_as_of", "set", "lever", "target", "extends"]),
        value in "[-0-9a-z.\"{}=\\[\\], ]{0,20}",
    ) {
        let _ = load(&[("any", &format!("{known} = {value}\n[set]\n{key} = {value}\n"))]);
        let _ = load(&[("any", &format!("[set]\n\"battery.learning_rate\" = {value}\n\"fuel_price.gasoline.THA\" = {{ {value} }}\n"))]);
    }

    #[test]
    fn a_path_stays_between_its_points(low in -1e3_f64..1e3, high in -1e3_f64..1e3, year in 2020..2060_i32) {
        let value = Setting::Path(vec![(2025, low), (2040, high)]).at(year);
        proptest::prop_assert!(value >= low.min(high) - 1e-9 && value <= low.max(high) + 1e-9);
    }
}

const LEVERS: &str = "[[lever]]\nname = \"schools\"\nkind = \"training\"\ncountries = [\"ASEAN\"]\n\
    skill = \"electrified powertrain and battery\"\nseats = { 2026 = 5000, 2030 = 20000 }\npayer = \"JPN\"\n\
    [[lever]]\nkind = \"low_carbon_steel\"\ncountries = [\"THA\"]\nshare = 0.4\nfrom = 2027\nuntil = 2033\n\
    [[budget]]\npayer = \"JPN\"\njpy_billion = 140\n";

#[test]
fn levers_are_read_and_written_back_the_same() {
    let scenario = load(&[("plan", LEVERS)]).expect("valid");
    let schools = &scenario.levers[0];
    assert_eq!(schools.countries, ["IDN", "THA"]);
    // Nothing before its first year, linear between the years, and on at the last size.
    assert_eq!(
        [2025, 2026, 2028, 2035].map(|year| schools.size_in(year)),
        [0.0, 5000.0, 12_500.0, 20_000.0]
    );
    let steel = &scenario.levers[1];
    assert_eq!(
        [2026, 2027, 2033, 2034].map(|year| steel.size_in(year)),
        [0.0, 0.4, 0.4, 0.0]
    );
    assert!((scenario.budgets[0].total_usd - 996.4e6).abs() < 1e6);
    let again = load(&[("plan", &scenario.canonical())]).expect("valid");
    assert_eq!(again.canonical(), scenario.canonical());
    assert_eq!(scenario.changes(&again).len(), 0);
    assert_eq!(
        Scenario::default()
            .changes(&scenario)
            .iter()
            .map(Change::key)
            .collect::<Vec<_>>(),
        ["lever.low_carbon_steel-2", "lever.schools"]
    );
}

#[test]
fn every_defect_of_a_lever_is_named() {
    let text = "horizon = 2030\n[[lever]]\nkind = \"trainin\"\n\
        [[lever]]\nkind = \"training\"\ncountries = [\"THI\", \"THA\"]\nskill = \"softwear\"\nseats = 100\n\
        [[lever]]\nkind = \"training\"\ncountries = []\nskill = \"software\"\nseats = { 2020 = 5, 2026 = -1 }\npayer = \"JPN\"\nseat = 3\n\
        [[lever]]\nkind = \"low_carbon_steel\"\ncountries = [\"THA\"]\nshare = 1.5\nfrom = 2029\nuntil = 2025\n\
        [[lever]]\nkind = \"recycling\"\ncountries = [\"THA\"]\n\
        [[lever]]\nname = \"late\"\nkind = \"recycling\"\ncountries = [\"THA\"]\nshare = 0.1\nfrom = 2040\n\
        [[lever]]\nname = \"late\"\nkind = \"recycling\"\ncountries = [\"THA\"]\nshare = 0.1\n\
        [[lever]]\nkind = \"launch\"\ncountries = [\"THA\"]\nmaker = \"Toyota\"\nsegment = \"pickup\"\npowertrain = \"BEV\"\nprice_usd = 30000\n\
        [[lever]]\ncountries = [\"THA\"]\n\
        [[budget]]\njpy_billion = 1\n[[budget]]\npayer = \"JPN\"\n";
    insta::assert_snapshot!(problems(text));
}

#[test]
fn a_lever_that_overspends_its_budget_is_named() {
    let text = LEVERS.replace("jpy_billion = 140", "usd_million = 20");
    let found = problems(&text);
    assert!(
        found.contains("lever `schools` overspends the budget of `JPN`"),
        "{found}"
    );
    assert!(found.contains("bad.toml:1:1"), "{found}");
}

#[test]
fn the_schema_knows_every_lever() {
    let schema = json_schema(&vocabulary()).to_string();
    for kind in lever::KINDS {
        let named = schema.contains(&format!("\"const\":\"{}\"", kind.name));
        assert!(named, "{}", kind.name);
    }
}

#[test]
fn the_documents_tell_effect_and_evidence_of_every_lever() {
    let page = include_str!("../../../../docs/reference/levers.md");
    for kind in lever::KINDS {
        for text in [kind.name, kind.unit, kind.effect, kind.evidence] {
            assert!(page.contains(text), "{}: {text}", kind.name);
        }
    }
}
