//! The console: closed to strangers, useful to the operator.

use std::collections::BTreeSet;

use suyuan_core::bundle::Bundle;
use suyuan_core::membership::{Agreement, Change};
use suyuan_engine::decisions::ProposalRequest;
use suyuan_runtime::node::now;

use crate::site::{PASSWORD, Site};
use crate::{Desk, ORIGIN, PUBLIC, escaped, form, get, send};

const PAGES: [&str; 17] = [
    "/",
    "/charter",
    "/members",
    "/members/x",
    "/invitations",
    "/invitations/x",
    "/logs",
    "/records",
    "/circles",
    "/circles/new",
    "/decisions",
    "/decisions/x",
    "/code",
    "/code/qr.svg?gtin=6901234567892&lot=L1",
    "/records/x",
    "/circles/x",
    "/records?type=a",
];

/// The address of the record in the list that says this.
async fn record_of(desk: &Desk, kind: &str) -> String {
    let page = desk.get(&format!("/records?type={kind}"), "zh").await.page();
    page.elements.iter().filter_map(|element| element.attributes.get("href")).find(|href| href.starts_with("/records/")).unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_led_to_the_login_and_other_pages_cannot_act() {
    let site = Site::empty("链", Site::names(), PUBLIC).await;
    let member = &site.members[0];
    for path in PAGES {
        let reply = get(&member.admin, path, "zh").await;
        assert_eq!(reply.status.as_u16(), 303, "{path}");
        assert!(reply.header("location").starts_with("/login?to="), "{path}");
    }
    for path in ["/circles", "/decisions", "/decisions/x", "/invitations", "/invitations/x", "/logout", "/records/x/disclose"] {
        let reply = form(&member.admin, path, "", "name=x").await;
        assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/login?to=/"), "{path}");
    }
    let wrong = form(&member.admin, "/login", "", "password=wrong").await;
    assert_eq!(wrong.status.as_u16(), 401);
    assert!(wrong.text().contains("口令不正确") && !wrong.headers.contains_key("set-cookie"));
    let elsewhere = form(&member.admin, "/login", "", &format!("password={}&to={}", escaped(PASSWORD), escaped("//evil.example"))).await;
    assert_eq!(elsewhere.header("location"), "/");
    let desk = Desk::open(member).await;
    let size = member.handle.state().ledger.logs.head(&member.handle.state().ledger.own_log()).size();
    for origin in [None, Some("null"), Some("http://evil.example"), Some("http://localhost:7002")] {
        for path in
            ["/circles", "/decisions", "/decisions/x", "/invitations", "/invitations/x", "/logout", "/login", "/language", "/records/x/disclose"]
        {
            let reply = desk.post_from(origin, path, "name=x&password=x&lang=en&to=/").await;
            assert_eq!(reply.status.as_u16(), 403, "{path} from {origin:?}");
            assert!(!reply.headers.contains_key("set-cookie"));
        }
    }
    assert_eq!(member.handle.state().ledger.logs.head(&member.handle.state().ledger.own_log()).size(), size);
    let rebound = send(&member.admin, "GET", "/login", &[("host", "evil.example")], "").await;
    assert_ne!(rebound.status.as_u16(), 200);
    assert_eq!(desk.post("/logout", "").await.header("location"), "/login");
    assert_eq!(desk.get("/", "zh").await.status.as_u16(), 303, "the session has ended");
    // A token is for programs; the console is for the operator.
    assert_eq!(send(&member.admin, "GET", "/", &[("authorization", "Bearer x"), ("origin", ORIGIN)], "").await.status.as_u16(), 303);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_sees_nodes_logs_records_and_circles() {
    let site = Site::story(PUBLIC).await;
    let desk = Desk::open(&site.members[0]).await;
    let shows = async |path: &str, language: &str, wanted: &[&str]| {
        let reply = desk.get(path, language).await;
        assert_eq!(reply.status.as_u16(), 200, "{path}");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert_eq!(reply.header("referrer-policy"), "same-origin", "else browsers leave out `Origin`");
        let all = reply.page().texts.join("\n");
        for text in wanted {
            assert!(all.contains(text), "{path}: {text}\n{all}");
        }
    };
    shows("/", "zh", &["3 / 4", "未连接", "connection refused", "从田园到餐桌协作联盟", "邻里超市"]).await;
    shows("/", "en", &["Not connected", "Chain leader", "Entries in our log"]).await;
    shows("/charter", "zh", &["第 0 版", "创始章程", "从田园到餐桌", "《绿色食品公约》", "三分之二", "1 天", "检验、", "log suyuan/"]).await;
    shows("/charter?version=0&after=1", "en", &["version 0", "Founding charter", "two thirds", "4 members count, of which 1 may lie", "1 day"]).await;
    shows("/charter?on=2999-01-01", "en", &["version 0"]).await;
    shows("/charter?on=1999-12-31", "zh", &["那时联盟尚未成立", "第 0 版"]).await;
    shows("/charter?on=2026-13-01", "zh", &["第 0 版"]).await;
    shows("/members", "zh", &["沃土植保", "市场监管局", "第 0 版", "未连接", "connection refused", "还没有成员退出", "尚未见证"]).await;
    shows(&format!("/members/{}", site.members[3].id), "en", &["快冷物流", "connection refused", "kept offline", "entries from 0 on", "/log/"]).await;
    shows("/invitations", "zh", &["还没有邀请", "邀请新成员"]).await;
    shows("/logs", "zh", &["快冷物流", "检查点覆盖", "suyuan/"]).await;
    shows("/circles", "zh", &["农残检测值", "授权共享", "市场监管局"]).await;
    shows(&format!("/circles/{}", site.residues), "en", &["Authorized", "read and write", "市场监管局", "Epochs"]).await;
    shows("/records?type=cold-chain", "zh", &["冷链", "快冷物流", "06901234567892 · 批次 L20261120", "公开 · 4 项", "可读 · 1 项"]).await;
    shows(&format!("/records?subject={}", escaped("https://x.cn/01/6901234567892/10/L20261118")), "zh", &["采收", "召回"]).await;
    shows(&format!("/records?circle={}", site.residues), "en", &["Inspection"]).await;
    shows(&format!("/records?log={}", site.members[2].id), "en", &["On the shelf", "Recall"]).await;
    shows("/records?type=nothing", "zh", &["没有符合条件的记录"]).await;
    shows("/records?subject=nonsense", "en", &["nonsense", "begins with neither"]).await;
    shows("/records?circle=public&log=x", "zh", &["只能选其一"]).await;
    shows(
        &record_of(&desk, "inspection").await,
        "zh",
        &["已落盘", "已发布", "其他成员持有: ", "农药残留", "0.010 mg/kg", "检测费用", "可读者：青禾田园、邻里超市、市场监管局", "任何人都可以读"],
    )
    .await;
    shows("/code?gtin=6901234567892&lot=L1", "zh", &[&format!("{PUBLIC}/01/06901234567892/10/L1?a={}", site.alliance)]).await;
    shows("/code?gtin=6901234567893&lot=L1", "zh", &["应为 2"]).await;
    shows("/code?gtin=6901234567892", "en", &["one of them"]).await;
    for path in ["/records/x", "/charter?version=1", "/members/x", "/invitations/x"] {
        assert_eq!(desk.get(path, "zh").await.status.as_u16(), 404, "{path}");
    }
    assert_eq!(desk.get("/code/qr.svg?gtin=1", "zh").await.status.as_u16(), 400);
    // Another member sees what is withheld from it, and not what it says.
    let carrier = Desk::open(&site.members[3]).await;
    let record = carrier.get(&record_of(&carrier, "inspection").await, "zh").await;
    assert!(record.text().contains("未对本企业开放 · 2 项") && record.text().contains("给 1 个本节点不在其中的协作圈"));
    assert!(!record.text().contains("0.010") && !record.text().contains("380.00"));
    let english = desk.post("/language", "lang=en&to=/logs").await;
    assert_eq!(english.header("location"), "/logs");
    assert!(english.header("set-cookie").starts_with("suyuan_language=en;"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_is_proposed_and_everybody_says_what_it_thinks() {
    let site = Site::story(PUBLIC).await;
    let desk = Desk::open(&site.members[0]).await;
    assert!(desk.get("/decisions", "zh").await.text().contains("还没有提案"));
    let body = format!("title={}&text={}", escaped("共用冷库"), escaped("冬季三家共用一号冷库。"));
    let proposed = desk.post("/decisions", &body).await;
    assert_eq!(proposed.status.as_u16(), 303, "{}", proposed.text());
    let page = proposed.header("location").to_owned();
    let shown = desk.get(&page, "zh").await.text();
    assert!(
        shown.contains("共用冷库") && shown.contains("冬季三家共用一号冷库。") && shown.contains("进行中") && shown.contains("待表态"),
        "{shown}"
    );
    site.sync().await;
    // Another member finds it among what waits for it.
    let other = Desk::open(&site.members[1]).await;
    let list = other.get("/decisions", "en").await.text();
    assert!(list.contains("共用冷库") && list.contains("waits for us") && list.contains("0 / 3"), "{list}");
    let said = other.post(&page, &format!("choice=object&comment={}", escaped("太贵了"))).await;
    assert_eq!(said.header("location"), page);
    assert_eq!(other.post(&page, "choice=approve&comment=").await.status.as_u16(), 303);
    let shown = other.get(&page, "zh").await.text();
    assert!(shown.contains("太贵了") && shown.contains("1 / 3") && shown.contains("反对"), "{shown}");
    // A regulator decides nothing; what is no choice is none; a form that is refused comes back as it was.
    let regulator = Desk::open(&site.members[4]).await;
    assert_eq!(regulator.post(&page, "choice=approve").await.status.as_u16(), 422);
    assert_eq!(regulator.post("/decisions", "title=x&text=y").await.status.as_u16(), 422);
    assert_eq!(other.post(&page, "choice=abstain").await.status.as_u16(), 404);
    let long = other.post("/decisions", &format!("title={}&text=kept", "x".repeat(101))).await;
    assert_eq!(long.status.as_u16(), 422);
    assert!(long.text().contains("role=\"alert\"") && long.text().contains("kept"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_counted_on_every_page_and_marked_when_it_ends_soon() {
    let site = Site::story(PUBLIC).await;
    let (desk, other) = (Desk::open(&site.members[0]).await, Desk::open(&site.members[1]).await);
    let count = async |desk: &Desk, path: &str| {
        let page = desk.get(path, "zh").await.page();
        page.elements.iter().filter(|element| element.attributes.get("class").is_some_and(|class| class == "count")).count()
    };
    assert_eq!((count(&other, "/").await, count(&other, "/records").await), (0, 0));
    desk.post("/decisions", &format!("title={}&text=x", escaped("共用冷库"))).await;
    let soon = ProposalRequest {
        change: Change::Agree(Agreement { title: "今夜清仓".into(), text: "x".into() }),
        expires: now() + 3_600_000,
        reason: String::new(),
        signers: Vec::new(),
        threshold: None,
    };
    let soon = site.members[0].handle.propose(soon).await.unwrap().ids[0];
    site.sync().await;
    for path in ["/", "/records", "/charter", "/decisions"] {
        assert_eq!(count(&other, path).await, 1, "{path}");
    }
    let overview = other.get("/", "zh").await.page().texts;
    let place = |text: &str| overview.iter().position(|shown| shown == text).unwrap_or_else(|| panic!("{text}: {overview:?}"));
    assert!(place("今夜清仓") < place("共用冷库"), "the soonest end first");
    assert!(place("24 小时内截止") > place("今夜清仓") && place("24 小时内截止") < place("共用冷库"));
    assert_eq!(overview.iter().filter(|text| *text == "24 小时内截止").count(), 1);
    assert!(other.get(&format!("/decisions/{soon}"), "en").await.text().contains("ends within 24 hours"));
    // Whoever has said something is not reminded, and a regulator never is.
    other.post(&format!("/decisions/{soon}"), "choice=object&comment=").await;
    let rest = other.get("/", "zh").await.text();
    assert!(!rest.contains("今夜清仓") && rest.contains("共用冷库"));
    assert_eq!(count(&Desk::open(&site.members[4]).await, "/").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_invited_once_and_the_invitation_taken_back() {
    let site = Site::story(PUBLIC).await;
    let desk = Desk::open(&site.members[0]).await;
    let body = format!("name={}&role=midstream&days=3", escaped("新叶'食品"));
    let made = desk.post("/invitations", &body).await;
    assert_eq!(made.status.as_u16(), 201, "{}", made.text());
    let page = made.page();
    let saved = page.elements.iter().find_map(|element| element.attributes.get("data-save").and(element.attributes.get("data-copy"))).unwrap();
    let invitation: serde_json::Value = serde_json::from_str(saved).unwrap();
    assert_eq!(invitation["secret"].as_str().unwrap().len(), 64);
    let texts = page.texts.join("\n");
    assert!(texts.contains("suyuan join invitation.json") && texts.contains(r"--name '新叶'\''食品' --role midstream"), "{texts}");
    // Shown once: no page has the secret any more.
    let id = invitation["invitation"].as_str().unwrap();
    for path in ["/invitations".to_owned(), format!("/invitations/{id}"), format!("/records/{id}")] {
        let shown = desk.get(&path, "zh").await;
        assert!(shown.status.is_success() && !shown.text().contains(invitation["secret"].as_str().unwrap()), "{path}");
    }
    assert!(desk.get("/invitations", "zh").await.text().contains("待使用"));
    site.sync().await;
    let other = Desk::open(&site.members[1]).await;
    assert!(other.get(&format!("/invitations/{id}"), "en").await.text().contains("can withdraw it"), "only who made it can");
    assert_eq!(other.post(&format!("/invitations/{id}"), "").await.status.as_u16(), 422);
    let asked = desk.get(&format!("/invitations/{id}"), "zh").await.text();
    assert!(asked.contains("确认收回") && asked.contains("不能撤销"));
    let back = desk.post(&format!("/invitations/{id}"), "").await;
    assert_eq!((back.status.as_u16(), back.header("location")), (303, "/invitations"));
    assert!(desk.get("/invitations", "zh").await.text().contains("已收回"));
    assert!(!desk.get(&format!("/invitations/{id}"), "zh").await.text().contains("确认收回"));
    assert_eq!(desk.post(&format!("/invitations/{id}"), "").await.status.as_u16(), 422, "once is enough");
    for wrong in [
        "name=&role=support&days=7",
        "name=x&role=leader&days=7",
        "name=x&role=owner&days=7",
        "name=x&role=support&days=91",
        "name=x&role=support&days=-1",
    ] {
        let refused = desk.post("/invitations", wrong).await;
        assert!(refused.status.is_client_error() && refused.text().contains("role=\"alert\""), "{wrong}");
        refused.page();
    }
    assert_eq!(Desk::open(&site.members[4]).await.post("/invitations", &body).await.status.as_u16(), 422, "a regulator invites nobody");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_is_founded_and_a_field_disclosed_alone() {
    let site = Site::story(PUBLIC).await;
    let desk = Desk::open(&site.members[0]).await;
    let body = format!("name={}&purpose=p&tier=authorized&member:{}=read&until=2027-01-31&retention=3", escaped("价格"), site.members[2].id);
    let founded = desk.post("/circles", &body).await;
    assert_eq!(founded.status.as_u16(), 303, "{}", founded.text());
    let circle = desk.get(founded.header("location"), "zh").await.text();
    assert!(circle.contains("价格") && circle.contains("邻里超市") && circle.contains("2027-01-31 23:59"), "{circle}");
    // A grant has one writer.
    let refused = desk.post("/circles", &format!("name=x&tier=authorized&member:{}=write", site.members[2].id)).await;
    assert_eq!(refused.status.as_u16(), 400);
    assert!(refused.text().contains("role=\"alert\"") && refused.text().contains("value=\"x\""));
    assert_eq!(desk.post("/circles", "tier=codevelopment").await.status.as_u16(), 400, "no name");

    let record = record_of(&desk, "inspection").await;
    let disclosed = desk.post(&format!("{record}/disclose"), "field=1:residue").await;
    assert_eq!(
        (disclosed.status.as_u16(), disclosed.header("content-type")),
        (200, "application/cbor"),
        "{:?}",
        String::from_utf8_lossy(&disclosed.body)
    );
    let verified = Bundle::verify(&disclosed.body, Some(&site.alliance)).unwrap();
    let fields: Vec<_> = verified.records[0].sections.iter().flat_map(|section| &section.fields).map(|field| field.value.as_str()).collect();
    assert_eq!(fields, [r#"{"value":0.010,"unit":"mg/kg"}"#]);
    for wrong in ["", "field=1:nothing", "field=9:residue", "field=residue", "field=1:residue&field=1:residue"] {
        let reply = desk.post(&format!("{record}/disclose"), wrong).await;
        assert!(reply.status.is_client_error(), "{wrong}");
        reply.page();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_regulator_says_for_what_it_reads_and_the_read_is_logged_first() {
    let site = Site::story(PUBLIC).await;
    let regulator = &site.members[4];
    let desk = Desk::open(regulator).await;
    let written = || regulator.handle.state().ledger.logs.head(&regulator.handle.state().ledger.own_log()).size();
    let record = record_of(&desk, "inspection").await;
    let before = written();
    let closed = desk.get(&record, "zh").await;
    assert!(closed.text().contains("说明读取用途") && !closed.text().contains("0.010"));
    assert_eq!(written(), before, "nothing was read");
    let opened = desk.get(&format!("{record}?purpose={}", escaped("抽检")), "zh").await;
    assert!(opened.text().contains("0.010 mg/kg"));
    assert_eq!(written(), before + 1);
    let reads = desk.get("/records?type=suyuan.read", "zh").await.page();
    let links: BTreeSet<_> =
        reads.elements.iter().filter_map(|element| element.attributes.get("href")).filter(|href| href.starts_with("/records/")).collect();
    let mut found = false;
    for link in links {
        found |= desk.get(link, "zh").await.text().contains("抽检");
    }
    assert!(found, "the purpose is in the log");
}
