//! The files of the checkout, without what is built or fetched.

use std::path::{Path, PathBuf};

/// Folders that hold nothing written here.
const SKIPPED: [&str; 5] = [".git", ".cache", "dist", "node_modules", "target"];

/// A text file: path from the root, with `/`, and content.
pub struct File {
    pub path: String,
    pub text: String,
}

impl File {
    pub fn has_extension(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }

    /// Path from the root of the folder that it lies in, empty for the root.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// Every text file, in the order of the paths.
pub fn files() -> Vec<File> {
    let mut found = Vec::new();
    collect(&root(), "", &mut found);
    assert!(found.len() > 50, "only {} files found under {}", found.len(), root().display());
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Every text file with one of these extensions.
pub fn files_of(extensions: &[&str]) -> Vec<File> {
    files().into_iter().filter(|file| file.has_extension(extensions)).collect()
}

/// Names of the folders in a folder.
pub fn folders(of: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(of)).unwrap().map(Result::unwrap);
    entries.filter(|entry| entry.path().is_dir()).map(|entry| entry.file_name().into_string().unwrap()).collect()
}

fn collect(folder: &Path, path: &str, found: &mut Vec<File>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
            collect(&entry.path(), &path, found);
        } else if kind.is_file() {
            // What is not text has no lines to look at; a file may also have gone since the folder was read.
            if let Ok(text) = std::fs::read_to_string(entry.path()) {
                found.push(File { path, text });
            }
        }
    }
}
