//! TLS of the public listener: a certificate and its key from two files, read again when either changes.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, ServerConfig, crypto, version};
use tracing::{info, warn};

use crate::limits;

/// Where certificate and key are, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and behind it those that lead to a root.
    pub certificate: PathBuf,
    /// Its private key. Only its owner, and its group, may read it.
    pub key: PathBuf,
}

/// Why a listener has no TLS. Each says which file, and what to do.
#[derive(Debug)]
pub enum TlsError {
    /// A file cannot be read.
    File(PathBuf, io::Error),
    /// Everybody on this machine may read the key.
    Permissions(PathBuf),
    /// A file holds no certificate, or more than a certificate.
    NoCertificate(PathBuf, String),
    /// A file holds no key that can be used.
    NoKey(PathBuf, String),
    /// The key is another certificate's.
    Mismatch(TlsFiles),
    /// The certificate cannot be used; the reason.
    Unusable(PathBuf, rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{} cannot be read: {error}; correct the path or its permissions", path.display()),
            Self::Permissions(path) => write!(f, "everybody on this machine may read the key {}; run: chmod o= {}", path.display(), path.display()),
            Self::NoCertificate(path, why) => write!(f, "{} holds no certificate in PEM: {why}", path.display()),
            Self::NoKey(path, why) => write!(f, "{} holds no private key in PEM that can be used: {why}", path.display()),
            Self::Mismatch(TlsFiles { certificate, key }) => {
                write!(
                    f,
                    "the key {} does not belong to the first certificate in {}; name the two that were issued together",
                    key.display(),
                    certificate.display()
                )
            }
            Self::Unusable(path, error) => write!(f, "the certificate in {} cannot be used: {error}", path.display()),
        }
    }
}

impl std::error::Error for TlsError {}

/// Tells two versions of both files apart: inode, size and time of the last change of each.
type Stamp = [(u64, u64, i64, i64); 2];

/// What a TLS listener answers with.
#[derive(Debug)]
pub struct Tls {
    files: TlsFiles,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    /// The files that were looked at last, whether or not they could be used.
    stamp: Option<Stamp>,
    config: Arc<ServerConfig>,
}

impl Tls {
    /// Reads both files.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let stamp = stamp(&files);
        let config = load(&files)?;
        Ok(Self { files, known: Mutex::new(Known { stamp, config }) })
    }

    /// What the next connection is answered with. Files that changed are read; where they cannot be used, it stays what it was, and the journal says so once.
    pub fn config(&self) -> Arc<ServerConfig> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(&self.files);
        if now != known.stamp {
            known.stamp = now;
            match load(&self.files) {
                Ok(config) => {
                    known.config = config;
                    info!(certificate = %self.files.certificate.display(), "the public side has a new certificate");
                }
                Err(error) => warn!(%error, "the public side keeps the certificate that it has"),
            }
        }
        known.config.clone()
    }
}

fn stamp(files: &TlsFiles) -> Option<Stamp> {
    let of = |path: &Path| std::fs::metadata(path).ok().map(|file| (file.ino(), file.size(), file.mtime(), file.mtime_nsec()));
    Some([of(&files.certificate)?, of(&files.key)?])
}

fn load(files: &TlsFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let pem = read(&files.certificate)?;
    let no_certificate = |why: String| TlsError::NoCertificate(files.certificate.clone(), why);
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&pem).collect::<Result<_, _>>().map_err(|why| no_certificate(why.to_string()))?;
    if chain.is_empty() {
        return Err(no_certificate("no BEGIN CERTIFICATE stands in it".into()));
    }
    let mode = std::fs::metadata(&files.key).map_err(|error| TlsError::File(files.key.clone(), error))?.mode();
    if mode & 0o007 != 0 {
        return Err(TlsError::Permissions(files.key.clone()));
    }
    let no_key = |why: &dyn fmt::Display| TlsError::NoKey(files.key.clone(), why.to_string());
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?).map_err(|why| no_key(&why))?;
    let provider = Arc::new(crypto::ring::default_provider());
    provider.key_provider.load_private_key(key.clone_key()).map_err(|why| no_key(&why))?;
    let unusable = |error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch(files.clone()),
        other => TlsError::Unusable(files.certificate.clone(), other),
    };
    let builder = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&version::TLS13, &version::TLS12]).map_err(unusable)?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).map_err(unusable)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    use std::io::Read;
    let failed = |error| TlsError::File(path.to_owned(), error);
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(limits::PEM).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
