//! What the control API gives. The tests hold every reply against its shape.

use crate::api::shapes;
use crate::holds::Hold;
use crate::script::Caught;

shapes! {
    /// How the daemon stands.
    Status {
        /// Of tidegate.
        version: Text,
        started: Millis,
        /// When every script of the folder had been loaded.
        ready: Millis | null,
        /// Whether it is about to end: what runs may end, and nothing begins.
        stopping: Bool,
        /// Runs that are going.
        running: Int,
        scripts: [Script],
        /// What is held on torrent clients.
        holds: [Hold],
    }

    /// How the daemon stands after it has read everything again.
    Reloaded: Status {
        /// What was found to have changed; empty where nothing had.
        news: [Line],
    }

    /// A script of the folder.
    Script {
        name: Text,
        /// `loaded`; `stale`: the file is broken and the last good version runs; `broken`: nothing runs; `disabled`.
        state: Text,
        /// `live`, or `watch`: its runs are dry.
        mode: Text,
        /// The version that runs.
        version: Text | null,
        /// Why the file on disk does not load.
        error: Error | null,
        triggers: [Trigger],
    }

    /// A trigger of the version that runs.
    Trigger {
        name: Text,
        /// `cron`, `every`, `when`, `at`, `schedule`, `start`, `stop`, `failure`, `webhook`, `file` or `event`.
        kind: Text,
        /// What makes it fire, as it was written.
        expression: Text | null,
        /// Where a webhook is reached.
        url: Text | null,
        next: Millis | null,
        last_state: Text | null,
        last_ended: Millis | null,
        off: Bool,
        /// Why it is off.
        off_reason: Text | null,
        /// Due times and events since the start that did not run.
        skipped: Int,
        /// Due times since the start that passed while nothing could run.
        missed: Int,
    }

    /// A trigger, with its script.
    TriggerOf: Trigger {
        script: Text,
    }

    /// What went wrong.
    Error: Caught {
        file: Text | null,
        line: Int | null,
        column: Int | null,
        /// The calls of script functions that led there.
        stack: [Any] | absent,
    }

    /// A guard of a trigger.
    Guard {
        /// `condition`, `overlap`, `permissions`, `mode`, `off`, `between`, `throttle` or `debounce`.
        name: Text,
        /// Whether this run heeds it.
        applied: Bool,
        said: Text,
    }

    /// A run that has begun, or waits.
    Begun {
        run: Run,
        guards: [Guard],
    }

    /// A row of the run history.
    Run {
        id: Text,
        script: Text,
        trigger: Text,
        version: Text,
        /// When it was due; null where nothing was.
        scheduled: Millis | null,
        started: Millis | null,
        ended: Millis | null,
        /// `due`, `running`, `ok`, `failed`, `timed_out`, `skipped`, `missed`, `interrupted` or `cancelled`.
        state: Text,
        attempt: Int,
        error: Error | null,
        calls: Int,
        /// Whether something was changed outside.
        changed: Bool,
    }

    /// A run and what it did.
    RunInFull {
        run: Run,
        /// Why nothing happened.
        why_nothing: Text | null,
        /// What it did, step by step; null where that was not kept.
        trace: Any | null,
    }

    /// A run that was cancelled.
    Cancelled {
        run: Text,
        cancelled: Bool,
    }

    /// A line of the log; what else belongs to its event stands beside these.
    Line {
        ts: Millis,
        level: Text,
        event: Text,
        script: Text | null,
        trigger: Text | null,
        run: Text | null,
        message: Text,
    }

    /// A value that a script keeps.
    Kept {
        /// Null for `shared_state`.
        script: Text | null,
        key: Text,
        value: Any,
        changed: Millis,
        expires: Millis | null,
    }

    /// Something that is gone.
    Deleted {
        deleted: Bool,
    }

    /// A text that a script publishes.
    Publication {
        name: Text,
        script: Text,
        /// Where it is fetched, below the daemon's address.
        path: Text,
        bytes: Bytes,
        at: Millis,
    }

    /// The torrent clients.
    Roster {
        downloaders: [Client],
        /// The PBHs that do not tell their clients.
        failed: [Unasked],
        /// What is held on clients that are not known at present.
        orphans: [Hold],
    }

    /// A torrent client.
    Client {
        name: Text,
        pbh: Text | null,
        vps: Text | null,
        kind: Text,
        url: Text,
        version: Text | null,
        up_speed: Speed | null,
        down_speed: Speed | null,
        /// Null is unlimited, or not known.
        up_limit: Speed | null,
        down_limit: Speed | null,
        holds: [Hold],
        /// Why it cannot be asked.
        error: Error | null,
    }

    /// A PBH that does not tell its clients.
    Unasked {
        pbh: Text,
        error: Error,
    }

    /// What became of a release.
    Released {
        released: [Hold],
        failed: [Unreleased],
    }

    /// A client that could not be given back.
    Unreleased {
        downloader: Text,
        error: Error,
    }

    /// What an input came to.
    Evaluated {
        ok: Bool,
        /// Where `ok`.
        value: Any | null | absent,
        /// The value as the REPL shows it; empty where there is nothing to show.
        text: Text | absent,
        /// The same before it is drawn; with a `session`.
        shown: Any | absent,
        /// Where not `ok`.
        error: Error | absent,
        /// Requests as sent.
        calls: [Any],
        /// What a dry run held back.
        would: [Any],
        /// What was printed.
        output: [Text],
        /// Those of the session.
        variables: [Variable],
    }

    /// A variable of a session.
    Variable {
        name: Text,
        /// Its type.
        is: Text,
        /// As the REPL shows it.
        value: Text,
    }
}
