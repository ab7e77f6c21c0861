//! Real torrent clients: what scripts do to them, as the other end sees it.

mod commands;
mod exchange;
mod flagship;
mod metainfo;
mod process;
mod qbittorrent;
mod transmission;
