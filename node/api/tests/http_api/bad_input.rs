//! Bad input to every route that reads any: a clear problem, and nothing half-written. `specs/http-api.md` has the table.

use suyuan_api::auth::Rights;
use suyuan_api::limits;
use suyuan_api::problem::Kind;
use suyuan_api::routes::table;
use suyuan_runtime::node::now;

use crate::document::filled;
use crate::support::{Reply, TestNode, one, settled, sync, three};

const RECORD: &str = r#"{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}"#;

/// One bad request: route, what is wrong with it, and the problem that it gets.
struct Case {
    route: &'static str,
    wrong: &'static str,
    problem: Kind,
    headers: Vec<(&'static str, String)>,
    query: &'static str,
    body: Vec<u8>,
}

impl Case {
    fn new(route: &'static str, wrong: &'static str, problem: Kind, body: impl Into<Vec<u8>>) -> Self {
        let json = if route.ends_with("/verify") { "application/cbor" } else { "application/json" };
        Self { route, wrong, problem, headers: vec![("content-type", json.to_owned())], query: "", body: body.into() }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    fn and(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn row(&self) -> String {
        row(&format!("`{}`", self.route), self.wrong, self.problem)
    }
}

pub fn row(route: &str, wrong: &str, problem: Kind) -> String {
    format!("| {route} | {wrong} | {} | `{}` |", problem.status().as_u16(), problem.code())
}

/// A body that each route takes, as the start of what is wrong with it.
pub fn good(route: &str) -> String {
    match route {
        "POST /api/v1/records" => format!(r#"{{"records":[{RECORD}]}}"#),
        "POST /api/v1/records/{id}/disclose" => r#"{"fields":[{"section":0,"name":"a"}]}"#.to_owned(),
        "POST /api/v1/circles" => r#"{"name":"x","tier":"authorized","members":[{"member":"Z","rights":"read"}]}"#.to_owned(),
        "POST /api/v1/circles/{id}/epochs" => r#"{"members":[{"member":"Z","rights":"read"}]}"#.to_owned(),
        "POST /api/v1/resolutions" => {
            r#"{"change":{"agree":{"title":"x","text":"y"}},"expires":4102444800000,"reason":"z","signers":[],"threshold":null}"#.to_owned()
        }
        "POST /api/v1/resolutions/{id}/votes" => r#"{"choice":"comment","comment":"x"}"#.to_owned(),
        "POST /api/v1/order/freeze" => r#"{"term":2}"#.to_owned(),
        "POST /api/v1/invitations" => format!(r#"{{"name":"x","role":"downstream","expires":{}}}"#, now() + 86_400_000),
        "POST /api/v1/keys" => r#"{"keys":["log"]}"#.to_owned(),
        "POST /api/v1/tokens" => r#"{"name":"x","rights":"read"}"#.to_owned(),
        "POST /api/v1/session" => r#"{"password":"a password for tests"}"#.to_owned(),
        other => panic!("{other} takes a body that this test does not know"),
    }
}

fn json_routes() -> Vec<&'static str> {
    table()
        .iter()
        .filter(|route| route.method_name() == "POST" && route.path != "/api/v1/verify")
        .map(|route| &*format!("POST {}", route.path).leak())
        .collect()
}

/// What every JSON body can have wrong with it.
fn malformed(route: &'static str) -> Vec<Case> {
    let good = good(route);
    let limit = match route {
        "POST /api/v1/records" => limits::BODY,
        "POST /api/v1/session" => limits::LOGIN_BODY,
        _ => limits::SMALL_BODY,
    };
    let deep = format!(r#"{{"surprise":{}1{},{}"#, "[".repeat(200), "]".repeat(200), &good[1..]);
    let twice = format!("{{{},{}", good[1..].rsplit_once('}').unwrap().0, &good[1..]);
    let case = |wrong, problem, body: Vec<u8>| Case::new(route, wrong, problem, body);
    vec![
        case("no body", Kind::Malformed, Vec::new()),
        case("no JSON", Kind::Malformed, b"{\"".to_vec()),
        case("no UTF-8", Kind::Malformed, b"{\"\xff\":1}".to_vec()),
        case("a list in place of the object", Kind::Malformed, format!("[{good}]").into_bytes()),
        case("something behind the object", Kind::Malformed, format!("{good}{{}}").into_bytes()),
        case("a member twice", Kind::Malformed, twice.into_bytes()),
        case("an unknown member", Kind::Malformed, format!(r#"{{"surprise":1,{}"#, &good[1..]).into_bytes()),
        case("nested too deep", Kind::Malformed, deep.into_bytes()),
        case("too long", Kind::TooLarge, [good.as_bytes(), &vec![b' '; limit]].concat()),
        case("another media type", Kind::MediaType, good.clone().into_bytes()).header("content-type", "text/plain"),
        case("no media type", Kind::MediaType, good.clone().into_bytes()).header("content-type", ""),
        case("two media types", Kind::MediaType, good.clone().into_bytes()).and("content-type", "application/json"),
        case("another charset", Kind::MediaType, good.clone().into_bytes()).header("content-type", "application/json; charset=GBK"),
        case("compressed", Kind::MediaType, good.into_bytes()).and("content-encoding", "gzip"),
    ]
}

fn records_with(record: &str) -> String {
    format!(r#"{{"records":[{record}]}}"#)
}

fn section(circle: &str, fields: &str) -> String {
    records_with(&format!(r#"{{"type":"note","sections":[{{"for":{circle},"fields":{fields}}}]}}"#))
}

fn submissions() -> Vec<Case> {
    let route = "POST /api/v1/records";
    let case = |wrong, problem, body: String| Case::new(route, wrong, problem, body);
    let with = |from: &str, to: &str| records_with(&RECORD.replace(from, to));
    let circle = "ab".repeat(32);
    let many_fields: Vec<String> = (0..257).map(|index| format!("\"f{index}\":1")).collect();
    let deep = format!("{}1{}", "[".repeat(40), "]".repeat(40));
    let many = vec![RECORD; 1001].join(",");
    let section_list = [r#"{"for":"self","fields":{"a":1}}"#; 9].join(",");
    vec![
        case("no record", Kind::Malformed, r#"{"records":[]}"#.into()),
        case("more records than 1000", Kind::Limit, records_with(&many)),
        case("one bad record among good ones", Kind::Type, records_with(&format!("{RECORD},{},{RECORD}", RECORD.replace("note", "No")))),
        case("an unknown member of a record", Kind::Malformed, with("{\"type\"", "{\"typ\":1,\"type\"")),
        case("a record as a list", Kind::Malformed, records_with(r#"["note",[],[],null,[{"for":"self","fields":{"a":1}}]]"#)),
        case("a section as a list", Kind::Malformed, records_with(r#"{"type":"note","sections":[["self",{"a":1}]]}"#)),
        case("a member of a record twice", Kind::Malformed, with("{\"type\"", "{\"type\":\"a\",\"type\"")),
        case("an unknown member of a section", Kind::Malformed, with("\"for\"", "\"fro\":1,\"for\"")),
        case("a field twice", Kind::Malformed, section("\"self\"", r#"{"a":1,"a":2}"#)),
        case("a member twice within a value", Kind::Malformed, section("\"self\"", r#"{"a":{"b":1,"b":2}}"#)),
        case("a value nested too deep", Kind::Malformed, section("\"self\"", &format!("{{\"a\":{deep}}}"))),
        case("no fields", Kind::Malformed, section("\"self\"", "{}")),
        case("more fields than 256", Kind::Malformed, section("\"self\"", &format!("{{{}}}", many_fields.join(",")))),
        case("a field without a name", Kind::Malformed, section("\"self\"", r#"{"":1}"#)),
        case("a field named `@about`", Kind::Malformed, section("\"self\"", r#"{"@about":[]}"#)),
        case("a field's name with a control character", Kind::Malformed, section("\"self\"", r#"{"a\u0000":1}"#)),
        case("a value longer than 256 KiB", Kind::Limit, section("\"self\"", &format!("{{\"a\":\"{}\"}}", "x".repeat(256 * 1024)))),
        case(
            "a section longer than 1 MiB",
            Kind::Limit,
            section(
                "\"self\"",
                &format!("{{{}}}", (0..5).map(|index| format!("\"f{index}\":\"{}\"", "x".repeat(250_000))).collect::<Vec<_>>().join(",")),
            ),
        ),
        case("no section", Kind::Limit, records_with(r#"{"type":"note","sections":[]}"#)),
        case("more sections than 8", Kind::Limit, records_with(&format!(r#"{{"type":"note","sections":[{section_list}]}}"#))),
        case("a type that is none", Kind::Type, with("note", "Note!")),
        case("a type of the protocol", Kind::Type, with("note", "suyuan.read")),
        case(
            "an identifier with a wrong check digit",
            Kind::Identifier,
            with("{\"type\"", "{\"about\":[\"https://id.gs1.org/01/06901234567893\"],\"type\""),
        ),
        case("an identifier that is none", Kind::Identifier, with("{\"type\"", "{\"about\":[\"javascript:alert(1)\"],\"type\"")),
        case("a reference that is no id", Kind::Malformed, with("{\"type\"", "{\"references\":[\"x\"],\"type\"")),
        case("no audience", Kind::Limit, section("[]", r#"{"a":1}"#)),
        case("an audience twice", Kind::Malformed, section(r#"["self","self"]"#, r#"{"a":1}"#)),
        case("the public beside another audience", Kind::Malformed, section(r#"["public","self"]"#, r#"{"a":1}"#)),
        case("an audience that is no circle", Kind::UnknownCircle, section("\"friends\"", r#"{"a":1}"#)),
        case("a circle that this node does not know", Kind::UnknownCircle, section(&format!("\"{circle}\""), r#"{"a":1}"#)),
        case("a time far ahead", Kind::Clock, with("{\"type\"", &format!("{{\"time\":{},\"type\"", now() + 3_600_000))),
        case("a time beyond 2^53", Kind::Limit, with("{\"type\"", "{\"time\":9007199254740992,\"type\"")),
        case("a time before 1970", Kind::Malformed, with("{\"type\"", "{\"time\":-1,\"type\"")),
        case("an idempotency key that is empty", Kind::Parameter, good(route)).header("idempotency-key", ""),
        case("an idempotency key with a space", Kind::Parameter, good(route)).header("idempotency-key", "a b"),
        case("an idempotency key longer than 255", Kind::Parameter, good(route)).header("idempotency-key", "x".repeat(256)),
        case("two idempotency keys", Kind::Parameter, good(route)).header("idempotency-key", "a").and("idempotency-key", "a"),
        case("an idempotency key used for another request", Kind::IdempotencyConflict, good(route)).header("idempotency-key", "used"),
    ]
}

fn others() -> Vec<Case> {
    of_records_and_circles().into_iter().chain(of_decisions()).chain(of_access_and_lists()).collect()
}

fn of_decisions() -> Vec<Case> {
    let (propose, vote) = ("POST /api/v1/resolutions", "POST /api/v1/resolutions/{id}/votes");
    let invite = "POST /api/v1/invitations";
    let case = |route, wrong, problem, body: &str| Case::new(route, wrong, problem, body);
    let change = |change: &str| format!(r#"{{"change":{change},"expires":4102444800000}}"#);
    let nobody = "0".repeat(64);
    vec![
        case(propose, "a change that is none", Kind::Malformed, &change(r#"{"dissolve":{}}"#)),
        case(propose, "two changes", Kind::Malformed, &change(r#"{"agree":{"title":"x","text":"y"},"chair":{"member":"0"}}"#)),
        case(propose, "a member of a change twice", Kind::Malformed, &change(r#"{"agree":{"title":"x","title":"x","text":"y"}}"#)),
        case(propose, "an agreement without a title", Kind::Decision, &change(r#"{"agree":{"title":"","text":"y"}}"#)),
        case(
            propose,
            "a title longer than 100 bytes",
            Kind::Decision,
            &change(&format!(r#"{{"agree":{{"title":"{}","text":"y"}}}}"#, "x".repeat(101))),
        ),
        case(propose, "an end in the past", Kind::Decision, &good(propose).replace("4102444800000", "1")),
        case(propose, "an end beyond 2^53", Kind::Decision, &good(propose).replace("4102444800000", "9007199254740992")),
        case(propose, "a reason longer than 4096 bytes", Kind::Decision, &good(propose).replace("\"z\"", &format!("\"{}\"", "z".repeat(4097)))),
        case(propose, "a threshold of nothing", Kind::Decision, &good(propose).replace("null", "0")),
        case(propose, "a threshold that nobody reaches", Kind::Decision, &good(propose).replace("null", "1000")),
        case(propose, "a signer twice", Kind::Decision, &good(propose).replace("[]", &format!(r#"[["{nobody}",1],["{nobody}",1]]"#))),
        case(propose, "a signer of no weight", Kind::Decision, &good(propose).replace("[]", &format!(r#"[["{nobody}",0]]"#))),
        case(
            propose,
            "the removal of a stranger",
            Kind::Decision,
            &change(&format!(r#"{{"remove":{{"member":"{nobody}","size":0,"root":"{nobody}"}}}}"#)),
        ),
        case(propose, "an entry that is none", Kind::Decision, &change(r#"{"admit":{"entry":"AAAA","signatures":[]}}"#)),
        case(invite, "no name", Kind::Decision, &good(invite).replace("\"x\"", "\"\"")),
        case(invite, "a role that is none", Kind::Malformed, &good(invite).replace("downstream", "owner")),
        case(invite, "an invitation of a leader", Kind::Decision, &good(invite).replace("downstream", "leader")),
        case(invite, "an end in the past", Kind::Decision, r#"{"name":"x","role":"downstream","expires":1}"#),
        case(invite, "an end further than 90 days", Kind::Decision, r#"{"name":"x","role":"downstream","expires":9007199254740991}"#),
        case("DELETE /api/v1/invitations/{id}", "an invitation that is over", Kind::Decision, ""),
        case("POST /api/v1/keys", "no key", Kind::Decision, r#"{"keys":[]}"#),
        case("POST /api/v1/keys", "a key that is none", Kind::Malformed, r#"{"keys":["root"]}"#),
        case("POST /api/v1/order/freeze", "another term than the next", Kind::Decision, r#"{"term":1}"#),
        case(vote, "a vote that is none", Kind::Malformed, &good(vote).replace(":\"comment\"", ":\"abstain\"")),
    ]
}

fn of_records_and_circles() -> Vec<Case> {
    let (disclose, circles, epochs) = ("POST /api/v1/records/{id}/disclose", "POST /api/v1/circles", "POST /api/v1/circles/{id}/epochs");
    let case = |route, wrong, problem, body: &str| Case::new(route, wrong, problem, body);
    vec![
        case(disclose, "no field", Kind::Limit, r#"{"fields":[]}"#),
        case(disclose, "a field that is not there", Kind::UnknownField, r#"{"fields":[{"section":0,"name":"b"}]}"#),
        case(disclose, "a section that is not there", Kind::UnknownField, r#"{"fields":[{"section":7,"name":"a"}]}"#),
        case(disclose, "a section that is no index", Kind::Malformed, r#"{"fields":[{"section":-1,"name":"a"}]}"#),
        case(disclose, "a field twice", Kind::UnknownField, r#"{"fields":[{"section":0,"name":"a"},{"section":0,"name":"a"}]}"#),
        case(disclose, "a field as a list", Kind::Malformed, r#"{"fields":[[0,"a"]]}"#),
        case(disclose, "a purpose with a line break", Kind::Parameter, r#"{"fields":[{"section":0,"name":"a"}],"purpose":"a\nb"}"#),
        case(disclose, "a purpose of no text", Kind::Parameter, &good(disclose)).header("purpose", "%ff"),
        case(circles, "a member that nobody knows", Kind::UnknownMember, &good(circles).replace('Z', "X")),
        case(
            circles,
            "a member twice",
            Kind::Malformed,
            r#"{"name":"x","tier":"authorized","members":[{"member":"Z","rights":"read"},{"member":"Z","rights":"read"}]}"#,
        ),
        case(circles, "rights that are none", Kind::Malformed, &good(circles).replace("\"read\"", "\"own\"")),
        case(circles, "a tier that is none", Kind::Malformed, &good(circles).replace("authorized", "secret")),
        case(circles, "the tier of the alliance circle", Kind::Malformed, &good(circles).replace("authorized", "general")),
        case(circles, "two writers of a grant", Kind::Malformed, &good(circles).replace("\"read\"", "\"write\"")),
        case(
            circles,
            "a regulator that writes",
            Kind::Malformed,
            r#"{"name":"x","tier":"codevelopment","members":[{"member":"R","rights":"write"}]}"#,
        ),
        case(circles, "no name", Kind::Malformed, &good(circles).replace("\"name\":\"x\"", "\"name\":\"\"")),
        case(circles, "an end beyond 2^53", Kind::Limit, &good(circles).replace("{\"name\"", "{\"until\":9007199254740992,\"name\"")),
        case(circles, "an end in the past", Kind::Malformed, &good(circles).replace("{\"name\"", "{\"until\":1,\"name\"")),
        case(circles, "a member as a list", Kind::Malformed, r#"{"name":"x","tier":"authorized","members":[["Z","read"]]}"#),
        case(epochs, "an end in the past", Kind::Malformed, &good(epochs).replace("{\"members\"", "{\"until\":1,\"members\"")),
        case(epochs, "an end beyond 2^53", Kind::Limit, &good(epochs).replace("{\"members\"", "{\"until\":9007199254740992,\"members\"")),
        case(epochs, "terms as a list", Kind::Malformed, r#"{"terms":[]}"#),
        case(epochs, "a member that nobody knows", Kind::UnknownMember, &good(epochs).replace('Z', "X")),
        case(epochs, "two writers of a grant", Kind::Malformed, &good(epochs).replace("\"read\"", "\"write\"")),
    ]
}

fn of_access_and_lists() -> Vec<Case> {
    let (tokens, session, verify) = ("POST /api/v1/tokens", "POST /api/v1/session", "POST /api/v1/verify");
    let case = |route, wrong, problem, body: &str| Case::new(route, wrong, problem, body);
    let of = |route, wrong, problem, query| Case { query, ..Case::new(route, wrong, problem, "") };
    let list = |wrong, query| of("GET /api/v1/records", wrong, Kind::Parameter, query);
    vec![
        case(tokens, "no name", Kind::Malformed, &good(tokens).replace("\"x\"", "\"\"")),
        case(tokens, "rights that are none", Kind::Malformed, &good(tokens).replace("\"read\"", "\"root\"")),
        case(
            tokens,
            "an end further than two years",
            Kind::Malformed,
            &good(tokens).replace("{\"name\"", "{\"expires\":18446744073709551615,\"name\""),
        ),
        case(tokens, "a name with a line break", Kind::Malformed, &good(tokens).replace("\"x\"", "\"a\\nb\"")),
        case(tokens, "a name longer than 128 bytes", Kind::Malformed, &good(tokens).replace("\"x\"", &format!("\"{}\"", "x".repeat(129)))),
        case(tokens, "an end in the past", Kind::Malformed, &good(tokens).replace("{\"name\"", "{\"expires\":1,\"name\"")),
        case(session, "a wrong password", Kind::Login, r#"{"password":"wrong password"}"#),
        case(verify, "another media type", Kind::MediaType, "").header("content-type", "text/html"),
        Case { query: "?alliance=x", ..case(verify, "an alliance that is no id", Kind::Parameter, "") },
        Case { query: "?aliance=any", ..case(verify, "an unknown parameter", Kind::Parameter, "") },
        of("GET /api/v1/audit/report", "another language", Kind::Parameter, "?lang=fr"),
        of("GET /api/v1/charter", "a time that is no number", Kind::Parameter, "?at=yesterday"),
        of("GET /api/v1/charter", "a version that is no number", Kind::Parameter, "?version=-1"),
        of("GET /api/v1/charter", "a time and a version", Kind::Parameter, "?at=1&version=0"),
        of("GET /api/v1/charter", "a time before the founding", Kind::NotFound, "?at=1"),
        of("GET /api/v1/charter", "a version that is not yet", Kind::NotFound, "?version=1"),
        of("GET /api/v1/charter", "a time to come", Kind::Clock, "?at=9007199254740991"),
        of("GET /api/v1/charter/versions", "a cursor that is none", Kind::Parameter, "?after=zz"),
        of("GET /api/v1/charter/versions", "no versions of a page", Kind::Parameter, "?limit=0"),
        of("GET /api/v1/charter/versions", "more versions of a page than 200", Kind::Parameter, "?limit=201"),
        of("GET /api/v1/waiting", "a cursor that is none", Kind::Parameter, "?after=zz"),
        of("GET /api/v1/waiting", "no submissions of a page", Kind::Parameter, "?limit=0"),
        of("GET /api/v1/waiting", "more submissions of a page than 200", Kind::Parameter, "?limit=201"),
        of("GET /api/v1/logs/{member}/quarantined", "a cursor that is none", Kind::Parameter, "?after=zz"),
        of("GET /api/v1/logs/{member}/quarantined", "more entries of a page than 200", Kind::Parameter, "?limit=201"),
        list("an unknown parameter", "?subjekt=x"),
        list("a parameter twice", "?limit=1&limit=2"),
        list("two filters", "?circle=public&log=G"),
        list("a subject that is none", "?subject=x"),
        list("a circle that is none", "?circle=friends"),
        list("a log of nobody", "?log=nobody"),
        list("a cursor that is none", "?after=zz"),
        list("no records of a page", "?limit=0"),
        list("more records of a page than 200", "?limit=201"),
        list("a limit that is no number", "?limit=ten"),
        list("a limit beyond 2^64", "?limit=18446744073709551616"),
        list("a limit below nothing", "?limit=-1"),
        list("a cursor that is too long", "?after=000000000000000000000000000000000000000000000000000000000000"),
        Case::new("GET /api/v1/records", "a purpose of no text", Kind::Parameter, "").header("purpose", "%ff"),
        Case::new("GET /api/v1/records", "two purposes", Kind::Parameter, "").and("purpose", "a").and("purpose", "a"),
        Case::new("GET /api/v1/records/{id}", "a purpose of no text", Kind::Parameter, "").header("purpose", "%ff"),
    ]
}

/// Whether a bad value of a parameter or a header is among the cases.
pub fn has_case(route: &str, place: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    let named = |case: &Case| match place {
        "query" => case.query.trim_start_matches('?').split('&').any(|pair| pair.split('=').next() == Some(name.as_str())),
        _ => case.headers.iter().any(|(other, _)| *other == name),
    };
    cases().iter().any(|case| case.route == route && case.problem == Kind::Parameter && named(case))
}

fn cases() -> Vec<Case> {
    json_routes().into_iter().flat_map(malformed).chain(submissions()).chain(others()).collect()
}

async fn send(node: &TestNode, case: &Case, [record, circle, proposal, invitation]: [&str; 4], cookie: &str) -> Reply {
    let (method, path) = case.route.split_once(' ').unwrap();
    let id = match path {
        path if path.contains("/circles/") => circle,
        path if path.contains("/resolutions/") => proposal,
        path if path.contains("/invitations/") => invitation,
        _ => record,
    };
    let path = format!("{}{}", path.replace("{id}", id).replace("{member}", "G"), case.query);
    let headers = [("cookie", cookie), ("origin", "http://localhost:7001")];
    let headers: Vec<(&str, &str)> = headers
        .into_iter()
        .chain(case.headers.iter().map(|(name, value)| (*name, value.as_str())))
        .filter(|(name, value)| *name != "content-type" || !value.is_empty())
        .collect();
    node.call(method, &path, &headers, case.body.clone()).await
}

#[tokio::test]
async fn bad_input_gets_a_problem_and_writes_nothing() {
    let node = one().await;
    let cookie = node.session().await;
    let record = node.put(RECORD).await;
    let circle = node.post("/api/v1/circles", good("POST /api/v1/circles")).await.json()["id"].as_str().unwrap().to_owned();
    let proposed = node.post("/api/v1/resolutions", good("POST /api/v1/resolutions")).await;
    let proposal = proposed.json()["id"].as_str().unwrap().to_owned();
    let invited = node.post("/api/v1/invitations", good("POST /api/v1/invitations")).await;
    let over = invited.json()["invitation"].as_str().unwrap().to_owned();
    let taken = node.call("DELETE", &format!("/api/v1/invitations/{over}"), &[("authorization", &node.bearer(Rights::Admin))], "").await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    let used = [("authorization", &*node.bearer(Rights::Admin)), ("content-type", "application/json"), ("idempotency-key", "used")];
    assert_eq!(node.call("POST", "/api/v1/records", &used, records_with(&RECORD.replace('1', "2"))).await.status, 201);
    settled(&node.node.handle).await;
    let before = node.snapshot();
    for case in cases() {
        let reply = send(&node, &case, [&record, &circle, &proposal, &over], &cookie).await;
        assert_eq!(
            (reply.status, &*reply.problem()),
            (case.problem.status(), case.problem.code()),
            "{} {}: {}",
            case.route,
            case.wrong,
            reply.text()
        );
        assert!(reply.body.len() < 2000, "{} {}: the answer repeats the input", case.route, case.wrong);
        assert_eq!(node.snapshot(), before, "{} {}", case.route, case.wrong);
    }
    // The good bodies are good, so that every case above fails for its own reason.
    for route in json_routes() {
        let reply = send(&node, &Case::new(route, "nothing", Kind::Malformed, good(route)), [&record, &circle, &proposal, &over], &cookie).await;
        assert!(reply.status.is_success(), "{route}: {}", reply.text());
    }
}

/// The page lists exactly these cases and exactly these kinds.
#[test]
fn the_specification_has_both_tables() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../specs/http-api.md")).unwrap();
    let table = |head: &str| -> Vec<String> {
        let lines = page.lines().skip_while(|line| *line != head).skip(2).take_while(|line| line.starts_with('|'));
        lines.map(str::to_owned).collect()
    };
    let kinds = Kind::ALL.iter().map(|kind| format!("| `{}` | {} | {} |", kind.code(), kind.status().as_u16(), kind.title()));
    compare(&table("| code | status | title |"), &kinds.collect::<Vec<_>>());
    let json = malformed("POST /api/v1/records").into_iter().map(|case| row("every JSON body", case.wrong, case.problem));
    let others = submissions().into_iter().chain(others()).map(|case| case.row());
    compare(
        &table("| route | what is wrong | status | code |"),
        &crate::every_route::rows().into_iter().chain(json).chain(others).collect::<Vec<_>>(),
    );
}

fn compare(page: &[String], expected: &[String]) {
    assert_eq!(page, expected, "the page should have:\n{}", expected.join("\n"));
}

/// What does not exist, what another member keeps to itself, and what is no id get the same answer, byte for byte.
#[tokio::test]
async fn unknown_and_not_mine_look_the_same() {
    let [g, z, _] = three().await;
    let hidden = g.put(RECORD).await;
    let grant = g.post("/api/v1/circles", r#"{"name":"x","tier":"authorized","members":[{"member":"R","rights":"read"}]}"#).await.json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    sync(&g, &z).await;
    assert_eq!(z.get("/api/v1/logs/G").await.json()["size"], 3, "Z holds the ids");
    let ids = [hidden.as_str(), &grant, &"0".repeat(64), &"0".repeat(63), "x", "%2e%2e", "%ff", "%00"];
    for route in table().iter().filter(|route| route.path.contains("/records/{id}") || route.path.contains("/circles/{id}")) {
        let mut answers = std::collections::BTreeSet::new();
        for id in ids {
            let path = route.path.replace("{id}", id);
            let body = if route.method_name() == "POST" { good(&format!("POST {}", route.path)) } else { String::new() };
            let headers = [("authorization", &*z.bearer(Rights::Admin)), ("content-type", "application/json")];
            let reply = z.call(route.method_name(), &path, &headers, body).await;
            assert_eq!(reply.status, 404, "{path}");
            answers.insert(reply.body);
        }
        assert_eq!(answers.len(), 1, "{route:?}");
    }
    let empty = z.get(&format!("/api/v1/records?circle={grant}")).await.body;
    assert_eq!(empty, z.get(&format!("/api/v1/records?circle={}", "0f".repeat(32))).await.body);
    let other = |id: &str| format!(r#"{{"records":[{{"type":"note","sections":[{{"for":"{id}","fields":{{"a":1}}}}]}}]}}"#);
    let (known, unknown) = (z.post("/api/v1/records", other(&grant)).await.text(), z.post("/api/v1/records", other(&"0f".repeat(32))).await.text());
    assert_eq!(known.replace(&grant, ""), unknown.replace(&"0f".repeat(32), ""));
}

/// Bytes at random, and good bodies with bytes changed, end in an answer and never in a failure of the node's own.
#[tokio::test]
async fn no_input_makes_the_node_fail() {
    let node = one().await;
    let cookie = node.session().await;
    let record = node.put(RECORD).await;
    let mut seed = 7u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let bundle = node.get(&format!("/api/v1/records/{record}/bundle")).await.body;
    for route in table().iter().filter(|route| route.path != "/api/v1/session") {
        let at = format!("{} {}", route.method_name(), route.path);
        let body = match at.as_str() {
            "POST /api/v1/verify" => bundle.clone(),
            post if post.starts_with("POST") => good(post).into_bytes(),
            _ => Vec::new(),
        };
        for _ in 0..200 {
            let mut body = body.clone();
            for _ in 0..random() % 4 {
                let place = random() as usize % (body.len() + 1);
                match random() % 3 {
                    0 => body.insert(place, random() as u8),
                    1 if place < body.len() => drop(body.remove(place)),
                    _ if place < body.len() => body[place] = random() as u8,
                    _ => {}
                }
            }
            let content_type = if at.ends_with("verify") { "application/cbor" } else { "application/json" };
            let headers = [("cookie", cookie.as_str()), ("origin", "http://localhost:7001"), ("content-type", content_type)];
            let path = filled(&route.path.replace("/records/{id}", &format!("/records/{record}")));
            let query =
                ["", "?", "?a", "?limit=%", "?after=00", "?subject=%00", "?log=%F0%9F%8C%B1", "?circle=public&after=ffffffffffffffffffffffff"]
                    [random() as usize % 8];
            let reply = node.call(route.method_name(), &format!("{path}{query}"), &headers, body).await;
            assert!(reply.status.as_u16() < 500, "{at}{query}: {}", reply.text());
            if reply.status.is_client_error() {
                reply.problem();
            }
        }
    }
}
