//! Sizes, speeds and durations: literals (`5.GiB`, `30.minutes`) and formats.

#[allow(clippy::wildcard_imports, reason = "what the module macro expands to needs them")]
use rhai::plugin::*;
use rhai::{Dynamic, EvalAltResult, FuncRegistration, Module, NativeCallContext};

use crate::address::Ip;
use crate::error::{Error, Kind};
use crate::script::diagnostic::raise;
use crate::script::std::function::{Function, functions};
use crate::script::value;
use crate::time::Duration;
use crate::units;

type RhaiResult<T> = Result<T, Box<EvalAltResult>>;

const SIZES: [&str; 11] = ["B", "kB", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "PiB"];
const DURATIONS: [&str; 11] =
    ["milliseconds", "second", "seconds", "minute", "minutes", "hour", "hours", "day", "days", "week", "weeks"];

pub(super) static ROWS: &[Function] = functions! {
    pure Anywhere Number.B -> Bytes {
        "So many bytes.", "以字节为单位的大小。",
        "5.B" => "5"
    }
    pure Anywhere Number.kB -> Bytes {
        "So many thousand bytes.", "以千字节为单位的大小。",
        "5.kB" => "5000"
    }
    pure Anywhere Number.KB -> Bytes {
        "So many thousand bytes.", "以千字节为单位的大小。",
        "5.KB" => "5000"
    }
    pure Anywhere Number.MB -> Bytes {
        "So many million bytes.", "以兆字节为单位的大小。",
        "5.MB" => "5000000"
    }
    pure Anywhere Number.GB -> Bytes {
        "So many thousand million bytes.", "以吉字节为单位的大小。",
        "5.GB" => "5000000000"
    }
    pure Anywhere Number.TB -> Bytes {
        "So many million million bytes.", "以太字节为单位的大小。",
        "5.TB" => "5000000000000"
    }
    pure Anywhere Number.KiB -> Bytes {
        "So many bytes times 1024.", "以1024 字节为单位的大小。",
        "5.KiB" => "5120"
    }
    pure Anywhere Number.MiB -> Bytes {
        "So many bytes times 1024².", "以1024² 字节为单位的大小。",
        "5.MiB" => "5242880"
    }
    pure Anywhere Number.GiB -> Bytes {
        "So many bytes times 1024³.", "以1024³ 字节为单位的大小。",
        "1.5.GiB" => "1610612736"
    }
    pure Anywhere Number.TiB -> Bytes {
        "So many bytes times 1024⁴.", "以1024⁴ 字节为单位的大小。",
        "1.TiB" => "1099511627776"
    }
    pure Anywhere Number.PiB -> Bytes {
        "So many bytes times 1024⁵.", "以1024⁵ 字节为单位的大小。",
        "1.PiB" => "1125899906842624"
    }
    pure Anywhere Number.milliseconds -> Duration {
        "So many milliseconds.", "以毫秒为单位的时长。",
        "250.milliseconds" => "250ms"
    }
    pure Anywhere Number.second -> Duration {
        "So many seconds.", "以秒为单位的时长。",
        "1.second" => "1s"
    }
    pure Anywhere Number.seconds -> Duration {
        "So many seconds.", "以秒为单位的时长。",
        "90.seconds" => "1m 30s"
    }
    pure Anywhere Number.minute -> Duration {
        "So many minutes.", "以分钟为单位的时长。",
        "1.minute" => "1m"
    }
    pure Anywhere Number.minutes -> Duration {
        "So many minutes.", "以分钟为单位的时长。",
        "30.minutes" => "30m"
    }
    pure Anywhere Number.hour -> Duration {
        "So many hours.", "以小时为单位的时长。",
        "1.hour" => "1h"
    }
    pure Anywhere Number.hours -> Duration {
        "So many hours.", "以小时为单位的时长。",
        "1.5.hours" => "1h 30m"
    }
    pure Anywhere Number.day -> Duration {
        "So many days.", "以天为单位的时长。",
        "1.day" => "1d"
    }
    pure Anywhere Number.days -> Duration {
        "So many days.", "以天为单位的时长。",
        "2.days" => "2d"
    }
    pure Anywhere Number.week -> Duration {
        "So many weeks.", "以周为单位的时长。",
        "1.week" => "7d"
    }
    pure Anywhere Number.weeks -> Duration {
        "So many weeks.", "以周为单位的时长。",
        "2.weeks" => "14d"
    }
    pure Anywhere Nothing.format_bytes(bytes: (Bytes | Float)) -> Text {
        "A size for people.", "便于阅读的大小。",
        "format_bytes(1610612736)" => "1.5 GiB"
    }
    pure Anywhere Nothing.format_speed(bytes_per_second: (Speed | Float)) -> Text {
        "A speed for people.", "便于阅读的速度。",
        "format_speed(2.MiB)" => "2 MiB/s"
    }
    pure Anywhere Nothing.format_duration(duration: Duration) -> Text {
        "A length of time for people, in its two largest units.", "便于阅读的时长（取最大的两个单位）。",
        "format_duration(51.hours)" => "2d 3h"
    }
    pure Anywhere Nothing.parse_size(text: Text) -> Bytes {
        "Reads a size with its unit.", "读取带单位的大小。",
        "parse_size(\"1.5 GiB\")" => "1610612736"
    }
    pure Anywhere Nothing.parse_duration(text: Text) -> Duration {
        "Reads a length of time with its units.", "读取带单位的时长。",
        "parse_duration(\"1h30m\").minutes" => "90.0"
    }
    pure Anywhere Nothing.div(left: Int, right: Int) -> Int {
        "Whole division, rounded towards zero; `/` divides truly.", "整数除法，向零取整；`/` 是真正的除法。",
        "div(7, 2)" => "3"
    }
    pure Anywhere Nothing.parse_ip(text: Text) -> Ip {
        "An address or a network, in canonical form.", "地址或网段，规范形式。",
        "parse_ip(\"::ffff:203.0.113.7\")" => "203.0.113.7"
    }
    pure Anywhere Nothing.ip_prefix(ip: (Ip | Text), v4: Int, v6: Int) -> Cidr {
        "The network that an address lies in, of that many bits for IPv4 and for IPv6.",
        "地址所在的网段；位数分别用于 IPv4 与 IPv6。",
        "ip_prefix(\"203.0.113.7\", 24, 64)" => "203.0.113.0/24"
    }
    pure Anywhere Nothing.in_cidr(ip: (Ip | Text), network: (Cidr | Text)) -> Bool {
        "Whether an address lies in a network.", "地址是否在网段内。",
        "in_cidr(\"203.0.113.7\", \"203.0.113.0/24\")" => "true"
    }
    pure Anywhere Nothing.is_public_ip(ip: (Ip | Text)) -> Bool {
        "Whether a stranger on the Internet could have the address: not private, CGNAT, link-local or Teredo.",
        "是否为公网地址（非私有、CGNAT、链路本地或 Teredo）。",
        "is_public_ip(\"100.64.0.1\")" => "false"
    }
    pure Anywhere Nothing.is_ipv6(ip: (Ip | Text)) -> Bool {
        "Whether it is an IPv6 address; an IPv4 address in IPv6 clothes is none.",
        "是否为 IPv6 地址；以 IPv6 形式写的 IPv4 不算。",
        "is_ipv6(\"2001:db8::1\")" => "true"
    }
};

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

    /// `2 MiB/s`, of a computed speed.
    #[rhai_fn(name = "format_speed")]
    #[expect(clippy::cast_possible_truncation, reason = "for reading")]
    pub fn format_speed_float(bytes_per_second: f64) -> String {
        units::format_speed(bytes_per_second as i64)
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
    address_of(ip).map_err(|error| raise(Some(ctx), error))
}

/// An address, or its text.
pub(super) fn address_of(ip: &Dynamic) -> Result<Ip, Error> {
    if let Some(ip) = ip.read_lock::<Ip>() {
        return Ok(*ip);
    }
    let text = ip.read_lock::<rhai::ImmutableString>().map(|text| text.to_string());
    text.as_deref().and_then(|text| text.parse().ok()).ok_or_else(|| {
        let shown = value::display(ip, chrono_tz::Tz::UTC);
        Error::new(Kind::Argument, format!("`{shown}` is not an IP address"))
    })
}
