//! What a problem is made of.

use crate::formulation::Formulation;
use crate::integrate::Integration;
use crate::simd::Level;

/// What is to be estimated.
#[derive(Debug, Clone, Default)]
pub struct Specification {
    /// Linear characteristics of demand, `X1`.
    pub linear: Formulation,
    /// Characteristics with random coefficients, `X2`.
    pub random: Formulation,
    /// Characteristics of marginal cost, `X3`; empty for no supply side.
    pub cost: Formulation,
    /// Demographics of agents.
    pub demographics: Formulation,
    /// Whether cost is linear in its characteristics or its logarithm is.
    pub cost_form: CostForm,
    /// Names of the columns with a fixed role.
    pub names: Names,
    /// Rule for nodes where the agents bring none.
    pub integration: Option<Integration>,
    /// Instruction level; `None` for the highest there is.
    pub level: Option<Level>,
}

/// Form of the cost equation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CostForm {
    /// `c = X3 gamma + omega`.
    #[default]
    Linear,
    /// `ln c = X3 gamma + omega`.
    Log,
}

/// Names of columns with a fixed role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Market, in both tables.
    pub market: String,
    /// Product, for messages and results; row numbers where absent.
    pub product: String,
    /// Maker.
    pub firm: String,
    /// Market share.
    pub share: String,
    /// Price.
    pub price: String,
    /// Nest; no nests where absent.
    pub nest: String,
    /// Cluster of standard errors.
    pub cluster: String,
    /// Prefix of excluded demand instruments.
    pub demand_instruments: String,
    /// Prefix of excluded supply instruments.
    pub supply_instruments: String,
    /// Number of equal makers that a maker stands for; 1 where absent.
    pub equals: String,
    /// Prefix of the columns of an ownership matrix, as many as the largest market has products; makers where absent.
    pub ownership: String,
    /// Integration weight of an agent.
    pub weight: String,
    /// Prefix of integration nodes.
    pub nodes: String,
}

impl Default for Names {
    fn default() -> Self {
        let name = str::to_owned;
        Self {
            market: name("market_ids"),
            product: name("product_ids"),
            firm: name("firm_ids"),
            share: name("shares"),
            price: name("prices"),
            nest: name("nesting_ids"),
            cluster: name("clustering_ids"),
            demand_instruments: name("demand_instruments"),
            supply_instruments: name("supply_instruments"),
            equals: name("equal_firms"),
            ownership: name("ownership"),
            weight: name("weights"),
            nodes: name("nodes"),
        }
    }
}
