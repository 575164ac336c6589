//! What did not come with a log, because another node than its author's had to give it, comes later.

use std::time::Duration;

use super::support::{Alliance, grant, own_head_known, residue, wait};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_relay_may_not_hold_comes_when_the_author_is_back() {
    let alliance = Alliance::new(4);
    let log = alliance.log(0);
    let (g, s) = (alliance.run(0), alliance.run(3));
    own_head_known(&g).await;
    let circle = g.handle().open_circle(grant("residues", &[alliance.id(1)])).await.unwrap();
    let secret = g.put(&residue(&circle.id)).await.unwrap().first;
    let general = g.put(r#"{"type":"note","about":["https://id.gs1.org/01/06901234567892/10/L1"],"sections":[{"for":"alliance","fields":{"m":1}}]}"#);
    let general = general.await.unwrap().first;
    let size = general + 1;
    wait("S has the log", Duration::from_secs(20), async || s.size(&log) == size).await;
    g.stop().await;

    let z = alliance.run(1);
    wait("Z has the log from S", Duration::from_secs(30), async || z.size(&log) == size).await;
    let public = (0, Ok(vec!["\"pass\"".to_owned()]));
    assert_eq!(z.seen(&log, secret).unwrap(), [public.clone()], "S may not hold the rest");
    assert_eq!(z.seen(&log, general).unwrap(), [(0, Err("sealed"))], "S does not have Z's key");
    assert!(z.handle().state().ledger.circles.iter().next().is_none());

    let g = alliance.run(0);
    let about = "[\"https://id.gs1.org/01/06901234567892/10/L1\"]".to_owned();
    wait("the rest has come", Duration::from_secs(30), async || {
        z.seen(&log, secret).unwrap() == [public.clone(), (1, Ok(vec!["0.010".to_owned()]))]
            && z.seen(&log, general).unwrap() == [(0, Ok(vec!["1".to_owned(), about.clone()]))]
    })
    .await;
    let state = z.handle().state();
    assert_eq!(state.ledger.circles.iter().count(), 2);
    let number = state.ledger.logs.known(&log).unwrap().number;
    assert_eq!(state.ledger.counters.of(&circle.id, number).missing(), 0);
    wait("no gap is left", Duration::from_secs(10), async || z.net.status().await.gaps.is_empty()).await;
    // What was there before its key is found under what it is about, and all of it is still so after a restart.
    let found = |node: &super::support::Running| node.about("https://id.gs1.org/01/06901234567892/10/L1");
    assert_eq!(found(&z), 1);
    z.stop().await;
    let z = alliance.run(1);
    assert_eq!(found(&z), 1);
    assert_eq!(z.seen(&log, secret).unwrap().len(), 2);
    assert_eq!(z.handle().state().ledger.circles.iter().count(), 2);
    for node in [g, s, z] {
        node.stop().await;
    }
}
