//! An expression in Chinese words.

use super::{runs, stepped};
use crate::schedule::fields::{Field, Fields, Item, Mark};
use crate::schedule::{Cron, Timing};
use crate::units::format_duration;

const DAYS: [&str; 7] = ["周日", "周一", "周二", "周三", "周四", "周五", "周六"];

/// What an expression says: `每天 02:30`.
pub(super) fn describe(cron: &Cron) -> String {
    let calendar = match &cron.timing {
        Timing::Every(interval) => return format!("每隔 {}", format_duration(*interval)),
        Timing::Calendar(calendar) => calendar,
    };
    let fields = &calendar.fields;
    let mut parts = Vec::new();
    if !fields.year.is_all() {
        parts.push(listed(&fields.year, |year| format!("{year} 年")));
    }
    if !fields.month.is_all() {
        parts.push(listed(&fields.month, |month| format!("{month} 月")));
    }
    let (time, daily) = time_of_day(fields);
    match days(fields) {
        Some(days) => parts.push(days),
        None if daily => parts.push("每天".into()),
        None => {}
    }
    if parts.is_empty() { time } else { format!("{} {time}", parts.join("，")) }
}

/// The time part, and whether it is one or a few times a day.
fn time_of_day(fields: &Fields) -> (String, bool) {
    let Fields { second, minute, hour, .. } = fields;
    let (seconds, minutes, hours) = (second.values(), minute.values(), hour.values());
    if seconds.len() * minutes.len() * hours.len() <= 6 && stepped(hour).is_none() {
        let times = hours.iter().flat_map(|h| minutes.iter().map(move |m| (h, m)));
        let times = times.flat_map(|(h, m)| seconds.iter().map(move |s| (h, m, s)));
        let times: Vec<_> = times
            .map(|(h, m, s)| if *s == 0 { format!("{h:02}:{m:02}") } else { format!("{h:02}:{m:02}:{s:02}") })
            .collect();
        return (times.join("、"), true);
    }
    let zero = |field: &Field| field.values().into_iter().eq([0]);
    let on_the_hour = zero(minute) && zero(second);
    let mut parts = vec![match (hour.is_all(), on_the_hour) {
        (true, true) => "每小时整点".into(),
        (true, false) if stepped(minute).is_some_and(|item| item.star) || minute.is_all() => String::new(),
        (true, false) => "每小时".into(),
        (false, _) if let Some(item) = stepped(hour).filter(|item| item.star) => format!("每 {} 小时", item.step),
        (false, true) => format!("{} 整点", listed(hour, |hour| format!("{hour:02}:00"))),
        (false, false) => match &hour.items[..] {
            [item] if item.step == 1 => format!("{:02}:00 至 {:02}:59 之间", item.first, item.last),
            _ => format!("{} 点", listed(hour, |hour| format!("{hour:02}"))),
        },
    }];
    if minute.is_all() {
        if zero(second) || (!second.is_all() && stepped(second).is_none_or(|item| !item.star)) {
            parts.push("每分钟".into());
        }
    } else if !on_the_hour {
        parts.push(counted(minute, "分钟", "分"));
    }
    if !zero(second) {
        parts.push(counted(second, "秒", "秒"));
    }
    parts.retain(|part| !part.is_empty());
    (parts.join(" "), false)
}

/// `每 5 分钟`, `第 5、35 分`.
fn counted(field: &Field, unit: &str, point: &str) -> String {
    match stepped(field) {
        Some(Item { star: true, step, .. }) => format!("每 {step} {unit}"),
        Some(Item { first, last, step, .. }) => format!("第 {first} 至 {last} {point}每 {step} {unit}"),
        None if field.is_all() => format!("每{unit}"),
        None => format!("第 {} {point}", listed(field, |value| value.to_string())),
    }
}

/// The day part; nothing for every day.
fn days(fields: &Fields) -> Option<String> {
    super::day_part(fields, days_of_month, days_of_week, |days, weekdays, either| {
        if either { format!("{days}，以及{weekdays}") } else { format!("{days}，且仅限{weekdays}") }
    })
}

fn days_of_month(field: &Field) -> String {
    if let Some(item) = stepped(field).filter(|item| item.star) {
        return format!("每月从 1 日起每 {} 天", item.step);
    }
    let mut parts = Vec::new();
    if !field.values().is_empty() {
        parts.push(listed(field, |day| format!("{day} 日")));
    }
    parts.extend(field.marked(Mark::NearestWorkday).into_iter().map(|day| format!("离 {day} 日最近的工作日")));
    if field.has(Mark::LastWorkday) {
        parts.push("最后一个工作日".into());
    }
    if field.has(Mark::LastDay) {
        parts.push("最后一天".into());
    }
    let days = parts.join("、");
    let space = if days.starts_with(|c: char| c.is_ascii_digit()) { " " } else { "" };
    format!("每月{space}{days}")
}

fn days_of_week(field: &Field) -> String {
    let name = |day: u16| DAYS[usize::from(day) % 7].to_owned();
    let mut parts = Vec::new();
    if !field.values().is_empty() {
        let plain = match &field.items[..] {
            // The range as it was written, also where it runs into Sunday.
            [item] if item.step == 1 && item.last > item.first + 1 => {
                format!("{}至{}", name(item.first), name(item.last))
            }
            _ => listed(field, name),
        };
        parts.push(format!("每{plain}"));
    }
    let marked = field.items.iter().flat_map(|item| (item.first..=item.last).map(move |day| (item.mark, day)));
    parts.extend(marked.filter_map(|(mark, day)| match mark {
        Mark::Nth(nth) => Some(format!("每月第 {nth} 个{}", name(day))),
        Mark::Last => Some(format!("每月最后一个{}", name(day))),
        _ => None,
    }));
    parts.join("、")
}

/// The plain values of a field, three or more in a row as a range.
fn listed(field: &Field, name: impl Fn(u16) -> String) -> String {
    let runs = runs(field).into_iter().flat_map(|(first, last)| match last - first {
        0 => vec![name(first)],
        1 => vec![name(first), name(last)],
        _ => vec![format!("{}至 {}", pad(&name(first)), name(last))],
    });
    runs.collect::<Vec<_>>().join("、").replace("至 周", "至周")
}

/// A space stands between digits and Chinese characters, not between two of those.
fn pad(name: &str) -> String {
    if name.ends_with(|c: char| c.is_ascii()) { format!("{name} ") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    #[test]
    fn expressions_read_as_chinese_sentences() {
        for (expression, words) in [
            ("30 2 * * *", "每天 02:30"),
            ("* * * * *", "每分钟"),
            ("* * * * * *", "每秒"),
            ("*/5 * * * *", "每 5 分钟"),
            ("*/10 * * * * *", "每 10 秒"),
            ("0 * * * *", "每小时整点"),
            ("5 * * * *", "每小时 第 5 分"),
            ("5,35 * * * *", "每小时 第 5、35 分"),
            ("0 */6 * * *", "每 6 小时"),
            ("15 */2 * * *", "每 2 小时 第 15 分"),
            ("*/15 9-17 * * MON-FRI", "每周一至周五 09:00 至 17:59 之间 每 15 分钟"),
            ("0 9-17 * * *", "09:00 至 17:00 整点"),
            ("0 2,14 * * *", "每天 02:00、14:00"),
            ("0,30 8 * * SAT,SUN", "每周日、周六 08:00、08:30"),
            ("0 0 1,15 * *", "每月 1 日、15 日 00:00"),
            ("0 0 L * *", "每月最后一天 00:00"),
            ("0 0 15W,LW * *", "每月离 15 日最近的工作日、最后一个工作日 00:00"),
            ("0 0 * * 5#2", "每月第 2 个周五 00:00"),
            ("0 0 * * FRIL", "每月最后一个周五 00:00"),
            ("0 0 13 * 5", "每月 13 日，以及每周五 00:00"),
            ("0 0 */2 * 1", "每月从 1 日起每 2 天，且仅限每周一 00:00"),
            ("0 0 1 JAN-MAR *", "1 月至 3 月，每月 1 日 00:00"),
            ("0 0 0 29 2 * 2028", "2028 年，2 月，每月 29 日 00:00"),
            ("30 * * * * *", "每分钟 第 30 秒"),
            ("10-50/20 * * * *", "每小时 第 10 至 50 分每 20 分钟"),
            ("@every 90s", "每隔 1m 30s"),
        ] {
            let cron = Cron::parse(expression, chrono_tz::Tz::UTC, Time::default()).unwrap();
            assert_eq!(describe(&cron), words, "{expression}");
        }
    }
}
