//! Puts the modules of the pages where the crate embeds them from: as the set-up built them, or built now where they are missing or older than
//! their sources.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

const BUILT: [&str; 3] = ["consumer.js", "consumer.js.gz", "console.js"];
const SOURCES: [&str; 5] = ["src", "build.mjs", "package.json", "package-lock.json", "tsconfig.json"];

fn main() {
    if let Err(why) = embed() {
        eprintln!("{why}");
        std::process::exit(1);
    }
}

fn embed() -> Result<(), String> {
    // At run time: a build folder may be shared by several checkouts.
    let crate_folder = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo did not say where the crate is")?;
    let package = Path::new(&crate_folder).join("../../sdk/js");
    println!("cargo::rerun-if-changed=build.rs");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", package.join(source).display());
    }
    let built = BUILT.map(|name| package.join("dist").join(name));
    if !is_fresh(&package, &built) {
        build(&package)?;
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("cargo did not say where to write")?);
    for file in &built {
        let name = file.file_name().unwrap_or_default();
        std::fs::copy(file, out.join(name)).map_err(|error| format!("{}: {error}; run testnet/setup", file.display()))?;
    }
    Ok(())
}

/// Whether every built file is newer than every source.
fn is_fresh(package: &Path, built: &[PathBuf]) -> bool {
    let oldest = built.iter().map(|file| changed(file)).min().flatten();
    let newest = SOURCES.iter().filter_map(|source| newest(&package.join(source))).max();
    oldest.is_some_and(|oldest| newest.is_none_or(|newest| newest <= oldest))
}

fn changed(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn newest(path: &Path) -> Option<SystemTime> {
    let files = std::fs::read_dir(path).into_iter().flatten().flatten().filter_map(|entry| newest(&entry.path()));
    // A folder itself changes when a file is put in or taken out.
    files.chain(changed(path)).max()
}

fn build(package: &Path) -> Result<(), String> {
    let installed = changed(&package.join("node_modules/.package-lock.json"));
    if installed.is_none_or(|installed| changed(&package.join("package-lock.json")).is_some_and(|lock| lock > installed)) {
        npm(package, &["ci"])?;
    }
    npm(package, &["run", "build"])
}

fn npm(package: &Path, arguments: &[&str]) -> Result<(), String> {
    let advice = "run testnet/setup, which builds the pages' modules and brings Node.js where it is missing";
    let output = Command::new("npm").args(arguments).current_dir(package).output();
    let output = output.map_err(|error| format!("the modules of the pages are not built, and npm does not run ({error}): {advice}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Err(format!("npm {} failed: {advice}\n{said}", arguments.join(" ")))
}
