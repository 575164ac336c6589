//! Every key that a template or the code names has words.

use std::path::{Path, PathBuf};

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_str().unwrap().ends_with(ending) {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_key_that_is_named_has_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut words = serde_json::Map::new();
    for file in [root.join("assets/words.json"), root.join("../../sdk/js/src/page/words.json")] {
        let table: serde_json::Map<_, _> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        words.extend(table);
    }
    let sources = [
        files(&root.join("templates"), ".html"),
        files(&root.join("src/pages"), ".rs"),
        files(&root.join("src/public"), ".rs"),
        files(&root.join("../../sdk/js/src/page"), ".ts"),
    ];
    let mut named = 0;
    for file in sources.concat() {
        let text = std::fs::read_to_string(&file).unwrap();
        for call in ["lang.t(\"", "lang.fill(\"", "t(lang, \"", "notice(StatusCode::"] {
            for (at, _) in text.match_indices(call) {
                let rest = &text[at..];
                let key = rest.split('"').nth(1).unwrap();
                assert!(words.contains_key(key), "{}: {key}", file.display());
                named += 1;
            }
        }
    }
    assert!(named > 150, "{named}");
    let everything: String = sources.concat().iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    for key in words.keys().filter(|key| !["role.", "type.", "field.", "value.", "fault.", "json."].iter().any(|group| key.starts_with(group))) {
        assert!(everything.contains(&format!("\"{key}\"")), "nobody says {key}");
    }
}
