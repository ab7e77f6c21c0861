//! The keys of maps of options.

use crate::language::Language;
use crate::script::check::members::{self, Origin};
use crate::script::std::{self as library, Function, Ty};

use super::cursor::Call;
use super::entries::Entry;
use super::mend::Bench;
use super::{Kind, named};

/// A key: its name, its type in words, and the keys of the map that it takes.
struct Key {
    name: &'static str,
    ty: String,
    below: Option<&'static [(&'static str, Ty)]>,
}

/// The keys that a call takes, or those of its option under `path`.
pub(super) fn of_call(call: &Call, path: &[String], bench: &Bench, text: &str, language: Language) -> Vec<Entry> {
    let mut keys = of(call, bench, text);
    for name in path {
        let below = keys.iter().find(|key| key.name == name).and_then(|key| key.below);
        keys = below.map(of_options).unwrap_or_default();
    }
    let entry = |key: Key| {
        let mut entry = Entry::new(key.name, Kind::Option, key.ty, doc(key.name, language));
        entry.insert += ": ";
        entry
    };
    keys.into_iter().map(entry).collect()
}

fn of(call: &Call, bench: &Bench, text: &str) -> Vec<Key> {
    let Some(dot) = call.dot else { return of_functions(library::functions().filter(|row| row.name == call.name)) };
    let view = bench.member(text, dot..call.start + call.name.len());
    match named(&view.members, &call.name).map(|member| &member.origin) {
        Some(Origin::Row(row) | Origin::All(row)) => {
            row.options().map(|(name, ty)| Key { name, ty: ty.to_string(), below: None }).collect()
        }
        Some(Origin::Helper(helper)) => {
            let options = helper.options.iter().map(|(name, ty)| Key { name, ty: (*ty).to_owned(), below: None });
            let maps = members::map_keys(helper).into_iter().map(|name| Key { name, ty: String::new(), below: None });
            options.chain(maps).collect()
        }
        Some(Origin::Function(row)) => of_functions(std::iter::once(*row)),
        Some(Origin::Field(..) | Origin::Plain(..)) => Vec::new(),
        // Of a value that nothing is known of, whatever has a method of that name.
        None => of_functions(library::functions().filter(|row| row.name == call.name)),
    }
}

fn of_functions(rows: impl Iterator<Item = &'static Function>) -> Vec<Key> {
    let mut keys: Vec<Key> =
        rows.flat_map(|row| row.params).filter_map(|param| options(&param.ty)).flat_map(of_options).collect();
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(key.name));
    keys
}

fn of_options(keys: &'static [(&'static str, Ty)]) -> Vec<Key> {
    keys.iter().map(|(name, ty)| Key { name, ty: ty.to_string(), below: options(ty) }).collect()
}

/// The keys of a map, where a type may be one.
fn options(ty: &'static Ty) -> Option<&'static [(&'static str, Ty)]> {
    match ty {
        Ty::Options(keys) => Some(keys),
        Ty::OneOf(types) => types.iter().find_map(options),
        _ => None,
    }
}

/// What the options mean that stand in many rows; nothing for one that its name explains.
pub(super) fn doc(name: &str, language: Language) -> &'static str {
    let found = DOCS.iter().find(|(known, ..)| *known == name);
    found.map_or("", |(_, english, chinese)| language.pick(english, chinese))
}

const DOCS: &[(&str, &str, &str)] = &[
    (
        "name",
        "The trigger's name: the key of the run history, and what `exec` calls it.",
        "触发器的名字：运行历史的键，也是 `exec` 所用的名字。",
    ),
    ("timezone", "The zone of its times; else that of the configuration.", "时间所用的时区；未写时取配置中的时区。"),
    (
        "overlap",
        "What happens when it is due while its last run is still going: `skip`, `queue`, `parallel` or `restart`.",
        "上一次运行未结束时又到点：`skip`、`queue`、`parallel` 或 `restart`。",
    ),
    ("timeout", "How long a run may take.", "一次运行最长可用的时间。"),
    ("retry", "How often a failed run is tried again, or `#{times, wait}`.", "失败后重试的次数，或 `#{times, wait}`。"),
    ("between", "Only within these hours: `\"22:00-06:00\"`.", "仅在这些时段内：`\"22:00-06:00\"`。"),
    ("enabled", "Whether it fires at all.", "是否触发。"),
    ("mode", "`watch` is a dry run of this trigger alone.", "`watch` 表示仅此触发器演练。"),
    ("throttle", "It starts at most once in this time.", "在这段时间内最多启动一次。"),
    ("debounce", "It waits until nothing has happened for this long.", "等到这么久没有新情况才触发。"),
    ("jitter", "It fires up to this much later, always by the same amount.", "最多推迟这么久触发，推迟量固定。"),
    (
        "missed",
        "What becomes of times at which tidegate did not run: `last`, `skip` or `all`.",
        "tidegate 未运行期间错过的时间如何处理：`last`、`skip` 或 `all`。",
    ),
    (
        "on_reload",
        "What becomes of a run when its script changes: `finish` or `cancel`.",
        "脚本更新时正在进行的运行：`finish` 或 `cancel`。",
    ),
    ("every", "How often; for `when` how often the value is read.", "间隔；用于 `when` 时为读取的间隔。"),
    ("above", "It enters when the value is above this.", "值高于此数时进入。"),
    ("below", "It enters when the value is below this.", "值低于此数时进入。"),
    ("rearm_below", "It leaves only when the value is below this again.", "值回落到此数以下才离开。"),
    ("rearm_above", "It leaves only when the value is above this again.", "值回升到此数以上才离开。"),
    ("hold", "How long the value has to be there before it counts.", "值须保持这么久才算数。"),
    ("times", "How often.", "次数。"),
    ("wait", "How long before the next try.", "下一次尝试前等待的时间。"),
    ("window", "How far back missed times count.", "错过的时间最多追溯多久。"),
    ("limit", "At most so many.", "最多这么多。"),
    ("duration", "For how long.", "持续多久。"),
    ("reason", "What it is for; reasons add up, and each is released by itself.", "原因；多个原因并存，各自解除。"),
    ("last", "Over this time, up to now.", "截至此刻的这段时间。"),
    ("fresh", "Asks the service even if there is a recent reply.", "即使有最近的应答也重新查询。"),
    ("public_only", "Leaves private torrents alone; true unless said otherwise.", "不涉及私有种子；默认为 true。"),
    (
        "only",
        "Which torrents: `all`, `downloads`, `uploads` or `public`.",
        "哪些种子：`all`、`downloads`、`uploads` 或 `public`。",
    ),
    ("by", "What they are added up by.", "按什么汇总。"),
    (
        "prefix4",
        "Bits of the network that is banned in place of an IPv4 address.",
        "封禁 IPv4 网段的位数，代替单个地址。",
    ),
    (
        "prefix6",
        "Bits of the network that is banned in place of an IPv6 address.",
        "封禁 IPv6 网段的位数，代替单个地址。",
    ),
    ("up", "Upload, in bytes per second or as `\"2 MiB/s\"`.", "上传速度，字节/秒，或写作 `\"2 MiB/s\"`。"),
    ("down", "Download, in bytes per second or as `\"2 MiB/s\"`.", "下载速度，字节/秒，或写作 `\"2 MiB/s\"`。"),
    ("ttl", "It is forgotten after this time.", "到期后即忘。"),
    ("to", "The channels it goes to, by name.", "发往哪些渠道（名字）。"),
    ("level", "How much it matters: `info`, `warn` or `error`.", "重要程度：`info`、`warn` 或 `error`。"),
    (
        "key",
        "What it is about: with `every`, it is said once in that time.",
        "所指之事：与 `every` 同用，则该时段内只发一次。",
    ),
    ("title", "The line above the text.", "正文之上的标题。"),
    ("text", "What it says.", "正文。"),
    ("silent", "It makes no sound.", "不发出声音。"),
    ("keep", "How many are left.", "保留多少个。"),
];
