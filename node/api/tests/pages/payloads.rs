//! Texts that became markup or script on other people's pages, each in many dresses.

const BASE: [&str; 40] = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<math><mi//xlink:href=\"javascript:alert(1)\">",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc=\"<script>alert(1)</script>\">",
    "<object data=javascript:alert(1)>",
    "<embed src=javascript:alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<a href=\"jav&#x09;ascript:alert(1)\">x</a>",
    "<body onload=alert(1)>",
    "<input autofocus onfocus=alert(1)>",
    "<select autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<video><source onerror=alert(1)>",
    "<audio src=x onerror=alert(1)>",
    "<marquee onstart=alert(1)>",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "<base href=//evil.example/>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<style>*{background:url(//evil.example)}</style>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version=1?><x:script xmlns:x=http://www.w3.org/1999/xhtml>alert(1)</x:script>",
    "<plaintext>",
    "<textarea></textarea><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "&amp;lt;b&amp;gt;",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "javascript:alert(1)//",
    "data:text/html,<script>alert(1)</script>",
    " onmouseover=alert(1) x=",
    "\u{202e}<b>\u{200b}gnp.exe\u{feff}</b>",
];

const BEFORE: [&str; 16] =
    ["", "\"", "'", "\">", "'>", "</dd>", "</title>", "</script>", "</style>", "</textarea>", "-->", "]]>", "`", "\\\"", "<", "&quot;>"];

const AFTER: [&str; 8] = ["", "\"", "'", "<!--", "//", "<", "&", "\u{2028}"];

/// More than 5,000 of them, no two alike, none longer than a field's name may be.
pub fn all() -> Vec<String> {
    let mut payloads = std::collections::BTreeSet::new();
    for base in BASE {
        for before in BEFORE {
            for after in AFTER {
                payloads.insert(format!("{before}{base}{after}"));
                payloads.insert(format!("{before}{}{after}", base.to_uppercase()));
            }
        }
    }
    payloads.into_iter().filter(|payload| payload.len() <= 128 && !payload.bytes().any(|byte| byte < 0x20)).collect()
}
