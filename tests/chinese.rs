//! The program for a reader of Chinese: no sentence of it is in English.

use std::io::{BufRead as _, BufReader};
use std::net::Ipv4Addr;
use std::process::{Output, Stdio};

use tidegate::clock::SystemClock;
use tidegate::sim::{Scenario, Sim};
use tokio::runtime::Runtime;

use crate::harness::Home;

/// Runs the program for whoever reads Chinese, and gives what it shows and says.
fn read(home: &Home, args: &[&str]) -> String {
    let output = home.command(args).env("LANG", "zh_CN.UTF-8").output().expect("the program");
    text(&output)
}

fn text(output: &Output) -> String {
    let part = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", part(&output.stdout), part(&output.stderr))
}

/// Runs of English words: three in a row, outside of what is in back-ticks, make a sentence. `known` is what scripts and
/// services say.
fn english(text: &str, known: &[&str]) -> Vec<String> {
    let plain = |line: &str| line.split('`').step_by(2).collect::<Vec<_>>().join("·");
    let word = |word: &&str| word.len() > 1 && word.chars().all(|c| c.is_ascii_lowercase() || c == '\'');
    let sentence = |line: &str| {
        let words: Vec<_> = line.split(|c: char| c.is_whitespace() || c == ',').collect();
        words.windows(3).any(|words| words.iter().all(&word))
    };
    let known = |line: &str| known.iter().any(|known| line.contains(known));
    text.lines().filter(|line| sentence(&plain(line)) && !known(line)).map(ToOwned::to_owned).collect()
}

fn is_chinese(text: &str, known: &[&str]) {
    assert!(text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{text}");
    assert_eq!(english(text, known), [""; 0], "{text}");
}

#[test]
fn the_demo_is_in_chinese() {
    let text = read(&Home::new(), &["demo", "--speed", "4000"]);
    is_chinese(&text, &["hello from version", "transfers stopped", "addresses banned now", "Seedbox report"]);
    for part in ["守卫动手之前", "已重新加载：版本", "接下来：`tidegate init`", "旧版本继续运行", "没有运行失败"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("NO ") && !text.contains("yes"), "{text}");
}

/// A world to ask, with a configuration that leads there.
fn world(more: &str) -> (Runtime, Sim, Home) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let any = (Ipv4Addr::LOCALHOST, 0).into();
    let sim = runtime.block_on(Sim::start(Scenario::default(), SystemClock::new(), any, any)).unwrap();
    let home = Home::with(&format!("language = \"zh\"\n{}{more}", sim.urls().configuration()));
    (runtime, sim, home)
}

/// What a command shows and says, which must hold these parts.
fn holds(home: &Home, args: &[&str], parts: &[&str]) {
    let text = read(home, args);
    is_chinese(&text, &[]);
    for part in parts {
        assert!(text.contains(part), "{args:?}: {part}: {text}");
    }
}

#[test]
fn the_simulated_services_introduce_themselves_in_chinese() {
    let home = Home::new();
    let mut child = home.command(&["sim"]).env("LANG", "zh_CN.UTF-8").stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    while !text.contains("Ctrl-C") {
        assert!(lines.read_line(&mut text).unwrap() > 0, "{text}");
    }
    is_chinese(&text, &[]);
    assert!(text.contains("对应的 tidegate.toml：") && text.contains("按 Ctrl-C 结束。"), "{text}");
    child.kill().unwrap();
    child.wait().unwrap();
}

const SCRIPT: &str = r#"
    every("1h", "tick", || {
        let seed = downloader("tokyo-qb");
        seed.limit_speed(#{up: "2 MiB/s", down: "1 MiB/s", reason: "quota", duration: "6h"});
        seed.stop_transfers(#{reason: "quota"});
        pbh().ban(["203.0.113.7"], #{duration: "6h"});
        vps().restart();
        state.set("told", 1);
    });
    when(|| 88.1, #{name: "quota", every: "1m", above: 80}, |v| 1);
    every("1h", "bad", || { vps().get_service_info(); state.get("none", #{}).nothing });
"#;

#[test]
fn what_calls_would_do_is_said_in_chinese_and_is_a_sentence_in_english() {
    let (_runtime, _sim, home) = world("[script.guard]\nallow = [\"kiwivm:restart\"]\n");
    home.script("guard", SCRIPT);
    let all = [
        "把 tokyo-qb 限速为上传 2 MiB/s、下载 1 MiB/s（quota），为期 6h",
        "停止 tokyo-qb 的传输",
        "在 home 上封禁 1 个 peer，为期 6h：203.0.113.7",
        "restart on tokyo：重启",
        "把 state 里的 `told` 设为 1",
    ];
    holds(&home, &["exec", "guard", "tick", "--dry-run"], &all);
    holds(&home, &["exec", "guard", "tick", "--dry-run", "--table"], &["会做什么", "破坏性", all[0]]);
    holds(&home, &["exec", "guard", "bad"], &["× 没有字段 `nothing`", "读取 kiwivm/tokyo get_service_info"]);
    home.write("en.toml", std::fs::read_to_string(home.path("tidegate.toml")).unwrap().replace("\"zh\"", "\"en\""));
    let english = text(&home.run(&["exec", "guard", "tick", "--dry-run", "--config", "en.toml"]));
    assert!(english.contains("limit tokyo-qb to 2 MiB/s up and 1 MiB/s down (quota) for 6h"), "{english}");
}

#[test]
fn commands_without_a_daemon_speak_chinese() {
    let (_runtime, _sim, home) = world("[script.guard]\nallow = [\"kiwivm:restart\"]\n");
    home.script("guard", SCRIPT);
    holds(&home, &["check"], &["下次", "使用 kiwivm: ", "1 个脚本：0 个错误，1 个警告"]);
    holds(&home, &["check", "--online"], &["kiwivm tokyo 应答正常 (直连)", "套餐", "restart (破坏性)"]);
    holds(&home, &["downloaders"], &["上传限速", "不限速"]);
    holds(&home, &["release"], &["没有按住任何下载器"]);
    holds(&home, &["release", "tokyo-qb"], &["错误：`tokyo-qb` 没有被按住", "提示：现在没有按住"]);
    let stop = "downloader(\"tokyo-qb\").stop_transfers(#{reason: \"quota\"}); 1";
    assert!(home.run(&["eval", "--live", stop]).status.success());
    holds(&home, &["release"], &["停止 `quota` 已解除"]);
    holds(&home, &["notify", "test"], &["没有配置消息渠道", "docs/notify.zh-CN.md"]);
    holds(&home, &["notify", "list"], &["最近七天没有发送消息"]);
    holds(&home, &["state", "set", "k", "1", "--script", "guard"], &["脚本 `guard` 里的 `k` 已设置"]);
    holds(&home, &["state", "list"], &["修改时间", "guard"]);
    holds(&home, &["state", "get", "x", "--shared"], &["`shared_state` 没有 `x` 这个键"]);
    holds(&home, &["history", "show", "nobody"], &["没有编号为 `nobody`"]);
    holds(&home, &["status"], &["没有守护进程在运行", "用 `tidegate run` 启动它"]);
    holds(&home, &["exec", "nope", "x"], &["没有脚本 `nope`", "可用的有：`guard`"]);
    holds(&home, &["check", "--config", "no.toml"], &["没有配置文件", "`tidegate init` 会写一份"]);
    holds(&home, &["endpoints", "snapshot_create"], &["创建快照", "写入 · POST", "1 个接口"]);
    holds(&home, &["endpoints", "zzzz"], &["错误：没有符合 `zzzz` 的接口"]);
    holds(&home, &["next", "0 8 * * 1", "-n", "1"], &["周一"]);
    holds(&home, &["next", "61 * * * *"], &["错误：`61` 超出了", "提示：范围是 0 到 59"]);
    holds(&home, &["next", "--script", "guard", "-n", "2"], &["  周", "quota"]);
    holds(&home, &["simulate", "guard", "--for", "3h"], &["触发情况", "发生了什么"]);
}

#[test]
fn a_running_daemon_is_asked_in_chinese() {
    let (_runtime, _sim, home) = world("[script.guard]\nallow = [\"kiwivm:restart\"]\n");
    home.script("guard", SCRIPT);
    let mut program = home.spawn();
    holds(&home, &["status"], &["起运行：1 个脚本，3 个触发器", "已加载"]);
    holds(&home, &["trigger", "guard", "quota"], &["脚本没有要求任何改动：没有发送请求"]);
    holds(&home, &["trigger", "guard", "quota"], &["成功：", "条件的读数是 88.1"]);
    holds(&home, &["trigger", "guard", "bad"], &["失败：1 次调用", "没有字段 `nothing`"]);
    holds(&home, &["history"], &["备注", "没有字段"]);
    holds(
        &home,
        &["history", "show", "guard/quota"],
        &["读数  88.1（条件：高于 80）", "没有改变任何东西，因为：", "有人要它运行"],
    );
    holds(&home, &["history", "show", "guard/bad"], &["失败", "没有字段 `nothing`"]);
    holds(&home, &["trigger", "nope"], &["没有脚本 `nope`"]);
    holds(&home, &["trigger", "guard"], &["有多个触发器"]);
    holds(&home, &["cancel", "abc"], &["没有正在进行的运行"]);
    holds(&home, &["off", "guard", "tick"], &["guard/tick 已关掉"]);
    holds(&home, &["status"], &["guard/tick 已关掉：手动关掉"]);
    holds(&home, &["on", "guard", "tick"], &["guard/tick 已打开"]);
    holds(&home, &["reload"], &["没有变化"]);
    // What this daemon writes is for programs, so below the first line of an entry it is in English.
    let log = read(&home, &["logs"]);
    for part in ["就绪：1 个脚本、3 个触发器", "已加载：版本", "失败", "手动打开"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    program.signal("TERM");
    program.exit_code();
}

#[test]
fn a_failed_test_is_explained_in_chinese_with_the_run_that_failed() {
    let home = Home::with("timezone = \"UTC\"\nlanguage = \"zh\"\n");
    home.script("guard", "every(\"1h\", \"tick\", || { notify(\"x\"); throw \"broken inside\"; });");
    home.script(
        "guard_test",
        "fn test_one() { load(\"guard\"); advance(\"2h\"); assert_eq(calls(\"nothing\").len(), 1); }\n\
         fn test_two() { assert(1 > 2); }\nfn test_three() { }\n",
    );
    let shown = read(&home, &["test"]);
    is_chinese(&shown, &["broken inside"]);
    for part in
        ["0 不等于 1", "条件不成立", "在这之前有运行失败：", "guard/tick", "broken inside", "1 个通过，2 个失败"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert_eq!(shown.matches("broken inside").count(), 1, "the same trouble once: {shown}");
    home.write("tidegate.toml", "timezone = \"UTC\"\n");
    let english = text(&home.run(&["test"]));
    assert!(english.contains("before that a run had failed:\n    guard/tick:1  broken inside"), "{english}");
}
