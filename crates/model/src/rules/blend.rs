//! Mandates to blend biofuel: the share of a year, by days in force.

use super::{Date, Instrument, Module, Rule, Rules};
use crate::ids::{Biofuel, Powertrain};

impl Rules {
    /// Volume share that the mandates of a country ask of a biofuel in a year, mean over its days; on days when several are in force the
    /// highest holds, and never less than `floor`.
    pub fn blend_mandate(
        &self,
        country: usize,
        fuel: Biofuel,
        year: i32,
        policy_as_of: Option<Date>,
        floor: f64,
    ) -> f64 {
        let mandates: Vec<&Rule> = self
            .of(country)
            .map(|(_, rule)| rule)
            .filter(|rule| rule.module() == Module::Energy && goes_into(rule) == Some(fuel))
            .filter(|rule| policy_as_of.is_none_or(|as_of| rule.announced <= as_of))
            .collect();
        let (first, after) = (Date::first_of(year), Date::last_of(year).next());
        let mut cuts = vec![first, after];
        for rule in &mandates {
            cuts.extend(
                [Some(rule.start), rule.end.map(Date::next)]
                    .into_iter()
                    .flatten(),
            );
        }
        cuts.retain(|cut| (first..=after).contains(cut));
        cuts.sort_unstable();
        let days = f64::from(after.days_since(first));
        cuts.windows(2)
            .map(|cut| {
                let in_force = mandates.iter().filter(|rule| rule.overlaps(cut[0], cut[0]));
                let share = in_force.map(|rule| rule.value).fold(floor, f64::max);
                share * f64::from(cut[1].days_since(cut[0])) / days
            })
            .sum()
    }
}

/// The biofuel that a mandate asks for, by the engines that burn it.
fn goes_into(rule: &Rule) -> Option<Biofuel> {
    let burns = |f: Powertrain| rule.powertrains >> f.index() & 1 == 1;
    if rule.instrument != Instrument::BiofuelMandate {
        None
    } else if burns(Powertrain::Diesel) && !burns(Powertrain::Gasoline) {
        Some(Biofuel::Biodiesel)
    } else if burns(Powertrain::Gasoline) && !burns(Powertrain::Diesel) {
        Some(Biofuel::Ethanol)
    } else {
        None
    }
}
