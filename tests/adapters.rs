//! The torrent clients beside qBittorrent, as real programs: what tidegate does to them, as they say themselves.

mod aria2;
mod contract;
mod deluge;
mod dialect;
mod plugin;
mod simulated;
mod transmission;
