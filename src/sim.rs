//! The simulated world: a KiwiVM, a PBH and their torrent clients on loopback ports.
//!
//! One state behind one lock, computed lazily: a request first lets the world's time catch up with
//! the clock. Nothing here sleeps, so a virtual clock may jump a month. Routes and the structure of
//! replies come from the endpoint tables; what has a memory has a function by the row's id.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::error::{Error, Kind, Result};
use crate::time::Clock;

mod aria2;
mod biglybt;
mod bitcomet;
mod deluge;
mod fault;
mod hub;
mod kiwivm;
mod metainfo;
mod net;
mod pbh;
mod programs;
mod qbittorrent;
mod reply;
mod routes;
mod scenario;
mod seedbox;
mod state;
mod swarm;
mod torrent;
mod transmission;
mod volume;
mod vps;
mod world;

#[cfg(test)]
mod tests;

pub use fault::{Fault, Trouble};
pub use scenario::{CasePlan, DownloaderPlan, PbhPlan, Scenario, TorrentPlan, VpsPlan};
pub use state::{DownloaderSnapshot, Snapshot, VpsSnapshot};
pub use world::World;

use net::Door;
use state::State;

/// Where everything listens and how to get in; the first line of `tidegate sim --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Urls {
    pub kiwivm_url: String,
    pub pbh_url: String,
    pub pbh_token: String,
    pub vps: Vec<VpsUrl>,
    pub downloaders: Vec<DownloaderUrl>,
}

impl Urls {
    /// The `tidegate.toml` that leads there: each VPS by its name, and the PBH as `home`.
    pub fn configuration(&self) -> String {
        let vps = self.vps.iter().map(|vps| {
            format!(
                "[vps.{:?}]\nveid = {}\napi_key = {:?}\nurl = {:?}\ndownloaders = {:?}\n",
                vps.name, vps.veid, vps.api_key, self.kiwivm_url, vps.downloaders
            )
        });
        let pbh = format!("[pbh.home]\nurl = {:?}\ntoken = {:?}\n", self.pbh_url, self.pbh_token);
        std::iter::once("timezone = \"UTC\"\n".to_owned()).chain(vps).chain([pbh]).collect()
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct VpsUrl {
    pub name: String,
    pub veid: u64,
    pub api_key: String,
    /// The names of what runs on it.
    pub downloaders: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct DownloaderUrl {
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub url: String,
    pub username: String,
    pub password: String,
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Request {
    /// `kiwivm`, `pbh` or `downloader`.
    pub service: String,
    /// The downloader's id; the service's name otherwise.
    pub instance: String,
    /// The row it belongs to, if any.
    pub id: Option<String>,
    pub method: String,
    /// Without the query, still percent-encoded.
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Service {
    KiwiVm,
    Pbh,
    /// The torrent client at this position.
    Seedbox(usize),
}

/// The running servers. Dropping it stops them.
pub struct Sim {
    urls: Urls,
    world: World,
    servers: Vec<JoinHandle<()>>,
}

impl Sim {
    /// Listens at both addresses (port 0 takes a free one) and at a free loopback port for each
    /// torrent client.
    ///
    /// # Errors
    /// `config` where an address is taken or is no loopback address.
    pub async fn start(scenario: Scenario, clock: Arc<dyn Clock>, kiwivm: SocketAddr, pbh: SocketAddr) -> Result<Self> {
        let kiwivm = listen(kiwivm).await?;
        let pbh = listen(pbh).await?;
        let mut boxes = Vec::new();
        for _ in &scenario.downloader {
            boxes.push(listen((Ipv4Addr::LOCALHOST, 0).into()).await?);
        }
        let urls = boxes.iter().map(|(_, address)| format!("http://{address}")).collect::<Vec<_>>();
        let state = State::new(&scenario, &urls, clock.now());
        let urls = Urls {
            kiwivm_url: format!("http://{}/v1", kiwivm.1),
            pbh_url: format!("http://{}", pbh.1),
            pbh_token: scenario.pbh.token.clone(),
            vps: scenario
                .vps
                .iter()
                .map(|vps| VpsUrl {
                    name: vps.name.clone(),
                    veid: vps.veid,
                    api_key: vps.api_key.clone(),
                    downloaders: state.names(&vps.downloaders),
                })
                .collect(),
            downloaders: state
                .boxes
                .iter()
                .map(|seedbox| DownloaderUrl {
                    id: seedbox.id.clone(),
                    name: seedbox.name.clone(),
                    kind: seedbox.program.kind.into(),
                    url: seedbox.url.clone(),
                    username: seedbox.username.clone(),
                    password: seedbox.password.clone(),
                })
                .collect(),
        };
        let world = World::new(state, scenario.fault, clock);
        let doors = [(kiwivm.0, Service::KiwiVm), (pbh.0, Service::Pbh)]
            .into_iter()
            .chain(boxes.into_iter().enumerate().map(|(n, (listener, _))| (listener, Service::Seedbox(n))));
        let servers = doors
            .map(|(listener, service)| tokio::spawn(net::serve(listener, Door { world: world.clone(), service })))
            .collect();
        Ok(Self { urls, world, servers })
    }

    pub const fn urls(&self) -> &Urls {
        &self.urls
    }

    pub const fn world(&self) -> &World {
        &self.world
    }

    /// Closes the ports; open connections end.
    pub async fn stop(mut self) {
        self.world.0.stop.cancel();
        for server in self.servers.drain(..) {
            server.abort();
            let _ = server.await;
        }
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        self.world.0.stop.cancel();
        for server in &self.servers {
            server.abort();
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr)> {
    if !address.ip().is_loopback() {
        return Err(Error::new(Kind::Config, format!("`{address}` is no loopback address"))
            .hint("the simulated services have no secrets worth the name: use `127.0.0.1:0`"));
    }
    let taken = |error: std::io::Error| {
        Error::new(Kind::Config, format!("cannot listen at `{address}`: {error}"))
            .hint("choose another port, or 0 for any free one")
    };
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let address = listener.local_addr().map_err(taken)?;
    Ok((listener, address))
}
