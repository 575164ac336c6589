//! The public listener with TLS: a browser that checks the certificate gets the page; whoever does not go through the handshake gets nothing and holds nothing.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion, crypto, version};
use suyuan_api::limits;
use suyuan_api::tls::{Tls, TlsError, TlsFiles};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::server::exchange;
use crate::support::{TestNode, one};

/// Writes a new self-signed certificate for `localhost` and its key; returns the certificate.
fn issue(folder: &Path) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(folder.join("key.pem"), signing_key.serialize_pem()).unwrap();
    std::fs::set_permissions(folder.join("key.pem"), std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(folder.join("certificate.pem"), cert.pem()).unwrap();
    cert.der().clone()
}

fn files(folder: &Path) -> TlsFiles {
    TlsFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") }
}

async fn serve(node: &TestNode, folder: &Path) -> (SocketAddr, oneshot::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let tls = Arc::new(Tls::open(files(folder)).unwrap());
    tokio::spawn(suyuan_api::serve_tls(listener, node.public.clone(), tls, async {
        let _ = stopped.await;
    }));
    (address, stop)
}

/// A GET by a client that trusts one certificate and speaks one version. Blocks.
fn get(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    path: &str,
) -> Result<(ProtocolVersion, String), String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider())).with_protocol_versions(&[version]).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let client = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let socket = std::net::TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut stream = StreamOwned::new(client, socket);
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    Ok((stream.conn.protocol_version().unwrap(), answer))
}

async fn fetch(
    address: SocketAddr,
    trusted: &CertificateDer<'static>,
    version: &'static SupportedProtocolVersion,
    path: &str,
) -> Result<(ProtocolVersion, String), String> {
    let (trusted, path) = (trusted.clone(), path.to_owned());
    tokio::task::spawn_blocking(move || get(address, &trusted, version, &path)).await.unwrap()
}

#[tokio::test]
async fn a_client_that_checks_the_certificate_gets_the_page_in_both_versions() {
    let (node, folder) = (one().await, tempfile::tempdir().unwrap());
    let certificate = issue(folder.path());
    node.put(r#"{"type":"note","about":["https://id.gs1.org/01/06901234567892/10/L1"],"sections":[{"for":"public","fields":{"a":1}}]}"#).await;
    let (address, stop) = serve(&node, folder.path()).await;
    for (version, spoken) in [(&version::TLS13, ProtocolVersion::TLSv1_3), (&version::TLS12, ProtocolVersion::TLSv1_2)] {
        let (found, page) = fetch(address, &certificate, version, "/01/06901234567892/10/L1").await.unwrap();
        assert_eq!(found, spoken);
        assert!(page.starts_with("HTTP/1.1 200 OK") && page.ends_with("</html>") && page.contains("L1"), "{page}");
        assert!(!page.to_lowercase().contains("strict-transport-security"));
    }
    let other = tempfile::tempdir().unwrap();
    let stranger = issue(other.path());
    assert!(fetch(address, &stranger, &version::TLS13, "/").await.is_err(), "another certificate of the same name");
    stop.send(()).unwrap();
}

#[tokio::test]
async fn plain_http_is_refused_in_words_and_harms_nobody() {
    let (node, folder) = (one().await, tempfile::tempdir().unwrap());
    let certificate = issue(folder.path());
    let (address, stop) = serve(&node, folder.path()).await;
    let plain = exchange(address, b"GET /01/06901234567892/10/L1 HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    assert!(plain.starts_with("HTTP/1.1 400") && plain.ends_with("https://\n"), "{plain}");
    for garbage in
        [&b"\x16\x03\x01\xff\xff"[..], b"\x16\x03\x01\x00\x05hello", b"\x00", b"\x15\x03\x03\x00\x02\x02\x28", &[0x16; 70_000], b"SSH-2.0-x\r\n"]
    {
        let answer = exchange(address, garbage).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    assert!(fetch(address, &certificate, &version::TLS13, "/").await.unwrap().1.starts_with("HTTP/1.1 200"));
    stop.send(()).unwrap();
}

#[tokio::test]
async fn a_slow_handshake_is_cut_off_and_counts_as_a_connection() {
    let (node, folder) = (one().await, tempfile::tempdir().unwrap());
    let certificate = issue(folder.path());
    let (address, stop) = serve(&node, folder.path()).await;
    let mut silent = Vec::new();
    for _ in 0..limits::CONNECTIONS {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    let begun = Instant::now();
    let late = fetch(address, &certificate, &version::TLS13, "/").await.unwrap();
    assert!(late.1.starts_with("HTTP/1.1 200"));
    let took = begun.elapsed();
    assert!(took > limits::HANDSHAKE_TIME - Duration::from_secs(3), "it waited for a silent one to be cut off: {took:?}");
    assert!(took < limits::HANDSHAKE_TIME + Duration::from_secs(8), "{took:?}");
    let mut first = silent.swap_remove(0);
    let mut rest = Vec::new();
    assert!(matches!(first.read_to_end(&mut rest).await, Ok(0) | Err(_)) && rest.is_empty());
    // The end does not wait for those that are still silent.
    let _silent = TcpStream::connect(address).await.unwrap();
    stop.send(()).unwrap();
}

#[tokio::test]
async fn a_certificate_that_was_replaced_counts_and_one_that_is_broken_does_not() {
    let (node, folder) = (one().await, tempfile::tempdir().unwrap());
    let first = issue(folder.path());
    let (address, stop) = serve(&node, folder.path()).await;
    let second = issue(folder.path());
    assert!(fetch(address, &first, &version::TLS13, "/").await.is_err());
    assert!(fetch(address, &second, &version::TLS13, "/").await.is_ok());
    for broken in ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(folder.path().join("certificate.pem"), broken).unwrap();
        assert!(fetch(address, &second, &version::TLS13, "/").await.is_ok(), "what was there goes on");
    }
    std::fs::remove_file(folder.path().join("key.pem")).unwrap();
    assert!(fetch(address, &second, &version::TLS13, "/").await.is_ok());
    let third = issue(folder.path());
    assert!(fetch(address, &third, &version::TLS13, "/").await.is_ok());
    stop.send(()).unwrap();
}

#[test]
fn files_that_cannot_be_used_are_refused_with_what_to_do() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    issue(folder.path());
    issue(other.path());
    let good = files(folder.path());
    assert!(Tls::open(good.clone()).is_ok());
    let refused = |files: &TlsFiles| Tls::open(files.clone()).unwrap_err();
    let said = |error: &TlsError, words: &[&str]| words.iter().for_each(|word| assert!(error.to_string().contains(word), "{error}"));
    let missing = refused(&TlsFiles { certificate: folder.path().join("none.pem"), ..good.clone() });
    assert!(matches!(missing, TlsError::File(..)));
    said(&missing, &["none.pem", "No such file", "correct the path"]);
    assert!(matches!(refused(&TlsFiles { key: folder.path().join("none.pem"), ..good.clone() }), TlsError::File(..)));
    let mismatch = refused(&TlsFiles { key: other.path().join("key.pem"), ..good.clone() });
    assert!(matches!(mismatch, TlsError::Mismatch(_)), "{mismatch:?}");
    said(&mismatch, &["does not belong", "certificate.pem", "key.pem"]);
    let swapped = refused(&TlsFiles { certificate: good.key.clone(), key: good.certificate.clone() });
    assert!(matches!(swapped, TlsError::NoCertificate(..)), "{swapped:?}");
}

#[test]
fn a_key_that_everybody_may_read_and_files_without_content_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    issue(folder.path());
    let good = files(folder.path());
    let refused = |files: &TlsFiles| Tls::open(files.clone()).unwrap_err();
    for mode in [0o604, 0o644, 0o602, 0o601] {
        std::fs::set_permissions(&good.key, std::fs::Permissions::from_mode(mode)).unwrap();
        let open = refused(&good);
        assert!(matches!(open, TlsError::Permissions(_)), "{mode:o}");
        assert!(open.to_string().contains("chmod o="), "{open}");
    }
    for mode in [0o600, 0o400, 0o640] {
        std::fs::set_permissions(&good.key, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(Tls::open(good.clone()).is_ok(), "{mode:o}");
    }
    std::fs::set_permissions(&good.key, std::fs::Permissions::from_mode(0o600)).unwrap();
    for text in ["", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
        std::fs::write(&good.key, text).unwrap();
        let no_key = refused(&good);
        assert!(matches!(no_key, TlsError::NoKey(..)), "{no_key:?}");
        assert!(no_key.to_string().contains("key.pem"), "{no_key}");
    }
    std::fs::write(&good.certificate, "hello").unwrap();
    assert!(matches!(refused(&good), TlsError::NoCertificate(..)));
    assert!(matches!(refused(&TlsFiles { certificate: folder.path().to_owned(), ..good }), TlsError::File(..)), "a folder");
}
