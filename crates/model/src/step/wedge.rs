//! What stands between maker and buyer: the rules of a country and year on each of its offers (model.md section 6).
//!
//! The list price of the year before decides on price ceilings, so that eligibility is known when prices are set. What proof of
//! origin costs is the maker's: with it `p = (1 + v) p_prod + s` holds for what the maker keeps.

use rayon::prelude::*;

use crate::calibrate::mix::Offers;
use crate::calibrate::sourcing::SourcingBase;
use crate::ids::{Carrier, Origin, POWERTRAINS, Powertrain, SEGMENTS, Segment, year_index};
use crate::parameters::Parameters;
use crate::rules::{ActiveRules, Date, Ledger, Money, OfferTraits, Rules, Wedge, WedgeCache};
use crate::step::cost::CostYear;
use crate::step::energy::{self, Supply};
use crate::step::market::{CLASSES, class_of};
use crate::world::World;

/// Places that build less than this part of a cell are left out of its rules.
const NEGLIGIBLE_PLACE: f64 = 0.03;

/// Parts into which cells are cut for threads.
const PARTS: usize = 16;

/// Wedges between producer and consumer price of a country's offers, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wedges {
    /// `v`: duty and taxes in parts of the producer price.
    pub ad_valorem: Vec<f64>,
    /// `s`: USD 2023 a vehicle, support negative.
    pub specific_usd: Vec<f64>,
    /// The duty within `ad_valorem`.
    pub duty: Vec<f64>,
}

impl Wedges {
    /// `phi = 1/(1 + v)`: the part of a consumer's dollar that reaches the producer.
    pub fn kept(&self) -> Vec<f64> {
        self.ad_valorem.iter().map(|v| 1.0 / (1.0 + v)).collect()
    }

    /// Consumer prices at marginal costs and margins of producers, USD 2023.
    pub fn prices(&self, marginal_cost_usd: &[f64], margin_usd: &[f64]) -> Vec<f64> {
        (0..marginal_cost_usd.len())
            .map(|j| {
                (1.0 + self.ad_valorem[j]) * (marginal_cost_usd[j] + margin_usd[j])
                    + self.specific_usd[j]
            })
            .collect()
    }

    /// Costs in consumer prices, `(1 + v) c + s`.
    pub fn consumer_costs(&self, marginal_cost_usd: &[f64]) -> Vec<f64> {
        (0..marginal_cost_usd.len())
            .map(|j| (1.0 + self.ad_valorem[j]) * marginal_cost_usd[j] + self.specific_usd[j])
            .collect()
    }
}

/// A country and the share of a cell that it builds.
type Place = (usize, f64);

/// Where the offers of each cell of demand are built: country and share.
#[derive(Debug, Clone, Default)]
pub struct Built {
    /// Places of all cells in a row.
    places: Vec<Place>,
    /// One past the last place of each cell.
    end: Vec<u32>,
}

impl Built {
    /// Places with a part worth a rule, scaled to one, from the shares of entries in cells.
    pub fn new(sourcing: &SourcingBase, shares: &[f64]) -> Self {
        let (network, cells) = (&sourcing.network, &sourcing.cells);
        let places_of = |cell: usize, places: &mut Vec<Place>| {
            let maker = network.runs.maker[cells.run[cell] as usize] as usize;
            let own = &shares[cells.flow_start[cell]..cells.flow_start[cell + 1]];
            let first = places.len();
            let mut add_from = |least: f64| {
                for (entry, &share) in network.pool(maker).zip(own) {
                    if share >= least {
                        let exporter = network.entry_exporter[entry] as usize;
                        places.push((network.exporters[exporter] as usize, share));
                    }
                }
                places.len() > first
            };
            if !add_from(NEGLIGIBLE_PLACE) {
                // Spread so thin that the largest stand for all.
                add_from(own.iter().copied().fold(0.0, f64::max));
            }
            let added = &mut places[first..];
            let total: f64 = added.iter().map(|(_, share)| share).sum();
            added.iter_mut().for_each(|(_, share)| *share /= total);
            added.len() as u32
        };
        let length = cells.len().div_ceil(PARTS).max(1);
        let parts: Vec<(Vec<Place>, Vec<u32>)> = (0..cells.len())
            .step_by(length)
            .collect::<Vec<_>>()
            .into_par_iter()
            .map(|first| {
                let of = first..(first + length).min(cells.len());
                let mut places = Vec::with_capacity(4 * length);
                let count = of.map(|cell| places_of(cell, &mut places)).collect();
                (places, count)
            })
            .collect();
        let mut built = Self::default();
        let mut end = 0;
        for (places, count) in parts {
            built.places.extend(places);
            built.end.extend(count.into_iter().map(|count| {
                end += count;
                end
            }));
        }
        built
    }

    /// Places of an offer.
    pub fn of(&self, sourcing: &SourcingBase, j: usize) -> &[Place] {
        let cell = sourcing.cells.of_offer[j] as usize;
        let first = if cell == 0 { 0 } else { self.end[cell - 1] };
        &self.places[first as usize..self.end[cell] as usize]
    }
}

/// Everything that rules look at.
#[derive(Clone, Copy)]
pub struct Law<'a> {
    /// World.
    pub world: &'a World,
    /// Rules of the scenario.
    pub rules: &'a Rules,
    /// Rules announced later are not known.
    pub policy_as_of: Option<i32>,
    /// Parameters of the scenario.
    pub parameters: &'a Parameters,
    /// Costs of the year.
    pub costs: &'a CostYear,
    /// Offers.
    pub offers: &'a Offers,
    /// Sites and cells.
    pub sourcing: &'a SourcingBase,
    /// Where offers are built.
    pub built: &'a Built,
}

/// Traits that offers of a segment and powertrain share in a country.
#[derive(Debug, Clone, Copy, Default)]
struct ClassTraits {
    battery_kwh: f64,
    engine_cc: f64,
    co2_g_per_km: f64,
    kwh_per_km: f64,
}

impl<'a> Law<'a> {
    /// The rules of a country in the year.
    fn active(&self, c: usize) -> ActiveRules<'a> {
        self.rules
            .active(c, self.costs.year, self.policy_as_of.map(Date::last_of))
    }

    fn class_traits(&self, c: usize) -> [ClassTraits; CLASSES] {
        let mut traits = [ClassTraits::default(); CLASSES];
        let co2 = test_co2(self.world, self.parameters, self.costs, c);
        for s in 0..SEGMENTS {
            for f in 0..POWERTRAINS {
                let plug = Powertrain::ALL[f].is_plug_in();
                traits[class_of(s, f)] = ClassTraits {
                    battery_kwh: if plug {
                        self.costs.battery_kwh(self.world, c, s, f)
                    } else {
                        0.0
                    },
                    engine_cc: if f == Powertrain::BatteryElectric.index() {
                        0.0
                    } else {
                        self.world.technology.engine_cc[s]
                    },
                    co2_g_per_km: co2[class_of(s, f)],
                    kwh_per_km: self.costs.electric_mode_kwh_per_km(s, f),
                };
            }
        }
        traits
    }

    fn traits(
        &self,
        classes: &[ClassTraits; CLASSES],
        j: usize,
        list_price_usd: f64,
    ) -> OfferTraits<'a> {
        let (s, f) = (
            self.offers.segment[j] as usize,
            self.offers.powertrain[j] as usize,
        );
        let of = &classes[class_of(s, f)];
        let recorded = self.offers.battery_kwh[j];
        let battery_kwh = if recorded.is_nan() {
            of.battery_kwh
        } else {
            recorded
        };
        OfferTraits {
            segment: Segment::ALL[s],
            powertrain: Powertrain::ALL[f],
            origin: Origin::ALL[self.offers.origin[j] as usize],
            maker: &self.world.makers[self.offers.maker[j] as usize].code,
            battery_kwh,
            engine_cc: of.engine_cc,
            co2_g_per_km: of.co2_g_per_km,
            list_price_usd,
            electric_range_km: if of.kwh_per_km > 0.0 {
                battery_kwh / of.kwh_per_km
            } else {
                0.0
            },
            built: self.built.of(self.sourcing, j),
        }
    }

    /// Wedges of a country's offers; `list_price_usd` are last year's prices with taxes and before support, `funded` is the share of
    /// each budget's claims that is paid (an empty list pays all).
    pub fn wedges(&self, c: usize, list_price_usd: &[f64], funded: &[f64]) -> Wedges {
        let active = self.active(c);
        let mut known = WedgeCache::new(&active, funded);
        let classes = self.class_traits(c);
        let offers = list_price_usd.len();
        let mut wedges = Wedges {
            ad_valorem: Vec::with_capacity(offers),
            specific_usd: Vec::with_capacity(offers),
            duty: Vec::with_capacity(offers),
        };
        for (j, list) in self.offers.of(c).zip(list_price_usd) {
            let traits = self.traits(&classes, j, *list);
            let wedge = known.wedge(&traits);
            wedges.duty.push(wedge.duty);
            wedges
                .ad_valorem
                .push((1.0 + wedge.ad_valorem) / (1.0 - wedge.compliance) - 1.0);
            let f = self.offers.powertrain[j] as usize;
            let ruled = self
                .costs
                .set_support_usd(c, f)
                .map_or(wedge.specific_usd, |support| -support);
            wedges
                .specific_usd
                .push(ruled - self.costs.added_support_usd[(c, f)]);
        }
        wedges
    }

    /// What passes between buyers, makers and treasuries on a country's offers: `sold` gives units and producer prices by offer.
    pub fn money(
        &self,
        c: usize,
        list_price_usd: &[f64],
        funded: &[f64],
        sold: &[(f64, f64)],
    ) -> CountryMoney {
        let active = self.active(c);
        let classes = self.class_traits(c);
        let mut money = CountryMoney {
            by_rule: Ledger::new(self.rules),
            set_usd: [0.0; POWERTRAINS],
            added_usd: 0.0,
            proof_usd: 0.0,
        };
        let offers = self.offers.of(c).zip(list_price_usd).zip(sold);
        for ((j, list), &(units, producer_price_usd)) in offers {
            let f = self.offers.powertrain[j] as usize;
            let (wedge, mut parts) =
                active.wedge_and_parts(&self.traits(&classes, j, *list), funded);
            if let Some(usd) = self.costs.set_support_usd(c, f) {
                parts.iter_mut().for_each(|part| part.specific_usd = 0.0);
                money.set_usd[f] += units * usd;
            }
            // Duties are charged on a price that holds the cost of proof.
            let charged = producer_price_usd / (1.0 - wedge.compliance);
            money.by_rule.book(&parts, charged, units);
            money.added_usd += units * self.costs.added_support_usd[(c, f)];
            money.proof_usd += units * wedge.compliance * charged;
        }
        money
    }

    /// Price ceilings within reach below the list prices of a country's offers.
    pub fn ceilings_below(&self, c: usize, list_price_usd: &[f64]) -> Vec<Ceiling> {
        let active = self.active(c);
        if !active.has_ceilings() {
            return Vec::new();
        }
        let classes = self.class_traits(c);
        self.offers
            .of(c)
            .zip(list_price_usd)
            .enumerate()
            .filter_map(|(offer, (j, list))| {
                let traits = self.traits(&classes, j, *list);
                let ceiling = active.notch(&traits, &[])?.ceiling_usd;
                let at = OfferTraits {
                    list_price_usd: ceiling,
                    ..traits
                };
                let below = active.wedge(&at, &[]);
                (*list > ceiling).then_some(Ceiling {
                    offer,
                    consumer_price_usd: ceiling + below.specific_usd,
                    above: active.wedge(&traits, &[]),
                    below,
                })
            })
            .collect()
    }
}

/// Money of a country's new vehicles in a year.
#[derive(Debug, Clone, PartialEq)]
pub struct CountryMoney {
    /// By rule.
    pub by_rule: Ledger,
    /// Support that a scenario sets in place of the rules', by powertrain, USD 2023.
    pub set_usd: [f64; POWERTRAINS],
    /// Support that levers add, USD 2023.
    pub added_usd: f64,
    /// What proof of origin costs makers, USD 2023.
    pub proof_usd: f64,
}

impl CountryMoney {
    /// What stands between buyers and makers, USD 2023.
    pub fn total_usd(&self) -> f64 {
        let ruled: f64 = self.by_rule.0.iter().map(Money::net_usd).sum();
        ruled + self.proof_usd - self.added_usd - self.set_usd.iter().sum::<f64>()
    }
}

/// A price ceiling under an offer's list price: what the offer would be there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ceiling {
    /// Position among the country's offers.
    pub offer: usize,
    /// Price to the buyer with the list price at the ceiling, USD 2023.
    pub consumer_price_usd: f64,
    /// Wedge above the ceiling.
    pub above: Wedge,
    /// Wedge at it.
    pub below: Wedge,
}

/// CO2 on the test cycle by class, g/km.
pub fn test_co2(
    world: &World,
    parameters: &Parameters,
    costs: &CostYear,
    c: usize,
) -> [f64; CLASSES] {
    let factors = energy::factors(
        world,
        &Supply {
            ethanol: 0.0,
            biodiesel: 0.0,
            hydrotreated: 0.0,
            biofuel_g_per_mj: [0.0; 3],
            grid_g_per_kwh: world.grid_g_per_kwh[(c, year_index(costs.year))],
            km: 1.0,
            km_age_decline: 0.0,
        },
    );
    let type_approval = parameters.get("tech.type_approval_ratio");
    let mut co2 = [0.0; CLASSES];
    for (f, powertrain) in Powertrain::ALL.iter().enumerate() {
        // The test counts more electric driving than the road shows (ICCT 2022): 45 % less fuel.
        let charged = match powertrain {
            Powertrain::BatteryElectric | Powertrain::FuelCell => continue,
            Powertrain::PlugInHybrid => 0.55,
            _ => 1.0,
        };
        let carrier: Carrier = energy::tank(*powertrain);
        for s in 0..SEGMENTS {
            co2[class_of(s, f)] =
                costs.fuel_use(s, f) * charged * factors[carrier.index()].0 * type_approval;
        }
    }
    co2
}
