//! Estimates by stated rules where the record is silent. Every rule is written down in
//! `docs/reference/estimates.md`, and `kyoso data estimates` prints what they give.

use super::Country;
use crate::ids::{FIRST_YEAR, GROUPS, Grid, Group, Powertrain, YEARS, year_index};
use crate::input::Record;
use crate::parameters::Parameters;

/// History where there is one, then the path of a scenario, interpolated in logs.
///
/// Without a path (an origin before its release) growth of the last ten years, drawn half-way to the
/// mean of the group, fades over fifteen years to `long_run` growth a year.
pub fn driver_path(history: &Grid, path: &Grid, countries: &[Country], long_run: f64) -> Grid {
    let mut filled = history.clone();
    let trends = trailing_growth(history, countries);
    for country in 0..filled.rows() {
        let Some(last) = history.row(country).iter().rposition(|cell| !cell.is_nan()) else {
            continue;
        };
        let row = filled.row_mut(country);
        if path.row(country).iter().any(|cell| !cell.is_nan()) {
            for (cell, value) in row.iter_mut().zip(path.row(country)).skip(last + 1) {
                *cell = *value;
            }
            interpolate(row, true);
        } else {
            interpolate(row, true);
            for year in last + 1..YEARS {
                let fade = ((year - last) as f64 / 15.0).min(1.0);
                row[year] =
                    row[year - 1] * (trends[country] * (1.0 - fade) + long_run * fade).exp();
            }
        }
    }
    filled
}

fn trailing_growth(history: &Grid, countries: &[Country]) -> Vec<f64> {
    let own: Vec<f64> = (0..history.rows())
        .map(|country| {
            let row = history.row(country);
            let Some(last) = row.iter().rposition(|cell| !cell.is_nan()) else {
                return f64::NAN;
            };
            let first = last.saturating_sub(10);
            if first < last && row[first] > 0.0 {
                (row[last] / row[first]).ln() / (last - first) as f64
            } else {
                f64::NAN
            }
        })
        .collect();
    let mut group = own.clone();
    by_group_mean_all(&mut group, countries);
    own.iter()
        .zip(&group)
        .map(|(own, group)| {
            if own.is_nan() {
                *group
            } else {
                0.5 * (own + group)
            }
        })
        .collect()
}

/// Replaces every value by the mean of its group.
fn by_group_mean_all(values: &mut [f64], countries: &[Country]) {
    let means = group_means(values, countries);
    for (value, country) in values.iter_mut().zip(countries) {
        *value = means[country.group.index()];
    }
}

fn group_means(values: &[f64], countries: &[Country]) -> Vec<f64> {
    let mut sum = vec![(0.0, 0.0); GROUPS];
    for (value, country) in values.iter().zip(countries) {
        if !value.is_nan() {
            let cell: &mut (f64, f64) = &mut sum[country.group.index()];
            cell.0 += value;
            cell.1 += 1.0;
        }
    }
    sum.iter()
        .map(|(total, count)| {
            if *count > 0.0 {
                total / count
            } else {
                f64::NAN
            }
        })
        .collect()
}

/// Fills unknown values by the mean of the group, `default` where the group has none.
pub fn by_group_mean(values: &mut [f64], countries: &[Country], default: f64) {
    let means = group_means(values, countries);
    for (value, country) in values.iter_mut().zip(countries) {
        if value.is_nan() {
            let mean = means[country.group.index()];
            *value = if mean.is_nan() { default } else { mean };
        }
    }
}

/// Fills gaps between known cells linearly, or in logs; carries the ends outward.
pub fn interpolate(row: &mut [f64], in_logs: bool) {
    let known: Vec<usize> = (0..row.len()).filter(|&i| !row[i].is_nan()).collect();
    let (Some(&first), Some(&last)) = (known.first(), known.last()) else {
        return;
    };
    for pair in known.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        for i in from + 1..to {
            let weight = (i - from) as f64 / (to - from) as f64;
            row[i] = if in_logs && row[from] > 0.0 && row[to] > 0.0 {
                (row[from].ln() * (1.0 - weight) + row[to].ln() * weight).exp()
            } else {
                row[from] * (1.0 - weight) + row[to] * weight
            };
        }
    }
    let (head, tail) = (row[first], row[last]);
    row[..first].fill(head);
    row[last..].fill(tail);
}

/// Interpolates each row that has a known cell.
pub fn interpolate_rows(grid: &mut Grid) {
    for row in grid.rows_mut() {
        interpolate(row, false);
    }
}

/// Writes the known cells of `top` over `bottom`.
pub fn overlay(bottom: &mut Grid, top: &Grid) {
    for (cell, value) in bottom.rows_mut().flatten().zip(top.cells()) {
        if !value.is_nan() {
            *cell = *value;
        }
    }
}

/// Years between given points, linear, constant outside; NaN without points.
pub fn years_from_points(points: &[(i32, f64)]) -> Vec<f64> {
    let mut row = vec![f64::NAN; YEARS];
    for (year, value) in points {
        if (FIRST_YEAR..FIRST_YEAR + YEARS as i32).contains(year) {
            row[year_index(*year)] = *value;
        }
    }
    interpolate(&mut row, false);
    row
}

/// Fills rows without any cell by the mean of their group, weighted by people.
/// Rows with cells are filled between them and keep unknown years beyond the last as NaN.
pub fn by_group_ratio(grid: &mut Grid, countries: &[Country], population: &Grid) {
    let last_known = (0..grid.rows())
        .filter_map(|country| grid.row(country).iter().rposition(|cell| !cell.is_nan()))
        .max()
        .unwrap_or(0);
    for country in 0..grid.rows() {
        let row = grid.row_mut(country);
        if row.iter().any(|cell| !cell.is_nan()) {
            let mut head = row[..=last_known].to_vec();
            interpolate(&mut head, false);
            row[..=last_known].copy_from_slice(&head);
        }
    }
    let mut means = Grid::filled(GROUPS + 1, YEARS, f64::NAN);
    for year in 0..=last_known {
        let mut sums = vec![(0.0, 0.0); GROUPS + 1];
        for (c, country) in countries.iter().enumerate() {
            let (value, people) = (grid[(c, year)], population[(c, year)]);
            if !value.is_nan() && people > 0.0 {
                for slot in [country.group.index(), GROUPS] {
                    let sum: &mut (f64, f64) = &mut sums[slot];
                    sum.0 += value * people;
                    sum.1 += people;
                }
            }
        }
        for (slot, (sum, people)) in sums.iter().enumerate() {
            if *people > 0.0 {
                means[(slot, year)] = sum / people;
            }
        }
    }
    for (c, country) in countries.iter().enumerate() {
        if grid.row(c).iter().all(|cell| cell.is_nan()) {
            for year in 0..=last_known {
                let group = means[(country.group.index(), year)];
                grid[(c, year)] = if group.is_nan() {
                    means[(GROUPS, year)]
                } else {
                    group
                };
            }
        }
    }
}

/// Crude price by year: history, then the reference path; constant beyond what is known.
pub fn crude(record: &Record, _parameters: &Parameters) -> Vec<f64> {
    let table = record.table("crude_price");
    let (path, year, price) = (
        table.text("path"),
        table.integer("year"),
        table.real("price_usd2023_per_bbl"),
    );
    let mut points: Vec<(i32, f64)> = Vec::new();
    for wanted in ["history", "reference"] {
        let last = points.iter().map(|point| point.0).max().unwrap_or(i32::MIN);
        points.extend(
            (0..table.rows())
                .filter(|&row| path.get(row) == wanted && year[row] > last)
                .map(|row| (year[row], price[row])),
        );
    }
    points.sort_by_key(|point| point.0);
    if points.is_empty() {
        points.push((FIRST_YEAR, 80.0));
    }
    years_from_points(&points)
}

/// Sales of every country and year: the record, else interpolation, else income.
///
/// A country with a record somewhere moves from it with its GDP per head (elasticity 1) and people.
/// A country without one gets sales per head by regression on log income and its square over the
/// recorded countries of the base year, with the mean residual of its group, shrunk by three observations.
pub fn sales(
    recorded: &Grid,
    population: &Grid,
    income: &Grid,
    countries: &[Country],
    base: usize,
) -> (Grid, Vec<bool>) {
    let start = year_index(2005);
    let mut filled = recorded.clone();
    let flags: Vec<bool> = recorded.cells().iter().map(|cell| !cell.is_nan()).collect();
    let size = |c: usize, year: usize| population[(c, year)] * income[(c, year)];
    let guess = cross_section(recorded, population, income, countries, base);
    for c in 0..countries.len() {
        let mut scaled: Vec<f64> = (start..=base)
            .map(|year| recorded[(c, year)] / size(c, year))
            .collect();
        if scaled.iter().all(|value| value.is_nan()) {
            scaled.fill(guess[c] / size(c, base));
        }
        interpolate(&mut scaled, true);
        for year in start..=base {
            if recorded[(c, year)].is_nan() {
                filled[(c, year)] = scaled[year - start] * size(c, year);
            }
        }
    }
    (filled, flags)
}

/// Predicted base-year sales of every country.
fn cross_section(
    recorded: &Grid,
    population: &Grid,
    income: &Grid,
    countries: &[Country],
    base: usize,
) -> Vec<f64> {
    let features = |c: usize| {
        let y = (income[(c, base)] / 1e4).ln();
        [1.0, y, y * y]
    };
    let observed: Vec<(usize, f64)> = (0..countries.len())
        .filter_map(|c| {
            let units = recorded[(c, base)];
            (units > 0.0 && population[(c, base)] > 0.0)
                .then(|| (c, (units / population[(c, base)]).ln()))
        })
        .collect();
    let rows: Vec<([f64; 3], f64)> = observed
        .iter()
        .map(|&(c, value)| (features(c), value))
        .collect();
    let beta = crate::least_squares::solve(&rows, &[1e-9; 3], &[0.0; 3]);
    let predict = |c: usize| {
        features(c)
            .iter()
            .zip(&beta)
            .map(|(x, b)| x * b)
            .sum::<f64>()
    };
    let mut residual = vec![(0.0, 3.0); GROUPS];
    for &(c, value) in &observed {
        let cell: &mut (f64, f64) = &mut residual[countries[c].group.index()];
        cell.0 += value - predict(c);
        cell.1 += 1.0;
    }
    (0..countries.len())
        .map(|c| {
            let (sum, count) = residual[countries[c].group.index()];
            (predict(c) + sum / count).exp() * population[(c, base)]
        })
        .collect()
}

/// Heavy vehicles' share of sales: a share of commercial vehicles that depends on what the country counts as commercial.
pub fn heavy_share(
    total: &Grid,
    commercial: &Grid,
    countries: &[Country],
    parameters: &Parameters,
    base: usize,
) -> Grid {
    let mut share = Grid::filled(countries.len(), YEARS, f64::NAN);
    for (c, country) in countries.iter().enumerate() {
        let group = country.group.code().to_lowercase().replace(' ', "-");
        let rate = parameters.of_member("split.heavy_of_commercial", &country.iso3, &group);
        for year in 0..=base {
            let (all, part) = (total[(c, year)], commercial[(c, year)]);
            if all > 0.0 && !part.is_nan() {
                share[(c, year)] = (rate * part / all).clamp(0.0, 0.6);
            }
        }
        interpolate(share.row_mut(c), false);
    }
    let base_share: Vec<f64> = (0..countries.len()).map(|c| share[(c, base)]).collect();
    let means = group_means(&base_share, countries);
    for (c, country) in countries.iter().enumerate() {
        let fallback = means[country.group.index()];
        for cell in share.row_mut(c) {
            if cell.is_nan() {
                *cell = if fallback.is_nan() { 0.08 } else { fallback };
            }
        }
    }
    share
}

/// Hybrid shares where none is recorded: half the mean of the recorded countries of the group, else a small share rising with income.
pub fn hybrid_share(share: &mut Grid, countries: &[Country], income: &Grid, base: usize) {
    let recorded: Vec<f64> = (0..countries.len()).map(|c| share[(c, base)]).collect();
    let means = group_means(&recorded, countries);
    for (c, country) in countries.iter().enumerate() {
        let row = share.row_mut(c);
        if row.iter().any(|cell| !cell.is_nan()) {
            let first = row.iter().position(|cell| !cell.is_nan()).unwrap_or(0);
            let mut known = row[first..].to_vec();
            interpolate(&mut known, false);
            row[first..].copy_from_slice(&known);
            for year in (0..first).rev() {
                row[year] = row[year + 1] * 0.8;
            }
        } else {
            let by_income = 0.01 * (income[(c, base)] / 3e4).clamp(0.05, 2.0);
            let mean = means[country.group.index()];
            let level = if mean.is_nan() {
                by_income
            } else {
                (0.5 * mean).min(0.08) * (income[(c, base)] / 3e4).clamp(0.2, 1.0)
            };
            for (year, cell) in row.iter_mut().enumerate() {
                *cell = level * 0.8_f64.powi(base.saturating_sub(year) as i32);
            }
        }
        row.iter_mut().for_each(|cell| *cell = cell.clamp(0.0, 0.9));
    }
}

/// Conventional mix where unknown: the mean of the group; petrol with one tenth diesel where the group has none.
pub fn conventional_mix(mix: &mut Grid, countries: &[Country]) {
    let known: Vec<bool> = (0..countries.len())
        .map(|c| mix.row(c).iter().sum::<f64>() > 0.3)
        .collect();
    let kinds: Vec<Powertrain> = Powertrain::ALL
        .iter()
        .copied()
        .filter(|f| f.is_conventional())
        .collect();
    let mut means = vec![[0.0; 4]; GROUPS];
    let mut counts = [0.0; GROUPS];
    for (c, country) in countries.iter().enumerate().filter(|(c, _)| known[*c]) {
        let sum: f64 = mix.row(c).iter().sum();
        for (slot, kind) in kinds.iter().enumerate() {
            means[country.group.index()][slot] += mix[(c, kind.index())] / sum;
        }
        counts[country.group.index()] += 1.0;
    }
    for (c, country) in countries.iter().enumerate() {
        let group = country.group.index();
        if known[c] {
            let sum: f64 = mix.row(c).iter().sum();
            mix.row_mut(c).iter_mut().for_each(|share| *share /= sum);
        } else if counts[group] > 0.0 {
            for (slot, kind) in kinds.iter().enumerate() {
                mix[(c, kind.index())] = means[group][slot] / counts[group];
            }
        } else {
            let diesel = match country.group {
                Group::Africa | Group::OtherAsia | Group::CentralAsia => 0.15,
                _ => 0.10,
            };
            mix[(c, Powertrain::Gasoline.index())] = 1.0 - diesel;
            mix[(c, Powertrain::Diesel.index())] = diesel;
        }
    }
}

/// Segment shares where unknown: the mean of the group, the mean of all where the group has none.
pub fn segment_share(share: &mut Grid, countries: &[Country]) {
    mean_rows(share, countries);
}

/// Origin shares where unknown: the mean of the group, the mean of all where the group has none.
pub fn origin_share(share: &mut Grid, countries: &[Country]) {
    for row in share.rows_mut() {
        let sum: f64 = row.iter().sum();
        if sum > 0.0 {
            row.iter_mut().for_each(|cell| *cell /= sum);
        }
    }
    mean_rows(share, countries);
}

/// Tariffs where unknown: the mean of the group, the mean of all where the group has none.
pub fn tariff(tariff: &mut Grid, countries: &[Country]) {
    mean_rows(tariff, countries);
}

/// Fills rows without a number by the mean row of their group, else of all countries.
fn mean_rows(grid: &mut Grid, countries: &[Country]) {
    let width = grid.row(0).len();
    let mut sums = Grid::filled(GROUPS + 1, width, 0.0);
    let mut counts = [0.0; GROUPS + 1];
    for (c, country) in countries.iter().enumerate() {
        if grid.row(c).iter().all(|cell| !cell.is_nan()) {
            for slot in [country.group.index(), GROUPS] {
                for column in 0..width {
                    sums[(slot, column)] += grid[(c, column)];
                }
                counts[slot] += 1.0;
            }
        }
    }
    for (c, country) in countries.iter().enumerate() {
        if grid.row(c).iter().any(|cell| cell.is_nan()) {
            let slot = if counts[country.group.index()] > 0.0 {
                country.group.index()
            } else {
                GROUPS
            };
            for column in 0..width {
                let known = grid[(c, column)];
                if known.is_nan() {
                    grid[(c, column)] = if counts[slot] > 0.0 {
                        sums[(slot, column)] / counts[slot]
                    } else {
                        0.0
                    };
                }
            }
        }
    }
}
