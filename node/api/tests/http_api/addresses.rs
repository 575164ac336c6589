//! Where members' nodes are reached: what the charter says, what a member states, and what it cannot.

use super::support::one;

const PATH: &str = "/api/v1/addresses";

#[tokio::test]
async fn a_member_states_its_addresses_once_and_reads_them_back() {
    let node = one().await;
    let before = node.get(PATH).await.json();
    assert_eq!((&before[0]["source"], &before[0]["statement"], &before[0]["me"]), (&"charter".into(), &serde_json::Value::Null, &true.into()));
    let size = node.size();
    let put = async |body: &str| {
        let bearer = node.bearer(suyuan_api::auth::Rights::Admin);
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        node.call("PUT", PATH, &headers, body.to_owned()).await
    };
    let stated = put(r#"{"addresses":["/ip4/127.0.0.1/tcp/7401","/ip6/::1/tcp/7401"]}"#).await;
    assert_eq!(stated.status, 200, "{}", stated.text());
    let row = stated.json()[0].clone();
    assert_eq!((&row["source"], &row["addresses"][1]), (&"statement".into(), &"/ip6/::1/tcp/7401".into()));
    assert_eq!(node.get(PATH).await.json()[0], row);
    assert_eq!(node.size(), size + 1);
    let record = node.get(&format!("/api/v1/records/{}", row["statement"].as_str().unwrap())).await.json();
    assert_eq!(record["type"], "suyuan.address");
    let again = put(r#"{"addresses":["/ip4/127.0.0.1/tcp/7401","/ip6/::1/tcp/7401"]}"#).await;
    assert_eq!((again.status.as_u16(), again.json()[0].clone(), node.size()), (200, row.clone(), size + 1), "what is in effect is not written again");
    let many = (1..=17).map(|port| format!("\"/ip4/127.0.0.1/tcp/{port}\"")).collect::<Vec<_>>().join(",");
    let many = format!(r#"{{"addresses":[{many}]}}"#);
    for (body, problem, pointer) in [
        (r#"{"addresses":["/ip4/192.0.2.7/tcp/7401"]}"#, "malformed", "/addresses/0"),
        (r#"{"addresses":["/ip4/127.0.0.1/tcp/1","/dns/node.example.cn/tcp/7401"]}"#, "malformed", "/addresses/1"),
        (r#"{"addresses":["/ip4/127.0.0.1/udp/1"]}"#, "malformed", "/addresses/0"),
        (r#"{"addresses":["/ip4/127.0.0.1/tcp/1","/ip4/127.0.0.1/tcp/1"]}"#, "malformed", "/addresses/1"),
        (&many, "limit", "/addresses"),
        (r#"{"addresses":"/ip4/127.0.0.1/tcp/1"}"#, "malformed", ""),
        (r#"{"addresses":[],"surprise":1}"#, "malformed", ""),
        ("{}", "malformed", ""),
        ("", "malformed", ""),
    ] {
        let refused = put(body).await;
        assert_eq!(refused.problem(), problem, "{body}");
        if !pointer.is_empty() {
            assert_eq!(refused.json()["pointer"], pointer, "{body}");
        }
    }
    assert_eq!((node.get(PATH).await.json()[0].clone(), node.size()), (row, size + 1), "nothing was written");
    assert_eq!(put(r#"{"addresses":[]}"#).await.json()[0]["addresses"], serde_json::json!([]), "none is a statement too");
}
