//! What tidegate says by message on its own account, in the language of its owner.

use chrono_tz::Tz;

use crate::language::Language::{self, Chinese, English};
use crate::text::count;
use crate::units::format_duration;

use super::announce::Bulletin;

/// A reader: a language and a zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    pub language: Language,
    pub zone: Tz,
}

impl Reader {
    /// Title and text.
    pub fn bulletin(self, news: &Bulletin) -> (String, String) {
        match self.language {
            English => self.english(news),
            Chinese => self.chinese(news),
        }
    }

    fn english(self, news: &Bulletin) -> (String, String) {
        match news {
            Bulletin::Broken { script, fate, why } => (
                format!("{script} does not load"),
                format!("The new version of `{script}` does not load; {fate}.\n\n{why}"),
            ),
            Bulletin::Mended { script } => (format!("{script} loads again"), format!("`{script}` loads again.")),
            Bulletin::Off { script, trigger, why } => (
                format!("{script}: {trigger} is off"),
                format!("The trigger `{trigger}` of `{script}` was switched off: {why}."),
            ),
            Bulletin::On { script, trigger } => (
                format!("{script}: {trigger} is on again"),
                format!("The trigger `{trigger}` of `{script}` is on again."),
            ),
            Bulletin::Refused { service, instance, why } => (
                format!("{service} {instance} refuses its key"),
                format!("`{instance}` refuses its token or key, and is left alone until it is replaced: {why}."),
            ),
            Bulletin::Accepted { service, instance } => {
                (format!("{service} {instance} answers again"), format!("`{instance}` takes its token or key again."))
            }
            Bulletin::Suspended { vps } => {
                (format!("{vps} is suspended"), format!("The provider has suspended the VPS `{vps}`."))
            }
            Bulletin::Unsuspended { vps } => {
                (format!("{vps} runs again"), format!("The VPS `{vps}` is not suspended any more."))
            }
            Bulletin::PointsLow { vps, left, span } => (
                format!("{vps}: few API calls left"),
                format!(
                    "`{vps}` has {left} points left for the next {}. When they are spent it is left alone until they come back; longer intervals save calls.",
                    format_duration(*span)
                ),
            ),
            Bulletin::PointsBack { vps } => {
                (format!("{vps}: API calls are back"), format!("`{vps}` has enough API calls again."))
            }
            Bulletin::Ledger { why } => (
                "the run history cannot be written".into(),
                format!("What runs do cannot be written down, so they do not run: {why}."),
            ),
            Bulletin::LedgerBack { after } => (
                "the run history is written again".into(),
                format!("Runs begin and are written down again, after {after}."),
            ),
            Bulletin::WasDown { from, to, missed, caught_up } => {
                let (from, to) = (from.display(self.zone), to.display(self.zone));
                let made_up = match caught_up {
                    0 => String::new(),
                    _ => format!(", {} made up for now", count(*caught_up, "run")),
                };
                let missed = count(*missed, "run");
                (
                    "tidegate was down".into(),
                    format!("tidegate was not running from {from} to {to}: {missed} missed{made_up}."),
                )
            }
        }
    }

    fn chinese(self, news: &Bulletin) -> (String, String) {
        match news {
            Bulletin::Broken { script, fate, why } => {
                (format!("{script} 无法加载"), format!("脚本 `{script}` 的新版本无法加载（{fate}）。\n\n{why}"))
            }
            Bulletin::Mended { script } => (format!("{script} 已恢复加载"), format!("脚本 `{script}` 又能加载了。")),
            Bulletin::Off { script, trigger, why } => (
                format!("{script}：{trigger} 已关闭"),
                format!("脚本 `{script}` 的触发器 `{trigger}` 已被关闭：{why}。"),
            ),
            Bulletin::On { script, trigger } => {
                (format!("{script}：{trigger} 已恢复"), format!("脚本 `{script}` 的触发器 `{trigger}` 又开始工作了。"))
            }
            Bulletin::Refused { service, instance, why } => (
                format!("{service} {instance} 拒绝了密钥"),
                format!("`{instance}` 拒绝了它的令牌或密钥，更换之前不再访问它：{why}。"),
            ),
            Bulletin::Accepted { service, instance } => {
                (format!("{service} {instance} 恢复应答"), format!("`{instance}` 重新接受了它的令牌或密钥。"))
            }
            Bulletin::Suspended { vps } => {
                (format!("{vps} 已被停机"), format!("服务商已将 VPS `{vps}` 停机（suspended）。"))
            }
            Bulletin::Unsuspended { vps } => (format!("{vps} 已恢复"), format!("VPS `{vps}` 不再处于停机状态。")),
            Bulletin::PointsLow { vps, left, span } => (
                format!("{vps}：API 调用次数所剩不多"),
                format!(
                    "`{vps}` 在今后 {} 内只剩 {left} 点 API 额度。用完后在恢复之前不再访问它；拉长间隔可以节省调用。",
                    format_duration(*span)
                ),
            ),
            Bulletin::PointsBack { vps } => {
                (format!("{vps}：API 调用次数已恢复"), format!("`{vps}` 又有足够的 API 调用次数了。"))
            }
            Bulletin::Ledger { why } => {
                ("无法写入运行记录".into(), format!("运行情况无法记录，因此暂不运行任何脚本：{why}。"))
            }
            Bulletin::LedgerBack { after } => {
                ("运行记录恢复写入".into(), format!("中断 {after} 之后，脚本重新开始运行并有记录。"))
            }
            Bulletin::WasDown { from, to, missed, caught_up } => {
                let (from, to) = (from.display(self.zone), to.display(self.zone));
                let made_up = match caught_up {
                    0 => String::new(),
                    _ => format!("，现已补上 {caught_up} 次"),
                };
                (
                    "tidegate 曾停止运行".into(),
                    format!("从 {from} 到 {to} tidegate 没有运行：错过 {missed} 次{made_up}。"),
                )
            }
        }
    }

    /// A condition that was told of is over.
    pub fn recovered(self, what: &str, since: &str) -> String {
        match self.language {
            English => format!("Recovered: {what} (since {since})"),
            Chinese => format!("已恢复：{what}（始于 {since}）"),
        }
    }

    /// The title of what the cap of an hour held back.
    pub fn suppressed(self, messages: usize, since: &str) -> String {
        match self.language {
            English => format!("{messages} more suppressed since {since}"),
            Chinese => format!("自 {since} 起另有 {messages} 条未单独发送"),
        }
    }

    /// The title of messages that come together.
    pub fn digest(self, messages: usize, since: &str) -> String {
        match self.language {
            English => format!("{} since {since}", count(messages, "message")),
            Chinese => format!("自 {since} 起的 {messages} 条消息"),
        }
    }

    /// What stands below the first of many.
    pub fn and_more(self, messages: usize) -> String {
        match self.language {
            English => format!("and {messages} more"),
            Chinese => format!("还有 {messages} 条"),
        }
    }

    /// A message that shows that a channel works.
    pub fn test(self, channel: &str) -> String {
        match self.language {
            English => format!("This is a test of the channel `{channel}`. 渠道测试，收到即正常。"),
            Chinese => format!("渠道 `{channel}` 的测试消息，收到即正常。"),
        }
    }
}
