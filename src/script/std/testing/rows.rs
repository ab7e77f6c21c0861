//! What the functions of tests are: their rows, and the shapes of what they give.

use crate::api::shapes;
use crate::script::std::function::{Function, functions};

shapes! {
    /// A call of a script, or what a dry run held back.
    SeenCall {
        at: Millis,
        script: Text,
        trigger: Text | null,
        service: Text,
        instance: Text,
        endpoint: Text,
        effect: Text,
        args: Any,
        status: Int | null,
        ok: Bool,
        /// The helper that made it.
        via: Text | null,
        /// What a dry run would do, in words.
        summary: Text | null,
    }

    /// A message that was sent.
    SeenMessage {
        at: Millis,
        script: Text | null,
        trigger: Text | null,
        channel: Text,
        title: Text | null,
        text: Text,
        level: Text,
    }

    /// A row of the run history.
    SeenRun {
        script: Text,
        trigger: Text,
        /// `ok`, `failed`, `timed_out`, `skipped`, `missed`, `cancelled`, `due` or `running`.
        state: Text,
        scheduled: Millis | null,
        started: Millis | null,
        ended: Millis | null,
        attempt: Int,
        calls: Int,
        changed: Bool,
        /// What `catch` would get, or `()`.
        error: Any,
    }

    /// How a run ended.
    Fired {
        state: Text,
        /// What its closure gave.
        value: Any,
        /// Of a webhook's reply.
        status: Int | null,
        changed: Bool,
        /// What `catch` would get, or `()`.
        error: Any,
    }

    /// The simulated world at one instant.
    WorldNow {
        at: Millis,
        vps: [VpsNow],
        downloaders: [DownloaderNow],
        /// All transfers together, in bytes per second.
        traffic: Bytes,
        /// The addresses that PBH bans.
        bans: [Text],
    }

    /// The meter of one VPS.
    VpsNow {
        name: Text,
        used: Bytes,
        allowance: Bytes,
        percent: Percent,
        suspended: Bool,
        traffic: Bytes,
    }

    /// One torrent client.
    DownloaderNow {
        id: Text,
        up_speed: Bytes,
        down_speed: Bytes,
        uploaded: Bytes,
        downloaded: Bytes,
        /// The addresses that the client itself refuses.
        banned: [Text],
        /// Whether none of its torrents may move.
        stopped: Bool,
        peers: Int,
    }
}

pub(in crate::script::std) static ROWS: &[Function] = functions! {
    read Test Nothing.world(; what: Any) -> (shape WorldNow) {
        "The world as it is now. With a world file, or a map with the same keys, that is the world the test begins in; without, it is the world of `tidegate demo`.",
        "当前的世界。给出世界文件或同样键名的映射，则测试从那个世界开始；省略时为 `tidegate demo` 的世界。",
        "world().vps[0].percent" => "88.0"
    }
    read Test Nothing.start_at(time: (Time | Text)) -> Null {
        "When the test begins; otherwise at 08:00 on 2026-07-01.",
        "测试开始的时间；默认为 2026-07-01 08:00。",
        "start_at(\"2026-03-28 20:00\"); now().date" => "2026-03-28"
    }
    read Test Nothing.load(script: Text; settings: (map of allow: [Text], deny: [Text], mode: Text)) -> Null {
        "Puts a script on, by its name or a path, as configured but live; `settings` are those of its `[script]` table. Before time passes.",
        "加载一个脚本（名称或路径），按配置但实际执行；`settings` 同其 `[script]` 表。须在时间推进之前。",
        "load(\"quota-guard\", #{mode: \"watch\"})" => ""
    }
    read Test Nothing.advance(time: Duration) -> Null {
        "Lets time pass, and everything that is due in it happen, its last moment included.",
        "推进时间，期间到期的一切都会发生，包括最后一刻。",
        "advance(\"2h\")" => ""
    }
    read Test Nothing.advance_to(time: (Time | Text)) -> Null {
        "The same up to a time; `\"08:00\"` is the next one.",
        "推进到某个时间；`\"08:00\"` 指下一个 08:00。",
        "advance_to(\"12:00\")" => ""
    }
    read Test Nothing.fire(trigger: Text; data: Any) -> (shape Fired) {
        "Runs a trigger now, `NAME` or `SCRIPT/NAME`, and waits for its end; `data` is what its handler is told, for a webhook the parts of the request.",
        "立即运行一个触发器（`名称` 或 `脚本/名称`）并等待结束；`data` 传给处理函数，对 webhook 为请求的各部分。",
        "load(\"quota-guard\"); fire(\"quota-tokyo\").state" => "ok"
    }
    read Test Nothing.fault(what: (map of service: Text, instance: Text, route: Text, fault: Text, delay: Duration, status: Int, count: Int,
            after: Duration, duration: Duration)) -> Null {
        "Lets something go wrong from now on, as a `[[fault]]` of a world file does.",
        "从现在起制造故障，同世界文件中的 `[[fault]]`。",
        "fault(#{service: \"pbh\", fault: \"status\", status: 503, duration: \"1h\"})" => ""
    }
    read Test Nothing.heal() -> Null {
        "Ends all faults.", "结束所有故障。",
        "heal()" => ""
    }
    read Test Nothing.add_usage(vps: Text, bytes: Bytes) -> Null {
        "Counts so much traffic on a VPS at once.", "让一台 VPS 立即多用这么多流量。",
        "add_usage(\"tokyo\", \"50 GiB\"); world().vps[0].percent > 90" => "true"
    }
    read Test Nothing.end_month(vps: Text) -> Null {
        "Ends the billing period of a VPS now: its counter begins again.", "立即结束一台 VPS 的计费周期：计数从零开始。",
        "end_month(\"tokyo\"); world().vps[0].used" => "0"
    }
    read Test Nothing.reply_from(url: Text, reply: (map of status: Int, json: Any, text: Text, headers: {Text}, method: Text)) -> Null {
        "What a server outside answers to addresses that begin so; without it, nothing outside answers.",
        "外部服务器对以此开头的地址的应答；没有设置时，外部一概无应答。",
        "reply_from(\"https://api.example.org/\", #{json: #{ok: true}})" => ""
    }
    read Test Nothing.calls(; pattern: Text) -> [(shape SeenCall)] {
        "The calls of scripts so far, oldest first. The pattern is an endpoint, a helper, or as in a grant, with `*` for anything: `ban`, `kiwivm/tokyo:restart`, `downloader:POST *`.",
        "脚本至今的调用，从旧到新。模式为接口名、辅助方法名或授权写法，`*` 表示任意：`ban`、`kiwivm/tokyo:restart`、`downloader:POST *`。",
        "calls(\"bans_*\").len()" => "0"
    }
    read Test Nothing.would(; pattern: Text) -> [(shape SeenCall)] {
        "What dry runs held back so far, as `calls`.", "演练至今拦下的操作，用法同 `calls`。",
        "would(\"stop_transfers\").len()" => "0"
    }
    read Test Nothing.messages(; part: Text) -> [(shape SeenMessage)] {
        "The messages sent so far, oldest first; those with that part in title or text.",
        "至今发出的消息，从旧到新；可按标题或正文中的片段筛选。",
        "messages(\"transfers stopped\").len()" => "0"
    }
    read Test Nothing.logs(; part: Text) -> [Text] {
        "What scripts wrote to the log so far, oldest first; the lines with that part.",
        "脚本至今写入日志的内容，从旧到新；可按片段筛选。",
        "logs(\"banned\").len()" => "0"
    }
    read Test Nothing.runs(; trigger: Text) -> [(shape SeenRun)] {
        "The run history so far, oldest first: of a trigger, of a script, or of `SCRIPT/TRIGGER`.",
        "至今的运行记录，从旧到新：可指定触发器、脚本或 `脚本/触发器`。",
        "load(\"quota-guard\"); advance(\"1h\"); runs(\"quota-tokyo\").len()" => "12"
    }
    read Test Nothing.state_of(script: Text) -> {Any} {
        "What a script remembers.", "一个脚本记住的内容。",
        "state_of(\"quota-guard\").len()" => "0"
    }
    pure Test Nothing.assert(condition: Bool; text: Text) -> Null {
        "Fails the test unless it is so.", "不成立则测试失败。",
        "assert(world().bans.is_empty(), \"nobody is banned yet\")" => ""
    }
    pure Test Nothing.assert_eq(left: Any, right: Any; text: Text) -> Null {
        "Fails the test unless both are equal, and shows them.", "两者不相等则测试失败，并显示两者。",
        "assert_eq(runs().len(), 0)" => ""
    }
};
