//! Records in and out: byte for byte, paged, once, and out as proofs that hold elsewhere.

use serde_json::Value;
use suyuan_api::PeerStatus;
use suyuan_api::auth::Rights;
use suyuan_core::bundle::{Bundle, Content};
use suyuan_core::log::LogId;
use suyuan_core::proof::LogProof;
use suyuan_core::statement::cose_sign1;
use suyuan_engine::wire::LogSize;

use crate::support::{one, request, send, settled, sync, three};

const LOT: &str = "https://id.gs1.org/01/06901234567892/10/L1";

fn inspection(circle: &str) -> String {
    format!(
        r#"{{"type":"inspection","about":["https://trace.example.cn/01/6901234567892/10/L1"],"sections":[
        {{"for":"public","fields":{{"result":"pass"}}}},
        {{"for":"{circle}","fields":{{"residue":{{"value":0.010,"unit":"mg/kg"}},"big":12345678901234567890123,"exp":1E+2}}}},
        {{"for":"self","fields":{{"labCost":"380.00"}}}}]}}"#
    )
}

async fn grant(node: &crate::support::TestNode, reader: &str) -> String {
    let reply =
        node.post("/api/v1/circles", format!(r#"{{"name":"残留","tier":"authorized","members":[{{"member":"{reader}","rights":"read"}}]}}"#)).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_member_sees_its_sections_and_values_keep_their_text() {
    let [g, z, _] = three().await;
    let circle = grant(&g, "Z").await;
    let id = g.put(&inspection(&circle)).await;
    sync(&g, &z).await;
    let path = format!("/api/v1/records/{id}");
    let (mine, theirs) = (g.get(&path).await, z.get(&path).await);
    for text in [mine.text(), theirs.text()] {
        assert!(text.contains(r#""residue":{"value":0.010,"unit":"mg/kg"},"big":12345678901234567890123,"exp":1E+2"#), "{text}");
    }
    assert!(mine.text().contains("380.00") && !theirs.text().contains("380.00") && !theirs.text().contains("labCost"));
    let theirs = theirs.json();
    let contents: Vec<&str> = theirs["sections"].as_array().unwrap().iter().map(|section| section["content"].as_str().unwrap()).collect();
    assert_eq!(contents, ["open", "open", "withheld"]);
    assert_eq!(
        (&theirs["about"], &theirs["sections"][2]["fieldCount"], &theirs["sections"][2]["readers"]),
        (&serde_json::json!([LOT]), &2.into(), &serde_json::json!([]))
    );
    assert_eq!((&theirs["author"]["name"], &theirs["type"], &theirs["state"]["published"]), (&"G".into(), &"inspection".into(), &true.into()));
    let readers =
        |section: &Value| section["readers"].as_array().unwrap().iter().map(|reader| reader["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(readers(&mine.json()["sections"][0]), ["G", "Z", "R"]);
    assert_eq!(readers(&mine.json()["sections"][1]), ["G", "Z"]);
    assert_eq!(readers(&mine.json()["sections"][2]), ["G"]);
    assert_eq!(mine.json()["sections"][1]["circles"][0]["name"], "残留");
    // Z's console shows the circle, and nothing missing.
    let circle = z.get(&format!("/api/v1/circles/{circle}")).await.json();
    assert_eq!((&circle["steward"]["name"], &circle["writable"]), (&"G".into(), &false.into()));
    let rights: std::collections::BTreeMap<_, _> =
        circle["members"].as_array().unwrap().iter().map(|member| (member["name"].as_str().unwrap(), member["rights"].as_str().unwrap())).collect();
    assert_eq!(rights, [("G", "write"), ("Z", "read")].into());
    assert_eq!(circle["counters"][0]["missing"], 0);
    assert_eq!(circle["counters"][0]["written"], 2);
}

#[tokio::test]
async fn a_record_is_held_by_those_who_said_so_and_may() {
    let [g, z, r] = three().await;
    let circle = grant(&g, "Z").await;
    let id = g.put(&format!(r#"{{"type":"note","sections":[{{"for":"{circle}","fields":{{"a":1}}}}]}}"#)).await;
    let log = LogId { alliance: g.node.handle.state().ledger.alliance.id(), member: g.id, incarnation: 0 };
    let peer = |member, size| PeerStatus { member, connected: true, address: None, heard: Some(1), trouble: None, logs: vec![LogSize { log, size }] };
    let path = format!("/api/v1/records/{id}");
    for (sizes, held) in [([2, 3], vec![]), ([3, 3], vec!["Z"])] {
        g.peers.send(vec![peer(z.id, sizes[0]), peer(r.id, sizes[1])]).unwrap();
        let holders = g.get(&path).await.json()["state"]["heldBy"].clone();
        let holders: Vec<&str> = holders.as_array().unwrap().iter().map(|holder| holder["name"].as_str().unwrap()).collect();
        assert_eq!(holders, held, "R has the log and may not hold the record");
    }
    let members = g.get("/api/v1/members").await.json();
    assert_eq!((&members[0]["me"], &members[1]["node"]["connected"]), (&true.into(), &true.into()));
    assert_eq!(g.get("/api/v1/node").await.json()["peers"]["connected"], 2);
}

#[tokio::test]
async fn the_same_request_is_written_once() {
    let node = one().await;
    let before = node.size();
    let body =
        r#"{"records":[{"type":"note","sections":[{"for":"self","fields":{"a":1}}]},{"type":"note","sections":[{"for":"self","fields":{"a":2}}]}]}"#;
    let headers =
        [("authorization", &*node.bearer(Rights::Write)), ("content-type", "application/json; charset=utf-8"), ("idempotency-key", "order-7")];
    let first = node.call("POST", "/api/v1/records", &headers, body).await;
    let again = node.call("POST", "/api/v1/records", &headers, body).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16(), node.size()), (201, 201, before + 2));
    let (first, again) = (first.json(), again.json());
    assert_eq!((&first["records"], &first["first"], &first["log"]), (&again["records"], &again["first"], &again["log"]));
    assert_eq!((&first["replayed"], &again["replayed"], &first["first"]), (&false.into(), &true.into(), &before.into()));
    assert_eq!(first["records"][1]["sequence"], before + 1);
}

#[tokio::test]
async fn pages_go_through_everything_once() {
    let node = one().await;
    let mut expected = Vec::new();
    for number in 0..7 {
        let about = if number % 2 == 0 { format!(r#""about":["{LOT}"],"#) } else { String::new() };
        expected.push(node.put(&format!(r#"{{"type":"note",{about}"sections":[{{"for":"public","fields":{{"n":{number}}}}}]}}"#)).await);
    }
    let founded = 1;
    let even: Vec<String> = expected.iter().step_by(2).cloned().collect();
    let filters = [
        ("", expected.clone(), founded),
        ("&log=G", expected.clone(), founded),
        ("&circle=public", expected.clone(), 0),
        ("&subject=https://trace.example.cn/01/6901234567892/10/L1", even, 0),
        ("&circle=self", vec![], 0),
        ("&log=Z", vec![], 0),
    ];
    for (filter, expected, others) in filters {
        for limit in [1, 2, 3, 200] {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let page = node.get(&format!("/api/v1/records?limit={limit}{filter}{after}")).await;
                assert_eq!(page.status, 200, "{}", page.text());
                let page = page.json();
                assert!(page["records"].as_array().unwrap().len() <= limit);
                seen.extend(page["records"].as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap().to_owned()));
                match page["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
            assert_eq!(seen[others..], expected, "{filter} by {limit}");
        }
    }
}

#[tokio::test]
async fn what_is_taken_out_holds_elsewhere() {
    let [g, z, _] = three().await;
    let circle = grant(&g, "Z").await;
    let id = g.put(&inspection(&circle)).await;
    sync(&g, &z).await;
    let alliance = g.node.handle.state().ledger.alliance.id();
    for node in [&g, &z] {
        let bundle = node.get(&format!("/api/v1/records/{id}/bundle")).await;
        assert_eq!((&bundle.headers["content-type"], bundle.status.as_u16()), (&"application/cbor".parse().unwrap(), 200));
        assert!(bundle.headers["content-disposition"].to_str().unwrap().contains(&format!("{id}.suyuan")));
        let verified = Bundle::verify(&bundle.body, Some(&alliance)).unwrap();
        let record = &verified.records[0];
        let shown: Vec<&str> = record.sections.iter().flat_map(|section| &section.fields).map(|field| field.name.as_str()).collect();
        assert_eq!((record.id().to_string(), shown, record.withheld()), (id.clone(), vec!["result", "@about"], 6));

        let one = node.post(&format!("/api/v1/records/{id}/disclose"), r#"{"fields":[{"section":1,"name":"residue"}]}"#).await;
        assert_eq!(one.status, 200, "{}", one.text());
        for secret in ["12345678901234567890123", "1E+2", "380.00", circle.as_str()] {
            assert!(!one.text().contains(secret), "{secret}");
        }
        let verified = Bundle::verify(&one.body, Some(&alliance)).unwrap();
        assert_eq!(verified.records[0].sections[0].fields[0].value, r#"{"value":0.010,"unit":"mg/kg"}"#);
        assert!(matches!(&Bundle::decode(&one.body).unwrap().records[0].disclosures[0].content, Content::Fields(fields) if fields.len() == 1));

        let proof = node.get(&format!("/api/v1/records/{id}/proof")).await.text();
        assert_eq!(LogProof::parse(&proof).unwrap().index, 2);
        let record = &Bundle::decode(&bundle.body).unwrap().records[0];
        assert_eq!(record.proof, proof);
        let statement = node.get(&format!("/api/v1/records/{id}/statement")).await;
        assert!(statement.headers["content-type"].to_str().unwrap().starts_with("application/cose"));
        assert_eq!(statement.body, cose_sign1(&record.statement, &record.signature).unwrap());
    }
    // What only G can open, Z cannot disclose; nor can it tell whether the name is right.
    let mut answers = std::collections::BTreeSet::new();
    for name in ["labCost", "nothing"] {
        let reply = z.post(&format!("/api/v1/records/{id}/disclose"), format!(r#"{{"fields":[{{"section":2,"name":"{name}"}}]}}"#)).await;
        assert_eq!(reply.problem(), "unknown-field");
        answers.insert(reply.body);
    }
    assert_eq!(answers.len(), 1);
}

#[tokio::test]
async fn a_bundle_is_checked_in_words() {
    let node = one().await;
    let id = node.put(&inspection("alliance")).await;
    let bundle = node.get(&format!("/api/v1/records/{id}/bundle")).await.body;
    let headers = [("authorization", &*node.bearer(Rights::Read)), ("content-type", "application/cbor")];
    let report = node.call("POST", "/api/v1/verify", &headers, bundle.clone()).await;
    assert_eq!(report.status, 200, "{}", report.text());
    let report = report.json();
    assert_eq!(
        (&report["verified"], &report["alliance"]["expected"], &report["records"][0]["authorName"]),
        (&true.into(), &true.into(), &"G".into())
    );
    assert_eq!((&report["records"][0]["sections"][0]["fields"]["result"], &report["records"][0]["withheld"]), (&"pass".into(), &6.into()));
    assert!(report["proven"][1]["en"].as_str().unwrap().contains(&id) && report["notProven"][0]["zh"].as_str().unwrap().contains('6'));
    let any = node.call("POST", "/api/v1/verify?alliance=any", &headers, bundle.clone()).await.json();
    assert_eq!((&any["verified"], &any["alliance"]["expected"]), (&true.into(), &false.into()));
    let other = node.call("POST", &format!("/api/v1/verify?alliance={}", "0".repeat(64)), &headers, bundle.clone()).await.json();
    assert_eq!((&other["verified"], &other["fault"]["code"], &other["proven"]), (&false.into(), &"alliance".into(), &serde_json::json!([])));
    let mut changed = bundle;
    let last = changed.len() - 20;
    changed[last] ^= 1;
    assert_eq!(node.call("POST", "/api/v1/verify", &headers, changed).await.json()["verified"], false);
}

#[tokio::test]
async fn circles_get_epochs_from_their_steward_alone() {
    let [g, z, _] = three().await;
    let circle = grant(&g, "Z").await;
    sync(&g, &z).await;
    let path = format!("/api/v1/circles/{circle}/epochs");
    let reply = z.post(&path, r#"{"name":"mine"}"#).await;
    assert_eq!(reply.problem(), "not-the-steward");
    let next = g.post(&path, r#"{"purpose":"again","until":4000000000000}"#).await;
    assert_eq!(next.status, 201, "{}", next.text());
    let next = next.json();
    assert_eq!(
        (&next["epoch"], &next["name"], &next["purpose"], &next["until"]),
        (&2.into(), &"残留".into(), &"again".into(), &4_000_000_000_000u64.into())
    );
    assert_eq!((next["members"].as_array().unwrap().len(), next["epochs"].as_array().unwrap().len()), (2, 2));
    // A member that is left out reads what was before, and not what comes.
    g.post(&path, r#"{"members":[]}"#).await;
    let id = g.put(&format!(r#"{{"type":"note","sections":[{{"for":"{circle}","fields":{{"a":1}}}}]}}"#)).await;
    sync(&g, &z).await;
    assert_eq!(z.get(&format!("/api/v1/records/{id}")).await.problem(), "not-found");
    let refused =
        z.post("/api/v1/records", format!(r#"{{"records":[{{"type":"note","sections":[{{"for":"{circle}","fields":{{"a":1}}}}]}}]}}"#)).await;
    assert_eq!(refused.problem(), "not-a-writer");
}

#[tokio::test]
async fn the_node_and_its_charter_show_themselves() {
    let node = one().await;
    settled(&node.node.handle).await;
    let status = node.get("/api/v1/node").await.json();
    assert_eq!((&status["member"]["name"], &status["member"]["role"], &status["published"]["size"]), (&"G".into(), &"leader".into(), &1.into()));
    assert_eq!(status["publicUrl"], "http://127.0.0.1:9");
    let charter = node.get("/api/v1/charter/file").await;
    assert_eq!(charter.body, node.node.handle.charter_file().to_vec());
    let json = node.get("/api/v1/charter").await.json();
    assert_eq!((&json["id"], json["members"].as_array().unwrap().len()), (&status["alliance"]["id"], 3));
    let log = node.get(&format!("/api/v1/logs/{}", node.id)).await.json();
    assert_eq!((&log["size"], &log["published"], &log["origin"]), (&1.into(), &1.into(), &node.node.handle.state().ledger.own_log().origin().into()));
    assert!(log["logKey"].as_str().unwrap().starts_with("suyuan/") && log["checkpoint"].as_str().unwrap().starts_with("suyuan/"));
    assert_eq!(node.get("/api/v1/logs/Z").await.problem(), "not-found");
    assert_eq!(node.call("GET", "/healthz", &[], "").await.text(), "ok\n");
    assert_eq!(node.get("/readyz").await.text(), "ready\n");
    assert_eq!(node.get("/api/v1/node").await.json()["trouble"], serde_json::json!([]));
    let metrics = node.get("/metrics").await;
    assert!(metrics.text().contains("suyuan_log_entries 1\n") && metrics.text().ends_with("# EOF\n"), "{}", metrics.text());
    assert!(
        metrics.text().contains(r#"suyuan_http_requests_total{method="GET",route="/api/v1/logs/{member}",status="404"} 1"#),
        "{}",
        metrics.text()
    );
    node.node.handle.stop().await;
    for _ in 0..100 {
        if node.get("/readyz").await.status == 503 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(node.get("/readyz").await.problem(), "unavailable");
    let write = node.post("/api/v1/records", r#"{"records":[{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}]}"#).await;
    assert_eq!(write.problem(), "unavailable");
}

/// A disk without room is told before anything is begun, for every kind of write.
#[tokio::test]
async fn a_disk_that_is_nearly_full_refuses_writes_and_reads_go_on() {
    let node = one().await;
    let cookie = node.session().await;
    let mut state = node.state.clone();
    state.disk = std::sync::Arc::new(suyuan_api::Disk { folder: node.folder.path().to_owned(), reserve: u64::MAX });
    let full = suyuan_api::admin_router(state);
    let before = node.snapshot();
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json"), ("origin", "http://localhost:7001")];
    for (path, body) in [
        ("/api/v1/records", r#"{"records":[{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}]}"#),
        ("/api/v1/circles", r#"{"name":"x","tier":"authorized","members":[{"member":"Z","rights":"read"}]}"#),
        ("/api/v1/tokens", r#"{"name":"x","rights":"read"}"#),
    ] {
        let reply = send(&full, request("POST", path, &headers, body)).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (507, "storage"), "{path}");
        assert!(reply.headers.contains_key("retry-after"));
    }
    assert_eq!(send(&full, request("GET", "/readyz", &headers, "")).await.problem(), "storage");
    let status = send(&full, request("GET", "/api/v1/node", &headers, "")).await;
    assert_eq!((status.status.as_u16(), status.json()["trouble"][0]["code"].as_str()), (200, Some("disk")));
    assert!(send(&full, request("GET", "/", &headers, "")).await.text().contains("class=\"trouble\""), "the console says so");
    assert_eq!(node.snapshot(), before);
    assert_eq!(send(&node.admin, request("POST", "/api/v1/tokens", &headers, r#"{"name":"x","rights":"read"}"#)).await.status, 201);
}
