//! Margins that the base year must meet: recorded sums, and how far each is believed.

use super::heavy::Heavy;
use crate::sourcing::duties::Duties;
use crate::sourcing::lines::LINES;
use crate::sourcing::network::Network;
use crate::world::World;

/// Output of a maker in a country, where remembered, leans this much: without it sites of one maker were all alike.
const SITE_WEIGHT: f64 = 0.8;
/// Light production less the discrepancy that is expected leans this much; the rest shows as discrepancy too.
const COUNTRY_WEIGHT: f64 = 0.97;
/// Where the world's discrepancy is looked for first: vehicles exported that no market counts, a share of exports that were read,
const EXPORTS_UNSEEN: f64 = 0.2;
/// and of output elsewhere.
const OUTPUT_UNSEEN: f64 = 0.05;

/// A margin: a recorded sum and how far it is believed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Margin {
    pub target: f64,
    pub weight: f64,
}

/// All margins.
pub(super) struct Margins {
    pub site: Vec<Option<Margin>>,
    pub exporter: Vec<Option<Margin>>,
    pub class: Vec<Option<Margin>>,
    pub routes: Vec<(Vec<u32>, Margin)>,
}

impl Margins {
    /// Margins in the order of their logs: sites, exporters, lines, groups of routes.
    pub fn all(&self) -> impl Iterator<Item = Option<&Margin>> {
        let with_gaps = [&self.site, &self.exporter, &self.class];
        with_gaps
            .into_iter()
            .flat_map(|list| list.iter().map(Option::as_ref))
            .chain(self.routes.iter().map(|(_, margin)| Some(margin)))
    }

    /// Number of margins, those without a figure among them.
    pub fn count(&self) -> usize {
        self.site.len() + self.exporter.len() + self.class.len() + self.routes.len()
    }

    /// Logs by kind of margin.
    pub fn split<'a>(&self, logs: &'a [f64]) -> Multipliers<'a> {
        let (site, rest) = logs.split_at(self.site.len());
        let (exporter, rest) = rest.split_at(self.exporter.len());
        let (class, routes) = rest.split_at(self.class.len());
        Multipliers {
            site,
            exporter,
            class,
            routes,
        }
    }
}

/// Logs of multipliers, one a margin.
pub(super) struct Multipliers<'a> {
    /// By site.
    pub site: &'a [f64],
    /// By exporter.
    pub exporter: &'a [f64],
    /// By exporter and line.
    pub class: &'a [f64],
    /// By group of routes.
    pub routes: &'a [f64],
}

/// All margins of a world.
pub(super) fn margins(
    world: &World,
    network: &Network,
    light_built: &[f64],
    heavy: &Heavy,
    heavy_sales: &[f64],
    demand: &[f64],
) -> Margins {
    let unseen = unseen(world, network, light_built, demand.iter().sum());
    let flow_share: Vec<f64> = light_built
        .iter()
        .zip(&unseen)
        .map(|(&built, &unseen)| {
            if built > 0.0 {
                1.0 - unseen / built
            } else {
                1.0
            }
        })
        .collect();
    let exporter: Vec<Option<Margin>> = light_built
        .iter()
        .zip(&flow_share)
        .map(|(&built, &share)| {
            (built > 0.0).then_some(Margin {
                target: built * share,
                weight: COUNTRY_WEIGHT,
            })
        })
        .collect();

    let mut site: Vec<Option<Margin>> = vec![None; network.sites()];
    let mut class: Vec<Option<Margin>> = vec![None; network.exporters.len() * LINES];
    for output in &world.industry.outputs {
        let Some(e) = network.exporter_of[output.country].map(usize::from) else {
            continue;
        };
        match (output.maker, output.line) {
            (Some(maker), None) => {
                if let Some(place) = network.site(maker, output.country) {
                    let weight = output.weight.max(SITE_WEIGHT);
                    site[place] = Some(Margin {
                        target: output.vehicles,
                        weight,
                    });
                }
            }
            (None, Some(line)) => {
                class[e * LINES + line.index()] = Some(Margin {
                    target: output.vehicles * flow_share[e],
                    weight: output.weight,
                });
            }
            _ => {}
        }
    }
    scale_to_country(network, &exporter, &flow_share, &mut site);
    Margins {
        site,
        exporter,
        class,
        routes: route_margins(world, network, heavy, heavy_sales, &unseen),
    }
}

/// Outputs of makers that are remembered are scaled to what the country's record leaves after those that were read.
fn scale_to_country(
    network: &Network,
    exporter: &[Option<Margin>],
    flow_share: &[f64],
    site: &mut [Option<Margin>],
) {
    for (e, margin) in exporter.iter().enumerate() {
        let here: Vec<usize> = (0..network.sites())
            .filter(|&place| network.site_exporter[place] as usize == e)
            .collect();
        let sum = |site: &[Option<Margin>], read: bool| -> f64 {
            here.iter()
                .filter_map(|&place| site[place])
                .filter(|margin| (margin.weight > SITE_WEIGHT) == read)
                .map(|margin| margin.target)
                .sum()
        };
        let (read, remembered) = (sum(site, true), sum(site, false));
        let total = margin.map_or(read + remembered, |margin| margin.target / flow_share[e]);
        let scale = if remembered > 0.0 {
            ((total - read) / remembered).max(0.05)
        } else {
            1.0
        };
        for &place in &here {
            if let Some(margin) = &mut site[place] {
                if margin.weight <= SITE_WEIGHT {
                    margin.target *= scale;
                }
                margin.target *= flow_share[e];
            }
        }
    }
}

/// Exports on record, less the heavy vehicles among them, and less what no market counts where the destinations are not listed.
fn route_margins(
    world: &World,
    network: &Network,
    heavy: &Heavy,
    heavy_sales: &[f64],
    unseen: &[f64],
) -> Vec<(Vec<u32>, Margin)> {
    let mut margins = Vec::new();
    for export in &world.industry.exports {
        let mut routes = Vec::new();
        let mut others = 0.0;
        for &from in &export.exporters {
            let Some(e) = network.exporter_of[from] else {
                continue;
            };
            if export.unseen {
                others += unseen[e as usize];
            }
            for &to in &export.importers {
                if to != from {
                    routes.push(Duties::route(network, to, e as usize) as u32);
                    others += heavy.supply[from] * heavy.imports(to, heavy_sales[to]);
                }
            }
        }
        if !routes.is_empty() {
            let target = (export.vehicles - others).max(0.02 * export.vehicles);
            margins.push((
                routes,
                Margin {
                    target,
                    weight: export.weight,
                },
            ));
        }
    }
    margins
}

/// The discrepancy expected of each exporter; all together it is what the world built and no market counts.
fn unseen(world: &World, network: &Network, light_built: &[f64], sold: f64) -> Vec<f64> {
    let built: f64 = light_built.iter().sum();
    let places: Vec<f64> = network
        .exporters
        .iter()
        .zip(light_built)
        .map(|(&country, &built)| {
            let exports = world.industry.exports.iter().find(|export| {
                export.exporters == [country as usize] && export.unseen && export.weight >= 1.0
            });
            let known = exports.map_or(OUTPUT_UNSEEN * built, |export| {
                EXPORTS_UNSEEN * export.vehicles
            });
            known.min(0.5 * built)
        })
        .collect();
    let total: f64 = places.iter().sum();
    places
        .iter()
        .map(|place| place * (built - sold) / total.max(1.0))
        .collect()
}
