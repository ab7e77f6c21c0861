//! What the pages say in each language beside what is in the tables.

use crate::api::Type;
use crate::language::Language;
use crate::permission::Effect;

impl Language {
    pub(super) fn effect(self, effect: Effect) -> &'static str {
        match effect {
            Effect::Read => self.pick("read", "只读"),
            Effect::Write => self.pick("write", "写入"),
            Effect::Destructive => self.pick("destructive", "破坏性"),
        }
    }

    /// `since 9.0.0`, `9.0.0 to 9.1.x`, `up to 9.0.x`; nothing where every release has it.
    pub(super) fn releases(self, since: Option<&str>, until: Option<&str>) -> Option<String> {
        Some(match (self, since, until) {
            (_, None, None) => return None,
            (Self::English, Some(since), None) => format!("since {since}"),
            (Self::English, None, Some(until)) => format!("up to {until}"),
            (Self::English, Some(since), Some(until)) => format!("{since} to {until}"),
            (Self::Chinese, Some(since), None) => format!("自 {since} 起"),
            (Self::Chinese, None, Some(until)) => format!("至 {until} 为止"),
            (Self::Chinese, Some(since), Some(until)) => format!("{since} 至 {until}"),
        })
    }

    /// The heading of a group, which in English is its id.
    pub(super) fn group(self, group: &'static str) -> &'static str {
        let chinese = || GROUPS.iter().find(|(id, _)| *id == group).map_or(group, |(_, chinese)| chinese);
        match self {
            Self::English => group,
            Self::Chinese => chinese(),
        }
    }

    /// A type that holds no other. In Chinese with its unit, since fields have no sentence there.
    pub(super) fn plain(self, ty: &Type) -> String {
        let name = ty.to_string();
        match self {
            Self::English => name,
            Self::Chinese => TYPES.iter().find(|ty| ty.name == name).map_or(name, |ty| ty.short.to_owned()),
        }
    }

    /// What the words for types in signatures mean.
    pub(super) fn types(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let words = TYPES.iter().map(move |ty| (ty.name, self.pick(ty.english, ty.chinese)));
        words.filter(|(_, meaning)| !meaning.is_empty())
    }
}

/// A type's name as signatures have it, and what it means; nothing where the name says it.
struct TypeWords {
    name: &'static str,
    english: &'static str,
    chinese: &'static str,
    /// In Chinese tables.
    short: &'static str,
}

const fn words(name: &'static str, english: &'static str, chinese: &'static str, short: &'static str) -> TypeWords {
    TypeWords { name, english, chinese, short }
}

const TYPES: &[TypeWords] = &[
    words("Any", "whatever the service sends", "服务发来什么就是什么", "任意"),
    words("Bool", "", "`true` 或 `false`", "布尔值"),
    words("Bytes", "a size in bytes", "以字节计的大小", "字节数"),
    words("Cidr", "an address or a network, as in `203.0.113.0/24`", "地址或网段，如 `203.0.113.0/24`", "地址或网段"),
    words("Duration", "a length of time; `30.minutes` or `\"30m\"`", "时长；写作 `30.minutes` 或 `\"30m\"`", "时长"),
    words("Float", "", "小数", "小数"),
    words("Int", "", "整数", "整数"),
    words("Ip", "an address", "IP 地址", "IP 地址"),
    words("Percent", "0 to 100", "0 到 100", "百分数（0–100）"),
    words("Ratio", "bytes sent for each byte received", "每收一字节所发出的字节数", "收发比"),
    words("Secret", "a text that is never shown", "永不显示的文本", "机密"),
    words("Share", "0 to 1", "0 到 1", "比例（0–1）"),
    words("Speed", "bytes per second", "每秒字节数", "字节/秒"),
    words("Text", "", "文本", "文本"),
    words(
        "Time",
        "a point in time; `now() - 2.days` or RFC 3339 text",
        "时刻；写作 `now() - 2.days` 或 RFC 3339 文本",
        "时间",
    ),
];

/// Groups of rows.
const GROUPS: &[(&str, &str)] = &[
    // KiwiVM.
    ("power", "电源"),
    ("info", "信息"),
    ("os", "系统与密钥"),
    ("settings", "设置"),
    ("network", "网络"),
    ("iso", "ISO 镜像"),
    ("shell", "命令"),
    ("snapshot", "快照"),
    ("backup", "备份"),
    ("migration", "迁移"),
    ("abuse", "滥用处理"),
    ("notification", "通知"),
    // Both.
    ("statistics", "统计"),
    // PBH.
    ("auth", "登录"),
    ("metadata", "版本与模块"),
    ("oobe", "首次设置"),
    ("bans", "封禁"),
    ("downloaders", "下载器"),
    ("push", "推送"),
    ("general", "通用"),
    ("modules", "模块"),
    ("subscriptions", "订阅规则"),
    ("friend", "好友"),
    ("expression-engine", "脚本引擎"),
    ("laboratory", "实验室"),
    ("alerts", "警报"),
    ("logs", "日志"),
    ("tasks", "后台任务"),
    ("pbhplus", "许可证"),
    ("torrents", "种子"),
    ("charts", "图表"),
    ("peers", "对等端"),
    ("utilities", "实用工具"),
    ("autostun", "AutoSTUN"),
    ("plugins", "插件"),
    ("blocklist", "封禁名单导出"),
    ("misc", "其他"),
];

/// What a helper does, in Chinese, where the table below has it.
pub(super) fn helper(id: &str) -> Option<&'static str> {
    HELPERS.iter().find(|(known, _)| *known == id).map(|(_, chinese)| *chinese)
}

/// Helpers by name; those of one name do the same on every handle.
const HELPERS: &[(&str, &str)] = &[
    ("data_usage", "本月流量用了多少，何时重置。"),
    ("wait_until_unlocked", "等到 VPS 上没有任务在运行，返回等待的时长。"),
    ("api_budget", "已知的 API 调用额度，不消耗额度。"),
    ("status", "VPS 是否在运行，以及受到哪些限制；要询问运行中的系统，可能需要几秒。"),
    ("violations", "未了结的违规案件：已导致封停的，以及将导致封停的。"),
    ("start_and_wait", "VPS 未运行时启动它（只发一次），等到它运行，返回所用的时间。"),
    ("restart_and_wait", "重启 VPS（只发一次），等到它再次运行，返回所用的时间。"),
    ("snapshot_and_wait", "创建快照（只发一次），等到它出现在列表里；期间 VPS 被锁定，也可能重启。"),
    ("rotate_snapshots", "创建快照，等它就绪后删除同一前缀中最旧的，使其只剩 `keep` 个；永久保留的不受影响。"),
    ("migrate_and_wait", "把 VPS 迁移到另一机房（只发一次），等到迁移完成；地址会改变。"),
    ("run", "在 VPS 内以 root 执行命令（只发一次）并等待结果；退出码不为 0 不算错误。"),
    ("traffic", "最近的流量；未另行说明时为一天。"),
    ("data_forecast", "若照最近的速度继续，本月流量将会怎样。"),
    ("live_usage", "此刻已用的流量：服务商的计数，加上它最近一次变化以来各下载器的流量。"),
    ("recent_bans", "PBH 自某时刻起（或在 `\"24h\"` 这样的一段时间内）所做的封禁，新的在前。每一千条一个请求。"),
    ("ban_summary", "一段时间内封禁的汇总，未另行说明时为一天。每一千条封禁一个请求。"),
    (
        "problems",
        "这个 PBH 有什么问题：暂停的封禁、无法工作的下载器、过期的规则列表、未读的警告。五个请求，另加每个下载器一个。",
    ),
    ("pause_supervision_all", "暂停这个 PBH 的全部封禁检查，最迟到它重启为止；流量照常。"),
    ("resume_supervision_all", "让这个 PBH 重新开始封禁。"),
    ("downloader_patch", "只改下载器配置中的若干项，并返回这些项的名字；`downloader_update` 则会替换整个配置。"),
    (
        "live_peers",
        "当前已连接的对等端；除非另行要求，只含公开种子的。每个下载器一个请求，另加每个有流量的种子一个；五秒内提出查询的脚本共用。",
    ),
    (
        "top_peers",
        "得到上传最多的对等端；除非另行要求，只含公开种子的。请求数与 `live_peers` 相同；带 `last` 时，PBH 见过的对等端每一千个一个请求，而 8.0.12 到 9.1.4 的计数有误。",
    ),
    ("ban", "在一段时间内封禁地址或对等端，并核实下载器确已封禁。"),
    ("unban", "解除地址或对等端的封禁，下载器上的也一并解除。"),
    ("my_bans", "由 tidegate 所做、并将由它解除的封禁。"),
    ("stop_transfers", "停止传输，直到该理由被解除；下载器确认后返回。"),
    ("start_transfers", "解除一个理由：因它停止的任务恢复运行，除非还有别的理由。"),
    ("limit_speed", "限速，直到该理由被解除；多个理由中最低的限制生效。"),
    ("restore_speed", "解除一个限速理由：恢复原先的设置，除非还有别的理由。"),
    ("holds", "是什么让这里的种子停止或变慢，以及原因。"),
    ("torrents", "下载器的种子；各种下载器用词一致。"),
    ("speed", "下载器当前的速度。"),
    ("version", "下载器的版本。"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Service;

    #[test]
    fn every_group_and_row_has_chinese_words() {
        for row in Service::ALL.into_iter().flat_map(Service::rows) {
            assert!(GROUPS.iter().any(|(group, _)| *group == row.extra.group), "{}", row.extra.group);
            assert!(!row.chinese().is_ascii(), "{}", row.id);
        }
    }

    #[test]
    fn chinese_words_are_of_helpers_that_there_are() {
        for (id, _) in HELPERS {
            assert!(crate::script::helpers::all().any(|helper| helper.id == *id), "{id}");
        }
    }

    #[test]
    fn releases_read_as_words() {
        assert_eq!(Language::English.releases(None, None), None);
        assert_eq!(Language::English.releases(Some("9.0.0"), None).unwrap(), "since 9.0.0");
        assert_eq!(Language::English.releases(Some("9.0.0"), Some("9.1.x")).unwrap(), "9.0.0 to 9.1.x");
        assert_eq!(Language::Chinese.releases(None, Some("9.4.1")).unwrap(), "至 9.4.1 为止");
    }
}
