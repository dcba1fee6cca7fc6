//! What makers earn, and the money tables of a run together.

use std::collections::BTreeMap;

use super::Results;
use crate::tables::{LongTable, Table};

impl Results<'_> {
    /// Tables of money: `fiscal` and `profits`.
    pub fn money(&self) -> Vec<Table> {
        vec![self.fiscal(&self.country_money()), self.profits()]
    }

    /// Profit of makers by market: units times the margin of the producer price over marginal cost.
    pub(super) fn profits(&self) -> Table {
        let mut rows = LongTable::new(3, 2);
        let offers = &self.base.offers;
        for (c, country) in self.world.countries.iter().enumerate() {
            for (calendar, year) in self.years_shown() {
                let of = self.offers_in(c, year);
                let mut by_maker: BTreeMap<u16, [f64; 2]> = BTreeMap::new();
                for (k, j) in offers.of(c).enumerate() {
                    let margin = of.producer_price_usd[k] - of.marginal_cost_usd[k];
                    let sum = by_maker.entry(offers.maker[j]).or_default();
                    sum[0] += of.units[k];
                    sum[1] += of.units[k] * margin * 1e-6;
                }
                for (maker, numbers) in by_maker {
                    let maker = &self.world.makers[usize::from(maker)];
                    let words = [country.iso3.as_str(), &maker.code, maker.origin.code()];
                    rows.push(&words, calendar, &numbers);
                }
            }
        }
        rows.table(
            "profits",
            "Profit of makers on new light vehicles by market, before fixed costs",
            &[
                ("iso3", "country of the market"),
                ("maker", "maker; an origin where makers are not told apart"),
                ("origin", "origin of the maker"),
            ],
            &[
                ("units", "vehicles", "new vehicles sold"),
                (
                    "profit",
                    "million USD_2023",
                    "units times the margin of producer price over marginal cost",
                ),
            ],
        )
    }
}
