//! What was recorded of a member's connection and is sent again gets nothing and changes nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::ports::free_port;
use super::support::{Alliance, converged, local, own_head_known, wait};

/// Forwards one port to another, and keeps what each client said.
async fn recorder(from: u16, to: u16) -> Arc<Mutex<Vec<Vec<u8>>>> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let (kept, listener) = (said.clone(), TcpListener::bind(local(from)).await.unwrap());
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let Ok(server) = TcpStream::connect(local(to)).await else { continue };
            let number = {
                let mut kept = kept.lock().unwrap();
                kept.push(Vec::new());
                kept.len() - 1
            };
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 16 * 1024];
                while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
                    kept.lock().unwrap()[number].extend_from_slice(&buffer[..read]);
                    if to_server.write_all(&buffer[..read]).await.is_err() {
                        break;
                    }
                }
            });
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
        }
    });
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_connection_is_worth_nothing() {
    let alliance = Alliance::with(2, |founders| founders.iter_mut().for_each(|founder| founder.public = free_port()));
    let mut said = Vec::new();
    for founder in &alliance.founders {
        said.push(recorder(founder.public, founder.port).await);
    }
    let (g, z) = (alliance.run(0), alliance.run(1));
    own_head_known(&g).await;
    g.put_notes(300).await;
    z.put_notes(200).await;
    converged(&[&g, &z]).await;
    let logs = [alliance.log(0), alliance.log(1)];
    let before = logs.map(|log| (g.size(&log), z.size(&log)));
    // The side that was dialled heard all that its peer said. The peer then goes away, so that its place is free for whoever plays it.
    z.stop().await;
    wait("G sees that Z is gone", Duration::from_secs(5), async || !g.peer(alliance.id(1)).await.connected).await;
    let recorded: Vec<Vec<u8>> = said.iter().flat_map(|said| said.lock().unwrap().clone()).filter(|bytes| !bytes.is_empty()).collect();
    assert!(recorded.iter().any(|bytes| bytes.len() > 1000), "a whole session was recorded: {:?}", recorded.iter().map(Vec::len).collect::<Vec<_>>());
    let failed = g.net.status().await.handshakes_failed;
    for bytes in &recorded {
        let mut socket = TcpStream::connect(local(alliance.founders[0].port)).await.unwrap();
        let _ = socket.write_all(bytes).await;
        let _ = socket.shutdown().await;
        let mut answered = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(15), socket.read_to_end(&mut answered)).await;
        // The names of the protocols and G's own handshake, to which the recording has no answer.
        assert!(answered.len() < 1024, "{} bytes", answered.len());
        assert!(!g.peer(alliance.id(1)).await.connected, "nobody is taken for Z");
    }
    wait("each is counted", Duration::from_secs(15), async || g.net.status().await.handshakes_failed >= failed + recorded.len() as u64).await;
    assert_eq!(logs.map(|log| g.size(&log)), before.map(|(at_g, _)| at_g));
    g.stop().await;
}
