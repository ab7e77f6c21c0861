//! Clients, bans, holds, usage, peers and messages against the simulated world, on a virtual clock.

mod bans;
mod clients;
mod daemon;
mod fake;
mod holds;
mod pbh;
mod peers;
mod program;
pub mod rig;
mod usage;
mod vps;
