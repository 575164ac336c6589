//! The one calendar: dates of the pages and of the command line.

/// Milliseconds of a day.
pub const DAY: u64 = 86_400_000;
/// Milliseconds between UTC and the time in Beijing.
pub const BEIJING: u64 = 8 * 3_600_000;

/// Year, month and day of a count of days since 1970-01-01, in the Gregorian calendar (H. Hinnant's algorithm); none after the year 9999. Years begin in March here,
/// so that the leap day comes last.
pub fn civil(days: u64) -> Option<(u64, u64, u64)> {
    let days = days.checked_add(719_468).filter(|days| *days < 3_652_365)?;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    Some((year + era * 400 + u64::from(month <= 2), month, day))
}

/// Days since 1970-01-01 of a date written `YYYY-MM-DD`; nothing where it is none, or before.
pub fn days(date: &str) -> Option<u64> {
    let [year, month, day] = digits(date, '-', [4, 2, 2])?;
    let first = 365 * year.checked_sub(1970)?;
    // A year has at most 366 days, and no date is further from the first of January.
    (first..first.saturating_add(3000)).find(|days| civil(*days) == Some((year, month, day)))
}

/// The last millisecond of a date in Beijing, written `YYYY-MM-DD`, since 1970-01-01 UTC; nothing where it is none, or before.
pub fn end_of_day(date: &str) -> Option<u64> {
    days(date).map(|days| days.saturating_add(1).saturating_mul(DAY).saturating_sub(BEIJING).saturating_sub(1))
}

/// Numbers of so many digits each, with a character between them.
pub fn digits<const N: usize>(text: &str, between: char, lengths: [usize; N]) -> Option<[u64; N]> {
    let parts: Vec<&str> = text.split(between).collect();
    let fit =
        parts.len() == N && parts.iter().zip(lengths).all(|(part, length)| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()));
    let numbers: Vec<u64> = parts.iter().filter(|_| fit).filter_map(|part| part.parse().ok()).collect();
    numbers.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(days("1970-01-01"), Some(0));
        assert_eq!(days("2026-11-20"), Some(20_777));
        assert_eq!(days("9999-12-31").and_then(civil), Some((9999, 12, 31)));
        for none in ["", "2026-11", "2026-02-29", "1969-12-31", "2026-13-01", "2026-1-0", "x-y-z", "2026-11-20-1", "10000-01-01"] {
            assert_eq!(days(none), None, "{none}");
        }
    }
}
