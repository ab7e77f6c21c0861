//! What `on_event` hears: the table of events, and the way from whoever says that something happened to the
//! daemon.

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::api::{Service, Type};
use crate::text::nearest;
use crate::time::Time;

/// One kind of event that tidegate itself tells of.
#[derive(Debug)]
pub struct Known {
    pub name: &'static str,
    /// In English and in Chinese.
    pub doc: [&'static str; 2],
    /// What `data` of the handler's argument holds, in both.
    pub data: [&'static str; 2],
    /// Whether the services are asked for it, as long as a script listens.
    pub polled: bool,
}

/// Every event of ours; any other name is the user's own.
pub static EVENTS: [Known; 8] = [
    Known {
        name: "ban",
        doc: ["PBH has banned peers.", "PBH 封禁了 peer。"],
        data: [
            "a list: rows of `bans_logs`, oldest first, each with `pbh`",
            "列表：`bans_logs` 的行，旧的在前，各带 `pbh`",
        ],
        polled: true,
    },
    Known {
        name: "alert",
        doc: ["PBH raises alerts.", "PBH 发出警报。"],
        data: [
            "a list: rows of `alerts_list`, oldest first, each with `pbh`",
            "列表：`alerts_list` 的行，旧的在前，各带 `pbh`",
        ],
        polled: true,
    },
    Known {
        name: "pbh.started",
        doc: ["A PBH has been started anew.", "某个 PBH 重新启动了。"],
        data: ["`#{pbh, started, version}`", "`#{pbh, started, version}`"],
        polled: true,
    },
    Known {
        name: "pbh.unreachable",
        doc: [
            "A PBH has not answered twice in a row; once until it answers again.",
            "某个 PBH 连续两次不应答；恢复之前只说一次。",
        ],
        data: ["`#{pbh, message}`", "`#{pbh, message}`"],
        polled: true,
    },
    Known {
        name: "downloader.error",
        doc: [
            "PBH cannot work with a torrent client; once until it can again.",
            "PBH 无法使用某个下载器；恢复之前只说一次。",
        ],
        data: ["`#{downloader, pbh, state, message}`", "`#{downloader, pbh, state, message}`"],
        polled: true,
    },
    Known {
        name: "vps.stopped",
        doc: ["A VPS that ran is stopped; once until it runs again.", "运行着的 VPS 停了；恢复之前只说一次。"],
        data: ["`#{vps, state}`", "`#{vps, state}`"],
        polled: true,
    },
    Known {
        name: "script.broken",
        doc: ["A saved script does not load.", "保存的脚本无法加载。"],
        data: [
            "`#{script, message, line, column, runs_on}`; `runs_on` is the version that runs on, or `()`",
            "`#{script, message, line, column, runs_on}`；`runs_on` 是继续运行的版本，或 `()`",
        ],
        polled: false,
    },
    Known {
        name: "trigger.off",
        doc: ["A trigger was switched off after failures in a row.", "某个触发器连续失败后被关掉。"],
        data: ["`#{script, trigger, failures, message}`", "`#{script, trigger, failures, message}`"],
        polled: false,
    },
];

/// The event of ours by that name.
pub fn known(name: &str) -> Option<&'static Known> {
    EVENTS.iter().find(|event| event.name == name)
}

/// What to say of a name that is not ours but nearly so.
pub fn near_miss(name: &str) -> Option<String> {
    if known(name).is_some() {
        return None;
    }
    nearest(name, EVENTS.iter().map(|event| event.name)).map(|near| format!("did you mean `{near}`?"))
}

/// The type of the items of `data`, where a table knows it.
pub fn item_type(name: &str) -> Option<&'static Type> {
    let id = match name {
        "ban" => "bans_logs",
        "alert" => "alerts_list",
        _ => return None,
    };
    Service::Pbh.row(id)?.item()
}

/// Something happened.
#[derive(Clone, Debug)]
pub struct Occurrence {
    pub name: String,
    pub at: Time,
    pub data: Value,
    /// Tells one occurrence from another, where it might be told of twice.
    pub key: Option<String>,
}

/// What the daemon is told.
#[derive(Debug)]
pub enum Signal {
    Happened(Occurrence),
    /// A trigger is to fire at a time of its own; the store has it.
    Armed,
}

type Listener = Arc<dyn Fn(Signal) -> bool + Send + Sync>;

/// From scripts to the daemon of this process, where there is one.
#[derive(Clone, Default)]
pub struct Bus(Arc<Mutex<Option<Listener>>>);

impl Bus {
    /// From now on `listener` is told; it gives false once nobody hears it any more.
    pub fn listen(&self, listener: impl Fn(Signal) -> bool + Send + Sync + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(listener));
    }

    /// Whether a daemon has heard it.
    pub fn tell(&self, signal: Signal) -> bool {
        let listener = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        listener.is_some_and(|listener| listener(signal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_nearly_ours_are_noticed() {
        assert!(near_miss("pbh.unreachabel").unwrap().contains("pbh.unreachable"));
        assert_eq!((near_miss("ban"), near_miss("playback")), (None, None));
    }

    #[test]
    fn each_is_told_in_both_languages() {
        for event in &EVENTS {
            let [english, chinese] = event.doc;
            assert!(english.is_ascii() && english.ends_with('.'), "{}", event.name);
            assert!(chinese.ends_with('。'), "{}", event.name);
        }
    }

    #[test]
    fn batches_have_the_type_of_their_rows() {
        for (name, shape) in [("ban", "BanRecord"), ("alert", "Alert")] {
            assert!(matches!(item_type(name), Some(Type::Shape(found)) if found.name == shape), "{name}");
        }
    }
}
