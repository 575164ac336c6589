//! A full disk: said in words that help, at every step, and nothing that was acknowledged is lost. Mounts small file systems, so it runs as root.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Node, done, found, refused, said};

/// A file system of its own, gone when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(folder: &Path, size: &str) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(folder).output().unwrap();
        assert!(
            mounted.status.success(),
            "this test fills a disk of its own and has to mount one: run it as root where mount is allowed ({})",
            String::from_utf8_lossy(&mounted.stderr).trim()
        );
        Self(folder.to_owned())
    }

    /// Fills it until so many bytes are left.
    fn fill(&self, left: u64) {
        use std::io::Write;
        let mut filler = std::fs::File::create(self.0.join("filler")).unwrap();
        let block = vec![0x55; 64 * 1024];
        while self.free() > left && filler.write_all(&block).is_ok() {}
    }

    fn empty(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }

    fn free(&self) -> u64 {
        let output = Command::new("df").args(["-B1", "--output=avail"]).arg(&self.0).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().nth(1).unwrap().trim().parse().unwrap()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn helps(text: &str) {
    assert!(text.contains("make room"), "it does not say what to do: {text}");
    assert!(text.contains("full") || text.contains("No space left"), "it does not say why: {text}");
}

#[test]
fn init_and_run_say_that_the_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Mounted::new(&folder.path().join("disk"), "8m");
    disk.fill(0);
    helps(&refused(&disk.0.join("g"), &["init", "--name", "G", "--role", "leader", "--development"]));
    disk.empty();
    let data = folder.path().join("h");
    let charter = found(&[&data], true);
    // The member moves to the small disk, which then has no room for a store.
    let moved = disk.0.join("h");
    std::fs::create_dir(&moved).unwrap();
    for file in ["keyring", "device", "entry"] {
        std::fs::copy(data.join(file), moved.join(file)).unwrap();
    }
    disk.fill(0);
    helps(&refused(&moved, &["run", "--charter", charter.to_str().unwrap()]));
    disk.empty();
}

#[test]
fn a_node_refuses_records_before_the_disk_is_full_and_takes_them_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Mounted::new(&folder.path().join("disk"), "200m");
    let data = disk.0.join("g");
    let charter = found(&[&data], true);
    let record = folder.path().join("record.json");
    std::fs::write(&record, r#"{"records":[{"type":"note","sections":[{"for":"self","fields":{"a":1}}]}]}"#).unwrap();
    let record = record.to_str().unwrap();
    let node = Node::start(&data, &charter, &[]);
    node.ready();
    let first = node.ask(&["record", "put", record]);
    assert!(first.status.success(), "{}", said(&first));
    let written = node.status()["size"].clone();
    for left in [32 * 1024 * 1024, 0] {
        disk.fill(left);
        let full = node.ask(&["record", "put", record]);
        assert_eq!(full.status.code(), Some(4), "{}", said(&full));
        assert!(said(&full).contains("Make room on the disk"), "{}", said(&full));
        let answer = node.get(node.admin, "/readyz");
        assert!(answer.starts_with("HTTP/1.1 507") && answer.contains("/problems/storage"), "{answer}");
        assert_eq!((node.troubles(), &node.status()["size"]), (vec!["disk".to_owned()], &written), "reading goes on, and nothing was written");
    }
    disk.empty();
    node.ready();
    let again = node.ask(&["record", "put", record]);
    assert!(again.status.success(), "{}", said(&again));
    // Begun with a full disk, it says so; begun with room, it has everything.
    node.stop();
    disk.fill(0);
    helps(&refused(&data, &["run", "--charter", charter.to_str().unwrap()]));
    disk.empty();
    done(&data, &["fsck"]);
    let node = Node::start(&data, &charter, &[]);
    node.ready();
    assert_eq!(node.status()["size"].as_u64().unwrap(), written.as_u64().unwrap() + 1);
    node.stop();
}
