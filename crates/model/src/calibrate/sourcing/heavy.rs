//! Heavy vehicles by the rule on the commercial class: who builds them for whom.

/// Heavy vehicles: who builds them for whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Heavy {
    /// Share of a country's heavy sales that it builds itself.
    pub own: Vec<f64>,
    /// Share of each country in what the others import.
    pub supply: Vec<f64>,
}

impl Heavy {
    /// The rule of the module's head.
    pub(super) fn new(sales: &[f64], commercial: &[f64]) -> Self {
        let built: Vec<f64> = sales
            .iter()
            .zip(commercial)
            .map(|(&sold, &room)| sold.min(room))
            .collect();
        let wanted: f64 = sales.iter().zip(&built).map(|(sold, own)| sold - own).sum();
        let total: f64 = built.iter().sum();
        let offered: Vec<f64> = built
            .iter()
            .zip(commercial)
            .map(|(&own, &room)| (wanted * own / total.max(1.0)).min(room - own).max(0.0))
            .collect();
        let offers: f64 = offered.iter().sum();
        Self {
            own: built
                .iter()
                .zip(sales)
                .map(|(own, &sold)| if sold > 0.0 { own / sold } else { 0.0 })
                .collect(),
            supply: offered
                .iter()
                .map(|offer| if offers > 0.0 { offer / offers } else { 0.0 })
                .collect(),
        }
    }

    /// Heavy vehicles that a country buys abroad.
    pub fn imports(&self, country: usize, sales: f64) -> f64 {
        sales * (1.0 - self.own[country])
    }

    /// Heavy vehicles built by country for these sales by country.
    pub fn production(&self, sales: &[f64]) -> Vec<f64> {
        let traded: f64 = (0..sales.len()).map(|c| self.imports(c, sales[c])).sum();
        (0..sales.len())
            .map(|c| sales[c] * self.own[c] + self.supply[c] * traded)
            .collect()
    }
}
