//! Wedges of many offers of one country and year: offers under the same rules pay the same, and are evaluated once.

use super::OfferTraits;
use super::active::{ActiveRules, Compiled, Period, Wedge};
use super::evaluate::Evaluation;
use crate::ids::POWERTRAINS;
use crate::step::market::CLASSES;

/// Rules of a period that a set can hold; with more, nothing is remembered.
const MOST: usize = 127;
/// The bit that says that the offer is built at home.
const AT_HOME: u128 = 1 << MOST;

/// Wedges under one share of each budget's claims, as [`ActiveRules::wedge`] gives them.
pub struct WedgeCache<'a, 'r> {
    active: &'a ActiveRules<'r>,
    funded: &'a [f64],
    periods: Vec<Known>,
}

/// What is known of a period; sets of rules are bits by position.
struct Known {
    /// Rules that look at more of an offer than its class and where it is built.
    particular: u128,
    /// Rules of which more than that they apply matters.
    varying: u128,
    /// Rules on a class, as far as it has come up.
    of_class: [Option<u128>; CLASSES],
    /// Rules on what is built in a country.
    of_place: Vec<(usize, u128)>,
    /// Wedges of sets that have come up.
    wedges: Vec<(u128, Wedge)>,
}

impl<'a, 'r> WedgeCache<'a, 'r> {
    /// Nothing is known yet.
    pub fn new(active: &'a ActiveRules<'r>, funded: &'a [f64]) -> Self {
        let periods = active.periods.iter();
        Self {
            active,
            funded,
            periods: periods
                .map(|period| Known {
                    particular: set(period, Compiled::is_particular),
                    varying: set(period, Compiled::varies),
                    of_class: [None; CLASSES],
                    of_place: Vec::new(),
                    wedges: Vec::new(),
                })
                .collect(),
        }
    }

    /// The wedge on an offer.
    pub fn wedge(&mut self, offer: &OfferTraits) -> Wedge {
        let (active, funded) = (self.active, self.funded);
        let mut total = Wedge::default();
        for (period, known) in active.periods.iter().zip(&mut self.periods) {
            let found = (period.rules.len() <= MOST).then(|| known.anywhere(period, offer));
            for &(built, share) in offer.built {
                let evaluate =
                    || Evaluation::new(active, period, offer, built, funded).wedge(&mut |_| {});
                let one = match found.map(|set| set & known.there(active, period, built)) {
                    Some(set) if set & known.varying == 0 => {
                        known.wedge(set, built == active.country, evaluate)
                    }
                    _ => evaluate(),
                };
                total.add(&one, period.weight * share);
            }
        }
        total
    }
}

impl Known {
    /// Rules that hold for an offer, where it is built aside.
    fn anywhere(&mut self, period: &Period, offer: &OfferTraits) -> u128 {
        let class = offer.segment.index() * POWERTRAINS + offer.powertrain.index();
        let mut holding = *self.of_class[class]
            .get_or_insert_with(|| set(period, |rule| rule.is_on_class(offer)));
        let mut open = holding & self.particular;
        while open != 0 {
            let r = open.trailing_zeros() as usize;
            open &= open - 1;
            if !period.rules[r].holds_for(offer) {
                holding &= !(1 << r);
            }
        }
        holding
    }

    /// Rules on what is built in a country.
    fn there(&mut self, active: &ActiveRules, period: &Period, built: usize) -> u128 {
        if let Some((_, rules)) = self.of_place.iter().find(|(place, _)| *place == built) {
            return *rules;
        }
        let rules = set(period, |rule| rule.applies_there(built, active.country));
        self.of_place.push((built, rules));
        rules
    }

    /// The wedge of a set of rules.
    fn wedge(&mut self, rules: u128, at_home: bool, evaluate: impl Fn() -> Wedge) -> Wedge {
        let key = if at_home { rules | AT_HOME } else { rules };
        if let Some((_, wedge)) = self.wedges.iter().find(|(of, _)| *of == key) {
            return *wedge;
        }
        let wedge = evaluate();
        self.wedges.push((key, wedge));
        wedge
    }
}

/// Rules of a period of which something is true, as bits; those beyond [`MOST`] are left out.
fn set<'r>(period: &Period<'r>, of: impl Fn(&Compiled<'r>) -> bool) -> u128 {
    let rules = period.rules.iter().take(MOST).enumerate();
    rules
        .filter(|(_, rule)| of(rule))
        .fold(0, |bits, (r, _)| bits | 1 << r)
}
