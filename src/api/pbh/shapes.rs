//! What PeerBanHelper's routes return and take, inside the envelope.

use crate::api::shapes;

shapes! {
    /// The server's version and what it has loaded.
    Manifest {
        version: Build,
        /// The modules that are switched on.
        modules: [Module],
        installationId: Text,
        /// Whether usage statistics are sent.
        analytics: Bool | absent since "9.3.0",
    }

    /// How the server was built.
    Build {
        version: Text,
        os: Text,
        branch: Text,
        commit: Text,
        abbrev: Text,
        compileTime: Text,
        compileHost: Text | null,
        compileUser: Text | null,
        compileEmail: Text | null | absent,
    }

    /// A feature of the server.
    Module {
        className: Text,
        configName: Text,
    }

    /// What the server has done since it started.
    Counters {
        /// Ban waves.
        checkCounter: Int,
        peerBanCounter: Int,
        peerUnbanCounter: Int,
        /// Entries of the ban list, hidden ones included.
        banlistCounter: Int,
        /// Addresses of the ban list, hidden ones included.
        bannedIpCounter: Int,
        /// Sent to peers before they were banned.
        wastedTraffic: Bytes | absent since "8.0.0",
        /// Left out where it could not be counted.
        trackedSwarmCount: Int | absent since "8.0.0",
        /// Bans per tracked peer; may exceed 1.
        peersBlockRate: Float | absent since "8.0.0",
        /// Connections in the last seven full days.
        weeklySessions: Int | absent since "9.1.0",
    }

    /// A downloader that something else refers to.
    DownloaderRef {
        id: Text,
        /// `Unknown` where it was removed.
        name: Text,
        /// In mixed case, as in `qBittorrent`; `Unknown` where it was removed.
        type: Text,
    }

    /// A torrent as its downloader has it.
    Torrent {
        /// What `downloader_torrent_peers` takes: the hash for qBittorrent, a number for Transmission.
        id: Text,
        size: Bytes,
        completedSize: Bytes,
        name: Text,
        hash: Text,
        privateTorrent: Bool,
        progress: Share,
        rtUploadSpeed: Speed,
        rtDownloadSpeed: Speed,
    }

    /// A peer as its downloader sees it. `uploaded` is what was sent to it.
    Peer {
        address: PeerAddress,
        /// As the downloader reported it, with or without port; take `address.ip`.
        rawIp: Text | null,
        /// May hold unprintable characters; empty for Transmission.
        id: Text | null,
        clientName: Text | null,
        /// Received from it; -1 for Transmission.
        downloaded: Bytes,
        downloadSpeed: Speed,
        /// Sent to it; -1 for Transmission.
        uploaded: Bytes,
        uploadSpeed: Speed,
        /// What the peer claims.
        progress: Share,
        /// Letters with spaces between them, as in `U I X E P`.
        flags: Text | null,
    }

    /// Where a peer is reached.
    PeerAddress {
        /// Without Teredo and NAT. A manual ban keeps the text that was sent.
        ip: Ip,
        /// 0 where it is not known.
        port: Int,
        rawIp: Text | null | absent since "9.0.0" until "9.4.x",
        noNatIP: Text | null | absent since "9.0.0" until "9.4.x",
        noNatPort: Int | null | absent since "9.0.0" until "9.4.x",
        /// As the downloader reported it.
        downloaderRawIp: Text | null | absent since "9.5.0",
        downloaderRawPort: Int | null | absent since "9.5.0",
        teredoClientIp: Text | null | absent since "9.5.0",
        teredoClientUdpPort: Int | absent since "9.5.0",
        nattedClientIp: Text | null | absent since "9.5.0",
        nattedClientPort: Int | absent since "9.5.0",
        natTranslated: Bool | absent since "9.5.0",
        teredoTranslated: Bool | absent since "9.5.0",
    }

    /// A peer of one torrent.
    TorrentPeer {
        peer: Peer,
        geo: Geo | null,
        /// Only where reverse lookups are on.
        ptrRecord: Text | null | absent since "7.4.0",
    }

    /// Where an address belongs. Every part is null where the IP database does not know it.
    Geo {
        city: City | null | absent,
        country: Country | null | absent,
        as: AutonomousSystem | null | absent,
        network: Network | null | absent,
    }

    /// A city.
    City {
        name: Text | null | absent,
        iso: Int | null | absent,
        location: Location | null | absent,
        cnProvince: Text | null | absent,
        cnCity: Text | null | absent,
        cnDistricts: Text | null | absent,
    }

    /// A place on the map.
    Location {
        latitude: Float | null | absent,
        longitude: Float | null | absent,
        /// An IANA name.
        timeZone: Text | null | absent,
        /// In kilometres.
        accuracyRadius: Int | null | absent,
    }

    /// A country.
    Country {
        name: Text | null | absent,
        /// Two letters.
        iso: Text | null | absent,
    }

    /// Who announces an address.
    AutonomousSystem {
        number: Int | null | absent,
        organization: Text | null | absent,
        /// The address that was looked up.
        ipAddress: Ip | null | absent,
        network: Prefix | null | absent,
    }

    /// A network by address and length.
    Prefix {
        ipAddress: Ip | null | absent,
        prefixLength: Int | null | absent,
    }

    /// Who provides an address.
    Network {
        isp: Text | null | absent,
        /// In Chinese, only for addresses of mainland China.
        netType: Text | null | absent,
    }

    /// A ban in force.
    Ban {
        /// An address, or a network. IPv6 is in the long form in 9.0 and in the short one in 9.5.
        address: Cidr,
        banMetadata: BanDetails,
        ipGeoData: Geo | null | absent,
    }

    /// Why and when a ban was made.
    BanDetails {
        downloader: DownloaderRef,
        torrent: Torrent,
        peer: Peer,
        /// The address's name, or `N/A`.
        reverseLookup: Text,
        /// The class of the module that banned.
        context: Text,
        banAt: Millis,
        unbanAt: Millis,
        /// In the server's language.
        rule: Text | null,
        /// In the server's language.
        description: Text | null,
    }

    /// How many entries a request named.
    Count {
        count: Int,
    }

    /// A downloader that the server supervises.
    Downloader {
        id: Text | absent since "8.0.0",
        /// Null where it was configured without one.
        name: Text | null,
        /// The API's address, for qBittorrent with `/api/v2`; to write it back take `downloader_status().config`.
        endpoint: Text | null,
        /// In lower case, as in `qbittorrent`.
        type: Text,
        /// Whether supervision is paused.
        paused: Bool | absent since "7.3.0",
    }

    /// How a downloader fares.
    DownloaderStatus {
        /// `HEALTHY`, `PAUSED`, `NEED_TAKE_ACTION`, `ERROR` or `UNKNOWN`.
        lastStatus: Text,
        /// In the server's language.
        lastStatusMessage: Text | null,
        /// Torrents with a peer in the last wave.
        activeTorrents: Int,
        /// Peers in the last wave.
        activePeers: Int,
        config: DownloaderConfig,
        /// Whether supervision is paused.
        paused: Bool | absent since "7.3.0",
    }

    /// A downloader's configuration. Each kind of downloader has its own fields; nothing is filled in where one is left out.
    DownloaderConfig {
        /// `qbittorrent`, `qbittorrentee`, `transmission`, `biglybt`, `deluge`, `bitcomet` or (9.5.0) `aria2next`.
        type: Text,
        /// Must be unique.
        name: Text | null,
        /// Without a slash at the end.
        endpoint: Text | null,
        /// Whether supervision is paused.
        paused: Bool | absent,
        verifySsl: Bool | absent,
        /// Whether private torrents are left alone.
        ignorePrivate: Bool | absent,
        username: Text | null | absent,
        password: Secret | null | absent,
        apiKey: Secret | null | absent since "9.4.0",
        /// qBittorrent must have it, with empty texts where it is not used.
        basicAuth: BasicAuth | null | absent,
        /// BiglyBT and Aria2Next.
        token: Secret | null | absent,
        /// Transmission (`/transmission/rpc`) and Deluge (`/json`), which must have it.
        rpcUrl: Text | null | absent,
        /// Whether only changes are sent; manual bans then do not arrive by themselves.
        incrementBan: Bool | absent,
        /// qBittorrent Enhanced Edition only.
        useShadowBan: Bool | absent,
    }

    /// A login to a proxy before the downloader.
    BasicAuth {
        user: Text | null,
        pass: Secret | null,
    }

    /// What applies to the whole server.
    GlobalSettings {
        /// Whether there are no ban waves.
        globalPaused: Bool,
        /// Whether usage statistics are sent.
        analytics: Bool | absent since "9.3.0",
    }

    /// A peer of one torrent as the swarm tracking has it.
    TrackedPeer {
        id: Int,
        ip: Ip,
        port: Int,
        infoHash: Text,
        torrentIsPrivate: Bool | null,
        torrentSize: Bytes | absent,
        /// The downloader's id.
        downloader: Text,
        downloaderProgress: Share,
        peerId: Text,
        clientName: Text,
        peerProgress: Share,
        /// Sent to it since the server started. Wrong from 8.0.12 to 9.1.4.
        uploaded: Bytes,
        /// The connection's last counter; the one to use from 8.0.12 to 9.1.4.
        uploadedOffset: Bytes,
        uploadSpeed: Speed,
        /// Received from it. Wrong from 8.0.12 to 9.1.4.
        downloaded: Bytes,
        downloadedOffset: Bytes,
        downloadSpeed: Speed,
        lastFlags: Text | null,
        firstTimeSeen: Millis,
        lastTimeSeen: Millis,
        downloadSpeedMax: Speed | absent since "9.3.0",
        uploadSpeedMax: Speed | absent since "9.3.0",
    }

    /// What is known of an address.
    PeerInfo {
        /// Whether there is any record.
        found: Bool,
        address: Ip,
        /// 1970 where it was never seen.
        firstTimeSeen: Millis,
        /// 1970 where it was never seen.
        lastTimeSeen: Millis,
        banCount: Int,
        /// Records of it.
        torrentAccessCount: Int,
        /// -1 where there is no record.
        uploadedToPeer: Bytes,
        /// -1 where there is no record.
        downloadedFromPeer: Bytes,
        geo: Geo | null | absent,
        ptrLookup: Text | null | absent,
        btnQueryAvailable: Bool | absent since "9.2.0",
    }
}
