//! Text from records as it may stand on a page, and times: `specs/consumer-page.md`, Display. `sdk/js/src/page/display.ts` does the same.

use std::fmt::Write;

use super::words::Lang;
use crate::calendar::{BEIJING, civil};

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
    let minutes = time.saturating_add(BEIJING) / 60_000;
    let (days, minute) = (minutes / 1440, minutes % 1440);
    let Some((year, month, day)) = civil(days).filter(|_| time <= LATEST) else { return format!("{time} ms") };
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minute / 60, minute % 60)
}

/// A duration in milliseconds in the largest unit that it is a whole number of.
pub fn duration(time: u64, lang: Lang) -> String {
    let units = [(86_400_000, "time.days"), (3_600_000, "time.hours"), (60_000, "time.minutes"), (1000, "time.seconds")];
    let whole = units.into_iter().find(|(unit, _)| time > 0 && time.is_multiple_of(*unit));
    whole.map_or_else(|| format!("{time} ms"), |(unit, key)| lang.count(key, time / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_in_the_largest_unit_that_fits() {
        let told = [86_400_000, 172_800_000, 90_000_000, 5_400_000, 1000, 1500, 0].map(|time| duration(time, Lang::En));
        assert_eq!(told, ["1 day", "2 days", "25 hours", "90 minutes", "1 second", "1500 ms", "0 ms"]);
    }
}
