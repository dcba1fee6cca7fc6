//! Settings that follow from keys alone: roles of columns, integration, options of the estimation.

use kyoso_demand::{
    Covariance, Formulation, Integration, Method, Names, Optimiser, Options, Rule, Steps,
};
use kyoso_model::input::nearest;

use super::plan::Builder;
use super::tree::{Node, Value, join};
use super::uses::known;

impl Builder<'_> {
    /// Columns with a fixed role; those that are not used get a name that no column has.
    pub fn names(&mut self) -> Names {
        let defaults = Names::default();
        let section = self.root.get("products");
        let has_rho = self
            .root
            .get("start")
            .is_some_and(|s| s.get("rho").is_some());
        let clustered = self.root.get("estimation").is_some_and(|e| {
            ["weights", "errors"]
                .iter()
                .any(|key| e.text(key) == Some("clustered"))
        });
        let mut role =
            |key: &str, default: &str, required: bool, wanted: bool, number: bool| -> String {
                let given = section.and_then(|s| s.get(key));
                let name = given.and_then(Node::as_text).unwrap_or(default).to_owned();
                if self.products.names.is_empty() {
                    return name;
                }
                if given.is_none() && (!wanted || (!required && !self.products.has(&name))) {
                    return format!("({key})");
                }
                let at = given.or(section).map_or(0, |node| node.at);
                let path = join("products", key);
                if given.is_none() && !self.products.has(&name) {
                    let near = nearest(&name, self.products.names.iter().map(String::as_str))
                        .map_or_else(String::new, |near| format!("; perhaps `{near}`"));
                    let columns = self.products.names.join(", ");
                    self.report.problem(
                        at,
                        &path,
                        format!("{} has no column `{name}`", self.products.name),
                        format!(
                            "name the column with `{key}` under [products]{near}; it has {columns}"
                        ),
                    );
                } else if known(&mut self.report, &self.products, at, &path, &name) {
                    let uses = &mut self.product_uses;
                    if number {
                        &mut uses.numbers
                    } else {
                        &mut uses.labels
                    }
                    .insert(name.clone());
                }
                name
            };
        let names = Names {
            market: role("market", &defaults.market, true, true, false),
            product: role("product", &defaults.product, false, true, false),
            firm: role("firm", &defaults.firm, false, true, false),
            share: role("share", &defaults.share, true, true, true),
            price: role("price", &defaults.price, true, true, true),
            nest: role("nest", &defaults.nest, false, has_rho, false),
            cluster: role("cluster", &defaults.cluster, clustered, clustered, false),
            equals: role("equals", &defaults.equals, false, false, true),
            demand_instruments: "(demand instruments) ".to_owned(),
            supply_instruments: "(supply instruments) ".to_owned(),
            ownership: String::new(),
            weight: String::new(),
            nodes: String::new(),
        };
        Names {
            ownership: self.ownership(),
            ..self.agent_names(names)
        }
    }

    fn ownership(&mut self) -> String {
        let unused = "(ownership)".to_owned();
        let Some(node) = self.root.get("products").and_then(|p| p.get("ownership")) else {
            return unused;
        };
        let Some(prefix) = node.as_text() else {
            return unused;
        };
        let columns = self.products.numbered(prefix);
        if columns.is_empty() && !self.products.names.is_empty() {
            let message = format!("{} has no column `{prefix}0`", self.products.name);
            self.report.problem(
                node.at,
                "products.ownership",
                message,
                "expected columns numbered from 0, as many as the largest market has products",
            );
        }
        self.product_uses.numbers.extend(columns);
        prefix.to_owned()
    }

    fn agent_names(&mut self, names: Names) -> Names {
        let defaults = Names::default();
        let section = self.root.get("agents");
        let given = |key: &str| section.and_then(|s| s.get(key));
        let text = |key: &str, default: &str| {
            given(key)
                .and_then(Node::as_text)
                .unwrap_or(default)
                .to_owned()
        };
        let (weight, nodes) = (
            text("weight", &defaults.weight),
            text("nodes", &defaults.nodes),
        );
        let drawn = self
            .root
            .get("integration")
            .and_then(|i| i.text("rule"))
            .is_some_and(|rule| rule != "given");
        if let Some(file) = self.agents.as_ref().filter(|file| !file.names.is_empty()) {
            for key in ["weight", "market"] {
                if let Some(node) = given(key)
                    && let Some(name) = node.as_text()
                {
                    known(&mut self.report, file, node.at, &join("agents", key), name);
                }
            }
            if file.has(&weight) {
                self.agent_uses.numbers.insert(weight.clone());
            }
            let columns = file.numbered(&nodes);
            if columns.is_empty()
                && let Some(node) = given("nodes")
            {
                let message = format!("{} has no column `{nodes}0`", file.name);
                self.report.problem(
                    node.at,
                    "agents.nodes",
                    message,
                    "expected columns numbered from 0",
                );
            }
            if !drawn {
                self.agent_uses.numbers.extend(columns);
            }
        }
        Names {
            weight,
            nodes,
            ..names
        }
    }

    /// The rule of integration; none where agents bring their nodes.
    pub fn integration(&mut self, random: &Formulation) -> Option<Integration> {
        let section = self.root.get("integration");
        let rule = section.and_then(|s| s.text("rule")).unwrap_or("given");
        let at = section.map_or(0, |s| s.at);
        if rule == "given" {
            if !random.terms.is_empty() && self.agents.is_none() {
                self.report.problem(
                    at,
                    "integration",
                    "random coefficients need nodes",
                    "name a table of agents with columns nodes0, nodes1, ... under [agents], or give a rule: [integration] rule = \"halton\", size = 200",
                );
            }
            return None;
        }
        let section = section?;
        let Some(size) = section.whole("size").map(|size| size as usize) else {
            if section.get("size").is_none() {
                self.report.problem(
                    at,
                    "integration.size",
                    "is missing",
                    "product: nodes a dimension; grid: level; others: nodes",
                );
            }
            return None;
        };
        let mut integration = Integration::new(match rule {
            "product" => Rule::Product(size),
            "grid" => Rule::Grid(size),
            "halton" => Rule::Halton(size),
            "sobol" => Rule::Sobol(size),
            "mlhs" => Rule::Mlhs(size),
            "monte_carlo" => Rule::MonteCarlo(size),
            _ => return None,
        });
        integration.seed = section.whole("seed").unwrap_or(0);
        if let Some(own) = section.flag("by_market") {
            integration.by_market = own;
        }
        if size > 0 && integration.count(random.terms.len()).is_none() {
            let message = format!(
                "{rule} of size {size} in {} dimensions has more than five million nodes",
                random.terms.len()
            );
            self.report.problem(at, "integration.size", message, "a sparse grid needs fewer nodes than a product; halton and sobol as many as they are given");
        }
        Some(integration)
    }

    /// Options of the estimation.
    pub fn options(&self, cost_bounds: Option<&Node>) -> Options {
        let empty = Node {
            at: 0,
            value: Value::Table(Vec::new()),
        };
        let section = |name: &str| self.root.get(name).unwrap_or(&empty);
        let (estimation, optimiser, inversion) = (
            section("estimation"),
            section("optimiser"),
            section("inversion"),
        );
        let covariance = |key: &str| match estimation.text(key) {
            Some("unadjusted") => Covariance::Unadjusted,
            Some("clustered") => Covariance::Clustered,
            _ => Covariance::Robust,
        };
        let mut options = Options {
            steps: match estimation.text("steps") {
                Some("one") => Steps::One,
                Some("iterated") => {
                    Steps::Iterated(estimation.whole("most_steps").unwrap_or(20) as usize)
                }
                Some("continuous") => Steps::ContinuouslyUpdated,
                _ => Steps::Two,
            },
            weights: covariance("weights"),
            errors: covariance("errors"),
            centred: estimation.flag("centred").unwrap_or(true),
            initial_update: estimation.flag("initial_update").unwrap_or(false),
            cost_bounds: cost_bounds
                .and_then(Node::as_bounds)
                .unwrap_or((f64::NEG_INFINITY, f64::INFINITY)),
            optimiser: match optimiser.text("method") {
                Some("hold") => Optimiser::Hold,
                _ => Optimiser::TrustRegion,
            },
            more_starts: optimiser.whole("starts").unwrap_or(1).saturating_sub(1) as usize,
            seed: optimiser.whole("seed").unwrap_or(0),
            ..Options::default()
        };
        let set = |target: &mut f64, value: Option<f64>| *target = value.unwrap_or(*target);
        set(&mut options.spread, optimiser.number("spread"));
        set(&mut options.stopping.gradient, optimiser.number("gradient"));
        set(
            &mut options.inversion.tolerance,
            inversion.number("tolerance"),
        );
        if let Some(n) = optimiser.whole("evaluations") {
            options.stopping.evaluations = n as usize;
        }
        if let Some(n) = inversion.whole("evaluations") {
            options.inversion.max_evaluations = n as usize;
        }
        options.inversion.method = match inversion.text("method") {
            Some("squarem") => Method::Squarem,
            Some("contraction") => Method::Contraction,
            _ => Method::Newton,
        };
        options
    }
}
