//! Durations and sizes as people write them.

use std::time::Duration;

/// Reads `30s`, `500ms`, `2m`, `1h`, `1.5s`; a bare number is seconds; `0` is
/// no time limit at all (`None`).
///
/// # Errors
///
/// Says what is wrong with `text`.
pub(crate) fn duration(text: &str) -> Result<Option<Duration>, String> {
    let (number, unit) = split_unit(text);
    let factor = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("unknown unit {unit:?}; there are ms, s, m and h")),
    };
    let number: f64 = plain_number(number)?;
    if number == 0.0 {
        return Ok(None);
    }
    Duration::try_from_secs_f64(number * factor)
        .map(Some)
        .map_err(|_| "too long; 0 is no limit".to_owned())
}

/// Reads `256mb`, `64k`, `1.5GiB`, `1000`; units are powers of 1024 and may be
/// upper or lower case.
///
/// # Errors
///
/// Says what is wrong with `text`.
#[cfg_attr(
    not(feature = "cli"),
    allow(dead_code, reason = "only the command reads sizes")
)]
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let (number, unit) = split_unit(&lower);
    let shift = match unit {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        _ => return Err(format!("unknown unit {unit:?}; there are b, kb, mb and gb")),
    };
    let bytes = plain_number(number)? * f64::from(1u32 << shift);
    if bytes >= 2f64.powi(63) {
        return Err("too large".to_owned());
    }
    Ok(bytes as u64)
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(text.len());
    text.split_at(end)
}

fn plain_number(text: &str) -> Result<f64, String> {
    text.parse()
        .map_err(|_| "a number is expected, such as 30s or 256mb".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("30s"), Ok(Some(Duration::from_secs(30))));
        assert_eq!(duration("1.5"), Ok(Some(Duration::from_millis(1500))));
        assert_eq!(duration("250ms"), Ok(Some(Duration::from_millis(250))));
        assert_eq!(duration("2m"), Ok(Some(Duration::from_secs(120))));
        assert_eq!(duration("0"), Ok(None));
        for wrong in ["", "s", "-1s", "1d", "1e9s", "1 s", "..s"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size("256mb"), Ok(256 << 20));
        assert_eq!(size("1.5KiB"), Ok(1536));
        assert_eq!(size("1000"), Ok(1000));
        assert_eq!(size("1GB"), Ok(1 << 30));
        for wrong in ["", "mb", "1tb", "-1", "99999999999gb"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
