//! The base year beside its sources: makers of every market with brands on record.

use super::Results;
use super::Slot::{Real, Word, Year};
use crate::ids::{ORIGINS, Origin, Powertrain, year_index};
use crate::tables::Table;
use crate::world::{MakerMarket, Scope};

/// Recorded and modelled units of one maker, on the coverage of the source.
#[derive(Debug, Clone, Default)]
struct Line {
    recorded: f64,
    model: f64,
    bev_recorded: f64,
    bev_model: f64,
    source: Option<String>,
}

impl Results<'_> {
    /// Sales of the base year as recorded and as the fitted market has them.
    pub(super) fn record_check(&self) -> Table {
        let makers: Vec<String> = self
            .world
            .makers
            .iter()
            .map(|maker| maker.code.clone())
            .chain(["all".to_owned()])
            .collect();
        let origins: Vec<String> = Origin::ALL
            .iter()
            .map(|origin| origin.code().to_owned())
            .chain(["all".to_owned()])
            .collect();
        let scopes = [Scope::Cars, Scope::Light, Scope::All];
        let mut sources = vec![String::new()];
        let mut lines = Vec::new();
        for (c, market) in self.world.maker_market.iter().enumerate() {
            if !market.named {
                continue;
            }
            let scope = scopes
                .iter()
                .position(|&scope| scope == market.scope)
                .unwrap_or_default();
            for (maker, origin, line) in self.lines(c, market) {
                let text = line.source.unwrap_or_default();
                let source = sources.iter().position(|known| *known == text);
                let source = source.unwrap_or_else(|| {
                    sources.push(text);
                    sources.len() - 1
                });
                for (powertrain, recorded, model) in [
                    (0, line.recorded, line.model),
                    (1, line.bev_recorded, line.bev_model),
                ] {
                    // What the source does not name has nothing to stand beside.
                    if recorded > 0.0 {
                        lines.push((
                            [c, maker, origin, powertrain, scope, source],
                            [recorded, model, model / recorded - 1.0],
                        ));
                    }
                }
            }
        }
        let mut rows = super::Rows::new(
            vec![
                self.iso3(),
                makers,
                origins,
                vec![
                    "all".to_owned(),
                    Powertrain::BatteryElectric.code().to_owned(),
                ],
                scopes.iter().map(|scope| scope.code().to_owned()).collect(),
                sources,
            ],
            3,
        );
        for (codes, values) in lines {
            rows.push(&codes, self.world.base_year, &values);
        }
        rows.table(
            "record_check",
            "Sales of makers in the base year beside their sources, on the coverage of the source",
            &[
                (Word(0), "iso3", "", "country"),
                (Year, "year", "", "base year"),
                (
                    Word(1),
                    "maker",
                    "",
                    "maker; all for an origin or the market",
                ),
                (
                    Word(2),
                    "origin",
                    "",
                    "origin of the badge; all for the market",
                ),
                (Word(3), "powertrain", "", "all or battery-electric"),
                (
                    Word(4),
                    "scope",
                    "",
                    "what the source counts: cars, light vehicles, all four-wheelers",
                ),
                (Real(0), "recorded", "vehicles", "units of the source"),
                (Real(1), "model", "vehicles", "units of the fitted market"),
                (Real(2), "difference", "1", "model over recorded less one"),
                (Word(5), "source", "", "key of the bibliography"),
            ],
        )
    }

    /// Lines of a market: makers shown by name, sums by origin, the whole. Makers too small to be offers
    /// stand with those of their origin that are not told apart.
    fn lines(&self, c: usize, market: &MakerMarket) -> Vec<(usize, usize, Line)> {
        let world = self.world;
        let t = year_index(world.base_year);
        let light = world.light_sales(c, t);
        let offers = &self.base.offers;
        let scale = match market.scope {
            Scope::Light => market.total / light,
            Scope::Cars | Scope::All => 1.0,
        };
        let mut by_maker: Vec<Option<Line>> = vec![None; world.makers.len()];
        for j in offers.of(c) {
            let line = by_maker[offers.maker[j] as usize].get_or_insert_default();
            let units = offers.base_share[j] * light * scale;
            line.model += units;
            if offers.powertrain[j] as usize == Powertrain::BatteryElectric.index() {
                line.bev_model += units;
            }
        }
        for sales in &market.makers {
            let generic = world.makers_of(world.makers[sales.maker].origin);
            let shown = if by_maker[sales.maker].is_some() {
                sales.maker
            } else {
                generic
            };
            let Some(line) = &mut by_maker[shown] else {
                continue;
            };
            line.recorded += sales.recorded;
            line.bev_recorded += sales.bev_recorded;
            line.model -= sales.outside;
            line.bev_model -= market.electric_vans(sales);
            if shown == sales.maker {
                line.source = Some(sales.source.clone());
            }
        }
        let (any_maker, any_origin) = (world.makers.len(), ORIGINS);
        let mut whole = Line::default();
        let mut by_origin = vec![Line::default(); ORIGINS];
        let mut lines = Vec::new();
        for (m, line) in by_maker.into_iter().enumerate() {
            let Some(line) = line else { continue };
            let origin = world.makers[m].origin.index();
            for sum in [&mut by_origin[origin], &mut whole] {
                sum.recorded += line.recorded;
                sum.model += line.model;
                sum.bev_recorded += line.bev_recorded;
                sum.bev_model += line.bev_model;
            }
            lines.push((m, origin, line));
        }
        lines.extend(
            by_origin
                .into_iter()
                .enumerate()
                .map(|(origin, line)| (any_maker, origin, line)),
        );
        whole.recorded = market.total;
        whole.bev_recorded = market.bev_total;
        if market.scope == Scope::All {
            // Brands of trucks alone are in the total and no offers.
            whole.model = world.sales[(c, t)];
        }
        lines.push((any_maker, any_origin, whole));
        lines
    }
}
