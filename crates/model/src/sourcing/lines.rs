//! Lines of plants: powertrains that are built on the same equipment.

use crate::ids::{Powertrain, SEGMENTS, Segment, closed_set};

closed_set!(
    /// Groups of powertrains built on one line and treated alike by customs.
    Line, LINES, {
        /// Combustion engines of any fuel.
        Combustion => "ICE",
        /// Hybrids without plug.
        Hybrid => "HEV",
        /// Plug-in hybrids.
        PlugIn => "PHEV",
        /// Battery-electric vehicles.
        Battery => "BEV",
        /// Fuel-cell vehicles.
        FuelCell => "FCEV",
    }
);

impl Line {
    /// The line of a powertrain.
    pub const fn of(powertrain: Powertrain) -> Self {
        match powertrain {
            Powertrain::Gasoline | Powertrain::Diesel | Powertrain::FlexFuel | Powertrain::Cng => {
                Self::Combustion
            }
            Powertrain::Hybrid => Self::Hybrid,
            Powertrain::PlugInHybrid => Self::PlugIn,
            Powertrain::BatteryElectric => Self::Battery,
            Powertrain::FuelCell => Self::FuelCell,
        }
    }
}

/// Kinds of vehicles that plants tell apart: segment by line.
pub const KINDS: usize = SEGMENTS * LINES;

/// Position of a kind.
pub const fn kind(segment: usize, line: usize) -> usize {
    segment * LINES + line
}

/// Classes of duty: cars (heading 8703) and goods vehicles (8704), each by line.
pub const LANES: usize = 2 * LINES;

/// Class of duty of a kind: pickups and vans are goods vehicles.
pub const fn lane(kind: usize) -> usize {
    let goods = kind / LINES == Segment::Pickup.index() || kind / LINES == Segment::Van.index();
    kind % LINES + if goods { LINES } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pickup_pays_the_duty_of_goods_vehicles() {
        let diesel = Line::of(Powertrain::Diesel).index();
        assert_eq!(lane(kind(Segment::Pickup.index(), diesel)), LINES);
        assert_eq!(lane(kind(Segment::Suv.index(), diesel)), 0);
        let battery = Line::of(Powertrain::BatteryElectric).index();
        assert_eq!(lane(kind(Segment::Van.index(), battery)), LINES + battery);
    }
}
