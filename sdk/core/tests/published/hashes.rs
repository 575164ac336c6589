//! Merkle trees of RFC 6962 and BLAKE3 (`specs/log.md`).

use suyuan_core::id::{AllianceId, Hash, MemberId, StatementId};
use suyuan_core::log::{LogId, chain_next};
use suyuan_core::{Fault, tree};

use crate::array;

/// The eight leaves of the reference tree of Certificate Transparency, and its root after each.
const REFERENCE: [(&str, &str); 8] = [
    ("", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
    ("00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
    ("10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ("2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ("3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
    ("40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
    ("5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
    ("606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
];

fn leaf(index: usize) -> Hash {
    tree::leaf_hash(&hex::decode(REFERENCE[index].0).unwrap())
}

fn root(size: usize) -> Hash {
    array(REFERENCE[size - 1].1)
}

#[test]
fn reference_tree_roots() {
    let leaves: Vec<Hash> = (0..8).map(leaf).collect();
    let mut frontier = tree::Frontier::default();
    assert_eq!(frontier.root(), array("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    for size in 1..=8 {
        frontier.push(leaves[size - 1]);
        assert_eq!(tree::root(&leaves[..size]), root(size), "{size} leaves");
        assert_eq!(frontier.root(), root(size), "{size} leaves appended");
    }
}

#[test]
fn reference_tree_proofs() {
    let inclusion = [
        array("96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"),
        array("5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"),
        array("6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"),
    ];
    let leaves: Vec<Hash> = (0..8).map(leaf).collect();
    assert_eq!(tree::inclusion_path(&leaves, 0), inclusion);
    assert_eq!(tree::verify_inclusion(&leaf(0), 0, 8, &inclusion, &root(8)), Ok(()));
    assert_eq!(tree::verify_inclusion(&leaf(0), 1, 8, &inclusion, &root(8)), Err(Fault::Inclusion));

    let consistency = [
        array("0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"),
        array("ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"),
        array("d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
    ];
    assert_eq!(tree::verify_consistency(6, 8, &root(6), &root(8), &consistency), Ok(()));
    assert_eq!(tree::verify_consistency(5, 8, &root(5), &root(8), &consistency), Err(Fault::Consistency));
    assert_eq!(tree::verify_consistency(6, 7, &root(6), &root(7), &consistency), Err(Fault::Consistency));
}

/// The chain is BLAKE3's `derive_key`; the published vectors show that the function called so is that mode and not the keyed or plain one.
#[test]
fn chain_is_blake3_derive_key() {
    const CONTEXT: &str = "BLAKE3 2019-12-27 16:29:52 test vectors context";
    for (len, wanted) in [
        (0, "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d"),
        (1, "b3e2e340a117a499c6cf2398a19ee0d29cca2bb7404c73063382693bf66cb06c"),
        (63, "b6451e30b953c206e34644c6803724e9d2725e0893039cfc49584f991f451af3"),
        (64, "a5c4a7053fa86b64746d4bb688d06ad1f02a18fce9afd3e818fefaa7126bf73e"),
        (65, "51fd05c3c1cfbc8ed67d139ad76f5cf8236cd2acd26627a30c104dfd9d3ff8a8"),
        (1024, "7356cd7720d5b66b6d0697eb3177d9f8d73a4a5c5e968896eb6a689684302706"),
    ] {
        let input: Vec<u8> = (0..=250).cycle().take(len).collect();
        assert_eq!(blake3::derive_key(CONTEXT, &input), array(wanted), "{len} bytes");
    }

    let log = LogId { alliance: AllianceId([1; 32]), member: MemberId([2; 32]), incarnation: 0x0102_0304_0506_0708 };
    let start = [[1; 32].as_slice(), &[2; 32], &[1, 2, 3, 4, 5, 6, 7, 8]].concat();
    assert_eq!(log.chain_start(), blake3::derive_key("suyuan/1 chain", &start));
    let next = [log.chain_start().as_slice(), &[3; 32]].concat();
    assert_eq!(chain_next(&log.chain_start(), &StatementId([3; 32])), blake3::derive_key("suyuan/1 chain", &next));
}
