//! Every route with every kind of credentials, and the doors before them: host, origin, session.

use suyuan_api::auth::{Need, Rights};
use suyuan_api::routes::table;

use crate::document::filled;
use crate::support::{PASSWORD, TestNode, one};

/// What somebody comes with, and whether it suffices for a need.
struct Caller {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    /// The problem of those who are not let in at all.
    refused: Option<&'static str>,
    may: fn(Need) -> bool,
}

async fn callers(node: &TestNode) -> Vec<Caller> {
    let cookie = node.session().await;
    let bearer = |index: usize| vec![("authorization", format!("Bearer {}", node.tokens[index]))];
    let own = ("origin", "http://localhost:7001".to_owned());
    let with = |refused, name, headers, may| Caller { name, headers, refused, may };
    vec![
        with(Some("unauthenticated"), "nobody", vec![], |_| false),
        with(
            Some("unauthenticated"),
            "a made-up token",
            vec![("authorization", format!("Bearer suyuan_{}_{}", "0".repeat(16), "0".repeat(64)))],
            |_| false,
        ),
        with(Some("unauthenticated"), "another scheme", vec![("authorization", format!("Basic {}", node.tokens[2]))], |_| false),
        with(
            Some("unauthenticated"),
            "a token as the cookie",
            vec![("cookie", format!("{}={}", node.state.cookie, node.tokens[2])), own.clone()],
            |_| false,
        ),
        with(Some("unauthenticated"), "two tokens", [bearer(2), bearer(2)].concat(), |_| false),
        with(
            Some("unauthenticated"),
            "a bad token beside a good session",
            vec![("authorization", "Bearer x".into()), ("cookie", cookie.clone()), own.clone()],
            |_| false,
        ),
        with(Some("expired"), "an expired token", bearer(3), |_| false),
        with(None, "read", bearer(0), |need| need <= Need::Read),
        with(None, "write", bearer(1), |need| need <= Need::Write),
        with(None, "admin", bearer(2), |need| need <= Need::Admin),
        with(None, "the operator", vec![("cookie", cookie.clone()), own, ("sec-fetch-site", "same-origin".into())], |_| true),
    ]
}

#[tokio::test]
async fn every_route_asks_for_its_right() {
    let node = one().await;
    let size = node.size();
    let callers = callers(&node).await;
    let (mut cells, mut let_in) = (0, 0);
    for route in table() {
        // Logging out would end the session that the rest of the test uses.
        let ends = route.path == "/api/v1/session" && route.method_name() == "DELETE";
        for caller in &callers {
            let headers: Vec<(&str, &str)> = caller.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let may = route.need == Need::Open || (caller.may)(route.need);
            if ends && may {
                continue;
            }
            let reply = node.call(route.method_name(), &filled(&route.path), &headers, "").await;
            let at = format!("{route:?} for {}: {} {}", caller.name, reply.status, reply.text());
            cells += 1;
            if may {
                let_in += 1;
                let own = route.path == "/api/v1/session";
                assert!(own || !matches!(reply.status.as_u16(), 401 | 403), "{at}");
            } else {
                assert_eq!(reply.problem(), caller.refused.unwrap_or("right"), "{at}");
                assert!(reply.status == 403 || reply.headers["www-authenticate"] == "Bearer", "{at}");
            }
        }
    }
    assert!(cells > 250 && let_in > 60, "{cells} {let_in}");
    assert_eq!(node.size(), size, "nothing was written");
}

/// The rights of the table, as the specification lists them.
#[test]
fn the_specification_lists_every_route_with_its_right() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/http-api.md")).unwrap();
    let rows = page.lines().skip_while(|line| *line != "| route | needs | does |").skip(2);
    let listed: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    let expected: Vec<String> =
        table().iter().map(|route| format!("| `{} {}` | {} | ", route.method_name(), route.path, route.need.name())).collect();
    assert_eq!(listed.len(), expected.len());
    for (row, expected) in listed.iter().zip(expected) {
        assert!(row.starts_with(&expected), "{row} should begin with {expected}");
    }
}

fn changes() -> Vec<(String, String)> {
    table().iter().filter(|route| route.method_name() != "GET").map(|route| (route.method_name().to_owned(), filled(&route.path))).collect()
}

/// A browser sends the cookie along; what changes something must come from this listener's own page all the same.
#[tokio::test]
async fn a_session_changes_nothing_for_another_page() {
    let node = one().await;
    let cookie = node.session().await;
    let body = r#"{"records":[{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}]}"#;
    let pages: [&[(&str, &str)]; 9] = [
        &[],
        &[("origin", "null")],
        &[("origin", "http://evil.example")],
        &[("origin", "http://localhost:7002")],
        &[("origin", "http://localhost")],
        &[("origin", "file://localhost:7001")],
        &[("origin", "http://localhost:7001"), ("origin", "http://evil.example")],
        &[("origin", "http://localhost:7001"), ("sec-fetch-site", "same-site")],
        &[("origin", "http://localhost:7001"), ("sec-fetch-site", "cross-site")],
    ];
    let size = node.size();
    for (method, path) in changes() {
        for page in pages {
            for content_type in ["application/json", "text/plain", "application/x-www-form-urlencoded"] {
                let headers = [&[("cookie", cookie.as_str()), ("content-type", content_type)], page].concat();
                let reply = node.call(&method, &path, &headers, body).await;
                assert_eq!(reply.problem(), "origin", "{method} {path} {page:?}");
                assert!(!reply.headers.contains_key("access-control-allow-origin") && !reply.headers.contains_key("set-cookie"));
            }
        }
    }
    assert_eq!((node.size(), node.state.auth.tokens().len()), (size, 4), "nothing was written");
    let headers =
        [("cookie", cookie.as_str()), ("content-type", "application/json"), ("origin", "http://localhost:7001"), ("sec-fetch-site", "same-origin")];
    assert_eq!(node.call("POST", "/api/v1/records", &headers, body).await.status, 201);
    // Reading needs no origin: another page cannot see the answer.
    assert_eq!(node.call("GET", "/api/v1/node", &[("cookie", &cookie)], "").await.status, 200);
}

#[tokio::test]
async fn a_foreign_origin_is_refused_with_a_token_too_and_no_preflight_is_answered() {
    let node = one().await;
    for route in table() {
        let headers = [("authorization", &*node.bearer(Rights::Admin)), ("origin", "https://evil.example")];
        let reply = node.call(route.method_name(), &filled(&route.path), &headers, "").await;
        assert_eq!(reply.problem(), "origin", "{route:?}");
        let headers = [("origin", "http://localhost:7001"), ("access-control-request-method", route.method_name())];
        let reply = node.call("OPTIONS", &filled(&route.path), &headers, "").await;
        assert_eq!(reply.problem(), "method", "{route:?}");
        assert!(!reply.headers.keys().any(|name| name.as_str().starts_with("access-control")));
    }
}

#[tokio::test]
async fn another_name_of_the_listener_is_refused_before_anything_else() {
    let node = one().await;
    for route in table() {
        for host in ["evil.example", "evil.example:7001", "localhost.evil.example", "", "0.0.0.0:7001", "192.168.1.5:7001"] {
            let headers = [("host", host), ("authorization", &*node.bearer(Rights::Admin))];
            let reply = node.call(route.method_name(), &filled(&route.path), &headers, "").await;
            assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (421, "host"), "{route:?} {host}");
        }
    }
    for host in ["127.0.0.1:7001", "[::1]:7001", "LOCALHOST", "node.example.cn"] {
        let headers = [("host", host), ("authorization", &*node.bearer(Rights::Read))];
        assert_eq!(node.call("GET", "/api/v1/node", &headers, "").await.status, 200, "{host}");
    }
    let absolute = node.call("GET", "http://evil.example/api/v1/node", &[("authorization", &node.bearer(Rights::Read))], "").await;
    assert_eq!(absolute.problem(), "host");
}

#[tokio::test]
async fn the_operator_makes_tokens_that_are_shown_once() {
    let node = one().await;
    let cookie = node.session().await;
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json"), ("origin", "http://localhost:7001")];
    let made = node.call("POST", "/api/v1/tokens", &headers, r#"{"name":"erp","rights":"write"}"#).await;
    assert_eq!(made.status, 201);
    let (id, token) = (made.json()["id"].as_str().unwrap().to_owned(), made.json()["token"].as_str().unwrap().to_owned());
    let authorization = format!("Bearer {token}");
    assert_eq!(node.call("GET", "/api/v1/node", &[("authorization", &authorization)], "").await.status, 200);
    let list = node.call("GET", "/api/v1/tokens", &headers, "").await;
    assert!(list.text().contains(&id) && !list.text().contains(&token));
    for bad in [
        r#"{"name":"","rights":"read"}"#,
        r#"{"name":"x","rights":"root"}"#,
        r#"{"name":"x"}"#,
        r#"{"name":"x","rights":"read","expires":1}"#,
        r#"{"name":"x","rights":"read","expires":9007199254740991}"#,
    ] {
        assert_eq!(node.call("POST", "/api/v1/tokens", &headers, bad).await.problem(), "malformed", "{bad}");
    }
    assert_eq!(node.call("DELETE", &format!("/api/v1/tokens/{id}"), &headers, "").await.status, 204);
    assert_eq!(node.call("DELETE", &format!("/api/v1/tokens/{id}"), &headers, "").await.problem(), "not-found");
    assert_eq!(node.call("GET", "/api/v1/node", &[("authorization", &authorization)], "").await.problem(), "unauthenticated");
    let out = node.call("DELETE", "/api/v1/session", &headers, "").await;
    assert_eq!(out.status, 204);
    assert!(out.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(node.call("GET", "/api/v1/node", &[("cookie", &cookie)], "").await.problem(), "unauthenticated");
}

#[tokio::test]
async fn logins_are_counted_and_then_refused() {
    let node = one().await;
    node.state.auth.set_operator(PASSWORD).unwrap();
    let headers = [("content-type", "application/json"), ("origin", "http://localhost:7001")];
    for _ in 0..suyuan_api::limits::LOGIN_FAILURES {
        let reply = node.call("POST", "/api/v1/session", &headers, r#"{"password":"wrong password"}"#).await;
        assert_eq!(reply.problem(), "login");
    }
    let reply = node.call("POST", "/api/v1/session", &headers, format!(r#"{{"password":"{PASSWORD}"}}"#)).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (429, "too-many-attempts"));
    assert!(reply.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 200);
    assert!(!reply.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn every_answer_is_hardened() {
    let node = one().await;
    let record = node.put(r#"{"type":"note","sections":[{"for":"public","fields":{"a":1}}]}"#).await;
    for path in ["/healthz", "/api/v1/node", "/nothing", &format!("/api/v1/records/{record}"), &format!("/api/v1/records/{record}/bundle")] {
        for reply in [node.get(path).await, node.call("GET", path, &[("host", "evil.example")], "").await] {
            assert_eq!(reply.headers["x-content-type-options"], "nosniff");
            assert!(reply.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
            assert_eq!(
                (&reply.headers["cache-control"], &reply.headers["referrer-policy"]),
                (&"no-store".parse().unwrap(), &"no-referrer".parse().unwrap())
            );
        }
    }
}
