//! A look at the hindcast while the model grows: HALF=tuning|other|World ORIGINS=2012,2014,2016
use kyoso_model::{hindcast, input::*};
fn main() {
    let record = Record::load(&Folder("data".into())).unwrap_or_else(|p| panic!("{p}"));
    let origins: Vec<i32> = std::env::var("ORIGINS").unwrap_or("2012,2014,2016".into()).split(',').map(|s| s.parse().unwrap()).collect();
    let half = std::env::var("HALF").unwrap_or("tuning half".into());
    let t = std::time::Instant::now();
    let h = hindcast::hindcast(&record, &origins, &|_, _| {}).unwrap();
    let s = h.scores();
    println!("{:?}", t.elapsed());
    if std::env::var("WORST").is_ok() { for lead in [1, 5] { worst(&h, hindcast::Variable::PlugInShare, lead, hindcast::Mode::Conditional); } return; }
    for mode in hindcast::Mode::ALL {
        for v in hindcast::Variable::ALL {
            for lead in hindcast::LEADS {
                for metric in ["mae", "mase", "bias", "wins"] {
                    let mut line = format!("{:11} {:13} lead {lead} {metric:5}", mode.code(), v.code());
                    for m in ["kyoso", "naive", "drift", "ets", "theta", "bass"] {
                        if let Some(x) = s.iter().find(|x| x.mode == mode && x.variable == v && x.lead == lead && x.metric == metric && x.method == m && x.region == half && x.origin == 0) {
                            let k = if metric == "mae" || metric == "bias" { if v.code().contains("share") { 100.0 } else { 1e-3 } } else { 1.0 };
                            line += &format!(" {m} {:.3}({})", x.value * k, x.n);
                        }
                    }
                    println!("{line}");
                }
            }
        }
    }
}
#[allow(dead_code)]
fn worst(h: &hindcast::Hindcast, v: hindcast::Variable, lead: i32, mode: hindcast::Mode) {
    let mut list: Vec<_> = h.forecasts.iter().filter(|f| f.variable == v && f.lead == lead && f.mode == mode && f.method == "kyoso" && hindcast::in_tuning_half(&h.countries[f.country].0)).collect();
    list.sort_by(|a, b| ((b.forecast - b.actual).abs()).total_cmp(&(a.forecast - a.actual).abs()));
    for f in list.iter().take(14) {
        println!("{} {} +{} forecast {:.4} actual {:.4}", h.countries[f.country].0, f.origin, f.lead, f.forecast, f.actual);
    }
}
