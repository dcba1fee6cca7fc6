//! Agents of all markets in tiles.

use std::collections::HashMap;
use std::ops::Range;

use super::{Specification, sorted_by_market};
use crate::error::{Defect, Error};
use crate::formulation::Table;
use crate::simd::{LANES, Lane, ZERO};

/// Agents of all markets in tiles.
pub(super) struct Tiles {
    pub(super) weights: Vec<Lane>,
    pub(super) nodes: Vec<Lane>,
    pub(super) rows: Vec<[u32; LANES]>,
    pub(super) ranges: Vec<Range<usize>>,
    pub(super) counts: Vec<usize>,
    pub(super) node_count: usize,
}

impl Tiles {
    pub(super) fn build(
        specification: &Specification,
        agents: &Table,
        markets: &[String],
        defects: &mut Vec<Defect>,
    ) -> Self {
        let names = &specification.names;
        let mut tiles = Self {
            weights: Vec::new(),
            nodes: Vec::new(),
            rows: Vec::new(),
            ranges: Vec::new(),
            counts: Vec::new(),
            node_count: 0,
        };
        let random = !specification.random.terms.is_empty();
        if !random {
            // One agent of weight one: the logit.
            let mut weight = ZERO;
            weight[0] = 1.0;
            tiles.weights.push(weight);
            let dims = specification.demographics.terms.len();
            tiles.nodes = vec![ZERO; dims];
            tiles.rows.push([u32::MAX; LANES]);
            tiles.ranges = vec![0..1; markets.len()];
            tiles.counts = vec![1; markets.len()];
            return tiles;
        }
        let given = agents.numbered(&names.nodes);
        let demographics: Vec<Vec<f64>> = specification
            .demographics
            .terms
            .iter()
            .map(|term| match term.evaluate(agents) {
                Ok(values) => values,
                Err(Error::Invalid(found)) => {
                    defects.extend(found);
                    vec![0.0; agents.rows()]
                }
                Err(_) => vec![0.0; agents.rows()],
            })
            .collect();
        let weights = agents.numbers(&names.weight).map(<[f64]>::to_vec);
        if let Some(weights) = &weights {
            for (i, w) in weights
                .iter()
                .enumerate()
                .filter(|(_, w)| !w.is_finite())
                .take(5)
            {
                defects.push(Defect::new(
                    format!("agents, row {}", i + 1),
                    format!("weight {w} is not finite"),
                ));
            }
        }
        for (c, column) in given.iter().enumerate() {
            for (i, v) in column
                .iter()
                .enumerate()
                .filter(|(_, v)| !v.is_finite())
                .take(5)
            {
                defects.push(Defect::new(
                    format!("agents, row {}", i + 1),
                    format!("node {c} is {v}"),
                ));
            }
        }
        let rule = if given.is_empty() {
            specification.integration.as_ref()
        } else {
            None
        };
        if given.is_empty() && rule.is_none() && demographics.is_empty() {
            defects.push(Defect::new(
                "agents",
                format!(
                    "random coefficients need nodes (`{}0`, ...) or an integration rule",
                    names.nodes
                ),
            ));
            return tiles;
        }
        // Rows of the table by market; one group for all where it has no markets.
        let labels = agents.labels(&names.market);
        let groups: Option<HashMap<String, Vec<usize>>> = labels.map(|labels| {
            let (order, ranges, found) = sorted_by_market(&labels);
            found
                .into_iter()
                .zip(ranges.into_iter().map(|r| order[r].to_vec()))
                .collect()
        });
        let everyone: Vec<usize> = (0..agents.rows()).collect();
        let mut draws_shared = None;
        for (m, market) in markets.iter().enumerate() {
            let rows: &[usize] = match &groups {
                Some(groups) => groups.get(market).map_or(&[], Vec::as_slice),
                None => &everyone,
            };
            if agents.rows() > 0 && rows.is_empty() {
                defects.push(Defect::new(format!("market {market}"), "has no agents"));
            }
            let count = specification.random.terms.len();
            let drawn = rule.map(|rule| {
                if rule.by_market {
                    rule.nodes(count, m as u64)
                } else {
                    draws_shared
                        .get_or_insert_with(|| rule.nodes(count, 0))
                        .clone()
                }
            });
            // Agents of the table crossed with the nodes of the rule.
            let mut each: Vec<(f64, Vec<f64>, u32)> = Vec::new();
            let row_weight = |i: usize| weights.as_ref().map_or(1.0 / rows.len() as f64, |w| w[i]);
            match &drawn {
                Some(rule) => {
                    let row_set: Vec<Option<usize>> = if rows.is_empty() {
                        vec![None]
                    } else {
                        rows.iter().map(|i| Some(*i)).collect()
                    };
                    for row in row_set {
                        for (node, w) in rule.nodes.iter().zip(&rule.weights) {
                            let mut z = node.clone();
                            z.extend(demographics.iter().map(|d| row.map_or(0.0, |i| d[i])));
                            each.push((
                                w * row.map_or(1.0, row_weight),
                                z,
                                row.map_or(u32::MAX, |i| i as u32),
                            ));
                        }
                    }
                }
                None => {
                    for i in rows {
                        let mut z: Vec<f64> = given.iter().map(|n| n[*i]).collect();
                        z.extend(demographics.iter().map(|d| d[*i]));
                        each.push((row_weight(*i), z, *i as u32));
                    }
                }
            }
            tiles.node_count = if drawn.is_some() { count } else { given.len() };
            // Markets that share everything share the tiles.
            if m > 0 && groups.is_none() && rule.is_none_or(|r| !r.by_market) {
                tiles.ranges.push(tiles.ranges[0].clone());
                tiles.counts.push(tiles.counts[0]);
                continue;
            }
            let start = tiles.weights.len();
            let dims = tiles.node_count + demographics.len();
            for chunk in each.chunks(LANES) {
                let mut weight = ZERO;
                let mut nodes = vec![ZERO; dims];
                let mut at = [u32::MAX; LANES];
                for (l, (w, z, row)) in chunk.iter().enumerate() {
                    weight[l] = *w;
                    at[l] = *row;
                    for (d, v) in z.iter().enumerate() {
                        nodes[d][l] = *v;
                    }
                }
                tiles.weights.push(weight);
                tiles.nodes.extend(nodes);
                tiles.rows.push(at);
            }
            tiles.ranges.push(start..tiles.weights.len());
            tiles.counts.push(each.len());
        }
        tiles
    }
}
