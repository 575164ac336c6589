//! The pages: nothing in them comes from a record as markup, they say what they may say, and they are protected.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::too_many_lines, dead_code, missing_docs, reason = "tests")]

mod console;
mod consumer;
mod html;
mod markup;
mod payloads;
mod site;
mod words;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use tower::ServiceExt;

/// The public address that the tests' nodes have.
pub const PUBLIC: &str = "http://127.0.0.1:9";
const ORIGIN: &str = "http://localhost:7001";

pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The page, read strictly and found to have nothing that the templates do not write.
    pub fn page(&self) -> html::Page {
        let text = self.text();
        let page = html::parse(&text).unwrap_or_else(|error| panic!("{error}"));
        html::check_allowed(&page);
        page
    }
}

pub async fn send(router: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost:7001");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Reply { status: parts.status, headers: parts.headers, body }
}

pub async fn get(router: &Router, path: &str, language: &str) -> Reply {
    send(router, "GET", path, &[("accept-language", language)], "").await
}

/// A console with its operator logged in.
pub struct Desk {
    pub router: Router,
    cookie: String,
}

impl Desk {
    pub async fn open(member: &site::Member) -> Self {
        let body = format!("password={}&to=/logs", site::PASSWORD.replace(' ', "+"));
        let reply = form(&member.admin, "/login", "", &body).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, "/logs"), "{}", reply.text());
        let cookie = reply.header("set-cookie");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        Self { router: member.admin.clone(), cookie: cookie.split(';').next().unwrap().to_owned() }
    }

    pub async fn get(&self, path: &str, language: &str) -> Reply {
        send(&self.router, "GET", path, &[("cookie", &self.cookie), ("accept-language", language)], "").await
    }

    pub async fn post(&self, path: &str, body: &str) -> Reply {
        form(&self.router, path, &self.cookie, body).await
    }

    pub async fn post_from(&self, origin: Option<&str>, path: &str, body: &str) -> Reply {
        let mut headers = vec![("cookie", self.cookie.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        headers.extend(origin.map(|origin| ("origin", origin)));
        send(&self.router, "POST", path, &headers, body).await
    }
}

async fn form(router: &Router, path: &str, cookie: &str, body: &str) -> Reply {
    let headers = [("cookie", cookie), ("content-type", "application/x-www-form-urlencoded"), ("origin", ORIGIN)];
    send(router, "POST", path, &headers, body).await
}

/// Any text as a value of a form or a query.
pub fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
