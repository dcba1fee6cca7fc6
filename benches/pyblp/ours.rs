//! Our side of the comparison with `PyBLP`: `ours FOLDER CASE TASK REPETITIONS`, answers and times as JSON.
//!
//! `compare.py` in this folder calls it; threads are set by `RAYON_NUM_THREADS`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use kyoso_demand::linalg::Matrix;
use kyoso_demand::{
    CostForm, Counterfactual, Covariance, Economy, Error, Formulation, Inversion, Level, Names,
    Options, Parameters, Pricing, Problem, Specification, Table,
};

type Failure = Box<dyn std::error::Error>;

/// One repetition: wall and CPU seconds.
struct Time {
    wall: f64,
    cpu: f64,
}

/// What a task gives: numbers to compare, share evaluations and cells (evaluations x products x nodes).
struct Answer {
    values: Vec<f64>,
    /// Whether each number is an answer: prices of a market without equilibrium are none. All are where empty.
    found: Vec<bool>,
    objective: Option<f64>,
    evaluations: usize,
    cells: usize,
}

fn main() -> Result<(), Failure> {
    let mut words = std::env::args().skip(1);
    let mut word = |what: &str| words.next().ok_or(format!("{what} is missing"));
    let (folder, case, task) = (PathBuf::from(word("folder")?), word("case")?, word("task")?);
    let repetitions: usize = word("repetitions")?.parse()?;
    let (answer, times) = match (case.as_str(), task.as_str()) {
        ("automobiles", "estimate") => estimate(repetitions)?,
        ("automobiles", "invert") => {
            let (problem, start) = automobiles()?;
            invert(&problem, &start, repetitions)?
        }
        (_, "invert") => {
            let (problem, start, _) = simulated(&folder, &case)?;
            invert(&problem, &start, repetitions)?
        }
        (_, "prices" | "prices-checked") => {
            prices(&folder, &case, task == "prices-checked", repetitions)?
        }
        _ => return Err(format!("no task `{task}`").into()),
    };
    let times: Vec<[f64; 2]> = times.iter().map(|t| [t.wall, t.cpu]).collect();
    println!(
        "{}",
        serde_json::json!({
            "times": times,
            "values": answer.values,
            "found": answer.found,
            "objective": answer.objective,
            "evaluations": answer.evaluations,
            "cells": answer.cells,
            "level": Level::detect().name(),
            "exp_ns": exponential_ns(),
        })
    );
    Ok(())
}

/// Seconds of processor time of all threads so far.
fn cpu_seconds() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return f64::NAN;
    };
    let of_thread = |path: &Path| -> Option<f64> {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse().ok()
    };
    1e-9 * threads
        .flatten()
        .filter_map(|t| of_thread(&t.path()))
        .sum::<f64>()
}

/// Shortest time that is measured, in seconds: the system counts a thread's processor time by ticks of a few milliseconds.
const SHORTEST: f64 = 0.3;

/// Runs a task so often, each time over and over until the time can be told (once more, untimed, to warm up), and keeps what it gave last.
fn timed<T>(
    repetitions: usize,
    mut task: impl FnMut() -> Result<T, Error>,
) -> Result<(T, Vec<Time>), Failure> {
    let mut times = Vec::new();
    let warm = Instant::now();
    let mut given = task()?;
    let mut rounds = 1 + (SHORTEST / warm.elapsed().as_secs_f64()) as usize;
    while times.len() < repetitions {
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        for _ in 0..rounds {
            given = task()?;
        }
        let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_seconds() - cpu);
        if wall < SHORTEST {
            rounds += 1 + (rounds as f64 * (SHORTEST / wall - 1.0)) as usize;
            continue;
        }
        times.push(Time {
            wall: wall / rounds as f64,
            cpu: cpu / rounds as f64,
        });
    }
    Ok((given, times))
}

/// Nanoseconds of one exponential in a vector that stays in the nearest cache: the best of many.
fn exponential_ns() -> f64 {
    let level = Level::detect();
    let points: Vec<f64> = (0..2048).map(|i| -10.0 + 0.005 * f64::from(i)).collect();
    let mut values = points.clone();
    let best = (0..2000)
        .map(|_| {
            values.copy_from_slice(&points);
            let start = Instant::now();
            level.exp(std::hint::black_box(&mut values));
            start.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min);
    1e9 * best / values.len() as f64
}

fn estimate(repetitions: usize) -> Result<(Answer, Vec<Time>), Failure> {
    let (problem, start) = automobiles()?;
    let options = Options {
        weights: Covariance::Clustered,
        errors: Covariance::Clustered,
        initial_update: true,
        cost_bounds: (0.001, f64::INFINITY),
        ..Options::default()
    };
    let (results, times) = timed(repetitions, || problem.solve(&start, &options))?;
    let answer = Answer {
        values: results.estimates.iter().map(|e| e.value).collect(),
        found: Vec::new(),
        objective: Some(results.objective),
        evaluations: results.effort.contractions,
        cells: results.effort.cells,
    };
    Ok((answer, times))
}

fn invert(
    problem: &Problem,
    start: &Parameters,
    repetitions: usize,
) -> Result<(Answer, Vec<Time>), Failure> {
    let inversion = Inversion::default();
    let ((delta, inverted), times) = timed(repetitions, || problem.invert(start, &inversion))?;
    let evaluations = inverted.iter().map(|i| i.evaluations);
    let answer = Answer {
        values: delta,
        found: Vec::new(),
        objective: None,
        cells: cells(problem, evaluations.clone()),
        evaluations: evaluations.sum(),
    };
    Ok((answer, times))
}

fn prices(
    folder: &Path,
    case: &str,
    check: bool,
    repetitions: usize,
) -> Result<(Answer, Vec<Time>), Failure> {
    let (problem, parameters, products) = if case == "automobiles" {
        estimated()?
    } else {
        simulated(folder, case)?
    };
    let (delta, _) = problem.invert(&parameters, &Inversion::default())?;
    let known = products.numbers("costs").map(<[f64]>::to_vec);
    let mut economy = Economy::new(&problem, parameters, delta, known.unwrap_or_default())?;
    if economy.costs.is_empty() {
        economy.costs = economy.implied_costs(&Counterfactual::default())?;
    }
    // The same merger as over there: of the first two makers, of General Motors and Ford.
    let (joins, joined) = if case == "automobiles" {
        ("16", "19")
    } else {
        ("1", "0")
    };
    let firms = products.labels("firm_ids").ok_or("no makers")?;
    let change = Counterfactual {
        firms: firms
            .into_iter()
            .map(|f| if f == joins { joined.to_owned() } else { f })
            .collect(),
        ..Counterfactual::default()
    };
    let pricing = Pricing {
        check,
        ..Pricing::default()
    };
    let (outcome, times) = timed(repetitions, || economy.equilibrium(&change, &pricing))?;
    let evaluations = outcome.verdicts.iter().map(|v| v.evaluations);
    let answer = Answer {
        objective: None,
        cells: cells(&problem, evaluations.clone()),
        evaluations: evaluations.sum(),
        found: problem
            .sizes()
            .zip(&outcome.verdicts)
            .flat_map(|((products, _), v)| vec![v.converged; products])
            .collect(),
        values: outcome.prices,
    };
    Ok((answer, times))
}

/// Evaluations x products x nodes, market by market.
fn cells(problem: &Problem, evaluations: impl Iterator<Item = usize>) -> usize {
    problem
        .sizes()
        .zip(evaluations)
        .map(|((products, nodes), e)| e * products * nodes)
        .sum()
}

/// The automobile problem of Berry, Levinsohn and Pakes (1995) with its start.
fn automobiles() -> Result<(Problem, Parameters), Failure> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/demand/blp-1995");
    let terms = |text: &[&str]| Formulation::parse(text);
    let specification = Specification {
        linear: terms(&["1", "hpwt", "air", "mpd", "space"])?,
        random: terms(&["1", "prices", "hpwt", "air", "mpd", "space"])?,
        cost: terms(&["1", "log(hpwt)", "air", "log(mpg)", "log(space)", "trend"])?,
        demographics: terms(&["1/income"])?,
        cost_form: CostForm::Log,
        names: Names {
            product: "car_ids".into(),
            ..Names::default()
        },
        ..Specification::default()
    };
    let problem = Problem::new(
        specification,
        &table(&data.join("products.csv"))?,
        Some(&table(&data.join("agents.csv"))?),
    )?;
    let mut pi = Matrix::zeros(6, 1);
    pi[(1, 0)] = -43.501;
    let start = Parameters {
        sigma: Matrix::diagonal(&[3.612, 0.0, 4.628, 1.818, 1.050, 2.056]),
        pi,
        ..Parameters::default()
    };
    Ok((problem, start))
}

/// The automobile problem at parameters near its two-step estimates, and its table of products.
fn estimated() -> Result<(Problem, Parameters, Table), Failure> {
    let (problem, mut parameters) = automobiles()?;
    parameters.sigma = Matrix::diagonal(&[2.025, 0.0, 6.1, 3.956, 0.2535, 1.908]);
    parameters.pi[(1, 0)] = -44.84;
    // No price enters the mean utility, so its coefficients do not matter here.
    parameters.beta = vec![Some(0.0); 5];
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/demand/blp-1995");
    Ok((problem, parameters, table(&data.join("products.csv"))?))
}

/// A simulated case: problem, true parameters and the table of products.
fn simulated(folder: &Path, case: &str) -> Result<(Problem, Parameters, Table), Failure> {
    let products = table(&folder.join(format!("{case}_products.csv")))?;
    let agents = table(&folder.join(format!("{case}_agents.csv")))?;
    let specification = Specification {
        linear: Formulation::parse(&["1", "prices", "x"])?,
        random: Formulation::parse(&["1", "prices", "x"])?,
        ..Specification::default()
    };
    let problem = Problem::new(specification, &products, Some(&agents))?;
    let parameters = Parameters {
        sigma: Matrix::diagonal(if case.ends_with("-strong") {
            &[2.5, 0.9, 2.0]
        } else {
            &[0.8, 0.4, 0.6]
        }),
        pi: Matrix::zeros(3, 0),
        beta: vec![Some(1.0), Some(-3.0), Some(1.5)],
        ..Parameters::default()
    };
    Ok((problem, parameters, products))
}

/// A CSV file as columns: numbers where every value is one, except identifiers.
fn table(path: &Path) -> Result<Table, Failure> {
    let mut reader = csv::Reader::from_path(path)?;
    let names: Vec<String> = reader.headers()?.iter().map(str::to_owned).collect();
    let mut columns = vec![Vec::new(); names.len()];
    for record in reader.records() {
        for (column, value) in columns.iter_mut().zip(record?.iter()) {
            column.push(value.to_owned());
        }
    }
    let mut table = Table::new();
    for (name, values) in names.iter().zip(columns) {
        let numbers: Result<Vec<f64>, _> = values.iter().map(|v| v.parse()).collect();
        table = match numbers {
            Ok(numbers) if !name.ends_with("_ids") => table.with(name, numbers),
            _ => table.with_labels(name, values),
        };
    }
    Ok(table)
}
