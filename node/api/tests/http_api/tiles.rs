//! The log on the public listener: `tlog_tiles` reads it, and what it reads is the log.

use std::collections::BTreeMap;

use axum::Router;
use suyuan_core::note::UnverifiedCheckpoint;
use suyuan_core::tile::entry_bundle;
use suyuan_core::tree::leaf_hash;
use suyuan_engine::logs::entries;
use tlog_tiles::{Tile, record_hash};

use crate::support::{TestNode, one, request, send, settled, sync, three};

fn paths_of(size: u64) -> Vec<Tile> {
    Tile::new_tiles(8, 0, size)
}

/// Their spelling of a path as ours: tiles here are always of height 8.
fn ours(tile: &Tile) -> String {
    tile.path().strip_prefix("tile/8/").unwrap().to_owned()
}

async fn bytes(router: &Router, path: &str) -> (u16, Vec<u8>, String) {
    let reply = send(router, request("GET", path, &[("host", "trace.example.cn")], "")).await;
    let cache = reply.headers["cache-control"].to_str().unwrap().to_owned();
    if reply.status == 200 && path.contains("/tile/") {
        assert_eq!(reply.headers["content-type"], "application/octet-stream");
    }
    (reply.status.as_u16(), reply.body, cache)
}

async fn fill(node: &TestNode, until: u64) {
    while node.size() < until {
        let count = (until - node.size()).min(500);
        let records: Vec<String> = (0..count).map(|n| format!(r#"{{"type":"note","sections":[{{"for":"self","fields":{{"n":{n}}}}}]}}"#)).collect();
        let reply = node.post("/api/v1/records", format!(r#"{{"records":[{}]}}"#, records.join(","))).await;
        assert_eq!(reply.status, 201);
    }
    settled(&node.node.handle).await;
}

/// Every tile that the oracle expects at a size is served, and the root over them is the checkpoint's.
async fn check(node: &TestNode, router: &Router, size: u64) {
    let prefix = format!("/log/{}/0", node.id);
    let (status, note, cache) = bytes(router, &format!("{prefix}/checkpoint")).await;
    assert_eq!((status, cache.as_str()), (200, "no-cache"));
    let note = String::from_utf8(note).unwrap();
    assert_eq!(UnverifiedCheckpoint::parse(&note).unwrap().claimed_size(), size);
    let root: [u8; 32] = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.decode(note.lines().nth(2).unwrap()).unwrap().try_into().unwrap()
    };
    let state = node.node.handle.state();
    let number = state.ledger.logs.known(&state.ledger.own_log()).unwrap().number;
    let ids = entries(node.node.handle.store().as_ref(), number, 0..size).unwrap();
    let mut levels: BTreeMap<u8, Vec<[u8; 32]>> = BTreeMap::new();
    for tile in paths_of(size) {
        let (status, data, cache) = bytes(router, &format!("{prefix}/tile/{}", ours(&tile))).await;
        assert_eq!((status, data.len()), (200, 32 * tile.width() as usize), "{}", tile.path());
        assert!(cache.contains("immutable"));
        levels.entry(tile.level()).or_default().extend(data.as_chunks::<32>().0);
    }
    let leaves: Vec<[u8; 32]> = ids.iter().map(|id| record_hash(&id.0).0).collect();
    assert_eq!(leaves, ids.iter().map(|id| leaf_hash(&id.0)).collect::<Vec<_>>());
    assert_eq!(levels.get(&0).cloned().unwrap_or_default(), leaves);
    assert_eq!(suyuan_core::tree::root(&leaves), root, "the root over the tiles is the one that was signed");
    for (level, hashes) in &levels {
        for (index, hash) in hashes.iter().enumerate() {
            let unit = 256usize.pow(u32::from(*level));
            assert_eq!(*hash, suyuan_core::tree::root(&leaves[index * unit..(index + 1) * unit]), "level {level} hash {index}");
        }
    }
    for (index, chunk) in ids.chunks(256).enumerate() {
        let width = if chunk.len() == 256 { String::new() } else { format!(".p/{}", chunk.len()) };
        let (status, data, cache) = bytes(router, &format!("{prefix}/tile/entries/{index:03}{width}")).await;
        assert_eq!((status, data), (200, entry_bundle(chunk)), "entries {index}");
        assert!(cache.contains("immutable"));
    }
}

#[tokio::test]
async fn tiles_are_those_of_the_oracle_around_every_edge() {
    let node = one().await;
    for size in [1, 2, 255, 256, 257, 511, 512, 700] {
        fill(&node, size).await;
        check(&node, &node.public, size).await;
    }
}

#[tokio::test]
async fn another_member_serves_the_same_tiles_and_charter() {
    let [g, z, _] = three().await;
    fill(&g, 300).await;
    sync(&g, &z).await;
    check(&g, &z.public, 300).await;
    let prefix = format!("/log/{}/0", g.id);
    for path in ["checkpoint", "tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"] {
        let path = format!("{prefix}/{path}");
        assert_eq!(bytes(&g.public, &path).await, bytes(&z.public, &path).await);
    }
    assert_eq!(bytes(&z.public, "/charter").await.1, g.node.handle.charter_file().to_vec());
}

/// Paths below a log of 300 entries at which there is nothing.
const NO_TILES: [&str; 33] = [
    "tile/0/001",
    "tile/0/001.p/45",
    "tile/0/001.p/0",
    "tile/0/001.p/256",
    "tile/0/002",
    "tile/0/002.p/1",
    "tile/1/000",
    "tile/1/000.p/2",
    "tile/2/000.p/1",
    "tile/8/000",
    "tile/64/000",
    "tile/0/0",
    "tile/0/1",
    "tile/00/000",
    "tile/0/x000/000",
    "tile/0/000.p/01",
    "tile/0/000.p/",
    "tile/0/000/",
    "tile/0/",
    "tile/",
    "tile",
    "tile/-1/000",
    "tile/0/999",
    "tile/0/x999/x999/x999/x999/x999/999",
    "tile/0/x999/x999/x999/x999/x999/x999/999",
    "tile/entries/001",
    "tile/entries/001.p/45",
    "tile/entries/002",
    "tile/data/000",
    "tile/0/%2e%2e/000",
    "tile/0/%ff",
    "checkpoint/",
    "",
];

#[tokio::test]
async fn narrower_tiles_stay_and_everything_else_is_not_found() {
    let node = one().await;
    fill(&node, 300).await;
    let prefix = format!("/log/{}/0", node.id);
    let full = bytes(&node.public, &format!("{prefix}/tile/0/000")).await.1;
    for width in [1, 100, 255] {
        assert_eq!(bytes(&node.public, &format!("{prefix}/tile/0/000.p/{width}")).await.1, full[..32 * width]);
    }
    for path in NO_TILES {
        assert_eq!(bytes(&node.public, &format!("{prefix}/{path}")).await.0, 404, "{path}");
    }
    let id = node.id;
    for log in [
        format!("{}/0", "0".repeat(64)),
        format!("{id}/1"),
        format!("{id}/00"),
        format!("{id}/+0"),
        format!("{id}/-0"),
        "x/0".into(),
        format!("{}/0", id.to_string().to_uppercase()),
    ] {
        for path in ["checkpoint", "tile/0/000"] {
            assert_eq!(bytes(&node.public, &format!("/log/{log}/{path}")).await.0, 404, "{log}");
        }
    }
    let written = send(&node.public, request("POST", &format!("{prefix}/checkpoint"), &[], "")).await;
    assert_eq!(written.problem(), "method");
}

/// The public listener has nothing of the node's own API.
#[tokio::test]
async fn the_admin_routes_are_not_there() {
    let node = one().await;
    for route in suyuan_api::routes::table() {
        let headers = [("authorization", &*format!("Bearer {}", node.tokens[2]))];
        let reply = send(&node.public, request(route.method_name(), &crate::document::filled(&route.path), &headers, "")).await;
        assert_eq!(reply.status, 404, "{route:?}");
    }
}
