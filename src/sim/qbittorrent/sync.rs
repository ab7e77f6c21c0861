//! What the web interface keeps in step with: everything at once, and a torrent's peers.

use serde_json::{Map, Value, json};

use super::{Call, send, torrents, transfer};
use crate::sim::net::Answer;

/// Always a full update.
pub(super) fn maindata(call: &mut Call<'_>) -> Answer {
    let rid = call.number("rid").unwrap_or(0) + 1;
    let list = call.seedbox.torrents.iter().map(|torrent| {
        let mut fields = torrents::fields(torrent, call.seedbox.pauses(), call.now);
        if let Value::Object(fields) = &mut fields {
            fields.remove("hash");
        }
        (torrent.hash.clone(), fields)
    });
    let torrents: Map<String, Value> = list.collect();
    let mut state = transfer::state(call);
    state["free_space_on_disk"] = json!(call.seedbox.free_space());
    state["alltime_ul"] = json!(call.seedbox.torrents.iter().map(|t| t.uploaded.bytes()).sum::<u64>());
    state["alltime_dl"] = json!(call.seedbox.torrents.iter().map(|t| t.downloaded.bytes()).sum::<u64>());
    state["use_alt_speed_limits"] = json!(call.seedbox.slow);
    send(&json!({
        "rid": rid, "full_update": true, "torrents": torrents, "categories": torrents::category_map(call),
        "tags": torrents::tag_list(call), "server_state": state,
    }))
}

pub(super) fn torrent_peers(call: &mut Call<'_>) -> Answer {
    let Some(torrent) = call.seedbox.torrent(call.text("hash")) else { return Answer::text(404, "Not Found") };
    let peers = torrent.peers().map(|peer| {
        let guest = &peer.guest;
        let address = std::net::SocketAddr::new(guest.ip, guest.port);
        let fields = json!({
            "client": guest.client, "connection": if guest.port % 7 < 3 { "μTP" } else { "BT" },
            "country": guest.place.country, "country_code": guest.place.iso.to_lowercase(), "dl_speed": peer.down,
            "downloaded": peer.downloaded.bytes(), "files": "", "flags": peer.flags(), "flags_desc": "",
            "ip": guest.ip.to_string(), "peer_id_client": guest.peer_id, "port": guest.port,
            "progress": peer.progress(torrent.size), "relevance": 1, "up_speed": peer.up,
            "uploaded": peer.uploaded.bytes(),
        });
        (address.to_string(), fields)
    });
    let peers: Map<String, Value> = peers.collect();
    let rid = call.number("rid").unwrap_or(0) + 1;
    send(&json!({"full_update": true, "peers": peers, "rid": rid, "show_flags": true}))
}
