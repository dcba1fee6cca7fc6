//! Tax bases: which tax is charged on what, and in which order, by country.

use crate::ids::closed_set;
use crate::input::{Problem, Problems, Record};

use super::Instrument;

closed_set!(
    /// What a tax is charged on.
    Base, BASES, {
        /// A share of the producer's price: the customs value.
        ProducerPrice => "producer_price",
        /// Producer's price with duties.
        DutyPaid => "duty_paid",
        /// Everything charged before it.
        Accumulated => "accumulated",
        /// The price with this tax (and taxes on it) inside.
        Gross => "gross",
        /// Everything charged before value-added tax.
        BeforeVat => "before_vat",
    }
);

/// The layers of tax, in the default order.
pub const LAYERS: [Instrument; 4] = [
    Instrument::ImportDuty,
    Instrument::Excise,
    Instrument::Vat,
    Instrument::RegistrationTax,
];

/// One layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer {
    /// Tax.
    pub tax: Instrument,
    /// What it is charged on.
    pub base: Base,
    /// Share of the base that is charged.
    pub share: f64,
}

/// Taxes of a country in the order in which they are charged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bases {
    /// Layers.
    pub layers: [Layer; 4],
    /// What proof of origin costs, as a share of the producer's price: a preference below it is not used.
    pub origin_compliance: f64,
}

/// Bases of every country: its own rows over those of the world.
pub fn read(record: &Record, codes: &[String], problems: &mut Problems) -> Vec<Bases> {
    let table = record.table("tax_bases");
    let (iso3, instrument, base) = (
        table.text("iso3"),
        table.text("instrument"),
        table.text("base"),
    );
    let (order, share) = (table.integer("order"), table.real("share"));
    let mut blank = LAYERS.map(|tax| {
        (
            0,
            Layer {
                tax,
                base: Base::Accumulated,
                share: 1.0,
            },
        )
    });
    let mut compliance = 0.0;
    let apply = |layers: &mut [(i32, Layer); 4], compliance: &mut f64, place: &str| {
        for row in (0..table.rows()).filter(|&row| iso3.get(row) == place) {
            if instrument.get(row) == "origin_compliance" {
                *compliance = share[row];
            } else if let Some(slot) = layers
                .iter_mut()
                .find(|(_, layer)| layer.tax.code() == instrument.get(row))
            {
                slot.0 = order[row];
                slot.1.base = Base::from_code(base.get(row)).unwrap_or(Base::Accumulated);
                slot.1.share = share[row];
            }
        }
    };
    apply(&mut blank, &mut compliance, "WLD");
    let mut problem = |line: usize, message: String, help: &str| {
        problems.push(Problem {
            file: table.file().to_owned(),
            line,
            column: 0,
            key: "base".to_owned(),
            message,
            help: help.to_owned(),
        });
    };
    for row in 0..table.rows() {
        let known = instrument.get(row) == "origin_compliance"
            || LAYERS.iter().any(|tax| tax.code() == instrument.get(row));
        if !known {
            problem(
                table.line(row),
                format!("`{}` is no layer of tax", instrument.get(row)),
                "layers are import_duty, excise, vat, registration_tax",
            );
        }
    }
    let mut list = Vec::with_capacity(codes.len());
    for code in codes {
        let (mut layers, mut own) = (blank, compliance);
        apply(&mut layers, &mut own, code);
        layers.sort_by_key(|(order, _)| *order);
        let layers = layers.map(|(_, layer)| layer);
        let vat = layers.iter().position(|layer| layer.tax == Instrument::Vat);
        if layers
            .iter()
            .position(|layer| layer.base == Base::BeforeVat)
            < vat
            && layers.iter().any(|layer| layer.base == Base::BeforeVat)
        {
            problem(
                0,
                format!("in {code} a tax on the price before VAT comes before VAT"),
                "give it an order after that of vat",
            );
        }
        list.push(Bases {
            layers,
            origin_compliance: own,
        });
    }
    list
}
