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
    fn releases_read_as_words() {
        assert_eq!(Language::English.releases(None, None), None);
        assert_eq!(Language::English.releases(Some("9.0.0"), None).unwrap(), "since 9.0.0");
        assert_eq!(Language::English.releases(Some("9.0.0"), Some("9.1.x")).unwrap(), "9.0.0 to 9.1.x");
        assert_eq!(Language::Chinese.releases(None, Some("9.4.1")).unwrap(), "至 9.4.1 为止");
    }
}
