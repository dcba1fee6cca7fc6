//! The sets of the model (model.md section 1) and dense arrays over them.

/// Defines a closed set with its codes, in the order in which arrays are laid out.
macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident, $count:ident, { $($(#[$member_doc:meta])* $member:ident => $code:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$member_doc])* $member),+ }

        impl $name {
            /// All members, in the order of arrays.
            pub const ALL: &'static [Self] = &[$(Self::$member),+];

            /// Code in tables and files.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$member => $code),+ }
            }

            /// The member with this code.
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$member),)+ _ => None }
            }

            /// Position in arrays.
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        /// Number of members.
        pub const $count: usize = $name::ALL.len();

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.code())
            }
        }
    };
}

pub(crate) use closed_set;

closed_set!(
    /// Light-duty segments; heavy vehicles are a class of their own.
    Segment, SEGMENTS, {
        /// City cars and small cars.
        Small => "small",
        /// Compact and medium cars.
        Medium => "medium",
        /// Sport utility vehicles of all sizes.
        Suv => "suv",
        /// Multi-purpose vehicles.
        Mpv => "mpv",
        /// One-tonne and full-size pickups.
        Pickup => "pickup",
        /// Vans and light trucks.
        Van => "van",
    }
);

closed_set!(
    /// Powertrains.
    Powertrain, POWERTRAINS, {
        /// Petrol engine.
        Gasoline => "ICE-gasoline",
        /// Diesel engine.
        Diesel => "ICE-diesel",
        /// Engine for any mix of petrol and ethanol.
        FlexFuel => "flex-fuel",
        /// Compressed natural gas and LPG.
        Cng => "CNG",
        /// Hybrid without plug (in Europe with mild hybrids).
        Hybrid => "HEV",
        /// Plug-in hybrid.
        PlugInHybrid => "PHEV",
        /// Battery-electric.
        BatteryElectric => "BEV",
        /// Hydrogen fuel cell.
        FuelCell => "FCEV",
    }
);

impl Powertrain {
    /// Battery-electric or plug-in hybrid: what text calls an electric vehicle.
    pub const fn is_plug_in(self) -> bool {
        matches!(self, Self::PlugInHybrid | Self::BatteryElectric)
    }

    /// Combustion only, without a traction battery.
    pub const fn is_conventional(self) -> bool {
        matches!(
            self,
            Self::Gasoline | Self::Diesel | Self::FlexFuel | Self::Cng
        )
    }
}

closed_set!(
    /// Origin of a maker: where its badge is at home.
    Origin, ORIGINS, {
        /// Japan.
        Japan => "JPN",
        /// China.
        China => "CHN",
        /// Korea.
        Korea => "KOR",
        /// Europe.
        Europe => "EUR",
        /// United States.
        Usa => "USA",
        /// ASEAN.
        Asean => "ASEAN",
        /// India.
        India => "IND",
        /// All others.
        Other => "other",
    }
);

closed_set!(
    /// Groups of countries; a country is in one.
    Group, GROUPS, {
        /// The ten members of 2023.
        Asean => "ASEAN",
        /// Japan.
        Japan => "Japan",
        /// China.
        China => "China",
        /// Korea.
        Korea => "Korea",
        /// India.
        India => "India",
        /// European Union.
        Eu27 => "EU27",
        /// Europe outside the Union, with Russia and Turkey.
        OtherEurope => "Other Europe",
        /// USA, Canada, Mexico.
        NorthAmerica => "North America",
        /// Latin America without Mexico.
        LatinAmerica => "Latin America",
        /// Middle East.
        MiddleEast => "Middle East",
        /// Africa.
        Africa => "Africa",
        /// Central Asia and the Caucasus.
        CentralAsia => "Central Asia",
        /// Other Asia.
        OtherAsia => "Other Asia",
        /// Oceania.
        Oceania => "Oceania",
    }
);

closed_set!(
    /// Energy carriers that vehicles take on board.
    Carrier, CARRIERS, {
        /// Petrol with its ethanol.
        Gasoline => "gasoline",
        /// Diesel with its biodiesel.
        Diesel => "diesel",
        /// Compressed natural gas and LPG.
        Gas => "gas",
        /// Electricity.
        Electricity => "electricity",
        /// Hydrogen.
        Hydrogen => "hydrogen",
    }
);

closed_set!(
    /// Paths of population and income.
    Drivers, DRIVERS, {
        /// Sustainability.
        Ssp1 => "SSP1",
        /// Middle of the road.
        Ssp2 => "SSP2",
        /// Regional rivalry.
        Ssp3 => "SSP3",
        /// Inequality.
        Ssp4 => "SSP4",
        /// Fossil-fuelled development.
        Ssp5 => "SSP5",
    }
);

closed_set!(
    /// Minerals of electric vehicles.
    Mineral, MINERALS, {
        /// Lithium, contained.
        Lithium => "lithium",
        /// Nickel.
        Nickel => "nickel",
        /// Cobalt.
        Cobalt => "cobalt",
        /// Manganese.
        Manganese => "manganese",
        /// Graphite, natural or synthetic.
        Graphite => "graphite",
        /// Rare earths, as oxides.
        RareEarths => "rare_earths",
        /// Copper.
        Copper => "copper",
    }
);

closed_set!(
    /// Chemistries of traction batteries.
    Chemistry, CHEMISTRIES, {
        /// Lithium iron phosphate.
        Lfp => "LFP",
        /// Lithium manganese oxide.
        Lmo => "LMO",
        /// Nickel cobalt aluminium.
        Nca => "NCA",
        /// Nickel manganese cobalt 1:1:1.
        Nmc111 => "NMC111",
        /// 5:3:2.
        Nmc532 => "NMC532",
        /// 6:2:2.
        Nmc622 => "NMC622",
        /// 7:2:1.
        Nmc721 => "NMC721",
        /// 8:1:1.
        Nmc811 => "NMC811",
        /// Nine tenths nickel.
        Nmc900 => "NMC900",
        /// Sodium-ion.
        SodiumIon => "sodium-ion",
        /// Solid electrolyte and later chemistries.
        SolidState => "solid-state",
    }
);

impl Chemistry {
    /// True where the cathode holds nickel and the electrolyte is liquid: what iron or sodium can replace.
    pub const fn is_nickel_based(self) -> bool {
        matches!(
            self,
            Self::Nca
                | Self::Nmc111
                | Self::Nmc532
                | Self::Nmc622
                | Self::Nmc721
                | Self::Nmc811
                | Self::Nmc900
        )
    }
}

closed_set!(
    /// Skills of the people who make vehicles.
    Skill, SKILLS, {
        /// Body, engine, chassis.
        Mechanical => "mechanical",
        /// Motors, power electronics, cells and packs.
        Electrified => "electrified powertrain and battery",
        /// Software.
        Software => "software",
        /// Production engineering.
        Engineering => "production engineering",
    }
);

closed_set!(
    /// Stages of making a vehicle at which people work.
    WorkStage, WORK_STAGES, {
        /// Press and body.
        Body => "body",
        /// Paint.
        Paint => "paint",
        /// Final assembly.
        Assembly => "assembly",
        /// Engine, gearbox, electric drive.
        Powertrain => "powertrain",
        /// Packs.
        Battery => "battery",
        /// Parts of suppliers.
        Parts => "parts",
    }
);

closed_set!(
    /// Liquid biofuels.
    Biofuel, BIOFUELS, {
        /// Ethanol in petrol.
        Ethanol => "ethanol",
        /// Esters in diesel.
        Biodiesel => "biodiesel",
        /// Hydrotreated oil in diesel, of any share.
        Hydrotreated => "hvo",
    }
);

/// First year held by arrays over years.
pub const FIRST_YEAR: i32 = 2000;
/// Last year held by arrays over years.
pub const LAST_YEAR: i32 = 2050;
/// Length of arrays over years.
pub const YEARS: usize = (LAST_YEAR - FIRST_YEAR + 1) as usize;

/// Position of a year in arrays over years.
///
/// # Panics
/// If the year lies outside `FIRST_YEAR..=LAST_YEAR`, which input checks exclude.
pub fn year_index(year: i32) -> usize {
    assert!(
        (FIRST_YEAR..=LAST_YEAR).contains(&year),
        "year {year} lies outside the arrays"
    );
    (year - FIRST_YEAR) as usize
}

/// A dense table: one row of `columns` numbers for each member of a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    columns: usize,
    cells: Vec<f64>,
}

impl Grid {
    /// A table filled with one value.
    pub fn filled(rows: usize, columns: usize, value: f64) -> Self {
        Self {
            columns,
            cells: vec![value; rows * columns],
        }
    }

    /// One row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.cells[row * self.columns..(row + 1) * self.columns]
    }

    /// One row to write to.
    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.cells[row * self.columns..(row + 1) * self.columns]
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.cells.len() / self.columns
    }

    /// All cells, row by row.
    pub fn cells(&self) -> &[f64] {
        &self.cells
    }

    /// All cells to write to, in rows.
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [f64]> {
        self.cells.chunks_mut(self.columns)
    }
}

impl std::ops::Index<(usize, usize)> for Grid {
    type Output = f64;
    fn index(&self, (row, column): (usize, usize)) -> &f64 {
        debug_assert!(column < self.columns);
        &self.cells[row * self.columns + column]
    }
}

impl std::ops::IndexMut<(usize, usize)> for Grid {
    fn index_mut(&mut self, (row, column): (usize, usize)) -> &mut f64 {
        debug_assert!(column < self.columns);
        &mut self.cells[row * self.columns + column]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_lead_back_to_their_members() {
        for powertrain in Powertrain::ALL {
            assert_eq!(Powertrain::from_code(powertrain.code()), Some(*powertrain));
        }
        for (position, group) in Group::ALL.iter().enumerate() {
            assert_eq!(group.index(), position);
            assert_eq!(Group::from_code(group.code()), Some(*group));
        }
        assert_eq!(Origin::from_code("jpn"), None);
    }
}
