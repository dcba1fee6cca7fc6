//! What can be wrong with a problem, and what can go wrong while it is solved.

/// One defect of an input, with its place.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Defect {
    /// Column, market, product or setting.
    pub place: String,
    /// What is wrong, what was expected.
    pub message: String,
}

impl Defect {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            message: message.into(),
        }
    }
}

/// Why nothing could be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The input does not describe a problem; every defect found.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Invalid(Vec<Defect>),
    /// A matrix that must be inverted has no inverse.
    #[error("{what} cannot be inverted{hint}")]
    Singular {
        /// The matrix.
        what: String,
        /// What may mend it.
        hint: String,
    },
    /// No objective could be computed at the start.
    #[error("the objective is not finite at the start: {0}")]
    NotFinite(String),
}

impl Error {
    pub(crate) fn invalid(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Invalid(vec![Defect::new(place, message)])
    }

    /// An error where there are defects.
    pub(crate) fn of(defects: Vec<Defect>) -> Result<(), Self> {
        if defects.is_empty() {
            Ok(())
        } else {
            Err(Self::Invalid(defects))
        }
    }
}

/// Something to know about a result: a market that did not converge, an ill-conditioned matrix.
#[derive(Debug, Clone, PartialEq)]
pub enum Warning {
    /// The inversion of shares stopped short of its tolerance.
    Inversion {
        /// Market.
        market: String,
        /// Largest difference of log shares when it stopped.
        residual: f64,
    },
    /// Costs were moved to their bounds.
    CostsBounded {
        /// Market.
        market: String,
        /// Number of products.
        products: usize,
    },
    /// A matrix was singular; its pseudo-inverse was used.
    PseudoInverse(String),
    /// The optimiser stopped before its tolerance.
    Optimiser(String),
    /// Numbers that may not be trusted, with the reason.
    Other(String),
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Inversion { market, residual } => write!(
                f,
                "market {market}: shares were not inverted to the tolerance, log shares differ by {residual:.1e}"
            ),
            Self::CostsBounded { market, products } => {
                write!(
                    f,
                    "market {market}: costs of {products} products were moved to their bounds"
                )
            }
            Self::PseudoInverse(what) => {
                write!(f, "{what} is singular; its pseudo-inverse was used")
            }
            Self::Optimiser(message) => write!(f, "the optimiser stopped: {message}"),
            Self::Other(message) => write!(f, "{message}"),
        }
    }
}
