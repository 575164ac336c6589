//! A regulator reads nothing sealed that is not in its own log first.

use suyuan_api::auth::Rights;
use suyuan_core::section::Field;
use suyuan_engine::query::{Filter, SectionContent};

use crate::support::{TestNode, sync, three};

/// The reads that a node has logged: fields of each, in order.
async fn logged(node: &TestNode) -> Vec<Vec<Field>> {
    let log = node.node.handle.state().ledger.own_log();
    let page = node.state.read(move |reading| Ok(reading.reader().page(&Filter::Author(log.member), None, 200)?)).await.unwrap();
    let reads = page.records.into_iter().filter(|record| record.kind == "suyuan.read");
    reads
        .map(|record| match record.sections.into_iter().next().unwrap().content {
            SectionContent::Open(fields) => fields,
            other => panic!("{other:?}"),
        })
        .collect()
}

async fn alliance_with_inspections() -> ([TestNode; 3], Vec<String>) {
    let [g, z, r] = three().await;
    let circle = g.post("/api/v1/circles", r#"{"name":"x","tier":"authorized","members":[{"member":"R","rights":"read"}]}"#).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let mut ids = Vec::new();
    for kind in ["inspection", "price"] {
        let record = format!(
            r#"{{"type":"{kind}","sections":[{{"for":"public","fields":{{"result":"pass"}}}},{{"for":"{circle}","fields":{{"residue":0.010,"other":2}}}},{{"for":"self","fields":{{"cost":1}}}}]}}"#
        );
        ids.push(g.put(&record).await);
    }
    ids.push(g.put(r#"{"type":"note","sections":[{"for":"public","fields":{"hello":1}}]}"#).await);
    sync(&g, &r).await;
    sync(&g, &z).await;
    ([g, z, r], ids)
}

#[tokio::test]
async fn a_read_is_durable_before_the_plaintext_is_returned() {
    let ([g, z, r], ids) = alliance_with_inspections().await;
    let headers = [("authorization", &*r.bearer(Rights::Read)), ("purpose", "%E6%8A%BD%E6%A3%80")];
    let before = r.size();
    let reply = r.call("GET", &format!("/api/v1/records/{}", ids[0]), &headers, "").await;
    assert!(reply.text().contains("0.010"), "{}", reply.text());
    assert_eq!(r.size(), before + 1, "durable when the answer is there");
    let read = logged(&r).await.pop().unwrap();
    let value = |name: &str| read.iter().find(|field| field.name == name).unwrap().value.clone();
    assert_eq!(value("reads"), format!(r#"[{{"statement":"{}","sections":[1]}}]"#, ids[0]));
    assert_eq!(value("purpose"), r#""抽检""#);
    assert!(value("time").parse::<u64>().unwrap() > 1_700_000_000_000);
    // Others see the read in the regulator's log.
    sync(&r, &g).await;
    let seen = g.get("/api/v1/records?log=R").await.json();
    assert_eq!((&seen["records"][0]["type"], &seen["records"][0]["sections"][0]["fields"]["purpose"]), (&"suyuan.read".into(), &"抽检".into()));
    // Who is no regulator logs nothing.
    let size = z.size();
    z.get("/api/v1/records").await;
    assert_eq!(z.size(), size);
}

#[tokio::test]
async fn a_page_is_one_record_and_what_is_public_none() {
    let ([_, _, r], ids) = alliance_with_inspections().await;
    let before = r.size();
    let page = r.get("/api/v1/records?log=G").await.json();
    assert_eq!(page["records"].as_array().unwrap().len(), 5);
    assert_eq!(r.size(), before + 1);
    let read = logged(&r).await.pop().unwrap();
    let reads: serde_json::Value = serde_json::from_str(&read.iter().find(|field| field.name == "reads").unwrap().value).unwrap();
    // The two circles' statements and the inspection; not the price, which is out of scope, nor what is public.
    assert_eq!(reads.as_array().unwrap().len(), 3, "{reads}");
    assert!(reads.to_string().contains(&ids[0]) && !reads.to_string().contains(&ids[1]) && !reads.to_string().contains(&ids[2]));
    for path in [format!("/api/v1/records/{}", ids[2]), format!("/api/v1/records/{}/bundle", ids[0]), format!("/api/v1/records/{}/proof", ids[0])] {
        assert_eq!(r.get(&path).await.status, 200, "{path}");
    }
    // Its own reads are its own.
    assert_eq!(r.get("/api/v1/records?log=R").await.status, 200);
    assert_eq!(r.size(), before + 1);
}

#[tokio::test]
async fn what_is_out_of_scope_stays_closed_although_the_key_is_there() {
    let ([_, _, r], ids) = alliance_with_inspections().await;
    let before = r.size();
    let reply = r.get(&format!("/api/v1/records/{}", ids[1])).await;
    assert!(!reply.text().contains("0.010") && !reply.text().contains("residue"), "{}", reply.text());
    assert_eq!(reply.json()["sections"][1]["content"], "withheld");
    let reply = r.post(&format!("/api/v1/records/{}/disclose", ids[1]), r#"{"fields":[{"section":1,"name":"residue"}]}"#).await;
    assert_eq!(reply.problem(), "unknown-field");
    assert_eq!(r.size(), before);
}

#[tokio::test]
async fn what_a_record_is_about_is_not_told_by_the_index_either() {
    let ([g, _, r], _) = alliance_with_inspections().await;
    let circle = g.get("/api/v1/circles").await.json();
    let circle = circle.as_array().unwrap().iter().find(|circle| circle["name"] == "x").unwrap()["id"].as_str().unwrap().to_owned();
    let mut ids = Vec::new();
    for kind in ["inspection", "price"] {
        let about = "https://id.gs1.org/01/06901234567892/10/SEALED";
        ids.push(g.put(&format!(r#"{{"type":"{kind}","about":["{about}"],"sections":[{{"for":"{circle}","fields":{{"a":1}}}}]}}"#)).await);
    }
    sync(&g, &r).await;
    let found = async |node: &TestNode| {
        let page = node.get("/api/v1/records?subject=https://id.gs1.org/01/06901234567892/10/SEALED").await.json();
        page["records"].as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(found(&g).await, ids, "its author finds both");
    assert_eq!(found(&r).await, ids[..1], "the price is out of scope, and so is what it is about");
}

#[tokio::test]
async fn a_disclosure_logs_the_sections_it_opens() {
    let ([_, _, r], ids) = alliance_with_inspections().await;
    let before = r.size();
    let path = format!("/api/v1/records/{}/disclose", ids[0]);
    assert_eq!(r.post(&path, r#"{"fields":[{"section":0,"name":"result"}]}"#).await.status, 200);
    assert_eq!(r.size(), before, "the public section needs no record");
    assert_eq!(r.post(&path, r#"{"fields":[{"section":1,"name":"residue"}],"purpose":"case 7"}"#).await.status, 200);
    assert_eq!(r.size(), before + 1);
    let read = logged(&r).await.pop().unwrap();
    assert!(read.iter().any(|field| field.name == "purpose" && field.value == r#""case 7""#));
    assert!(read.iter().any(|field| field.name == "reads" && field.value.contains("[1]")));
}

#[tokio::test]
async fn without_the_record_nothing_is_returned() {
    let ([_, _, r], ids) = alliance_with_inspections().await;
    r.node.handle.stop().await;
    let paths = [format!("/api/v1/records/{}", ids[0]), "/api/v1/records".to_owned(), "/api/v1/records?log=G".to_owned()];
    for path in paths {
        let reply = r.get(&path).await;
        assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (503, "read-not-logged"), "{path}");
        assert!(!reply.text().contains("0.010"));
    }
    let reply = r.post(&format!("/api/v1/records/{}/disclose", ids[0]), r#"{"fields":[{"section":1,"name":"residue"}]}"#).await;
    assert_eq!(reply.problem(), "read-not-logged");
    assert_eq!(r.get(&format!("/api/v1/records/{}", ids[2])).await.status, 200, "what is public needs no record");
}

#[tokio::test]
async fn a_regulator_writes_for_nobody_but_itself() {
    let ([g, _, r], _) = alliance_with_inspections().await;
    sync(&g, &r).await;
    let grant = r.get("/api/v1/circles").await.json();
    let grant = grant.as_array().unwrap().iter().find(|circle| circle["name"] == "x").unwrap()["id"].as_str().unwrap().to_owned();
    let before = r.size();
    for circle in ["public", "alliance", &grant] {
        let record = format!(r#"{{"records":[{{"type":"inspection","sections":[{{"for":"{circle}","fields":{{"a":1}}}}]}}]}}"#);
        assert_eq!(r.post("/api/v1/records", record).await.problem(), "not-a-writer", "{circle}");
    }
    assert_eq!(r.post("/api/v1/circles", r#"{"name":"mine","tier":"codevelopment","members":[]}"#).await.problem(), "malformed");
    assert_eq!(r.size(), before);
    r.put(r#"{"type":"inspection","sections":[{"for":"self","fields":{"a":1}}]}"#).await;
}
