//! `kyoso estimate` as a user meets it: published problems, refusals with their places, folders that appear whole.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A fresh folder that goes when the test ends.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("kyoso-estimate-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).expect("it can be written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).expect("it is there")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn kyoso(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kyoso"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("it starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

fn reference(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../demand/tests/data")
        .join(name);
    serde_json::from_slice(&fs::read(path).expect("it is there")).expect("it is JSON")
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        other => other.as_f64().into_iter().collect(),
    }
}

fn near(what: &str, got: f64, expected: f64, relative: f64) {
    assert!(
        (got - expected).abs() <= relative * expected.abs(),
        "{what}: {got} is not {expected}"
    );
}

/// Estimates and standard errors as `PyBLP` gives them.
fn agrees(results: &Value, step: &Value) {
    near(
        "objective",
        results["objective"].as_f64().expect("a number"),
        step["objective"].as_f64().expect("a number"),
        1e-7,
    );
    let expected: Vec<f64> = ["theta", "beta", "gamma"]
        .iter()
        .flat_map(|key| numbers(&step[*key]))
        .collect();
    let errors: Vec<f64> = ["sigma_se", "pi_se", "beta_se", "gamma_se"]
        .iter()
        .flat_map(|key| numbers(&step[*key]))
        .collect();
    let table = &results["tables"]["parameters"];
    let got = numbers(&table["estimate"]);
    assert_eq!(got.len(), expected.len());
    for ((label, got), expected) in table["parameter"]
        .as_array()
        .expect("labels")
        .iter()
        .zip(&got)
        .zip(&expected)
    {
        near(&label.to_string(), *got, *expected, 2e-5);
    }
    for (got, expected) in numbers(&table["standard_error"]).iter().zip(&errors) {
        near("standard error", *got, *expected, 1e-3);
    }
}

#[test]
fn automobiles_come_out_as_published() {
    let place = Place::new("blp");
    let output = kyoso(&place.0, &["example", "run", "blp-1995", "--json"]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    agrees(&json(&output), &reference("blp_two_step.json"));
    // Second-order conditions fail in two years, which is said.
    assert!(
        errors(&output).contains("1973, 1974"),
        "{}",
        errors(&output)
    );
}

#[test]
fn cereals_come_out_as_published_and_so_does_their_merger() {
    let place = Place::new("nevo");
    let output = kyoso(&place.0, &["example", "run", "nevo", "--json", "--quiet"]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(errors(&output), "");
    let (results, expected) = (json(&output), reference("nevo_restricted.json"));
    agrees(&results, &expected["steps"][0]);
    let tables = &results["tables"];
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let column = |table: &str, column: &str| mean(numbers(&tables[table][column]));
    let post = |key: &str| expected["post"][key].as_f64().expect("a number");
    near(
        "elasticity",
        column("products", "own_elasticity"),
        post("mean_own_elasticity"),
        1e-5,
    );
    near("cost", column("products", "cost"), post("mean_cost"), 1e-5);
    near(
        "surplus",
        column("markets", "consumer_surplus"),
        post("mean_cs"),
        1e-5,
    );
    let moved = column("counterfactual_products", "price")
        - column("counterfactual_products", "price_before");
    near(
        "prices after the merger",
        moved,
        post("mean_merger_price_change"),
        1e-4,
    );
    let lost = column("counterfactual_markets", "consumer_surplus")
        - column("counterfactual_markets", "consumer_surplus_before");
    near(
        "surplus after the merger",
        lost,
        post("mean_cs_change"),
        1e-4,
    );
}

#[test]
fn minivans_have_their_survey_moments() {
    let place = Place::new("petrin");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demand/tests/data/petrin");
    for file in ["products.csv", "agents.csv"] {
        fs::copy(data.join(file), place.0.join(file)).expect("it can be copied");
    }
    let expected = reference("petrin_eval.json");
    let values = &expected["settings"]["micro_values"];
    let mut moments = String::new();
    let mut moment = |name: &str, mean: &str, over: &str| {
        moments.push_str(&format!(
            "[[micro.moment]]\nname = \"{name}\"\ndataset = \"CEX\"\nvalue = {}\nmean = {mean}\nover = {over}\n\n",
            values[name]
        ));
    };
    for who in ["age", "fs"] {
        for kind in ["mi", "sw", "su", "pv"] {
            let (mean, over) = (
                format!("{{ agents = \"{who}\", products = \"{kind}\" }}"),
                format!("{{ products = \"{kind}\" }}"),
            );
            moment(&format!("{who}|{kind}"), &mean, &over);
        }
    }
    for group in ["mid", "high"] {
        let mean = format!("{{ agents = \"{group}\", products = 1 }}");
        let over = format!("{{ agents = \"{group}\" }}");
        moment(&format!("inside|{group}"), &mean, &over);
    }
    place.file(
        "problem.toml",
        &format!(
            r#"
[products]
file = "products.csv"

[agents]
file = "agents.csv"

[formulation]
x1 = ["1", "hpwt", "space", "air", "mpd", "fwd", "mi", "sw", "su", "pv", "pgnp", "trend", "trend2"]
x2 = ["1", "-prices", "hpwt", "space", "air", "mpd", "fwd", "mi", "sw", "su", "pv"]
x3 = ["1", "log(hpwt)", "log(wt)", "log(mpg)", "air", "fwd", "trend", "jp", "eu", "jp*trend", "eu*trend", "log(q)"]
demographics = ["1", "low/income", "mid/income", "high/income", "log(fs)*fv", "age", "fs", "mid", "high"]
cost = "log"

[start]
sigma = {{ 1 = 3.23, hpwt = 4.43, space = 0.46, air = 0.01, mpd = 2.58, fwd = 4.42 }}

[start.pi]
"-prices" = {{ "low/income" = 7.52, "mid/income" = 31.13, "high/income" = 34.49 }}
mi = {{ "log(fs)*fv" = 0.57 }}
sw = {{ "log(fs)*fv" = 0.28 }}
su = {{ "log(fs)*fv" = 0.31 }}
pv = {{ "log(fs)*fv" = 0.42 }}

[estimation]
steps = "one"
weights = "clustered"
errors = "clustered"

[optimiser]
method = "hold"

[[micro.dataset]]
name = "CEX"
observations = 29125

{moments}"#
        ),
    );
    let output = kyoso(&place.0, &["estimate", "problem.toml", "--json"]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let objective = json(&output)["objective"].as_f64().expect("a number");
    near(
        "objective",
        objective,
        expected["at_start"]["objective"]
            .as_f64()
            .expect("a number"),
        1e-9,
    );
}

/// A logit of two makers whose coefficients are known: 1 of everything, -1 of the price.
fn small(place: &Place) -> (String, String) {
    let mut products = String::from("year,model,maker,share,price,size,wage\n");
    for t in 0..12 {
        let rows: Vec<[f64; 4]> = (0..4)
            .map(|j| {
                let (t, j) = (f64::from(t), f64::from(j));
                let size = 1.0 + 0.3 * j + 0.3 * (t * 1.7 + j).sin();
                let wage = 1.0 + 0.4 * (t * 2.3 + 1.9 * j).cos();
                let xi = 0.2 * (t * 5.1 + 3.7 * j).sin();
                let price = 1.5 + 0.5 * size + wage + 0.5 * xi;
                [(1.0 - price + size + xi).exp(), price, size, wage]
            })
            .collect();
        let all: f64 = 1.0 + rows.iter().map(|row| row[0]).sum::<f64>();
        for (j, [u, price, size, wage]) in rows.into_iter().enumerate() {
            let (year, maker, share) = (2000 + t, if j < 2 { "A" } else { "B" }, u / all);
            products.push_str(&format!(
                "{year},m{j},{maker},{share},{price},{size},{wage}\n"
            ));
        }
    }
    let problem = r#"
[products]
file = "products.csv"
market = "year"
product = "model"
firm = "maker"
share = "share"
price = "price"

[formulation]
x1 = ["1", "price", "size"]

[instruments.demand]
columns = ["wage", "wage^2"]
"#;
    place.file("products.csv", &products);
    place.file("problem.toml", problem);
    (products, problem.to_owned())
}

#[test]
fn the_printed_table_is_as_it_was() {
    let place = Place::new("table");
    // A tariff at which no figure lies so near the middle between two last digits that rounding of prices (1e-10) would tip it.
    let (_, problem) = small(&place);
    place.file(
        "problem.toml",
        &format!("name = \"small\"\n{problem}\n[[after.counterfactual]]\nname = \"tariff\"\nad_valorem = \"0.06*size\"\n\n[after.intervals]\nmethod = \"delta\"\n"),
    );
    let output = kyoso(&place.0, &["estimate", "problem.toml"]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    insta::assert_snapshot!(printed(&output));
}

#[test]
fn the_folder_appears_whole_and_again_with_the_same_bytes() {
    let place = Place::new("folder");
    small(&place);
    for format in ["csv", "parquet"] {
        let output = kyoso(
            &place.0,
            &[
                "estimate",
                "problem.toml",
                "--out",
                "out",
                "--format",
                format,
            ],
        );
        assert_eq!(code(&output), 0, "{}", errors(&output));
        for file in [
            "results.json",
            "manifest.json",
            "problem.toml",
            "datapackage.json",
        ] {
            assert!(place.0.join("out").join(file).exists(), "{file}");
        }
        for table in ["parameters", "covariance", "products", "markets", "summary"] {
            assert!(
                place.0.join(format!("out/{table}.{format}")).exists(),
                "{table}"
            );
        }
    }
    let first = place.read("out/results.json");
    serde_json::from_str::<Value>(&first).expect("it is JSON");
    let manifest: Value =
        serde_json::from_str(&place.read("out/manifest.json")).expect("it is JSON");
    assert!(manifest["inputs"]["products.csv"].is_string());
    let again = kyoso(
        &place.0,
        &[
            "estimate",
            "problem.toml",
            "--out",
            "again",
            "--threads",
            "1",
        ],
    );
    assert_eq!(code(&again), 0);
    assert_eq!(first, place.read("again/results.json"));
    let hidden = fs::read_dir(&place.0)
        .expect("a folder")
        .flatten()
        .filter(|e| e.file_name().to_string_lossy().starts_with('.'))
        .count();
    assert_eq!(hidden, 0, "drafts are left");
    // Its tables are inputs as they stand, in Parquet too.
    let parquet = place
        .read("problem.toml")
        .replace("products.csv", "out/products.parquet")
        .replace("\"year\"", "\"market\"")
        .replace("\"model\"", "\"product\"")
        .replace("\"maker\"", "\"firm\"");
    place.file(
        "parquet.toml",
        &parquet
            .replace("\"size\"", "\"cost\"")
            .replace("\"wage\", \"wage^2\"", "\"xi\", \"delta^2\""),
    );
    let output = kyoso(&place.0, &["estimate", "parquet.toml", "--json"]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert_eq!(
        json(&output)["tables"]["products"]["share"],
        serde_json::from_str::<Value>(&first).expect("JSON")["tables"]["products"]["share"]
    );
    // A folder that no run of ours wrote stays.
    fs::create_dir(place.0.join("mine")).expect("a folder");
    place.file("mine/letter.txt", "dear");
    assert_eq!(
        code(&kyoso(
            &place.0,
            &["estimate", "problem.toml", "--out", "mine"]
        )),
        1
    );
    assert_eq!(place.read("mine/letter.txt"), "dear");
}

#[test]
fn an_extracted_problem_runs_where_it_stands() {
    let place = Place::new("extract");
    let output = kyoso(&place.0, &["example", "extract", "nevo"]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    assert!(place.read("nevo/README.md").contains("MIT License"));
    // A logit of it is quick.
    let text = place.read("nevo/problem.toml");
    let logit = format!(
        "{}\n[formulation]\nx1 = [\"prices\", \"C(product_ids)\"]\n",
        text.split("[agents]").next().expect("a head")
    );
    place.file("nevo/logit.toml", &logit);
    let output = kyoso(&place.0, &["estimate", "nevo/logit.toml", "--json"]);
    assert_eq!(code(&output), 0, "{}", errors(&output));
    let expected = &reference("nevo_logit.json")["steps"][1];
    let results = json(&output);
    near(
        "objective",
        results["objective"].as_f64().expect("a number"),
        expected["objective"].as_f64().expect("a number"),
        1e-7,
    );
    near(
        "price",
        numbers(&results["beta"])[0],
        numbers(&expected["beta"])[0],
        2e-5,
    );
    assert_eq!(code(&kyoso(&place.0, &["example", "extract", "nevo"])), 1);
    assert!(printed(&kyoso(&place.0, &["example", "list"])).contains("blp-1995"));
}

#[test]
fn all_defects_of_a_problem_file_come_at_once_with_their_places() {
    let place = Place::new("defects");
    small(&place);
    place.file(
        "problem.toml",
        r#"nmae = "x"
[products]
file = "products.csv"
market = "yaer"
product = "model"
firm = "maker"
share = "share"
price = "price"

[formulation]
x1 = ["1", "price", "sise", "log(size", "C(modle)"]
x2 = ["1", "C(maker)"]
cost = "cubic"

[start]
sigma = { prices = 1.0 }
beta = { price = "low" }

[bounds]
"sigma[1]" = [2, 1]

[integration]
rule = "halton"
size = 0

[instruments.demand]
columns = ["wages", "cost*"]

[estimation]
steps = 2

[[after.counterfactual]]
name = "nothing"
"#,
    );
    let output = kyoso(&place.0, &["estimate", "problem.toml"]);
    assert_eq!(code(&output), 1);
    insta::assert_snapshot!(errors(&output));
}

/// What the program says of a small problem with one thing changed.
fn refused(change: impl Fn(String, String) -> (String, String)) -> String {
    let place =
        Place::new(&format!("refused-{:?}", std::thread::current().id()).replace(['(', ')'], ""));
    let (products, problem) = small(&place);
    let (products, problem) = change(products, problem);
    place.file("products.csv", &products);
    place.file("problem.toml", &problem);
    let output = kyoso(&place.0, &["estimate", "problem.toml"]);
    assert_eq!(code(&output), 1, "{}{}", printed(&output), errors(&output));
    assert_eq!(printed(&output), "");
    errors(&output)
}

/// Replaces a cell of the third line.
fn cell(products: &str, column: usize, value: &str) -> String {
    let mut lines: Vec<String> = products.lines().map(str::to_owned).collect();
    let mut cells: Vec<&str> = lines[2].split(',').collect();
    cells[column] = value;
    lines[2] = cells.join(",");
    lines.join("\n")
}

#[test]
fn bad_cells_are_refused_by_line() {
    for (column, value, says) in [
        (
            3,
            "1.5",
            "products.csv:3: `share`: 1.5 is not between 0 and 1",
        ),
        (
            3,
            "0",
            "products.csv:3: `share`: 0 is not between 0 and 1 (share 0",
        ),
        (3, "NaN", "products.csv:3: `share`: NaN is not finite"),
        (3, "", "products.csv:3: `share`: is empty"),
        (4, "cheap", "products.csv:3: `price`: `cheap` is no number"),
        (0, "", "products.csv:3: `year`: is empty"),
        (
            1,
            "m0",
            "products.csv:3: `model`: product m0 stands twice in market 2000, first in line 2",
        ),
        (3, "0.97", "market 2000: shares sum to"),
        (1, "m1,extra", "products.csv:3: has 8 cells, the header 7"),
    ] {
        let found = refused(|products, problem| (cell(&products, column, value), problem));
        assert!(found.contains(says), "{found} does not say {says}");
    }
}

#[test]
fn what_cannot_be_estimated_is_refused_with_a_way_out() {
    for (from, to, says) in [
        (
            "\"size\"]",
            "\"size\", \"2*size\"]",
            "`2*size` is a combination of the columns before it",
        ),
        ("\"wage\", \"wage^2\"", "\"wage\", \"3*wage\"", "2 3*wage"),
        (
            "[\"wage\", \"wage^2\"]",
            "[]",
            "3 parameters, but only 2 moments",
        ),
        (
            "products.csv",
            "product.csv",
            "did you mean `products.csv`?",
        ),
        ("market = \"year\"", "", "name the column with `market`"),
        (
            "\"price\", \"size\"",
            "\"price\", \"sizes\"",
            "problem.toml:11:21: `formulation.x1`: products.csv has no column `sizes`\n  help: did you mean `size`?",
        ),
    ] {
        let found = refused(|products, problem| (products, problem.replace(from, to)));
        assert!(found.contains(says), "{found} does not say {says}");
    }
    let place = Place::new("nofile");
    let output = kyoso(&place.0, &["estimate", "nveo"]);
    assert_eq!(code(&output), 1);
    assert!(
        errors(&output).contains("did you mean `nevo`?"),
        "{}",
        errors(&output)
    );
    place.file("broken.toml", "x1 = [\n");
    let output = kyoso(&place.0, &["estimate", "broken.toml"]);
    assert!(
        code(&output) == 1 && errors(&output).contains("is no TOML"),
        "{}",
        errors(&output)
    );
}

#[test]
fn an_estimation_that_stops_early_shows_its_results_and_exits_with_three() {
    let place = Place::new("early");
    let output = kyoso(&place.0, &["example", "extract", "nevo"]);
    assert_eq!(code(&output), 0);
    let text = place
        .read("nevo/problem.toml")
        .split("[[after")
        .next()
        .expect("a head")
        .to_owned();
    place.file(
        "nevo/problem.toml",
        &format!("{text}\n[optimiser]\nevaluations = 2\n"),
    );
    let output = kyoso(&place.0, &["estimate", "nevo", "--out", "early"]);
    assert_eq!(code(&output), 3, "{}", errors(&output));
    assert!(printed(&output).contains("NOT converged"));
    assert!(
        errors(&output).contains("did not converge"),
        "{}",
        errors(&output)
    );
    assert!(place.read("early/manifest.json").contains("optimiser"));
}

#[test]
fn the_schema_and_the_reference_know_every_key() {
    let place = Place::new("schema");
    let schema: Value = json(&kyoso(&place.0, &["schema", "--problem"]));
    let reference = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/estimation.md"),
    )
    .expect("it is there");
    let mut open = vec![&schema];
    let mut keys = 0;
    while let Some(value) = open.pop() {
        if let Some(properties) = value["properties"].as_object() {
            for (key, inner) in properties {
                assert!(
                    reference.contains(&format!("`{key}`")),
                    "docs/reference/estimation.md does not name `{key}`"
                );
                keys += 1;
                open.push(inner);
            }
        }
        if value["items"].is_object() {
            open.push(&value["items"]);
        }
    }
    assert!(keys > 80, "{keys}");
}
