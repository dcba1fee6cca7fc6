//! `kyoso data`: check, list, cite, copy out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use kyoso_model::calibrate::{self, mix::OfferBasis};
use kyoso_model::ids::{POWERTRAINS, Powertrain, YEARS, year_index};
use kyoso_model::input::{Record, Source, nearest};
use kyoso_model::rules::Rules;
use kyoso_model::world::World;

use crate::cli::{Common, DataAction};
use crate::{pack, term};

pub fn data(common: &Common, action: &DataAction) -> Result<()> {
    let source = pack::source(common.data.as_deref())?;
    match action {
        DataAction::Check => check(common, source.as_ref()),
        DataAction::List { table, filter } => {
            list(common, source.as_ref(), table.as_deref(), filter.as_deref())
        }
        DataAction::Sources => sources(common, source.as_ref()),
        DataAction::Estimates => estimates(source.as_ref()),
        DataAction::Init { folder } => init(source.as_ref(), folder),
    }
}

fn check(common: &Common, source: &dyn Source) -> Result<()> {
    let record = Record::load(source)?;
    let rules = Rules::load(&record)?;
    let rows: usize = record
        .tables()
        .map(kyoso_model::input::RecordTable::rows)
        .sum();
    let tables = record.tables().count();
    if common.json {
        return term::print(&format!(
            "{}\n",
            serde_json::json!({
                "tables": tables,
                "rows": rows,
                "sources": record.sources.len(),
                "problems": [],
                "rules_obeyed": rules.obeyed().iter().map(|(module, count)| (module.code(), *count)).collect::<BTreeMap<_, _>>(),
                "rules_not_obeyed": rules.not_obeyed().map(|(rule, why)| (rule.id.as_str(), why)).collect::<BTreeMap<_, _>>(),
            })
        ));
    }
    term::print(&format!(
        "{tables} tables, {rows} rows, {} sources: no problem found\n{}",
        record.sources.len(),
        rules_listing(&rules)
    ))
}

/// How many rules each part of the model obeys, and each rule that none does, with the reason.
fn rules_listing(rules: &Rules) -> String {
    let obeyed = rules.obeyed();
    let by_module: Vec<String> = obeyed
        .iter()
        .map(|(module, count)| format!("{count} {module}"))
        .collect();
    let mut by_reason: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (rule, reason) in rules.not_obeyed() {
        by_reason.entry(reason).or_default().push(&rule.id);
    }
    let idle: usize = by_reason.values().map(Vec::len).sum();
    let mut text = format!(
        "\n{} rules: {} obeyed ({}), {idle} not:\n",
        obeyed.values().sum::<usize>() + idle,
        obeyed.values().sum::<usize>(),
        by_module.join(", ")
    );
    for (reason, ids) in by_reason {
        text.push_str(&format!(
            "  {} {reason}\n    {}\n",
            ids.len(),
            ids.join(" ")
        ));
    }
    text
}

fn list(
    common: &Common,
    source: &dyn Source,
    table: Option<&str>,
    filter: Option<&str>,
) -> Result<()> {
    let record = Record::load(source)?;
    let Some(name) = table else {
        let rows: Vec<Vec<String>> = record
            .package
            .resources
            .iter()
            .map(|resource| {
                vec![
                    resource.name.clone(),
                    record.table(&resource.name).rows().to_string(),
                    format!(" {}", resource.description),
                ]
            })
            .collect();
        if common.json {
            let names: Vec<&String> = record
                .package
                .resources
                .iter()
                .map(|resource| &resource.name)
                .collect();
            return term::print(&format!("{}\n", serde_json::json!(names)));
        }
        return term::print(
            &rows
                .iter()
                .map(|row| format!("{:24} {:>6} {}\n", row[0], row[1], row[2]))
                .collect::<String>(),
        );
    };
    let Some(resource) = record
        .package
        .resources
        .iter()
        .find(|resource| resource.name == name)
    else {
        let near = nearest(
            name,
            record
                .package
                .resources
                .iter()
                .map(|resource| resource.name.as_str()),
        );
        bail!(
            "no table `{name}`\n  help: {}",
            near.map_or_else(
                || "`kyoso data list` lists them".to_owned(),
                |near| format!("did you mean `{near}`?")
            )
        );
    };
    let table = record.table(name);
    let mut text: String = resource
        .schema
        .fields
        .iter()
        .map(|field| field.name.as_str())
        .collect::<Vec<_>>()
        .join("\t");
    text.push('\n');
    for row in 0..table.rows() {
        let cells: BTreeMap<String, String> = table.describe(row).into_iter().collect();
        let line: Vec<&str> = resource
            .schema
            .fields
            .iter()
            .map(|field| cells[&field.name].as_str())
            .collect();
        if filter.is_none_or(|word| line.contains(&word)) {
            text.push_str(&line.join("\t"));
            text.push('\n');
        }
    }
    term::print(&text)
}

fn sources(common: &Common, source: &dyn Source) -> Result<()> {
    let record = Record::load(source)?;
    let counts = record.basis_counts();
    if common.json {
        return term::print(&format!(
            "{}\n",
            serde_json::to_string_pretty(
                &serde_json::json!({"basis": counts, "sources": record.sources})
            )?
        ));
    }
    let kinds = ["measured", "literature", "estimate", "recalled"];
    let mut rows = vec![
        std::iter::once("table")
            .chain(kinds)
            .map(str::to_owned)
            .collect::<Vec<_>>(),
    ];
    let mut total = [0; 4];
    for (table, by_basis) in &counts {
        let mut row = vec![table.clone()];
        for (slot, kind) in kinds.iter().enumerate() {
            let count = by_basis.get(*kind).copied().unwrap_or(0);
            total[slot] += count;
            row.push(count.to_string());
        }
        rows.push(row);
    }
    rows.push(
        std::iter::once("all".to_owned())
            .chain(total.iter().map(ToString::to_string))
            .collect(),
    );
    let all: usize = total.iter().sum();
    let share = 100.0 * total[3] as f64 / all.max(1) as f64;
    let bibliography: String = record
        .sources
        .iter()
        .map(|(key, text)| format!("{key}: {text}\n"))
        .collect();
    term::print(&format!(
        "{}\n{} of {all} rows ({share:.1} %) are recalled: a debt\n\n{bibliography}",
        term::columns(&rows),
        total[3]
    ))
}

/// Base-year figures that no record gives, with the rule that gave them.
fn estimates(source: &dyn Source) -> Result<()> {
    let record = Record::load(source)?;
    let mut world = World::build(&record)?;
    let base = calibrate::calibrate(&mut world, &record);
    let t = year_index(world.base_year);
    let mut text = "iso3\tquantity\tvalue\tunit\trule\n".to_owned();
    for (c, country) in world.countries.iter().enumerate() {
        let iso3 = &country.iso3;
        let mut row = |quantity: &str, value: f64, unit: &str, rule: &str| {
            text.push_str(&format!("{iso3}\t{quantity}\t{value}\t{unit}\t{rule}\n"));
        };
        if !world.sales_recorded[c * YEARS + t] {
            row(
                "sales",
                world.sales[(c, t)],
                "vehicles",
                "regression on income with the residual of the group, or the last record moved with GDP",
            );
        }
        row(
            "heavy share of sales",
            world.heavy_share[(c, t)],
            "share",
            "share of commercial vehicles by group (parameter split.heavy_of_commercial)",
        );
        row(
            "stock",
            base.stocks[c].stock[t],
            "vehicles",
            "sales, survival and used trade fitted to the counts",
        );
        row(
            "net used imports",
            base.stocks[c].net_used_imports[t],
            "vehicles",
            "fitted with the stock",
        );
        row(
            "Weibull scale factor",
            base.stocks[c].scale_factor,
            "-",
            "fitted with the stock",
        );
        if !world.plug_in_recorded[c] {
            for f in [Powertrain::PlugInHybrid, Powertrain::BatteryElectric] {
                row(
                    &format!("sales of {f}"),
                    world.electrified[f.index()][(c, t)],
                    "vehicles",
                    "world total less recorded countries, shared out by sales and income",
                );
            }
        }
        if !world.hybrid_recorded[c] {
            row(
                "hybrid share",
                world.hybrid_share[(c, t)],
                "share",
                "half the mean of the group, by income",
            );
        }
        for f in 0..POWERTRAINS {
            if world.conventional_mix[(c, f)] > 0.0 {
                row(
                    &format!("{} of conventional", Powertrain::ALL[f]),
                    world.conventional_mix[(c, f)],
                    "share",
                    "latest record, else the mean of the group",
                );
            }
        }
        let market = &world.maker_market[c];
        let here = base.offers.of(c);
        let fitted: f64 = here
            .filter(|&j| base.offers.basis[j] == OfferBasis::Fitted)
            .map(|j| base.offers.base_share[j])
            .sum();
        row(
            "light-duty sales in offers that are not read",
            fitted,
            "share",
            "makers, powertrains and segments fitted to their margins from models and affinities",
        );
        for sales in market.makers.iter().filter(|_| market.named) {
            if sales.recorded.is_nan() {
                row(
                    &format!("makers of {} not named", world.makers[sales.maker].code),
                    sales.share,
                    "share",
                    "what the list of brands leaves, by shares of origins",
                );
            }
            if sales.outside.abs() > 0.5 {
                row(
                    &format!("{} outside its source", world.makers[sales.maker].code),
                    sales.outside,
                    "vehicles",
                    "vans added to a count of cars, or trucks taken out of a count of all",
                );
            }
        }
    }
    term::print(&text)
}

fn init(source: &dyn Source, folder: &Path) -> Result<()> {
    if folder.exists() {
        bail!(
            "{} exists\n  help: name a folder that does not exist yet",
            folder.display()
        );
    }
    for path in source.paths() {
        if let Some(bytes) = source.read(&path) {
            let target = folder.join(&path);
            let parent = target.parent().unwrap_or(folder);
            std::fs::create_dir_all(parent)
                .with_context(|| format!("cannot make the folder {}", parent.display()))?;
            std::fs::write(&target, &bytes)
                .with_context(|| format!("cannot write {}", target.display()))?;
        }
    }
    term::print(&format!(
        "{}: change a table, then `kyoso data check --data {}` and `kyoso run --data {}`\n",
        folder.display(),
        folder.display(),
        folder.display()
    ))
}
