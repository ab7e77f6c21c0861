//! The rows of the functions that register triggers.

use crate::script::std::function::{Function, functions};

pub(in crate::script::std) static ROWS: &[Function] = functions! {
    pure Load Nothing.cron(expression: Text, what: (Text | (map of
            name: Text, timezone: Text, overlap: Text, timeout: Duration, retry: (Int | (map of times: Int, wait: Duration)),
            between: (Text | [Text]), enabled: Bool, mode: Text, throttle: Duration, on_reload: Text, jitter: Duration,
            missed: (Text | (map of mode: Text, window: Duration, limit: Int)))), handler: (fn 1)) -> Null {
        "Runs the handler by a crontab expression of five fields, or six with seconds.",
        "按五段（或带秒的六段）crontab 表达式运行。",
        "cron(\"*/5 * * * *\", \"guard\", || info(\"tick\"))" => ""
    }
    pure Load Nothing.every(interval: (Duration | Text), what: (Text | (map of
            name: Text, timezone: Text, overlap: Text, timeout: Duration, retry: (Int | (map of times: Int, wait: Duration)),
            between: (Text | [Text]), enabled: Bool, mode: Text, throttle: Duration, on_reload: Text, jitter: Duration,
            missed: (Text | (map of mode: Text, window: Duration, limit: Int)))), handler: (fn 1)) -> Null {
        "Runs the handler at an interval.",
        "按固定间隔运行。",
        "every(\"30s\", #{name: \"speed\", overlap: \"skip\"}, || info(\"tick\"))" => ""
    }
    write Anywhere Nothing.at(time: (Time | Text), what: (Text | (map of
            name: Text, timezone: Text, overlap: Text, timeout: Duration, retry: (Int | (map of times: Int, wait: Duration)),
            between: (Text | [Text]), enabled: Bool, mode: Text, throttle: Duration, on_reload: Text, jitter: Duration,
            missed: (Text | (map of mode: Text, window: Duration, limit: Int)))); handler: Any) -> Null {
        "Runs the handler once at a time. Inside a trigger, with the name of another one and data, it fires that one once.",
        "在某一时间运行一次。在触发器内部，给出另一个触发器的名字与数据，则让它届时运行一次。",
        "let evening = || at(\"23:30\", \"give-back\", 5);" => ""
    }
    pure Load Nothing.schedule(entries: [{Any}], what: Any; handler: (fn 1)) -> Null {
        "Calls the handler with the entry in force, at the start and at each change. Between entries and handler a name or options may stand.",
        "用当前生效的条目调用处理函数：启动时一次，之后每次变化时一次。条目与函数之间可以写名字或选项。",
        "schedule([#{at: \"0 8 * * *\", up: 2}, #{at: \"0 23 * * *\", up: 9}], \"speed\", |entry| info(entry.up))" => ""
    }
    pure Load Nothing.on_start(what: (Text | (map of
            name: Text, timezone: Text, overlap: Text, timeout: Duration, retry: (Int | (map of times: Int, wait: Duration)),
            between: (Text | [Text]), enabled: Bool, mode: Text, throttle: Duration, on_reload: Text)), handler: (fn 1)) -> Null {
        "Runs the handler once when tidegate starts.",
        "tidegate 启动时运行一次。",
        "on_start(\"hello\", || notify(\"up again\"))" => ""
    }
    pure Load Nothing.on_stop(what: (Text | (map of
            name: Text, timezone: Text, timeout: Duration, between: (Text | [Text]), enabled: Bool, mode: Text)), handler: (fn 1)) -> Null {
        "Runs the handler when tidegate ends in good order, within the grace.",
        "tidegate 正常结束时运行，须在宽限时间内完成。",
        "on_stop(\"bye\", || info(\"bye\"))" => ""
    }
    pure Load Nothing.on_failure(what: (Text | (map of
            name: Text, timezone: Text, overlap: Text, timeout: Duration, retry: (Int | (map of times: Int, wait: Duration)),
            between: (Text | [Text]), enabled: Bool, mode: Text, throttle: Duration, on_reload: Text, debounce: Duration)), handler: (fn 1)) -> Null {
        "Runs the handler when a run of any other trigger has failed.",
        "任何其他触发器的运行失败时运行。",
        "on_failure(\"tell\", |what| notify(`${what.script}: ${what.error.message}`))" => ""
    }
    pure Load Nothing.on_webhook(path: Text, what: (Text | (map of
            name: Text, timezone: Text, overlap: Text, timeout: Duration, retry: (Int | (map of times: Int, wait: Duration)),
            between: (Text | [Text]), enabled: Bool, mode: Text, throttle: Duration, on_reload: Text, debounce: Duration)), handler: (fn 1)) -> Null {
        "Runs the handler at a request to that path of the daemon's server; what it returns is the reply, as JSON.",
        "收到对守护进程该路径的请求时运行；返回值以 JSON 作为应答。",
        "on_webhook(\"/grab\", \"grab\", |req| #{ok: req.method == \"POST\"})" => ""
    }
    pure Load Nothing.on_file(path: Text, what: (Text | (map of
            name: Text, timezone: Text, overlap: Text, timeout: Duration, retry: (Int | (map of times: Int, wait: Duration)),
            between: (Text | [Text]), enabled: Bool, mode: Text, throttle: Duration, on_reload: Text, debounce: Duration)), handler: (fn 1)) -> Null {
        "Runs the handler when files that match the path are created, changed or removed.",
        "匹配路径的文件被创建、修改或删除时运行。",
        "on_file(\"/srv/done/*.torrent\", \"done\", |files| info(files.len()))" => ""
    }
    pure Load Nothing.on_event(event: Text, what: (Text | (map of
            name: Text, timezone: Text, overlap: Text, timeout: Duration, retry: (Int | (map of times: Int, wait: Duration)),
            between: (Text | [Text]), enabled: Bool, mode: Text, throttle: Duration, on_reload: Text, debounce: Duration)), handler: (fn 1)) -> Null {
        "Runs the handler when an event happens, one of tidegate or one that a script emits.",
        "发生事件（tidegate 的或脚本 emit 的）时运行。",
        "on_event(\"ban\", \"bans\", |what| info(what.data.len()))" => ""
    }
    pure Load Nothing.when(read: (fn 0), what: (map of
            name: Text, timezone: Text, overlap: Text, timeout: Duration, retry: (Int | (map of times: Int, wait: Duration)),
            between: (Text | [Text]), enabled: Bool, mode: Text, throttle: Duration, on_reload: Text, jitter: Duration,
            missed: (Text | (map of mode: Text, window: Duration, limit: Int)), every: Duration, above: Float, below: Float, rearm_below: Float, rearm_above: Float, hold: Duration),
            on_enter: (fn 1); on_leave: (fn 1)) -> Null {
        "Reads a value every so often and runs a handler when it enters the condition, and another when it leaves it.",
        "定期读取一个值，进入条件时运行一个处理函数，离开时运行另一个。",
        "when(|| vps().data_usage().percent, #{name: \"quota\", every: \"5m\", above: 90}, |percent| notify(`${percent} %`))" => ""
    }
};
