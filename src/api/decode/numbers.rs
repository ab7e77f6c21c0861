//! Numbers: of each unit, whole or not, and in PHP's texts.

use std::net::Ipv4Addr;

use super::Build;
use super::read::Seed;
use super::words::quoted;
use crate::api::Type;
use crate::secret::Secret;
use crate::time::{Duration, Time};

impl<B: Build> Seed<'_, '_, B> {
    pub(super) fn whole<E: serde::de::Error>(self, number: i64) -> Result<B::Value, E> {
        let build = &mut *self.state.build;
        Ok(match self.ty {
            Type::Null => build.null(),
            Type::Any | Type::Int | Type::Bytes | Type::Speed => build.int(number),
            Type::Float | Type::Share | Type::Percent | Type::Ratio => build.float(to_float(number)),
            Type::Millis => build.time(Time::from_millis(number)),
            Type::Seconds => build.time(Time::from_seconds(number)),
            Type::DurationMillis => build.duration(Duration::from_millis(number)),
            Type::DurationSeconds => build.duration(Duration::from_seconds(number)),
            Type::IpNumber => match u32::try_from(number) {
                Ok(bits) => build.ip(&Ipv4Addr::from_bits(bits).to_string()),
                Err(_) => return self.wrong(&format!("`{number}`")),
            },
            Type::Bool if self.state.php && matches!(number, 0 | 1) => build.bool(number == 1),
            Type::Text if self.state.php => build.text(&number.to_string()),
            Type::Secret if self.state.php => build.secret(Secret::new(number.to_string())),
            _ => return self.wrong(&format!("the number `{number}`")),
        })
    }

    pub(super) fn fraction<E: serde::de::Error>(self, number: f64) -> Result<B::Value, E> {
        match self.ty {
            Type::Any | Type::Float | Type::Share | Type::Percent | Type::Ratio => Ok(self.state.build.float(number)),
            Type::Null => Ok(self.state.build.null()),
            Type::Text if self.state.php => Ok(self.state.build.text(&number.to_string())),
            Type::DurationSeconds => Ok(self.state.build.duration(Duration::from_seconds_f64(number))),
            Type::Int
            | Type::Bytes
            | Type::Speed
            | Type::Millis
            | Type::Seconds
            | Type::DurationMillis
            | Type::IpNumber => match to_whole(number) {
                Some(whole) => self.whole(whole),
                None => self.wrong(&format!("the number `{number}`")),
            },
            _ => self.wrong(&format!("the number `{number}`")),
        }
    }

    /// A number that PHP wrote as a text. An empty one stands for none.
    pub(super) fn number_in_text<E: serde::de::Error>(self, text: &str) -> Result<B::Value, E> {
        let digits = text.trim();
        if matches!(digits, "" | "-") {
            return Ok(self.state.build.null());
        }
        if let Ok(number) = digits.parse() {
            return self.whole(number);
        }
        match digits.parse::<f64>() {
            Ok(number) if number.is_finite() => self.fraction(number),
            _ => self.wrong(&quoted(text)),
        }
    }

    pub(super) fn flag_in_text<E: serde::de::Error>(self, text: &str) -> Result<B::Value, E> {
        match text {
            "" | "0" | "false" => Ok(self.state.build.bool(false)),
            "1" | "true" => Ok(self.state.build.bool(true)),
            _ => self.wrong(&quoted(text)),
        }
    }
}

/// The whole number that a fraction is, if it is one.
#[expect(clippy::cast_possible_truncation, reason = "checked by the bounds")]
fn to_whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9.2e18).then_some(number as i64)
}

#[expect(clippy::cast_precision_loss, reason = "shares and ratios are small")]
fn to_float(number: i64) -> f64 {
    number as f64
}
