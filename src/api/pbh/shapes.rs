//! What PeerBanHelper's routes return and take, inside the envelope.

use crate::api::shapes;

shapes! {
    // Shared by many.

    /// How many entries a request named.
    Count {
        count: Int,
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

    /// A torrent that a record refers to.
    TorrentRef {
        id: Int,
        infoHash: Text,
        name: Text,
        size: Bytes,
        privateTorrent: Bool | null,
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

    /// A part of the server that took up a configuration.
    Reloaded {
        /// A class, or a class and its method.
        reloadable: Text,
        /// `SUCCESS`, `SCHEDULED`, `REQUIRE_RESTART` or `EXCEPTION`.
        reloadResult: Text,
    }

    /// A number of one day.
    DayCount {
        /// The beginning of the day in the server's zone.
        key: Millis,
        value: Int,
    }

    // Metadata and first run.

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

    /// A downloader before it is added.
    DownloaderSetup {
        /// Chosen by the caller, best a UUID; without a dot.
        id: Text,
        config: DownloaderConfig,
    }

    /// Whether and as whom the server takes part in BTN.
    BtnSetup {
        enabled: Bool | absent,
        submit: Bool | absent,
        app_id: Text | absent,
        app_secret: Secret | absent,
    }

    /// Where the server keeps its data.
    DatabaseSetup {
        /// `sqlite`, `h2`, `mysql` or `postgresql`.
        type: Text,
        host: Text | null | absent,
        port: Int | null | absent,
        database: Text | null | absent,
        username: Text | null | absent,
        password: Secret | null | absent,
    }

    /// A torrent client that was found.
    FoundDownloader {
        host: Text,
        port: Int,
        /// `transmission`, `biglybt`, `bitcomet` or `qbittorrent`.
        type: Text,
        /// The process that has the port.
        pid: Int,
        /// `NEW` or `ADDED`.
        added: Text | absent since "9.3.0",
    }

    // Statistics.

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

    /// How often rules were asked and hit.
    RuleCounters {
        /// Names for people.
        dict: {Text},
        data: [RuleCounter],
    }

    /// How often one rule was asked and hit.
    RuleCounter {
        /// In the server's language.
        type: Text,
        hit: Int,
        query: Int,
        metadata: Any,
    }

    /// A value's part of the ban history.
    FieldShare {
        /// The value.
        data: Text,
        /// Rows, or their sum.
        count: Int,
        percent: Share,
    }

    /// A time's part of the ban history.
    TimeShare {
        timestamp: Millis,
        count: Int,
        percent: Share,
    }

    // Bans.

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

    /// A ban of the history.
    BanRecord {
        banAt: Millis,
        unbanAt: Millis,
        peerIp: Ip,
        peerPort: Int,
        peerId: Text | null,
        peerClientName: Text | null,
        /// Sent to the peer before the ban.
        peerUploaded: Bytes,
        /// Received from the peer before the ban.
        peerDownloaded: Bytes,
        peerProgress: Share,
        torrentInfoHash: Text,
        /// `User Operation` for manual bans.
        torrentName: Text,
        torrentSize: Bytes,
        /// The class of the module that banned.
        module: Text,
        /// In the server's language.
        rule: Text,
        /// In the server's language.
        description: Text,
        downloader: DownloaderRef,
    }

    /// How often an address was banned.
    AddressCount {
        peerIp: Ip,
        count: Int,
    }

    // Downloaders.

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
        httpVersion: Text | null | absent until "8.0.x",
    }

    /// A login to a proxy before the downloader.
    BasicAuth {
        user: Text | null,
        pass: Secret | null,
    }

    /// A peer of one torrent.
    TorrentPeer {
        peer: Peer,
        geo: Geo | null,
        /// Only where reverse lookups are on.
        ptrRecord: Text | null | absent since "7.4.0",
    }

    // Push channels.

    /// Where the server sends its messages.
    PushChannel {
        name: Text,
        /// The kind of channel, as in `telegram`.
        type: Text,
        config: PushConfig,
    }

    /// A push channel's configuration alone.
    PushStatus {
        config: PushConfig,
    }

    /// A push channel's configuration. Each kind of channel has its own fields.
    PushConfig {
        /// `pushplus`, `telegram` and `ntfy`.
        token: Secret | null | absent,
        /// `pushplus` and `ntfy`.
        topic: Text | null | absent,
        /// `pushplus` and `serverchan`.
        channel: Text | null | absent,
        /// `serverchan`.
        sendKey: Secret | null | absent,
        /// `serverchan`.
        openId: Text | null | absent,
        /// `smtp`, as the next ones.
        host: Text | null | absent,
        port: Int | null | absent,
        auth: Bool | null | absent,
        username: Text | null | absent,
        password: Secret | null | absent,
        sender: Text | null | absent,
        senderName: Text | null | absent,
        receivers: [Text] | null | absent,
        /// As in `SSLTLS`, or `NONE`.
        encryption: Text | null | absent,
        sendPartial: Bool | null | absent,
        /// `telegram`.
        chatId: Text | null | absent,
        /// `bark`, as the next two.
        backend_url: Text | null | absent,
        device_key: Secret | null | absent,
        message_group: Text | null | absent,
        /// `pushdeer` and `gotify`; may hold a token.
        endpoint: Text | null | absent,
        /// `pushdeer`.
        pushkey: Secret | null | absent,
        /// `gotify` and `ntfy`.
        priority: Int | null | absent,
        /// `ntfy`.
        server_url: Text | null | absent,
        /// `ntfy`.
        tags: Any | null | absent,
        /// `webhook`, as the next ones.
        url: Text | null | absent,
        /// `GET` or `POST`.
        method: Text | null | absent,
        content_type: Text | null | absent,
        body_template: Text | null | absent,
        headers: {Secret} | null | absent,
    }

    // General.

    /// How the server and its host fare.
    ServerStatus {
        jvm: Jvm,
        system: System,
        peerbanhelper: Program,
    }

    /// The Java machine that the server runs on.
    Jvm {
        version: Text,
        vendor: Text,
        runtime: Text,
        bitness: Int,
        memory: JvmMemory,
        startup_arguments: [Text] | absent since "8.0.0",
    }

    /// The Java machine's memory.
    JvmMemory {
        heap: MemoryPool,
        non_heap: MemoryPool,
    }

    /// One part of the Java machine's memory.
    MemoryPool {
        init: Bytes,
        /// -1 where there is no limit.
        max: Bytes,
        used: Bytes,
        /// `max` less `used`, which says nothing where there is no limit.
        free: Bytes,
        committed: Bytes,
    }

    /// The server's host.
    System {
        architecture: Text,
        cores: Int,
        /// Over one minute; -1 where it is not known.
        load: Float,
        os: Text,
        version: Text,
        network: SystemNetwork,
        memory: SystemMemory | null | absent,
    }

    /// How the server's host is connected.
    SystemNetwork {
        internet_access: InternetAccess | null since "9.0.0",
        use_proxy: Bool,
        /// Whether this call came through a proxy.
        reverse_proxy: Bool,
        /// Who called, as the server sees it.
        client_ip: Ip,
        nat_type: Text | absent since "9.0.0",
    }

    /// What the server can reach.
    InternetAccess {
        accessToChinaNetwork: Bool | null,
        accessToGlobalNetwork: Bool | null,
    }

    /// The host's memory.
    SystemMemory {
        total: Bytes,
        free: Bytes,
        page_size: Bytes,
    }

    /// The server itself.
    Program {
        version: Text,
        commit_id: Text,
        compile_time: Seconds,
        /// How it was packaged.
        release: Text,
        uptime: DurationSeconds,
        data_dir: Text,
        database_type: Text | absent since "9.3.4",
    }

    /// What applies to the whole server.
    GlobalSettings {
        /// Whether there are no ban waves.
        globalPaused: Bool,
        /// Whether usage statistics are sent.
        analytics: Bool | absent since "9.3.0",
    }

    /// A configuration file: the fields up to `push_notification` are those of `config`, the others those of `profile`.
    Settings {
        config_version: Int | absent,
        language: Text | absent,
        gui: Text | absent,
        pbh_plus_key: [Secret] | absent,
        server: ServerSettings | absent,
        logger: Any | absent,
        lookup: Any | absent,
        persist: Any | absent,
        btn: BtnSettings | absent,
        ip_database: Any | absent,
        proxy: Any | absent,
        performance: Any | absent,
        stun: Any | absent,
        auto_stun: Any | absent,
        banlist_remapping: Any | absent,
        privacy: Any | absent,
        database: DatabaseSetup | absent,
        ip_remapping: Any | absent,
        installation_id: Text | absent,
        /// By id, with `_` for `-`.
        client: {StoredDownloader} | absent,
        push_notification: [StoredPush] | absent,
        /// Between two waves, in milliseconds.
        check_interval: Int | absent,
        /// Where a module says nothing else, in milliseconds.
        ban_duration: Int | absent,
        /// Never banned.
        ignore_peers_from_addresses: [Cidr] | absent,
        /// By module.
        module: Any | absent,
    }

    /// How the server is reached.
    ServerSettings {
        http: Int | absent,
        address: Text | absent,
        prefix: Text | absent,
        token: Secret | absent,
        allow_cors: Bool | absent,
    }

    /// How the server takes part in BTN, as its file has it.
    BtnSettings: BtnSetup {
        config_url: Text | absent,
        allow_script_execute: Bool | absent,
    }

    /// A downloader as the server's file has it.
    StoredDownloader {
        type: Text,
        name: Text | null | absent,
        endpoint: Text | null | absent,
        username: Text | null | absent,
        password: Secret | null | absent,
        api_key: Secret | null | absent,
        basic_auth: BasicAuth | null | absent,
        token: Secret | null | absent,
        rpc_url: Text | null | absent,
        increment_ban: Bool | absent,
        use_shadow_ban: Bool | absent,
        verify_ssl: Bool | absent,
        ignore_private: Bool | absent,
        paused: Bool | absent,
    }

    /// A push channel as the server's file has it.
    StoredPush: PushConfig {
        push_notification_name: Text | absent,
        type: Text | absent,
        send_key: Secret | null | absent,
    }

    // Modules.

    /// How wide the neighbours of a banned address are banned.
    AutoRangeBan {
        /// The prefix length for IPv4.
        ipv4_prefix as "ipv4-prefix": Int,
        /// The prefix length for IPv6.
        ipv6_prefix as "ipv6-prefix": Int,
    }

    /// How the connection to BTN fares.
    BtnStatus {
        /// Says nothing: true also where BTN is off.
        enabled: Bool | absent since "9.4.0",
        /// Whether it works.
        configSuccess: Bool,
        /// In the server's language.
        configResult: Text | null | absent since "7.4.0",
        appId: Text | null,
        /// Its first five characters.
        appSecret: Secret | null,
        configUrl: Text | null,
        abilities: [BtnAbility],
    }

    /// Something that BTN does.
    BtnAbility {
        name: Text,
        /// In the server's language.
        displayName: Text | absent,
        /// In the server's language.
        description: Text | absent,
        lastSuccess: Bool,
        lastMessage: Text | null,
        lastUpdateAt: Millis,
    }

    /// Rules on client names.
    ClientNameRules {
        /// Each is JSON again: `matcherName`, `matcherIdentifier`, `metadata`.
        clientName: [Text],
    }

    /// Rules on peer ids.
    PeerIdRules {
        /// Each is JSON again: `matcherName`, `matcherIdentifier`, `metadata`.
        peerId: [Text],
    }

    /// Rules on reverse names.
    PtrRules {
        /// Each is JSON again: `matcherName`, `matcherIdentifier`, `metadata`.
        ptr_rules as "ptr-rules": [Text],
    }

    /// One list of the IP blacklist.
    IpBlacklist {
        ip: [Cidr] | absent,
        port: [Int] | absent,
        asn: [Int] | absent,
        /// Countries, two letters each.
        region: [Text] | absent,
        /// Parts of names.
        city: [Text] | absent,
        netType: [Text] | absent since "9.0.0",
    }

    /// The addresses that a rule covers.
    AddressRange {
        /// The first one, with all its zeros.
        from: Text,
        /// The last one, with all its zeros.
        to: Text,
        generatedCidr: Cidr,
        /// How many, in digits: there can be more than an integer holds.
        count: Text,
    }

    /// Settings against many addresses of one network.
    MultiDialing {
        subnetMaskLength: Int,
        subnetMaskV6Length: Int,
        /// How many IPv4 addresses of one network are borne.
        tolerateNumV4: Int,
        /// How many IPv6 addresses of one network are borne, although its name says 5.
        tolerateNumV5: Int,
        cacheLifespan: DurationMillis,
        keepHunting: Bool,
        keepHuntingTime: DurationMillis,
    }

    /// What the multi-dialling module watches.
    MultiDialingStatus {
        /// By `torrent@network`.
        huntingList: {Millis},
        /// By `torrent@address`.
        cache: {Millis},
        /// By `torrent@network`, then by address.
        subnetCounter: {{Millis}},
    }

    /// Settings against peers that lie about their progress.
    ProgressCheat {
        torrentMinimumSize: Bytes,
        blockExcessiveClients: Bool,
        /// How many times a torrent's size a peer may get.
        excessiveThreshold: Float,
        maximumDifference: Share,
        /// -1 where it is off.
        rewindMaximumDifference: Share,
    }

    /// The peers of one network that the progress module watches.
    ProgressWatch {
        client: ProgressClient,
        task: [ProgressTask],
    }

    /// A network on one torrent.
    ProgressClient {
        peerPrefix: Cidr | absent since "8.0.0",
        torrentId: Text,
    }

    /// A peer that the progress module watches.
    ProgressTask {
        peerIp: Ip,
        lastReportProgress: Share,
        lastReportUploaded: Bytes,
        trackingUploadedIncreaseTotal: Bytes,
        rewindCounter: Int,
        progressDifferenceCounter: Int,
        firstTimeSeen: Millis,
        lastTimeSeen: Millis,
        /// The downloader's id.
        downloader: Text,
        banDelayWindowEndAt: Millis,
        fastPcbTestExecuteAt: Millis,
        lastTorrentCompletedSize: Bytes,
    }

    /// How much the swarm tracking holds.
    SwarmSize {
        /// Rows.
        trackedSwarmSize: Int,
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

    // Subscriptions.

    /// A list of addresses that the server fetches.
    Subscription {
        ruleId: Text,
        enabled: Bool,
        ruleName: Text,
        subUrl: Text | null,
        /// 1970 where it never was.
        lastUpdate: Millis,
        /// Entries of the last download.
        entCount: Int,
    }

    /// A download of a subscription.
    SubscriptionUpdate {
        id: Int,
        ruleId: Text,
        updateTime: Millis,
        /// Entries.
        count: Int,
        /// `AUTO` or `MANUAL`.
        updateType: Text,
    }

    // Befriended servers.

    /// A befriended server.
    Friend {
        peerId: Text,
        pubKey: Text,
        lastAttemptConnectTime: Millis,
        lastCommunicationTime: Millis,
        lastRecordedPBHVersion: Text,
        connected: Bool,
        lastRecordedConnectionStatus: Text,
    }

    /// How a server introduces itself.
    FriendMetadata {
        publicKey: Text,
        peerId: Text,
    }

    // The server's own scripts and experiments.

    /// One of the server's own scripts.
    Script {
        /// Its file's name.
        id: Text,
        name: Text,
        author: Text,
        cacheable: Bool,
        threadSafe: Bool,
        version: Text,
    }

    /// Whether the server's own scripts may be edited.
    Editable {
        editable: Bool,
        /// In the server's language, where not.
        reason: Text | null | absent,
    }

    /// What the server tries out.
    Experiments {
        experiments: [Experiment],
        /// This server's group, 0 to 4.
        mygroup: Int,
        labEnabled: Bool,
    }

    /// Something that the server tries out.
    Experiment {
        id: Text,
        activated: Bool,
        /// The groups that try it, 0 to 4.
        targetGroups: [Int],
        title: Text,
        description: Text,
    }

    /// Whether experiments are allowed.
    LabConfig {
        enabled: Bool,
    }

    // Alerts, logs and tasks.

    /// Something the server's owner should know.
    Alert {
        id: Int,
        createAt: Millis,
        /// Null while nobody has read it.
        readAt: Millis | null | absent,
        /// `TIP`, `INFO`, `WARN`, `ERROR` or `FATAL`.
        level: Text,
        identifier: Text,
        /// In the server's language.
        title: Text,
        /// In the server's language.
        content: Text,
    }

    /// A reply on disk.
    SavedFile {
        /// In the data folder.
        path: Text,
        size: Bytes,
        /// What the server says it is.
        content_type: Text | null,
    }

    /// A line of the server's log.
    LogEntry {
        time: Millis,
        thread: Text,
        /// `TRACE`, `DEBUG`, `INFO`, `WARN` or `ERROR`.
        level: Text,
        content: Text,
        /// Grows by one with each line, from the server's start on.
        offset: Int,
    }

    /// News of a long task.
    TaskUpdate {
        /// `UPDATED`.
        type: Text,
        task: Task,
    }

    /// A long task.
    Task {
        id: Text,
        /// In the server's language.
        title: Text,
        /// In the server's language.
        statusText: Text | null,
        /// `QUEUED`, `PREPARING`, `RUNNING`, `COMPLETED`, `FAILED`, `PAUSED` or `CANCELLED`.
        status: Text,
        /// `HIDDEN`, `DETERMINATE` or `INDETERMINATE`.
        barType: Text,
        progress: Float,
        current: Int,
        max: Int,
    }

    /// A long task of releases before 9.3.
    AsyncTask {
        taskId: Text,
        taskTitle: Text,
        taskDescription: Text,
        taskProgress: Float,
    }

    /// News of a long task of releases before 9.3.
    AsyncTaskMessage {
        success: Bool,
        /// `BUSINESS` or `ALERT`.
        action: Text,
        /// A line of text, or `level` and `message`.
        data: Any,
    }

    // Licences.

    /// The riddle that renewing a licence takes.
    Captcha {
        /// Good for an hour.
        challengeId: Text,
        /// Base64 of 32 bytes.
        challengeBase64: Text,
        difficultyBits: Int,
        /// The hash, as in `SHA-1`.
        algorithm: Text,
    }

    /// What the server is licensed for.
    Licences {
        enabledFeatures: [Text],
        licenses: [Licence],
    }

    /// A licence.
    Licence {
        /// What `plus_key_delete` takes.
        licenseId: Text,
        /// 1, 2, or -1 where it is not known.
        version: Int,
        /// `VALID`, `NOT_STARTED`, `EXPIRED`, `REVOKED` or `INVALID`.
        status: Text,
        data: LicenceData | null,
    }

    /// What a licence says. Its first version has fewer fields.
    LicenceData {
        verifyMagic: Text,
        licenseVersion: Int | absent,
        type: Text | null | absent,
        source: Text,
        licenseTo: Text,
        orderId: Text | null | absent,
        paymentGateway: Text | null | absent,
        paymentOrderId: Text | null | absent,
        email: Text | null | absent,
        sku: Text | null | absent,
        paid: Float | null | absent,
        createAt: Millis,
        startAt: Millis | absent,
        expireAt: Millis,
        description: Text | null | absent,
        hidden: Text | null | absent,
        features: [Text] | absent,
    }

    // Torrents, charts and peers.

    /// A torrent that the server has recorded.
    RecordedTorrent {
        infoHash: Text,
        name: Text,
        size: Bytes,
        /// Bans on it.
        peerBanCount: Int,
        /// Peers of it.
        peerAccessCount: Int,
    }

    /// A peer on a torrent, over all its connections.
    AccessRecord {
        id: Int,
        address: Ip,
        port: Int | absent since "9.1.0",
        torrent: TorrentRef,
        downloader: DownloaderRef,
        /// Its first eight characters.
        peerId: Text,
        clientName: Text,
        /// Sent to it; -1 for Transmission.
        uploaded: Bytes,
        /// The connection's last counter.
        uploadedOffset: Bytes,
        uploadSpeed: Speed,
        /// Received from it; -1 for Transmission.
        downloaded: Bytes,
        /// The connection's last counter.
        downloadedOffset: Bytes,
        downloadSpeed: Speed,
        lastFlags: Text | null,
        firstTimeSeen: Millis,
        lastTimeSeen: Millis,
    }

    /// Addresses by where they belong, most first; `N/A` where it is not known.
    GeoChart {
        isp: [NameCount],
        province: [NameCount],
        /// Countries.
        region: [NameCount],
        city: [NameCount],
    }

    /// How many addresses have a name.
    NameCount {
        key: Text,
        value: Int,
    }

    /// Peers by day.
    TrendChart {
        connectedPeersTrend: [DayCount],
        bannedPeersTrend: [DayCount],
    }

    /// A day's traffic.
    DayTraffic {
        /// The beginning of the day in the server's zone.
        timestamp: Millis,
        dataOverallUploaded: Bytes,
        dataOverallDownloaded: Bytes,
    }

    /// A day's connections.
    DaySessions {
        /// The beginning of the day in the server's zone.
        key: Millis,
        total: Int,
        /// Those that peers opened.
        incoming: Int,
    }

    /// How peers connected. A peer counts for each thing that is true of it.
    SessionFlags {
        /// The beginning of the time.
        key: Millis,
        totalConnections: Int,
        incomingConnections: Int,
        remoteRefuseTransferToClient: Int,
        remoteAcceptTransferToClient: Int,
        localRefuseTransferToPeer: Int,
        localAcceptTransferToPeer: Int,
        localNotInterested: Int,
        questionStatus: Int,
        optimisticUnchoke: Int,
        fromDHT: Int,
        fromPEX: Int,
        fromLSD: Int,
        fromTrackerOrOther: Int,
        rc4Encrypted: Int,
        plainTextEncrypted: Int,
        utpSocket: Int,
        tcpSocket: Int,
    }

    /// A client software's traffic.
    ClientTraffic {
        /// Null since 9.3.
        peerId: Text | null,
        /// Null since 9.3.
        clientName: Text | null,
        uploaded: Bytes,
        downloaded: Bytes,
        /// Records.
        count: Int,
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

    // What BTN knows.

    /// What BTN knows of an address.
    BtnReport {
        /// `red`, `orange`, `green` or `gray`.
        color: Text,
        labels: [Text],
        bans: BtnBans,
        swarms: BtnSwarms,
        traffic: BtnTraffic,
        torrents: BtnTorrents,
    }

    /// Bans that others reported.
    BtnBans {
        /// How far it looks back.
        duration: DurationMillis,
        total: Int,
        records: [BtnBan],
    }

    /// A ban that somebody reported.
    BtnBan {
        populate_time: Millis,
        torrent: Text,
        peer_ip: Ip,
        peer_port: Int,
        peer_id: Text,
        peer_client_name: Text,
        peer_progress: Share,
        peer_flags: Text | null,
        reporter_progress: Share,
        to_peer_traffic: Bytes,
        from_peer_traffic: Bytes,
        module_name: Text,
        rule: Text,
        description: Text,
        structured_data: Any | null,
    }

    /// Swarms that others reported.
    BtnSwarms {
        /// How far it looks back.
        duration: DurationMillis,
        total: Int,
        records: [BtnSwarm],
        concurrent_download_torrents_count: Int,
        concurrent_seeding_torrents_count: Int,
    }

    /// A peer of a swarm that somebody reported.
    BtnSwarm {
        torrent: Text,
        peer_ip: Ip,
        peer_port: Int,
        peer_id: Text,
        peer_client_name: Text,
        peer_progress: Share,
        from_peer_traffic: Bytes,
        to_peer_traffic: Bytes,
        from_peer_traffic_offset: Bytes,
        to_peer_traffic_offset: Bytes,
        flags: Text | null,
        first_time_seen: Millis,
        last_time_seen: Millis,
        user_progress: Share,
    }

    /// Traffic that others reported.
    BtnTraffic {
        /// How far it looks back.
        duration: DurationMillis,
        to_peer_traffic: Bytes,
        from_peer_traffic: Bytes,
        share_ratio: Ratio,
    }

    /// Torrents that others reported.
    BtnTorrents {
        /// How far it looks back.
        duration: DurationMillis,
        count: Int,
    }

    // AutoSTUN and plug-ins.

    /// How AutoSTUN is set up.
    AutoStunStatus {
        enabled: Bool,
        useFriendlyLoopbackMapping: Bool,
        selectedDownloaders: [DownloaderRef],
        natType: Text,
        /// Whether the server is in a bridged container, where AutoSTUN cannot work.
        isBridgeNetDriver: Bool,
    }

    /// A downloader and its tunnel.
    DownloaderTunnel {
        downloader: DownloaderRef,
        tunnel: Tunnel | null,
    }

    /// A tunnel through a NAT.
    Tunnel {
        valid: Bool,
        startedAt: Millis,
        lastSuccessHeartbeatAt: Millis,
        connectionsHandled: Int,
        connectionsFailed: Int,
        connectionsBlocked: Int,
        connectionsRejected: Int,
        totalToDownstreamBytes: Bytes,
        totalToUpstreamBytes: Bytes,
        establishedConnections: Int,
        /// `???` where nothing forwards.
        proxyHost: Text,
        proxyPort: Int,
        upstreamHost: Text,
        upstreamPort: Int,
        /// `DEFAULT`, `NIO`, `KQUEUE`, `EPOLL` or `IO_URING`.
        forwarderIOHandlerType: Text,
        /// In the server's language.
        shutdownReason: Text | null | absent,
    }

    /// A connection through a tunnel.
    TunnelConnection {
        ipGeoData: Geo | null | absent,
        downstreamHost: Text,
        downstreamPort: Int,
        proxyHost: Text,
        proxyPort: Int,
        proxyOutgoingHost: Text,
        proxyOutgoingPort: Int,
        upstreamHost: Text,
        upstreamPort: Int,
        establishedAt: Millis,
        lastActivityAt: Millis,
        toDownstreamBytes: Bytes,
        toUpstreamBytes: Bytes,
    }

    /// A plug-in.
    Plugin {
        id: Text,
        displayName: Text,
        description: Text | null,
        version: Text,
        path: Text,
        /// `CREATED`, `DISABLED`, `RESOLVED`, `STARTED`, `STOPPED`, `FAILED` or `UNLOADED`.
        state: Text,
        /// `DEVELOPMENT` or `DEPLOYMENT`.
        runtimeMode: Text,
        className: Text,
        license: Text | null,
        provider: Text | null,
        requires: Text | null,
        dependencies: [PluginDependency],
        menus: [PluginMenu],
        errorMessage: Text | null,
    }

    /// A plug-in that another needs.
    PluginDependency {
        id: Text,
        optional: Bool,
        versionSupport: Text,
    }

    /// An entry that a plug-in adds to the web page.
    PluginMenu {
        id: Text,
        displayName: Text,
        disabled: Bool,
        relativeEndpoint: Text,
    }

    /// What became of one plug-in.
    PluginResult {
        pluginId: Text,
        /// The plug-in's state, its id or a truth; null where it failed.
        value: Any | null,
        message: Text,
    }
}
