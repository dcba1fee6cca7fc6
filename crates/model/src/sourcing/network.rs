//! Sites, the pools of sites that serve a badge, and the markets they serve.

use std::ops::Range;

use super::lines::{KINDS, LINES};
use crate::calibrate::mix::Offers;
use crate::ids::{Origin, SEGMENTS};
use crate::world::{Country, Plant, PlantStatus, World};

/// Sites and pools; positions only, the same in every year.
///
/// A *site* is a maker in a country. A *pool* is what serves a badge: the sites of the maker itself, or of all makers
/// of an origin where they are not told apart, gathered by country (an *entry*).
#[derive(Debug, Clone)]
pub struct Network {
    /// Maker of each site.
    pub site_maker: Vec<u16>,
    /// Country of each site.
    pub site_country: Vec<u16>,
    /// Position of the site's country among the exporters.
    pub site_exporter: Vec<u16>,
    /// Plants of each site: a range of [`crate::world::Industry::plants`]; empty for a site assumed at a maker's home.
    pub site_plants: Vec<Range<usize>>,
    /// What a site is fit to build: 1, or less off its lines; by site and segment.
    pub fit_segment: Vec<[f64; SEGMENTS]>,
    /// True for each line that the plants of a site ever have.
    pub fit_line: Vec<[bool; LINES]>,
    /// Countries with a site, in order.
    pub exporters: Vec<u16>,
    /// Position of a country among the exporters.
    pub exporter_of: Vec<Option<u16>>,
    /// First entry of each maker's pool, and one past the last.
    pub pool_start: Vec<usize>,
    /// Exporter of each entry.
    pub entry_exporter: Vec<u16>,
    /// First site of each entry in `entry_site`, and one past the last.
    pub entry_start: Vec<usize>,
    /// Sites of the entries.
    pub entry_site: Vec<u32>,
    /// Offers of each country by maker.
    pub runs: Runs,
}

/// Runs of offers of one maker in one country.
#[derive(Debug, Clone, Default)]
pub struct Runs {
    /// First run of each country, and one past the last.
    pub start: Vec<usize>,
    /// Maker of each run.
    pub maker: Vec<u16>,
    /// Offers of each run.
    pub offers: Vec<Range<usize>>,
}

impl Runs {
    /// Cuts offers where country or maker changes.
    pub fn new(offers: &Offers) -> Self {
        let mut runs = Self {
            start: vec![0],
            ..Self::default()
        };
        for country in 0..offers.start.len() - 1 {
            let mut range = offers.of(country);
            while !range.is_empty() {
                let maker = offers.maker[range.start];
                let end = range
                    .clone()
                    .find(|&j| offers.maker[j] != maker)
                    .unwrap_or(range.end);
                runs.maker.push(maker);
                runs.offers.push(range.start..end);
                range.start = end;
            }
            runs.start.push(runs.maker.len());
        }
        runs
    }

    /// Runs of a country.
    pub fn of(&self, country: usize) -> Range<usize> {
        self.start[country]..self.start[country + 1]
    }
}

impl Network {
    /// Gathers sites and pools of a world.
    pub fn new(world: &World, offers: &Offers) -> Self {
        let plants = &world.industry.plants;
        // (country, maker, plants); plants are sorted by country and maker.
        let mut sites: Vec<(usize, usize, Range<usize>)> = Vec::new();
        for (p, plant) in plants.iter().enumerate() {
            match sites.last_mut() {
                Some((country, maker, range))
                    if (*country, *maker) == (plant.country, plant.maker) =>
                {
                    range.end = p + 1;
                }
                _ => sites.push((plant.country, plant.maker, p..p + 1)),
            }
        }
        let builds = |sites: &[(usize, usize, Range<usize>)], maker: usize, origin: Origin| {
            sites.iter().any(|(_, m, range)| {
                let same = if world.makers[maker].is_generic() {
                    world.makers[*m].origin == origin
                } else {
                    *m == maker
                };
                same && plants[range.clone()]
                    .iter()
                    .any(|plant| builds_in(plant, world.base_year))
            })
        };
        for (maker, description) in world.makers.iter().enumerate() {
            if !builds(&sites, maker, description.origin) {
                let home = home(description.origin, &world.countries);
                if !sites.iter().any(|(c, m, _)| (*c, *m) == (home, maker)) {
                    sites.push((home, maker, 0..0));
                }
            }
        }
        sites.sort_by_key(|(country, maker, _)| (*country, *maker));

        let mut exporters: Vec<u16> = sites.iter().map(|site| site.0 as u16).collect();
        exporters.dedup();
        let mut exporter_of = vec![None; world.countries.len()];
        for (e, &country) in exporters.iter().enumerate() {
            exporter_of[country as usize] = Some(e as u16);
        }
        let off = world.parameters.get("trade.off_line_weight");
        let mut network = Self {
            site_maker: sites.iter().map(|site| site.1 as u16).collect(),
            site_country: sites.iter().map(|site| site.0 as u16).collect(),
            site_exporter: sites
                .iter()
                .map(|site| exporter_of[site.0].unwrap_or_default())
                .collect(),
            fit_segment: sites
                .iter()
                .map(|(_, _, range)| fit_segment(&plants[range.clone()], off))
                .collect(),
            fit_line: sites
                .iter()
                .map(|(_, _, range)| lines_of(&plants[range.clone()]))
                .collect(),
            site_plants: sites.into_iter().map(|site| site.2).collect(),
            exporters,
            exporter_of,
            pool_start: vec![0],
            entry_exporter: Vec::new(),
            entry_start: vec![0],
            entry_site: Vec::new(),
            runs: Runs::new(offers),
        };
        for maker in 0..world.makers.len() {
            network.add_pool(world, maker);
        }
        network
    }

    /// Appends the pool of a maker.
    fn add_pool(&mut self, world: &World, maker: usize) {
        let description = &world.makers[maker];
        for (e, &country) in self.exporters.iter().enumerate() {
            let first = self.site_country.partition_point(|&c| c < country);
            let last = self.site_country.partition_point(|&c| c <= country);
            let before = self.entry_site.len();
            for site in first..last {
                let builder = self.site_maker[site] as usize;
                let serves = if description.is_generic() {
                    world.makers[builder].origin == description.origin
                } else {
                    builder == maker
                };
                if serves {
                    self.entry_site.push(site as u32);
                }
            }
            if self.entry_site.len() > before {
                self.entry_exporter.push(e as u16);
                self.entry_start.push(self.entry_site.len());
            }
        }
        self.pool_start.push(self.entry_exporter.len());
    }

    /// Number of sites.
    pub fn sites(&self) -> usize {
        self.site_maker.len()
    }

    /// Number of entries of all pools.
    pub fn entries(&self) -> usize {
        self.entry_exporter.len()
    }

    /// Entries of a maker's pool.
    pub fn pool(&self, maker: usize) -> Range<usize> {
        self.pool_start[maker]..self.pool_start[maker + 1]
    }

    /// Sites of an entry.
    pub fn sites_of(&self, entry: usize) -> &[u32] {
        &self.entry_site[self.entry_start[entry]..self.entry_start[entry + 1]]
    }

    /// Position of the site of a maker in a country.
    pub fn site(&self, maker: usize, country: usize) -> Option<usize> {
        (0..self.sites()).find(|&site| {
            self.site_maker[site] as usize == maker && self.site_country[site] as usize == country
        })
    }

    /// Weight of each entry by kind: the sum over its sites of residual and capability.
    ///
    /// `weight` is by site, `capability` by site and line (`site * LINES + line`). Laid out by pool, kind and entry, so that
    /// the entries of a cell stand together: `pool_start * KINDS + kind * pool + entry`.
    pub fn gather(&self, weight: &[f64], capability: &[f64]) -> Vec<f64> {
        let mut gathered = vec![0.0; self.entries() * KINDS];
        self.each_entry(|entry, place, stride| {
            for &site in self.sites_of(entry) {
                for at in 0..KINDS {
                    gathered[place + at * stride] +=
                        self.site_weight(site as usize, at, weight, capability);
                }
            }
        });
        gathered
    }

    /// Mean of a quantity of sites by entry, by their weight; one where there is none.
    pub fn mean(&self, of: &[f64], weight: &[f64]) -> Vec<f64> {
        (0..self.entries())
            .map(|entry| {
                let (mut sum, mut total) = (0.0, 0.0);
                for &site in self.sites_of(entry) {
                    sum += of[site as usize] * weight[site as usize];
                    total += weight[site as usize];
                }
                if total > 0.0 { sum / total } else { 1.0 }
            })
            .collect()
    }

    /// Vehicles by site and line (`site * LINES + line`) from those by entry: divided as the entry's weight is.
    pub fn by_site(
        &self,
        by_entry: &[f64],
        entries: &[f64],
        weight: &[f64],
        capability: &[f64],
    ) -> Vec<f64> {
        let mut vehicles = vec![0.0; self.sites() * LINES];
        self.each_entry(|entry, place, stride| {
            let sites = self.sites_of(entry);
            for at in 0..KINDS {
                let flow = by_entry[place + at * stride];
                if flow <= 0.0 {
                    continue;
                }
                // What no site builds yet is divided as all kinds of the segment together.
                let kinds = if entries[place + at * stride] > 0.0 {
                    at..at + 1
                } else {
                    at - at % LINES..at - at % LINES + LINES
                };
                let total: f64 = kinds
                    .clone()
                    .map(|kind| entries[place + kind * stride])
                    .sum();
                for &site in sites {
                    let share = if total > 0.0 {
                        kinds
                            .clone()
                            .map(|kind| self.site_weight(site as usize, kind, weight, capability))
                            .sum::<f64>()
                            / total
                    } else {
                        1.0 / sites.len() as f64
                    };
                    vehicles[site as usize * LINES + at % LINES] += flow * share;
                }
            }
        });
        vehicles
    }

    /// Visits every entry with its place in arrays by pool, kind and entry, and their stride from kind to kind.
    fn each_entry(&self, mut visit: impl FnMut(usize, usize, usize)) {
        for maker in 0..self.pool_start.len() - 1 {
            let pool = self.pool(maker);
            for entry in pool.clone() {
                visit(entry, pool.start * KINDS + entry - pool.start, pool.len());
            }
        }
    }

    /// Weight of one site in one kind.
    pub fn site_weight(&self, site: usize, at: usize, weight: &[f64], capability: &[f64]) -> f64 {
        weight[site] * self.fit_segment[site][at / LINES] * capability[site * LINES + at % LINES]
    }
}

/// Does a plant build in a year, as all was known by then?
pub fn builds_in(plant: &Plant, year: i32) -> bool {
    plant.start.0 <= year
        && plant.end.is_none_or(|(last, _)| year <= last)
        && matches!(plant.status, PlantStatus::Operating | PlantStatus::Planned)
}

fn fit_segment(plants: &[Plant], off: f64) -> [f64; SEGMENTS] {
    std::array::from_fn(|s| {
        if plants.is_empty() || plants.iter().any(|plant| plant.segments[s]) {
            1.0
        } else {
            off
        }
    })
}

fn lines_of(plants: &[Plant]) -> [bool; LINES] {
    std::array::from_fn(|f| plants.is_empty() || plants.iter().any(|plant| plant.lines[f]))
}

/// Where makers of an origin build if nothing is known.
fn home(origin: Origin, countries: &[Country]) -> usize {
    let iso3 = match origin {
        Origin::Japan => "JPN",
        Origin::China => "CHN",
        Origin::Korea => "KOR",
        Origin::Europe => "DEU",
        Origin::Usa => "USA",
        Origin::Asean => "MYS",
        Origin::India => "IND",
        Origin::Other => "IRN",
    };
    countries
        .binary_search_by(|country| country.iso3.as_str().cmp(iso3))
        .unwrap_or_default()
}
