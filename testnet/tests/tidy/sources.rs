//! Rules about the text of files: headings, lengths, and words that have no place.

use crate::hold;
use crate::tree::{File, files, files_of, folders, root};

const MAX_LINES: usize = 800;
const MAX_VERIFIER_LINES: usize = 420;
/// Texts that people write and read line by line; not data, not lock files.
const WRITTEN: [&str; 9] = ["rs", "ts", "js", "mjs", "py", "md", "html", "css", "toml"];

/// `path:line` of every line of these files that holds one of the words.
fn lines_with(files: &[File], words: &[&str]) -> Vec<String> {
    let line = |file: &File, (number, line): (usize, &str)| {
        words.iter().find(|word| line.contains(**word)).map(|word| format!("{}:{}: {word}", file.path, number + 1))
    };
    files.iter().flat_map(|file| file.text.lines().enumerate().filter_map(move |numbered| line(file, numbered))).collect()
}

#[test]
fn every_module_says_what_it_is() {
    let breaches: Vec<_> = files_of(&["rs"]).iter().filter(|file| !file.text.starts_with("//! ")).map(|file| file.path.clone()).collect();
    hold("the first line of a Rust file is `//! ` and says in one sentence what the file is for", &breaches);
}

#[test]
fn files_are_about_one_idea() {
    let long = |file: &File| file.text.lines().count() > MAX_LINES;
    let breaches: Vec<_> =
        files_of(&WRITTEN).iter().filter(|file| long(file)).map(|file| format!("{}: {} lines", file.path, file.text.lines().count())).collect();
    hold("a file has at most 800 lines, and seldom 400: split it by idea", &breaches);
}

#[test]
fn the_python_verifier_stays_short() {
    for file in ["specs/verify.py", "specs/verify_circle.py", "specs/verify_history.py"] {
        let lines = std::fs::read_to_string(root().join(file)).unwrap().lines().count();
        assert!(
            lines <= MAX_VERIFIER_LINES,
            "{file} has {lines} lines: it is worth something only while one can read it whole, {MAX_VERIFIER_LINES} at most"
        );
    }
}

#[test]
fn nothing_is_left_for_later() {
    let words = [concat!("to", "do!("), concat!("unimple", "mented!("), concat!("db", "g!("), concat!("#[ign", "ore"), concat!("FIX", "ME")];
    hold("unfinished code, debug output and ignored tests are not committed: finish it, or take it out", &lines_with(&files_of(&["rs"]), &words));
    let words = [concat!("test.on", "ly("), concat!("test.sk", "ip("), concat!("debug", "ger;")];
    hold("TypeScript tests all run: take the switch out", &lines_with(&files_of(&["ts"]), &words));
}

#[test]
fn no_path_of_one_machine() {
    let breaches = lines_with(&files(), &[concat!("/wo", "rk/")]);
    hold("a checkout works in any folder: use a path relative to the repository", &breaches);
}

#[test]
fn no_registry_by_name() {
    let words = [
        concat!("registry.npm", "js"),
        concat!("pypi.", "org"),
        concat!("python", "hosted"),
        concat!("static.crates", ".io"),
        concat!("deb.deb", "ian"),
    ];
    let breaches = lines_with(&files(), &words);
    hold("which registry serves a package is the machine's setting: name packages only (npm: omit-lockfile-registry-resolved=true)", &breaches);
}

#[test]
fn every_vector_folder_has_its_page() {
    let missing = |part: &String| !root().join(format!("specs/{part}.md")).exists();
    let breaches: Vec<_> =
        folders("specs/vectors").into_iter().filter(missing).map(|part| format!("specs/vectors/{part}: no specs/{part}.md")).collect();
    hold("one spec, one page, one vector folder, one name", &breaches);
}
