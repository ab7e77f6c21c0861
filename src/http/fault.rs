//! Why an exchange failed, in words.

use std::error::Error as StdError;
use std::io::ErrorKind;

use rustls::CertificateError;

use crate::error::{Error, Kind};
use crate::time::Duration;
use crate::units::format_duration;

use super::target::Target;

/// The words for a fault of reqwest. Nothing of the URL but host and port gets in.
pub(super) fn explain(error: &reqwest::Error, target: &Target, left: Duration) -> Error {
    if error.is_timeout() {
        return timeout(target, left);
    }
    if error.is_dns() {
        return unresolved(target);
    }
    let mut on_the_wire = false;
    for cause in causes(error) {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return untrusted(tls, target);
        }
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            on_the_wire = true;
            if hyper.is_incomplete_message() {
                return broken_off(target);
            }
            if hyper.is_parse() {
                return Error::new(Kind::Transport, format!("`{target}` does not speak HTTP"))
                    .hint("is the port right?");
            }
        }
        if let Some(found) = cause.downcast_ref::<std::io::Error>().and_then(|io| broken(io.kind(), target)) {
            // What only the decompressor complains of came over the wire as it was sent.
            return if error.is_decode() && !on_the_wire { damaged(target) } else { found };
        }
    }
    if error.is_decode() && !on_the_wire {
        return damaged(target);
    }
    if error.is_builder() {
        return Error::new(Kind::Config, format!("the request to `{target}` cannot be built: {}", root(error)));
    }
    let verb = if error.is_connect() { "cannot be reached" } else { "did not answer properly" };
    Error::new(Kind::Transport, format!("`{target}` {verb}: {}", root(error)))
        .hint("is it running, and does its address lead there?")
}

/// `left` is how long it had.
pub(super) fn timeout(target: &Target, left: Duration) -> Error {
    let message = if left > Duration::ZERO {
        format!("`{target}` did not answer within {}", format_duration(left))
    } else {
        format!("no time is left to ask `{target}`")
    };
    Error::new(Kind::Timeout, message).hint("is it overloaded or unreachable? `timeout` sets how long to wait for it")
}

pub(super) fn unresolved(target: &Target) -> Error {
    Error::new(Kind::Transport, format!("`{target}` cannot be reached: the name does not resolve"))
        .hint("is the name spelt right, and does DNS work on this machine?")
}

/// The innermost cause, which is the one that says something.
pub(super) fn root(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| "no reason given".into(), ToString::to_string)
}

/// The causes from outer to inner. The error itself is left out: its text has the URL.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause: &&'_ (dyn StdError + 'static)| {
        // What an I/O error wraps is not its source but it itself.
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| cause.source())
    })
}

pub(super) fn broken_off(target: &Target) -> Error {
    Error::new(Kind::Transport, format!("`{target}` closed the connection before its reply was complete"))
        .hint("did it restart or crash?")
}

fn damaged(target: &Target) -> Error {
    Error::new(Kind::Protocol, format!("the reply of `{target}` is compressed, and damaged"))
        .hint("does a proxy in between change replies?")
}

pub(super) fn broken(kind: ErrorKind, target: &Target) -> Option<Error> {
    let (why, hint) = match kind {
        ErrorKind::ConnectionRefused => ("connection refused", "is it running, and is the port right?"),
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable | ErrorKind::AddrNotAvailable => {
            ("there is no route to it", "is this machine online, and is the address right?")
        }
        ErrorKind::PermissionDenied => ("this machine does not allow the connection", "does a firewall forbid it?"),
        ErrorKind::TimedOut => ("it does not answer", "is it running, and does a firewall swallow the packets?"),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => return Some(broken_off(target)),
        _ => return None,
    };
    Some(Error::new(Kind::Transport, format!("`{target}` cannot be reached: {why}")).hint(hint))
}

pub(super) fn untrusted(error: &rustls::Error, target: &Target) -> Error {
    use CertificateError as Bad;
    let own = "add its CA as `ca`, or write `tls = \"insecure\"` if you accept that anyone can pose as it";
    let (why, hint) = match error {
        rustls::Error::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            ("its TLS certificate has expired", "renew the certificate there")
        }
        rustls::Error::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            ("its TLS certificate is not valid yet", "is the clock of this machine right?")
        }
        rustls::Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            ("its TLS certificate is for another name", "use the name that the certificate names")
        }
        rustls::Error::InvalidCertificate(_) => ("its TLS certificate is not trusted", own),
        rustls::Error::InvalidMessage(_) => ("it does not speak TLS", "write `http://` if it is on your own network"),
        _ => ("no TLS connection came about", "does it speak TLS 1.2 or 1.3?"),
    };
    Error::new(Kind::Transport, format!("`{target}` cannot be reached: {why}")).hint(hint)
}
