//! What the daemon does on its own account rather than for a run.

use std::sync::Arc;

use crate::call::Call;
use crate::host::Host;
use crate::journal::{Level, Line};
use crate::recorder::{Recorder, Talk};

/// Where it is kept when the daemon was there last.
pub(super) const ALIVE: &str = "daemon/alive";

/// To talk to services; the calls are in the log like those of a script.
pub(super) fn talk(host: &Arc<Host>) -> Talk {
    Talk::new(Arc::clone(&host.clock), host.clock.now() + host.config.limits.timeout, recorder(host))
}

fn recorder(host: &Arc<Host>) -> Recorder {
    let host = Arc::clone(host);
    Arc::new(move |call: Call| {
        let mut line = Line::new(host.clock.now(), Level::Debug, "call", "");
        if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(&call) {
            line.data = fields;
        }
        host.journal.write(&line);
    })
}
