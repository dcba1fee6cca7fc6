//! The pack that ships, read and calibrated once a test program.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::PathBuf;
use std::sync::OnceLock;

use kyoso_model::calibrate::{self, Base};
use kyoso_model::explain::Explanation;
use kyoso_model::input::{Folder, Record};
use kyoso_model::world::World;

/// The pack's folder.
pub fn pack() -> Folder {
    Folder(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../data"))
}

/// The record.
pub fn record() -> &'static Record {
    static RECORD: OnceLock<Record> = OnceLock::new();
    RECORD.get_or_init(|| Record::load(&pack()).unwrap_or_else(|problems| panic!("{problems}")))
}

/// World and base year.
pub fn model() -> &'static (World, Base) {
    static MODEL: OnceLock<(World, Base)> = OnceLock::new();
    MODEL.get_or_init(|| {
        let mut world = World::build(record()).expect("the pack makes a world");
        let base = calibrate::calibrate(&mut world, record());
        (world, base)
    })
}

/// Sum of an explanation's terms whose names begin so.
pub fn sum_of_terms(told: &Explanation, begin: &str) -> f64 {
    told.terms
        .iter()
        .filter(|term| term.name.starts_with(begin))
        .map(|term| term.value)
        .sum()
}
