//! What a client tells of itself as a whole: speed, limits, totals, disks.

use serde::{Deserialize, Serialize};

use crate::api::shapes;

shapes! {
    /// What a client moves at this moment.
    Rates {
        up: Speed,
        down: Speed,
    }

    /// The limits of a client or a torrent.
    Limits {
        /// `()` is unlimited.
        up: Speed | null,
        /// `()` is unlimited.
        down: Speed | null,
    }

    /// What a client has moved in all.
    Totals {
        /// Bytes sent since the program was first started, where it counts that.
        uploaded: Bytes | null,
        /// Bytes received since the program was first started, where it counts that.
        downloaded: Bytes | null,
        /// Bytes sent since the program was last started.
        session_uploaded: Bytes,
        /// Bytes received since the program was last started.
        session_downloaded: Bytes,
        /// Another text after each start of the program; `""` where it has none.
        session: Text,
    }

    /// A folder of downloads and what is left on its disk.
    Disk {
        path: Text,
        /// Bytes left on its disk, where the client tells.
        free: Bytes | null,
        /// Torrents that are stored there.
        torrents: Int,
        /// Bytes of theirs that are there.
        used: Bytes,
    }
}

/// Bytes per second at this moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Rates {
    pub up: i64,
    pub down: i64,
}

/// Bytes per second; `None` is unlimited.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Limits {
    pub up: Option<i64>,
    pub down: Option<i64>,
}

/// The shape of the same name says what each field means. The session's counters start over with the program, so
/// that a smaller number or another `session` tells a restart.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Totals {
    pub uploaded: Option<i64>,
    pub downloaded: Option<i64>,
    pub session_uploaded: i64,
    pub session_downloaded: i64,
    pub session: String,
}

/// The shape of the same name says what each field means.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Disk {
    pub path: String,
    pub free: Option<i64>,
    pub torrents: i64,
    pub used: i64,
}
