//! The torrent clients as real programs and as simulated ones: what tidegate does to them, as they say themselves.

mod aria2;
mod contract;
mod deluge;
mod dialect;
mod plugin;
mod simulated;
mod transmission;
