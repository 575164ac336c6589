//! Serves the pages of five nodes that tell the story of one lettuce lot, for looking at them: `site PUBLIC-ADDRESS ADMIN-ADDRESS`. Prints one JSON object
//! with what a browser needs, and runs until it is ended. `testnet/browser` takes its screenshots from it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, dead_code, missing_docs, reason = "a tool for developers")]

#[path = "../tests/pages/site.rs"]
mod site;

use site::Site;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() {
    let mut addresses = std::env::args().skip(1);
    let public = TcpListener::bind(addresses.next().unwrap_or_else(|| "127.0.0.1:0".into())).await.expect("the public address");
    let admin = TcpListener::bind(addresses.next().unwrap_or_else(|| "127.0.0.1:0".into())).await.expect("the admin address");
    let url = format!("http://{}", public.local_addr().unwrap());
    let site = Site::story(&url).await;
    let told = serde_json::json!({
        "public": url,
        "admin": format!("http://{}", admin.local_addr().unwrap()),
        "password": site::PASSWORD,
        "alliance": site.alliance.to_string(),
        "lot": site::LOT,
        "recalled": site::RECALLED,
    });
    println!("{told}");
    let first = &site.members[0];
    let forever = std::future::pending::<()>;
    let (public, admin) =
        tokio::join!(suyuan_api::serve(public, first.public.clone(), forever()), suyuan_api::serve(admin, first.admin.clone(), forever()));
    public.and(admin).expect("the listeners");
}
