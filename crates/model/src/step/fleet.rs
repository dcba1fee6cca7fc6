//! New registrations called for, scrappage, used trade and the fleet at the end of a year (model.md section 4).

use crate::calibrate::Base;
use crate::calibrate::ownership::{self, TREND_WEIGHT};
use crate::cohorts::{AGES, age_one_year};
use crate::ids::{POWERTRAINS, Powertrain};
use crate::state::CountryState;

/// What happened to a country's vehicles before new ones arrive.
#[derive(Debug, Clone)]
pub struct Ageing {
    /// Stock at the end of last year.
    pub stock_before: f64,
    /// Vehicles scrapped: light by powertrain, then heavy.
    pub scrapped: [f64; POWERTRAINS + 1],
    /// Used imports: light by powertrain, then heavy.
    pub used_imports: [f64; POWERTRAINS + 1],
    /// Used exports: light by powertrain, then heavy.
    pub used_exports: [f64; POWERTRAINS + 1],
}

impl Ageing {
    /// Sum over classes.
    pub fn total(parts: &[f64; POWERTRAINS + 1]) -> f64 {
        parts.iter().sum()
    }
}

/// Used vehicles a country wishes to import (positive) or offers for export (negative), before the world balance.
pub fn used_wish(base: &Base, c: usize, state: &CountryState) -> f64 {
    base.stocks[c].used_rate * state.stock()
}

/// Ages the fleet, scraps, and trades used vehicles; `net_used` is positive for imports.
pub fn age(
    base: &Base,
    c: usize,
    state: &mut CountryState,
    net_used: f64,
    profile: &[f64; AGES],
    import_mix: &[f64; POWERTRAINS],
) -> Ageing {
    let stock_before = state.stock();
    let heavy_part = state.heavy.iter().sum::<f64>() / stock_before;
    let mut ageing = Ageing {
        stock_before,
        scrapped: [0.0; POWERTRAINS + 1],
        used_imports: [0.0; POWERTRAINS + 1],
        used_exports: [0.0; POWERTRAINS + 1],
    };
    for f in 0..POWERTRAINS {
        ageing.scrapped[f] = age_one_year(state.light_mut(f), &base.stocks[c].light_survival);
    }
    ageing.scrapped[POWERTRAINS] = age_one_year(&mut state.heavy, &base.stocks[c].heavy_survival);
    if net_used >= 0.0 {
        for f in 0..POWERTRAINS {
            let units = net_used * (1.0 - heavy_part) * import_mix[f];
            crate::cohorts::import_used(state.light_mut(f), units, profile);
            ageing.used_imports[f] = units;
        }
        let units = net_used * heavy_part;
        crate::cohorts::import_used(&mut state.heavy, units, profile);
        ageing.used_imports[POWERTRAINS] = units;
    } else {
        let leaving = -net_used;
        let traded: Vec<f64> = (0..POWERTRAINS)
            .map(|f| state.light(f).iter().zip(profile).map(|(v, w)| v * w).sum())
            .collect();
        let sum: f64 = traded.iter().sum();
        for f in 0..POWERTRAINS {
            if sum > 0.0 {
                let units = leaving * (1.0 - heavy_part) * traded[f] / sum;
                ageing.used_exports[f] =
                    crate::cohorts::export_used(state.light_mut(f), units, profile);
            }
        }
        ageing.used_exports[POWERTRAINS] =
            crate::cohorts::export_used(&mut state.heavy, leaving * heavy_part, profile);
    }
    ageing
}

/// Income and people of a country in a year and the year before.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// People now and a year ago.
    pub people: (f64, f64),
    /// GDP per head now and a year ago, 2021 intl$.
    pub income: (f64, f64),
    /// How much of the trend of residuals still holds.
    pub trend_weight: f64,
    /// Yearly growth of the stock allowed by a registration quota, if there is one.
    pub quota_growth: Option<f64>,
}

/// New registrations of all four-wheeled vehicles in the reference case; moves residual and trend.
pub fn new_registrations(
    base: &Base,
    c: usize,
    state: &mut CountryState,
    ageing: &Ageing,
    now: &Circumstances,
) -> f64 {
    let last = ageing.stock_before;
    let scrapped = Ageing::total(&ageing.scrapped);
    let net_used = Ageing::total(&ageing.used_imports) - Ageing::total(&ageing.used_exports);
    if let Some(growth) = now.quota_growth {
        return (last * growth + scrapped - net_used).max(0.0);
    }
    let long_run = base.ownership[c].long_run(now.income.0);
    let wanted = base.adjustment.next(last / now.people.1, long_run) * now.people.0;
    let need = (wanted - last + scrapped - net_used).max(ownership::floor(scrapped, state.sales));
    let growth = (now.income.0 / now.income.1).ln();
    let surprise = (growth - state.income_trend).clamp(-0.10, 0.10);
    let last_mean = base.residual_mean[c] + state.residual_drift;
    state.residual_drift += base.residual_law.trend * now.trend_weight;
    let mean = base.residual_mean[c] + state.residual_drift;
    state.residual = mean
        + base.residual_law.persistence * (state.residual - last_mean)
        + base.residual_law.cycle * surprise;
    state.income_trend += TREND_WEIGHT * (growth - state.income_trend);
    need * state.residual.exp()
}

/// Powertrains of vehicles that change country used: what the world sold when they were new.
pub fn used_mix(world_mix: &[[f64; POWERTRAINS]], sold: usize) -> [f64; POWERTRAINS] {
    let mut mix = world_mix[sold];
    // Before there is a mix, used vehicles are petrol.
    if mix.iter().sum::<f64>() < 0.5 {
        mix = [0.0; POWERTRAINS];
        mix[Powertrain::Gasoline.index()] = 1.0;
    }
    mix
}
