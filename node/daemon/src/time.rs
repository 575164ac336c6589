//! Times on the command line: RFC 3339, or a date, which is the end of that day in Beijing as on the console's pages.

use suyuan_api::calendar::{DAY, civil, days, digits, end_of_day};

/// Reads a time, as milliseconds since 1970-01-01 UTC; for clap.
///
/// # Errors
/// What is asked for instead, in words.
pub fn parse(text: &str) -> Result<u64, String> {
    let found = match text.split_once(['T', 't']) {
        None => end_of_day(text),
        Some((date, time)) => days(date).zip(clock(time)).and_then(|(days, (of_day, ahead))| {
            let local = days.saturating_mul(DAY).saturating_add(of_day);
            if ahead < 0 { local.checked_add(ahead.unsigned_abs()) } else { local.checked_sub(ahead.unsigned_abs()) }
        }),
    };
    found.ok_or_else(|| {
        "no time: write 2026-11-20T08:30:00+08:00, 2026-11-20T00:30:00Z, or a date, which is the end of that day in Beijing".to_owned()
    })
}

/// A time in seconds as UTC text; beyond year 9999, the number.
pub fn utc(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let Some((year, month, day)) = civil(days) else { return format!("{seconds} s after 1970") };
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Milliseconds of the day, and those that the clock is ahead of UTC.
fn clock(text: &str) -> Option<(u64, i64)> {
    let at = text.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = text.split_at_checked(at)?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = digits(time, ':', [2, 2, 2])?;
    let fine = !fraction.is_empty() && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let millis: u64 = format!("{fraction:0<3}").get(..3).filter(|_| fine)?.parse().ok()?;
    let ahead = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => 0,
        (sign, zone) => {
            let [hours, minutes] = digits(zone, ':', [2, 2])?;
            let ahead = i64::try_from((hours < 24 && minutes < 60).then_some((hours * 60 + minutes) * 60_000)?).ok()?;
            if sign == "-" { ahead.checked_neg()? } else { ahead }
        }
    };
    // A leap second counts as the one after it.
    (hour < 24 && minute < 60 && second <= 60).then_some((((hour * 60 + minute) * 60 + second) * 1000 + millis, ahead))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn times_and_dates_are_read() {
        let midnight = 1_795_104_000_000; // 2026-11-20 in Beijing
        for (text, time) in [
            ("2026-11-20T00:00:00+08:00", midnight),
            ("2026-11-19T16:00:00Z", midnight),
            ("2026-11-19t11:30:00.25-04:30", midnight + 250),
            ("2026-11-20T08:30:05.1239Z", midnight + 59_405_123),
            ("2026-11-20", midnight + DAY - 1),
            ("2028-02-29", 1_835_452_799_999),
            ("1970-01-01T00:00:00Z", 0),
        ] {
            assert_eq!(parse(text), Ok(time), "{text}");
        }
    }

    #[test]
    fn times_are_civil_dates() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_827_696), "2000-02-29 12:34:56 UTC");
        assert_eq!(utc(1_795_219_200), "2026-11-21 00:00:00 UTC");
        assert_eq!(utc(253_402_300_799), "9999-12-31 23:59:59 UTC");
        assert_eq!(utc(u64::MAX), format!("{} s after 1970", u64::MAX));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "now",
            "2026-11-31",
            "2026-02-29",
            "26-11-20",
            "2026-11-20T",
            "2026-11-20T08:30:00",
            "2026-11-20T08:30Z",
            "2026-11-20T24:00:00Z",
            "2026-11-20T08:30:00.Z",
            "2026-11-20T08:30:00+0800",
            "2026-11-20T08:30:00+24:00",
            "2026-11-20T08:30:00Zx",
            "1969-12-31",
            "1970-01-01T00:00:00+08:00",
            "10000-01-01",
            "2026-11-20T08:30:00é",
            "２０２６-11-20",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
