//! Sizes, speeds and durations: literals (`5.GiB`, `30.minutes`) and formats.

#[allow(clippy::wildcard_imports, reason = "what the module macro expands to needs them")]
use rhai::plugin::*;
use rhai::{Dynamic, EvalAltResult, FuncRegistration, Module, NativeCallContext};

use crate::address::Ip;
use crate::error::{Error, Kind};
use crate::script::diagnostic::raise;
use crate::script::value;
use crate::time::Duration;
use crate::units;

type RhaiResult<T> = Result<T, Box<EvalAltResult>>;

const SIZES: [&str; 11] = ["B", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "PiB"];
const DURATIONS: [&str; 11] =
    ["milliseconds", "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks"];

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a size out of range saturates, and is refused where it is used"
)]
pub(super) fn add(module: &mut Module) {
    module.set_custom_type::<Ip>("Ip");
    for (unit, bytes) in SIZES.into_iter().filter_map(|unit| Some((unit, units::bytes_per(unit)?))) {
        FuncRegistration::new_getter(unit).set_into_module(module, move |n: &mut i64| n.saturating_mul(bytes));
        FuncRegistration::new_getter(unit)
            .set_into_module(module, move |n: &mut f64| (*n * bytes as f64).round() as i64);
    }
    for (unit, seconds) in DURATIONS.into_iter().filter_map(|unit| Some((unit, units::seconds_per(unit)?))) {
        FuncRegistration::new_getter(unit)
            .set_into_module(module, move |n: &mut i64| Duration::from_seconds_f64(*n as f64 * seconds));
        FuncRegistration::new_getter(unit)
            .set_into_module(module, move |n: &mut f64| Duration::from_seconds_f64(*n * seconds));
    }
    rhai::combine_with_exported_module!(module, "units", functions);
}

#[export_module]
mod functions {
    /// `1.5 GiB`.
    pub fn format_bytes(bytes: i64) -> String {
        units::format_bytes(bytes)
    }

    /// `1.5 GiB`, of a computed size.
    #[rhai_fn(name = "format_bytes")]
    #[expect(clippy::cast_possible_truncation, reason = "for reading")]
    pub fn format_bytes_float(bytes: f64) -> String {
        units::format_bytes(bytes as i64)
    }

    /// `2 MiB/s`.
    pub fn format_speed(bytes_per_second: i64) -> String {
        units::format_speed(bytes_per_second)
    }

    /// `2d 3h`.
    pub fn format_duration(duration: Duration) -> String {
        units::format_duration(duration)
    }

    /// Reads `"1.5 GiB"`, in bytes.
    #[rhai_fn(return_raw)]
    pub fn parse_size(ctx: NativeCallContext, text: &str) -> RhaiResult<i64> {
        units::parse_size(text).map_err(|error| raise(Some(&ctx), error))
    }

    /// Reads `"30m"`.
    #[rhai_fn(return_raw)]
    pub fn parse_duration(ctx: NativeCallContext, text: &str) -> RhaiResult<Duration> {
        units::parse_duration(text).map_err(|error| raise(Some(&ctx), error))
    }

    /// Whole division, rounded towards zero: `div(7, 2)` is 3.
    #[rhai_fn(return_raw)]
    pub fn div(left: i64, right: i64) -> RhaiResult<i64> {
        crate::script::operators::div(left, right)
    }

    /// An address in canonical form.
    #[rhai_fn(return_raw)]
    pub fn parse_ip(ctx: NativeCallContext, text: &str) -> RhaiResult<Ip> {
        read(&ctx, &text.into())
    }

    /// The network an address lies in, of that many bits for IPv4 and for IPv6.
    #[rhai_fn(return_raw)]
    pub fn ip_prefix(ctx: NativeCallContext, ip: Dynamic, v4: i64, v6: i64) -> RhaiResult<Ip> {
        let bits = |n: i64, most: u8| u8::try_from(n).ok().filter(|n| *n <= most);
        let (Some(v4), Some(v6)) = (bits(v4, 32), bits(v6, 128)) else {
            return Err(raise(
                Some(&ctx),
                Error::new(Kind::Argument, "a prefix has 0 to 32 bits for IPv4 and 0 to 128 for IPv6"),
            ));
        };
        Ok(read(&ctx, &ip)?.prefix(v4, v6))
    }

    /// Whether an address lies in a network.
    #[rhai_fn(return_raw)]
    pub fn in_cidr(ctx: NativeCallContext, ip: Dynamic, network: Dynamic) -> RhaiResult<bool> {
        Ok(read(&ctx, &network)?.contains(read(&ctx, &ip)?))
    }

    /// Whether a stranger on the Internet could have the address.
    #[rhai_fn(return_raw)]
    pub fn is_public_ip(ctx: NativeCallContext, ip: Dynamic) -> RhaiResult<bool> {
        Ok(read(&ctx, &ip)?.is_public())
    }

    #[rhai_fn(return_raw)]
    pub fn is_ipv6(ctx: NativeCallContext, ip: Dynamic) -> RhaiResult<bool> {
        Ok(read(&ctx, &ip)?.is_ipv6())
    }
}

fn read(ctx: &NativeCallContext, ip: &Dynamic) -> RhaiResult<Ip> {
    if let Some(ip) = ip.read_lock::<Ip>() {
        return Ok(*ip);
    }
    let text = ip.read_lock::<rhai::ImmutableString>().map(|text| text.to_string());
    text.as_deref().and_then(|text| text.parse().ok()).ok_or_else(|| {
        let shown = value::display(ip, chrono_tz::Tz::UTC);
        raise(Some(ctx), Error::new(Kind::Argument, format!("`{shown}` is not an IP address")))
    })
}
