//! Exit codes, progress and errors on the terminal.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kyoso_model::hindcast::HindcastError;
use kyoso_model::run::RunError;

/// A check that failed: identities, or bytes that differ.
#[derive(Debug)]
pub struct CheckFailed(pub String);

impl std::fmt::Display for CheckFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CheckFailed {}

/// An estimation or its prices stopped short of their tolerance; the results have been shown.
#[derive(Debug)]
pub struct NotConverged(pub String);

impl std::fmt::Display for NotConverged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotConverged {}

/// Prints an error and gives the exit code of its kind.
pub fn report(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|io| io.kind() == std::io::ErrorKind::BrokenPipe)
    }) {
        return ExitCode::SUCCESS;
    }
    let red = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let label = if red {
        "\u{1b}[31merror\u{1b}[0m"
    } else {
        "error"
    };
    let text = error
        .chain()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ");
    // Nobody is left to tell if standard error is closed.
    let _ = writeln!(std::io::stderr(), "{label}: {text}");
    ExitCode::from(code(error))
}

fn code(error: &anyhow::Error) -> u8 {
    let found = |test: &dyn Fn(&(dyn std::error::Error + 'static)) -> bool| error.chain().any(test);
    if found(&|cause| cause.downcast_ref::<CheckFailed>().is_some()) {
        4
    } else if found(&|cause| {
        matches!(cause.downcast_ref(), Some(RunError::NotConverged { .. }))
            || cause.downcast_ref::<NotConverged>().is_some()
            || matches!(cause.downcast_ref(), Some(HindcastError::Run(_)))
    }) {
        3
    } else {
        1
    }
}

/// A bar on a terminal, shown only if the work takes more than half a second.
pub fn bar(quiet: bool, length: u64, message: &'static str) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden())
        .with_message(message);
    if let Ok(style) = ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} {elapsed}") {
        bar.set_style(style);
    }
    let shown = bar.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(500));
        if !shown.is_finished() {
            shown.set_draw_target(ProgressDrawTarget::stderr());
        }
    });
    bar
}

/// Writes to standard output; a closed pipe is an error that ends the program quietly.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Columns of text, the first to the left, the others to the right.
pub fn columns(rows: &[Vec<String>]) -> String {
    columns_aligned(rows, |column| column > 0)
}

/// Columns of text, to the right where `right` says so.
pub fn columns_aligned(rows: &[Vec<String>], right: impl Fn(usize) -> bool) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width: Vec<usize> = (0..count)
        .map(|i| {
            rows.iter()
                .filter_map(|row| row.get(i))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let line: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(i, cell)| {
                let pad = " ".repeat(width[i] - cell.chars().count());
                if right(i) {
                    format!("{pad}{cell}")
                } else {
                    format!("{cell}{pad}")
                }
            })
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}
