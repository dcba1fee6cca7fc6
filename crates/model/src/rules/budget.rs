//! Money set aside for schemes, and what share of the claims of a year it pays.
//!
//! A budget is the sum of its tranches; a tranche may be spent from its first day, and what is left of it
//! carries over while any tranche is in force. When a year's claims exceed what is left, all of the year's
//! claims are paid the same share: money runs out within the year, and who comes late gets nothing, on average.

use super::{Date, Instrument, Rules, Unit};

/// What has been paid from each budget so far, USD 2023, by position in [`Rules::budgets`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spent(pub Vec<f64>);

impl Rules {
    /// What each budget can still pay in a year, USD 2023, as far as its tranches are known.
    pub fn available_usd(&self, year: i32, spent: &Spent, policy_as_of: Option<Date>) -> Vec<f64> {
        self.budgets
            .iter()
            .enumerate()
            .map(|(position, name)| {
                let tranches = self.list.iter().filter(|rule| {
                    rule.instrument == Instrument::Budget
                        && rule.reason.is_none()
                        && rule.budget == *name
                        && rule.start <= Date::last_of(year)
                        && policy_as_of.is_none_or(|as_of| rule.announced <= as_of)
                });
                let (mut total, mut open) = (0.0, false);
                for rule in tranches {
                    total += match rule.unit {
                        Unit::Money(usd) => rule.value * usd,
                        _ => rule.value,
                    };
                    open |= rule.overlaps(Date::first_of(year), Date::last_of(year));
                }
                let paid = spent.0.get(position).copied().unwrap_or(0.0);
                if open { (total - paid).max(0.0) } else { 0.0 }
            })
            .collect()
    }
}

/// Share of claims that is paid: all of them while the money lasts.
pub fn funded(claims_usd: &[f64], available_usd: &[f64]) -> Vec<f64> {
    claims_usd
        .iter()
        .zip(available_usd)
        .map(|(claims, available)| {
            if *claims > *available {
                available.max(0.0) / claims
            } else {
                1.0
            }
        })
        .collect()
}

impl Spent {
    /// After a year in which `claims_usd` met `available_usd`.
    #[must_use]
    pub fn after(&self, claims_usd: &[f64], available_usd: &[f64]) -> Self {
        let shares = funded(claims_usd, available_usd);
        Self(
            claims_usd
                .iter()
                .zip(shares)
                .enumerate()
                .map(|(position, (claims, share))| {
                    self.0.get(position).copied().unwrap_or(0.0) + claims * share
                })
                .collect(),
        )
    }
}
