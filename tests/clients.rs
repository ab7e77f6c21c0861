//! Real torrent clients: what scripts do to them, as the other end sees it.

mod commands;
mod exchange;
mod flagship;
pub mod metainfo;
pub mod process;
mod qbittorrent;
pub mod transmission;
