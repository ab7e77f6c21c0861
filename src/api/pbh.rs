//! PeerBanHelper: 139 routes of 7.0 to 9.5, JSON in and out.

mod shapes;

use super::{Service, rows};

pub use shapes::*;

const MEASURED: &str = "PBH 9.0.10 and 9.5.0, measured";
const MEASURED_9_0: &str = "PBH 9.0.10, measured";
const MEASURED_9_5: &str = "PBH 9.5.0, measured";
const FROM_SOURCE: &str = "PBH source code, success not measured";

rows! { Service::Pbh, MEASURED;

"auth" {
    /// Opens a session for the cookie of this connection.
    write POST "/api/auth/login" auth_login(token: Secret, #{@query silentLogin: Secret}) -> Null
        { open, title: "登录", note: "Not needed: every call carries the token. After eleven wrong tokens even the right one is refused for 15 minutes." }

    /// Closes the session of this connection's cookie.
    write POST "/api/auth/logout" auth_logout() -> Null
        { open, idempotent, title: "注销登录态", note: "The token stays valid." }
}

"metadata" {
    /// Reads the server's version and its modules.
    read GET "/api/metadata/manifest" metadata_manifest() -> Manifest
        { open, title: "请求基本清单数据", note: "While the server starts there may be fewer modules than a moment later." }
}

"oobe" {
    /// Sets token and first downloader of a new server, which binds it to them.
    destructive POST "/api/oobe/init" oobe_init(token: Secret, downloader: DownloaderSetup, #{btn: BtnSetup, database: DatabaseSetup}) -> ([Reloaded] | null)
        { open, forbids, title: "初始化", slow: 60, zh: "初始化新的服务器（设定令牌与第一个下载器）", note: "Only while no token is set. A downloader that refuses the login is kept. With an external database 9.5.0 answers 403 although all was stored." }

    /// Tries a downloader's login before the server has a token.
    read POST "/api/oobe/testDownloader" oobe_test_downloader(id: Text, config: DownloaderConfig) -> Null
        { open, forbids, slow: 30, zh: "初始化前测试下载器", note: "A refused login is an error of kind `api`." }

    /// Looks for torrent clients on the server's host before it has a token.
    read POST "/api/oobe/scanDownloader" oobe_scan_downloader() -> [FoundDownloader]
        { open, forbids, since: "9.0.0", method_until: ("GET", "9.1.x"), slow: 30, zh: "初始化前扫描本机的下载器", note: "Tries every open TCP port of the host. Does not find qBittorrent 4.5." }

    /// Tries a database's login before the server has a token.
    read POST "/api/oobe/testDatabaseConfig" oobe_test_database(type: Text, #{host: Text, port: Int, database: Text, username: Text, password: Secret}) -> Bool
        { open, forbids, since: "9.3.0", source: FROM_SOURCE, zh: "初始化前测试数据库连接", note: "`type` is `h2`, `mysql` or `postgresql`, anything else is SQLite. 9.5.0 never answers where the login works: silence is no failure." }
}

"statistics" {
    /// Reads what the server has counted since it started.
    read GET "/api/statistic/counter" statistic_counter() -> Counters
        { title: "统计计数器", note: "`checkCounter` divided by the uptime is the real rate of waves." }

    /// Reads how often each rule was asked and hit.
    read GET "/api/statistic/rules" statistic_rules() -> RuleCounters
        { until: "6.4.8", source: FROM_SOURCE, title: "规则计数器", note: "Gone: `analysis_field(\"count\", \"module\")` is the nearest." }

    /// Counts bans by day.
    read GET "/api/statistic/analysis/banTrends" analysis_ban_trends(startAt: Millis, endAt: Millis, #{downloader: Text}) -> [DayCount]
        { since: "7.1.0", title: "封禁趋势统计(迁移自/api/statistic/analysis/date)", zh: "按日统计封禁", note: "Days of the server's zone, oldest first; a day without bans is left out." }

    /// Counts or sums the ban history by a column.
    read GET "/api/statistic/analysis/field" analysis_field(type: Text, field: Text, #{filter: Share = 0.0, downloader: Text}) -> [FieldShare]
        { title: "统计通用数值查询", note: "`type` is `count` or `sum`; a sum is of the column that it groups by. `ip`, `port`, `peerId`, `peerClientName`, `torrentName` and `module` work in every version. `filter` drops groups with a smaller share." }

    /// Counts the ban history by time.
    read GET "/api/statistic/analysis/date" analysis_date(startAt: Millis, endAt: Millis, type: Text, field: Text, #{filter: Share = 0.0}) -> [TimeShare]
        { title: "统计通用日期归类查询", note: "`type` is `year`, `month`, `day`, `hour`, `minute` or `second`, `field` is `banAt` or `unbanAt`. Shares of `banAt` by day are 0, and the times of years and months are off by a day: for days take `analysis_ban_trends`." }
}

"bans" {
    /// Lists the bans in force, newest first.
    read GET "/api/bans" bans_list(#{page: Int = 1, pageSize: Int = 10, search: Text, ignoreBanForDisconnect: Bool = true, limit: Int = -1, lastBanTime: Millis = -1}) -> (Page Ban)
        { paged, identity: [address], title: "获取封禁列表", note: "`search` looks at address, module, rule and description, not at clients or torrents. `limit` and `lastBanTime` mean something only before 9.0. Bans of a few seconds are not listed." }

    /// Lists the ban history, newest first.
    read GET "/api/bans/logs" bans_logs(#{page: Int = 1, pageSize: Int = 10, orderBy: Text = "banAt|desc"}) -> (Page BanRecord)
        { paged, identity: [banAt, peerIp, peerPort, torrentInfoHash, downloader], title: "获取封禁历史记录信息", note: "Kept for 180 days by default. Address and port are `ip` and `port` in `orderBy` before 9.3, `peerIp` and `peerPort` since." }

    /// Counts bans by address, most banned first.
    read GET "/api/bans/ranks" bans_ranks(#{page: Int = 1, pageSize: Int = 10, filter: Text}) -> (Page AddressCount)
        { paged, identity: [peerIp], title: "获取封禁排名", note: "`filter` is the beginning of an address. Counts bans, not traffic." }

    /// Bans addresses and networks for a hundred years.
    write PUT "/api/bans" bans_add(body: [Cidr]) -> Count
        { since: "9.0.0", idempotent, zh: "手动封禁地址或网段", note: "Applied by the next wave, and a 200 does not mean that the downloader has it: take `ban`. What is no address becomes 127.123.123.123." }

    /// Lifts bans; `["*"]` lifts all of them.
    write DELETE "/api/bans" bans_delete(body: [Cidr]) -> Count
        { destructive_if: "*", idempotent, title: "解除封禁", note: "The downloader need not hear of it: take `unban`. `count` is what was asked for. A network that covers several entries is a 500 in 9.5.0, after removing them." }
}

"downloaders" {
    /// Lists the downloaders.
    read GET "/api/downloaders" downloaders_list() -> [Downloader]
        { title: "获取下载器列表", note: "One that was updated moves to the end; the first one owns manual bans." }

    /// Reads how a downloader fares and its configuration, passwords included.
    read GET "/api/downloaders/{downloaderId}/status" downloader_status(downloaderId: Text) -> DownloaderStatus
        { title: "获取下载器元数据", note: "`lastStatus` follows a change with the next wave." }

    /// Lists the torrents that had peers in the last wave, fastest upload first.
    read GET "/api/downloaders/{downloaderId}/torrents" downloader_torrents(downloaderId: Text) -> [Torrent]
        { title: "获取下载器种子列表", note: "Empty while the downloader's supervision is paused, frozen while everything is." }

    /// Lists a torrent's peers in the last wave, fastest upload first.
    read GET "/api/downloaders/{downloaderId}/torrent/{torrentId}/peers" downloader_torrent_peers(downloaderId: Text, torrentId: Text) -> [TorrentPeer]
        { title: "获取下载器指定种子的Peers列表", slow: 30, note: "Takes the torrent's `id`, whose case counts. An unknown one gives an empty list." }

    /// Adds a downloader.
    write PUT "/api/downloaders" downloader_create(id: Text, config: DownloaderConfig) -> Null
        { title: "创建下载器", note: "Nothing is tried or filled in: give `name`, for qBittorrent `basicAuth`, and no slash at the end of `endpoint`. An `id` with a dot keeps 9.0.10 from starting again." }

    /// Replaces a downloader's whole configuration.
    write PATCH "/api/downloaders/{downloaderId}" downloader_update(downloaderId: Text, config: DownloaderConfig) -> Null
        { idempotent, title: "编辑下载器", note: "What is left out is lost: take `downloader_patch`. A name that another downloader has deletes this one; an unknown id creates one." }

    /// Tries a downloader's login.
    read POST "/api/downloaders/test" downloader_test(id: Text, config: DownloaderConfig) -> Null
        { title: "测试下载器配置", slow: 30, note: "A refused login is an error of kind `api`. A paused configuration always passes." }

    /// Removes a downloader and loses its configuration.
    destructive DELETE "/api/downloaders/{downloaderId}" downloader_delete(downloaderId: Text) -> Null
        { title: "删除下载器" }

    /// Looks for torrent clients on the server's host.
    read POST "/api/downloaders/scan" downloaders_scan() -> [FoundDownloader]
        { since: "9.2.0", replaces: "downloaders_scan_legacy", source: MEASURED_9_5, slow: 30, zh: "扫描服务器本机的下载器", note: "Tries every open TCP port of the host. Does not find qBittorrent 4.5." }

    /// Looks for torrent clients on the server's host, in releases before 9.2.
    read GET "/api/downloaders/scan" downloaders_scan_legacy() -> [FoundDownloader]
        { since: "9.0.0", until: "9.1.x", source: MEASURED_9_0, slow: 30, zh: "扫描服务器本机的下载器（9.2 之前）" }
}

"push" {
    /// Lists the push channels with their configurations, keys included.
    read GET "/api/push" push_list() -> [PushChannel]
        { since: "7.2.0", title: "获取推送渠道列表" }

    /// Reads a push channel's configuration.
    read GET "/api/push/{pushName}/status" push_status(pushName: Text) -> PushStatus
        { source: FROM_SOURCE, title: "获取推送渠道元数据", uncallable: "it was never released; `push_list` has the configurations" }

    /// Adds a push channel.
    write PUT "/api/push" push_create(name: Text, type: Text, config: PushConfig) -> Null
        { since: "7.2.0", title: "创建推送渠道", note: "No dot in the name. `type` is `pushplus`, `serverchan`, `smtp` or `telegram`, since 8.0 `bark`, since 9.0 `pushdeer` and `gotify`, since 9.4 `ntfy`, since 9.5 `webhook`. A name that exists is added once more." }

    /// Replaces a push channel's whole configuration.
    write PATCH "/api/push/{pushName}" push_update(pushName: Text, name: Text, type: Text, config: PushConfig) -> Null
        { since: "7.2.0", title: "编辑推送渠道", note: "`name` may be a new one. An unknown `pushName` creates a channel." }

    /// Sends a test message with a configuration that is not stored.
    write POST "/api/push/test" push_test(name: Text, type: Text, config: PushConfig) -> Null
        { since: "7.2.0", source: MEASURED_9_0, slow: 30, title: "测试通知渠道", note: "A message that could not be sent is an error of kind `api`." }

    /// Removes a push channel.
    write DELETE "/api/push/{pushName}" push_delete(pushName: Text) -> Null
        { since: "7.2.0", title: "删除推送渠道" }
}

"general" {
    /// Reads how the server and its host fare.
    read GET "/api/general/status" general_status() -> ServerStatus
        { title: "通用状态查询" }

    /// Tells whether a module is switched on.
    read GET "/api/general/checkModuleAvailable" general_module_available(module: Text) -> Bool
        { title: "检查指定模块是否启用", note: "Takes any of a module's names; an unknown one is false." }

    /// Reads what each thread of the server is doing.
    read GET "/api/general/stacktrace" general_stacktrace() -> Text
        { envelope: Text, since: "7.4.4", zh: "获取线程堆栈" }

    /// Writes the server's memory to a file, which holds its secrets and stops it meanwhile.
    destructive GET "/api/general/heapdump" general_heapdump() -> SavedFile
        { envelope: Binary, since: "7.0.2", slow: 120, title: "创建堆转储文件", zh: "创建堆转储文件（含机密,期间服务器停顿）", note: "Gzip of an hprof file, up to hundreds of megabytes. A copy stays on the server." }

    /// Reads the configuration files again.
    write POST "/api/general/reload" general_reload() -> [Reloaded]
        { idempotent, title: "配置文件重载", slow: 30 }

    /// Reads what applies to the whole server.
    read GET "/api/general/global" general_global_get() -> GlobalSettings
        { since: "7.3.0", title: "获取全局设置" }

    /// Stops or resumes all ban waves.
    write PATCH "/api/general/global" general_global_set(#{globalPaused: Bool}) -> Null
        { since: "7.3.0", idempotent, title: "更改全局设置", note: "Forgotten when the server restarts. Bans in force stay in the downloaders." }

    /// Finds out the kind of NAT again.
    write POST "/api/general/refreshNatStatus" general_refresh_nat() -> Null
        { since: "9.0.0", idempotent, job, zh: "重新检测 NAT 类型" }

    /// Reads a configuration file, token and passwords included.
    read GET "/api/general/{configName}" general_config_get(configName: Text) -> Settings
        { zh: "读取配置文件（含令牌与密码）", note: "`configName` is `config` or `profile`. Every `-` in a key is `_` here, also inside the ids of downloaders and subscriptions." }

    /// Changes a configuration file and applies it, which may lock out its owner and loses the lists it replaces.
    destructive PUT "/api/general/{configName}" general_config_put(configName: Text, body: {Any}) -> [Reloaded]
        { slow: 30, zh: "修改并应用配置文件", note: "`configName` is `config` or `profile`. Takes the keys to change; a list is replaced as a whole. A new `server.token` counts after a restart." }

    /// Crashes the server, which interrupts its work until somebody starts it again.
    destructive POST "/api/general/triggerCrash" general_trigger_crash() -> Null
        { since: "8.0.0", until: "9.0.x", source: MEASURED_9_0, zh: "使服务器崩溃", note: "There is no answer." }
}

"modules" {
    /// Reads how wide the neighbours of a banned address are banned.
    read GET "/api/modules/auto-range-ban" module_auto_range_ban() -> AutoRangeBan
        { title: "获取模块内存基本元数据", zh: "获取范围封禁模块的设置" }

    /// Reads how the connection to BTN fares.
    read GET "/api/modules/btn" module_btn_status() -> (BtnStatus | null)
        { title: "获取 BTN 模块状态", note: "`configSuccess` tells whether it works; `enabled` does not." }

    /// Lists the rules on client names.
    read GET "/api/modules/client-name-blacklist" module_client_name_blacklist() -> ClientNameRules
        { title: "获取模块内存基本元数据", zh: "获取客户端名称黑名单", note: "To change them take `general_config_put(\"profile\", …)`." }

    /// Reads one of the lists of the IP blacklist.
    read GET "/api/modules/ipblacklist/{ruleType}" ipblacklist_get(ruleType: Text) -> IpBlacklist
        { title: "获取模块内存基本元数据", zh: "获取一类 IP 黑名单规则", note: "`ruleType` is `ip`, `port`, `asn`, `region`, `city` or `netType`; only that list is in the result." }

    /// Shows which addresses a rule of the IP blacklist would cover.
    read POST "/api/modules/ipblacklist/ip/test" ipblacklist_ip_test(ip: Cidr) -> AddressRange
        { title: "测试IP黑名单规则", note: "Does not tell whether an address is on the list." }

    /// Puts an address or network on the IP blacklist.
    write PUT "/api/modules/ipblacklist/ip" ipblacklist_ip_add(ip: Cidr) -> Null
        { title: "添加IP黑名单规则", note: "What is no address is stored as 127.123.123.123." }

    /// Takes an address or network off the IP blacklist.
    write DELETE "/api/modules/ipblacklist/ip" ipblacklist_ip_delete(ip: Cidr) -> Null
        { idempotent, title: "删除IP黑名单规则", note: "Succeeds also for one that is not on it." }

    /// Puts a port on the IP blacklist.
    write PUT "/api/modules/ipblacklist/port" ipblacklist_port_add(port: Int) -> Null
        { title: "添加端口黑名单规则" }

    /// Takes a port off the IP blacklist.
    write DELETE "/api/modules/ipblacklist/port" ipblacklist_port_delete(port: Int) -> Null
        { idempotent, title: "删除端口黑名单规则", note: "Succeeds also for one that is not on it." }

    /// Puts an autonomous system on the IP blacklist.
    write PUT "/api/modules/ipblacklist/asn" ipblacklist_asn_add(asn: Int) -> Null
        { title: "添加ASN黑名单", note: "Needs the IP database." }

    /// Takes an autonomous system off the IP blacklist.
    write DELETE "/api/modules/ipblacklist/asn" ipblacklist_asn_delete(asn: Int) -> Null
        { idempotent, title: "删除ASN黑名单规则", note: "Succeeds also for one that is not on it." }

    /// Puts a country on the IP blacklist.
    write PUT "/api/modules/ipblacklist/region" ipblacklist_region_add(region: Text) -> Null
        { title: "添加国家/地区代码黑名单规则", note: "Two capital letters, as in `NL`. Needs the IP database." }

    /// Takes a country off the IP blacklist.
    write DELETE "/api/modules/ipblacklist/region" ipblacklist_region_delete(region: Text) -> Null
        { idempotent, title: "删除国家/地区代码黑名单规则", note: "Succeeds also for one that is not on it." }

    /// Puts a city on the IP blacklist.
    write PUT "/api/modules/ipblacklist/city" ipblacklist_city_add(city: Text) -> Null
        { title: "添加城市黑名单规则", note: "A part of the name in the IP database. Looked at only where there is a rule on a country or an autonomous system too." }

    /// Takes a city off the IP blacklist.
    write DELETE "/api/modules/ipblacklist/city" ipblacklist_city_delete(city: Text) -> Null
        { idempotent, title: "删除城市黑名单规则", note: "Succeeds also for one that is not on it." }

    /// Replaces the kinds of network on the IP blacklist.
    write PUT "/api/modules/ipblacklist/netType" ipblacklist_nettype_set(body: [Text]) -> Null
        { since: "9.0.0", idempotent, zh: "设置网络类型黑名单", note: "`wideband`, `baseStation`, `governmentAndEnterpriseLine`, `businessPlatform`, `backboneNetwork`, `ipPrivateNetwork`, `internetCafe`, `iot` and `datacenter`; others are stored and never match." }

    /// Reads the settings against many addresses of one network.
    read GET "/api/modules/multi-dialing-blocker" module_multi_dialing() -> MultiDialing
        { title: "获取模块内存基本元数据", zh: "获取多拨封禁模块的设置" }

    /// Reads which addresses and networks the multi-dialling module watches.
    read GET "/api/modules/multi-dialing-blocker/status" module_multi_dialing_status() -> MultiDialingStatus
        { zh: "获取多拨封禁模块的监视状态", note: "Can be large." }

    /// Lists the rules on peer ids.
    read GET "/api/modules/peer-id-blacklist" module_peer_id_blacklist() -> PeerIdRules
        { title: "获取模块内存基本元数据", zh: "获取 Peer ID 黑名单", note: "To change them take `general_config_put(\"profile\", …)`." }

    /// Reads the settings against peers that lie about their progress.
    read GET "/api/modules/progress-cheat-blocker" module_pcb() -> ProgressCheat
        { title: "获取模块内存基本元数据", zh: "获取进度作弊检查模块的设置" }

    /// Reads which peers the progress module watches.
    read GET "/api/modules/progress-cheat-blocker/status" module_pcb_status() -> [ProgressWatch]
        { until: "9.0.x", source: MEASURED_9_0, title: "获取状态", zh: "获取进度作弊检查模块的监视状态", note: "Gone, and nothing replaces it." }

    /// Lists the rules on reverse names.
    read GET "/api/modules/ptr-blacklist" module_ptr_blacklist() -> PtrRules
        { since: "7.3.0", until: "9.0.4", source: FROM_SOURCE, title: "PTRBlacklist", zh: "获取反向解析黑名单" }

    /// Counts the rows of the swarm tracking.
    read GET "/api/modules/swarm-tracking" module_swarm_tracking() -> SwarmSize
        { envelope: Bare, since: "8.0.0", zh: "获取 Swarm 跟踪的记录数" }

    /// Lists the peers that the swarm tracking has seen since the server started.
    read GET "/api/modules/swarm-tracking/details" module_swarm_tracking_details(#{page: Int = 1, pageSize: Int = 10, orderBy: Text}) -> (Page TrackedPeer)
        { paged, identity: [id], since: "8.0.0", zh: "列出 Swarm 跟踪到的 Peer", note: "One row for each address, port, torrent and downloader. `uploaded` and `downloaded` are wrong from 8.0.12 to 9.1.4. Columns in `orderBy` are `upload_speed` since 9.3, `uploadSpeed` before." }
}

"subscriptions" {
    /// Reads how often the subscriptions are refreshed.
    read GET "/api/sub/interval" sub_interval_get() -> DurationMillis
        { title: "查询更新间隔" }

    /// Sets how often the subscriptions are refreshed, and refreshes them.
    write PATCH "/api/sub/interval" sub_interval_set(checkInterval: DurationMillis) -> Null
        { idempotent, title: "修改更新间隔", slow: 60, note: "0 or less is refused with 400 and stored all the same." }

    /// Adds a subscription and downloads it.
    write PUT "/api/sub/rule" sub_rule_create(ruleId: Text, ruleName: Text, subUrl: Text) -> Null
        { title: "新增订阅规则", slow: 60, note: "No dot in id and name. An error page is taken for a list: look at `entCount` afterwards." }

    /// Reads a subscription; an unknown one is null.
    read GET "/api/sub/rule/{ruleId}" sub_rule_get(ruleId: Text) -> (Subscription | null)
        { title: "查询订阅规则" }

    /// Downloads a subscription again.
    write POST "/api/sub/rule/{ruleId}/update" sub_rule_refresh(ruleId: Text) -> Null
        { idempotent, title: "更新订阅规则", slow: 60, note: "An unknown or disabled one is an error of kind `api`." }

    /// Changes a subscription's name or address and downloads it.
    write POST "/api/sub/rule/{ruleId}" sub_rule_save(ruleId: Text, #{ruleName: Text, subUrl: Text}) -> Null
        { idempotent, title: "保存订阅规则", slow: 60, note: "A disabled one is changed and answers 400. An error page is taken for a list." }

    /// Removes a subscription.
    write DELETE "/api/sub/rule/{ruleId}" sub_rule_delete(ruleId: Text) -> Null
        { title: "删除订阅规则" }

    /// Switches a subscription on or off.
    write PATCH "/api/sub/rule/{ruleId}" sub_rule_toggle(ruleId: Text, enabled: Bool) -> Null
        { title: "启用禁用规则", slow: 60, note: "An error of kind `api` where it is so already." }

    /// Lists the subscriptions.
    read GET "/api/sub/rules" sub_rules_list() -> [Subscription]
        { title: "订阅规则列表" }

    /// Downloads all subscriptions again.
    write POST "/api/sub/rules/update" sub_rules_refresh_all() -> Null
        { idempotent, source: MEASURED_9_0, title: "更新全部订阅规则", slow: 120, note: "Stops at the first one that fails or is disabled." }

    /// Lists what was downloaded for all subscriptions.
    read GET "/api/sub/logs" sub_logs_all(#{page: Int = 1, pageSize: Int = 10}) -> (Page SubscriptionUpdate)
        { paged, identity: [id], title: "查询全部订阅规则更新日志" }

    /// Lists what was downloaded for one subscription, newest first.
    read GET "/api/sub/logs/{ruleId}" sub_logs_rule(ruleId: Text, #{page: Int = 1, pageSize: Int = 10}) -> (Page SubscriptionUpdate)
        { paged, identity: [id], title: "查询指定订阅规则更新日志" }
}

"friend" {
    /// Lists the servers that this one had befriended.
    read GET "/api/friend/list" friend_list() -> [Friend]
        { source: FROM_SOURCE, title: "未命名接口", uncallable: "it was never released", zh: "列出好友服务器" }

    /// Reads how this server introduces itself to befriended ones.
    read GET "/api/friend/metadata" friend_metadata() -> (FriendMetadata | null)
        { source: FROM_SOURCE, uncallable: "it was never released", zh: "获取本机的好友元数据" }
}

"expression-engine" {
    /// Lists the server's own scripts that compiled.
    read GET "/api/expression-engine/scripts" scripts_list(#{page: Int = 1, pageSize: Int = 10}) -> (Page Script)
        { paged, identity: [id], title: "列出所有脚本" }

    /// Reads the text of one of the server's own scripts.
    read GET "/api/expression-engine/{scriptId}" script_get(scriptId: Text) -> Text
        { title: "获取指定脚本内容" }

    /// Writes one of the server's own scripts, which runs with all the server's rights and replaces the one of that name.
    destructive PUT "/api/expression-engine/{scriptId}" script_save(scriptId: Text, body: Text) -> Null
        { forbids, title: "创建/保存脚本", note: "Only from a private address without a proxy in between. A shorter text leaves the end of the old one behind: `script_delete` first." }

    /// Deletes one of the server's own scripts for good.
    destructive DELETE "/api/expression-engine/{scriptId}" script_delete(scriptId: Text) -> Null
        { forbids, title: "删除指定脚本", note: "Only from a private address without a proxy in between." }

    /// Tells whether the server's own scripts may be edited from here.
    read GET "/api/expression-engine/editable" scripts_editable() -> Editable
        { since: "7.2.0", title: "是否可编辑给定脚本" }
}

"laboratory" {
    /// Lists the experiments.
    read GET "/api/laboratory/experiments" lab_experiments() -> Experiments
        { since: "7.2.0", title: "列出所有实验状态" }

    /// Tells whether an experiment is switched on.
    read GET "/api/laboratory/isExperimentActivated" lab_experiment_active(id: Text) -> (Bool | null)
        { since: "7.2.0", title: "检查指定实验是否已启用", note: "An unknown one is an error of kind `api`." }

    /// Switches an experiment on, off or to its default.
    write PUT "/api/laboratory/experiment/{id}" lab_experiment_set(id: Text, status: Text) -> (Text | null)
        { since: "7.2.0", idempotent, title: "设置指定实验的开关状态", note: "`status` is the text `true` or `false`; any other means the default." }

    /// Tells whether experiments are allowed.
    read GET "/api/laboratory/config" lab_config_get() -> LabConfig
        { since: "7.2.0", title: "获取实验室模块配置状态" }

    /// Allows or forbids experiments.
    write POST "/api/laboratory/config" lab_config_set(enabled: Bool) -> Bool
        { since: "7.2.0", idempotent, title: "设置实验室模块配置状态" }
}

"alerts" {
    /// Lists the alerts that nobody has read, newest first.
    read GET "/api/alerts" alerts_list(#{unread: Bool = false, page: Int = 1, pageSize: Int = 10}) -> [Alert]
        { paged, identity: [id], title: "获取警报列表", note: "Give `unread: true`: without it releases before 9.3 send one page of all alerts, oldest first." }

    /// Marks an alert as read.
    write PATCH "/api/alert/{id}/dismiss" alert_dismiss(id: Int) -> Null
        { idempotent, title: "标记警报为已读" }

    /// Marks all alerts as read.
    write POST "/api/alert/dismissAll" alerts_dismiss_all() -> Null
        { idempotent, title: "标记警报为全部已读" }

    /// Deletes an alert.
    write DELETE "/api/alert/{id}" alert_delete(id: Int) -> Null
        { idempotent, title: "删除指定警报", note: "Succeeds also for an unknown one." }
}

"logs" {
    /// Follows the server's log, in releases before 9.4.2.
    read WS "/api/logs/stream" logs_stream_ws(#{token: Secret, offset: Int}) -> LogEntry
        { envelope: Socket, wrapped, until: "9.4.1", source: MEASURED_9_0, title: "连接到日志 WebSocket", zh: "订阅程序日志（9.4.2 之前）", note: "Each frame is an envelope. First the lines that are kept, those after `offset` where it is given, then new ones." }

    /// Follows the server's log.
    read GET "/api/logs/live" logs_live(#{token: Secret}) -> LogEntry
        { envelope: Events, since: "9.4.2", replaces: "logs_stream_ws", source: MEASURED_9_5, zh: "订阅程序日志", note: "First the lines that are kept, again after each reconnect: `offset` tells them apart. Lines may hold whole stack traces." }

    /// Reads the last lines of the server's log, oldest first.
    read GET "/api/logs/history" logs_history() -> [LogEntry]
        { title: "获取程序日志", note: "A hundred by default. Lines may hold whole stack traces." }
}

"tasks" {
    /// Follows the server's long tasks.
    read GET "/api/tasks/live" tasks_live(#{token: Secret}) -> TaskUpdate
        { envelope: Events, since: "9.4.2", replaces: "tasks_stream_ws", source: MEASURED_9_5, zh: "订阅后台任务", note: "First those that exist, then every change." }

    /// Follows the server's long tasks, in releases before 9.4.2.
    read WS "/api/tasks/stream" tasks_stream_ws(#{token: Secret}) -> TaskUpdate
        { envelope: Socket, since: "9.3.0", until: "9.4.1", source: FROM_SOURCE, zh: "订阅后台任务（9.4.2 之前）" }

    /// Lists the server's long tasks, in releases before 9.3.
    read GET "/api/asyncTask/list" async_tasks_list() -> [AsyncTask]
        { since: "9.0.0", until: "9.2.x", source: MEASURED_9_0, zh: "列出后台任务（9.3 之前）" }

    /// Follows one of the server's long tasks, in releases before 9.3.
    read WS "/api/asyncTask/{taskId}/stream" async_task_stream_ws(taskId: Text) -> AsyncTaskMessage
        { envelope: Socket, since: "9.0.0", until: "9.2.x", source: MEASURED_9_0, zh: "订阅单个后台任务（9.3 之前）", note: "Ends with the task. An unknown one sends a single message and stays open." }
}

"pbhplus" {
    /// Makes or renews the free local licence for 15 days.
    write POST "/api/pbhplus/renewFreeLicense" plus_free_license_renew(captchaId: Text, captchaNonce: Text) -> Null
        { since: "7.2.0", title: "创建或更新免费许可证", note: "Needs the answer to `plus_captcha`. Up to 9.2.0 the licence opens histories and charts; later releases do not ask for it." }

    /// Asks for the riddle that renewing the licence takes.
    read GET "/api/pbhplus/claimRenewFreeLicenseCaptcha" plus_captcha() -> Captcha
        { since: "9.0.0", zh: "获取续期免费许可证的验证题", note: "The answer is the Base64 of bytes which, hashed after the challenge, give a hash that begins with `difficultyBits` zero bits." }

    /// Lists the licences.
    read GET "/api/pbhplus/status" plus_status() -> Licences
        { title: "验证捐赠密钥状态", note: "The shape of 9.0 and later; before there was a single key." }

    /// Adds a licence key.
    write PUT "/api/pbhplus/key" plus_key_set(key: Secret) -> Null
        { source: MEASURED_9_0, slow: 30, title: "设置捐赠密钥", note: "A key that is not accepted is an error of kind `api`. Before 9.0 it replaces the only key." }

    /// Removes a licence, and loses its key.
    destructive DELETE "/api/pbhplus/key" plus_key_delete(licenseId: Text) -> (Text | null)
        { since: "9.0.0", zh: "删除许可证（密钥会丢失）", note: "An unknown one is a 500." }
}

"torrents" {
    /// Lists every torrent that the server has ever recorded.
    read GET "/api/torrent/query" torrents_query(#{page: Int = 1, pageSize: Int = 10, keyword: Text, orderBy: Text = "id|desc"}) -> (Page RecordedTorrent)
        { paged, identity: [infoHash], title: "获取PBH种子列表", note: "`keyword` is a part of name or hash." }

    /// Reads what the server has recorded of a torrent.
    read GET "/api/torrent/{infoHash}" torrent_info(infoHash: Text) -> RecordedTorrent
        { title: "获取指定种子基本信息", note: "The hash's case counts: lower case." }

    /// Lists the peers that a torrent has had.
    read GET "/api/torrent/{infoHash}/accessHistory" torrent_access_history(infoHash: Text, #{page: Int = 1, pageSize: Int = 10, orderBy: Text = "lastTimeSeen|desc"}) -> (Page AccessRecord)
        { paged, identity: [id], licence_until: "9.2.0", title: "获取指定种子的访问历史列表", note: "`orderBy: \"uploaded|desc\"` gives those that got most. Written every 15 minutes by default. The hash's case counts: lower case." }

    /// Lists the bans on a torrent, newest first.
    read GET "/api/torrent/{infoHash}/banHistory" torrent_ban_history(infoHash: Text, #{page: Int = 1, pageSize: Int = 10, orderBy: Text = "banAt|desc"}) -> (Page BanRecord)
        { paged, identity: [banAt, peerIp, peerPort, torrentInfoHash, downloader], licence_until: "9.2.0", title: "获取指定种子的封禁历史列表", note: "The hash's case counts: lower case." }
}

"charts" {
    /// Counts addresses by provider, province, country and city.
    read GET "/api/chart/geoIpInfo" chart_geoip(startAt: Millis, endAt: Millis, #{bannedOnly: Bool = false, downloader: Text}) -> (GeoChart | null)
        { licence_until: "9.2.0", source: MEASURED_9_0, slow: 60, title: "GeoIP", zh: "地理位置统计", note: "An error of kind `api` where the IP database is not ready. Heavy work for a long time." }

    /// Counts connected and banned peers by day.
    read GET "/api/chart/trend" chart_trend(startAt: Millis, endAt: Millis, #{downloader: Text}) -> TrendChart
        { licence_until: "9.2.0", title: "趋势", zh: "每日连接与封禁趋势" }

    /// Sums traffic by day.
    read GET "/api/chart/traffic" chart_traffic(startAt: Millis, endAt: Millis, #{downloader: Text}) -> [DayTraffic]
        { licence_until: "9.2.0", title: "流量", zh: "每日流量统计", note: "Oldest first. Deluge and Aria2Next do not count." }

    /// Counts addresses between two times.
    read GET "/api/chart/sessionBetween" chart_session_between(startAt: Millis, endAt: Millis, #{downloader: Text = "%"}) -> Int
        { since: "9.1.0", licence_until: "9.2.0", source: FROM_SOURCE, zh: "统计一段时间内的地址数", note: "A 500 since 9.3: take `chart_session_analyse`." }

    /// Counts connections by day.
    read GET "/api/chart/sessionDayBucket" chart_session_day_bucket(startAt: Millis, endAt: Millis, #{downloader: Text}) -> [DaySessions]
        { since: "9.1.0", licence_until: "9.2.0", source: MEASURED_9_5, zh: "按日统计连接数" }

    /// Counts peers by how they connected, newest time first.
    read GET "/api/chart/sessionAnalyse" chart_session_analyse(startAt: Millis, endAt: Millis, #{downloader: Text}) -> [SessionFlags]
        { since: "9.1.0", licence_until: "9.2.0", source: MEASURED_9_5, zh: "按连接方式统计会话" }

    /// Sums traffic by client software.
    read GET "/api/chart/clientAnalyse" chart_client_analyse(startAt: Millis, endAt: Millis, #{page: Int = 1, pageSize: Int = 10, downloader: Text, orderBy: Text = "uploaded|desc"}) -> (Page ClientTraffic)
        { paged, since: "9.1.0", licence_until: "9.2.0", source: MEASURED_9_5, zh: "按客户端统计流量", note: "Since 9.3 all clients are in one row without a name." }
}

"peers" {
    /// Reads what is known of an address.
    read GET "/api/peer/{ip}" peer_info(ip: Ip) -> PeerInfo
        { title: "查询指定 IP 的基本信息", slow: 10, note: "What is no address is looked up as 127.123.123.123." }

    /// Lists an address's connections.
    read GET "/api/peer/{ip}/accessHistory" peer_access_history(ip: Ip, #{page: Int = 1, pageSize: Int = 10, orderBy: Text = "lastTimeSeen|desc"}) -> (Page AccessRecord)
        { paged, identity: [id], licence_until: "9.2.0", title: "查询指定 IP 的访问历史列表", note: "Written every 15 minutes by default." }

    /// Lists an address's bans, newest first.
    read GET "/api/peer/{ip}/banHistory" peer_ban_history(ip: Ip, #{page: Int = 1, pageSize: Int = 10, orderBy: Text = "banAt|desc"}) -> (Page BanRecord)
        { paged, identity: [banAt, peerIp, peerPort, torrentInfoHash, downloader], licence_until: "9.2.0", title: "查询指定 IP 的封禁记录" }

    /// Asks BTN what it knows of an address, which tells BTN the address.
    read GET "/api/peer/{ip}/btnQuery" peer_btn_query(ip: Ip) -> (BtnReport | null)
        { since: "9.2.0", source: FROM_SOURCE, slow: 30, zh: "向 BTN 查询指定 IP", note: "An error of kind `api` where BTN is off." }

    /// Reads the address of BTN's page on an address, which holds BTN's key.
    read GET "/api/peer/{ip}/btnQueryIframe" peer_btn_query_iframe(ip: Ip) -> (Secret | null)
        { since: "9.2.0", source: FROM_SOURCE, zh: "获取 BTN 查询页面的地址（含密钥）", note: "An error of kind `api` where BTN is off." }
}

"utilities" {
    /// Replaces a part of every torrent's tracker addresses, which cannot be taken back.
    destructive POST "/api/utilities/replaceTracker" replace_tracker(from: Text, to: Text, #{downloaders: [Text]}) -> Int
        { since: "7.3.3", slow: 120, title: "批量更换 Tracker", note: "`downloaders` are ids; none means all. A paused one is left out, and a torrent that failed is only in the log." }
}

"autostun" {
    /// Reads how AutoSTUN is set up.
    read GET "/api/autostun/status" autostun_status() -> AutoStunStatus
        { since: "9.0.0", zh: "获取 AutoSTUN 状态" }

    /// Finds out the kind of NAT again.
    write POST "/api/autostun/refreshNatType" autostun_refresh_nat() -> Null
        { since: "9.0.0", idempotent, job, zh: "AutoSTUN 重新检测 NAT 类型" }

    /// Restarts AutoSTUN and drops what goes through its tunnels.
    write POST "/api/autostun/restart" autostun_restart() -> Null
        { since: "9.0.0", slow: 30, zh: "重启 AutoSTUN" }

    /// Lists the tunnels.
    read GET "/api/autostun/tunnels" autostun_tunnels() -> [DownloaderTunnel]
        { since: "9.0.0", source: FROM_SOURCE, zh: "列出 AutoSTUN 隧道" }

    /// Reads a downloader's tunnel.
    read GET "/api/autostun/tunnel/{downloader}/info" autostun_tunnel_info(downloader: Text) -> (Tunnel | null)
        { since: "9.0.0", source: FROM_SOURCE, zh: "获取下载器的隧道", note: "An error of kind `api` where there is no tunnel." }

    /// Lists what goes through a downloader's tunnel.
    read GET "/api/autostun/tunnel/{downloader}/connections" autostun_tunnel_connections(downloader: Text, #{page: Int = 1, pageSize: Int = 10}) -> ((Page TunnelConnection) | null)
        { paged, identity: [downstreamHost, downstreamPort, establishedAt], since: "9.0.0", source: FROM_SOURCE, zh: "列出隧道中的连接", note: "An error of kind `api` where there is no tunnel." }

    /// Replaces AutoSTUN's whole configuration and restarts it.
    write PUT "/api/autostun/config" autostun_config_set(enabled: Bool, useFriendlyLoopbackMapping: Bool, downloaders: [Text]) -> Null
        { since: "9.0.0", slow: 30, zh: "替换 AutoSTUN 配置并重启它", note: "`downloaders` are ids." }
}

"plugins" {
    /// Lists the plug-ins.
    read GET "/api/plugins" plugins_list() -> [Plugin]
        { source: FROM_SOURCE, uncallable: "no release serves it, although it is in the source since 9.4.0", zh: "列出插件" }

    /// Starts, stops, loads or deletes plug-ins, which runs foreign code.
    destructive POST "/api/plugins/operate" plugins_operate(action: Text, identifiers: [Text]) -> [PluginResult]
        { source: FROM_SOURCE, uncallable: "no release serves it, although it is in the source since 9.4.0", zh: "启动、停止、加载或删除插件" }
}

"blocklist" {
    /// Reads the bans in force as lines of addresses and networks.
    read GET "/blocklist/ip" blocklist_ip() -> Text
        { envelope: Text, open, title: "IP BanList 提供端点", note: "Needs no token. Since 9.1 IPv6 addresses are widened to a /52." }

    /// Reads the bans in force in the format of PeerGuardian.
    read GET "/blocklist/p2p-plain-format" blocklist_p2p() -> Text
        { envelope: Text, open, title: "P2P Guard Plain BanList 提供端点", note: "Needs no token. The names are random." }

    /// Reads the bans in force in the format of eMule.
    read GET "/blocklist/dat-emule" blocklist_dat() -> Text
        { envelope: Text, open, title: "DAT/Emule BanList 提供端点", note: "Needs no token." }
}

"misc" {
    /// Redirects to a web page chosen at random.
    read GET "/api/egg" easter_egg() -> Null
        { envelope: Text, open, since: "7.2.0", uncallable: "it only redirects to some web page", zh: "彩蛋" }

    /// Answers a browser that asks what it may send.
    read OPTIONS "/*" cors_preflight() -> Null
        { envelope: Text, open, uncallable: "it is for browsers", zh: "跨域预检" }
}

}
