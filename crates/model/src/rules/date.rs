//! Days of the calendar, for rules that begin and end within a year.

use std::fmt;

/// A day, counted from 1 January 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i32);

impl Date {
    /// A day of the proleptic Gregorian calendar; none if there is no such day.
    pub fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        if !(1..=12).contains(&month) || day == 0 || day > days_of(year, month) {
            return None;
        }
        // Years begin in March, so that a leap day is the last of its year.
        let shifted = year - i32::from(month <= 2);
        let era = shifted.div_euclid(400);
        let of_era = shifted.rem_euclid(400);
        let since_march = (month as i32 + 9) % 12;
        let of_year = (153 * since_march + 2) / 5 + day as i32 - 1;
        let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        Some(Self(era * 146_097 + days - 719_468))
    }

    /// Reads `2023-12-31`; the years 1980 to 2100.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts[..] else {
            return None;
        };
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (year.len(), month.len(), day.len()) != (4, 2, 2)
            || ![year, month, day].into_iter().all(digits)
        {
            return None;
        }
        let year: i32 = year.parse().ok()?;
        if !(1980..=2100).contains(&year) {
            return None;
        }
        Self::new(year, month.parse().ok()?, day.parse().ok()?)
    }

    /// First day of a year.
    pub fn first_of(year: i32) -> Self {
        Self::new(year, 1, 1).unwrap_or(Self(0))
    }

    /// Last day of a year.
    pub fn last_of(year: i32) -> Self {
        Self::new(year, 12, 31).unwrap_or(Self(0))
    }

    /// The day after.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Days from another day to this one.
    pub const fn days_since(self, earlier: Self) -> i32 {
        self.0 - earlier.0
    }

    /// Year, month and day.
    pub const fn civil(self) -> (i32, u32, u32) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let of_era = days.rem_euclid(146_097);
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let since_march = (5 * of_year + 2) / 153;
        let day = (of_year - (153 * since_march + 2) / 5 + 1) as u32;
        let month = ((since_march + 2) % 12 + 1) as u32;
        let year = year + era * 400;
        (if month <= 2 { year + 1 } else { year }, month, day)
    }

    /// Its year.
    pub const fn year(self) -> i32 {
        self.civil().0
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

const fn days_of(year: i32, month: u32) -> u32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn days_are_those_of_the_calendar() {
        for text in ["1980-01-01", "2000-02-29", "2023-12-31", "2100-12-31"] {
            assert_eq!(
                Date::parse(text).map(|date| date.to_string()),
                Some(text.to_owned())
            );
        }
        for wrong in [
            "2023-02-29",
            "2023-13-01",
            "2023-1-1",
            "1979-12-31",
            "+023-01-01",
            "2023",
        ] {
            assert_eq!(Date::parse(wrong), None, "{wrong}");
        }
        assert_eq!(Date::last_of(2024).days_since(Date::first_of(2024)), 365);
        assert_eq!(Date::last_of(2023).next(), Date::first_of(2024));
        assert_eq!(
            Date::new(1970, 1, 2).map(|date| date.days_since(Date(0))),
            Some(1)
        );
    }
}
