//! Data folders as files: what is in them, and copies of them.

use std::path::{Path, PathBuf};

/// Every file below a folder, in the order of the paths.
///
/// # Errors
/// What could not be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.is_dir() {
            files.append(&mut list(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// Copies all files of a folder into another.
///
/// # Errors
/// What could not be copied.
pub fn copy(from: &Path, to: &Path) -> Result<(), String> {
    for file in list(from)? {
        let target = to.join(file.strip_prefix(from).map_err(|error| error.to_string())?);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        }
        std::fs::copy(&file, &target).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(())
}
