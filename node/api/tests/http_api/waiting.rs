//! What cannot be sealed yet: accepted, listed, taken out, and written in the end.

use std::time::Duration;

use serde_json::{Value, json};
use suyuan_api::auth::Rights;

use crate::support::{Reply, TestNode, settled, sync, three_within};

/// T of these alliances, milliseconds.
const SEAL: u64 = 3_000;

fn note(audience: &str, number: u64) -> String {
    format!(r#"{{"records":[{{"type":"note","sections":[{{"for":"{audience}","fields":{{"secret":{number}}}}}]}}]}}"#)
}

async fn submit(node: &TestNode, key: &str, body: String) -> Reply {
    let headers = [("authorization", &*node.bearer(Rights::Write)), ("content-type", "application/json"), ("idempotency-key", key)];
    node.call("POST", "/api/v1/records", &headers, body).await
}

async fn take_out(node: &TestNode, id: &str, rights: Rights) -> Reply {
    node.call("DELETE", &format!("/api/v1/waiting/{id}"), &[("authorization", &node.bearer(rights))], "").await
}

/// Nodes of an alliance whose members nobody has confirmed for T.
async fn unconfirmed() -> [TestNode; 3] {
    let nodes = three_within(SEAL).await;
    tokio::time::sleep(Duration::from_millis(SEAL + 200)).await;
    nodes
}

/// Members confirm each other, until nothing waits at the first node.
async fn confirm(nodes: &[&TestNode]) {
    for _ in 0..400 {
        let queue = nodes[0].node.handle.state().waiting;
        if queue.iter().all(|waiting| waiting.failed.is_some()) {
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
    panic!("it goes on waiting");
}

#[tokio::test]
async fn what_cannot_be_sealed_is_accepted_and_written_later() {
    let [g, z, r] = unconfirmed().await;
    let before = g.size();
    let first = submit(&g, "order-9", note("alliance", 4711)).await;
    let waiting = first.json()["waiting"].clone();
    assert_eq!((first.status.as_u16(), &waiting["reason"], &waiting["records"]), (202, &"unconfirmed".into(), &1.into()), "{}", first.text());
    assert_eq!((&waiting["types"], &waiting["failed"]), (&json!(["note"]), &Value::Null));
    assert!(waiting["detail"].as_str().unwrap().contains("suyuan waiting"), "{waiting}");
    assert_eq!(submit(&g, "order-9", note("alliance", 4711)).await.json(), first.json(), "the same answer again");
    assert_eq!(submit(&g, "order-9", note("alliance", 4712)).await.problem(), "idempotency-conflict");
    assert_eq!(submit(&g, "order-10", note("alliance", 4712)).await.status, 202);
    assert_eq!(g.size(), before, "nothing of it is in the log");
    for audience in ["self", "public"] {
        assert_eq!(submit(&g, audience, note(audience, 1)).await.status, 201);
    }
    let status = g.get("/api/v1/node").await.json();
    assert_eq!(status["unsealed"], json!({ "submissions": 2, "records": 2, "failed": 0 }));
    let metrics = g.get("/metrics").await.text();
    assert!(metrics.contains("suyuan_records_waiting 2") && metrics.contains("suyuan_submissions_failed 0"), "{metrics}");

    confirm(&[&g, &z]).await;
    settled(&g.node.handle).await;
    let written = submit(&g, "order-9", note("alliance", 4711)).await;
    let answer = written.json();
    assert_eq!((written.status.as_u16(), &answer["replayed"]), (201, &true.into()), "{answer}");
    assert!(answer["first"].as_u64() >= Some(before + 2), "behind what was written meanwhile: {answer}");
    let later = submit(&g, "order-10", note("alliance", 4712)).await.json();
    assert!(later["first"].as_u64() > answer["first"].as_u64(), "in their order");
    sync(&g, &z).await;
    let shown = z.get(&format!("/api/v1/records/{}", answer["records"][0]["id"].as_str().unwrap())).await.json();
    assert_eq!(shown["sections"][0]["fields"]["secret"], 4711);
    assert_eq!(g.get("/api/v1/waiting").await.json()["total"], json!({ "submissions": 0, "records": 0, "failed": 0 }));
    drop(r);
}

#[tokio::test]
async fn what_waits_is_listed_in_pages_and_taken_out() {
    let [g, z, _r] = unconfirmed().await;
    let mut ids = Vec::new();
    for number in 0..3 {
        let accepted = submit(&g, &format!("k{number}"), note("alliance", 770_000 + number)).await;
        ids.push(accepted.json()["waiting"]["id"].as_str().unwrap().to_owned());
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = g.get(&format!("/api/v1/waiting?limit=2{after}")).await;
        assert!(page.status == 200 && !page.text().contains("77000"), "no contents: {}", page.text());
        let page = page.json();
        assert_eq!(page["total"]["submissions"], 3);
        seen.extend(page["waiting"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, ids, "oldest first");
    for bad in ["limit=0", "limit=201", "after=7", "after="] {
        assert_eq!(g.get(&format!("/api/v1/waiting?{bad}")).await.problem(), "parameter", "{bad}");
    }
    let written = async || g.get("/api/v1/records?circle=alliance&limit=200").await.text().matches("\"secret\"").count();
    assert_eq!(written().await, 0);
    assert_eq!(take_out(&g, &ids[0], Rights::Read).await.problem(), "right");
    assert_eq!(z.get("/api/v1/waiting").await.json()["waiting"], json!([]), "it is this node's alone");
    let taken = take_out(&g, &ids[0], Rights::Write).await;
    assert_eq!((taken.status.as_u16(), taken.json()["id"].as_str()), (200, Some(&*ids[0])));
    assert_eq!(take_out(&g, &ids[0], Rights::Write).await.problem(), "not-found");
    confirm(&[&g, &z]).await;
    assert_eq!(written().await, 2);
    assert_eq!(take_out(&g, &ids[1], Rights::Write).await.problem(), "not-found", "what was written is not taken out");
}

#[tokio::test]
async fn the_console_shows_what_waits_and_takes_it_out() {
    let [g, _z, _r] = unconfirmed().await;
    let cookie = g.session().await;
    let page = async |language: &str| {
        let cookies = format!("{cookie}; suyuan_language={language}");
        g.call("GET", "/records", &[("cookie", &cookies)], "").await.text()
    };
    assert!(!page("zh").await.contains("等待写入"), "nothing is shown where nothing waits");
    let id = submit(&g, "a", note("alliance", 1)).await.json()["waiting"]["id"].as_str().unwrap().to_owned();
    let (zh, en) = (page("zh").await, page("en").await);
    let action = format!("action=\"/waiting/{id}\"");
    assert!(zh.contains("等待写入的记录") && zh.contains("请让其他成员的节点恢复连接") && zh.contains(&action), "{zh}");
    assert!(en.contains("Records that wait") && en.contains(&action), "{en}");
    let headers = |origin: &'static str| {
        [("cookie", cookie.clone()), ("origin", origin.to_owned()), ("content-type", "application/x-www-form-urlencoded".to_owned())]
    };
    let send = async |origin: &'static str| {
        let headers = headers(origin);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        g.call("POST", &format!("/waiting/{id}"), &headers, "").await.status.as_u16()
    };
    assert_eq!(send("http://evil.example").await, 403);
    assert_eq!(g.node.handle.state().waiting.len(), 1);
    assert_eq!(send("http://localhost:7001").await, 303);
    assert!(g.node.handle.state().waiting.is_empty());
    assert_eq!(send("http://localhost:7001").await, 404);
}
