//! Sizes, speeds and durations as people write and read them.

use crate::error::{Error, Kind, Result};
use crate::time::Duration;

const BINARY: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const DECIMAL: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];

/// Bytes per unit: `GiB`, `GB`, `B`. Case matters only where it would mislead (`Gb` is refused).
pub fn bytes_per(unit: &str) -> Option<i64> {
    if unit == "B" || unit.eq_ignore_ascii_case("bytes") {
        return Some(1);
    }
    let power =
        |units: [&'static str; 6]| (1u32..).zip(units).find(|(_, u)| *u == unit || (*u == "kB" && unit == "KB"));
    if let Some((power, _)) = power(BINARY) {
        return Some(1024i64.pow(power));
    }
    power(DECIMAL).map(|(power, _)| 1000i64.pow(power))
}

/// Splits `1.5 GiB` into number and unit.
fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '_' | ','))).unwrap_or(text.len());
    // A comma groups three digits; as the sign before a fraction it would be lost.
    let whole = text[..end].split('.').next().unwrap_or_default();
    if text[..end].contains(',') && !whole.split(',').skip(1).all(|group| group.len() == 3) {
        return None;
    }
    let number = text[..end].replace(['_', ','], "").parse().ok()?;
    Some((number, text[end..].trim()))
}

/// Reads `1.5 GiB`. The result is in bytes, rounded.
///
/// # Errors
/// `argument` where it is not a size with a unit.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "bounded just before")]
pub fn parse_size(text: &str) -> Result<i64> {
    let size = split(text).and_then(|(number, unit)| Some(number * bytes_per(unit)? as f64));
    match size {
        Some(size) if size < 9e18 => Ok(size.round() as i64),
        _ => {
            Err(Error::new(Kind::Argument, format!("`{text}` is not a size"))
                .hint("write `\"1.5 GiB\"` or `\"500 MB\"`"))
        }
    }
}

/// Reads `2 MiB/s`; `unlimited` is `None`. The result is in bytes per second.
///
/// # Errors
/// `argument` where it is not a speed with a unit.
pub fn parse_speed(text: &str) -> Result<Option<i64>> {
    let text = text.trim();
    if text == "unlimited" {
        return Ok(None);
    }
    text.strip_suffix("/s").and_then(|size| parse_size(size).ok()).map(Some).ok_or_else(|| {
        Error::new(Kind::Argument, format!("`{text}` is not a speed")).hint("write `\"2 MiB/s\"` or `\"unlimited\"`")
    })
}

/// Seconds per unit, by any usual spelling.
pub fn seconds_per(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "second" | "seconds" => 1.0,
        "m" | "min" | "minute" | "minutes" => 60.0,
        "h" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        "w" | "week" | "weeks" => 604_800.0,
        _ => return None,
    })
}

/// Reads `30m`, `1h30m`, `2 days`, `90s`.
///
/// # Errors
/// `argument` where it is not a duration with units.
pub fn parse_duration(text: &str) -> Result<Duration> {
    let wrong = || {
        let error = Error::new(Kind::Argument, format!("`{text}` is not a duration"));
        match text.trim().parse::<f64>() {
            Ok(number) => error.hint(format!("a unit is missing: write `\"{number}s\"` or `\"{number}m\"`")),
            Err(_) => error.hint("write `\"90s\"`, `\"30m\"`, `\"6h\"` or `\"2d\"`"),
        }
    };
    let mut rest = text.trim();
    let mut seconds = 0.0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (number, tail) = split(rest).ok_or_else(wrong)?;
        let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        seconds += number * seconds_per(&tail[..end]).ok_or_else(wrong)?;
        rest = tail[end..].trim_start();
    }
    Ok(Duration::from_seconds_f64(seconds))
}

/// `1.5 GiB`, `512 B`.
#[expect(clippy::cast_precision_loss, reason = "for reading")]
pub fn format_bytes(bytes: i64) -> String {
    if bytes.unsigned_abs() < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value.abs() >= 1023.95 && unit + 1 < BINARY.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", round(value), BINARY[unit])
}

/// `2 MiB/s`.
pub fn format_speed(bytes_per_second: i64) -> String {
    format!("{}/s", format_bytes(bytes_per_second))
}

/// The two largest units: `2d 3h`, `90s` as `1m 30s`, `250ms`.
pub fn format_duration(duration: Duration) -> String {
    let millis = duration.millis();
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    if millis < 1000 {
        return format!("{sign}{millis}ms");
    }
    let seconds = (millis + 500) / 1000;
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let first = parts.iter().position(|(n, _)| *n > 0).unwrap_or(3);
    let text: Vec<_> =
        parts[first..].iter().take(2).filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    format!("{sign}{}", text.join(" "))
}

/// One decimal, and none where it would be `.0`.
fn round(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_and_print() {
        assert_eq!(parse_size("1.5 GiB").unwrap(), 1_610_612_736);
        assert_eq!(parse_size("20GB").unwrap(), 20_000_000_000);
        assert!(parse_size("20").unwrap_err().hint.is_some());
        assert_eq!(parse_size("1,500 MB").unwrap(), 1_500_000_000);
        assert!(parse_size("1,5 GiB").is_err(), "not 15");
        assert_eq!(format_bytes(1_610_612_736), "1.5 GiB");
        assert_eq!(format_bytes(1023), "1023 B");
        assert_eq!(format_bytes(1024 * 1024 - 1), "1 MiB");
    }

    #[test]
    fn durations_read_and_print() {
        assert_eq!(parse_duration("1h30m").unwrap(), Duration::from_seconds(5400));
        assert_eq!(parse_duration("2 days").unwrap(), Duration::from_seconds(172_800));
        assert_eq!(parse_duration("250ms").unwrap(), Duration::from_millis(250));
        assert!(parse_duration("30").unwrap_err().hint.as_ref().unwrap().contains("30s"));
        assert_eq!(format_duration(Duration::from_seconds(5400)), "1h 30m");
        assert_eq!(format_duration(Duration::from_seconds(-90)), "-1m 30s");
    }

    #[test]
    fn speeds_have_a_word_for_no_limit() {
        assert_eq!(parse_speed("2 MiB/s").unwrap(), Some(2 * 1024 * 1024));
        assert_eq!(parse_speed("unlimited").unwrap(), None);
        assert!(parse_speed("2 MiB").is_err());
    }
}
