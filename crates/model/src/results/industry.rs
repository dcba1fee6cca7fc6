//! Minerals, people, making, fuel pathways and money of levers as tables.

use super::{Real, Results, Rows, Word, Year, powertrain_words};
use crate::ids::{
    Carrier, Grid, MINERALS, Mineral, Origin, POWERTRAINS, Powertrain, SEGMENTS, SKILLS, Segment,
    Skill, year_index,
};
use crate::step::biofuel::{self, Blend};
use crate::step::cost::CostYear;
use crate::step::energy::{self, Supply};
use crate::step::industry::{self, Setup};
use crate::step::making::{MakingCarbon, MakingLaw};
use crate::step::minerals::concentration;
use crate::tables::Table;

/// Countries that make less than this part of the world's vehicles are left out of the table of sites.
const SMALLEST_SITE: f64 = 5e-4;

fn mineral_words() -> Vec<String> {
    Mineral::ALL.iter().map(|m| m.code().to_owned()).collect()
}

fn segment_words() -> Vec<String> {
    Segment::ALL.iter().map(|s| s.code().to_owned()).collect()
}

impl Results<'_> {
    /// What the steps of a year rest on; measures are zero up to the base year.
    fn setup(&self, year: i32) -> Setup<'_> {
        Setup {
            world: self.world,
            parameters: if year > self.world.base_year {
                &self.outcome.parameters
            } else {
                &self.world.parameters
            },
            measures: &self.outcome.measures,
            labour: &self.base.labour,
        }
    }

    /// Grid intensity by country in the base year or a projected one.
    fn grid_of(&self, year: i32) -> Vec<f64> {
        if let Some(projected) = self.outcome.years.iter().find(|of| of.year == year) {
            projected.grid_g_per_kwh.clone()
        } else {
            let t = year_index(year);
            (0..self.world.countries.len())
                .map(|c| self.world.grid_g_per_kwh[(c, t)])
                .collect()
        }
    }

    /// Grid intensity of a country in the base year or a projected one.
    fn grid_at(&self, c: usize, year: i32) -> f64 {
        self.outcome
            .years
            .iter()
            .find(|of| of.year == year)
            .map_or_else(
                || self.world.grid_g_per_kwh[(c, year_index(year))],
                |of| of.grid_g_per_kwh[c],
            )
    }

    /// Biofuel in the tank in the base year or a projected one.
    pub(super) fn blend(&self, c: usize, year: i32) -> Blend {
        self.outcome
            .years
            .iter()
            .find(|of| of.year == year)
            .map_or_else(
                || biofuel::of_base(self.world, c),
                |of| of.countries[c].blend,
            )
    }

    /// Carbon of making a vehicle of each segment and powertrain, mean over the world's sites, kg.
    pub(super) fn making_abroad(&self, costs: &CostYear) -> Grid {
        let setup = self.setup(costs.year);
        let law = MakingLaw::new(setup.parameters);
        let grid = self.grid_of(costs.year);
        let mut mean = Grid::filled(SEGMENTS, POWERTRAINS, 0.0);
        for c in
            (0..self.world.countries.len()).filter(|&c| self.base.made_share[c] > SMALLEST_SITE)
        {
            for s in 0..SEGMENTS {
                for f in 0..POWERTRAINS {
                    let kg =
                        industry::of_vehicle(&setup, &law, costs, &grid, c, None, s, f).total();
                    mean[(s, f)] += self.base.made_share[c] * kg;
                }
            }
        }
        let covered: f64 = self
            .base
            .made_share
            .iter()
            .filter(|share| **share > SMALLEST_SITE)
            .sum();
        mean.rows_mut().flatten().for_each(|cell| *cell /= covered);
        mean
    }

    /// Carbon of making a vehicle sold in a country: at home as far as the country makes its own, else the mean site.
    pub(super) fn making_of_market(
        &self,
        costs: &CostYear,
        abroad: &Grid,
        c: usize,
        s: usize,
        f: usize,
    ) -> f64 {
        let setup = self.setup(costs.year);
        let law = MakingLaw::new(setup.parameters);
        let grid = self.grid_of(costs.year);
        let home = self.base.home_share[c];
        let own = industry::of_vehicle(&setup, &law, costs, &grid, c, None, s, f).total();
        home * own + (1.0 - home) * abroad[(s, f)]
    }

    /// Mt of making in the base year by country of the plant: assembly, materials, battery.
    pub(super) fn base_making_mt(&self) -> Vec<[f64; 3]> {
        let year = self.world.base_year;
        industry::making_by_country(
            &self.setup(year),
            &self.outcome.base_costs,
            &self.grid_of(year),
            &self.base.made,
        )
    }

    pub(super) fn minerals(&self) -> Table {
        let world = self.world;
        let stages = [
            "demand",
            "demand, other packs",
            "demand, other uses",
            "mine",
            "refine",
            "recovered",
        ];
        let mut places = self.iso3();
        places.push("other".to_owned());
        places.push("World".to_owned());
        let (other, everywhere) = (places.len() - 2, places.len() - 1);
        let mut rows = Rows::new(
            vec![mineral_words(), places, stages.map(str::to_owned).to_vec()],
            1,
        );
        let mut push = |m: usize, place: usize, stage: usize, year: i32, tonnes: f64| {
            rows.push(&[m, place, stage], year, &[tonnes]);
        };
        // Which rows there are depends on the record, not on what is projected.
        let of_world = &world.resources.minerals;
        for m in 0..MINERALS {
            let refined: f64 = of_world.refining_share.row(m).iter().sum();
            for year in &self.outcome.years {
                let of = &year.industry.minerals;
                let mined: f64 = of.mined.row(m).iter().sum();
                for c in 0..world.countries.len() {
                    push(m, c, 0, year.year, of.needed[(c, m)]);
                    if of_world.mined[(m, c)] > 0.0 {
                        push(m, c, 3, year.year, of.mined[(m, c)]);
                    }
                    if of_world.refining_share[(m, c)] > 0.0 {
                        push(m, c, 4, year.year, mined * of_world.refining_share[(m, c)]);
                    }
                    if m != Mineral::RareEarths.index() {
                        push(m, c, 5, year.year, of.recovered[(c, m)]);
                    }
                }
                push(m, everywhere, 1, year.year, of.needed_other_packs[m]);
                push(m, everywhere, 2, year.year, of.needed_elsewhere[m]);
                push(m, other, 3, year.year, of.mined[(m, world.countries.len())]);
                push(m, other, 4, year.year, mined * (1.0 - refined).max(0.0));
            }
        }
        rows.table(
            "minerals",
            "Minerals: need of new light vehicles by country of sale, of other packs and other uses; mines, refining, recovery from packs",
            &[
                (Word(0), "mineral", "", "mineral"),
                (Word(1), "country", "", "country; other: not on record; World: not by country"),
                (Word(2), "stage", "", "demand, mine, refine or recovered"),
                (Year, "year", "", "calendar year"),
                (Real(0), "tonnes", "t", "contained metal; rare earths as oxides"),
            ],
        )
    }

    pub(super) fn mineral_markets(&self) -> Table {
        let world = self.world;
        let mut rows = Rows::new(vec![mineral_words(), self.iso3()], 8);
        for m in 0..MINERALS {
            let shares = world.resources.minerals.refining_share.row(m);
            let largest = (0..shares.len())
                .fold(0, |best, c| if shares[c] > shares[best] { c } else { best });
            for year in &self.outcome.years {
                let of = &year.industry.minerals;
                let mined: f64 = of.mined.row(m).iter().sum();
                let countries = world.countries.len();
                let recovered: f64 = (0..countries).map(|c| of.recovered[(c, m)]).sum();
                let needed = (0..countries).map(|c| of.needed[(c, m)]).sum::<f64>()
                    + of.needed_other_packs[m]
                    + of.needed_elsewhere[m];
                let values = [
                    of.price[m],
                    needed,
                    mined,
                    recovered,
                    of.tightness[m],
                    concentration((0..countries).map(|c| of.mined[(m, c)] / mined)),
                    concentration(shares.iter().copied()),
                    shares[largest],
                ];
                rows.push(&[m, largest], year.year, &values);
            }
        }
        rows.table(
            "mineral_markets",
            "World markets of minerals: price, tightness and concentration",
            &[
                (Word(0), "mineral", "", "mineral"),
                (Year, "year", "", "calendar year"),
                (
                    Real(0),
                    "price",
                    "USD_2023/t",
                    "price; empty where the base year has no record",
                ),
                (Real(1), "needed", "t", "need of all uses"),
                (Real(2), "mined", "t", "mined"),
                (Real(3), "recovered", "t", "recovered from packs"),
                (
                    Real(4),
                    "tightness",
                    "1",
                    "need less recovered, over mined; one in the base year",
                ),
                (
                    Real(5),
                    "hhi_mine",
                    "1",
                    "Herfindahl-Hirschman index of mines on record",
                ),
                (
                    Real(6),
                    "hhi_refine",
                    "1",
                    "Herfindahl-Hirschman index of refining on record",
                ),
                (Word(1), "largest_refiner", "", "country that refines most"),
                (Real(7), "largest_share", "1", "its share"),
            ],
        )
    }

    pub(super) fn mineral_dependence(&self) -> Table {
        let world = self.world;
        let of_world = &world.resources.minerals;
        let diversified = self
            .outcome
            .parameters
            .get("minerals.procurement_diversification");
        let mut rows = Rows::new(vec![self.iso3(), mineral_words()], 4);
        for c in 0..world.countries.len() {
            for year in self.outcome.years.iter().filter(|year| year.year % 5 == 0) {
                let of = &year.industry.minerals;
                let joint = self.outcome.measures.joint_procurement[(c, year_index(year.year))];
                for m in 0..MINERALS {
                    let needed = of.needed[(c, m)];
                    let mined: f64 = of.mined.row(m).iter().sum();
                    let shares = of_world.refining_share.row(m);
                    let own = shares[c] * mined + of.recovered[(c, m)];
                    let dependence = if needed > 0.0 {
                        (1.0 - own / needed).max(0.0)
                    } else {
                        0.0
                    };
                    let largest = shares.iter().copied().fold(0.0, f64::max);
                    // Joint purchases take a part of the largest refiner's share to the others.
                    let kept = largest * (1.0 - diversified * joint);
                    let spread = if largest < 1.0 {
                        (1.0 - kept) / (1.0 - largest)
                    } else {
                        1.0
                    };
                    let bought = shares.iter().map(|&share| {
                        if share == largest {
                            kept
                        } else {
                            share * spread
                        }
                    });
                    rows.push(
                        &[c, m],
                        year.year,
                        &[needed, dependence, concentration(bought), kept],
                    );
                }
            }
        }
        rows.table(
            "mineral_dependence",
            "Need of new light vehicles against what a country refines and recovers, and how concentrated its purchases are, every fifth year",
            &[
                (Word(0), "iso3", "", "country of sale"),
                (Word(1), "mineral", "", "mineral"),
                (Year, "year", "", "calendar year"),
                (Real(0), "needed", "t", "need of new light vehicles"),
                (Real(1), "dependence", "1", "part of the need that it neither refines nor recovers"),
                (Real(2), "hhi_purchases", "1", "concentration of refined supply as the country buys it"),
                (Real(3), "largest_share", "1", "share of the largest refiner in purchases"),
            ],
        )
    }

    pub(super) fn packs(&self) -> Table {
        let mut rows = Rows::new(vec![self.iso3()], 6);
        for c in 0..self.world.countries.len() {
            for year in &self.outcome.years {
                let row = year.industry.minerals.packs.row(c);
                rows.push(&[c], year.year, row);
            }
        }
        rows.table(
            "packs",
            "Traction batteries of light vehicles: what came in is in use, in a second life, returned or lost; used vehicles that change country keep their pack in the first",
            &[
                (Word(0), "iso3", "", "country of sale"),
                (Year, "year", "", "calendar year"),
                (Real(0), "new", "GWh", "sold in the year"),
                (Real(1), "in_use", "GWh", "in vehicles at the end of the year"),
                (Real(2), "second_life", "GWh", "in stationary use"),
                (Real(3), "returned", "GWh", "collected so far"),
                (Real(4), "lost", "GWh", "lost so far"),
                (Real(5), "ever", "GWh", "in use at the end of the base year, and sold since"),
            ],
        )
    }

    pub(super) fn workforce(&self) -> Table {
        let skills = Skill::ALL
            .iter()
            .map(|skill| skill.code().to_owned())
            .collect();
        let mut rows = Rows::new(vec![self.iso3(), skills], 3);
        for c in 0..self.world.countries.len() {
            for year in &self.outcome.years {
                let of = &year.industry.labour;
                for s in (0..SKILLS).filter(|&s| of.needed[(c, s)] > 0.0) {
                    let values = [of.needed[(c, s)], of.available[(c, s)], of.trained[(c, s)]];
                    rows.push(&[c, s], year.year, &values);
                }
            }
        }
        rows.table(
            "workforce",
            "People who make vehicles and parts, all tiers, by skill",
            &[
                (Word(0), "iso3", "", "country of the plants"),
                (Year, "year", "", "calendar year"),
                (Word(1), "skill", "", "skill"),
                (
                    Real(0),
                    "needed",
                    "people",
                    "needed for the production of the year",
                ),
                (
                    Real(1),
                    "available",
                    "people",
                    "at hand at the end of the year",
                ),
                (
                    Real(2),
                    "trained",
                    "people",
                    "who completed a paid course and stayed",
                ),
            ],
        )
    }

    pub(super) fn workforce_record(&self) -> Table {
        let mut rows = Rows::new(vec![self.iso3()], 5);
        let needed = crate::step::workforce::needed(
            self.world,
            &self.world.parameters,
            &self.base.labour,
            &self.base.made,
            self.world.base_year,
        );
        for c in 0..self.world.countries.len() {
            let Some((low, high)) = self.world.resources.labour.jobs[c] else {
                continue;
            };
            let model: f64 = needed.row(c).iter().sum();
            let made = self.base.made.light.row(c).iter().sum::<f64>() + self.base.made.heavy[c];
            let values = [
                low,
                model,
                high,
                1000.0 * model / made,
                self.base.labour.fitted[c] * model / self.base.labour.intensity[c],
            ];
            rows.push(&[c], self.world.base_year, &values);
        }
        rows.table(
            "workforce_record",
            "Jobs of the base year beside the lowest and highest count on record",
            &[
                (Word(0), "iso3", "", "country"),
                (Year, "year", "", "base year"),
                (Real(0), "low", "people", "lowest count"),
                (
                    Real(1),
                    "model",
                    "people",
                    "of the model: the fit held within the counts",
                ),
                (Real(2), "high", "people", "highest count"),
                (
                    Real(3),
                    "per_thousand",
                    "people per 1000 vehicles",
                    "intensity of the model",
                ),
                (
                    Real(4),
                    "fit_alone",
                    "people",
                    "what income alone gives, without the country's own count",
                ),
            ],
        )
    }

    pub(super) fn making(&self) -> Table {
        let makers = vec![Origin::Japan.code().to_owned(), "other".to_owned()];
        let mut rows = Rows::new(
            vec![self.iso3(), makers, segment_words(), powertrain_words()],
            4,
        );
        for costs in self.cost_years().filter(|costs| self.shown(costs.year)) {
            let setup = self.setup(costs.year);
            let law = MakingLaw::new(setup.parameters);
            let grid = self.grid_of(costs.year);
            for c in
                (0..self.world.countries.len()).filter(|&c| self.base.made_share[c] > SMALLEST_SITE)
            {
                for (maker, origin) in [(0, Some(Origin::Japan)), (1, None)] {
                    for s in (0..SEGMENTS).filter(|&s| self.world.segment_share[(c, s)] > 0.0) {
                        for f in 0..POWERTRAINS {
                            let kg: MakingCarbon =
                                industry::of_vehicle(&setup, &law, costs, &grid, c, origin, s, f);
                            let values = [kg.assembly, kg.materials, kg.battery, kg.total()];
                            rows.push(&[c, maker, s, f], costs.year, &values);
                        }
                    }
                }
            }
        }
        rows.table(
            "making",
            "Greenhouse gas of making a vehicle from mine to gate, by country of the plant and maker, in the base year and every fifth",
            &[
                (Word(0), "iso3", "", "country of the plant"),
                (Word(1), "maker", "", "origin whose plant energy is on record, or other"),
                (Word(2), "segment", "", "segment"),
                (Word(3), "powertrain", "", "powertrain"),
                (Year, "year", "", "calendar year"),
                (Real(0), "assembly", "kg CO2e", "plants of the maker and of suppliers"),
                (Real(1), "materials", "kg CO2e", "steel, aluminium, plastics and the rest"),
                (Real(2), "battery", "kg CO2e", "traction battery"),
                (Real(3), "total", "kg CO2e", "mine to gate"),
            ],
        )
    }

    fn shown(&self, year: i32) -> bool {
        year == self.world.base_year || year % 5 == 0
    }

    pub(super) fn pathways(&self) -> Table {
        let fuels: Vec<String> = Pathway::ALL.iter().map(|way| way.name.to_owned()).collect();
        let mut rows = Rows::new(
            vec![self.iso3(), segment_words(), powertrain_words(), fuels],
            4,
        );
        for c in 0..self.world.countries.len() {
            for costs in self.cost_years().filter(|costs| self.shown(costs.year)) {
                let grid = self.grid_at(c, costs.year);
                let blend = self.blend(c, costs.year);
                for (w, way) in Pathway::ALL.iter().enumerate() {
                    for s in [
                        Segment::Small,
                        Segment::Medium,
                        Segment::Suv,
                        Segment::Pickup,
                    ] {
                        let s = s.index();
                        if self.world.segment_share[(c, s)] <= 0.0 {
                            continue;
                        }
                        let values = self.pathway(costs, &blend, grid, c, s, way);
                        rows.push(&[c, s, way.powertrain.index(), w], costs.year, &values);
                    }
                }
            }
        }
        rows.table(
            "pathways",
            "Fuel and powertrain side by side: carbon from well to wheel and energy cost of a new vehicle by country grid and feedstock, in the base year and every fifth",
            &[
                (Word(0), "iso3", "", "country"),
                (Word(1), "segment", "", "segment"),
                (Word(2), "powertrain", "", "powertrain"),
                (Word(3), "fuel", "", "what is in the tank or the battery"),
                (Year, "year", "", "calendar year"),
                (Real(0), "energy", "MJ/km", "fuel and electricity on the road"),
                (Real(1), "well_to_wheel", "g CO2e/km", "tailpipe and supply; biogenic CO2 is zero at the tailpipe"),
                (Real(2), "land_use", "g CO2e/km", "of which land use"),
                (Real(3), "energy_cost", "USD_2023/km", "retail price of the blend; pure biofuels at supply cost before tax; empty where there is no price"),
            ],
        )
    }

    fn pathway(
        &self,
        costs: &CostYear,
        blend: &Blend,
        grid: f64,
        c: usize,
        s: usize,
        way: &Pathway,
    ) -> [f64; 4] {
        let f = way.powertrain.index();
        let (fuel, electricity) = (costs.fuel_use(s, f), costs.electricity_use(s, f));
        let carrier = energy::tank(way.powertrain);
        let supply = Supply {
            ethanol: way.ethanol.unwrap_or(blend.ethanol),
            biodiesel: way.biodiesel.unwrap_or(blend.biodiesel),
            hydrotreated: way.hydrotreated.unwrap_or(blend.hydrotreated),
            biofuel_g_per_mj: blend.supply_g_per_mj,
            grid_g_per_kwh: grid,
            km: 1.0,
            km_age_decline: 0.0,
        };
        let factors = energy::factors(self.world, &supply);
        let (tailpipe, mut upstream) = factors[carrier.index()];
        if let Some(hydrogen) = way.hydrogen {
            upstream = hydrogen.g_per_mj(grid, factors[Carrier::Hydrogen.index()].1);
        }
        let well_to_wheel = fuel * (tailpipe + upstream) + electricity * grid / 3.6;
        let land = self.land_use(c, &supply, carrier);
        let retail = costs.running_usd_per_km(c, s, f);
        let pure = way.pure.map(|bio| {
            self.world.resources.biofuels[c][bio.index()]
                .map_or(f64::NAN, |own| fuel * own.usd_per_gj * 1e-3)
        });
        [
            fuel + electricity,
            well_to_wheel,
            fuel * land,
            pure.unwrap_or(retail),
        ]
    }

    /// g `CO2e` of land use in a MJ from the tank.
    fn land_use(&self, c: usize, supply: &Supply, carrier: Carrier) -> f64 {
        use crate::ids::Biofuel;
        let own = &self.world.resources.biofuels[c];
        let of = |fuel: Biofuel| own[fuel.index()].map_or(0.0, |own| own.land_use_g_per_mj);
        let share = biofuel::by_energy;
        match carrier {
            Carrier::Gasoline => share(Biofuel::Ethanol, supply.ethanol) * of(Biofuel::Ethanol),
            Carrier::Diesel => {
                share(Biofuel::Biodiesel, supply.biodiesel) * of(Biofuel::Biodiesel)
                    + share(Biofuel::Hydrotreated, supply.hydrotreated) * of(Biofuel::Hydrotreated)
            }
            _ => 0.0,
        }
    }
}

/// Where hydrogen comes from.
#[derive(Debug, Clone, Copy)]
enum Hydrogen {
    Reformed,
    Electrolysed,
    Biogas,
}

impl Hydrogen {
    /// kWh of electricity a kg by electrolysis with compression, and MJ a kg.
    const KWH_PER_KG: f64 = 57.0;
    const MJ_PER_KG: f64 = 120.0;
    /// kg `CO2e` a kg from biogas without a credit for methane.
    const BIOGAS_KG_PER_KG: f64 = 2.5;

    fn g_per_mj(self, grid: f64, reformed: f64) -> f64 {
        match self {
            Self::Reformed => reformed,
            Self::Electrolysed => Self::KWH_PER_KG * grid / Self::MJ_PER_KG,
            Self::Biogas => Self::BIOGAS_KG_PER_KG * 1000.0 / Self::MJ_PER_KG,
        }
    }
}

/// A powertrain with what is in its tank; a share that is not set is the country's.
struct Pathway {
    name: &'static str,
    powertrain: Powertrain,
    ethanol: Option<f64>,
    biodiesel: Option<f64>,
    hydrotreated: Option<f64>,
    hydrogen: Option<Hydrogen>,
    pure: Option<crate::ids::Biofuel>,
}

impl Pathway {
    const fn of(name: &'static str, powertrain: Powertrain) -> Self {
        Self {
            name,
            powertrain,
            ethanol: None,
            biodiesel: None,
            hydrotreated: None,
            hydrogen: None,
            pure: None,
        }
    }

    const fn ethanol(name: &'static str, powertrain: Powertrain, share: f64) -> Self {
        Self {
            ethanol: Some(share),
            ..Self::of(name, powertrain)
        }
    }

    const fn hydrogen(name: &'static str, hydrogen: Hydrogen) -> Self {
        Self {
            hydrogen: Some(hydrogen),
            ..Self::of(name, Powertrain::FuelCell)
        }
    }

    /// All that are shown.
    const ALL: [Self; 14] = [
        Self::of("petrol as sold", Powertrain::Gasoline),
        Self::ethanol("petrol without ethanol", Powertrain::Gasoline, 0.0),
        Self::ethanol("E20", Powertrain::Gasoline, 0.2),
        Self {
            pure: Some(crate::ids::Biofuel::Ethanol),
            ..Self::ethanol("E100", Powertrain::FlexFuel, 1.0)
        },
        Self::of("diesel as sold", Powertrain::Diesel),
        Self {
            biodiesel: Some(1.0),
            hydrotreated: Some(0.0),
            pure: Some(crate::ids::Biofuel::Biodiesel),
            ..Self::of("B100", Powertrain::Diesel)
        },
        Self {
            biodiesel: Some(0.0),
            hydrotreated: Some(1.0),
            pure: Some(crate::ids::Biofuel::Hydrotreated),
            ..Self::of("hydrotreated used cooking oil", Powertrain::Diesel)
        },
        Self::of("hybrid on petrol as sold", Powertrain::Hybrid),
        Self::ethanol("hybrid on E85", Powertrain::Hybrid, 0.85),
        Self::of("plug-in hybrid", Powertrain::PlugInHybrid),
        Self::of("grid electricity", Powertrain::BatteryElectric),
        Self::hydrogen("hydrogen from gas", Hydrogen::Reformed),
        Self::hydrogen("hydrogen from grid electricity", Hydrogen::Electrolysed),
        Self::hydrogen("hydrogen from biogas", Hydrogen::Biogas),
    ];
}
