//! What the helpers do, in Chinese.

use super::Helper;

impl Helper {
    /// Its sentence in Chinese, where the table has it.
    pub fn chinese(&self) -> Option<&'static str> {
        HELPERS.iter().find(|(known, _)| *known == self.id).map(|(_, chinese)| *chinese)
    }
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
    ("speed_limit", "整个下载器当前生效的限速。"),
    ("totals", "下载器总共传输了多少，以及自启动以来传输了多少。"),
    ("disks", "存放种子的各个目录，及其所在磁盘的剩余空间。"),
    ("free_space", "某个目录（不写则为新种子的目录）所在磁盘的剩余字节数。"),
    ("preferences", "下载器自己的设置，名称与它自己的一致；密码被遮住。"),
    ("set_preferences", "修改下载器自己的若干设置。"),
    ("request", "下载器自己的 API，使用 tidegate 已有的登录。"),
    ("pause_supervision", "PBH 不再监管这个下载器；已做的封禁先送达，传输照常。"),
    ("resume_supervision", "PBH 重新监管这个下载器。"),
    ("torrent", "按 hash 取一个种子，含 tracker 最近的回复；没有则为 `()`。"),
    ("stop_torrent", "一直停止某个种子，下载器确认后返回：解除任何限制都不会启动它。"),
    ("start_torrent", "启动一个没有被限制停住的种子，下载器确认后返回。"),
    ("limit_torrent", "限制一个种子的速度或做种时长；没有写的保持不变。"),
    ("delete_torrent", "删除种子；带 `files` 时连同已下载的文件。"),
    ("add_torrent", "添加磁力链接、网址或种子文件的内容，等到它出现。"),
    ("add_tags", "给种子打标签；下载器没有的标签会新建。"),
    ("remove_tags", "去掉种子的标签。"),
    ("set_category", "把种子归入一个分类，没有则新建；`\"\"` 表示移出分类。"),
    ("recheck", "让下载器校验种子的文件。"),
    ("reannounce", "立即向 tracker 汇报。"),
];

#[cfg(test)]
mod tests {
    use super::HELPERS;

    #[test]
    fn every_helper_has_its_chinese_and_no_other_word_has() {
        for (id, _) in HELPERS {
            assert!(super::super::all().any(|helper| helper.id == *id), "{id}");
        }
        let missing: Vec<_> = super::super::all().filter(|helper| helper.chinese().is_none()).map(|h| h.id).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
