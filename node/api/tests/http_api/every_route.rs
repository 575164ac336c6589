//! Every route that the routers list, with every kind of bad request that it can get: a clear problem, and nothing half-written.
//!
//! The kinds stand in `specs/http-api.md`. What a route can get follows from its row alone, so that a new one is tested as soon as it is in the table.

use std::collections::{BTreeMap, BTreeSet};

use axum::Router;
use suyuan_api::auth::{Need, Rights};
use suyuan_api::problem::Kind;
use suyuan_api::routes::{Page, Route, console_table, openapi, public_table, table};

use crate::bad_input::{good, row};
use crate::document::filled;
use crate::support::{Reply, TestNode, one, request, send};

/// A request that is good but for what a kind does to it.
#[derive(Clone, Debug)]
struct Asked {
    method: String,
    path: String,
    query: String,
    headers: Vec<(&'static str, String)>,
}

impl Asked {
    fn of(route: &Route, node: &TestNode, cookie: &str) -> Self {
        let bearer = route.need != Need::Operator && route.need != Need::Open;
        let credentials = if bearer { ("authorization", node.bearer(Rights::Admin)) } else { ("cookie", cookie.to_owned()) };
        let headers = vec![credentials, ("origin", "http://localhost:7001".to_owned()), ("content-type", media_type(route).to_owned())];
        Self { method: route.method_name().to_owned(), path: filled(&route.path), query: String::new(), headers }
    }

    fn header(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut asked = self.without(name);
        asked.headers.push((name, value.into()));
        asked
    }

    fn and_header(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut asked = self.clone();
        asked.headers.push((name, value.into()));
        asked
    }

    fn without(&self, name: &str) -> Self {
        let mut asked = self.clone();
        asked.headers.retain(|(other, _)| *other != name);
        asked
    }

    fn session(&self, cookie: &str) -> Self {
        self.without("authorization").header("cookie", cookie)
    }

    fn query(&self, query: &str) -> Self {
        Self { query: query.to_owned(), ..self.clone() }
    }

    fn method(&self, method: &str) -> Self {
        Self { method: method.to_owned(), ..self.clone() }
    }

    async fn send(&self, router: &Router, body: &str) -> Reply {
        let headers: Vec<(&str, &str)> = self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        send(router, request(&self.method, &format!("{}{}", self.path, self.query), &headers, body.to_owned())).await
    }
}

fn media_type(route: &Route) -> &'static str {
    if route.path.ends_with("/verify") { "application/cbor" } else { "application/json" }
}

/// What is wrong with a request, to whom it can happen, and the problem that it gets.
struct Wrong {
    routes: &'static str,
    wrong: &'static str,
    problem: Kind,
    applies: fn(&Route) -> bool,
    requests: fn(&Asked, &TestNode, &str, &Route) -> Vec<Asked>,
}

const EVERY: &str = "every route";
const CLOSED: &str = "every route that needs a right";

fn is_closed(route: &Route) -> bool {
    route.need != Need::Open
}

fn is_change(route: &Route) -> bool {
    route.method_name() != "GET"
}

fn kinds() -> Vec<Wrong> {
    [addressed(), credentials(), paths(), asked()].into_iter().flatten().collect()
}

fn wrong(
    routes: &'static str,
    wrong: &'static str,
    problem: Kind,
    applies: fn(&Route) -> bool,
    requests: fn(&Asked, &TestNode, &str, &Route) -> Vec<Asked>,
) -> Wrong {
    Wrong { routes, wrong, problem, applies, requests }
}

/// Hosts that are none of the listener's names.
const HOSTS: [&str; 9] =
    ["evil.example", "evil.example:7001", "localhost.evil.example", "", "0.0.0.0:7001", "192.168.1.5:7001", "a b", "localhost/", "%6cocalhost"];

/// From elsewhere, or in a way that no route knows.
fn addressed() -> Vec<Wrong> {
    vec![
        wrong(
            EVERY,
            "another name of the listener",
            Kind::Host,
            |_| true,
            |asked, _, _, _| {
                let mut requests: Vec<_> = HOSTS.into_iter().map(|host| asked.header("host", host)).collect();
                requests.push(asked.header("host", "localhost:7001").and_header("host", "localhost:7001"));
                requests.push(Asked { path: format!("http://evil.example{}", asked.path), ..asked.clone() });
                requests
            },
        ),
        wrong(
            EVERY,
            "a foreign origin, with a token too",
            Kind::Origin,
            |_| true,
            |asked, _, _, _| {
                let origins = [
                    "https://evil.example",
                    "null",
                    "http://localhost",
                    "http://localhost:7002",
                    "file://localhost:7001",
                    "",
                    "http://localhost:7001/",
                ];
                let mut requests: Vec<_> = origins.into_iter().map(|origin| asked.header("origin", origin)).collect();
                requests.push(asked.and_header("origin", "http://localhost:7001"));
                requests
            },
        ),
        wrong(
            EVERY,
            "another method",
            Kind::Method,
            |_| true,
            |asked, _, _, route| {
                let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "X"];
                let others = methods.into_iter().filter(|method| !methods_of(&route.path).contains(*method));
                others.map(|method| asked.method(method).and_header("access-control-request-method", "POST")).collect()
            },
        ),
        wrong(
            EVERY,
            "a length and chunks",
            Kind::Malformed,
            |_| true,
            |asked, _, _, _| vec![asked.header("content-length", "2").header("transfer-encoding", "chunked")],
        ),
    ]
}

/// By somebody who may not.
fn credentials() -> Vec<Wrong> {
    vec![
        wrong(CLOSED, "no credentials, or wrong ones", Kind::Unauthenticated, is_closed, |asked, node, cookie, _| {
            let none = asked.without("authorization").without("cookie");
            let unknown = format!("Bearer suyuan_{}_{}", "0".repeat(16), "0".repeat(64));
            vec![
                none.clone(),
                none.header("authorization", unknown),
                none.header("authorization", "Bearer x"),
                none.header("authorization", "Bearer"),
                none.header("authorization", format!("Basic {}", node.tokens[2])),
                none.header("authorization", node.bearer(Rights::Admin)).and_header("authorization", node.bearer(Rights::Admin)),
                none.header("cookie", format!("{}={}", node.state.cookie, node.tokens[2])),
                none.header("cookie", format!("{}=", node.state.cookie)),
                none.header("cookie", cookie).header("authorization", "Bearer x"),
            ]
        }),
        wrong(CLOSED, "an expired token", Kind::Expired, is_closed, |asked, node, _, _| {
            vec![asked.without("cookie").header("authorization", format!("Bearer {}", node.tokens[3]))]
        }),
        wrong(
            CLOSED,
            "a token without the right",
            Kind::Right,
            |route| route.need > Need::Read,
            |asked, node, _, route| {
                let rights = [(Rights::Read, Need::Read), (Rights::Write, Need::Write), (Rights::Admin, Need::Admin)];
                let less = rights.into_iter().filter(|(_, need)| *need < route.need);
                less.map(|(rights, _)| asked.without("cookie").header("authorization", node.bearer(rights))).collect()
            },
        ),
        wrong("every change under a session", "no origin, `null`, or another page's", Kind::Origin, is_change, |asked, _, cookie, _| {
            let asked = asked.session(cookie);
            let mut requests = vec![asked.without("origin"), asked.header("origin", "null")];
            requests.extend(["same-site", "cross-site", "none", ""].map(|site| asked.header("sec-fetch-site", site)));
            requests
        }),
    ]
}

/// For what is not there, or with a parameter that is none.
fn paths() -> Vec<Wrong> {
    vec![
        wrong(
            "every route with a parameter in its path",
            "what is none, unknown, or not for this node",
            Kind::NotFound,
            |route| route.path.contains('{'),
            |asked, _, _, route| {
                let values = [
                    "x",
                    "%00",
                    "%ff",
                    "%2e%2e",
                    "..%2f..",
                    "%2F",
                    "%zz",
                    "%",
                    "+",
                    "*",
                    "0",
                    "%F0%9F%8C%B1",
                    "%E2%80%AE",
                    "nobody%0d%0aSet-Cookie:%20a=b",
                ];
                let long = ["0".repeat(63), "0".repeat(64), "0".repeat(65), "F".repeat(64), "9".repeat(4000)];
                let fill = |value: &str| Asked { path: route.path.replace("{id}", value).replace("{member}", value), ..asked.clone() };
                values.into_iter().map(fill).chain(long.iter().map(|value| fill(value))).collect()
            },
        ),
        wrong(CLOSED, "an unknown parameter", Kind::Parameter, is_closed, |asked, _, _, _| {
            ["?surprise=1", "?surprise", "?LIMIT=1", "?limit%00=1", "?=", "?limit[]=1", "?$where=1"]
                .into_iter()
                .map(|query| asked.query(query))
                .collect()
        }),
    ]
}

/// With what the route would have to pass over.
fn asked() -> Vec<Wrong> {
    vec![
        wrong(
            CLOSED,
            "a parameter twice",
            Kind::Parameter,
            |route| !route.query().is_empty(),
            |asked, _, _, route| route.query().iter().map(|name| asked.query(&format!("?{name}=1&{name}=1"))).collect(),
        ),
        wrong(CLOSED, "a query that is no UTF-8", Kind::Parameter, is_closed, |asked, _, _, route| {
            let name = route.query().first().cloned().unwrap_or_else(|| "a".to_owned());
            ["%ff", "%", "%4", "%zz", "%c3%28", "%u0041"].into_iter().map(|value| asked.query(&format!("?{name}={value}"))).collect()
        }),
        wrong(
            "every such route but `POST /api/v1/records`",
            "an idempotency key",
            Kind::Parameter,
            |route| is_closed(route) && !is_submission(route),
            |asked, _, _, _| vec![asked.header("idempotency-key", "order-4711")],
        ),
        wrong(
            "every JSON body",
            "a member of another kind",
            Kind::Malformed,
            |route| route.method_name() == "POST" && media_type(route) == "application/json",
            |_, _, _, _| Vec::new(),
        ),
    ]
}

fn is_submission(route: &Route) -> bool {
    route.path == "/api/v1/records" && route.method_name() == "POST"
}

/// The rows of the table in `specs/http-api.md` that this file answers for.
pub fn rows() -> Vec<String> {
    kinds().iter().map(|kind| row(kind.routes, kind.wrong, kind.problem)).chain([row("every other path", "anything", Kind::NotFound)]).collect()
}

/// The methods of a path of the API, and those of the console where it has the same.
fn methods_of(path: &str) -> BTreeSet<&'static str> {
    let mut methods: BTreeSet<_> = table().iter().filter(|route| route.path == path).map(Route::method_name).collect();
    if methods.contains("GET") {
        methods.insert("HEAD");
    }
    methods
}

fn allowed(reply: &Reply) -> BTreeSet<String> {
    let header = reply.headers["allow"].to_str().unwrap();
    header.split(',').map(|method| method.trim().to_owned()).collect()
}

#[tokio::test]
async fn every_route_refuses_every_kind_of_bad_request_and_writes_nothing() {
    let node = one().await;
    let cookie = node.session().await;
    let before = node.snapshot();
    let mut cells = BTreeMap::new();
    for route in table() {
        let asked = Asked::of(&route, &node, &cookie);
        let body = body_of(&route);
        for kind in kinds().iter().filter(|kind| (kind.applies)(&route)) {
            let requests = match kind.wrong {
                "a member of another kind" => other_kinds(&route).into_iter().map(|body| (asked.clone(), body)).collect(),
                _ => (kind.requests)(&asked, &node, &cookie, &route).into_iter().map(|asked| (asked, body.clone())).collect::<Vec<_>>(),
            };
            assert!(!requests.is_empty(), "{route:?} is never tested with: {}", kind.wrong);
            for (asked, body) in requests {
                let reply = asked.send(&node.admin, &body).await;
                let at = format!("{route:?}, {}: {asked:?} {body:.200}: {} {}", kind.wrong, reply.status, reply.text());
                if asked.method == "HEAD" {
                    assert_eq!(reply.status, kind.problem.status(), "{at}");
                } else {
                    assert_eq!((reply.status, &*reply.problem()), (kind.problem.status(), kind.problem.code()), "{at}");
                }
                if kind.problem == Kind::Method {
                    assert_eq!(allowed(&reply), methods_of(&route.path).into_iter().map(str::to_owned).collect(), "{at}");
                }
                assert!(
                    !reply.headers.contains_key("set-cookie") && !reply.headers.keys().any(|name| name.as_str().starts_with("access-control")),
                    "{at}"
                );
                assert!(reply.body.len() < 2000, "the answer repeats the input: {at}");
                *cells.entry(kind.wrong).or_insert(0) += 1;
            }
            assert_eq!(node.snapshot(), before, "{route:?}, {}", kind.wrong);
        }
    }
    println!("{cells:#?}");
    assert!(cells.values().sum::<usize>() > 1500, "{cells:?}");
    // The session that all of it went through is still open, so that nothing was refused for want of it.
    assert_eq!(node.call("GET", "/api/v1/tokens", &[("cookie", &cookie)], "").await.status, 200);
}

fn body_of(route: &Route) -> String {
    let at = format!("{} {}", route.method_name(), route.path);
    if route.method_name() == "POST" && media_type(route) == "application/json" { good(&at) } else { String::new() }
}

/// The route's good body with each member of its schema, in turn, of kinds that it is not.
fn other_kinds(route: &Route) -> Vec<String> {
    let document = serde_json::to_value(openapi()).unwrap();
    let content = &document["paths"][&route.path]["post"]["requestBody"]["content"]["application/json"]["schema"];
    let schema = content["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?)).unwrap_or(content);
    let members: Vec<&String> = schema["properties"].as_object().unwrap_or_else(|| panic!("{route:?} has no schema")).keys().collect();
    let good: serde_json::Value = serde_json::from_str(&body_of(route)).unwrap();
    // In place of the object, the list of its members' values; a lax reader takes that for the same.
    let positional: Vec<_> = members.iter().map(|name| good[name.as_str()].clone()).collect();
    let mut bodies = vec![serde_json::to_string(&positional).unwrap()];
    for member in members {
        for other in ["[[]]", "[\"x\"]", "{\"surprise\":1}", "-1", "0.5", "18446744073709551616", "1e400", "true"] {
            let mut text = String::from("{");
            for (name, value) in good.as_object().unwrap().iter().filter(|(name, _)| *name != member) {
                text.push_str(&format!("\"{name}\":{value},"));
            }
            bodies.push(format!("{text}\"{member}\":{other}}}"));
        }
    }
    bodies
}

/// Each parameter that a route documents has a case of its own below, with a value that it refuses.
#[test]
fn every_documented_parameter_has_a_bad_value() {
    let document = serde_json::to_value(openapi()).unwrap();
    let mut checked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for parameter in operation["parameters"].as_array().into_iter().flatten().filter(|parameter| parameter["in"] != "path") {
                let (place, name) = (parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap());
                let route = format!("{} {path}", method.to_uppercase());
                assert!(crate::bad_input::has_case(&route, place, name), "{route}: no bad value of {place} {name} is tested");
                checked += 1;
            }
        }
    }
    assert!(checked >= 8, "{checked}");
}

const PATHS: [&str; 30] = [
    "/api",
    "/api/",
    "/api/v1",
    "/api/v1/",
    "/api/v1/records/",
    "/api/v2/node",
    "/api/v1/circles/a/b",
    "/metrics/",
    "//healthz",
    "/api/v1//node",
    "/API/V1/NODE",
    "/api/v1/%6eode",
    "/api/v1/node%2F",
    "/api/v1/../v1/node",
    "/api/v1/records/../node",
    "/api/v1/./node",
    "/api/v1/node;x=1",
    "/api/v1/node%00",
    "/api/v1/node/",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/auth.json",
    "/keyring",
    "/token",
    "/assets",
    "/assets/",
    "/assets/0/auth.json",
    "/assets/0/..%2f..%2fauth.json",
    "/assets/%ff/%ff",
    "/.well-known/x",
    "/favicon.ico",
];

#[tokio::test]
async fn every_other_path_is_not_found() {
    let node = one().await;
    let cookie = node.session().await;
    let before = node.snapshot();
    for path in PATHS {
        for method in ["GET", "POST", "DELETE", "PUT"] {
            if path.starts_with("/assets/0/") || path.starts_with("/assets/%ff") {
                continue;
            }
            let headers = [("cookie", cookie.as_str()), ("origin", "http://localhost:7001")];
            let reply = node.call(method, path, &headers, "").await;
            assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "not-found"), "{method} {path}");
        }
        for router in [&node.admin, &node.public] {
            let reply = send(router, request("GET", path, &[("authorization", &node.bearer(Rights::Admin))], "")).await;
            assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (404, "not-found"), "{path}");
        }
    }
    assert_eq!(node.snapshot(), before);
}

fn allow_of(pages: &[Page], path: &str) -> BTreeSet<String> {
    let methods = pages.iter().filter(|page| page.path == path).map(|page| page.method.to_owned());
    let methods: BTreeSet<String> = methods.collect();
    if methods.contains("GET") { methods.into_iter().chain(["HEAD".to_owned()]).collect() } else { methods }
}

/// The public listener has nothing to change, and answers everything that it is asked.
#[tokio::test]
async fn every_public_route_answers_bad_requests_and_writes_nothing() {
    let node = one().await;
    node.session().await;
    let before = node.snapshot();
    let routes = public_table();
    assert!(routes.iter().all(|page| page.need == Need::Open));
    let changing: Vec<_> = routes.iter().filter(|page| page.method != "GET").map(|page| page.path).collect();
    assert_eq!(changing, ["/witness/add-checkpoint", "/join"], "what takes a body, and no more");
    for page in routes.iter().filter(|page| page.method == "GET") {
        let path = filled(page.path);
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "X"] {
            for headers in [vec![], vec![("authorization", node.bearer(Rights::Admin)), ("origin", "https://evil.example".to_owned())]] {
                let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let reply = send(&node.public, request(method, &path, &headers, "{}")).await;
                assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (405, "method"), "{method} {path}");
                assert_eq!(allowed(&reply), allow_of(&routes, page.path), "{method} {path}");
                assert!(!reply.headers.keys().any(|name| name.as_str().starts_with("access-control") || name == "set-cookie"));
            }
        }
        let reply = send(&node.public, request("GET", &path, &[("content-length", "2"), ("transfer-encoding", "chunked")], "{}")).await;
        assert_eq!(reply.problem(), "malformed", "{path}");
        assert_eq!(reply.headers["connection"], "close");
        let [got, head] = [send(&node.public, request("GET", &path, &[], "")).await, send(&node.public, request("HEAD", &path, &[], "")).await];
        assert_eq!((got.status, head.body.len()), (head.status, 0), "{path}");
        for query in ["?", "?a", "?a=x&a=x", "?a=%ff", "?lang=%00", "?lang=xx&format=%", "?format=bundle&a=", "?%ff=%ff", "?a=<script>", "?lang[]=en"]
        {
            let reply = send(&node.public, request("GET", &format!("{path}{}", query.replace('<', "%3C").replace('>', "%3E")), &[], "")).await;
            assert!(reply.status.as_u16() < 500 && !reply.text().contains("<script>"), "{path}{query}: {}", reply.status);
        }
        for (name, value) in page.path.split('/').filter(|part| part.starts_with('{')).flat_map(|part| BAD.map(|value| (part, value))) {
            let path = filled(&page.path.replace(name, value));
            let reply = send(&node.public, request("GET", &path, &[], "")).await;
            let asset = name == "{version}";
            assert!(asset || matches!(reply.status.as_u16(), 400 | 404), "{path}: {}", reply.status);
            assert!(!reply.text().contains('\u{202e}') && !reply.headers.contains_key("set-cookie"), "{path}");
        }
    }
    assert_eq!(node.snapshot(), before);
}

const BAD: [&str; 12] =
    ["x", "%00", "%ff", "..%2f..", "%2e%2e", "%", "%zz", "-1", "99999999999999999999", "%E2%80%AE", "a%0d%0aSet-Cookie:%20a=b", "%3Cscript%3E"];

/// The console: pages lead strangers to the login, and its forms refuse what they cannot read.
#[tokio::test]
async fn every_page_of_the_console_refuses_strangers_and_bad_forms() {
    let node = one().await;
    let cookie = node.session().await;
    let before = node.snapshot();
    let pages = console_table();
    let own = ("origin", "http://localhost:7001");
    let form = ("content-type", "application/x-www-form-urlencoded");
    for page in &pages {
        let path = filled(page.path);
        let call = async |headers: &[(&str, &str)], body: &[u8]| send(&node.admin, request(page.method, &path, headers, body.to_vec())).await;
        assert_eq!(call(&[("host", "evil.example"), ("cookie", &cookie)], b"").await.problem(), "host", "{page:?}");
        assert_eq!(call(&[("origin", "http://evil.example"), ("cookie", &cookie)], b"").await.problem(), "origin", "{page:?}");
        let wrong = send(&node.admin, request("PATCH", &path, &[("cookie", &cookie), own], "")).await;
        assert_eq!((wrong.problem().as_str(), allowed(&wrong)), ("method", allow_of(&pages, page.path)), "{page:?}");
        if page.need == Need::Operator {
            for headers in [vec![], vec![own, ("authorization", "Bearer x")], vec![own, ("cookie", "suyuan_0=1")]] {
                let reply = call(&headers, b"").await;
                assert_eq!(reply.status.as_u16(), 303, "{page:?}");
                assert!(reply.headers["location"].to_str().unwrap().starts_with("/login"), "{page:?}");
            }
        }
        if page.method == "POST" {
            assert_eq!(call(&[("cookie", &cookie), form], b"").await.problem(), "origin", "{page:?}");
            for body in [&b"a=%ff"[..], b"a=\xff", b"a=%", b"to=%c3%28"] {
                let reply = call(&[("cookie", &cookie), own, form], body).await;
                assert!(page.path == "/logout" || reply.problem() == "malformed", "{page:?} {body:?}");
            }
            if page.path == "/logout" {
                // Logging out reads no form; it ended the session, which the rest needs.
                continue;
            }
            let long = [b"a=".to_vec(), vec![b'x'; suyuan_api::limits::FORM]].concat();
            assert_eq!(call(&[("cookie", &cookie), own, form], &long).await.problem(), "too-large", "{page:?}");
            for other in [("content-type", "application/json"), ("content-type", "multipart/form-data; boundary=x"), ("accept", "*/*")] {
                assert_eq!(call(&[("cookie", &cookie), own, other], b"a=b").await.problem(), "media-type", "{page:?}");
            }
        }
        for (name, value) in page.path.split('/').filter(|part| part.starts_with('{')).flat_map(|part| BAD.map(|value| (part, value))) {
            let path = filled(&page.path.replace(name, value));
            let reply = send(&node.admin, request(page.method, &path, &[("cookie", &cookie), own, form], "")).await;
            assert!(name == "{version}" || reply.status.is_client_error(), "{path}: {}", reply.status);
        }
    }
    assert_eq!(node.snapshot(), before);
}

/// The page lists the routes of both tables.
#[test]
fn the_specification_lists_pages_and_public_routes() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/http-api.md")).unwrap();
    for (head, routes) in [("| public route | serves |", public_table()), ("| page | needs |", console_table())] {
        let listed: Vec<&str> = page.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with('|')).collect();
        let expected: Vec<String> = routes.iter().map(|page| format!("| `{page:?}` | ")).collect();
        assert_eq!(listed.len(), expected.len(), "{head} should have:\n{}", expected.join("\n"));
        for (row, expected) in listed.iter().zip(expected) {
            assert!(row.starts_with(&expected), "{row} should begin with {expected}");
        }
    }
}
