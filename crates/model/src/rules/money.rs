//! Money by rule: what a government takes in, pays out and goes without.

use super::{Part, Rules};

/// Money of a rule in a year, USD 2023.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Money {
    /// Taxes and duties received.
    pub receipts_usd: f64,
    /// Support paid.
    pub outlays_usd: f64,
    /// Tax that a relief or cut takes off the rate that would apply.
    pub foregone_usd: f64,
}

impl Money {
    /// What is left in the treasury: receipts less what reliefs take off them, less support.
    pub fn net_usd(&self) -> f64 {
        self.receipts_usd - self.foregone_usd - self.outlays_usd
    }
}

/// Money by position in [`Rules::list`].
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger(pub Vec<Money>);

impl Ledger {
    /// An empty ledger.
    pub fn new(rules: &Rules) -> Self {
        Self(vec![Money::default(); rules.list.len()])
    }

    /// Books the sales of an offer at a producer price.
    pub fn book(&mut self, parts: &[Part], producer_price_usd: f64, units: f64) {
        for part in parts {
            let usd = units * (part.ad_valorem * producer_price_usd + part.specific_usd);
            let Some(money) = self.0.get_mut(part.rule) else {
                continue;
            };
            if part.instrument.is_support() {
                money.outlays_usd -= usd;
            } else if usd >= 0.0 {
                money.receipts_usd += usd;
            } else {
                money.foregone_usd -= usd;
            }
        }
    }

    /// What the rules of each budget paid or let go, USD 2023, by position in [`Rules::budgets`].
    pub fn by_budget(&self, rules: &Rules) -> Vec<f64> {
        let mut sums = vec![0.0; rules.budgets.len()];
        for (rule, money) in self.0.iter().enumerate() {
            if let Some(budget) = rules.budget_of(rule) {
                sums[budget] += money.outlays_usd + money.foregone_usd;
            }
        }
        sums
    }

    /// Sums by payer, in order of name.
    pub fn by_payer<'r>(&self, rules: &'r Rules) -> Vec<(&'r str, Money)> {
        let mut sums: Vec<(&str, Money)> = Vec::new();
        for (rule, money) in rules.list.iter().zip(&self.0) {
            let payer = rule.payer_code();
            let slot = match sums.binary_search_by(|(known, _)| known.cmp(&payer)) {
                Ok(slot) => slot,
                Err(slot) => {
                    sums.insert(slot, (payer, Money::default()));
                    slot
                }
            };
            sums[slot].1.receipts_usd += money.receipts_usd;
            sums[slot].1.outlays_usd += money.outlays_usd;
            sums[slot].1.foregone_usd += money.foregone_usd;
        }
        sums
    }
}
