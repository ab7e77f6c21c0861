//! The lines to go on with.

use std::path::Path;

use super::UNIT;
use super::document::Service;
use crate::config::{self, Config, SecretSource};
use crate::language::Language;
use crate::recipes::{Recipe, table};

/// What the owner has to allow the chosen scripts: nothing that loses data is granted by this command.
pub(super) fn granted(chosen: &[&Recipe], config: &Config) -> Vec<String> {
    let tables = chosen.iter().filter_map(|recipe| table(recipe.name, &recipe.grants(config)));
    let lines: Vec<_> =
        tables.flat_map(|table| table.lines().map(|line| format!("#   {line}")).collect::<Vec<_>>()).collect();
    let head = match config.language {
        Language::English => format!("# allow what the scripts need, in {}:", config::FILE),
        Language::Chinese => format!("# 在 {} 中允许脚本所需的操作：", config::FILE),
    };
    let head = (!lines.is_empty()).then_some(head);
    head.into_iter().chain(lines).collect()
}

/// The lines to type, with a remark where one is needed.
pub(super) fn next(dir: &Path, config: &Config, service: Service, var: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let say = |english, chinese| config.language.pick(english, chinese);
    let panel = say("KiwiVM panel > API", "KiwiVM 面板的 API 页");
    let settings = say(
        "PeerBanHelper WebUI > settings, or server.token in its config.yml",
        "PeerBanHelper WebUI 的设置，或其 config.yml 中的 server.token",
    );
    let mut lines = Vec::new();
    if dir != Path::new(".") {
        lines.push(format!("cd {}", quoted(&dir.display().to_string())));
    }
    // Each variable with an example, and the place where its value is.
    let mut variables = Vec::new();
    if config.vps.is_empty() {
        lines.push(match config.language {
            Language::English => format!("# put the VEID of your VPS into {}: {panel}", config::FILE),
            Language::Chinese => format!("# 把 VPS 的 VEID 写进 {}：{panel}", config::FILE),
        });
        variables.push(("KIWIVM_API_KEY", "private_…", panel));
    }
    let keys = config.vps.values().map(|vps| (&vps.api_key, "private_…", panel));
    for (source, example, place) in keys.chain(config.pbh.values().map(|pbh| (&pbh.token, "…", settings))) {
        if let SecretSource::Env(name) = source {
            variables.push((name, example, place));
        }
    }
    variables.dedup();
    let missing = variables.iter().filter(|(name, ..)| var(name).is_none());
    lines.extend(missing.map(|(name, example, place)| format!("export {name}='{example}'   # {place}")));
    lines.push("tidegate check".into());
    let dry =
        say("a dry run until mode = \"live\" in tidegate.toml", "在 tidegate.toml 里写 mode = \"live\" 之前都是演练");
    let remark = if config.mode == config::Mode::Watch { format!("   # {dry}") } else { String::new() };
    lines.push(format!("tidegate run{remark}"));
    let enable = match service {
        Service::User => "systemctl --user enable --now",
        Service::System => "sudo systemctl enable --now",
        Service::None => return lines,
    };
    // systemd knows nothing of this shell: its environment is a file that only its owner can read.
    if !variables.is_empty() {
        let values: Vec<_> = variables.iter().map(|(name, ..)| format!("\"{name}=${name}\"")).collect();
        let remark = say("the service reads .env, not this shell", "服务读 .env，看不到这个终端的变量");
        lines.push(format!("(umask 077; printf '%s\\n' {} >> .env)   # {remark}", values.join(" ")));
    }
    let remark = say("in place of `run`: as a service", "作为服务运行，代替 `run`");
    lines.push(format!("{enable} \"$PWD/{UNIT}\"   # {remark}"));
    lines
}

/// For a shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+~".contains(c);
    if word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
