//! What a script keeps in files, and what it hands to others: `read_file`, `write_file`, `publish`, `format_nft`.

use rhai::{Array, EvalAltResult, FuncRegistration, ImmutableString, Module, NativeCallContext};
use serde_json::json;

use crate::address::{self, Ip};
use crate::call::Call;
use crate::error::{Error, Kind, Result};
use crate::folder::Folder;
use crate::permission::Effect;
use crate::published::{Publication, Published};
use crate::script::context::Context;
use crate::script::diagnostic::raise;
use crate::script::std::function::{Function, functions};
use crate::script::std::run_of;
use crate::script::std::units::address_of;

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

pub(super) static ROWS: &[Function] = functions! {
    read Run Nothing.read_file(name: Text) -> Text {
        "The text of a file in the script's own folder, `files/SCRIPT` below `data`.",
        "读取脚本自己文件夹（`data` 下的 `files/脚本名`）中的文件。",
        "write_file(\"seen.txt\", \"a\\nb\"); read_file(\"seen.txt\").lines().len()" => "2"
    }
    write Run Nothing.write_file(name: Text, text: Text) -> Null {
        "Replaces a file in the script's own folder as a whole.",
        "整体替换脚本自己文件夹中的文件。",
        "write_file(\"lists/banned.txt\", \"203.0.113.7\")" => "()"
    }
    write Run Nothing.publish(name: Text, text: Text) -> Null {
        "Keeps a text under a name for routers and widgets to fetch.",
        "以某个名称发布文本，供路由器与小组件读取。",
        "publish(\"banned.nft\", format_nft(\"inet filter banned\", [\"203.0.113.7\"]))" => "()"
    }
    pure Anywhere Nothing.format_nft(set: Text, addresses: [(Ip | Text)]) -> Text {
        "Lines for `nft -f` that replace the elements of a set, neighbours merged; the set is `family table name`.",
        "供 `nft -f` 使用的命令，替换集合中的元素（相邻网段已合并）；集合写作 `family table name`。",
        "format_nft(\"inet filter banned\", [\"203.0.113.0/25\", \"203.0.113.128/25\"]).lines()[1]" => "add element inet filter banned { 203.0.113.0/24 }"
    }
};

pub(super) fn add(module: &mut Module) {
    FuncRegistration::new("read_file").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, name: ImmutableString| -> RhaiResult<String> {
            let read = || {
                let run = run_of(Some(&ctx))?;
                run.require_run("read_file")?;
                Folder::of(&run.host.config.data, &run.script).read(&name, run.host.config.limits.string as u64)
            };
            read().map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("write_file").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, name: ImmutableString, text: ImmutableString| -> RhaiResult<()> {
            let write = || {
                let run = run_of(Some(&ctx))?;
                run.require_run("write_file")?;
                let folder = Folder::of(&run.host.config.data, &run.script);
                folder.check(&name)?;
                if kept_back(&run, "write_file", &name, &text)? {
                    return Ok(());
                }
                folder.write(&name, &text)?;
                run.note(change(&run, "write_file", &name, &text));
                Ok(())
            };
            write().map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("publish").in_global_namespace().with_volatility(true).set_into_module(
        module,
        |ctx: NativeCallContext, name: ImmutableString, text: ImmutableString| -> RhaiResult<()> {
            let publish = || {
                let run = run_of(Some(&ctx))?;
                run.require_run("publish")?;
                let publication = Publication {
                    name: Published::check(&name)?.to_owned(),
                    script: run.script.clone(),
                    text: text.to_string(),
                    at: run.host.clock.now(),
                };
                if kept_back(&run, "publish", &name, &text)? {
                    return Ok(());
                }
                let published = Published::new(&run.host.store);
                run.wait("publish", published.put(&publication))?;
                run.note(change(&run, "publish", &name, &text));
                Ok(())
            };
            publish().map_err(|error| raise(Some(&ctx), error))
        },
    );
    FuncRegistration::new("format_nft").in_global_namespace().set_into_module(
        module,
        |ctx: NativeCallContext, set: ImmutableString, addresses: Array| -> RhaiResult<String> {
            let addresses = addresses.iter().map(address_of).collect::<Result<Vec<_>>>();
            addresses.and_then(|addresses| nft(&set, &addresses)).map_err(|error| raise(Some(&ctx), error))
        },
    );
}

/// In a dry run notes the change instead of making it.
///
/// # Errors
/// As [`Context::holds_back`].
fn kept_back(run: &Context, operation: &str, name: &str, text: &str) -> Result<bool> {
    run.holds_back(|| {
        let summary = Some(format!("{operation} `{name}`, {} bytes", text.len()));
        // With the text, since that is what would be compared.
        let args = json!({"name": name, "bytes": text.len(), "text": text});
        Call { args, summary, ..change(run, operation, name, text) }
    })
}

fn change(run: &Context, operation: &str, name: &str, text: &str) -> Call {
    Call {
        service: "state".into(),
        instance: run.script.clone(),
        endpoint: operation.into(),
        effect: Effect::Write,
        args: json!({"name": name, "bytes": text.len()}),
        status: None,
        ok: true,
        ms: 0,
        bytes: None,
        via: None,
        summary: None,
    }
}

/// Elements in one line: a line of a hundred thousand is more than an editor likes.
const A_LINE: usize = 500;

fn nft(set: &str, addresses: &[Ip]) -> Result<String> {
    let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    let words: Vec<_> = set.split_whitespace().collect();
    let families = ["inet", "ip", "ip6", "arp", "bridge", "netdev"];
    if words.len() != 3 || !families.contains(&words[0]) || !words.iter().all(|word| plain(word)) {
        return Err(Error::new(Kind::Argument, format!("`{set}` does not name a set of nftables"))
            .hint("write family, table and name: `\"inet filter banned\"`"));
    }
    let set = words.join(" ");
    if addresses.iter().any(|ip| ip.is_ipv6()) && addresses.iter().any(|ip| !ip.is_ipv6()) {
        return Err(Error::new(Kind::Argument, "a set holds IPv4 addresses or IPv6 addresses, not both")
            .hint("make a set of each: `list.filter(|ip| is_ipv6(ip))`"));
    }
    let mut text = format!("flush set {set}\n");
    for line in address::merged(addresses).chunks(A_LINE) {
        let line: Vec<_> = line.iter().map(ToString::to_string).collect();
        text += &format!("add element {set} {{ {} }}\n", line.join(", "));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_replaced_as_a_whole() {
        let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Ip>>();
        let text = nft("inet filter banned", &ips(&["203.0.113.9", "198.51.100.7", "203.0.113.8"])).unwrap();
        assert_eq!(
            text,
            "flush set inet filter banned\nadd element inet filter banned { 198.51.100.7, 203.0.113.8/31 }\n"
        );
        assert_eq!(nft("ip6 filter banned", &[]).unwrap(), "flush set ip6 filter banned\n");
        for set in ["banned", "inet filter banned; flush ruleset", "inet filter {x}", "ipv4 filter banned"] {
            assert_eq!(nft(set, &[]).unwrap_err().kind, Kind::Argument, "{set}");
        }
        assert_eq!(nft("inet filter banned", &ips(&["::1", "1.1.1.1"])).unwrap_err().kind, Kind::Argument);
    }
}
