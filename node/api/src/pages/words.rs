//! The two languages of all pages, and their words: those that the consumer page's module shares, and those that only the server needs.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use suyuan_core::charter::Role;

use crate::problem::Kind;

const SHARED: &str = include_str!("../../../../sdk/js/src/page/words.json");
const OWN: &str = include_str!("../../assets/words.json");

type Words = BTreeMap<String, (String, String)>;

/// Every key with its words in Chinese and English. A file that is no such table is empty here; the tests read both.
static WORDS: LazyLock<Words> = LazyLock::new(|| {
    let read = |text| serde_json::from_str::<Words>(text).unwrap_or_default();
    let mut words = read(SHARED);
    words.append(&mut read(OWN));
    words
});

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// 简体中文
    Zh,
    /// English
    En,
}

impl Lang {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Zh, Self::En];

    /// Its name in addresses.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }

    /// Its tag for browsers (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// The language of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lang| lang.name() == name)
    }

    /// The language that a browser prefers, in the order of its list (RFC 9110, section 12.5.4; weights that break the order are rare and passed
    /// over). Chinese where it names neither.
    pub fn preferred(headers: &HeaderMap) -> Self {
        let listed = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut tags = listed.split(',').map(|range| range.trim().get(..2).unwrap_or_default().to_ascii_lowercase());
        tags.find_map(|tag| Self::named(&tag)).unwrap_or(Self::Zh)
    }

    /// The words of a key, if there are any.
    pub fn known(self, key: &str) -> Option<&'static str> {
        let (zh, en) = WORDS.get(key)?;
        Some(match self {
            Self::Zh => zh,
            Self::En => en,
        })
    }

    /// The words of a key; the key itself where there are none, which no key of a template has (a test looks).
    pub fn t(self, key: &str) -> &str {
        self.known(key).unwrap_or(key)
    }

    /// The words of a key with `{0}`, `{1}` … replaced.
    pub fn fill(self, key: &str, values: &[&str]) -> String {
        let (mut filled, mut rest) = (String::new(), self.t(key));
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let (digit, after) = after.split_once('}').unwrap_or((after, ""));
            filled.push_str(digit.parse().ok().and_then(|index: usize| values.get(index)).copied().unwrap_or_default());
            rest = after;
        }
        filled.push_str(rest);
        filled
    }

    /// The words of a key with a number; those of `{key}.one` for one.
    pub fn count(self, key: &str, count: u64) -> String {
        let one = format!("{key}.one");
        let key = if count == 1 && self.known(&one).is_some() { &one } else { key };
        self.fill(key, &[&count.to_string()])
    }

    /// A problem's title, in the reader's language.
    pub fn problem(self, kind: Kind) -> &'static str {
        self.known(&format!("problem.{}", kind.code())).unwrap_or(kind.title())
    }

    /// The types of records that have names, with them.
    pub fn kinds(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        WORDS.keys().filter_map(move |key| Some((key.strip_prefix("type.")?, self.known(key)?)))
    }

    /// A member's role.
    pub fn role(self, role: Role) -> &'static str {
        self.known(match role {
            Role::Leader => "role.leader",
            Role::Upstream => "role.upstream",
            Role::Midstream => "role.midstream",
            Role::Downstream => "role.downstream",
            Role::Support => "role.support",
            Role::Regulator => "role.regulator",
        })
        .unwrap_or(role.name())
    }

    /// A record's type.
    pub fn kind(self, kind: &str) -> String {
        self.known(&format!("type.{kind}")).map_or_else(|| super::text::clean(kind), str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn both_files_are_tables_with_both_languages() {
        for text in [SHARED, OWN] {
            let words: Words = serde_json::from_str(text).unwrap();
            assert!(!words.is_empty());
            for (key, (zh, en)) in words {
                assert!(!zh.is_empty() && !en.is_empty(), "{key}");
                let slots = |text: &str| (0..9).filter(|slot| text.contains(&format!("{{{slot}}}"))).collect::<Vec<_>>();
                assert_eq!(slots(&zh), slots(&en), "{key}");
            }
        }
    }

    #[test]
    fn the_browser_s_first_known_language_counts() {
        let preferred = |listed: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, listed.parse().unwrap());
            Lang::preferred(&headers)
        };
        assert_eq!(preferred("en-GB,en;q=0.9,zh;q=0.8"), Lang::En);
        assert_eq!(preferred("zh-CN,zh;q=0.9,en;q=0.8"), Lang::Zh);
        assert_eq!(preferred("fr, de;q=0.5, EN"), Lang::En);
        assert_eq!(preferred("fr,é"), Lang::Zh);
        assert_eq!(Lang::preferred(&HeaderMap::new()), Lang::Zh);
    }

    #[test]
    fn slots_are_filled_in_any_order_and_values_are_not_slots() {
        assert_eq!(Lang::En.fill("mark.place", &["G", "1", "{0}"]), "Entry 1 in the log of G, which then had {0}");
        assert_eq!(Lang::Zh.fill("no.such.key", &[]), "no.such.key");
    }
}
