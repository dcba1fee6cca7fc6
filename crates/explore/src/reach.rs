//! Which input gives a wanted output: search for a bracket from a start outwards, then the Illinois form of false
//! position (Dowell and Jarratt 1971) inside it.
//!
//! ```
//! use kyoso_explore::reach::{Found, Search, reach};
//!
//! let search = Search { start: 0.0, low: -10.0, high: 10.0, tolerance: 1e-12 };
//! let cube = |x: f64| Ok::<_, std::convert::Infallible>(x.powi(3));
//! match reach(cube, 8.0, search)? {
//!     Found::Reached { input, .. } => assert!((input - 2.0).abs() < 1e-12),
//!     Found::OutOfReach { .. } => unreachable!("8 is the cube of 2"),
//! }
//! # Ok::<(), std::convert::Infallible>(())
//! ```

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// First input tried; held within the range.
    pub start: f64,
    /// Least input.
    pub low: f64,
    /// Greatest input.
    pub high: f64,
    /// Largest distance from the wanted output, absolute.
    pub tolerance: f64,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Found {
    /// An input that gives the output: the first crossing met from the start outwards. Where the output jumps
    /// across the wanted one, the input beside the jump, and an output beyond the tolerance.
    Reached {
        /// Input.
        input: f64,
        /// Its output.
        output: f64,
    },
    /// No input tried within the range crosses the wanted output.
    OutOfReach {
        /// Input and output tried with the least output.
        least: (f64, f64),
        /// Input and output tried with the greatest output.
        most: (f64, f64),
    },
}

/// First step from the start, as a part of the range; steps double.
const FIRST_STEP: f64 = 1.0 / 512.0;
/// False positions before the bracket is halved to the end.
const PATIENCE: usize = 60;

/// How far the search has gone to one side.
struct Side {
    /// Last input with an output.
    at: (f64, f64),
    /// No input beyond this.
    limit: f64,
    /// True where the model has no output at the limit: inputs before it are tried closer and closer.
    fails: bool,
}

impl Side {
    /// The next input to try; none where the side is exhausted.
    fn next(&self, step: f64, start: f64, finest: f64) -> Option<f64> {
        let left = self.limit - self.at.0;
        if self.fails {
            return (left.abs() > finest).then(|| self.at.0 + left / 2.0);
        }
        let to = start + step.copysign(self.limit - start);
        let to = if (to - start).abs() < (self.limit - start).abs() {
            to
        } else {
            self.limit
        };
        (left != 0.0).then_some(to)
    }
}

/// Finds an input between `low` and `high` whose output is the wanted one. An output of NaN says that the model has
/// none there: the search goes no further that way.
pub fn reach<E>(
    mut output: impl FnMut(f64) -> Result<f64, E>,
    wanted: f64,
    search: Search,
) -> Result<Found, E> {
    let start = search.start.clamp(search.low, search.high);
    let first = (start, output(start)?);
    if (first.1 - wanted).abs() <= search.tolerance {
        let (input, output) = first;
        return Ok(Found::Reached { input, output });
    }
    let (mut least, mut most) = (first, first);
    let mut sides = [search.high, search.low].map(|limit| Side {
        at: first,
        limit,
        fails: false,
    });
    let mut step = (search.high - search.low) * FIRST_STEP;
    let finest = step / 64.0;
    loop {
        let mut exhausted = true;
        for side in &mut sides {
            let Some(to) = side.next(step, start, finest) else {
                continue;
            };
            exhausted = false;
            let next = (to, output(to)?);
            if next.1.is_nan() {
                (side.limit, side.fails) = (to, true);
                continue;
            }
            if (side.at.1 - wanted) * (next.1 - wanted) <= 0.0 {
                return inside(output, wanted, side.at, next, search.tolerance);
            }
            if next.1 < least.1 {
                least = next;
            }
            if next.1 > most.1 {
                most = next;
            }
            side.at = next;
        }
        if exhausted {
            return Ok(Found::OutOfReach { least, most });
        }
        step *= 2.0;
    }
}

/// The crossing between two inputs on different sides of the wanted output.
fn inside<E>(
    mut output: impl FnMut(f64) -> Result<f64, E>,
    wanted: f64,
    mut a: (f64, f64),
    mut b: (f64, f64),
    tolerance: f64,
) -> Result<Found, E> {
    let narrow = f64::EPSILON * 4.0 * (a.0.abs() + b.0.abs());
    let (mut weight_a, mut weight_b) = (1.0, 1.0);
    let mut tried = 0;
    loop {
        let best = if (a.1 - wanted).abs() <= (b.1 - wanted).abs() {
            a
        } else {
            b
        };
        let found = Found::Reached {
            input: best.0,
            output: best.1,
        };
        if (best.1 - wanted).abs() <= tolerance || (a.0 - b.0).abs() <= narrow {
            return Ok(found);
        }
        let (over, under) = (weight_a * (a.1 - wanted), weight_b * (b.1 - wanted));
        let false_position = (a.0 * under - b.0 * over) / (under - over);
        let within = (false_position - a.0) * (false_position - b.0) < 0.0;
        let input = if tried < PATIENCE && within {
            false_position
        } else {
            f64::midpoint(a.0, b.0)
        };
        tried += 1;
        let next = (input, output(input)?);
        if next.1.is_nan() {
            // A hole between two inputs with outputs: what is nearest beside it.
            return Ok(found);
        }
        // The end that stays loses half its weight, so that it does not stay for ever.
        if (next.1 - wanted) * (a.1 - wanted) > 0.0 {
            a = next;
            (weight_a, weight_b) = (1.0, weight_b / 2.0);
        } else {
            b = next;
            (weight_a, weight_b) = (weight_a / 2.0, 1.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const WIDE: Search = Search {
        start: 0.0,
        low: -1e5,
        high: 1e5,
        tolerance: 1e-9,
    };

    fn find(output: impl Fn(f64) -> f64, wanted: f64, search: Search) -> Found {
        reach(|x| Ok::<_, Infallible>(output(x)), wanted, search).expect("it cannot fail")
    }

    #[test]
    fn a_share_is_met_by_the_subsidy_that_gives_it() {
        // Logit share 1 / (1 + exp(2 - x / 1000)): 60 % at x = 1000 (2 + ln 1.5).
        let share = |x: f64| 100.0 / (1.0 + (2.0 - x / 1000.0).exp());
        let Found::Reached { input, output } = find(share, 60.0, WIDE) else {
            panic!("within range");
        };
        assert!(
            (input - 1000.0 * (2.0 + 1.5_f64.ln())).abs() < 1e-4,
            "{input}"
        );
        assert!((output - 60.0).abs() <= 1e-9);
        assert!(matches!(
            find(|x| -share(x), -60.0, WIDE),
            Found::Reached { .. }
        ));
    }

    #[test]
    fn what_lies_outside_is_said_with_the_ends() {
        let found = find(|x| x.clamp(-3.0, 5.0), 6.0, WIDE);
        let Found::OutOfReach { least, most } = found else {
            panic!("{found:?}");
        };
        assert_eq!((least.1, most.1), (-3.0, 5.0));
    }

    #[test]
    fn the_start_may_be_the_answer_and_ends_are_tried() {
        assert_eq!(
            find(|_| 7.0, 7.0, WIDE),
            Found::Reached {
                input: 0.0,
                output: 7.0
            }
        );
        let unit = Search {
            start: 5.0,
            low: 0.0,
            high: 1.0,
            tolerance: 0.0,
        };
        assert!(
            matches!(find(|x| x, 0.0, unit), Found::Reached { input, .. } if input.abs() < 1e-12)
        );
    }

    #[test]
    fn where_the_model_fails_the_search_comes_closer_and_ends() {
        let fails = |x: f64| if x > 700.0 { f64::NAN } else { x };
        assert!(
            matches!(find(fails, 650.0, WIDE), Found::Reached { input, .. } if (input - 650.0).abs() < 1e-6)
        );
        let Found::OutOfReach { least, most } = find(fails, 1e4, WIDE) else {
            panic!("it fails before");
        };
        assert!(
            least.1 <= -9e4 && (500.0..=700.0).contains(&most.1),
            "{least:?} {most:?}"
        );
    }

    #[test]
    fn a_jump_ends_beside_it() {
        let found = find(|x| if x < 123.456 { 0.0 } else { 2.0 }, 1.0, WIDE);
        let Found::Reached { input, output } = found else {
            panic!("{found:?}");
        };
        assert!((input - 123.456).abs() < 1e-6 && (output - 1.0).abs() > 0.5);
    }

    #[test]
    fn a_failure_of_the_model_is_handed_on() {
        assert_eq!(
            reach(|x| if x > 100.0 { Err(x) } else { Ok(x) }, 1e4, WIDE),
            Err(390.625)
        );
    }
}
