//! Founding an alliance on this machine: keyrings in folders, and a charter that all have signed.

use std::path::{Path, PathBuf};

use suyuan_core::charter::{Charter, CharterFile, Entry, MemberKeys, Role};
use suyuan_core::key::SecretKey;
use suyuan_runtime::keyring::{Keyring, Passphrase};

/// A founder with its data folder.
#[derive(Debug)]
pub struct Founder {
    /// The data folder, with a development keyring in it.
    pub data: PathBuf,
    /// The key of its connections.
    entry: Entry,
    root: SecretKey,
}

impl Founder {
    /// Makes a founder's keys in a new folder.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn new(data: &Path, name: &str, role: Role) -> Result<Self, String> {
        std::fs::create_dir_all(data).map_err(|error| error.to_string())?;
        let keyring = Keyring::create(data, &Passphrase::none()).map_err(|error| error.to_string())?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| error.to_string())?;
        let root = SecretKey::from_seed(&seed);
        let keys = MemberKeys {
            root: root.public().to_bytes(),
            log: keyring.log().public().to_bytes(),
            witness: keyring.witness().public().to_bytes(),
            transport: keyring.transport().public().to_bytes(),
            encryption: keyring.encryption().public(),
        };
        let entry = Entry { name: name.to_owned(), role, keys, addresses: Vec::new(), scope: Vec::new() };
        Ok(Self { data: data.to_owned(), entry, root })
    }

    /// The founder's keyring.
    ///
    /// # Errors
    /// What failed, in words.
    pub fn keyring(&self) -> Result<Keyring, String> {
        Keyring::open(&self.data, &Passphrase::none()).map_err(|error| error.to_string())
    }
}

/// A charter that all founders have signed.
///
/// # Errors
/// What failed, in words.
pub fn charter(founders: &[Founder]) -> Result<CharterFile, String> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(|error| error.to_string())?;
    let charter = Charter {
        nonce,
        name: "testnet".to_owned(),
        purpose: String::new(),
        chain: "绿色农业".to_owned(),
        time: suyuan_runtime::node::now(),
        members: founders.iter().map(|founder| founder.entry.clone()).collect(),
        deputies: Vec::new(),
        seal: 86_400_000,
        terms: String::new(),
    };
    let mut file = CharterFile { charter: charter.to_bytes(), signatures: Vec::new() };
    for founder in founders {
        let keyring = founder.keyring()?;
        for key in [&founder.root, keyring.log(), keyring.witness(), keyring.transport()] {
            file.sign(key).map_err(|fault| fault.to_string())?;
        }
    }
    Ok(file)
}
