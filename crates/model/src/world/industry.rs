//! Who builds vehicles where: plants, output, exports and distances as recorded.

use std::collections::BTreeMap;

use super::{Country, Maker};
use crate::ids::{Grid, Group, SEGMENTS, Segment};
use crate::input::{Problem, Problems, Record, nearest};
use crate::sourcing::lines::{LINES, Line};

/// How a plant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlantStatus {
    /// Builds, or has built.
    Operating,
    /// Announced; opens at its date.
    Planned,
    /// Announced, but nobody expects it: never opens by itself.
    Doubtful,
    /// Nobody has announced it; opens if the model orders capacity.
    Prospective,
}

/// A plant, or all plants of a maker in a country.
#[derive(Debug, Clone, PartialEq)]
pub struct Plant {
    /// Position of the maker.
    pub maker: usize,
    /// Position of the country.
    pub country: usize,
    /// Place.
    pub location: String,
    /// Light vehicles a year; NaN where not on record.
    pub capacity: f64,
    /// True for each segment that it builds.
    pub segments: [bool; SEGMENTS],
    /// True for each line (group of powertrains) that it has.
    pub lines: [bool; LINES],
    /// First year of output, and the year in which that was known.
    pub start: (i32, i32),
    /// Last year of output, and the year in which that was known; none while open.
    pub end: Option<(i32, i32)>,
    /// How it stands.
    pub status: PlantStatus,
}

/// Output on record: vehicles of a maker or of all makers, of a line or of all lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Position of the country.
    pub country: usize,
    /// Position of the maker; none for all.
    pub maker: Option<usize>,
    /// Line; none for all.
    pub line: Option<Line>,
    /// Vehicles of the base year.
    pub vehicles: f64,
    /// How far the figure is believed, 0-1.
    pub weight: f64,
}

/// Exports on record: from a country to one or several.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    /// Positions of the exporters: one, or the members of a union that trades as one.
    pub exporters: Vec<usize>,
    /// Positions of the importers.
    pub importers: Vec<usize>,
    /// What the source calls them.
    pub destination: String,
    /// Vehicles of the base year.
    pub vehicles: f64,
    /// How far the figure is believed, 0-1.
    pub weight: f64,
    /// All exports by a source that does not list destinations: some of them reach markets that nobody counts.
    pub unseen: bool,
}

/// Plants, output, exports and distances.
#[derive(Debug, Clone)]
pub struct Industry {
    /// Plants by country, maker and place.
    pub plants: Vec<Plant>,
    /// All vehicles built in the base year by country; NaN where none are on record.
    pub production: Vec<f64>,
    /// Commercial vehicles built in the base year by country; 0 where none are on record.
    pub commercial: Vec<f64>,
    /// Output by maker and line.
    pub outputs: Vec<Output>,
    /// Exports.
    pub exports: Vec<Export>,
    /// Distance between capitals, km.
    pub distance_km: Grid,
    /// Share of value made in the region of a preference, by origin of the maker, country and line.
    pub content: BTreeMap<(Option<crate::ids::Origin>, usize, usize), f64>,
}

/// Weight of a figure by the basis of its source: what was read holds, what is remembered leans.
fn weight_of(basis: &str) -> f64 {
    match basis {
        "measured" | "literature" => 1.0,
        "estimate" => 0.9,
        _ => 0.75,
    }
}

/// Finds positions and notes what is unknown.
struct Reader<'a> {
    record: &'a Record,
    countries: &'a [Country],
    makers: &'a [Maker],
    problems: Problems,
}

impl Reader<'_> {
    fn country(&self, iso3: &str) -> Option<usize> {
        self.countries
            .binary_search_by(|country| country.iso3.as_str().cmp(iso3))
            .ok()
    }

    fn maker(&mut self, table: &str, row: usize, code: &str) -> Option<usize> {
        let found = self
            .makers
            .binary_search_by(|maker| maker.code.as_str().cmp(code))
            .ok();
        if found.is_none() {
            let near = nearest(code, self.makers.iter().map(|maker| maker.code.as_str()));
            self.unknown(table, row, "maker", code, near);
        }
        found
    }

    fn unknown(&mut self, table: &str, row: usize, key: &str, word: &str, near: Option<&str>) {
        let table = self.record.table(table);
        self.problems.push(Problem {
            file: table.file().to_owned(),
            line: table.line(row),
            column: 0,
            key: key.to_owned(),
            message: format!("unknown {key} `{word}`"),
            help: near.map_or_else(String::new, |near| format!("did you mean `{near}`?")),
        });
    }

    /// Countries of a place: a country, a group, or a region as statistics of trade name it.
    fn members(&self, place: &str) -> Option<Vec<usize>> {
        if let Some(country) = self.country(place) {
            return Some(vec![country]);
        }
        if place == "EUROPE_AGG" {
            // The European Union, the Free Trade Association, Britain.
            let near = ["CHE", "GBR", "ISL", "NOR"].map(|iso3| self.country(iso3));
            let union = self.members("EU27").unwrap_or_default().into_iter();
            let mut members: Vec<usize> = union.chain(near.into_iter().flatten()).collect();
            members.sort_unstable();
            return Some(members);
        }
        let groups: Vec<Group> = match place {
            "WLD" | "Other" => Group::ALL.to_vec(),
            "ASEAN" => vec![Group::Asean],
            "EU27" => vec![Group::Eu27],
            "Asia" => vec![
                Group::Asean,
                Group::Japan,
                Group::China,
                Group::Korea,
                Group::India,
                Group::CentralAsia,
                Group::OtherAsia,
            ],
            "Oceania" => vec![Group::Oceania],
            "Middle East" | "MIDDLE_EAST" => vec![Group::MiddleEast],
            "Europe" => vec![Group::Eu27, Group::OtherEurope],
            "North America" => vec![Group::NorthAmerica],
            "Central and South America" | "LATIN_AMERICA" => vec![Group::LatinAmerica],
            "Africa" | "AFRICA_AGG" => vec![Group::Africa],
            "Africa and other Middle East" => vec![Group::Africa, Group::MiddleEast],
            _ => return None,
        };
        Some(
            (0..self.countries.len())
                .filter(|&c| groups.contains(&self.countries[c].group))
                .collect(),
        )
    }

    fn plants(&mut self) -> Vec<Plant> {
        let table = self.record.table("plants");
        let (maker, iso3, location) = (
            table.text("maker"),
            table.text("iso3"),
            table.text("location"),
        );
        let (segments, powertrains, status) = (
            table.text("segments"),
            table.text("powertrains"),
            table.text("status"),
        );
        let capacity = table.real("capacity");
        let [start, start_known, end, end_known] =
            ["start", "start_known", "end", "end_known"].map(|column| table.integer(column));
        let mut plants = Vec::with_capacity(table.rows());
        for row in 0..table.rows() {
            let built = self.marks(row, "segments", segments.get(row), |word| {
                Segment::from_code(word).map(Segment::index)
            });
            let lines = self.marks(row, "powertrains", powertrains.get(row), |word| {
                Line::from_code(word).map(Line::index)
            });
            if end[row] != 0 && end[row] < start[row] {
                self.unknown("plants", row, "end", "before the start", None);
            }
            let (Some(maker), Some(country)) = (
                self.maker("plants", row, maker.get(row)),
                self.country(iso3.get(row)),
            ) else {
                continue;
            };
            plants.push(Plant {
                maker,
                country,
                location: location.get(row).to_owned(),
                capacity: capacity[row],
                segments: built,
                lines,
                start: (start[row], start_known[row]),
                end: (end[row] != 0).then_some((end[row], end_known[row])),
                status: match status.get(row) {
                    "planned" => PlantStatus::Planned,
                    "doubtful" => PlantStatus::Doubtful,
                    "prospective" => PlantStatus::Prospective,
                    _ => PlantStatus::Operating,
                },
            });
        }
        plants.sort_by(|a, b| {
            (a.country, a.maker, &a.location).cmp(&(b.country, b.maker, &b.location))
        });
        plants
    }

    /// Words joined by `+` as marks; an empty cell marks all.
    fn marks<const N: usize>(
        &mut self,
        row: usize,
        key: &str,
        words: &str,
        index: impl Fn(&str) -> Option<usize>,
    ) -> [bool; N] {
        let mut marks = [words.is_empty(); N];
        for word in words.split('+').filter(|word| !word.is_empty()) {
            match index(word) {
                Some(i) => marks[i] = true,
                None => self.unknown("plants", row, key, word, None),
            }
        }
        marks
    }

    fn outputs(&mut self, base_year: i32) -> Vec<Output> {
        let table = self.record.table("production_by_maker");
        let (iso3, maker, powertrain, basis) = (
            table.text("iso3"),
            table.text("maker"),
            table.text("powertrain"),
            table.text("basis"),
        );
        let (year, units) = (table.integer("year"), table.real("units"));
        let mut outputs = Vec::new();
        for row in (0..table.rows()).filter(|&row| year[row] == base_year) {
            let who = match maker.get(row) {
                "all" => None,
                code => match self.maker("production_by_maker", row, code) {
                    Some(maker) => Some(maker),
                    None => continue,
                },
            };
            if let Some(country) = self.country(iso3.get(row)) {
                outputs.push(Output {
                    country,
                    maker: who,
                    line: Line::from_code(powertrain.get(row)),
                    vehicles: units[row],
                    weight: weight_of(basis.get(row)),
                });
            }
        }
        outputs
    }

    /// Exports by destination, then trade between countries where the former are silent.
    fn exports(&mut self, base_year: i32) -> Vec<Export> {
        let mut exports: Vec<Export> = Vec::new();
        for (name, from, to, maker) in [
            ("exports", "exporter", "destination", Some("maker")),
            ("new_trade", "exporter", "importer", None),
        ] {
            let table = self.record.table(name);
            let (exporter, destination, basis) =
                (table.text(from), table.text(to), table.text("basis"));
            let maker = maker.map(|column| table.text(column));
            let (year, units) = (table.integer("year"), table.real("units"));
            let rows: Vec<usize> = (0..table.rows())
                .filter(|&row| {
                    year[row] == base_year && maker.is_none_or(|maker| maker.get(row) == "all")
                })
                .collect();
            for &row in &rows {
                let (Some(exporters), Some(mut importers)) = (
                    self.members(exporter.get(row)),
                    self.members(destination.get(row)),
                ) else {
                    if self.members(destination.get(row)).is_none() {
                        self.unknown(name, row, to, destination.get(row), None);
                    }
                    continue;
                };
                // Countries that the exporter's own list names are not in its regions.
                let named = |c: usize| {
                    rows.iter().any(|&other| {
                        exporter.get(other) == exporter.get(row)
                            && self.country(destination.get(other)) == Some(c)
                    })
                };
                let place = destination.get(row);
                let listed = rows.iter().any(|&other| {
                    exporter.get(other) == exporter.get(row) && destination.get(other) != "WLD"
                });
                if name == "exports" && place == "WLD" && listed {
                    continue;
                }
                if name == "exports" && importers.len() > 1 && place != "WLD" {
                    importers.retain(|&c| !named(c));
                }
                // A region of the same list that is named takes its countries from `Other`.
                if place == "Other" {
                    let taken: Vec<usize> = rows
                        .iter()
                        .filter(|&&other| {
                            exporter.get(other) == exporter.get(row)
                                && !matches!(destination.get(other), "Other" | "WLD")
                        })
                        .filter_map(|&other| self.members(destination.get(other)))
                        .flatten()
                        .collect();
                    importers.retain(|c| !taken.contains(c));
                }
                importers.retain(|c| !exporters.contains(c));
                let known = exports.iter().any(|export| {
                    export.exporters == exporters
                        && (export.importers == importers
                            // A complete list by destination leaves nothing to the other table.
                            || name == "new_trade" && (export.destination == "Other" || place == "WLD"))
                });
                if !known {
                    exports.push(Export {
                        exporters,
                        importers,
                        destination: place.to_owned(),
                        vehicles: units[row],
                        // A list by destination is kept whole, whoever remembers it: its parts must make its total.
                        weight: if name == "exports" {
                            1.0
                        } else {
                            weight_of(basis.get(row))
                        },
                        unseen: place == "WLD" && name == "new_trade",
                    });
                }
            }
        }
        self.ports_of_entry(exports)
    }

    /// Exports to single members of the European Union land in its ports and go on: they count for the whole.
    fn ports_of_entry(&self, exports: Vec<Export>) -> Vec<Export> {
        let inside = |c: usize| self.countries[c].group == Group::Eu27;
        let (ports, mut rest): (Vec<Export>, Vec<Export>) =
            exports.into_iter().partition(|export| {
                export.importers.len() == 1
                    && inside(export.importers[0])
                    && !export.exporters.iter().any(|&c| inside(c))
            });
        let mut sums: BTreeMap<Vec<usize>, (f64, f64)> = BTreeMap::new();
        for port in ports {
            let sum = sums.entry(port.exporters).or_insert((0.0, 1.0));
            sum.0 += port.vehicles;
            sum.1 = sum.1.min(port.weight);
        }
        for (exporters, (vehicles, weight)) in sums {
            // One port alone says nothing of the union.
            if exporters.len() == 1 && self.countries[exporters[0]].group == Group::China {
                rest.push(Export {
                    exporters,
                    importers: (0..self.countries.len()).filter(|&c| inside(c)).collect(),
                    destination: Group::Eu27.code().to_owned(),
                    vehicles,
                    weight,
                    unseen: false,
                });
            }
        }
        rest
    }

    fn distances(&self) -> Grid {
        let table = self.record.table("capitals");
        let iso3 = table.text("iso3");
        let (latitude, longitude) = (table.real("latitude"), table.real("longitude"));
        let mut place = vec![(0.0_f64, 0.0_f64); self.countries.len()];
        for row in 0..table.rows() {
            if let Some(c) = self.country(iso3.get(row)) {
                place[c] = (latitude[row].to_radians(), longitude[row].to_radians());
            }
        }
        let mut km = Grid::filled(place.len(), place.len(), 0.0);
        for (a, &from) in place.iter().enumerate() {
            for (b, &to) in place.iter().enumerate() {
                km[(a, b)] = great_circle_km(from, to);
            }
        }
        km
    }

    fn content(&self) -> BTreeMap<(Option<crate::ids::Origin>, usize, usize), f64> {
        let table = self.record.table("local_content");
        let (origin, iso3, powertrain) = (
            table.text("origin"),
            table.text("iso3"),
            table.text("powertrain"),
        );
        let value = table.real("content");
        // From the wide to the narrow: the world, groups, countries; each origin over all.
        let width = |place: &str| match place {
            "WLD" => 0,
            "EU27" | "ASEAN" => 1,
            _ => 2,
        };
        let mut rows: Vec<usize> = (0..table.rows()).collect();
        rows.sort_by_key(|&row| (width(iso3.get(row)), row));
        let mut content = BTreeMap::new();
        for row in rows {
            let origin = crate::ids::Origin::from_code(origin.get(row));
            for country in self.members(iso3.get(row)).unwrap_or_default() {
                for line in Line::ALL {
                    if matches!(powertrain.get(row), "all") || powertrain.get(row) == line.code() {
                        content.insert((origin, country, line.index()), value[row]);
                    }
                }
            }
        }
        content
    }
}

/// Great-circle distance of two places in radians, km (haversine).
pub fn great_circle_km(from: (f64, f64), to: (f64, f64)) -> f64 {
    const EARTH_RADIUS_KM: f64 = 6371.0;
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let a = half(to.0 - from.0) + from.0.cos() * to.0.cos() * half(to.1 - from.1);
    2.0 * EARTH_RADIUS_KM * a.sqrt().min(1.0).asin()
}

/// Reads plants, output, exports and distances.
pub(super) fn industry(
    record: &Record,
    countries: &[Country],
    makers: &[Maker],
    base_year: i32,
) -> Result<Industry, Problems> {
    let mut reader = Reader {
        record,
        countries,
        makers,
        problems: Problems::default(),
    };
    let plants = reader.plants();
    let outputs = reader.outputs(base_year);
    let exports = reader.exports(base_year);
    let (production, commercial) = production(&reader, &outputs, base_year);
    let industry = Industry {
        plants,
        production,
        commercial,
        exports,
        distance_km: reader.distances(),
        content: reader.content(),
        outputs,
    };
    reader.problems.or_ok(industry)
}

/// Vehicles built in the base year by country, all and commercial; the list of makers fills what the first table lacks.
fn production(reader: &Reader, outputs: &[Output], base_year: i32) -> (Vec<f64>, Vec<f64>) {
    let mut all = vec![f64::NAN; reader.countries.len()];
    let mut commercial = vec![0.0; reader.countries.len()];
    let table = reader.record.table("production");
    let (iso3, class) = (table.text("iso3"), table.text("vehicle_class"));
    let (year, units) = (table.integer("year"), table.real("units"));
    for row in (0..table.rows()).filter(|&row| year[row] == base_year) {
        if let Some(c) = reader.country(iso3.get(row)) {
            match class.get(row) {
                "total" => all[c] = units[row],
                "commercial" => commercial[c] = units[row],
                _ => {}
            }
        }
    }
    for output in outputs {
        if output.maker.is_none() && output.line.is_none() && all[output.country].is_nan() {
            all[output.country] = output.vehicles;
        }
    }
    (all, commercial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_of_tokyo_and_bangkok_is_4600_km() {
        let place = |lat: f64, lon: f64| (lat.to_radians(), lon.to_radians());
        let km = great_circle_km(place(35.69, 139.69), place(13.754, 100.501));
        assert!((km - 4610.0).abs() < 15.0, "{km}");
        assert!(great_circle_km(place(10.0, 20.0), place(10.0, 20.0)).abs() < 1e-9);
        let half_way = great_circle_km(place(0.0, 0.0), place(0.0, 180.0));
        assert!((half_way - 6371.0 * std::f64::consts::PI).abs() < 1e-6);
    }
}
