//! The operations of the control API: one entry each, from which everything about it follows.

use axum::routing::MethodFilter;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::asked::{Answer, Asked};
use super::shapes;
use super::{downloaders, eval, log, runs, scripts, state};
use crate::api::{Place, Shape, Type};
use crate::holds;
use crate::journal::Level;
use crate::ledger::State;

/// One operation.
pub(super) struct Operation {
    /// What it is called in the document and in messages.
    pub id: &'static str,
    /// The heading that it stands under.
    pub group: &'static str,
    pub method: Method,
    /// Below `/api/v1`.
    pub path: &'static str,
    pub doc: &'static str,
    /// What a caller must know, beyond the sentence; may be empty.
    pub note: &'static str,
    pub parameters: &'static [Parameter],
    pub gives: Gives,
    pub perform: fn(Asked) -> BoxFuture<'static, Answer>,
}

impl Operation {
    /// What shows what goes on and ends it, and is answered at once: that gets through however many others ask.
    pub(super) fn is_urgent(&self) -> bool {
        matches!(self.id, "status" | "script" | "history" | "cancel" | "off")
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    pub(super) const fn filter(self) -> MethodFilter {
        match self {
            Self::Get => MethodFilter::GET,
            Self::Post => MethodFilter::POST,
            Self::Put => MethodFilter::PUT,
            Self::Delete => MethodFilter::DELETE,
        }
    }

    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// One parameter: a part of the path, of the query, or a field of the JSON body.
pub(super) struct Parameter {
    pub name: &'static str,
    pub place: Place,
    pub ty: Type,
    pub required: bool,
    pub doc: &'static str,
    /// The words that it may be; empty where anything of its type will do.
    pub words: &'static [&'static str],
}

impl Parameter {
    const fn one_of(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }
}

/// The levels of the log.
const LEVELS: [&str; 4] = [Level::Debug.word(), Level::Info.word(), Level::Warn.word(), Level::Error.word()];

/// The states of a run.
const STATES: [&str; State::ALL.len()] = {
    let mut names = [""; State::ALL.len()];
    let mut n = 0;
    while n < names.len() {
        names[n] = State::ALL[n].name();
        n += 1;
    }
    names
};

/// What is given where it goes well.
pub(super) enum Gives {
    One(&'static Shape),
    List(&'static Shape),
    /// 202 instead of 200: it has begun.
    Begun(&'static Shape),
    /// Server-sent events; the data of each is one of these.
    Stream(&'static Shape),
    Any,
}

const fn parameter(name: &'static str, place: Place, ty: Type, required: bool, doc: &'static str) -> Parameter {
    Parameter { name, place, ty, required, doc, words: &[] }
}

const fn path(name: &'static str, doc: &'static str) -> Parameter {
    parameter(name, Place::Path, Type::Text, true, doc)
}

const fn query(name: &'static str, ty: Type, doc: &'static str) -> Parameter {
    parameter(name, Place::Query, ty, false, doc)
}

const fn field(name: &'static str, ty: Type, doc: &'static str) -> Parameter {
    parameter(name, Place::Body, ty, false, doc)
}

const fn need(name: &'static str, place: Place, ty: Type, doc: &'static str) -> Parameter {
    parameter(name, place, ty, true, doc)
}

const SCRIPT: Parameter = path("script", "The script, by the name of its file without `.rhai`.");
const TRIGGER: Parameter = path("trigger", "The trigger, by its name.");
const RUN: Parameter = path("run", "The id of the run.");
const OF_SCRIPT: Parameter = query("script", Type::Text, "Only this script.");
const OF_TRIGGER: Parameter = query("trigger", Type::Text, "Only this trigger.");
const OF_RUN: Parameter = query("run", Type::Text, "Only the run of this id.");
const LEVEL: Parameter =
    query("level", Type::Text, "`debug`, `info`, `warn` or `error`: this level and above; else `info`.")
        .one_of(&LEVELS);
const LAST: Parameter = query("n", Type::Int, "At most so many, the newest.");
const WHOSE: Parameter = query("script", Type::Text, "The `state` of this script; without it `shared_state`.");

pub(super) static OPERATIONS: &[Operation] = &[
    Operation {
        id: "status",
        group: "The daemon",
        method: Method::Get,
        path: "/status",
        doc: "How everything stands: scripts with their errors, triggers with their next times, and what is held.",
        note: "",
        parameters: &[],
        gives: Gives::One(&shapes::Status),
        perform: |asked| scripts::status(asked).boxed(),
    },
    Operation {
        id: "reload",
        group: "The daemon",
        method: Method::Post,
        path: "/reload",
        doc: "Reads configuration, secrets and scripts again, and answers once what was found is in force.",
        note: "",
        parameters: &[],
        gives: Gives::One(&shapes::Reloaded),
        perform: |asked| scripts::reload(asked).boxed(),
    },
    Operation {
        id: "openapi",
        group: "The daemon",
        method: Method::Get,
        path: "/openapi.json",
        doc: "This API as an OpenAPI document.",
        note: "",
        parameters: &[],
        gives: Gives::Any,
        perform: |asked| scripts::openapi(asked).boxed(),
    },
    Operation {
        id: "scripts",
        group: "Scripts and triggers",
        method: Method::Get,
        path: "/scripts",
        doc: "Every script of the folder.",
        note: "",
        parameters: &[],
        gives: Gives::List(&shapes::Script),
        perform: |asked| scripts::all(asked).boxed(),
    },
    Operation {
        id: "script",
        group: "Scripts and triggers",
        method: Method::Get,
        path: "/scripts/{script}",
        doc: "One script.",
        note: "",
        parameters: &[SCRIPT],
        gives: Gives::One(&shapes::Script),
        perform: |asked| scripts::one(asked).boxed(),
    },
    Operation {
        id: "triggers",
        group: "Scripts and triggers",
        method: Method::Get,
        path: "/triggers",
        doc: "Every trigger, with its script.",
        note: "",
        parameters: &[OF_SCRIPT],
        gives: Gives::List(&shapes::TriggerOf),
        perform: |asked| scripts::triggers(asked).boxed(),
    },
    Operation {
        id: "trigger",
        group: "Scripts and triggers",
        method: Method::Get,
        path: "/scripts/{script}/triggers/{trigger}",
        doc: "One trigger.",
        note: "",
        parameters: &[SCRIPT, TRIGGER],
        gives: Gives::One(&shapes::TriggerOf),
        perform: |asked| scripts::trigger(asked).boxed(),
    },
    Operation {
        id: "run_now",
        group: "Scripts and triggers",
        method: Method::Post,
        path: "/scripts/{script}/triggers/{trigger}/run",
        doc: "Runs a trigger now, and says which guards this run heeds.",
        note: "The condition of a `when`, `overlap`, permissions and a dry run always hold. `off`, `between` and `throttle` \
               hold with `guarded`. 409 where it does not run; wait for its end at `GET /runs/{run}`.",
        parameters: &[
            SCRIPT,
            TRIGGER,
            field("data", Type::Any, "What its handler is told, as for a webhook or an event."),
            field("guarded", Type::Bool, "Heed every guard, as if it were due."),
        ],
        gives: Gives::Begun(&shapes::Begun),
        perform: |asked| scripts::run(asked).boxed(),
    },
    Operation {
        id: "off",
        group: "Scripts and triggers",
        method: Method::Post,
        path: "/scripts/{script}/triggers/{trigger}/off",
        doc: "Switches a trigger off until somebody switches it on, also over restarts.",
        note: "",
        parameters: &[SCRIPT, TRIGGER],
        gives: Gives::One(&shapes::TriggerOf),
        perform: |asked| scripts::off(asked).boxed(),
    },
    Operation {
        id: "on",
        group: "Scripts and triggers",
        method: Method::Post,
        path: "/scripts/{script}/triggers/{trigger}/on",
        doc: "Switches a trigger on, whoever switched it off. What was due meanwhile is not made up for.",
        note: "",
        parameters: &[SCRIPT, TRIGGER],
        gives: Gives::One(&shapes::TriggerOf),
        perform: |asked| scripts::on(asked).boxed(),
    },
    Operation {
        id: "history",
        group: "Runs",
        method: Method::Get,
        path: "/runs",
        doc: "What ran and what did not, newest first.",
        note: "",
        parameters: &[
            OF_SCRIPT,
            OF_TRIGGER,
            query("state", Type::Text, "Only runs in this state.").one_of(&STATES),
            query("n", Type::Int, "At most so many, the newest; else 100."),
        ],
        gives: Gives::List(&shapes::Run),
        perform: |asked| runs::list(asked).boxed(),
    },
    Operation {
        id: "run",
        group: "Runs",
        method: Method::Get,
        path: "/runs/{run}",
        doc: "One run with what it did, step by step, and why nothing happened where nothing did.",
        note: "",
        parameters: &[RUN, query("wait", Type::Int, "Answer once it is over, or after so many seconds, 300 at most.")],
        gives: Gives::One(&shapes::RunInFull),
        perform: |asked| runs::show(asked).boxed(),
    },
    Operation {
        id: "cancel",
        group: "Runs",
        method: Method::Post,
        path: "/runs/{run}/cancel",
        doc: "Ends a run, or takes it out of the queue.",
        note: "404 where no run of that id is going or waits.",
        parameters: &[RUN],
        gives: Gives::One(&shapes::Cancelled),
        perform: |asked| runs::cancel(asked).boxed(),
    },
    Operation {
        id: "log",
        group: "The log",
        method: Method::Get,
        path: "/log",
        doc: "The last lines of the log, oldest first; a thousand are kept, without those of single requests.",
        note: "",
        parameters: &[OF_SCRIPT, OF_TRIGGER, OF_RUN, LEVEL, LAST],
        gives: Gives::List(&shapes::Line),
        perform: |asked| log::last(asked).boxed(),
    },
    Operation {
        id: "log_follow",
        group: "The log",
        method: Method::Get,
        path: "/log/follow",
        doc: "The log as it is written, as server-sent events.",
        note: "It ends with the daemon. `n` lines that were written before come first; without it none. A comment comes \
               every fifteen seconds. Who reads too slowly is told by a line of the event `lost` how many lines were.",
        parameters: &[OF_SCRIPT, OF_TRIGGER, OF_RUN, LEVEL, LAST],
        gives: Gives::Stream(&shapes::Line),
        perform: |asked| log::follow(asked).boxed(),
    },
    Operation {
        id: "state",
        group: "State",
        method: Method::Get,
        path: "/state",
        doc: "What scripts keep in `state` and `shared_state`.",
        note: "",
        parameters: &[
            OF_SCRIPT,
            query("shared", Type::Bool, "Only `shared_state`."),
            query("prefix", Type::Text, "Only keys that begin so."),
        ],
        gives: Gives::List(&shapes::Kept),
        perform: |asked| state::list(asked).boxed(),
    },
    Operation {
        id: "state_set",
        group: "State",
        method: Method::Put,
        path: "/state",
        doc: "Keeps a value under a key.",
        note: "",
        parameters: &[
            field("script", Type::Text, "In the `state` of this script; without it in `shared_state`."),
            need("key", Place::Body, Type::Text, "The key."),
            need("value", Place::Body, Type::Any, "Any JSON."),
            field("ttl", Type::Text, "Forget it after that time: `2h`."),
        ],
        gives: Gives::One(&shapes::Kept),
        perform: |asked| state::set(asked).boxed(),
    },
    Operation {
        id: "state_delete",
        group: "State",
        method: Method::Delete,
        path: "/state",
        doc: "Forgets a key.",
        note: "",
        parameters: &[WHOSE, need("key", Place::Query, Type::Text, "The key.")],
        gives: Gives::One(&shapes::Deleted),
        perform: |asked| state::delete(asked).boxed(),
    },
    Operation {
        id: "published",
        group: "State",
        method: Method::Get,
        path: "/published",
        doc: "What scripts publish; the texts themselves are at `/published/NAME`, outside of this API.",
        note: "",
        parameters: &[],
        gives: Gives::List(&shapes::Publication),
        perform: |asked| state::published(asked).boxed(),
    },
    Operation {
        id: "downloaders",
        group: "Torrent clients",
        method: Method::Get,
        path: "/downloaders",
        doc: "Each torrent client: whether it answers, its speed, the limit in force, and who holds it and why.",
        note: "Every client is asked, which may take twenty seconds where one does not answer.",
        parameters: &[],
        gives: Gives::One(&shapes::Roster),
        perform: |asked| downloaders::all(asked).boxed(),
    },
    Operation {
        id: "holds",
        group: "Torrent clients",
        method: Method::Get,
        path: "/holds",
        doc: "What is held, without asking any client.",
        note: "",
        parameters: &[],
        gives: Gives::List(&holds::Hold),
        perform: |asked| downloaders::holds(asked).boxed(),
    },
    Operation {
        id: "release",
        group: "Torrent clients",
        method: Method::Post,
        path: "/release",
        doc: "Gives back what is held: torrents run as before, limits are as they were.",
        note: "",
        parameters: &[
            field("downloader", Type::Text, "Only on this client."),
            field("reason", Type::Text, "Only what is held for this reason."),
        ],
        gives: Gives::One(&shapes::Released),
        perform: |asked| downloaders::release(asked).boxed(),
    },
    Operation {
        id: "eval",
        group: "Eval",
        method: Method::Post,
        path: "/eval",
        doc: "Evaluates an expression or a few statements in the daemon; a dry run unless `live`.",
        note: "200 also where it fails: `ok` says. With `session`, variables and functions stay for the next input of that \
               name, and `it` is the last value; sixteen sessions are kept, the one unused for longest goes. A request \
               that breaks off cancels its input.",
        parameters: &[
            need("code", Place::Body, Type::Text, "Statements are allowed; the value is that of the last one."),
            field("live", Type::Bool, "Really do it."),
            field("allow", Type::List(&Type::Text), "Grants beside none: `kiwivm/tokyo:restart`."),
            field("session", Type::Text, "A name of the caller's choice."),
        ],
        gives: Gives::One(&shapes::Evaluated),
        perform: |asked| eval::eval(asked).boxed(),
    },
    Operation {
        id: "eval_end",
        group: "Eval",
        method: Method::Delete,
        path: "/eval/{session}",
        doc: "Forgets a session; the next input of that name begins anew.",
        note: "",
        parameters: &[path("session", "The name of the session.")],
        gives: Gives::One(&shapes::Deleted),
        perform: |asked| eval::end(asked).boxed(),
    },
];
