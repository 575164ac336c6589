//! An alliance that lives: versions of its charter, invitations that are taken back, and members that have left.

use std::time::Duration;

use serde_json::{Value, json};
use suyuan_api::auth::Rights;
use suyuan_runtime::node::now;

use crate::support::{Reply, TestNode, sync, three};

const DAY: u64 = 86_400_000;

/// Lets nodes do what is due, and tell each other, until all of them have this version of the charter.
async fn settle(nodes: &[&TestNode], version: u64) {
    for _ in 0..400 {
        if nodes.iter().all(|node| node.node.handle.state().ledger.alliance.version() == version) {
            return;
        }
        for from in nodes {
            from.node.handle.decide(nodes.iter().map(|node| node.id).collect());
            for to in nodes.iter().filter(|to| to.id != from.id) {
                sync(from, to).await;
                to.node.handle.learn_heads(from.node.handle.state().ledger.decisions.heads().to_send());
            }
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("version {version} did not come");
}

/// Proposes as the first node, and approves with all that may.
async fn decide(nodes: &[&TestNode], change: Value, version: u64) -> String {
    let proposal = propose(nodes, change).await;
    approve(nodes, &proposal).await;
    settle(nodes, version).await;
    proposal
}

async fn propose(nodes: &[&TestNode], change: Value) -> String {
    let proposed = nodes[0].post("/api/v1/resolutions", json!({ "change": change, "expires": now() + DAY }).to_string()).await;
    assert_eq!(proposed.status, 201, "{}", proposed.text());
    for node in &nodes[1..] {
        sync(nodes[0], node).await;
    }
    proposed.json()["id"].as_str().unwrap().to_owned()
}

async fn approve(nodes: &[&TestNode], proposal: &str) {
    for node in nodes {
        let asked = node.get(&format!("/api/v1/resolutions/{proposal}")).await.json();
        if asked["waitsForMe"] == true {
            let vote = node.post(&format!("/api/v1/resolutions/{proposal}/votes"), r#"{"choice":"approve"}"#).await;
            assert_eq!(vote.status, 201, "{}", vote.text());
        }
    }
}

async fn remove(node: &TestNode, path: &str) -> Reply {
    node.call("DELETE", path, &[("authorization", &node.bearer(Rights::Admin))], "").await
}

#[tokio::test]
async fn every_version_of_the_charter_stays_readable() {
    let [g, z, r] = three().await;
    let nodes = [&g, &z, &r];
    let founding = g.get("/api/v1/charter").await.json();
    assert_eq!((&founding["version"], &founding["decision"], &founding["since"]), (&0.into(), &Value::Null, &founding["time"]));
    assert_eq!((&founding["rules"]["admit"], &founding["rules"]["chair"]), (&"two-thirds".into(), &"majority".into()));
    assert!(founding["witnesses"]["policy"].as_str().unwrap().starts_with("log suyuan/"));
    let begun = now() / 1000 * 1000;
    let amended = json!({ "charter": { "name": "新链", "terms": "text", "seal": 3_600_000, "rules": { "admit": "all" } } });
    let first = decide(&nodes, amended, 1).await;
    let second = decide(&nodes, json!({ "role": { "member": r.id, "role": "regulator", "scope": ["inspection", "note"] } }), 2).await;
    for node in nodes {
        let list = node.get("/api/v1/charter/versions").await.json();
        let versions = list["versions"].as_array().unwrap();
        assert_eq!(versions.iter().map(|one| one["version"].as_u64().unwrap()).collect::<Vec<_>>(), [2, 1, 0]);
        assert_eq!((&versions[0]["decision"]["proposal"], &versions[1]["decision"]["proposal"]), (&second.as_str().into(), &first.as_str().into()));
        assert_eq!(
            versions[0]["changes"],
            json!([{ "part": "scope", "member": { "id": r.id, "name": "R", "role": "regulator" },
            "before": ["inspection"], "after": ["inspection", "note"] }])
        );
        assert_eq!(
            versions[1]["changes"],
            json!([{ "part": "name", "before": "链", "after": "新链" }, { "part": "terms", "before": null, "after": null },
            { "part": "seal", "before": 86_400_000, "after": 3_600_000 }, { "part": "rule", "rule": "admit", "before": "two-thirds", "after": "all" }])
        );
        assert_eq!(list["next"], Value::Null);
        // Z alone cosigns what G keeps: the time is by its clock, in whole seconds, and it is the same everywhere.
        let since = versions[1]["since"].as_u64().unwrap();
        assert!(since >= begun && since <= now() && (since.is_multiple_of(1000) || since == founding["time"]), "{since}");
        assert_eq!(versions, g.get("/api/v1/charter/versions").await.json()["versions"].as_array().unwrap());
        let old = node.get("/api/v1/charter?version=1").await.json();
        assert_eq!((&old["name"], &old["terms"], &old["newest"]), (&"新链".into(), &"text".into(), &2.into()));
        assert_eq!((&old["since"], &old["until"]), (&since.into(), &versions[0]["since"]));
        assert_eq!(node.get("/api/v1/charter?version=0").await.json()["name"], "链");
        let at = async |time: u64| node.get(&format!("/api/v1/charter?at={time}")).await.json()["version"].clone();
        // Where all of it falls into the second of the founding, its changes do too.
        let first = founding["time"].as_u64().unwrap();
        let early = versions.iter().filter(|version| version["since"].as_u64() <= Some(first)).filter_map(|version| version["version"].as_u64());
        assert_eq!(at(first).await, early.max().unwrap_or(0));
        assert_eq!(at(now()).await, 2);
        let newest = versions[0]["since"].as_u64().unwrap();
        assert_eq!(at(newest).await, 2);
        if newest > since {
            assert_eq!(at(newest - 1).await, 1);
        }
    }
    let mut seen = Vec::new();
    let mut after = String::new();
    for _ in 0..3 {
        let page = z.get(&format!("/api/v1/charter/versions?limit=1{after}")).await.json();
        seen.push(page["versions"][0]["version"].as_u64().unwrap());
        after = page["next"].as_str().map(|next| format!("&after={next}")).unwrap_or_default();
    }
    assert_eq!((seen, after.as_str()), (vec![2, 1, 0], ""));
}

#[tokio::test]
async fn an_invitation_is_taken_back_by_whoever_made_it() {
    let [g, z, _] = three().await;
    let body = json!({ "name": "N", "role": "support", "expires": now() + DAY }).to_string();
    let made = g.post("/api/v1/invitations", body.clone()).await.json();
    let id = made["invitation"].as_str().unwrap();
    sync(&g, &z).await;
    let state = async |node: &TestNode| node.get("/api/v1/invitations").await.json()[0]["state"].as_str().unwrap().to_owned();
    assert_eq!((state(&g).await, state(&z).await), ("open".into(), "open".into()));
    assert_eq!(remove(&z, &format!("/api/v1/invitations/{id}")).await.problem(), "decision", "it is not Z's");
    assert_eq!(remove(&g, &format!("/api/v1/invitations/{}", "0".repeat(64))).await.problem(), "not-found");
    let taken = remove(&g, &format!("/api/v1/invitations/{id}")).await;
    assert_eq!((taken.status.as_u16(), &taken.json()["state"]), (200, &"withdrawn".into()), "{}", taken.text());
    assert_eq!(remove(&g, &format!("/api/v1/invitations/{id}")).await.problem(), "decision", "once is enough");
    sync(&g, &z).await;
    assert_eq!((state(&g).await, state(&z).await), ("withdrawn".into(), "withdrawn".into()));
    // Whoever shows it is told what everybody is told whose invitation is worth nothing.
    let entry = json!({ "entry": "AAAA", "signatures": [] });
    let shown = json!({ "invitation": id, "secret": made["secret"], "admission": entry }).to_string();
    let unknown = json!({ "invitation": "0".repeat(64), "secret": made["secret"], "admission": entry }).to_string();
    let join = async |body: String| {
        let headers = [("content-type", "application/json")];
        crate::support::send(&g.public, crate::support::request("POST", "/join", &headers, body)).await
    };
    let (shown, unknown) = (join(shown).await, join(unknown).await);
    assert_eq!((shown.problem(), shown.body), (unknown.problem(), unknown.body));
    // Another one is as good as ever: it is refused for its entry.
    let other = g.post("/api/v1/invitations", body).await.json();
    let open = json!({ "invitation": other["invitation"], "secret": other["secret"], "admission": entry }).to_string();
    assert!(join(open).await.text().contains("entry"));
}

#[tokio::test]
async fn a_member_that_left_keeps_its_past_and_nothing_behind_it() {
    let [g, z, r] = three().await;
    let nodes = [&g, &z, &r];
    let lot = "https://id.gs1.org/01/06901234567892/10/L1";
    let record = |name: &str| format!(r#"{{"type":"note","about":["{lot}"],"sections":[{{"for":"public","fields":{{"{name}":1}}}}]}}"#);
    let good = z.put(&record("early")).await;
    sync(&z, &g).await;
    let log = g.get("/api/v1/logs/Z").await.json();
    assert_eq!((&log["closed"], &log["quarantined"]), (&Value::Null, &0.into()));
    let before = g.get(&format!("/api/v1/members/{}", z.id)).await.json();
    assert_eq!((&before["left"], &before["since"]["version"], &before["keys"][1]["from"]), (&Value::Null, &0.into(), &0.into()));
    let removal = json!({ "remove": { "member": z.id, "size": log["size"], "root": log["root"] } });
    let proposal = propose(&nodes, removal).await;
    // What it writes while the others decide lies behind.
    let late = z.put(&record("late")).await;
    sync(&z, &g).await;
    approve(&nodes, &proposal).await;
    settle(&nodes, 1).await;
    let closed = g.get(&format!("/api/v1/logs/{}", z.id)).await.json();
    assert_eq!((&closed["closed"]["size"], &closed["closed"]["root"]), (&log["size"], &log["root"]));
    let behind = closed["quarantined"].as_u64().unwrap();
    assert_eq!(behind, closed["size"].as_u64().unwrap() - log["size"].as_u64().unwrap());
    assert!(behind >= 1);
    let list = g.get(&format!("/api/v1/logs/{}/quarantined", z.id)).await.json();
    assert_eq!(
        (&list["entries"][0]["sequence"], &list["entries"][0]["id"], &list["entries"][0]["type"]),
        (&log["size"], &late.as_str().into(), &"note".into())
    );
    assert_eq!(list["entries"].as_array().unwrap().len() as u64, behind);
    let paged = g.get(&format!("/api/v1/logs/{}/quarantined?limit=1", z.id)).await.json();
    assert_eq!((paged["entries"].as_array().unwrap().len(), paged["next"].is_null()), (1, behind == 1));
    assert_eq!(g.get("/api/v1/logs/G/quarantined").await.json(), json!({ "entries": [], "next": null }));
    let state = async |id: &str| g.get(&format!("/api/v1/records/{id}")).await.json()["state"]["quarantined"].clone();
    assert_eq!((state(&good).await, state(&late).await), (Value::Null, true.into()));
    // Nobody who scans the code is shown what counts for nothing.
    let headers = [("accept", "application/json")];
    let scanned = crate::support::send(&g.public, crate::support::request("GET", "/01/06901234567892/10/L1", &headers, "")).await.text();
    assert!(scanned.contains("early") && !scanned.contains("late"), "{scanned}");
    let left = g.get(&format!("/api/v1/members/{}", z.id)).await.json();
    assert_eq!((&left["left"]["size"], &left["left"]["version"], &left["log"]["quarantined"]), (&log["size"], &1.into(), &behind.into()));
    assert_eq!(g.get("/api/v1/members").await.json().as_array().unwrap().len(), 2);
    let charter = g.get("/api/v1/charter").await.json();
    assert_eq!((&charter["former"][0]["member"]["name"], &charter["changes"][0]["part"]), (&"Z".into(), &"left".into()));
}
