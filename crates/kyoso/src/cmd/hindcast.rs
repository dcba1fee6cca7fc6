//! `kyoso hindcast`: the model against history.

use anyhow::Result;
use kyoso_model::hindcast::origins::OriginScore;
use kyoso_model::hindcast::{self, Hindcast, LEADS, Mode, ORIGINS, Score, Variable};
use kyoso_model::ids::Origin;
use kyoso_model::input::Record;
use kyoso_report::manifest::Manifest;
use kyoso_report::write::{self, Format};

use super::run::default_place;
use crate::cli::{Common, HindcastOptions, TableFormat};
use crate::output::{self, Draft};
use crate::{pack, term};

pub fn hindcast(common: &Common, options: &HindcastOptions) -> Result<()> {
    let record = Record::load(pack::source(common.data.as_deref())?.as_ref())?;
    let mut origins = options.origins.clone().unwrap_or_else(|| ORIGINS.to_vec());
    origins.sort_unstable();
    origins.dedup();
    let bar = term::bar(common.quiet, 2 * origins.len() as u64, "hindcast");
    let scored = hindcast::hindcast(&record, &origins, &|done, _| bar.set_position(done as u64))?;
    bar.finish_and_clear();
    let place = options
        .out
        .clone()
        .unwrap_or_else(|| default_place("hindcast"));
    let draft = Draft::new(&place)?;
    let format = match options.format {
        TableFormat::Parquet => Format::Parquet,
        TableFormat::Csv => Format::Csv,
    };
    let by_origin = hindcast::origins::score(&record)?;
    let tables = [scored.table(), hindcast::origins::table(&by_origin)];
    let manifest = Manifest {
        scenario: "baseline".to_owned(),
        inputs: record.hashes.clone(),
        outputs: write::tables(draft.folder(), &tables, format)?,
        format: format.extension().to_owned(),
        warnings: cuts(&scored),
        ..output::manifest("hindcast", &[])
    };
    draft.finish_with(&manifest)?;
    let scores = scored.scores();
    if common.json {
        let rows: Vec<serde_json::Value> = scores
            .iter()
            .filter(|score| score.origin == 0 && score.region == "World")
            .map(|s| serde_json::json!({"mode": s.mode.code(), "variable": s.variable.code(), "lead": s.lead, "method": s.method, "metric": s.metric, "value": s.value, "n": s.n}))
            .collect();
        return term::print(&format!("{:#}\n", serde_json::Value::Array(rows)));
    }
    term::print(&summary(&scores))?;
    term::print(&origins_summary(&by_origin))?;
    if !common.quiet {
        term::print(&format!("\n{}\n", cuts(&scored).join("\n")))?;
        term::print(&format!(
            "\nScores by country, group and origin: {}\n",
            place.display()
        ))?;
    }
    Ok(())
}

/// What the ex-ante record left out and let pass.
fn cuts(scored: &Hindcast) -> Vec<String> {
    scored
        .cuts
        .iter()
        .map(|(origin, cut)| {
            let dropped: usize = cut.dropped.values().sum();
            let waived: Vec<String> = cut
                .waived
                .iter()
                .map(|(table, (rows, reason))| format!("{table} {rows} ({reason})"))
                .collect();
            format!(
                "ex ante {origin}: {dropped} rows known later left out; let pass all the same: {}",
                waived.join("; ")
            )
        })
        .collect()
}

/// Errors of every method and the share of wins, over all origins and in the half that was not tuned to.
fn summary(scores: &[Score]) -> String {
    let methods = ["kyoso", "naive", "drift", "ets", "theta", "bass"];
    let mut text = String::new();
    for (region, title) in [
        ("World", "All countries, all origins"),
        (
            "other half",
            "The half of the countries that was not tuned to, all origins",
        ),
    ] {
        let mut head = vec![
            "mean absolute error".to_owned(),
            "mode".to_owned(),
            "ahead".to_owned(),
        ];
        head.extend(methods.iter().map(|method| (*method).to_owned()));
        head.extend([
            "MASE".to_owned(),
            "bias".to_owned(),
            "wins".to_owned(),
            "n".to_owned(),
        ]);
        let mut rows = vec![head];
        for variable in Variable::ALL {
            for mode in Mode::ALL {
                for lead in LEADS {
                    let find = |method: &str, metric: &str| {
                        scores.iter().find(|s| {
                            s.origin == 0
                                && s.region == region
                                && s.variable == variable
                                && s.mode == mode
                                && s.lead == lead
                                && s.method == method
                                && s.metric == metric
                        })
                    };
                    let Some(own) = find("kyoso", "mae") else {
                        continue;
                    };
                    let (scale, unit) = match variable {
                        Variable::Sales | Variable::Stock => (1e-3, "thousand"),
                        _ => (100.0, "points"),
                    };
                    let mut row = vec![
                        format!("{} ({unit})", variable.code()),
                        mode.code().to_owned(),
                        lead.to_string(),
                    ];
                    row.extend(methods.iter().map(|method| {
                        find(method, "mae")
                            .map_or_else(|| "-".to_owned(), |s| format!("{:.2}", s.value * scale))
                    }));
                    let metric = |name: &str| find("kyoso", name).map_or(f64::NAN, |s| s.value);
                    row.extend([
                        format!("{:.2}", metric("mase")),
                        format!("{:+.2}", metric("bias") * scale),
                        format!("{:.0} %", 100.0 * metric("wins")),
                        own.n.to_string(),
                    ]);
                    rows.push(row);
                }
            }
        }
        text.push_str(&format!("{title}\n{}\n", term::columns(&rows)));
    }
    text.push_str("wins: part of countries and origins in which kyoso is nearer than the naive forecast (ties half)\n");
    text
}

/// Errors of origin shares, mean over origins and by the two that change most.
fn origins_summary(scores: &[OriginScore]) -> String {
    let methods = ["kyoso", "naive", "drift"];
    let mut rows = vec![
        ["origin share (points)", "of", "ahead"]
            .iter()
            .chain(&methods)
            .chain(&["n"])
            .map(|word| (*word).to_owned())
            .collect::<Vec<String>>(),
    ];
    let shown = [None, Some(Origin::Japan), Some(Origin::China)];
    for origin in shown {
        for own in scores
            .iter()
            .filter(|score| score.origin == origin && score.method == methods[0])
        {
            let mut row = vec![
                origin.map_or("mean", Origin::code).to_owned(),
                own.powertrain.to_owned(),
                own.lead.to_string(),
            ];
            row.extend(methods.iter().map(|method| {
                scores
                    .iter()
                    .find(|score| {
                        score.origin == origin
                            && score.method == *method
                            && score.lead == own.lead
                            && score.powertrain == own.powertrain
                    })
                    .map_or_else(
                        || "-".to_owned(),
                        |score| format!("{:.2}", score.error_points),
                    )
            }));
            row.push(own.n.to_string());
            rows.push(row);
        }
    }
    format!(
        "\nOrigins of makers, countries with brands on record, base years 2020 to 2022, conditional\n{}\n",
        term::columns(&rows)
    )
}
