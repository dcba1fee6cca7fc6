//! The report of a strategy: from the question to the answer, for a scenario with levers beside its base.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::compare::{CompareInput, parts};
use super::{STYLE, page_script, short, template_value};

const TEMPLATE: &str = include_str!("strategy.html");
const SCRIPT: &str = include_str!("strategy.js");
const ENGLISH: &str = include_str!("../../locale/strategy.en.json");

const WELL_TO_WHEEL: &str = "Emissions|CO2|Well-to-Wheel|Light-Duty Vehicle";
const MAKING: &str = "Emissions|CO2|Vehicle Manufacturing";
const JOBS: &str = "Labor Force|Employed|Industry|Motor Vehicles";
/// Regions of charts and tables.
const REGIONS: [&str; 15] = [
    "ASEAN", "THA", "IDN", "MYS", "VNM", "PHL", "SGP", "KHM", "LAO", "MMR", "BRN", "Japan",
    "China", "Korea", "World",
];
/// Countries of the table of winners and losers.
const COUNTRIES: [&str; 9] = [
    "THA", "IDN", "MYS", "VNM", "PHL", "Japan", "China", "Korea", "India",
];
/// How an account of a lever's money begins.
const LEVER: &str = "lever: ";

/// A lever as the report tells it.
#[derive(Debug, Clone)]
pub struct LeverRow {
    /// Name.
    pub name: String,
    /// Field of cooperation.
    pub field: String,
    /// Kind.
    pub kind: String,
    /// Where it acts.
    pub countries: String,
    /// Size over years, with its unit.
    pub size: String,
    /// Least and greatest size.
    pub range: String,
    /// Who pays; empty where nobody does.
    pub payer: String,
    /// What it does.
    pub effect: String,
    /// What it rests on.
    pub evidence: String,
}

/// What the report is made of.
#[derive(Debug, Clone)]
pub struct StrategyInput<'a> {
    /// The comparison.
    pub compare: &'a CompareInput<'a>,
    /// Which of its scenarios is the strategy.
    pub scenario: usize,
    /// Its levers.
    pub levers: &'a [LeverRow],
    /// Budgets: payer and million USD of 2023.
    pub budgets: &'a [(String, f64)],
}

/// A difference of money.
struct Account<'a> {
    region: &'a str,
    item: &'a str,
    party: &'a str,
    instrument: &'a str,
    year: i32,
    million: f64,
}

/// Renders the report.
///
/// # Errors
/// If the shipped template or texts are broken, which tests exclude.
pub fn render(input: &StrategyInput) -> Result<String, minijinja::Error> {
    let texts: Value = serde_json::from_str(ENGLISH).unwrap_or_default();
    let compare = input.compare;
    let accounts = accounts(input).unwrap_or_default();
    let strategy = &compare.scenarios[input.scenario];
    let attributed = strategy.attribution.as_ref();
    let data = json!({
        "base": compare.base_year,
        "horizon": compare.horizon,
        "names": compare.names,
        "targets": [],
        "regions": REGIONS,
        "runs": [compare.scenarios[0].run.name, strategy.run.name],
        "series": series(input),
        "split": attributed.map(|attributed| parts(input.scenario, attributed)),
        "texts": texts["script"],
    });
    let data = data.to_string().replace("</", "<\\/");
    let mut environment = minijinja::Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    environment.add_template("strategy", TEMPLATE)?;
    let levers: Vec<Value> = input
        .levers
        .iter()
        .map(|lever| lever_row(lever, &accounts, input))
        .collect();
    environment
        .get_template("strategy")?
        .render(minijinja::context! {
            t => template_value(texts["page"].clone()),
            style => minijinja::Value::from_safe_string(STYLE.to_owned()),
            script => minijinja::Value::from_safe_string(page_script(SCRIPT)),
            data => minijinja::Value::from_safe_string(data),
            scenario => strategy.run.name.as_str(),
            reference => compare.scenarios[0].run.name.as_str(),
            description => strategy.description,
            version => compare.version,
            base => compare.base_year,
            horizon => compare.horizon,
            discount => format!("{:.1}", compare.discount * 100.0),
            cards => template_value(cards(input, &texts)),
            levers => template_value(json!(levers)),
        kinds => template_value(kinds(input.levers)),
            origins => template_value(origins(&accounts, input, &texts["script"]["origins"])),
            countries => template_value(countries(&accounts, input)),
            payers => template_value(payers(&accounts, input)),
            fields => template_value(fields(&accounts, input)),
            total => template_value(total(&accounts, input)),
            attributed => attributed.is_some(),
            exact => attributed.is_some_and(|attributed| attributed.exact),
            evaluations => attributed.map_or(0, |attributed| attributed.evaluations),
            warnings => template_value(json!(compare.warnings)),
        })
}

/// Every difference of money of the strategy.
fn accounts<'a>(input: &StrategyInput<'a>) -> Option<Vec<Account<'a>>> {
    let compare = input.compare;
    let table = compare
        .tables
        .iter()
        .find(|table| table.name == "welfare")?;
    let strategy = &compare.scenarios[input.scenario].run.name;
    let word = |name: &str, row: usize| -> Option<&'a str> {
        let (words, codes) = table.words(name)?;
        Some(words[codes[row] as usize].as_str())
    };
    let (years, differences) = (table.integers("year")?, table.reals("difference")?);
    let mut accounts = Vec::new();
    for row in 0..table.rows() {
        if word("scenario", row)? == strategy {
            accounts.push(Account {
                region: word("region", row)?,
                item: word("item", row)?,
                party: word("party", row)?,
                instrument: word("instrument", row)?,
                year: years[row],
                million: differences[row],
            });
        }
    }
    Some(accounts)
}

/// Sum of some accounts, discounted to the base year.
fn sum(
    accounts: &[Account],
    input: &StrategyInput,
    rate: f64,
    pick: impl Fn(&Account) -> bool,
) -> f64 {
    accounts
        .iter()
        .filter(|account| pick(account))
        .map(|account| account.million * (1.0 + rate).powi(input.compare.base_year - account.year))
        .fold(0.0, |sum, million| sum + million)
}

/// Values of an indicator in the base and in the strategy.
fn values(input: &StrategyInput, variable: &str, region: &str, years: &[i32]) -> [Vec<f64>; 2] {
    [0, input.scenario].map(|i| {
        let indicators = &input.compare.scenarios[i].run.indicators;
        indicators.series(variable, region, years)
    })
}

/// Variables with their labels, in the order of the text.
fn variables(texts: &Value) -> Vec<(String, String)> {
    serde_json::from_value(texts["script"]["variables"].clone()).unwrap_or_default()
}

/// Variable -> region -> [first year, base, strategy].
fn series(input: &StrategyInput) -> Value {
    let texts: Value = serde_json::from_str(ENGLISH).unwrap_or_default();
    let years: Vec<i32> = (2015..=input.compare.horizon).collect();
    let mut all = Map::new();
    let listed = variables(&texts).into_iter().map(|(variable, _)| variable);
    for variable in listed.chain(by_kind()) {
        let mut regions = Map::new();
        for region in REGIONS {
            let runs = values(input, &variable, region, &years);
            if runs[0].iter().any(|value| value.is_finite()) {
                let runs = runs.map(|run| run.into_iter().map(short).collect::<Vec<Value>>());
                regions.insert(region.to_owned(), json!([years[0], runs[0], runs[1]]));
            }
        }
        all.insert(variable, Value::Object(regions));
    }
    Value::Object(all)
}

/// Sales and production by powertrain, shares of makers by origin.
fn by_kind() -> Vec<String> {
    let powertrains = [
        "Internal Combustion",
        "Internal Combustion|Full Hybrid",
        "Plug-in Hybrid",
        "Battery-Electric",
        "Fuel-Cell-Electric",
    ];
    let mut variables = Vec::new();
    for kind in ["Sales", "Production"] {
        for powertrain in powertrains {
            variables.push(format!(
                "{kind}|Transportation|Light-Duty Vehicle|{powertrain}"
            ));
        }
    }
    for origin in ["JPN", "CHN", "KOR", "ASEAN", "EUR", "USA"] {
        variables.push(format!(
            "Sales|Transportation|Light-Duty Vehicle [Share]|Maker|{origin}"
        ));
    }
    variables
}

/// The answer in numbers: label, base year, base, strategy, difference, all of ASEAN at the horizon.
fn cards(input: &StrategyInput, texts: &Value) -> Value {
    let labels: BTreeMap<String, String> = variables(texts).into_iter().collect();
    let shown: Vec<String> =
        serde_json::from_value(texts["script"]["cards"].clone()).unwrap_or_default();
    let years = [input.compare.base_year, input.compare.horizon];
    let cards: Vec<Value> = shown
        .iter()
        .map(|variable| {
            let [base, strategy] = values(input, variable, "ASEAN", &years);
            json!({
                "label": labels.get(variable),
                "start": number(base[0]),
                "base": number(base[1]),
                "strategy": number(strategy[1]),
                "difference": signed(strategy[1] - base[1]),
            })
        })
        .collect();
    json!(cards)
}

fn lever_row(lever: &LeverRow, accounts: &[Account], input: &StrategyInput) -> Value {
    let name = format!("{LEVER}{}", lever.name);
    let own = |account: &Account| account.region == "World" && account.instrument == name;
    let paid = -sum(accounts, input, 0.0, own);
    let present = -sum(accounts, input, input.compare.discount, own);
    json!({
        "name": lever.name,
        "field": lever.field,
        "kind": lever.kind,
        "countries": lever.countries,
        "size": lever.size,
        "range": lever.range,
        "payer": place(&lever.payer, input),
        "effect": lever.effect,
        "evidence": lever.evidence,
        "paid": if paid == 0.0 { "–".to_owned() } else { number(paid) },
        "present": if paid == 0.0 { "–".to_owned() } else { number(present) },
    })
}

/// What each kind of lever does and rests on, with the levers that are of it.
fn kinds(levers: &[LeverRow]) -> Value {
    let mut kinds: Vec<(&LeverRow, Vec<&str>)> = Vec::new();
    for lever in levers {
        match kinds.iter_mut().find(|(of, _)| of.kind == lever.kind) {
            Some((_, names)) => names.push(&lever.name),
            None => kinds.push((lever, vec![&lever.name])),
        }
    }
    let rows: Vec<Value> = kinds
        .into_iter()
        .map(|(of, names)| {
            json!({
                "names": names.join(", "),
                "effect": of.effect,
                "evidence": of.evidence,
                "range": of.range,
            })
        })
        .collect();
    json!(rows)
}

/// Profit of makers by origin: in ASEAN, and in the world.
fn origins(accounts: &[Account], input: &StrategyInput, names: &Value) -> Value {
    let mut parties: Vec<&str> = accounts
        .iter()
        .filter(|account| account.item == "producer profit")
        .map(|account| account.party)
        .collect();
    parties.sort_unstable();
    parties.dedup();
    let mut rows: Vec<(f64, Value)> = parties
        .into_iter()
        .map(|party| {
            let of = |region: &str| {
                sum(accounts, input, input.compare.discount, |account| {
                    account.item == "producer profit"
                        && account.party == party
                        && account.region == region
                })
            };
            let (asean, world) = (of("ASEAN"), of("World"));
            let sold = |region: &str| {
                let variable =
                    format!("Sales|Transportation|Light-Duty Vehicle [Share]|Maker|{party}");
                let [base, strategy] = values(input, &variable, region, &[input.compare.horizon]);
                strategy[0] - base[0]
            };
            let made = |region: &str| {
                let variable =
                    format!("Production|Transportation|Light-Duty Vehicle|Maker|{party}");
                let [base, strategy] = values(input, &variable, region, &[input.compare.horizon]);
                1e3 * (strategy[0] - base[0])
            };
            let row = json!({
                "name": names.get(party).cloned().unwrap_or_else(|| json!(party)),
                "asean": signed(asean), "asean_sign": sign(asean),
                "world": signed(world), "world_sign": sign(world),
                "share": signed(sold("ASEAN")), "share_sign": sign(sold("ASEAN")),
                "made": signed(made("ASEAN")), "made_sign": sign(made("ASEAN")),
            });
            (world, row)
        })
        .collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    json!(rows.into_iter().map(|(_, row)| row).collect::<Vec<Value>>())
}

/// Buyers, treasury and workers of countries.
fn countries(accounts: &[Account], input: &StrategyInput) -> Value {
    let rate = input.compare.discount;
    let rows: Vec<Value> = COUNTRIES
        .iter()
        .map(|&region| {
            let buyers = sum(accounts, input, rate, |account| {
                account.region == region && account.item == "consumer surplus"
            });
            let taxes = sum(accounts, input, rate, |account| {
                account.region == region
                    && account.item == "public money"
                    && !account.instrument.starts_with(LEVER)
            });
            let change = |variable: &str| {
                let [base, strategy] = values(input, variable, region, &[input.compare.horizon]);
                1e3 * (strategy[0] - base[0])
            };
            let jobs = change(JOBS);
            let built = change("Production|Transportation|Light-Duty Vehicle");
            json!({
                "name": place(region, input),
                "buyers": signed(buyers), "buyers_sign": sign(buyers),
                "taxes": signed(taxes), "taxes_sign": sign(taxes),
                "jobs": signed(jobs), "jobs_sign": sign(jobs),
                "built": signed(built), "built_sign": sign(built),
            })
        })
        .collect();
    json!(rows)
}

/// What each payer spends on levers, beside its budget.
fn payers(accounts: &[Account], input: &StrategyInput) -> Value {
    let mut by_payer: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    for account in accounts
        .iter()
        .filter(|account| account.region == "World" && account.instrument.starts_with(LEVER))
    {
        let years = input.compare.base_year - account.year;
        let cell = by_payer.entry(account.party).or_default();
        cell[0] -= account.million;
        cell[1] -= account.million * (1.0 + input.compare.discount).powi(years);
    }
    let rows: Vec<Value> = by_payer
        .into_iter()
        .map(|(payer, [paid, present])| {
            let budget = input.budgets.iter().find(|(name, _)| name == payer);
            json!({
                "name": place(payer, input),
                "paid": number(paid),
                "present": number(present),
                "budget": budget.map_or("–".to_owned(), |(_, total)| number(*total)),
                "used": budget.map_or("–".to_owned(), |(_, total)| format!("{:.0} %", 100.0 * paid / total)),
            })
        })
        .collect();
    json!(rows)
}

/// What each field costs, and what its part in the difference is: tonnes, exports, jobs, cost of a tonne.
fn fields(accounts: &[Account], input: &StrategyInput) -> Value {
    let Some(attributed) = &input.compare.scenarios[input.scenario].attribution else {
        return json!([]);
    };
    let selection = attributed.selection;
    let cells = |variable: &str, region: &str| -> Option<std::ops::Range<usize>> {
        let v = selection
            .variables
            .iter()
            .position(|name| name == variable)?;
        let r = selection.regions.iter().position(|name| name == region)?;
        let count = selection.years.len();
        let first = (v * selection.regions.len() + r) * count;
        Some(first..first + count)
    };
    let rows: Vec<Value> = attributed
        .parts
        .iter()
        .map(|part| {
            let present: f64 = input
                .levers
                .iter()
                .filter(|lever| lever.field == part.group)
                .map(|lever| {
                    let name = format!("{LEVER}{}", lever.name);
                    -sum(accounts, input, input.compare.discount, |account| {
                        account.region == "World" && account.instrument == name
                    })
                })
                .fold(0.0, |sum, million| sum + million);
            let over_years = |variable: &str, region: &str| {
                cells(variable, region).map_or(f64::NAN, |cells| part.parts[cells].iter().sum())
            };
            let at_end = |variable: &str| {
                cells(variable, "ASEAN").map_or(f64::NAN, |cells| part.parts[cells.end - 1])
            };
            let (driven, making) = (-over_years(WELL_TO_WHEEL, "World"), -over_years(MAKING, "World"));
            let avoided = driven + making;
            let per_tonne = if avoided > 1e-3 && present > 0.0 {
                format!("{:.0}", present / avoided)
            } else {
                "–".to_owned()
            };
            json!({
                "name": part.group,
                "present": if present == 0.0 { "–".to_owned() } else { number(present) },
                "driven": signed(driven),
                "making": signed(making),
                "per_tonne": per_tonne,
                "built": signed(1e3 * at_end("Production|Transportation|Light-Duty Vehicle")),
                "exports": signed(1e3 * at_end("Trade|Transportation|Light-Duty Vehicle [Volume]|Exports")),
                "jobs": signed(1e3 * at_end(JOBS)),
            })
        })
        .collect();
    json!(rows)
}

/// Buyers, makers, treasuries and levers of the world together.
fn total(accounts: &[Account], input: &StrategyInput) -> Value {
    let rate = input.compare.discount;
    let of = |item: &str, levers: Option<bool>| {
        sum(accounts, input, rate, |account| {
            account.region == "World"
                && account.item == item
                && levers.is_none_or(|levers| account.instrument.starts_with(LEVER) == levers)
        })
    };
    let buyers = of("consumer surplus", None);
    let makers = of("producer profit", None);
    let taxes = of("public money", Some(false));
    let levers = of("public money", Some(true));
    json!({
        "buyers": signed(buyers),
        "makers": signed(makers),
        "taxes": signed(taxes),
        "levers": signed(levers),
        "net": signed(buyers + makers + taxes + levers),
    })
}

/// A code as a name.
fn place(code: &str, input: &StrategyInput) -> String {
    input
        .compare
        .names
        .get(code)
        .cloned()
        .unwrap_or_else(|| code.to_owned())
}

fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let digits = match value.abs() {
        a if a >= 100.0 => 0,
        a if a >= 10.0 => 1,
        a if a >= 1.0 => 2,
        _ => 3,
    };
    let text = format!("{:.digits$}", value.abs());
    let (whole, rest) = text
        .split_once('.')
        .map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let zero = text.chars().all(|c| matches!(c, '0' | '.'));
    let minus = if value < 0.0 && !zero { "−" } else { "" };
    rest.map_or_else(
        || format!("{minus}{grouped}"),
        |rest| format!("{minus}{grouped}.{rest}"),
    )
}

fn signed(value: f64) -> String {
    let text = number(value);
    let zero = text.chars().all(|c| matches!(c, '0' | '.'));
    if value > 0.0 && !zero {
        format!("+{text}")
    } else {
        text
    }
}

fn sign(value: f64) -> &'static str {
    if value > 0.0 {
        "win"
    } else if value < 0.0 {
        "loss"
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_of_the_page_is_in_the_locale() {
        crate::html::every_text_is_in_the_locale(TEMPLATE, SCRIPT, ENGLISH);
    }

    #[test]
    fn numbers_are_grouped_and_signed() {
        assert_eq!(number(1_234_567.8), "1,234,568");
        assert_eq!(number(-12.34), "−12.3");
        assert_eq!(signed(0.5), "+0.500");
        assert_eq!(signed(-0.0001), "0.000");
        assert_eq!(signed(f64::NAN), "–");
    }
}
