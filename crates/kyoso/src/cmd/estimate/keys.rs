//! What a problem file may say: every key with its kind and meaning. The reader, the JSON Schema and the reference follow this list.

/// What a value must be.
pub enum Kind {
    /// Text.
    Text,
    /// One of some words.
    Word(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A number within bounds.
    Number(f64, f64),
    /// A whole number within bounds.
    Whole(u64, u64),
    /// Lowest and highest value; `-inf` and `inf` for none.
    Bounds,
    /// Column expressions; with effects also `C(column)`.
    Terms(bool),
    /// One column expression, or a number.
    Expression,
    /// Words.
    Names,
    /// Lists of words.
    Groups,
    /// Rows of numbers.
    Rows,
    /// Numbers.
    Numbers,
    /// A table with these keys.
    Table(&'static [Key]),
    /// Tables with these keys.
    Tables(&'static [Key]),
    /// A table with any keys.
    Map(&'static Kind),
    /// Either of two.
    Either(&'static Kind, &'static Kind),
}

/// A key of a table.
pub struct Key {
    /// Name.
    pub name: &'static str,
    /// Kind of its value.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// Meaning.
    pub meaning: &'static str,
}

const fn key(name: &'static str, kind: Kind, meaning: &'static str) -> Key {
    Key {
        name,
        kind,
        required: false,
        meaning,
    }
}

const fn must(name: &'static str, kind: Kind, meaning: &'static str) -> Key {
    Key {
        name,
        kind,
        required: true,
        meaning,
    }
}

const ANY: Kind = Kind::Number(f64::NEG_INFINITY, f64::INFINITY);
const MANY: u64 = 1_000_000;

/// Keys of the whole file.
pub static ROOT: &[Key] = &[
    key(
        "name",
        Kind::Text,
        "short name, for titles; default: the name of the file",
    ),
    key("description", Kind::Text, "one sentence"),
    must(
        "products",
        Kind::Table(PRODUCTS),
        "table with one row a product and market",
    ),
    key(
        "agents",
        Kind::Table(AGENTS),
        "table with one row an agent (and market)",
    ),
    must(
        "formulation",
        Kind::Table(FORMULATION),
        "characteristics of demand and cost",
    ),
    key(
        "start",
        Kind::Table(START),
        "starting values; what is not named is zero and stays zero",
    ),
    key(
        "bounds",
        Kind::Map(&Kind::Bounds),
        "bounds of estimated parameters by label, such as \"sigma[1]\"",
    ),
    key(
        "integration",
        Kind::Table(INTEGRATION),
        "nodes of unobserved tastes; default: those of the agents",
    ),
    key(
        "instruments",
        Kind::Table(INSTRUMENTS),
        "excluded instruments; exogenous characteristics are instruments in any case",
    ),
    key("micro", Kind::Table(MICRO), "moments of surveys"),
    key(
        "estimation",
        Kind::Table(ESTIMATION),
        "steps, weights and errors",
    ),
    key("optimiser", Kind::Table(OPTIMISER), "the minimiser"),
    key(
        "inversion",
        Kind::Table(INVERSION),
        "from shares to mean utilities",
    ),
    key(
        "after",
        Kind::Table(AFTER),
        "what to compute from the estimates",
    ),
];

static PRODUCTS: &[Key] = &[
    must(
        "file",
        Kind::Text,
        "CSV or Parquet file, from the place of the problem file",
    ),
    key(
        "market",
        Kind::Text,
        "column of markets; default `market_ids`",
    ),
    key(
        "product",
        Kind::Text,
        "column of products, unique within a market; default `product_ids`, where absent rows are numbered",
    ),
    key("firm", Kind::Text, "column of makers; default `firm_ids`"),
    key(
        "share",
        Kind::Text,
        "column of market shares, between 0 and 1; default `shares`",
    ),
    key("price", Kind::Text, "column of prices; default `prices`"),
    key(
        "nest",
        Kind::Text,
        "column of nests; default `nesting_ids`, read only if `start.rho` is there",
    ),
    key(
        "cluster",
        Kind::Text,
        "column of clusters of standard errors; default `clustering_ids`",
    ),
    key(
        "equals",
        Kind::Text,
        "column with the number of equal makers that a maker stands for",
    ),
    key(
        "ownership",
        Kind::Text,
        "prefix of the numbered columns of an ownership matrix, in place of makers",
    ),
];

static AGENTS: &[Key] = &[
    must("file", Kind::Text, "CSV or Parquet file"),
    key(
        "market",
        Kind::Text,
        "column of markets; default as of the products, where absent all markets have the same agents",
    ),
    key(
        "weight",
        Kind::Text,
        "column of integration weights, used as they are; default `weights`, where absent agents weigh the same",
    ),
    key(
        "nodes",
        Kind::Text,
        "prefix of the numbered columns of nodes; default `nodes`",
    ),
];

static FORMULATION: &[Key] = &[
    must(
        "x1",
        Kind::Terms(true),
        "linear characteristics of demand; `C(column)` absorbs fixed effects",
    ),
    key(
        "x2",
        Kind::Terms(false),
        "characteristics with random coefficients",
    ),
    key(
        "x3",
        Kind::Terms(true),
        "characteristics of marginal cost; none: no supply side",
    ),
    key(
        "demographics",
        Kind::Terms(false),
        "demographics, over columns of the agents",
    ),
    key(
        "cost",
        Kind::Word(&["linear", "log"]),
        "whether marginal cost or its logarithm is linear in x3; default linear",
    ),
    key(
        "cost_bounds",
        Kind::Bounds,
        "bounds that marginal costs are moved to",
    ),
];

static START: &[Key] = &[
    key(
        "sigma",
        Kind::Either(
            &Kind::Rows,
            &Kind::Either(
                &Kind::Numbers,
                &Kind::Map(&Kind::Either(&ANY, &Kind::Map(&ANY))),
            ),
        ),
        "root of the covariance of tastes: by characteristic a number (diagonal) or a table over characteristics before it; or the diagonal; or rows",
    ),
    key(
        "pi",
        Kind::Either(&Kind::Rows, &Kind::Map(&Kind::Map(&ANY))),
        "effect of demographics on tastes: by characteristic a table over demographics; or rows",
    ),
    key(
        "rho",
        Kind::Either(&Kind::Number(0.0, 1.0), &Kind::Map(&Kind::Number(0.0, 1.0))),
        "nesting parameter: one for all, or one by nest",
    ),
    key(
        "beta",
        Kind::Map(&ANY),
        "linear coefficients that are searched for rather than concentrated out; with a supply side prices in x1 need one",
    ),
];

static INTEGRATION: &[Key] = &[
    must(
        "rule",
        Kind::Word(&[
            "given",
            "product",
            "grid",
            "halton",
            "sobol",
            "mlhs",
            "monte_carlo",
        ]),
        "nodes of the agents, Gauss-Hermite product, sparse grid, scrambled Halton or Sobol, modified Latin hypercube, random draws",
    ),
    key(
        "size",
        Kind::Whole(1, MANY),
        "product: nodes a dimension; grid: level; others: nodes",
    ),
    key(
        "seed",
        Kind::Whole(0, u64::MAX),
        "seed of scrambles and draws; default 0",
    ),
    key(
        "by_market",
        Kind::Flag,
        "whether every market has nodes of its own; default: unless product or grid",
    ),
];

static INSTRUMENTS: &[Key] = &[
    key(
        "demand",
        Kind::Table(SIDE),
        "demand instruments; default: columns demand_instruments0, demand_instruments1, ...",
    ),
    key(
        "supply",
        Kind::Table(SIDE),
        "supply instruments; default: columns supply_instruments0, supply_instruments1, ...",
    ),
    key(
        "optimal",
        Kind::Flag,
        "whether to estimate again with the optimal instruments of the first estimates",
    ),
];

static SIDE: &[Key] = &[
    key(
        "columns",
        Kind::Names,
        "column expressions; `name*` stands for name0, name1, ...",
    ),
    key(
        "blp",
        Kind::Terms(false),
        "sums of these over the maker's other products and over rivals'",
    ),
    key(
        "differentiation",
        Kind::Table(DIFFERENTIATION),
        "differentiation instruments of Gandhi and Houde",
    ),
];

static DIFFERENTIATION: &[Key] = &[
    must("of", Kind::Terms(false), "characteristics"),
    key(
        "closeness",
        Kind::Word(&["local", "quadratic"]),
        "count products within a standard deviation, or sum squared differences; default quadratic",
    ),
    key(
        "interact",
        Kind::Flag,
        "also products of differences; default false",
    ),
];

static MICRO: &[Key] = &[
    must("dataset", Kind::Tables(DATASET), "surveys"),
    must("moment", Kind::Tables(MOMENT), "moments"),
    key(
        "covariance",
        Kind::Rows,
        "sampling covariance of the moments; default: from the model",
    ),
];

static DATASET: &[Key] = &[
    must("name", Kind::Text, "name"),
    must(
        "observations",
        Kind::Number(1.0, f64::INFINITY),
        "number of answers",
    ),
    key("markets", Kind::Names, "markets; default all"),
    key(
        "agents",
        Kind::Expression,
        "sampling weight of an agent; default 1",
    ),
    key(
        "products",
        Kind::Expression,
        "sampling weight of a chosen product; default 1",
    ),
    key(
        "outside",
        ANY,
        "sampling weight of the outside good; default 1",
    ),
    key(
        "second_choices",
        Kind::Flag,
        "whether second choices were asked; default false",
    ),
];

static MOMENT: &[Key] = &[
    must("name", Kind::Text, "name"),
    must("dataset", Kind::Text, "survey"),
    must("value", ANY, "observed value"),
    key("mean", Kind::Table(PART), "a mean over the survey"),
    key(
        "over",
        Kind::Table(PART),
        "divides `mean`: a conditional mean",
    ),
    key(
        "covariance",
        Kind::Tables(PART),
        "the covariance of two parts, in place of `mean`",
    ),
];

static PART: &[Key] = &[
    key(
        "agents",
        Kind::Expression,
        "function of the agent; default 1",
    ),
    key(
        "products",
        Kind::Expression,
        "function of the chosen product; default 1",
    ),
    key(
        "outside",
        ANY,
        "its value for the outside good; default 0, or 1 without `products`",
    ),
    key(
        "second",
        Kind::Expression,
        "function of the second choice; default 1",
    ),
    key(
        "second_outside",
        ANY,
        "its value for the outside good; default 0, or 1 without `second`",
    ),
];

const COVARIANCES: Kind = Kind::Word(&["unadjusted", "robust", "clustered"]);

static ESTIMATION: &[Key] = &[
    key(
        "steps",
        Kind::Word(&["one", "two", "iterated", "continuous"]),
        "sequence of weighting matrices; default two",
    ),
    key(
        "most_steps",
        Kind::Whole(2, 1000),
        "most steps of `iterated`; default 20",
    ),
    key(
        "weights",
        COVARIANCES,
        "covariance of moments for the weights from the second step on; default robust",
    ),
    key("errors", COVARIANCES, "standard errors; default robust"),
    key(
        "centred",
        Kind::Flag,
        "whether moments are centred before their covariance is taken; default true",
    ),
    key(
        "initial_update",
        Kind::Flag,
        "whether weights are updated at the start; default false",
    ),
];

static OPTIMISER: &[Key] = &[
    key(
        "method",
        Kind::Word(&["trust_region", "hold"]),
        "a trust region for sums of squares, or only evaluate the start; default trust_region",
    ),
    key(
        "gradient",
        Kind::Number(0.0, f64::INFINITY),
        "largest projected gradient at the end; default 1e-8",
    ),
    key(
        "evaluations",
        Kind::Whole(1, MANY),
        "most evaluations a step; default 1000",
    ),
    key(
        "starts",
        Kind::Whole(1, 1000),
        "number of starts, the others drawn around the given one; default 1",
    ),
    key(
        "spread",
        Kind::Number(0.0, 100.0),
        "half-width of drawn starts relative to the given one; default 0.5",
    ),
    key(
        "seed",
        Kind::Whole(0, u64::MAX),
        "seed of drawn starts; default 0",
    ),
];

static INVERSION: &[Key] = &[
    key(
        "method",
        Kind::Word(&["newton", "squarem", "contraction"]),
        "default newton",
    ),
    key(
        "tolerance",
        Kind::Number(0.0, 1.0),
        "largest change of a mean utility at the end; default 1e-14",
    ),
    key(
        "evaluations",
        Kind::Whole(1, MANY),
        "most share evaluations a market; default 5000",
    ),
];

static AFTER: &[Key] = &[
    key(
        "elasticities",
        Kind::Names,
        "own and cross elasticities by these columns (such as the price)",
    ),
    key(
        "diversion",
        Kind::Flag,
        "diversion ratios by price, to the outside good on the diagonal",
    ),
    key(
        "long_run_diversion",
        Kind::Flag,
        "diversion ratios when a product goes",
    ),
    key("pass_through", Kind::Flag, "derivatives of prices by costs"),
    key(
        "aggregate_factor",
        Kind::Number(1e-6, 10.0),
        "rise of all prices in the aggregate elasticity; default 0.1",
    ),
    key(
        "counterfactual",
        Kind::Tables(COUNTERFACTUAL),
        "changes, each with new prices in equilibrium",
    ),
    key(
        "intervals",
        Kind::Table(INTERVALS),
        "standard errors and intervals of the summary",
    ),
];

static COUNTERFACTUAL: &[Key] = &[
    must("name", Kind::Text, "name"),
    key("merge", Kind::Groups, "lists of makers that become one"),
    key(
        "ad_valorem",
        Kind::Expression,
        "tax or tariff v over columns of the products: consumers pay (1 + v) times the producer's price",
    ),
    key(
        "specific",
        Kind::Expression,
        "tax per unit, in units of the price",
    ),
    key(
        "cost",
        Kind::Expression,
        "marginal costs are multiplied by this",
    ),
    key(
        "exit",
        Kind::Expression,
        "products for which this is not zero go",
    ),
];

static INTERVALS: &[Key] = &[
    must(
        "method",
        Kind::Word(&["delta", "bootstrap"]),
        "delta method, or parametric bootstrap",
    ),
    key(
        "draws",
        Kind::Whole(2, 100_000),
        "draws of the bootstrap; default 200",
    ),
    key(
        "level",
        Kind::Number(0.5, 0.9999),
        "level of the intervals; default 0.95",
    ),
    key(
        "seed",
        Kind::Whole(0, u64::MAX),
        "seed of the bootstrap; default 0",
    ),
];
