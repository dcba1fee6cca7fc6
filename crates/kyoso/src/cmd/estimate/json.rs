//! Results as JSON, with every number in full.

use kyoso_demand::Level;
use kyoso_demand::linalg::Matrix;
use kyoso_model::tables::{Table, Values};
use serde_json::{Map, Value, json};

use super::tables::Outcome;

impl Outcome<'_> {
    /// Everything as JSON.
    pub fn json(&self) -> Value {
        let r = self.results;
        let test = r.overidentification();
        let rows = |m: &Matrix| (0..m.rows).map(|i| m.row(i).to_vec()).collect::<Vec<_>>();
        let gradient: Map<String, Value> = r
            .labels
            .iter()
            .zip(&r.gradient)
            .map(|(l, g)| (l.clone(), json!(g)))
            .collect();
        let tables: Map<String, Value> = self
            .tables()
            .iter()
            .map(|t| (t.name.to_owned(), by_column(t)))
            .collect();
        json!({
            "name": self.plan.name,
            "description": self.plan.description,
            "version": env!("CARGO_PKG_VERSION"),
            "instruction_level": format!("{:?}", Level::detect()),
            "converged": self.converged,
            "message": r.message,
            "warnings": self.warnings,
            "step": r.step,
            "objective": r.objective,
            "gradient": gradient,
            "projected_gradient": r.projected_gradient,
            "curvature": r.curvature,
            "overidentification": {"statistic": test.statistic, "degrees": test.degrees, "p_value": test.p_value},
            "sigma": rows(&r.parameters.sigma),
            "pi": rows(&r.parameters.pi),
            "rho": r.parameters.rho,
            "beta": r.parameters.beta,
            "gamma": r.parameters.gamma,
            "instruments": {"demand": self.plan.instruments[0], "supply": self.plan.instruments[1]},
            "moments": r.moments,
            "weights": rows(&r.weights),
            "effort": {"evaluations": r.effort.evaluations, "share_evaluations": r.effort.contractions, "cells": r.effort.cells},
            "tables": tables,
        })
    }
}

fn by_column(table: &Table) -> Value {
    let columns: Map<String, Value> = table
        .columns
        .iter()
        .map(|column| {
            let values = match &column.values {
                Values::Words { words, codes } => json!(
                    codes
                        .iter()
                        .map(|c| &words[*c as usize])
                        .collect::<Vec<_>>()
                ),
                Values::Integers(values) => json!(values),
                Values::Reals(values) => json!(values),
            };
            (column.name.to_owned(), values)
        })
        .collect();
    Value::Object(columns)
}
