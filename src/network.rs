//! Names to addresses, and whether a port answers.

use std::net::IpAddr;

use tokio::net::{TcpStream, lookup_host};

use crate::address::Ip;
use crate::clock::within;
use crate::error::{Error, Kind, Result};
use crate::time::{Clock, Time};

/// The addresses of a name, in the resolver's order. An address stands for itself.
///
/// # Errors
/// `transport` where there are none.
pub async fn lookup(host: &str) -> Result<Vec<IpAddr>> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![ip]);
    }
    let addresses = lookup_host((host, 0)).await.map(|found| found.map(|address| address.ip()).collect::<Vec<_>>());
    addresses.ok().filter(|addresses| !addresses.is_empty()).ok_or_else(|| {
        Error::new(Kind::Transport, format!("the name `{host}` has no address"))
            .hint("is it spelt right, and does DNS work here?")
    })
}

/// The addresses of a name, each once and in their order.
///
/// # Errors
/// `transport` where there are none, `timeout` where nobody says.
pub async fn resolve(clock: &dyn Clock, host: &str, deadline: Time) -> Result<Vec<Ip>> {
    let _busy = clock.busy();
    let found = within(clock, deadline, lookup(host)).await;
    let Ok(found) = found else {
        return Err(Error::new(Kind::Timeout, format!("nobody said in time where `{host}` is")));
    };
    let mut addresses: Vec<_> = found?.into_iter().map(Ip::from).collect();
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}

/// Whether a TCP connection to `host` can be made before the deadline, at any of its addresses. It is closed at once.
pub async fn answers(clock: &dyn Clock, host: &str, port: u16, deadline: Time) -> bool {
    let _busy = clock.busy();
    let connect = async {
        for address in lookup(host).await.unwrap_or_default() {
            if TcpStream::connect((address, port)).await.is_ok() {
                return true;
            }
        }
        false
    };
    within(clock, deadline, connect).await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::time::Duration;

    #[tokio::test]
    async fn an_address_is_its_own_and_names_that_are_none_are_errors() {
        assert_eq!(lookup("[::1]").await.unwrap(), ["::1".parse::<IpAddr>().unwrap()]);
        assert_eq!(lookup("no such name").await.unwrap_err().kind, Kind::Transport);
    }

    #[tokio::test]
    async fn a_port_answers_while_somebody_listens() {
        let clock = SystemClock::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let deadline = clock.now() + Duration::from_seconds(30);
        assert!(answers(&*clock, "127.0.0.1", port, deadline).await);
        drop(listener);
        assert!(!answers(&*clock, "127.0.0.1", port, deadline).await);
    }
}
