//! tidegate: scheduled, hot-reloaded Rhai scripts over every `PeerBanHelper` and KiwiVM endpoint.
//!
//! The modules are listed bottom-up. A module imports only modules above its own line; the test
//! `layers` holds that.

#![cfg_attr(test, allow(clippy::float_cmp, reason = "tests compare exact results"))]

// Ground: no tokio, no rhai, no I/O.
pub mod error;
pub mod time;
pub mod units;
pub mod address;
pub mod secret;
pub mod text;
pub mod level;
pub mod language;
pub mod shown;

// Facts: pure data and pure functions.
pub mod permission;
pub mod schedule;
pub mod call;
pub mod trace;
pub mod api;
pub mod config;

// World: async and disk; no rhai.
pub mod clock;
pub mod journal;
pub mod vault;
pub mod network;
pub mod http;
pub mod client;
pub mod recorder;
pub mod locks;
pub mod patch;
pub mod database;
pub mod store;
pub mod published;
pub mod folder;
pub mod ledger;
pub mod series;
pub mod usage;
pub mod vps;
pub mod downloader;
pub mod fleet;
pub mod traffic;
pub mod peers;
pub mod bans;
pub mod problems;
pub mod holds;
pub mod notify;
pub mod sim;
pub mod events;
pub mod host;
pub mod roster;

// Script: the only layer that knows rhai.
pub mod script;

// Engine room: what runs scripts over time.
pub mod run;
pub mod library;
pub mod watch;
pub mod daemon;
pub mod stage;

// Faces: what people touch.
pub mod reference;
pub mod control;
pub mod recipes;
pub mod repl;
pub mod lsp;
pub mod server;
pub mod cli;
