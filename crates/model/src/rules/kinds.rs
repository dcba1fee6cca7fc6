//! The closed words of the table of rules.

use crate::ids::closed_set;

closed_set!(
    /// What a rule is.
    Instrument, INSTRUMENTS, {
        /// Duty under one regime (MFN, or a trade agreement named by the scheme).
        ImportDuty => "import_duty",
        /// Points off whatever duty would be due.
        ImportDutyCut => "import_duty_cut",
        /// Countervailing, safeguard, punitive: on top of the duty.
        AdditionalDuty => "additional_duty",
        /// Excise, luxury or special consumption tax.
        Excise => "excise",
        /// Tax for local government, a share of the excise.
        InteriorTax => "interior_tax",
        /// Value-added or sales tax.
        Vat => "vat",
        /// Purchase or first-registration tax and fees.
        RegistrationTax => "registration_tax",
        /// Money to the buyer, directly or through the price.
        PurchaseSubsidy => "purchase_subsidy",
        /// The same through the buyer's income tax.
        IncomeTaxCredit => "income_tax_credit",
        /// Fee (negative) or rebate (positive) by emissions.
        Feebate => "feebate",
        /// Least share of plug-in or zero-emission vehicles.
        SalesMandate => "sales_mandate",
        /// Highest mean test CO2.
        Co2Standard => "co2_standard",
        /// No sales of vehicles with combustion engines.
        IceBan => "ice_ban",
        /// Vehicles a year that may enter at a lower duty.
        DutyQuota => "duty_quota",
        /// Money to a maker for each vehicle built.
        ProductionIncentive => "production_incentive",
        /// Vehicles to be built at home for each one imported under a scheme.
        ProductionOffset => "production_offset",
        /// Offset units that an exported vehicle counts for.
        OffsetCredit => "offset_credit",
        /// Terms of an offset: guarantees, interest, shares to be met.
        OffsetRule => "offset_rule",
        /// Money set aside for a scheme.
        Budget => "budget",
        /// Least domestic content.
        LocalContent => "local_content",
        /// What makes a vehicle originate in a trade area.
        RuleOfOrigin => "rule_of_origin",
        /// Least share of biofuel.
        BiofuelMandate => "biofuel_mandate",
        /// Share asked of fleets of firms and the State.
        FleetQuota => "fleet_quota",
        /// An aim.
        Target => "target",
        /// Last day of an entitlement.
        Deadline => "deadline",
        /// Count of firms in a scheme.
        Participants => "participants",
    }
);

closed_set!(
    /// Which part of the model obeys an instrument.
    Module, MODULES, {
        /// Wedge between producer and consumer price.
        Wedge => "wedge",
        /// Constraints of the price equilibrium.
        Constraint => "constraint",
        /// Obligations of makers to build at home.
        Offset => "offset",
        /// Money of schemes.
        Budget => "budget",
        /// Sourcing and trade.
        Trade => "trade",
        /// Fuel blends.
        Energy => "energy",
        /// None: shown only.
        Shown => "shown",
    }
);

closed_set!(
    /// Why a rule of the table is not obeyed.
    Reason, REASONS, {
        /// Binds vehicles outside the market of light-duty vehicles.
        Vehicle => "vehicle",
        /// Aim, plan, voluntary or regional: nobody must.
        NoForce => "no_force",
        /// A proposal that is no law yet.
        Proposal => "proposal",
        /// Binds what firms and the State buy for their fleets, not the market.
        Fleet => "fleet",
        /// Tells who takes part or until when; the dates of the rules themselves hold it.
        Information => "information",
        /// Turns on something an offer does not carry (cab, mild hybrid, domestic content).
        Trait => "trait",
        /// Is part of an average of `vehicle_taxes` or `purchase_incentives`, with parts that are not itemised.
        Averaged => "averaged",
        /// A quota smaller than what is imported anyway: the price is made outside it.
        Inframarginal => "inframarginal",
        /// Sources disagree whether it exists.
        Disputed => "disputed",
    }
);

impl Reason {
    /// The reason in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Vehicle => "binds two-wheelers or trucks, not the market of light-duty vehicles",
            Self::NoForce => "an aim, a plan, voluntary or regional: nobody must",
            Self::Proposal => "a proposal that is no law yet",
            Self::Fleet => "binds the fleets of firms and the State, not the market",
            Self::Information => "tells who takes part or until when; the rules' own dates hold it",
            Self::Trait => "turns on a trait that offers do not carry",
            Self::Averaged => "is part of an average with taxes that are not itemised",
            Self::Inframarginal => {
                "a quota below what is imported anyway: the price is made outside it"
            }
            Self::Disputed => "sources disagree whether it exists",
        }
    }
}

impl Instrument {
    /// Who obeys it.
    pub const fn module(self) -> Module {
        match self {
            Self::ImportDuty
            | Self::ImportDutyCut
            | Self::AdditionalDuty
            | Self::Excise
            | Self::InteriorTax
            | Self::Vat
            | Self::RegistrationTax
            | Self::PurchaseSubsidy
            | Self::IncomeTaxCredit
            | Self::Feebate => Module::Wedge,
            Self::SalesMandate | Self::Co2Standard | Self::IceBan | Self::DutyQuota => {
                Module::Constraint
            }
            Self::ProductionOffset | Self::OffsetCredit | Self::OffsetRule => Module::Offset,
            Self::Budget => Module::Budget,
            Self::RuleOfOrigin | Self::LocalContent | Self::ProductionIncentive => Module::Trade,
            Self::BiofuelMandate => Module::Energy,
            Self::FleetQuota | Self::Target | Self::Deadline | Self::Participants => Module::Shown,
        }
    }

    /// Money to the buyer rather than tax.
    pub const fn is_support(self) -> bool {
        matches!(
            self,
            Self::PurchaseSubsidy | Self::IncomeTaxCredit | Self::Feebate
        )
    }

    /// Paid at the border.
    pub const fn is_duty(self) -> bool {
        matches!(
            self,
            Self::ImportDuty | Self::ImportDutyCut | Self::AdditionalDuty
        )
    }
}

/// How the value of a rule is counted.
#[derive(Debug, Clone, PartialEq)]
pub enum Unit {
    /// Share of the tax base.
    AdValorem,
    /// Added to the rate that would apply; negative is a relief.
    Points,
    /// Share of the rate that a combustion vehicle of the same traits pays.
    ShareOfCombustionRate,
    /// Share of the excise.
    ShareOfExcise,
    /// Money a vehicle; the factor turns the currency into US dollars of 2023.
    PerVehicle(f64),
    /// Money; the factor as above.
    Money(f64),
    /// Whatever the consumer of the instrument knows.
    Other(String),
}
