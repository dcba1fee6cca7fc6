//! Prices of new vehicles, what makers earn and what buyers gain.

use super::{Real, Results, Rows, Word, Year};
use crate::ids::{Origin, Powertrain, Segment};
use crate::run::YearOutcome;
use crate::step::wedge::Wedges;
use crate::tables::Table;

/// A country's offers in a year, in their order.
pub(super) struct OfferYear<'a> {
    /// New vehicles.
    pub units: Vec<f64>,
    /// Price to the buyer, USD 2023.
    pub consumer_price_usd: &'a [f64],
    /// What the maker receives before tax and duty, USD 2023.
    pub producer_price_usd: &'a [f64],
    /// Marginal cost, USD 2023.
    pub marginal_cost_usd: &'a [f64],
    /// Taxes, duty and support.
    pub wedges: &'a Wedges,
}

impl Results<'_> {
    /// The base year, then each projected year.
    pub(super) fn years_shown(&self) -> impl Iterator<Item = (i32, Option<&YearOutcome>)> {
        std::iter::once((self.world.base_year, None)).chain(
            self.outcome
                .years
                .iter()
                .map(|year| (year.year, Some(year))),
        )
    }

    /// Offers of a country in a projected year, or in the base year.
    pub(super) fn offers_in<'a>(
        &'a self,
        c: usize,
        year: Option<&'a YearOutcome>,
    ) -> OfferYear<'a> {
        let range = self.base.offers.of(c);
        if let Some(year) = year {
            let country = &year.countries[c];
            return OfferYear {
                units: country.offer_units.clone(),
                consumer_price_usd: &country.consumer_price_usd,
                producer_price_usd: &country.producer_price_usd,
                marginal_cost_usd: &country.marginal_cost_usd,
                wedges: &country.wedges,
            };
        }
        let light = self
            .world
            .light_sales(c, crate::ids::year_index(self.world.base_year));
        let prices = &self.base.prices;
        OfferYear {
            units: self.base.offers.base_share[range.clone()]
                .iter()
                .map(|share| share * light)
                .collect(),
            consumer_price_usd: &prices.consumer_price_usd[range.clone()],
            producer_price_usd: &prices.producer_price_usd[range.clone()],
            marginal_cost_usd: &prices.marginal_cost_usd[range],
            wedges: &prices.wedges[c],
        }
    }

    pub(super) fn prices(&self) -> Table {
        let codes = |codes: &mut dyn Iterator<Item = &'static str>| -> Vec<String> {
            codes.map(str::to_owned).collect()
        };
        let mut rows = Rows::new(
            vec![
                self.iso3(),
                codes(&mut Segment::ALL.iter().map(|s| s.code())),
                codes(&mut Powertrain::ALL.iter().map(|f| f.code())),
                self.world
                    .makers
                    .iter()
                    .map(|maker| maker.code.clone())
                    .collect(),
                codes(&mut Origin::ALL.iter().map(|o| o.code())),
            ],
            6,
        );
        let offers = &self.base.offers;
        for c in 0..self.world.countries.len() {
            for (calendar, year) in self.years_shown() {
                let of = self.offers_in(c, year);
                for (k, j) in offers.of(c).enumerate() {
                    let (s, f, m, o) = (
                        offers.segment[j] as usize,
                        offers.powertrain[j] as usize,
                        offers.maker[j] as usize,
                        offers.origin[j] as usize,
                    );
                    let producer = of.producer_price_usd[k];
                    let tariff = producer * of.wedges.duty[k];
                    let values = [
                        of.consumer_price_usd[k],
                        producer,
                        of.marginal_cost_usd[k],
                        producer * of.wedges.ad_valorem[k] - tariff,
                        -of.wedges.specific_usd[k],
                        tariff,
                    ];
                    rows.push(&[c, s, f, m, o], calendar, &values);
                }
            }
        }
        rows.table(
            "prices",
            "Prices of new light vehicles: Bertrand-Nash by maker",
            &[
                (Word(0), "iso3", "", "country"),
                (Year, "year", "", "calendar year"),
                (Word(1), "segment", "", "segment"),
                (Word(2), "powertrain", "", "powertrain"),
                (
                    Word(3),
                    "maker",
                    "",
                    "maker; an origin where makers are not told apart",
                ),
                (Word(4), "origin", "", "origin of the maker"),
                (
                    Real(0),
                    "consumer_price",
                    "USD_2023/vehicle",
                    "to the buyer, after tax and support, with the price of rules that bind",
                ),
                (
                    Real(1),
                    "producer_price",
                    "USD_2023/vehicle",
                    "before tax and duty",
                ),
                (
                    Real(2),
                    "marginal_cost",
                    "USD_2023/vehicle",
                    "at which prices are an equilibrium",
                ),
                (
                    Real(3),
                    "tax",
                    "USD_2023/vehicle",
                    "VAT, excise, registration",
                ),
                (
                    Real(4),
                    "subsidy",
                    "USD_2023/vehicle",
                    "support to the buyer",
                ),
                (
                    Real(5),
                    "tariff",
                    "USD_2023/vehicle",
                    "duty, mean over imported and home supply",
                ),
            ],
        )
    }
}
