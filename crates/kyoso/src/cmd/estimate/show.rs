//! Results on the terminal.

use kyoso_demand::{Covariance, Problem, Steps};

use super::after::Found;
use super::tables::Outcome;
use crate::term;

/// The printed results.
pub fn text(outcome: &Outcome) -> String {
    let mut text = title(outcome);
    text.push('\n');
    text.push_str(&estimates(outcome));
    text.push('\n');
    text.push_str(&fit(outcome));
    if !outcome.plan.micro.moments.is_empty() {
        text.push('\n');
        text.push_str(&moments(outcome));
    }
    if let Some(found) = outcome.found {
        text.push('\n');
        text.push_str(&summary(outcome, found));
    }
    text
}

fn title(outcome: &Outcome) -> String {
    let plan = outcome.plan;
    let problem = outcome.results.problem;
    let spec = &plan.specification;
    let model = match (spec.random.terms.is_empty(), plan.start.rho.is_empty()) {
        (true, true) => "logit",
        (true, false) => "nested logit",
        (false, true) => "random-coefficients logit",
        (false, false) => "random-coefficients nested logit",
    };
    let supply = if problem.has_supply() {
        " with a supply side"
    } else {
        ""
    };
    let agents = if spec.random.terms.is_empty() {
        String::new()
    } else {
        format!(", {} agents", thousands(problem.agents()))
    };
    let steps = match plan.options.steps {
        Steps::One => "one step".to_owned(),
        Steps::Two => "two steps".to_owned(),
        Steps::Iterated(_) => format!("{} steps, iterated", outcome.results.step),
        Steps::ContinuouslyUpdated => "continuously updated".to_owned(),
    };
    let optimal = if plan.optimal {
        ", optimal instruments"
    } else {
        ""
    };
    let description = if plan.description.is_empty() {
        String::new()
    } else {
        format!(": {}", plan.description)
    };
    format!(
        "{}{description}\n{model}{supply}: {} products in {} markets{agents}\nGMM, {steps}{optimal}; {} errors\n",
        plan.name,
        thousands(problem.products()),
        thousands(problem.markets().len()),
        match plan.options.errors {
            Covariance::Unadjusted => "unadjusted",
            Covariance::Robust => "robust",
            Covariance::Clustered => "clustered",
        }
    )
}

fn estimates(outcome: &Outcome) -> String {
    let mut rows = vec![
        ["", "estimate", "std. error", "t"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for e in &outcome.results.estimates {
        let t = if e.error > 0.0 {
            format!("{:.2}", e.value / e.error)
        } else {
            "-".to_owned()
        };
        rows.push(vec![e.label.clone(), number(e.value), number(e.error), t]);
    }
    term::columns(&rows)
}

fn fit(outcome: &Outcome) -> String {
    let r = outcome.results;
    let test = r.overidentification();
    let mut text = format!("objective {}", number(r.objective));
    let p_value = if test.p_value < 0.001 {
        "p < 0.001".to_owned()
    } else {
        format!("p = {:.3}", test.p_value)
    };
    if test.degrees > 0 && r.step > 1 {
        text.push_str(&format!(
            "; over-identification: chi-squared({}) = {:.2}, {p_value}",
            test.degrees, test.statistic
        ));
    } else if test.degrees > 0 {
        text.push_str(&format!(
            "; {} over-identifying restrictions (tested with two steps or more)",
            test.degrees
        ));
    }
    text.push_str(if outcome.converged {
        "; converged\n"
    } else {
        "; NOT converged\n"
    });
    text
}

fn moments(outcome: &Outcome) -> String {
    let mut rows = vec![["survey", "observed", "model"].map(str::to_owned).to_vec()];
    for (moment, model) in outcome
        .plan
        .micro
        .moments
        .iter()
        .zip(&outcome.results.micro)
    {
        rows.push(vec![
            moment.name.clone(),
            number(moment.value),
            number(*model),
        ]);
    }
    term::columns(&rows)
}

fn summary(outcome: &Outcome, found: &Found) -> String {
    let bounds = outcome.intervals(found);
    let mut head = vec!["after estimation".to_owned(), "value".to_owned()];
    if let Some(asked) = &outcome.plan.after.intervals {
        head.extend([
            "std. error".to_owned(),
            format!("{} % interval", (1e4 * asked.level).round() / 100.0),
            String::new(),
        ]);
    }
    let mut rows = vec![head];
    for (i, label) in found.labels.iter().enumerate() {
        let mut row = vec![label.clone(), number(found.summary.values[i])];
        if let Some(bounds) = &bounds {
            row.extend([
                number(found.summary.errors[i]),
                number(bounds[i].0),
                number(bounds[i].1),
            ]);
        }
        rows.push(row);
    }
    term::columns(&rows)
}

/// What first- and second-order conditions say of observed and counterfactual prices.
pub fn verdicts(problem: &Problem, found: Option<&Found>) -> Vec<String> {
    let Some(found) = found else {
        return vec![
            "utility does not depend on prices: no elasticities, costs or welfare".to_owned(),
        ];
    };
    let markets = problem.markets();
    let mut out = Vec::new();
    let worlds = std::iter::once(("observed prices", &found.base))
        .chain(found.worlds.iter().map(|(name, w)| (name.as_str(), w)));
    for (i, (name, world)) in worlds.enumerate() {
        let which = |test: &dyn Fn(&kyoso_demand::Verdict) -> bool| -> Vec<String> {
            markets
                .iter()
                .zip(&world.verdicts)
                .filter(|(_, v)| test(v))
                .map(|(m, _)| (*m).to_owned())
                .collect()
        };
        let maxima = which(&|v| !v.not_maxima.is_empty());
        if !maxima.is_empty() {
            out.push(format!("{name}: some makers' profit is not at a maximum in {} markets ({}): second-order conditions fail", maxima.len(), few(&maxima)));
        }
        let stopped = which(&|v| !v.converged);
        if i > 0 && !stopped.is_empty() {
            out.push(format!(
                "{name}: prices did not converge in {} markets ({})",
                stopped.len(),
                few(&stopped)
            ));
        }
        let cycles = which(&|v| v.cycles);
        if !cycles.is_empty() {
            out.push(format!("{name}: makers kept changing prices in {} markets ({}): there may be no equilibrium", cycles.len(), few(&cycles)));
        }
    }
    let surplus: Vec<String> = markets
        .iter()
        .zip(&found.base.surplus)
        .filter(|(_, s)| !s.is_finite())
        .map(|(m, _)| (*m).to_owned())
        .collect();
    if !surplus.is_empty() {
        out.push(format!(
            "consumer surplus has no closed form in {} markets: utility is not linear in prices",
            surplus.len()
        ));
    }
    out
}

/// The first few of a list.
pub fn few(names: &[String]) -> String {
    if names.len() <= 6 {
        names.join(", ")
    } else {
        format!("{}, ... {} in all", names[..5].join(", "), names.len())
    }
}

/// Six significant digits.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e7).contains(&size) {
        return format!("{value:.4e}");
    }
    let whole = if size < 1.0 {
        1
    } else {
        size.log10() as usize + 1
    };
    let decimals = 6_usize.saturating_sub(whole).min(6);
    format!("{value:.decimals$}")
}

fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
