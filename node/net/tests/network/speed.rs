use std::time::{Duration, Instant};
use super::support::{Alliance, wait, own_head_known};
#[tokio::test(flavor = "multi_thread")]
async fn speed() {
    let alliance = Alliance::new(2);
    let (g, z) = (alliance.run(0), alliance.run(1));
    own_head_known(&g).await;
    wait("key", Duration::from_secs(20), async || z.handle().state().ledger.circles.iter().count() == 1).await;
    z.stop().await;
    let value = "x".repeat(80);
    let fields: Vec<String> = (0..10).map(|n| format!("\"f{n}\":\"{value}\"")).collect();
    let record = format!(r#"{{"type":"note","sections":[{{"for":"alliance","fields":{{{}}}}}]}}"#, fields.join(","));
    let start = Instant::now();
    for chunk in vec![record.as_str(); 50_000].chunks(500) { g.put(&chunk.join(",")).await.unwrap(); }
    println!("ingest {:?}", start.elapsed());
    let z = alliance.run(1);
    let log = alliance.log(0);
    let start = Instant::now();
    wait("all", Duration::from_secs(120), async || z.size(&log) > 50_000).await;
    println!("replicated in {:?}: {:?}", start.elapsed(), z.peer(alliance.id(0)).await.traffic);
}
