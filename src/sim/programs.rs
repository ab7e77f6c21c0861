//! The torrent clients that are simulated: each answers as its own program does.

use super::fault::Trouble;
use super::net::{Answer, Ask};
use super::seedbox::Seedbox;
use super::state::State;
use super::{aria2, biglybt, bitcomet, deluge, qbittorrent, transmission};
use crate::api;
use crate::time::Time;

pub(super) struct Program {
    /// The type as PBH spells it.
    pub kind: &'static str,
    /// What is simulated where the world file does not say.
    pub version: &'static str,
    /// From this version on it is another one that is not simulated.
    pub until: Option<&'static str>,
    /// Below its address, where everything is asked at one path.
    pub path: &'static str,
    /// From which version on its list of banned addresses takes networks.
    pub networks: Option<&'static str>,
    pub answer: fn(&mut Visit<'_>) -> Answer,
}

pub(super) static PROGRAMS: [Program; 6] = [
    Program {
        kind: "qbittorrent",
        version: "5.1.2",
        until: None,
        path: "",
        networks: Some("5.3.0"),
        answer: qbittorrent::answer,
    },
    Program {
        kind: "transmission",
        version: "3.00",
        until: Some("4.1.0"),
        path: transmission::PATH,
        networks: Some("0"),
        answer: transmission::answer,
    },
    Program {
        kind: "deluge",
        version: "2.0.3",
        until: None,
        path: deluge::PATH,
        networks: None,
        answer: deluge::answer,
    },
    Program {
        kind: "aria2next",
        version: "1.36.0",
        until: None,
        path: aria2::PATH,
        networks: None,
        answer: aria2::answer,
    },
    Program {
        kind: "biglybt",
        version: "3.8.0.2",
        until: None,
        path: "",
        networks: Some("0"),
        answer: biglybt::answer,
    },
    Program { kind: "bitcomet", version: "2.20", until: None, path: "", networks: None, answer: bitcomet::answer },
];

impl Program {
    pub fn of(kind: &str) -> Option<&'static Self> {
        PROGRAMS.iter().find(|program| program.kind == kind)
    }

    pub fn takes_networks(&self, version: &str) -> bool {
        self.networks.is_some_and(|since| api::version(since) <= api::version(version))
    }
}

/// A request to a torrent client.
pub(super) struct Visit<'a> {
    pub seedbox: &'a mut Seedbox,
    pub ask: &'a Ask,
    pub now: Time,
    /// When the world began.
    pub started: Time,
    /// The credentials count as wrong.
    pub expired: bool,
    /// What another part of the world must hear of.
    pub restless: bool,
}

pub(super) fn answer(state: &mut State, position: usize, ask: &Ask, troubles: &[Trouble]) -> Answer {
    let (now, started, seedbox) = (state.now, state.started, &mut state.boxes[position]);
    if troubles.contains(&Trouble::Restart) {
        seedbox.restart();
        return Answer::nothing();
    }
    if !seedbox.online {
        return Answer::nothing();
    }
    let answer = seedbox.program.answer;
    let expired = troubles.contains(&Trouble::Expired);
    if expired {
        seedbox.sessions.clear();
    }
    let mut visit = Visit { seedbox, ask, now, started, expired, restless: false };
    let answer = answer(&mut visit);
    state.hub.restless |= visit.restless;
    answer
}
