//! Vehicles by age: survival, scrappage, used trade (model.md section 4).
//!
//! Survival of Weibull form `S(a) = exp(-(a/scale)^shape)`; a vehicle sold in year `t` has age 0 at the
//! end of `t`. The last age holds all older vehicles.

/// Number of ages kept apart.
pub const AGES: usize = 45;

/// Chance of being in use a year later, by age, under a Weibull law.
///
/// `scale_years` and `shape` must be positive.
pub fn yearly_survival(scale_years: f64, shape: f64) -> [f64; AGES] {
    let survival = |age: f64| (-(age / scale_years).powf(shape)).exp();
    std::array::from_fn(|age| {
        let (now, next) = (survival(age as f64), survival(age as f64 + 1.0));
        // Far in the tail both underflow; the hazard there is as good as certain.
        if now > 1e-300 { next / now } else { 0.0 }
    })
}

/// Ages at which used vehicles change country: a triangle of half-width five around `mean_age`; sums to one.
pub fn used_age_profile(mean_age: f64) -> [f64; AGES] {
    let mut profile: [f64; AGES] =
        std::array::from_fn(|age| (1.0 - (age as f64 - mean_age).abs() / 6.0).max(0.0));
    let sum: f64 = profile.iter().sum();
    profile.iter_mut().for_each(|weight| *weight /= sum);
    profile
}

/// Ages all vehicles by one year and returns how many left.
pub fn age_one_year(cohorts: &mut [f64], survival: &[f64; AGES]) -> f64 {
    debug_assert_eq!(cohorts.len(), AGES);
    let before: f64 = cohorts.iter().sum();
    let oldest = cohorts[AGES - 1] * survival[AGES - 1];
    for age in (1..AGES).rev() {
        cohorts[age] = cohorts[age - 1] * survival[age - 1];
    }
    cohorts[AGES - 1] += oldest;
    cohorts[0] = 0.0;
    let after: f64 = cohorts.iter().sum();
    before - after
}

/// Adds used vehicles by the age profile.
pub fn import_used(cohorts: &mut [f64], vehicles: f64, profile: &[f64; AGES]) {
    for (cohort, weight) in cohorts.iter_mut().zip(profile) {
        *cohort += vehicles * weight;
    }
}

/// Takes used vehicles out by the age profile, at most half of any cohort; returns how many went.
pub fn export_used(cohorts: &mut [f64], vehicles: f64, profile: &[f64; AGES]) -> f64 {
    let mut gone = 0.0;
    for (cohort, weight) in cohorts.iter_mut().zip(profile) {
        let take = (vehicles * weight).min(0.5 * *cohort);
        *cohort -= take;
        gone += take;
    }
    gone
}

/// Ages of a fleet whose sales grew by `growth` a year, scaled to `vehicles`.
pub fn steady_profile(vehicles: f64, growth: f64, survival: &[f64; AGES]) -> [f64; AGES] {
    let mut alive = 1.0;
    let mut cohorts = [0.0; AGES];
    for (age, cohort) in cohorts.iter_mut().enumerate() {
        *cohort = alive * (-growth * age as f64).exp();
        alive *= survival[age];
    }
    let sum: f64 = cohorts.iter().sum();
    cohorts
        .iter_mut()
        .for_each(|cohort| *cohort *= vehicles / sum);
    cohorts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vehicles_are_neither_made_nor_lost() {
        let survival = yearly_survival(18.0, 3.5);
        let mut cohorts = steady_profile(1000.0, 0.02, &survival);
        let scrapped = age_one_year(&mut cohorts, &survival);
        assert!(scrapped > 20.0 && scrapped < 120.0);
        assert!((cohorts.iter().sum::<f64>() + scrapped - 1000.0).abs() < 1e-9);
        let profile = used_age_profile(9.0);
        import_used(&mut cohorts, 50.0, &profile);
        let gone = export_used(&mut cohorts, 30.0, &profile);
        assert!((gone - 30.0).abs() < 1e-9);
        assert!((cohorts.iter().sum::<f64>() + scrapped + gone - 1050.0).abs() < 1e-9);
    }

    #[test]
    fn constant_sales_live_as_long_as_the_mean_life() {
        // Mean of a Weibull: scale * gamma(1 + 1/shape) = 18 * 0.8998 for shape 3.5.
        let survival = yearly_survival(18.0, 3.5);
        let mut cohorts = [0.0; AGES];
        for _ in 0..200 {
            age_one_year(&mut cohorts, &survival);
            cohorts[0] = 1.0;
        }
        let stock: f64 = cohorts.iter().sum();
        assert!((stock - (18.0 * 0.8998 + 0.5)).abs() < 0.1, "{stock}");
    }
}
