//! Every finding there is: its code, whether it stops a load, and its page.

use crate::script::diagnostic::Severity;

/// A kind of finding.
#[derive(Debug)]
pub struct Code {
    /// What `allow(…)` takes and `--json` gives; never changes.
    pub id: &'static str,
    pub severity: Severity,
    pub title: &'static str,
    /// Why it matters and what to do.
    pub why: &'static str,
    pub zh_title: &'static str,
    pub zh: &'static str,
    /// A script that has it, and one that does not; empty where no script alone can show it.
    pub bad: &'static str,
    pub good: &'static str,
}

/// The code of that name.
pub fn find(id: &str) -> Option<&'static Code> {
    CODES.iter().find(|code| code.id == id)
}

macro_rules! codes {
    ($($severity:ident $id:literal {
        $title:literal, $why:literal,
        $zh_title:literal, $zh:literal,
        bad: $bad:literal, good: $good:literal
    })*) => {
        /// In the order of the page: errors first.
        pub static CODES: &[Code] = &[$(Code {
            id: $id,
            severity: Severity::$severity,
            title: $title,
            why: $why,
            zh_title: $zh_title,
            zh: $zh,
            bad: $bad,
            good: $good,
        }),*];
    };
}

codes! {
    Error "unknown-function" {
        "No such function or method",
        "Plain Rhai only finds out when the line is reached. Methods belong to what they are called on: `ban` to a PBH, `data_usage` to a VPS.",
        "没有这个函数或方法",
        "普通 Rhai 要执行到那一行才会发现。方法属于各自的对象：`ban` 属于 PBH，`data_usage` 属于 VPS。",
        bad: "every(\"1h\", \"report\", || {\n    nofity(\"hello\");\n});",
        good: "every(\"1h\", \"report\", || {\n    notify(\"hello\");\n});"
    }
    Error "arguments" {
        "Wrong arguments",
        "The number of arguments, or the kind of one of them, is not what the function takes. A number without a unit is no duration.",
        "参数不对",
        "参数的个数或类型与函数不符。没有单位的数字不是时长。",
        bad: "every(\"1h\", \"top\", || {\n    let peers = pbh().top_peers(\"ten\");\n    info(peers.len());\n});",
        good: "every(\"1h\", \"top\", || {\n    let peers = pbh().top_peers(10);\n    info(peers.len());\n});"
    }
    Error "unknown-option" {
        "No such option",
        "A map of options has a key that the function does not know, so that it would be refused when it is called.",
        "没有这个选项",
        "选项映射中有函数不认识的键，调用时会被拒绝。",
        bad: "every(\"1h\", \"ban\", || {\n    pbh().ban([\"203.0.113.7\"], #{duratoin: \"6h\"});\n});",
        good: "every(\"1h\", \"ban\", || {\n    pbh().ban([\"203.0.113.7\"], #{duration: \"6h\"});\n});"
    }
    Error "option-value" {
        "A value that is always refused",
        "The option exists, but not with this value: a word that it does not know, a text that is no duration, a limit of 0 (which means unlimited in qBittorrent).",
        "总会被拒绝的值",
        "选项存在，但这个值不行：不认识的词、不是时长的文本，或限速 0（在 qBittorrent 中表示不限速）。",
        bad: "every(\"1h\", #{name: \"slow\", overlap: \"wait\"}, || {\n    downloader(\"nas\").limit_speed(#{up: \"1 MiB/s\"});\n});",
        good: "every(\"1h\", #{name: \"slow\", overlap: \"queue\"}, || {\n    downloader(\"nas\").limit_speed(#{up: \"1 MiB/s\"});\n});"
    }
    Error "unknown-field" {
        "No such field",
        "The value is known and has no field of that name. Where a key may be missing, ask with `m.get(\"key\", fallback)`.",
        "没有这个字段",
        "已知该值没有这个名字的字段。键可能不存在时，用 `m.get(\"key\", 后备值)`。",
        bad: "every(\"1h\", \"usage\", || {\n    info(vps().data_usage().percnt);\n});",
        good: "every(\"1h\", \"usage\", || {\n    info(vps().data_usage().percent);\n});"
    }
    Error "unknown-variable" {
        "No such variable",
        "Nothing of that name is in scope. Functions see their parameters, the script's constants and `state`, but none of its variables.",
        "没有这个变量",
        "作用域内没有这个名字。函数只能看到自己的参数、脚本的常量和 `state`，看不到脚本的其他变量。",
        bad: "every(\"1h\", \"usage\", || {\n    let usage = vps().data_usage();\n    info(`${usge.percent} %`);\n    info(usage.percent);\n});",
        good: "every(\"1h\", \"usage\", || {\n    let usage = vps().data_usage();\n    info(`${usage.percent} %`);\n});"
    }
    Error "unknown-instance" {
        "No such instance",
        "The configuration has no VPS or PBH of that name, or several and none that is meant where no name is given.",
        "没有这个实例",
        "配置中没有这个名字的 VPS 或 PBH；或者没有写名字，而配置中有多个。",
        bad: "",
        good: ""
    }
    Error "type" {
        "The wrong type of value",
        "An operator, a condition, a loop or an index is given a value that it cannot work with.",
        "值的类型不对",
        "运算符、条件、循环或下标用到了无法处理的值。",
        bad: "every(\"1h\", \"when\", || {\n    let soon = now() + 5;\n    info(soon);\n});",
        good: "every(\"1h\", \"when\", || {\n    let soon = now() + 5.minutes;\n    info(soon);\n});"
    }
    Error "comparison" {
        "A comparison of different types",
        "Plain Rhai answers `false`; here it raises, and in a `switch` or a list the two are never equal.",
        "比较不同类型的值",
        "普通 Rhai 会得到 `false`；这里会报错，而在 `switch` 或列表中两者永不相等。",
        bad: "every(\"1h\", \"usage\", || {\n    if vps().data_usage().percent > \"90\" { warn(\"nearly full\"); }\n});",
        good: "every(\"1h\", \"usage\", || {\n    if vps().data_usage().percent > 90 { warn(\"nearly full\"); }\n});"
    }
    Error "assign-captured" {
        "Assignment to a captured variable in a handler",
        "Each run of a handler has its own copy of the variables around it, so the change is lost when the run ends. Keep it in `state`.",
        "在处理函数中给捕获的变量赋值",
        "处理函数的每次运行都有外层变量的独立副本，改动在运行结束时丢失。请保存到 `state`。",
        bad: "let runs = 0;\nevery(\"1h\", \"count\", || {\n    runs += 1;\n    info(runs);\n});",
        good: "every(\"1h\", \"count\", || {\n    let runs = state.add(\"runs\", 1);\n    info(runs);\n});"
    }
    Error "assign-constant" {
        "Assignment to a constant",
        "A constant keeps its value.",
        "给常量赋值",
        "常量的值不能改变。",
        bad: "const LIMIT = 90;\nevery(\"1h\", \"limit\", || {\n    LIMIT = 95;\n    info(LIMIT);\n});",
        good: "const LIMIT = 90;\nevery(\"1h\", \"limit\", || {\n    let limit = LIMIT + 5;\n    info(limit);\n});"
    }
    Error "import" {
        "A bad import",
        "The file is missing, cannot be read, or lies outside of the scripts folder.",
        "导入有误",
        "文件不存在、无法读取，或在脚本文件夹之外。",
        bad: "import \"../elsewhere/peers\" as peers;\nevery(\"1h\", \"peers\", || info(peers::heavy()));",
        good: ""
    }
    Error "at-load" {
        "A service call at the top level",
        "The top level of a script runs once when it is loaded, and only registers. Services are called inside triggers.",
        "在顶层调用服务",
        "脚本的顶层只在加载时运行一次，只用来注册。对服务的调用写在触发器里。",
        bad: "let usage = vps().data_usage();\nevery(\"1h\", \"usage\", || info(usage.percent));",
        good: "every(\"1h\", \"usage\", || info(vps().data_usage().percent));"
    }
    Error "data-race" {
        "A list inside the closure of its own method",
        "While a list's method runs, nothing else can reach the list. Copy it first.",
        "在自己的方法的闭包里使用列表",
        "列表的方法运行期间，其他代码无法访问该列表。请先复制一份。",
        bad: "every(\"1h\", \"share\", || {\n    let list = [1, 2, 3];\n    info(list.map(|x| x / list.len()));\n});",
        good: "every(\"1h\", \"share\", || {\n    let list = [1, 2, 3];\n    let count = list.len();\n    info(list.map(|x| x / count));\n});"
    }
    Error "duplicate-trigger" {
        "Two triggers with one name",
        "The name is the key of the run history and the argument of `exec`. In a loop, put the instance into it.",
        "两个触发器同名",
        "名称是运行历史的键，也是 `exec` 的参数。循环中请把实例名写进去。",
        bad: "every(\"1h\", \"look\", || info(1));\nevery(\"2h\", \"look\", || info(2));",
        good: "every(\"1h\", \"look\", || info(1));\nevery(\"2h\", \"look-rarely\", || info(2));"
    }
    Error "duplicate-webhook" {
        "Two webhooks with one path",
        "One path leads to one trigger.",
        "两个 webhook 路径相同",
        "一个路径只对应一个触发器。",
        bad: "on_webhook(\"pause\", \"pause\", || reply(200, \"ok\"));\non_webhook(\"pause\", \"resume\", || reply(200, \"ok\"));",
        good: "on_webhook(\"pause\", \"pause\", || reply(200, \"ok\"));\non_webhook(\"resume\", \"resume\", || reply(200, \"ok\"));"
    }
    Error "schedule" {
        "A schedule that never fires",
        "The expression cannot be read, or there is no such time: the 31st of February.",
        "永不触发的时间表",
        "表达式无法解析，或根本没有这样的时间：例如 2 月 31 日。",
        bad: "cron(\"0 0 31 2 *\", \"never\", || info(\"tick\"));",
        good: "cron(\"0 0 28 2 *\", \"yearly\", || info(\"tick\"));"
    }
    Error "missing-grant" {
        "A call that is not granted",
        "Destructive endpoints, other hosts and secrets need a line of configuration. The finding shows that line.",
        "未授权的调用",
        "破坏性的接口、其他主机和密钥需要在配置中授权。提示中给出了该写的那一行。",
        bad: "every(\"1h\", \"restart\", || vps().restart());",
        good: "every(\"1h\", \"look\", || info(vps().get_live_service_info().ve_status));"
    }
    Error "unsupported" {
        "An endpoint that the server does not have",
        "The configured PBH is older or newer than the releases that have it.",
        "服务器没有的接口",
        "所配置的 PBH 版本过旧或过新，没有这个接口。",
        bad: "",
        good: ""
    }
    Error "only-in-tests" {
        "A function of tests in a script",
        "`advance`, `calls`, `assert` and their like act on the simulated world of a test. A script runs in the real one.",
        "在脚本中使用测试函数",
        "`advance`、`calls`、`assert` 等作用于测试的模拟世界，而脚本运行在真实世界中。",
        bad: "every(\"1h\", \"look\", || {\n    advance(\"2h\");\n});",
        good: "every(\"1h\", \"look\", || {\n    sleep(\"20s\");\n});"
    }
    Warning "misleading-schedule" {
        "A schedule that does not do what it seems to say",
        "`*/90` in the minute field means once an hour, and two restricted day fields mean either of them.",
        "看起来与实际不符的时间表",
        "分钟字段的 `*/90` 表示每小时一次；两个日期字段同时受限时满足其一即可。",
        bad: "cron(\"*/90 * * * *\", \"look\", || info(\"tick\"));",
        good: "cron(\"@every 90m\", \"look\", || info(\"tick\"));"
    }
    Warning "at-run" {
        "A registration inside a handler",
        "Triggers are registered at the top level, while the script is loaded.",
        "在处理函数中注册触发器",
        "触发器在脚本加载时、在顶层注册。",
        bad: "every(\"1h\", \"outer\", || {\n    every(\"1m\", \"inner\", || info(\"tick\"));\n});",
        good: "every(\"1m\", \"inner\", || info(\"tick\"));"
    }
    Warning "unknown-event" {
        "An event that nobody makes",
        "The name is nearly that of an event of tidegate's own, and the script does not `emit` it.",
        "没有人发出的事件",
        "这个名字与 tidegate 自带的某个事件很像，而脚本并未用 `emit` 发出它。",
        bad: "on_event(\"vps.stoped\", \"down\", |what| info(what.data));",
        good: "on_event(\"vps.stopped\", \"down\", |what| info(what.data));"
    }
    Warning "past" {
        "A time that has passed",
        "A trigger of `at` with a date fires once, and its time is over.",
        "已经过去的时间",
        "带日期的 `at` 触发器只触发一次，而它的时间已经过去。",
        bad: "at(\"2020-01-01 08:00\", \"once\", || info(\"tick\"));",
        good: "at(\"08:00\", \"once\", || info(\"tick\"));"
    }
    Warning "unused-result" {
        "A result that nobody uses",
        "The call changes nothing, so without its result it is for nothing. `map` and `filter` give a new list and leave the old one as it is.",
        "结果没有被使用",
        "这个调用不改变任何东西，不用其结果就毫无意义。`map` 和 `filter` 返回新列表，原列表不变。",
        bad: "every(\"1h\", \"peers\", || {\n    let peers = pbh().live_peers();\n    peers.filter(|p| p.uploaded > 5.GiB);\n    info(peers.len());\n});",
        good: "every(\"1h\", \"peers\", || {\n    let peers = pbh().live_peers().filter(|p| p.uploaded > 5.GiB);\n    info(peers.len());\n});"
    }
    Warning "unused-variable" {
        "A variable that is never used",
        "Often a slip of the pen somewhere else. A name that begins with `_` is left alone.",
        "从未使用的变量",
        "往往是别处写错了名字。以 `_` 开头的名字不受检查。",
        bad: "every(\"1h\", \"usage\", || {\n    let usage = vps().data_usage();\n    info(\"done\");\n});",
        good: "every(\"1h\", \"usage\", || {\n    let usage = vps().data_usage();\n    info(usage.percent);\n});"
    }
    Warning "unused-function" {
        "A function that is never called",
        "It may be left over, or a call of it has another name.",
        "从未调用的函数",
        "可能是遗留代码，或调用处写了别的名字。",
        bad: "fn heavy(peer) { peer.uploaded > 5.GiB }\nevery(\"1h\", \"peers\", || info(pbh().live_peers().len()));",
        good: "fn heavy(peer) { peer.uploaded > 5.GiB }\nevery(\"1h\", \"peers\", || info(pbh().live_peers().filter(|p| heavy(p)).len()));"
    }
    Warning "unreachable" {
        "A line that nothing gets to",
        "What stands before it always leaves: `return`, `throw`, `break`, `continue`, or a loop without an end.",
        "执行不到的代码",
        "它前面的代码总会离开：`return`、`throw`、`break`、`continue`，或没有出口的循环。",
        bad: "every(\"1h\", \"look\", || {\n    return;\n    info(\"tick\");\n});",
        good: "every(\"1h\", \"look\", || {\n    info(\"tick\");\n});"
    }
    Warning "unit" {
        "A comparison that its unit decides",
        "A percent is 0 to 100, a share is 0 to 1. `percent > 0.9` is nearly always true, `share > 90` never.",
        "单位决定了结果的比较",
        "percent 是 0 到 100，share 是 0 到 1。`percent > 0.9` 几乎总为真，`share > 90` 永远为假。",
        bad: "every(\"1h\", \"usage\", || {\n    if vps().data_usage().percent > 0.9 { warn(\"nearly full\"); }\n});",
        good: "every(\"1h\", \"usage\", || {\n    if vps().data_usage().share > 0.9 { warn(\"nearly full\"); }\n});"
    }
    Warning "secret" {
        "A secret in the script",
        "Whoever reads the script, its backup or its repository has it. Name it under `[secret.NAME]` and write `secret(\"NAME\")`.",
        "脚本中的密钥",
        "看得到脚本、备份或仓库的人都能看到它。请写在 `[secret.NAME]` 下，用 `secret(\"NAME\")` 引用。",
        bad: "const KEY = \"private_Ab3dEf6hIj9kLm2nOp5q\";\nevery(\"1h\", \"key\", || info(KEY.len()));",
        good: "every(\"1h\", \"look\", || info(\"tick\"));"
    }
    Warning "no-trigger" {
        "A script that registers nothing",
        "Its top level runs once at load and nothing ever runs again. A library belongs into a folder below.",
        "没有注册任何触发器的脚本",
        "顶层只在加载时运行一次，之后什么也不会发生。库文件应放在子文件夹中。",
        bad: "fn _helper(x) { x + 1 }",
        good: "every(\"1h\", \"look\", || info(\"tick\"));"
    }
    Warning "nothing-returned" {
        "The result of something that gives nothing",
        "In Rhai `sort`, `reverse`, `trim`, `replace` and their like change the value itself and give `()`.",
        "使用了没有返回值的函数的结果",
        "Rhai 的 `sort`、`reverse`、`trim`、`replace` 等就地修改，返回 `()`。",
        bad: "every(\"1h\", \"names\", || {\n    let names = all_vps().map(|v| v.name);\n    let sorted = names.sort();\n    info(sorted);\n});",
        good: "every(\"1h\", \"names\", || {\n    let names = all_vps().map(|v| v.name);\n    names.sort();\n    info(names);\n});"
    }
    Warning "dedup" {
        "`dedup` looks at neighbours only",
        "Equal elements that do not stand side by side stay. `unique()` gives each once.",
        "`dedup` 只看相邻元素",
        "不相邻的相同元素会保留。`unique()` 使每个元素只出现一次。",
        bad: "every(\"1h\", \"clients\", || {\n    let clients = pbh().live_peers().map(|p| p.client);\n    clients.dedup();\n    info(clients);\n});",
        good: "every(\"1h\", \"clients\", || {\n    let clients = pbh().live_peers().map(|p| p.client).unique();\n    info(clients);\n});"
    }
    Warning "slow-push" {
        "`push` for each of many rows",
        "The limits on memory make each `push` take longer the longer the list is. `map` and `filter` build a list at once.",
        "对大量数据逐个 `push`",
        "内存限制使 `push` 随列表变长而变慢。`map` 和 `filter` 一次生成整个列表。",
        bad: "every(\"1h\", \"bans\", || {\n    let ips = [];\n    for ban in pbh().bans_list_all() { ips.push(ban.address); }\n    info(ips.len());\n});",
        good: "every(\"1h\", \"bans\", || {\n    let ips = pbh().bans_list_all().map(|ban| ban.address).to_array();\n    info(ips.len());\n});"
    }
    Warning "lost-change" {
        "A change of a captured list in a handler",
        "Each run has its own copy of the variables around the handler, so the list begins anew each time.",
        "在处理函数中修改捕获的列表",
        "每次运行都有外层变量的独立副本，所以列表每次都从头开始。",
        bad: "let seen = [];\nevery(\"1h\", \"seen\", || {\n    seen.push(today());\n    info(seen);\n});",
        good: "every(\"1h\", \"seen\", || {\n    let seen = state.get(\"seen\", []);\n    seen.push(today());\n    state.set(\"seen\", seen);\n});"
    }
    Warning "localised-text" {
        "A match on a text for people",
        "PBH writes reasons and messages in the language of the server, so the comparison holds on one server only.",
        "匹配面向人的文本",
        "PBH 的原因和消息使用服务器的语言，这样的比较只在某一台服务器上成立。",
        bad: "every(\"1h\", \"bans\", || {\n    for ban in pbh().bans_list().results {\n        if ban.banMetadata.description == \"Xunlei\" { info(ban.address); }\n    }\n});",
        good: "every(\"1h\", \"bans\", || {\n    for ban in pbh().bans_list().results {\n        if ban.banMetadata.context.contains(\"PeerIdBlacklist\") { info(ban.address); }\n    }\n});"
    }
    Warning "escape" {
        "A `\\n` in back-ticks",
        "Back-ticks keep every character as it stands, so `\\n` is a backslash and an n there. A line break is written as one.",
        "反引号里的 `\\n`",
        "反引号中的字符原样保留，`\\n` 就是反斜杠和字母 n。换行请直接换行书写。",
        bad: "every(\"1h\", \"say\", || {\n    notify(`${vps().data_usage().percent} %\\nof the allowance`);\n});",
        good: "every(\"1h\", \"say\", || {\n    notify(`${vps().data_usage().percent} %\nof the allowance`);\n});"
    }
    Warning "timeout" {
        "A wait that outlasts its run",
        "The run is ended when its `timeout` is over (60 seconds unless said otherwise), in the middle of the wait.",
        "等待时间超过运行时限",
        "到达 `timeout`（默认 60 秒）时运行会在等待途中被结束。",
        bad: "every(\"1h\", \"slow\", || {\n    sleep(\"5m\");\n    info(\"tick\");\n});",
        good: "every(\"1h\", #{name: \"slow\", timeout: \"10m\"}, || {\n    sleep(\"5m\");\n    info(\"tick\");\n});"
    }
    Warning "silence" {
        "A comment that silences nothing",
        "`// tidegate: allow(code) reason` needs a code that there is, a reason, and a finding on its line. Alone on a line it is about the next one.",
        "不起作用的忽略注释",
        "`// tidegate: allow(代码) 理由` 需要存在的代码、理由，以及本行确有该问题。单独成行时作用于下一行。",
        bad: "every(\"1h\", \"look\", || info(\"tick\")); // tidegate: allow(unit) there is none",
        good: "every(\"1h\", \"look\", || {\n    vps().data_usage(); // tidegate: allow(unused-result) keeps the last reading fresh\n});"
    }
}
