//! No text becomes markup: thousands of payloads through every text that a page shows.

use std::collections::BTreeSet;

use suyuan_api::PeerStatus;

use crate::html::Page;
use crate::site::Site;
use crate::{Desk, PUBLIC, escaped, get, payloads};

const LOT: &str = "/01/06901234567892/10/L1";
/// Names of an alliance and its members may not have control characters; all of this may.
const NAMES: [&str; 5] =
    ["\"><img src=x onerror=alert(1)>", "</title><script>alert(1)</script>", "'onmouseover='alert(1)", "<svg/onload=alert(1)>", "{{7*7}}&lt;b&gt;"];
/// The characters of GS1's set 82 suffice for a tag.
const HOSTILE_LOT: &str = "\"><b/onclick=x()>";

/// What every page must show of a payload: the text itself, with what is invisible made visible.
fn visible(payload: &str) -> String {
    let hidden = ['\u{202e}', '\u{200b}', '\u{feff}', '\u{2028}'];
    payload.chars().map(|c| if hidden.contains(&c) { format!("⟦U+{:04X}⟧", c as u32) } else { c.to_string() }).collect::<String>().trim().to_owned()
}

fn shows(page: &Page, wanted: &[String]) {
    let texts: BTreeSet<&str> = page.texts.iter().map(String::as_str).collect();
    for payload in wanted {
        assert!(texts.contains(visible(payload).as_str()), "{payload:?} is not shown");
    }
}

fn record(payloads: &[String], audience: &str) -> String {
    let fields = payloads.iter().map(|payload| {
        let text = serde_json::to_string(payload).unwrap();
        format!("{text}:{text}")
    });
    let fields: Vec<_> = fields.collect();
    format!(r#"{{"type":"note","about":["https://id.gs1.org{LOT}"],"sections":[{{"for":"{audience}","fields":{{{}}}}}]}}"#, fields.join(","))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_payload_becomes_markup_on_the_consumer_page_or_the_console() {
    let payloads = payloads::all();
    assert!(payloads.len() >= 5000, "{}", payloads.len());
    let site = Site::empty("\"><script>alert(1)</script>", NAMES, PUBLIC).await;
    let portions: Vec<_> = payloads.chunks(100).collect();
    for (index, portion) in portions.iter().enumerate() {
        site.put(0, &record(portion, if index % 2 == 0 { "public" } else { "self" })).await;
    }
    let public: Vec<String> = portions.iter().step_by(2).flat_map(|portion| portion.iter().cloned()).collect();
    crate::site::settled(&site.members[0].handle).await;
    for language in ["zh", "en"] {
        let page = get(&site.members[0].public, LOT, language).await.page();
        shows(&page, &public);
        assert_eq!(page.elements.iter().filter(|element| element.name == "dd").count(), public.len() + 2, "one line for each, and the identifiers");
    }
    // The console shows all of them to their owner, those that are sealed, too.
    let desk = Desk::open(&site.members[0]).await;
    let (mut next, mut links) = (Some("/records?type=note".to_owned()), BTreeSet::new());
    while let Some(path) = next {
        let list = desk.get(&path, "zh").await.page();
        let hrefs: Vec<_> = list.elements.iter().filter_map(|element| element.attributes.get("href")).cloned().collect();
        links.extend(hrefs.iter().filter(|href| href.starts_with("/records/")).cloned());
        next = hrefs.into_iter().find(|href| href.starts_with("/records?after="));
    }
    assert_eq!(links.len(), portions.len());
    let mut seen = BTreeSet::new();
    for link in links {
        seen.extend(desk.get(&link, "en").await.page().texts);
    }
    assert!(payloads.iter().all(|payload| seen.contains(&visible(payload))));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_address_or_parameter_becomes_markup() {
    let site = Site::empty(NAMES[0], NAMES, PUBLIC).await;
    let lot = format!("/01/06901234567892/10/{}", escaped(HOSTILE_LOT));
    let text = serde_json::to_string(NAMES[1]).unwrap();
    let nested = format!(r#"{{"productName":{text},{text}:{{{text}:[{{{text}:{text}}}]}},"reason":{text},"result":{text}}}"#);
    for kind in ["recall", "note"] {
        site.put(0, &format!(r#"{{"type":"{kind}","about":["https://id.gs1.org{lot}"],"sections":[{{"for":"public","fields":{nested}}},{{"for":"{}","fields":{nested}}}]}}"#, site.residues)).await;
    }
    let first = &site.members[0];
    first.handle.open_circle(crate::site::request(NAMES[2], NAMES[3], Vec::new())).await.unwrap();
    site.sync().await;
    let trouble = PeerStatus {
        member: site.members[1].id,
        connected: false,
        address: Some(NAMES[0].into()),
        heard: Some(u64::MAX),
        trouble: Some(NAMES[3].into()),
        logs: Vec::new(),
    };
    first.peers.send_replace(vec![trouble]);
    let hostile = escaped(NAMES[0]);
    for path in [
        format!("{lot}?a={hostile}"),
        format!("{lot}?a={}&lang=en", "0".repeat(64)),
        format!("{lot}?a={}&x={hostile}", site.alliance),
        lot.clone(),
        format!("/01/{hostile}/10/{hostile}"),
        format!("/01/06901234567892/10/{hostile}"),
        format!("/01/06901234567892/21/{}", escaped("<b>&\"'")),
        format!("/?lang={hostile}"),
    ] {
        for language in ["zh", "en"] {
            get(&first.public, &path, language).await.page();
        }
    }
    for member in [0, 2, 4] {
        let desk = Desk::open(&site.members[member]).await;
        let list = desk.get("/records", "zh").await.page();
        let links = list.elements.iter().filter_map(|element| element.attributes.get("href")).filter(|href| href.starts_with("/records/"));
        let mut paths: Vec<String> = links.cloned().collect();
        assert!(paths.len() >= 2);
        let fixed = [
            "/",
            "/charter",
            "/charter?version=HOSTILE&after=HOSTILE",
            "/charter?on=HOSTILE",
            "/members",
            "/members/HOSTILE",
            "/invitations",
            "/invitations/HOSTILE",
            "/logs",
            "/circles",
            "/circles/new",
            "/decisions",
            "/decisions/HOSTILE",
            "/code",
            "/no/such/page",
            "/records?subject=HOSTILE",
            "/records?type=HOSTILE",
            "/records?circle=HOSTILE",
            "/records?log=HOSTILE",
            "/records?after=HOSTILE",
            "/code?gtin=HOSTILE&lot=HOSTILE&serial=HOSTILE",
            "/code?gtin=6901234567892&lot=LOT",
            "/circles/HOSTILE",
            "/records/HOSTILE",
            "/login?to=HOSTILE",
        ];
        paths.extend(fixed.iter().map(|path| path.replace("HOSTILE", &hostile).replace("=LOT", &format!("={}", escaped(HOSTILE_LOT)))));
        paths.extend(paths.clone().iter().filter(|path| path.starts_with("/records/")).map(|path| format!("{path}?purpose={hostile}")));
        paths.extend(
            desk.get("/circles", "zh")
                .await
                .page()
                .elements
                .iter()
                .filter_map(|element| element.attributes.get("href"))
                .filter(|href| href.starts_with("/circles/"))
                .cloned(),
        );
        for path in paths {
            for language in ["zh", "en"] {
                let reply = desk.get(&path, language).await;
                if reply.header("content-type").starts_with("text/html") {
                    reply.page();
                } else {
                    assert!(reply.header("content-type").starts_with("application/problem+json"), "{path}");
                }
            }
        }
        let body = format!("name={hostile}&purpose={hostile}&tier={hostile}&until={hostile}&confidentiality={hostile}&member:{hostile}={hostile}");
        desk.post("/circles", &body).await.page();
        let decided = desk.post("/decisions", &format!("title={hostile}&text={hostile}")).await;
        if decided.status.as_u16() == 303 {
            let proposal = decided.header("location").to_owned();
            desk.post(&proposal, &format!("choice=comment&comment={hostile}")).await;
            desk.get(&proposal, "zh").await.page();
            desk.get("/decisions", "en").await.page();
            desk.get("/", "en").await.page();
        }
        let others = site.members.iter().map(|other| format!("/members/{}", other.id));
        for path in others {
            desk.get(&path, "zh").await.page();
        }
        desk.post("/invitations", &format!("name={hostile}&role={hostile}&days={hostile}")).await.page();
        desk.post("/invitations", &format!("name={hostile}&role=support&days=7")).await.page();
        let list = desk.get("/invitations", "zh").await.page();
        for link in list.elements.iter().filter_map(|element| element.attributes.get("href")).filter(|href| href.starts_with("/invitations/")) {
            desk.get(link, "en").await.page();
        }
        form_again(&desk, &hostile).await;
    }
}

/// A form that was refused shows what was filled in.
async fn form_again(desk: &Desk, hostile: &str) {
    let page = desk.post("/circles", &format!("name={hostile}&purpose={hostile}&until=2026-02-30")).await.page();
    let kept = page
        .elements
        .iter()
        .filter(|element| element.name == "input" && element.attributes.get("value").is_some_and(|value| value == NAMES[0]))
        .count();
    assert_eq!(kept, 2);
}
