//! Makers: who stands behind a badge.

use crate::ids::Origin;
use crate::input::{Problem, Problems, Record, nearest};

/// A maker: the badges of one owner and one origin, or the makers of an origin that are not told apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Maker {
    /// Short name in tables; the code of the origin where makers are not told apart.
    pub code: String,
    /// Name for readers.
    pub name: String,
    /// Where its badges are at home.
    pub origin: Origin,
    /// Position of the first maker of its owner: makers with the same number price together.
    pub group: usize,
    /// Number of equal firms it stands for; 1 where it is one firm.
    pub firms: f64,
    /// Share of trucks and buses in its sales where a source counts them with its cars.
    pub truck_share: f64,
}

impl Maker {
    /// True for makers of an origin that are not told apart.
    pub fn is_generic(&self) -> bool {
        self.code == self.origin.code()
    }
}

/// Reads the table `makers`, sorted by code.
pub(super) fn makers(record: &Record) -> Result<Vec<Maker>, Problems> {
    let table = record.table("makers");
    let (code, name, origin, group) = (
        table.text("code"),
        table.text("name"),
        table.text("origin"),
        table.text("group"),
    );
    let (firms, truck_share) = (table.real("firms"), table.real("truck_share"));
    let mut order: Vec<usize> = (0..table.rows()).collect();
    order.sort_by_key(|&row| code.get(row));
    let mut problems = Problems::default();
    let problem = |row: usize, key: &str, message: String, help: String| Problem {
        file: table.file().to_owned(),
        line: table.line(row),
        column: 0,
        key: key.to_owned(),
        message,
        help,
    };
    let makers: Vec<Maker> = order
        .iter()
        .map(|&row| {
            let owner = group.get(row);
            if !order.iter().any(|&other| code.get(other) == owner) {
                let near = nearest(owner, order.iter().map(|&other| code.get(other)));
                problems.push(problem(
                    row,
                    "group",
                    format!("unknown maker `{owner}`"),
                    near.map_or_else(
                        || "the owner of a maker is a maker too".to_owned(),
                        |near| format!("did you mean `{near}`?"),
                    ),
                ));
            }
            Maker {
                code: code.get(row).to_owned(),
                name: name.get(row).to_owned(),
                origin: Origin::from_code(origin.get(row)).unwrap_or(Origin::Other),
                group: order
                    .iter()
                    .position(|&other| group.get(other) == owner)
                    .unwrap_or_default(),
                firms: firms[row],
                truck_share: truck_share[row],
            }
        })
        .collect();
    for &origin in Origin::ALL {
        if !makers
            .iter()
            .any(|maker| maker.code == origin.code() && maker.origin == origin)
        {
            problems.push(Problem {
                file: table.file().to_owned(),
                line: 0,
                column: 0,
                key: "code".to_owned(),
                message: format!(
                    "no maker stands for those of origin `{origin}` that are not told apart"
                ),
                help: format!("add a row with code and origin `{origin}`"),
            });
        }
    }
    problems.or_ok(makers)
}
