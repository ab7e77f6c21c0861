//! PeerBanHelper: 139 routes of 7.0 to 9.5, JSON in and out.

mod shapes;

use super::{Service, rows};

pub use shapes::*;

const MEASURED: &str = "PBH 9.0.10 and 9.5.0, measured";

rows! { Service::Pbh, MEASURED;

metadata {
    /// Reads the server's version and its modules.
    read GET "/api/metadata/manifest" metadata_manifest() -> Manifest
        { open, title: "请求基本清单数据", note: "While the server starts there may be fewer modules than a moment later." }
}

statistics {
    /// Reads what the server has counted since it started.
    read GET "/api/statistic/counter" statistic_counter() -> Counters
        { title: "统计计数器", note: "`checkCounter` divided by the uptime is the real rate of waves." }
}

bans {
    /// Lists the bans in force, newest first.
    read GET "/api/bans" bans_list(#{page: Int = 1, pageSize: Int = 10, search: Text, ignoreBanForDisconnect: Bool = true, limit: Int = -1, lastBanTime: Millis = -1}) -> (Page Ban)
        { paged, title: "获取封禁列表", note: "`search` looks at address, module, rule and description, not at clients or torrents. `limit` and `lastBanTime` mean something only before 9.0." }

    /// Bans addresses and networks for a hundred years.
    write PUT "/api/bans" bans_add(body: [Cidr]) -> Count
        { since: "9.0.0", note: "Applied by the next wave, and a 200 does not mean that the downloader has it: take `ban`. What is no address becomes 127.123.123.123." }

    /// Lifts bans; `["*"]` lifts all of them.
    write DELETE "/api/bans" bans_delete(body: [Text]) -> Count
        { destructive_if: "*", title: "解除封禁", note: "The downloader need not hear of it: take `unban`. `count` is what was asked for. A network that covers several entries is a 500 in 9.5.0, after removing them." }
}

downloaders {
    /// Lists the downloaders.
    read GET "/api/downloaders" downloaders_list() -> [Downloader]
        { title: "获取下载器列表", note: "One that was updated moves to the end; the first one owns manual bans." }

    /// Reads how a downloader fares and its configuration, passwords included.
    read GET "/api/downloaders/{downloaderId}/status" downloader_status(downloaderId: Text) -> DownloaderStatus
        { title: "获取下载器元数据" }

    /// Lists the torrents that had peers in the last wave, fastest upload first.
    read GET "/api/downloaders/{downloaderId}/torrents" downloader_torrents(downloaderId: Text) -> [Torrent]
        { title: "获取下载器种子列表", note: "Empty while the downloader's supervision is paused, frozen while everything is." }

    /// Lists a torrent's peers in the last wave, fastest upload first.
    read GET "/api/downloaders/{downloaderId}/torrent/{torrentId}/peers" downloader_torrent_peers(downloaderId: Text, torrentId: Text) -> [TorrentPeer]
        { title: "获取下载器指定种子的Peers列表", slow: 30, note: "Takes the torrent's `id`, with its case. An unknown one gives an empty list." }

    /// Replaces a downloader's whole configuration.
    write PATCH "/api/downloaders/{downloaderId}" downloader_update(downloaderId: Text, config: DownloaderConfig) -> Null
        { title: "编辑下载器", note: "What is left out is lost: take `downloader_patch`. A name that another downloader has deletes this one; an unknown id creates one." }
}

general {
    /// Reads what applies to the whole server.
    read GET "/api/general/global" general_global_get() -> GlobalSettings
        { since: "7.3.0", title: "获取全局设置" }

    /// Stops or resumes all ban waves.
    write PATCH "/api/general/global" general_global_set(#{globalPaused: Bool}) -> Null
        { since: "7.3.0", idempotent, title: "更改全局设置", note: "Forgotten when the server restarts. Bans in force stay in the downloaders." }
}

modules {
    /// Lists the peers that the swarm tracking has seen.
    read GET "/api/modules/swarm-tracking/details" module_swarm_tracking_details(#{page: Int = 1, pageSize: Int = 10, orderBy: Text}) -> (Page TrackedPeer)
        { paged, since: "8.0.0", note: "One row for each address, port, torrent and downloader. `uploaded` and `downloaded` are wrong from 8.0.12 to 9.1.4. Column names are in snake_case since 9.3.0, in camelCase before." }
}

peers {
    /// Reads what is known of an address.
    read GET "/api/peer/{ip}" peer_info(ip: Ip) -> PeerInfo
        { title: "查询指定 IP 的基本信息", slow: 10, note: "What is no address is looked up as 127.123.123.123." }
}

}
