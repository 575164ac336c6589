//! An audit over the API: one at a time, by whoever may read, beside the writer, with a report that a browser shows without anything else.

use serde_json::Value;
use suyuan_api::auth::Rights;
use suyuan_engine::schema::{Row, Table};
use suyuan_engine::view::Changes;

use crate::support::{TestNode, one, settled, sync, three};

async fn ask(node: &TestNode, method: &str) -> Value {
    let reply = node.call(method, "/api/v1/audit", &[("authorization", &node.bearer(Rights::Read))], "").await;
    assert_eq!(reply.status.as_u16(), if method == "PUT" { 202 } else { 200 }, "{}", reply.text());
    reply.json()
}

/// The newest report, once it is done.
async fn audited(node: &TestNode) -> Value {
    let mut newest = ask(node, "PUT").await;
    while newest["state"] == "running" {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        newest = ask(node, "GET").await;
    }
    assert_eq!(newest["state"], "done", "{newest}");
    newest["report"].take()
}

fn codes(report: &Value) -> Vec<&str> {
    report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["open"] == false)
        .map(|finding| finding["code"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_starts_an_audit_and_takes_its_report_out() {
    let node = one().await;
    assert_eq!(ask(&node, "GET").await["state"], "none");
    assert_eq!(node.get("/api/v1/audit/report").await.status, 404);
    for _ in 0..20 {
        node.put(r#"{"type":"note","sections":[{"for":"public","fields":{"a":1}}]}"#).await;
    }
    let before = node.snapshot();
    let report = audited(&node).await;
    assert_eq!(node.snapshot(), before, "an audit writes nothing");
    assert_eq!((&report["ok"], codes(&report).len(), &report["logs"][0]["size"]), (&true.into(), 0, &node.size().into()), "{report}");
    assert_eq!(report["logs"][0]["signatures"], node.size());
    assert_eq!((&report["version"], &report["order"]["terms"][0]["term"]), (&0.into(), &1.into()));
    assert!(report["askedBy"].as_str().is_some_and(|token| token.len() == 16) && report["notChecked"].as_array().unwrap().len() == 4);
    for (lang, word) in [("zh", "日志审计报告"), ("en", "Audit of the logs")] {
        let page = node.get(&format!("/api/v1/audit/report?lang={lang}")).await;
        let text = page.text();
        assert!(page.status == 200 && text.contains(word) && text.contains(report["alliance"].as_str().unwrap()), "{text}");
        for from_elsewhere in ["<script", "src=", "href=", "url(http", "@import"] {
            assert!(!text.contains(from_elsewhere), "the file needs nothing else: {from_elsewhere}");
        }
    }
    assert_eq!(node.get("/api/v1/audit/report?lang=fr").await.problem(), "parameter");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_with_whose_fault_it_may_be() {
    let [g, z, _] = three().await;
    z.put(r#"{"type":"note","sections":[{"for":"public","fields":{"a":1}}]}"#).await;
    settled(&z.node.handle).await;
    sync(&z, &g).await;
    assert_eq!(codes(&audited(&g).await), [""; 0]);
    let log = z.node.handle.state().ledger.own_log();
    let head = g.node.handle.state().ledger.logs.head(&log);
    let row = Row { log: head.number, sequence: head.size() - 1 };
    let store = g.node.handle.store();
    let mut statement = suyuan_engine::view::View::row(store.as_ref(), Table::Statement, &row.key()).unwrap().unwrap();
    statement[3] ^= 1;
    let mut changes = Changes::default();
    changes.put(Table::Statement, row.key(), statement);
    store.write(&changes).unwrap();
    let report = audited(&g).await;
    assert_eq!((&report["ok"], codes(&report)), (&false.into(), vec!["signature"]), "{report}");
    let finding = report["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "signature").unwrap();
    assert_eq!((&finding["fault"], &finding["from"], &finding["member"]["name"]), (&"author".into(), &row.sequence.into(), &"Z".into()));
    assert!(
        ["what", "whose", "next"]
            .iter()
            .all(|words| ["zh", "en"].iter().all(|lang| finding[words][lang].as_str().is_some_and(|text| text.len() > 4)))
    );
    let page = g.get("/api/v1/audit/report?lang=en").await.text();
    assert!(page.contains("signature does not verify") && page.contains("Something is wrong"));
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_written_while_an_audit_runs_and_it_ends_with_the_node() {
    let node = one().await;
    let records = vec![r#"{"type":"note","sections":[{"for":"alliance","fields":{"a":1}}]}"#; 1000].join(",");
    for _ in 0..6 {
        assert_eq!(node.post("/api/v1/records", format!(r#"{{"records":[{records}]}}"#)).await.status, 201);
    }
    let first = ask(&node, "PUT").await;
    assert_eq!(first["state"], "running");
    let again = ask(&node, "PUT").await;
    assert_eq!((&again["state"], &again["started"]), (&"running".into(), &first["started"]), "one at a time");
    let size = node.size();
    node.put(r#"{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}"#).await;
    let beside = ask(&node, "GET").await;
    assert_eq!(beside["state"], "running", "a record does not wait for an audit: {beside}");
    assert_eq!(node.size(), size + 1);
    node.node.handle.stop().await;
    let begun = std::time::Instant::now();
    while node.call("GET", "/api/v1/audit", &[("authorization", &node.bearer(Rights::Read))], "").await.json()["state"] == "running" {
        assert!(begun.elapsed().as_secs() < 10);
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}
