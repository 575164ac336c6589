//! EPCIS documents in and out through a running node.

use serde_json::Value;

use crate::support::{Node, found, said};

fn document(events: &str) -> String {
    format!(r#"{{"type":"EPCISDocument","schemaVersion":"2.0","epcisBody":{{"eventList":[{events}]}}}}"#)
}

#[test]
fn a_document_comes_out_as_it_went_in() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("g");
    let charter = found(&[&data], true);
    let node = Node::start(&data, &charter, &[]);
    node.founded();
    let file = folder.path().join("document.json");
    let import = |text: &str| {
        std::fs::write(&file, text).unwrap();
        node.ask(&["--json", "import", "--for", "alliance", file.to_str().unwrap()])
    };
    let size = || node.status()["size"].as_u64().unwrap();

    // Of what cannot become a record, nothing is written, the envelope neither.
    let before = size();
    let fields: Vec<String> = (0..=256).map(|field| format!(r#""f{field}":1"#)).collect();
    let long = "x".repeat(1 << 20);
    for event in [
        "1".to_owned(),
        r#"{"a":{"b":1,"b":2}}"#.to_owned(),
        format!(r#"{{"{}":1}}"#, "n".repeat(129)),
        r#"{"@about":[]}"#.to_owned(),
        "{}".to_owned(),
        format!("{{{}}}", fields.join(",")),
        format!(r#"{{"note":"{long}"}}"#),
    ] {
        let output = import(&document(&format!(r#"{{"type":"ObjectEvent"}},{event}"#)));
        assert_eq!(output.status.code(), Some(5), "{}", &said(&output).chars().take(300).collect::<String>());
        assert!(said(&output).contains("event 2") || said(&output).contains("no EPCIS"), "{}", said(&output).chars().take(300).collect::<String>());
    }
    let wide = document("").replace(r#""type""#, &format!(r#""{}":1,"type""#, "n".repeat(129)));
    assert!(said(&import(&wide)).contains("envelope"));
    assert_eq!(size(), before);

    // Numbers of any size, in quantities too; more things than an index has room for are said.
    let classes: Vec<String> = (0..40).map(|lot| format!(r#"{{"epcClass":"urn:epc:class:lgtin:690123.0456789.L{lot}","quantity":1e400}}"#)).collect();
    let text = document(&format!(
        r#"{{"type":"ObjectEvent","eventTimeZoneOffset":"+08:00","quantityList":[{}]}},{{"type":"ObjectEvent","ilmd":{{"x":0.100,"y":1e-500}}}}"#,
        classes.join(",")
    ));
    let output = import(&text);
    assert!(output.status.success(), "{}", said(&output));
    let imported: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(imported["warning"].as_str().is_some_and(|warning| warning.contains("32")), "{imported}");
    let id = imported["document"].as_str().unwrap();
    let export = || node.ask(&["record", "export", id]);
    let out = export();
    assert_eq!(String::from_utf8(out.stdout).unwrap().trim(), text);
    let listed = node.ask(&["--json", "record", "list", "--subject", "urn:epc:class:lgtin:690123.0456789.L0"]);
    assert!(String::from_utf8(listed.stdout).unwrap().contains("1e400"));

    // The author refers to the document once more: it is the same document still.
    std::fs::write(
        &file,
        format!(
            r#"{{"records":[{{"type":"epcis.event","references":["{id}"],"sections":[{{"for":"alliance","fields":{{"type":"ObjectEvent"}}}}]}}]}}"#
        ),
    )
    .unwrap();
    let put = node.ask(&["record", "put", file.to_str().unwrap()]);
    assert!(put.status.success(), "{}", said(&put));
    let out = export();
    assert!(out.status.success(), "{}", said(&out));
    assert_eq!(String::from_utf8(out.stdout).unwrap().trim(), text);
    node.stop();
}
