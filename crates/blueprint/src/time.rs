//! Instants as microseconds since 1970-01-01 UTC, their text, and the offsets of blueprints (`-730d`, `+12h`).

/// Microseconds since the Unix epoch.
pub(crate) type Micros = i64;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// An offset with its unit: `90s`, `-15m`, `+6h`, `-730d`; `0` needs none, `now` is 0. In microseconds.
pub(crate) fn parse_offset(text: &str) -> Result<Micros, String> {
    let trimmed = text.trim();
    if matches!(trimmed, "0" | "now") {
        return Ok(0);
    }
    let wrong = || format!("`{text}` is not a length of time; write a number with s, m, h or d, as in -90d");
    let (number, unit) = trimmed.split_at(trimmed.len() - trimmed.chars().next_back().map_or(0, char::len_utf8));
    let unit = match unit {
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        "d" => DAY,
        _ => return Err(wrong()),
    };
    let number: i64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).filter(|offset| offset.abs() < 400_000 * DAY).ok_or_else(wrong)
}

/// The instants whose year has four digits: 0001-01-01 to the end of 9999.
const WRITABLE: std::ops::RangeInclusive<Micros> = -719_162 * DAY..=2_932_897 * DAY - 1;

/// Appends `micros` as `2026-01-31 12:00:00.000001+00`; instants outside the years 1 to 9999 as the nearest inside.
pub(crate) fn write_instant(micros: Micros, out: &mut Vec<u8>) {
    let micros = micros.clamp(*WRITABLE.start(), *WRITABLE.end());
    let (year, month, day) = civil(micros.div_euclid(DAY));
    let within = micros.rem_euclid(DAY);
    let (seconds, fraction) = (within / SECOND, within % SECOND);
    let mut text = *b"0000-00-00 00:00:00.000000+00";
    let places = [
        (0..4, year),
        (5..7, month),
        (8..10, day),
        (11..13, seconds / 3_600),
        (14..16, seconds / 60 % 60),
        (17..19, seconds % 60),
        (20..26, fraction),
    ];
    for (place, number) in places {
        let mut rest = number;
        for digit in text[place].iter_mut().rev() {
            *digit = DIGITS[usize::try_from(rest % 10).unwrap_or_default()];
            rest /= 10;
        }
    }
    out.extend_from_slice(&text);
}

const DIGITS: &[u8; 10] = b"0123456789";

/// Year, month and day of a count of days since 1970-01-01 (Hinnant: "chrono-compatible low-level date algorithms", `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(micros: Micros) -> String {
        let mut out = Vec::new();
        write_instant(micros, &mut out);
        String::from_utf8(out).expect("digits")
    }

    #[test]
    fn instants_read_as_the_server_writes_them() {
        assert_eq!(text(0), "1970-01-01 00:00:00.000000+00");
        assert_eq!(text(-1), "1969-12-31 23:59:59.999999+00");
        assert_eq!(text(951_782_400 * SECOND), "2000-02-29 00:00:00.000000+00");
        assert_eq!(text(1_798_761_599 * SECOND + 42), "2026-12-31 23:59:59.000042+00");
        assert_eq!(text(Micros::MAX), "9999-12-31 23:59:59.999999+00");
        assert_eq!(text(Micros::MIN), "0001-01-01 00:00:00.000000+00");
    }

    #[test]
    fn offsets_have_units() {
        assert_eq!(parse_offset("-730d"), Ok(-730 * DAY));
        assert_eq!(parse_offset("+90s"), Ok(90 * SECOND));
        assert_eq!(parse_offset("now"), Ok(0));
        for wrong in ["", "5", "d", "5w", "1.5h", "99999999999999d", "é"] {
            assert!(parse_offset(wrong).is_err(), "{wrong}");
        }
    }
}
