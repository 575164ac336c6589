//! Rules about citations: a page or section that is cited exists.

use std::collections::{BTreeMap, BTreeSet};

use crate::hold;
use crate::tree::{File, files, files_of};

/// Sections of other people's documents follow ours in comments, as in "`specs/key.md`, RFC 8032".
const OTHERS: [&str; 4] = ["C2SP", "EPCIS", "GS1", "RFC"];

/// A page as it was cited: path, and the slug of a heading where one was given.
#[derive(Debug, PartialEq, Eq)]
struct Citation {
    page: String,
    section: Option<String>,
}

/// Every `page.md`, `page.md#anchor` and "`page.md`, Heading" of a text.
fn citations(text: &str) -> Vec<Citation> {
    let part_of_path = |c: char| c.is_ascii_alphanumeric() || "_-./:#".contains(c);
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(part_of_path) {
        let (token, after) = rest[start..].split_at(rest[start..].find(|c| !part_of_path(c)).unwrap_or(rest.len() - start));
        rest = after;
        let token = token.trim_end_matches(['.', ':']);
        let (page, anchor) = token.split_once('#').unwrap_or((token, ""));
        if !page.ends_with(".md") || page.starts_with(".md") || page.contains("://") {
            continue;
        }
        let section = if anchor.is_empty() { heading_after(after) } else { Some(anchor.to_lowercase()) };
        found.push(Citation { page: page.into(), section });
    }
    found
}

/// The heading that is cited right after a page's name in backticks.
fn heading_after(text: &str) -> Option<String> {
    let heading = text.strip_prefix("`, ")?.split(['`', ')', ';', '.', ',', '\n']).next()?;
    let ours = heading.starts_with(char::is_uppercase) && !OTHERS.iter().any(|other| heading.starts_with(other));
    ours.then(|| slug(heading))
}

/// The anchor that a heading gets on the usual sites: lowercase, punctuation dropped, spaces to hyphens.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Anchors of a page; headings inside fenced blocks are examples.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut fenced = false;
    for line in text.lines() {
        fenced ^= line.trim_start().starts_with("```");
        let heading = line.trim_start_matches('#');
        if !fenced && heading.len() < line.len() && heading.starts_with(' ') {
            let slug = slug(heading);
            let again = (1..).map(|n| format!("{slug}-{n}")).find(|again| !found.contains(again));
            found.insert(if found.contains(&slug) { again.unwrap() } else { slug });
        }
    }
    found
}

/// Where a page may be that is cited in a file: beside it, from the root, among the specs.
fn candidates(file: &File, page: &str) -> [String; 3] {
    // A test names a page from its manifest's folder, as in "/../../specs/access.md".
    let page = page.strip_prefix('/').map_or(page, |rest| rest.trim_start_matches("../"));
    let beside = page.split('/').fold(file.folder().to_string(), |folder, part| match part {
        "." => folder,
        ".." => folder.rsplit_once('/').map_or(String::new(), |(above, _)| above.into()),
        _ if folder.is_empty() => part.into(),
        _ => format!("{folder}/{part}"),
    });
    [beside, page.into(), format!("specs/{page}")]
}

#[test]
fn cited_pages_and_sections_exist() {
    let pages: BTreeMap<_, _> = files_of(&["md"]).into_iter().map(|file| (file.path, anchors(&file.text))).collect();
    let mut breaches = Vec::new();
    // The examples in this file cite nothing.
    let cites =
        |file: &&File| file.has_extension(&["rs", "md", "ts", "py", "json", "toml", "html"]) && file.path != "testnet/tests/tidy/citations.rs";
    for file in files().iter().filter(cites) {
        for Citation { page, section } in citations(&file.text) {
            let Some(anchors) = candidates(file, &page).iter().find_map(|path| pages.get(path)) else {
                breaches.push(format!("{}: no page {page}", file.path));
                continue;
            };
            if let Some(section) = section.filter(|section| !anchors.contains(section)) {
                breaches.push(format!("{}: {page} has no section #{section}", file.path));
            }
        }
    }
    breaches.sort();
    breaches.dedup();
    hold("a page or section that is cited exists: write it, or mend the citation along with the heading", &breaches);
}

#[test]
fn citations_are_found_where_people_write_them() {
    let cited = |text: &str| citations(text).into_iter().map(|c| (c.page, c.section)).collect::<Vec<_>>();
    let page = |page: &str, section: Option<&str>| vec![(page.to_string(), section.map(String::from))];
    assert_eq!(cited("see [log](../specs/log.md#Tree-and-more)."), page("../specs/log.md", Some("tree-and-more")));
    assert_eq!(cited("//! Rows (`specs/store.md`, At rest)."), page("specs/store.md", Some("at-rest")));
    assert_eq!(cited("//! Keys (`specs/key.md`, RFC 8032)"), page("specs/key.md", None));
    assert_eq!(cited("# ==== cbor.md. An item"), page("cbor.md", None));
    assert_eq!(cited("https://example.org/a.md and *.md and x.mdx"), []);
}

#[test]
fn headings_become_anchors() {
    let text = "# key: signature keys\n```\n# not a heading\n```\n## Epoch secret, and `wrap`\n## Vectors\n### Vectors\n#hash";
    let wanted = ["epoch-secret-and-wrap", "key-signature-keys", "vectors", "vectors-1"];
    assert_eq!(anchors(text).into_iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn a_page_is_looked_for_beside_the_file() {
    let file = File { path: "sdk/js/README.md".into(), text: String::new() };
    assert_eq!(candidates(&file, "../../specs/key.md")[0], "specs/key.md");
    assert_eq!(candidates(&file, "/../../specs/key.md")[1], "specs/key.md");
    assert_eq!(candidates(&file, "key.md"), ["sdk/js/key.md", "key.md", "specs/key.md"]);
}
