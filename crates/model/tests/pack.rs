//! The pack that ships: it passes its own check, and the traps of its sources are avoided.

mod common;

use std::sync::OnceLock;

use common::{pack, record};
use kyoso_model::input::Record;

/// Value of the one row of a table that passes the filter.
fn value(table: &str, column: &str, filter: &[(&str, &str)], year: i32) -> f64 {
    let table = record().table(table);
    let found: Vec<f64> = (0..table.rows())
        .filter(|&row| {
            table.integer("year")[row] == year
                && filter
                    .iter()
                    .all(|(name, word)| table.text(name).get(row) == *word)
        })
        .map(|row| table.real(column)[row])
        .collect();
    assert_eq!(found.len(), 1, "{filter:?} {year}: {found:?}");
    found[0]
}

fn sales(iso3: &str, class: &str, year: i32) -> f64 {
    value(
        "sales",
        "units",
        &[("iso3", iso3), ("vehicle_class", class)],
        year,
    )
}

#[test]
fn the_pack_passes_its_own_check() {
    assert!(
        record()
            .tables()
            .map(kyoso_model::input::RecordTable::rows)
            .sum::<usize>()
            > 50_000
    );
}

#[test]
fn chinese_sales_are_domestic() {
    // Wholesales with exports were 30.1 M; exports 4.91 M are taken off.
    let domestic = sales("CHN", "total", 2023);
    assert!((25.0e6..25.4e6).contains(&domestic), "{domestic}");
    let with_exports = value(
        "sales_superseded",
        "units",
        &[("iso3", "CHN"), ("vehicle_class", "total")],
        2023,
    );
    assert!(with_exports > 29.5e6);
}

#[test]
fn light_trucks_of_north_america_are_commercial() {
    for iso3 in ["USA", "CAN", "MEX"] {
        let share = sales(iso3, "commercial", 2023) / sales(iso3, "total", 2023);
        assert!(share > 0.35, "{iso3}: {share}");
    }
}

#[test]
fn thai_plug_in_share_is_of_all_vehicles() {
    let bev = value(
        "electrified",
        "units",
        &[
            ("iso3", "THA"),
            ("vehicle_class", "car"),
            ("powertrain", "BEV"),
            ("measure", "sales"),
        ],
        2023,
    );
    assert_eq!(bev, 76_538.0);
    assert_eq!(sales("THA", "total", 2023), 775_780.0);
    let table = record().table("plugin_share");
    let row = (0..table.rows())
        .find(|&row| table.text("iso3").get(row) == "THA" && table.integer("year")[row] == 2023)
        .expect("Thailand is in it");
    assert_eq!(table.text("denominator").get(row), "all");
    assert!(table.real("share")[row] < 0.13);
}

#[test]
fn malaysian_sales_leave_out_used_imports() {
    assert_eq!(sales("MYS", "total", 2023), 799_731.0);
}

#[test]
fn indian_inequality_is_of_income() {
    let gini = record().table("gini");
    let row = (0..gini.rows())
        .find(|&row| gini.text("iso3").get(row) == "IND")
        .expect("India is in it");
    assert!(gini.real("gini_income_equivalent")[row] > 30.0);
}

#[test]
fn world_sales_are_the_published_total_without_chinese_exports() {
    let table = record().table("sales");
    let world: f64 = (0..table.rows())
        .filter(|&row| {
            table.integer("year")[row] == 2023 && table.text("vehicle_class").get(row) == "total"
        })
        .map(|row| table.real("units")[row])
        .sum();
    assert!((88.1e6..88.4e6).contains(&world), "{world}");
}

#[test]
fn no_outcome_is_later_than_the_base_year() {
    let outcomes = [
        "sales",
        "sales_regions",
        "production",
        "stock",
        "electrified",
        "plugin_share",
        "powertrain_mix",
        "segments",
        "origins",
        "battery_price",
        "battery_volume",
        "battery_chemistry",
        "battery_size",
        "chargers",
        "fleet_age",
        "used_trade",
        "new_trade",
        "two_wheelers",
        "vehicle_prices",
        "fuel_prices",
    ];
    for name in outcomes {
        let latest = record().table(name).integer("year").iter().max().copied();
        assert!(latest <= Some(2023), "{name}: {latest:?}");
    }
    let crude = record().table("crude_price");
    let latest = (0..crude.rows())
        .filter(|&row| crude.text("path").get(row) == "history")
        .map(|row| crude.integer("year")[row])
        .max();
    assert_eq!(latest, Some(2023));
}

#[test]
fn two_wheelers_are_no_anchor_of_the_stock() {
    let table = record().table("stock");
    // The WHO count of Viet Nam holds 50 M motorcycles.
    for row in (0..table.rows()).filter(|&row| table.text("iso3").get(row) == "VNM") {
        assert!(
            table.real("vehicles")[row] < 1.0e7,
            "line {}",
            table.line(row)
        );
    }
}

#[test]
fn later_rows_are_left_out_of_an_earlier_origin() {
    let (known, cut) = record().known_by(2014);
    for name in [
        "sales",
        "electrified",
        "gdp",
        "population",
        "fuel_prices",
        "battery_price",
        "purchase_incentives",
    ] {
        assert!(
            known
                .table(name)
                .integer("known_from")
                .iter()
                .all(|&year| year <= 2014),
            "{name}"
        );
        assert!(cut.dropped[name] > 0, "{name}");
    }
    assert!(cut.waived["segments"].0 > 0 && !cut.waived["segments"].1.is_empty());
}

/// The shipped pack in memory.
fn in_memory() -> &'static kyoso_model::input::Memory {
    use kyoso_model::input::Source;
    static PACK: OnceLock<kyoso_model::input::Memory> = OnceLock::new();
    PACK.get_or_init(|| {
        let folder = pack();
        let mut memory = kyoso_model::input::Memory::default();
        for path in folder.paths() {
            let bytes = folder.read(&path).expect("it was listed").into_owned();
            memory.0.insert(path, bytes.into());
        }
        memory
    })
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(48))]
    #[test]
    fn no_bytes_of_a_table_make_the_reader_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let mut pack = in_memory().clone();
        pack.0.insert("record/gini.csv".to_owned(), bytes.into());
        proptest::prop_assert!(Record::load(&pack).is_err());
    }

    #[test]
    fn no_cells_of_a_table_make_the_reader_panic(cells in "[A-Z]{3},[-0-9.eE]{0,6},[-0-9.a-z\"]{0,8},[0-9]{0,5},[A-Z_]{0,9},[a-z]{0,9},.{0,9}") {
        let mut pack = in_memory().clone();
        let header = "iso3,year,gini_income_equivalent,known_from,source,basis,note\n";
        pack.0.insert("record/gini.csv".to_owned(), format!("{header}{cells}\n").into_bytes().into());
        let _ = Record::load(&pack);
    }
}
