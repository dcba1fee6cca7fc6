//! Production offsets of a year: what each maker owes under a scheme, what it builds, and what default costs
//! ([`crate::rules::offset`] holds the terms and the settlement).
//!
//! A debt enters sourcing as output that the maker owes to the country, with what default would cost as the most it gives up
//! for it. Battery-electric vehicles of the maker imported while a duty of the scheme is open add to the debt; those that it
//! builds in the country make it good.

use crate::calibrate::mix::Offers;
use crate::calibrate::sourcing::SourcingBase;
use crate::ids::{Powertrain, Segment};
use crate::rules::offset::{Activity, Debt, default_usd, settle};
use crate::rules::{Date, Instrument, Rules};
use crate::sourcing::lines::{LINES, Line};
use crate::step::plants::Obligation;
use crate::step::sourcing::Sourced;
use crate::step::wedge::Wedges;
use crate::world::World;

const BATTERY: usize = Line::Battery.index();

/// What a maker owes under a scheme.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Scheme.
    pub scheme: String,
    /// Country.
    pub country: usize,
    /// Maker.
    pub maker: usize,
    /// The debt.
    pub debt: Debt,
    /// Support that a vehicle of the debt got, USD 2023.
    pub relief_usd: f64,
    /// Support that waits until enough of the debt is met, USD 2023.
    pub withheld_usd: f64,
}

/// All accounts at the end of a year.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OffsetState {
    accounts: Vec<Account>,
}

/// One account in one year.
#[derive(Debug, Clone, PartialEq)]
pub struct OffsetYear {
    /// Account after the year.
    pub account: Account,
    /// Vehicles owed before.
    pub owed: f64,
    /// Credits asked for each; NaN where nothing is due.
    pub ratio: f64,
    /// What the maker did.
    pub did: Activity,
    /// Vehicles made good.
    pub made_good: f64,
    /// Vehicles in default.
    pub defaulted: f64,
    /// What default costs, USD 2023.
    pub penalty_usd: f64,
    /// Support held back in the year less what was held back before and is paid now, USD 2023.
    pub newly_withheld_usd: f64,
}

/// What bears on debts in a year.
pub struct Terms<'a> {
    /// World.
    pub world: &'a World,
    /// Rules.
    pub rules: &'a Rules,
    /// Year.
    pub year: i32,
    /// Rules announced later are not known.
    pub policy_as_of: Option<i32>,
}

impl OffsetState {
    /// Debts on record, and accounts of all who have signed a scheme with offsets.
    pub fn at_base(world: &World, rules: &Rules) -> Self {
        let mut accounts: Vec<Account> = Vec::new();
        for (country, scheme) in schemes(world, rules) {
            let debts = rules
                .opening_debts
                .iter()
                .filter(|opening| opening.country == country && opening.scheme == scheme)
                .map(|opening| (opening.maker.as_str(), opening.debt));
            let signed = rules
                .signatories
                .iter()
                .filter(|row| row.country == country && row.scheme == scheme)
                .map(|row| (row.maker.as_str(), Debt::default()));
            for (code, debt) in debts.chain(signed) {
                let Some(maker) = world.maker(code) else {
                    continue;
                };
                let known = |account: &Account| {
                    account.country == country && account.scheme == scheme && account.maker == maker
                };
                if !accounts.iter().any(known) {
                    accounts.push(Account {
                        scheme: scheme.clone(),
                        country,
                        maker,
                        debt,
                        relief_usd: 0.0,
                        withheld_usd: 0.0,
                    });
                }
            }
        }
        Self { accounts }
    }

    /// Notes what the vehicles of the opening debts got, from the wedges of the base year by country.
    #[must_use]
    pub fn with_relief(mut self, offers: &Offers, wedges: &[Wedges], share: &[f64]) -> Self {
        for account in &mut self.accounts {
            let country = account.country;
            let units = &share[offers.of(country)];
            account.relief_usd = support(offers, account, &wedges[country], units).0;
        }
        self
    }

    /// Output owed in a year. `cost_usd` is what a battery-electric vehicle costs at the factory, by country.
    pub fn obligations(&self, at: &Terms, cost_usd: impl Fn(usize) -> f64) -> Vec<Obligation> {
        let as_of = at.policy_as_of.map(Date::last_of);
        self.accounts
            .iter()
            .filter_map(|account| {
                let terms = at
                    .rules
                    .offset_terms(account.country, &account.scheme, at.year, as_of);
                let vehicles = terms.ratio? * account.debt.units - account.debt.credits;
                let years = f64::from(at.year) - account.debt.mean_year;
                let default = default_usd(account.relief_usd, terms.interest, years);
                (vehicles > 0.0).then(|| Obligation {
                    maker: account.maker,
                    country: account.country,
                    vehicles,
                    penalty: default / terms.ratio.unwrap_or(1.0) / cost_usd(account.country),
                })
            })
            .collect()
    }

    /// Settles a year; `units` and `wedges` are those of the year by offer and by country.
    pub fn settle<'w>(
        &mut self,
        at: &Terms,
        base: &SourcingBase,
        offers: &Offers,
        sourced: &Sourced,
        units: &[f64],
        wedges: impl Fn(usize) -> &'w Wedges,
    ) -> Vec<OffsetYear> {
        let as_of = at.policy_as_of.map(Date::last_of);
        let mut built_for: Vec<(usize, usize, f64)> = Vec::new();
        let mut years = Vec::with_capacity(self.accounts.len());
        for account in &mut self.accounts {
            let (country, maker) = (account.country, account.maker);
            let terms = at
                .rules
                .offset_terms(country, &account.scheme, at.year, as_of);
            let flows = Flows::of(base, sourced, country, maker);
            let code = &at.world.makers[maker].code;
            let open = at
                .rules
                .signed(&account.scheme, country, code, at.year, as_of)
                && imports_count(at, account);
            let imported = if open { flows.imported } else { 0.0 };
            let (now, supported) =
                support(offers, account, wedges(country), &units[offers.of(country)]);
            if imported > 0.0 {
                account.relief_usd = (account.relief_usd * account.debt.units + now * imported)
                    / (account.debt.units + imported);
            }
            // What is built counts once: for the scheme that comes first, then for the next.
            let used = built_for
                .iter()
                .filter(|(c, m, _)| (*c, *m) == (country, maker))
                .map(|(_, _, used)| used)
                .sum::<f64>();
            let built = (flows.built - used).max(0.0);
            let exported = (built - flows.home).clamp(0.0, built);
            let did = Activity {
                imported,
                built,
                exported,
                relief_usd: account.relief_usd,
            };
            let owed = account.debt.units;
            let settled = settle(account.debt, terms, did, at.year);
            if terms.ratio.is_some() {
                let needed = owed * terms.ratio.unwrap_or(0.0);
                built_for.push((country, maker, built.min(needed)));
            }
            account.debt = settled.debt;
            let before = account.withheld_usd;
            account.withheld_usd = if settled.may_be_paid || settled.defaulted > 0.0 {
                0.0
            } else {
                before + now * supported
            };
            years.push(OffsetYear {
                account: account.clone(),
                owed,
                ratio: terms.ratio.unwrap_or(f64::NAN),
                did,
                made_good: settled.made_good,
                defaulted: settled.defaulted,
                penalty_usd: settled.penalty_usd,
                newly_withheld_usd: account.withheld_usd - before,
            });
        }
        years
    }
}

/// Battery-electric vehicles of a maker in a country.
struct Flows {
    /// Sold there and built elsewhere.
    imported: f64,
    /// Sold there and built there.
    home: f64,
    /// Built there.
    built: f64,
}

impl Flows {
    fn of(base: &SourcingBase, sourced: &Sourced, country: usize, maker: usize) -> Self {
        let network = &base.network;
        let mut flows = Self {
            imported: 0.0,
            home: 0.0,
            built: 0.0,
        };
        for run in network
            .runs
            .of(country)
            .filter(|&run| network.runs.maker[run] as usize == maker)
        {
            let pool = network.pool(maker);
            let first = base.cells.run_flow_start[run] + BATTERY * pool.len();
            for (entry, flow) in pool.clone().zip(&sourced.run_flows[first..]) {
                let exporter = network.entry_exporter[entry] as usize;
                if network.exporters[exporter] as usize == country {
                    flows.home += flow;
                } else {
                    flows.imported += flow;
                }
            }
        }
        if let Some(site) = network.site(maker, country) {
            flows.built = sourced.production[site * LINES + BATTERY];
        }
        flows
    }
}

/// Schemes with offsets: a scheme whose name begins with another's is its continuation.
fn schemes(world: &World, rules: &Rules) -> Vec<(usize, String)> {
    let mut schemes: Vec<(usize, String)> = Vec::new();
    for country in 0..world.countries.len() {
        let names = rules
            .of(country)
            .map(|(_, rule)| rule)
            .filter(|rule| rule.instrument == Instrument::ProductionOffset && rule.reason.is_none())
            .map(|rule| rule.scheme.clone());
        for name in names {
            let within = |(c, root): &(usize, String)| *c == country && name.starts_with(root);
            if !schemes.iter().any(within) {
                schemes.push((country, name));
            }
        }
    }
    schemes
}

/// True while a duty of the scheme is open: what comes in then is owed for.
fn imports_count(at: &Terms, account: &Account) -> bool {
    let (first, last) = (Date::first_of(at.year), Date::last_of(at.year));
    at.rules.of(account.country).any(|(_, rule)| {
        matches!(
            rule.instrument,
            Instrument::ImportDutyCut | Instrument::ImportDuty
        ) && rule.scheme.contains(&account.scheme)
            && rule.overlaps(first, last)
    })
}

/// Support of the maker's battery-electric cars in the country, USD 2023 a vehicle, and how many there are: `units` by the country's offers.
fn support(offers: &Offers, account: &Account, wedges: &Wedges, units: &[f64]) -> (f64, f64) {
    let (mut sum, mut total) = (0.0, 0.0);
    for (k, j) in offers.of(account.country).enumerate() {
        let car = offers.segment[j] as usize != Segment::Pickup.index()
            && offers.segment[j] as usize != Segment::Van.index();
        if offers.maker[j] as usize == account.maker
            && offers.powertrain[j] as usize == Powertrain::BatteryElectric.index()
            && car
        {
            sum -= units[k] * wedges.specific_usd[k];
            total += units[k];
        }
    }
    if total > 0.0 {
        ((sum / total).max(0.0), total)
    } else {
        (0.0, 0.0)
    }
}
