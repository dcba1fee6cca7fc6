//! What rules say against each other and against sense: all problems at once, each naming its rule.

use super::condition::{Lexicon, Number};
use super::{Instrument, Rule, Test, Unit};
use crate::input::{Problem, Problems};

/// No tax on a car is higher than this share of its base.
const HIGHEST_RATE: f64 = 10.0;

/// Checks rules that can be read.
pub fn check(list: &[Rule], lexicon: &Lexicon, problems: &mut Problems) {
    for rule in list.iter().filter(|rule| rule.reason.is_none()) {
        alone(rule, lexicon, problems);
        if !rule.budget.is_empty()
            && rule.instrument != Instrument::Budget
            && !list
                .iter()
                .any(|other| other.instrument == Instrument::Budget && other.budget == rule.budget)
        {
            problem(
                rule,
                "budget",
                &format!("no rule `budget` sets money aside for `{}`", rule.budget),
                "add one with the same word in its column budget",
                problems,
            );
        }
    }
    for (position, rule) in list.iter().enumerate() {
        if list[..position].iter().any(|earlier| earlier.id == rule.id) {
            problem(
                rule,
                "id",
                "the identifier stands twice",
                "every rule has its own",
                problems,
            );
        }
        if let Some(earlier) = list[..position]
            .iter()
            .find(|earlier| contradict(earlier, rule))
        {
            let message = format!(
                "contradicts rule `{}`: same scope, condition and instrument on the same days, other value ({} and {})",
                earlier.id, earlier.value, rule.value
            );
            problem(
                rule,
                "value",
                &message,
                "end one before the other starts, or tell their conditions apart",
                problems,
            );
        }
    }
}

fn problem(rule: &Rule, column: &str, message: &str, help: &str, problems: &mut Problems) {
    problems.push(Problem {
        file: rule.file.clone(),
        line: rule.line,
        column: 0,
        key: column.to_owned(),
        message: format!("rule `{}`: {message}", rule.id),
        help: help.to_owned(),
    });
}

fn alone(rule: &Rule, lexicon: &Lexicon, problems: &mut Problems) {
    let values = !matches!(
        rule.instrument,
        Instrument::Deadline | Instrument::Participants | Instrument::IceBan
    );
    if rule.value.is_nan() && values {
        problem(rule, "value", "has no value", "give a number", problems);
    }
    match rule.instrument {
        Instrument::Budget if rule.value < 0.0 => {
            problem(
                rule,
                "value",
                &format!("a budget of {} is negative", rule.value),
                "expected at least 0",
                problems,
            );
        }
        Instrument::PurchaseSubsidy | Instrument::IncomeTaxCredit => {
            support(rule, lexicon, problems);
        }
        Instrument::Feebate | Instrument::OffsetRule => {}
        _ if rule.unit == Unit::Points && rule.value.abs() <= 1.0 => {}
        _ if rule.unit == Unit::Points => problem(
            rule,
            "value",
            &format!("{} points are more than a whole rate", rule.value),
            "points are fractions: -0.05 is five percentage points off",
            problems,
        ),
        _ if rule.value < 0.0 => {
            problem(
                rule,
                "value",
                &format!("{} is negative", rule.value),
                "a relief has the unit `points`, support is a purchase_subsidy",
                problems,
            );
        }
        _ if rule.unit == Unit::AdValorem && rule.value > HIGHEST_RATE => {
            problem(
                rule,
                "value",
                &format!("a rate of {} is no rate", rule.value),
                "rates are fractions: 0.08 is eight per cent",
                problems,
            );
        }
        _ => {}
    }
    if !rule.cap_usd.is_nan() && !matches!(rule.unit, Unit::Points) {
        problem(
            rule,
            "cap",
            "only a relief in points has a cap",
            "leave the cell empty",
            problems,
        );
    }
    if !rule.floor_usd.is_nan() && rule.instrument != Instrument::AdditionalDuty {
        problem(
            rule,
            "floor",
            "only an additional duty has a floor",
            "leave the cell empty",
            problems,
        );
    }
    if rule.segments == 0 || rule.powertrains == 0 {
        problem(
            rule,
            "segment",
            "applies to no vehicle",
            "name at least one segment and powertrain",
            problems,
        );
    }
}

/// Support is less than the price of the cars it is for.
fn support(rule: &Rule, lexicon: &Lexicon, problems: &mut Problems) {
    let Unit::PerVehicle(factor) = rule.unit else {
        return;
    };
    let usd = rule.value * factor;
    if rule.value < 0.0 {
        problem(
            rule,
            "value",
            &format!("support of {} is negative", rule.value),
            "a charge is a registration_tax or a feebate",
            problems,
        );
        return;
    }
    let ceilings = rule.tests.iter().filter_map(|test| match test {
        Test::Number(Number::Price, bounds) if bounds.high.is_finite() => Some(bounds.high),
        _ => None,
    });
    let mean = rule
        .countries
        .iter()
        .map(|&country| lexicon.mean_price_usd[country])
        .filter(|price| !price.is_nan());
    let price = ceilings
        .chain(mean)
        .fold(f64::INFINITY, f64::min)
        .min(100_000.0);
    if usd >= price {
        problem(
            rule,
            "value",
            &format!("support of {usd:.0} US dollars is above the price of {price:.0}"),
            "support is less than the price ceiling of its condition, or the mean price of the country",
            problems,
        );
    }
}

/// Same law for the same vehicles on the same days with two values. Trade regimes and averages are apart.
fn contradict(a: &Rule, b: &Rule) -> bool {
    let comparable = matches!(
        a.instrument,
        Instrument::Budget | Instrument::ProductionOffset
    ) || a.instrument.module() == super::Module::Wedge;
    comparable
        && a.reason.is_none()
        && b.reason.is_none()
        && !a.average
        && !b.average
        && a.instrument == b.instrument
        && a.place == b.place
        && a.scheme == b.scheme
        && a.payer == b.payer
        && a.unit == b.unit
        && a.segments == b.segments
        && a.powertrains == b.powertrains
        && a.built == b.built
        && a.tests == b.tests
        && b.end.is_none_or(|end| a.start <= end)
        && a.end.is_none_or(|end| b.start <= end)
        && a.value != b.value
}
