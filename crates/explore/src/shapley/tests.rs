use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// Parts of a game with one output that cannot fail.
fn play(players: usize, game: impl Fn(Subset) -> f64 + Sync, options: Options) -> Attribution {
    attribute(players, |s| Ok::<_, Infallible>(vec![game(s)]), options)
        .expect("the options are sound and the game cannot fail")
}

fn exactly(players: usize, game: impl Fn(Subset) -> f64 + Sync) -> Vec<f64> {
    let split = play(
        players,
        game,
        Options {
            exact_up_to: MOST_EXACT,
            ..Options::default()
        },
    );
    assert!(split.exact && split.evaluations == 1 << players);
    split.parts.iter().map(|part| part[0]).collect()
}

/// A game from a table of values by bits; the empty set is worth nothing of the table.
fn tabled(values: &[f64]) -> impl Fn(Subset) -> f64 + Sync + '_ {
    |s| values[s.0 as usize]
}

fn sum(parts: &[f64]) -> f64 {
    parts.iter().fold(0.0, |sum, part| sum + part)
}

#[test]
fn gloves_are_worth_what_shapley_says() {
    // Two left, one right glove: the scarce one earns 2/3.
    let parts = exactly(3, |s| {
        f64::from(u8::from(s.has(2) && (s.has(0) || s.has(1))))
    });
    for (part, expected) in parts.iter().zip([1.0 / 6.0, 1.0 / 6.0, 2.0 / 3.0]) {
        assert!((part - expected).abs() < 1e-15, "{parts:?}");
    }
}

#[test]
fn a_runway_is_paid_in_steps() {
    // Littlechild and Owen (1973): each pays an equal share of every step of the runway it needs.
    let cost = [8.0, 11.0, 13.0, 18.0];
    let parts = exactly(4, |s| {
        (0..4)
            .filter(|&i| s.has(i))
            .map(|i| cost[i])
            .fold(0.0, f64::max)
    });
    let expected = [2.0, 3.0, 4.0, 9.0];
    for (part, expected) in parts.iter().zip(expected) {
        assert!((part - expected).abs() < 1e-14, "{parts:?}");
    }
}

#[test]
fn votes_of_a_council_are_counted() {
    // Weighted majority [quota 51; 50, 49, 1]: power 4/6, 1/6, 1/6 (Shapley and Shubik 1954).
    let weight = [50, 49, 1];
    let parts = exactly(3, |s| {
        let votes: i32 = (0..3).filter(|&i| s.has(i)).map(|i| weight[i]).sum();
        f64::from(u8::from(votes >= 51))
    });
    for (part, expected) in parts.iter().zip([4.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0]) {
        assert!((part - expected).abs() < 1e-15, "{parts:?}");
    }
}

#[test]
fn sampling_covers_the_exact_answer_and_still_sums_to_the_whole() {
    let n = 10;
    let game = |s: Subset| {
        let x: f64 = (0..n)
            .filter(|&i| s.has(i))
            .map(|i| 1.0 + i as f64 / 3.0)
            .sum();
        x.powf(1.4) + if s.has(2) && s.has(7) { 5.0 } else { 0.0 }
    };
    let exact = exactly(n, game);
    let options = Options {
        exact_up_to: 7,
        pairs: 40,
        seed: 3,
    };
    let found = play(n, game, options);
    assert!(!found.exact && found.evaluations < 1 << n);
    let mut outside = 0;
    for (i, exact) in exact.iter().enumerate() {
        let (part, error) = (found.parts[i][0], found.standard_errors[i][0]);
        assert!(
            (part - exact).abs() < 5.0 * error + 1e-9,
            "{i}: {part} {exact} {error}"
        );
        outside += usize::from((part - exact).abs() > 2.0 * error + 1e-9);
    }
    assert!(outside <= 3, "{outside} of {n} outside two standard errors");
    let parts: Vec<f64> = found.parts.iter().map(|part| part[0]).collect();
    assert_eq!(sum(&parts), found.whole[0]);
}

#[test]
fn antithetic_pairs_are_exact_where_only_pairs_of_groups_interact() {
    // With v quadratic, a permutation and its reverse average to the Shapley value.
    let n = 9;
    let game = |s: Subset| {
        let count = s.len() as f64;
        count * count + if s.has(0) { 3.0 } else { 0.0 }
    };
    let found = play(n, game, Options::default());
    assert!((found.parts[0][0] - 12.0).abs() < 1e-12);
    assert!(found.standard_errors.iter().all(|error| error[0] < 1e-12));
}

#[test]
fn threads_change_nothing() {
    let game = |s: Subset| (s.0 as f64 * 0.37).sin() * 1e3;
    for groups in [6, 11] {
        let run = |threads| {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .expect("threads")
                .install(|| play(groups, game, Options::default()))
        };
        assert_eq!(run(1), run(5));
    }
}

#[test]
fn failures_and_bad_options_are_told() {
    let broken = |s: Subset| {
        if s.has(1) {
            Err(s.len())
        } else {
            Ok(vec![1.0])
        }
    };
    assert_eq!(
        attribute(3, broken, Options::default()),
        Err(ShapleyError::Model(1)),
        "the first subset that fails"
    );
    let uneven = |s: Subset| Ok::<_, Infallible>(vec![0.0; 1 + s.len()]);
    assert!(matches!(
        attribute(2, uneven, Options::default()),
        Err(ShapleyError::Outputs {
            expected: 1,
            found: 2
        })
    ));
    let fine = |_: Subset| Ok::<_, Infallible>(vec![0.0]);
    assert!(attribute(MOST_GROUPS + 1, fine, Options::default()).is_err());
    let one = Options {
        pairs: 1,
        ..Options::default()
    };
    assert!(attribute(9, fine, one).is_err());
}

#[test]
fn no_groups_split_nothing_and_what_is_no_number_stays_so() {
    let none = play(0, |_| 4.0, Options::default());
    assert_eq!(
        (none.whole[0], none.parts.len(), none.residual[0]),
        (0.0, 0, 0.0)
    );
    let gap = play(
        2,
        |s| if s.is_empty() { f64::NAN } else { 1.0 },
        Options::default(),
    );
    assert!(gap.whole[0].is_nan() && gap.parts[0][0].is_nan());
}

const PLAYERS: usize = 5;

fn values() -> impl Strategy<Value = Vec<f64>> {
    proptest::collection::vec(-1e6_f64..1e6, 1 << PLAYERS)
}

proptest! {
    #[test]
    fn parts_sum_to_the_whole(values in values()) {
        let split = play(PLAYERS, tabled(&values), Options::default());
        let parts: Vec<f64> = split.parts.iter().map(|part| part[0]).collect();
        // To the last bit, or else what is left is in the last place of the largest part.
        let largest = parts.iter().fold(0.0_f64, |most, part| most.max(part.abs()));
        prop_assert_eq!(split.whole[0] - sum(&parts), split.residual[0]);
        prop_assert!(split.residual[0].abs() <= 4.0 * largest * f64::EPSILON);
    }

    #[test]
    fn parts_of_one_sign_sum_to_the_last_bit(steps in proptest::collection::vec(0.0_f64..1e3, 1 << PLAYERS)) {
        // Monotone: a set is worth the sum over its subsets.
        let game = |s: Subset| {
            (0..1_usize << PLAYERS).filter(|&t| t as u128 & !s.0 == 0).map(|t| steps[t]).sum::<f64>()
        };
        let split = play(PLAYERS, game, Options::default());
        prop_assert_eq!(split.residual[0], 0.0);
        prop_assert!(split.parts.iter().all(|part| part[0] >= 0.0));
    }

    #[test]
    fn a_player_that_adds_nothing_gets_nothing(values in values(), dummy in 0..PLAYERS) {
        let game = |s: Subset| values[(s.0 & !(1 << dummy)) as usize];
        let parts = exactly(PLAYERS, game);
        prop_assert_eq!(parts[dummy], 0.0);
        let sampled = play(PLAYERS, game, Options { exact_up_to: 2, ..Options::default() });
        prop_assert_eq!(sampled.parts[dummy][0], 0.0);
    }

    #[test]
    fn equal_players_get_equal_parts(values in values()) {
        // Players 0 and 1 are worth the same: a set with either one is worth what it is with player 0.
        let game = |s: Subset| {
            let either = if s.has(1) && !s.has(0) { Subset(s.0 ^ 3) } else { s };
            values[either.0 as usize]
        };
        let parts = exactly(PLAYERS, game);
        prop_assert!((parts[0] - parts[1]).abs() <= 1e-9);
    }

    #[test]
    fn parts_of_a_sum_are_sums_of_parts(first in values(), second in values()) {
        let (a, b) = (exactly(PLAYERS, tabled(&first)), exactly(PLAYERS, tabled(&second)));
        let both = exactly(PLAYERS, |s| first[s.0 as usize] + second[s.0 as usize]);
        for i in 0..PLAYERS {
            prop_assert!((both[i] - a[i] - b[i]).abs() < 1e-8);
        }
    }

    #[test]
    fn every_permutation_holds_each_group_once(groups in 1..40_usize, seed in any::<u64>(), stream in any::<u64>()) {
        let mut order = permutation(groups, seed, stream);
        order.sort_unstable();
        prop_assert_eq!(order, (0..groups).collect::<Vec<_>>());
    }
}
