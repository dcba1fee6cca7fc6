//! A look at a projection while the model grows.
use kyoso_model::{calibrate, ids::*, input::*, run, scenario::Scenario, world::World};
use std::time::Instant;
fn main() {
    let t0 = Instant::now();
    let record = Record::load(&Folder("data".into())).unwrap_or_else(|p| panic!("{p}"));
    println!("load {:?}", t0.elapsed());
    let t0 = Instant::now();
    let mut world = World::build(&record).unwrap();
    println!("world {:?}", t0.elapsed());
    let t0 = Instant::now();
    let base = calibrate::calibrate(&mut world, &record);
    println!("calibrate {:?}", t0.elapsed());
    println!("residual law {:?}", base.residual_law);
    println!("adoption {:?} {:?} {:?} limits {:?}", base.adoption.pace, base.adoption.slowdown, base.adoption.observations, base.adoption.limits);
    println!("offers {} error {:e} making {:?} fuels {:?} discrepancy {}", base.offers.origin.len(), base.inversion_error, world.making, world.fuels, base.used_discrepancy);
    let scenario = Scenario { horizon: 2050, ..Scenario::default() };
    let t0 = Instant::now();
    let out = run::run(&world, &base, &scenario).unwrap();
    println!("run 2050 {:?}", t0.elapsed());
    let t0 = Instant::now();
    let _ = run::run(&world, &base, &Scenario::default()).unwrap();
    println!("run 2035 {:?}", t0.elapsed());
    let b = year_index(2023);
    let pl = |m: &[f64; POWERTRAINS]| (m[5] + m[6]) / m.iter().sum::<f64>() * 100.0;
    let show = |name: &str, set: &[usize]| {
        let s23: f64 = set.iter().map(|&c| world.sales[(c, b)]).sum();
        let st23: f64 = set.iter().map(|&c| base.stocks[c].stock[b]).sum();
        let mut m23 = [0.0; POWERTRAINS];
        for &c in set { for f in 0..POWERTRAINS { m23[f] += world.light_sales(c, b) * base.history_mix[(c, f * YEARS + b)]; } }
        print!("{name:14} {:6.2}M stock {:6.1} plug {:4.1} hev {:4.1} |", s23 / 1e6, st23 / 1e6, pl(&m23), 100.0 * m23[4] / m23.iter().sum::<f64>());
        for y in [2024, 2025, 2027, 2030, 2035, 2040, 2050] {
            let yr = &out.years[(y - 2024) as usize];
            let mut m = [0.0; POWERTRAINS];
            let mut n = 0.0;
            let mut st = 0.0;
            let mut tt = 0.0;
            for &c in set { for f in 0..POWERTRAINS { m[f] += yr.countries[c].light_new[f]; } n += yr.countries[c].heavy_new; st += yr.countries[c].heavy_stock + yr.countries[c].light_stock.iter().sum::<f64>(); tt += yr.countries[c].energy.tailpipe_mt.iter().sum::<f64>(); }
            n += m.iter().sum::<f64>();
            print!(" {y}: {:5.2}/{:4.0} {:4.1}/{:4.1} {:4.0}", n / 1e6, st / 1e6, pl(&m), 100.0 * m[4] / m.iter().sum::<f64>(), tt);
        }
        println!();
    };
    show("World", &(0..world.countries.len()).collect::<Vec<_>>());
    for g in Group::ALL { show(g.code(), &world.members(*g).collect::<Vec<_>>()); }
    for iso in ["USA", "DEU", "FRA", "GBR", "NOR", "BRA", "RUS", "THA", "IDN", "MYS", "VNM", "PHL", "SGP", "KHM", "LAO", "MMR", "BRN", "AUS", "NGA", "ETH", "SAU", "TUR", "MEX"] {
        let c = world.country(iso).unwrap();
        show(iso, &[c]);
        let s = &base.stocks[c];
        let y = &out.years[11].countries[c];
        println!("   scale {:.2} used {:.4} misfit {:.2} adj {} resid {:.2} gamma {:.2} beta {:.3} mult {:?} scr {:.2}M", s.scale_factor, s.used_rate, s.worst_misfit, s.adjusted, base.residual[c], base.ownership[c].saturation, base.ownership[c].beta, y.multipliers, y.ageing.scrapped.iter().sum::<f64>() / 1e6);
    }
    for y in &out.years { print!("{} {:.0}$ {:.0}GWh; ", y.year, y.pack_price, y.battery_gwh.iter().sum::<f64>()); }
    println!();
    println!("adjusted {}", base.stocks.iter().filter(|s| s.adjusted).count());
}
