//! Text from records as it may stand on a page, and times: `specs/consumer-page.md`, Display. `sdk/js/src/page/display.ts` does the same.

use std::fmt::Write;

use super::words::Lang;

/// Milliseconds between UTC and the time in Beijing.
const BEIJING: u64 = 8 * 3_600_000;
/// Later times are not dates.
const LATEST: u64 = 253_402_000_000_000;

/// Makes visible what would be invisible, or would reorder the text around it. Escaping is the template's.
pub fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\t' | '\n' | '\r') {
            cleaned.push(' ');
        } else if is_hidden(c) {
            // Writing into a string does not fail.
            let _ = write!(cleaned, "⟦U+{:04X}⟧", u32::from(c));
        } else {
            cleaned.push(c);
        }
    }
    cleaned
}

/// Control characters, characters without width, and those that set the direction of text.
const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A time in milliseconds since 1970-01-01 UTC as it reads in Beijing, to the minute.
pub fn stamp(time: u64) -> String {
    if time > LATEST {
        return format!("{time} ms");
    }
    let minutes = time.saturating_add(BEIJING) / 60_000;
    let (days, minute) = (minutes / 1440, minutes % 1440);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minute / 60, minute % 60)
}

/// A duration in milliseconds in the largest unit that it is a whole number of.
pub fn duration(time: u64, lang: Lang) -> String {
    let units = [(86_400_000, "time.days"), (3_600_000, "time.hours"), (60_000, "time.minutes"), (1000, "time.seconds")];
    let whole = units.into_iter().find(|(unit, _)| time > 0 && time.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{time} ms"), |(unit, key)| lang.count(key, time / unit))
}

/// Year, month and day of a count of days since 1970-01-01, in the Gregorian calendar. Years begin in March here, so that the leap day comes last.
const fn civil(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let january = if month <= 2 { 1 } else { 0 };
    (year + era * 400 + january, month, day)
}

/// The last millisecond of a date in Beijing, written `YYYY-MM-DD`; nothing where it is none, or before 1970.
pub fn end_of_day(date: &str) -> Option<u64> {
    days_until(date).map(|days| days.saturating_add(1).saturating_mul(86_400_000).saturating_sub(BEIJING).saturating_sub(1))
}

/// Days from 1970-01-01 to a date written `YYYY-MM-DD`; nothing where it is none, or before.
fn days_until(date: &str) -> Option<u64> {
    let mut parts = date.split('-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || parts.next().is_some() {
        return None;
    }
    // A year has at most 366 days and no date is further from the first of January.
    let first = year.saturating_sub(1970).saturating_mul(365);
    (first..first.saturating_add(3000)).find(|days| civil(*days) == (year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_the_largest_unit_that_fits() {
        let told = [86_400_000, 172_800_000, 90_000_000, 5_400_000, 1000, 1500, 0].map(|time| duration(time, Lang::En));
        assert_eq!(told, ["1 day", "2 days", "25 hours", "90 minutes", "1 second", "1500 ms", "0 ms"]);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(days_until("1970-01-01"), Some(0));
        assert_eq!(days_until("2026-11-20"), Some(20_777));
        assert_eq!(days_until("9999-12-31").map(civil), Some((9999, 12, 31)));
        for none in ["", "2026-11", "2026-02-29", "1969-12-31", "2026-13-01", "2026-1-0", "x-y-z", "2026-11-20-1", "10000-01-01"] {
            assert_eq!(days_until(none), None, "{none}");
        }
    }
}
