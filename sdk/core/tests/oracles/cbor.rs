//! CBOR (RFC 8949 section 4.2.1): `minicbor` as reader, writer and judge of the profile.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use proptest::prelude::*;
use suyuan_core::cbor::{Reader, Writer, check, check_prefix};
use suyuan_core::{Fault, limits};

#[derive(Clone, Debug, PartialEq)]
enum Item {
    Uint(u64),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Item>),
    Null,
}

impl Item {
    fn write(&self, writer: &mut Writer) {
        match self {
            Self::Uint(value) => writer.uint(*value),
            Self::Bytes(bytes) => writer.bytes(bytes),
            Self::Text(text) => writer.text(text),
            Self::Null => writer.null(),
            Self::Array(items) => {
                writer.array(items.len());
                items.iter().for_each(|item| item.write(writer));
                writer
            }
        };
    }

    fn encode(&self, encoder: &mut Encoder<&mut Vec<u8>>) {
        match self {
            Self::Uint(value) => encoder.u64(*value),
            Self::Bytes(bytes) => encoder.bytes(bytes),
            Self::Text(text) => encoder.str(text),
            Self::Null => encoder.null(),
            Self::Array(items) => {
                encoder.array(items.len() as u64).unwrap();
                items.iter().for_each(|item| item.encode(encoder));
                Ok(encoder)
            }
        }
        .unwrap();
    }

    /// An item that the profile knows, in whatever encoding `minicbor` reads.
    fn decode(decoder: &mut Decoder<'_>, depth: usize) -> Option<Self> {
        match decoder.datatype().ok()? {
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => decoder.u64().ok().filter(|value| *value <= limits::INTEGER).map(Self::Uint),
            Type::Bytes => decoder.bytes().ok().map(|bytes| Self::Bytes(bytes.to_vec())),
            Type::String => decoder.str().ok().map(|text| Self::Text(text.into())),
            Type::Null => decoder.null().ok().map(|()| Self::Null),
            Type::Array if depth < limits::CBOR_DEPTH => {
                let len = decoder.array().ok()?.filter(|len| *len <= limits::CBOR_ARRAY)?;
                (0..len).map(|_| Self::decode(decoder, depth + 1)).collect::<Option<_>>().map(Self::Array)
            }
            _ => None,
        }
    }

    /// Reads the item back through our reader.
    fn read(&self, reader: &mut Reader<'_>) -> Result<(), Fault> {
        let same = match self {
            Self::Uint(value) => reader.uint()? == *value,
            Self::Bytes(bytes) => reader.bytes(usize::MAX)? == bytes,
            Self::Text(text) => reader.text(0..=usize::MAX)? == text,
            Self::Null => reader.null(),
            Self::Array(items) => {
                reader.array(items.len() as u64)?;
                return items.iter().try_for_each(|item| item.read(reader));
            }
        };
        if same { Ok(()) } else { Err(Fault::Form) }
    }
}

fn written(item: &Item) -> Vec<u8> {
    let mut writer = Writer::default();
    item.write(&mut writer);
    writer.finish()
}

fn reencoded(item: &Item) -> Vec<u8> {
    let mut bytes = Vec::new();
    item.encode(&mut Encoder::new(&mut bytes));
    bytes
}

/// The profile as `minicbor` sees it: one item of the allowed kinds whose shortest encoding is these bytes.
fn judged(bytes: &[u8]) -> bool {
    let mut decoder = Decoder::new(bytes);
    Item::decode(&mut decoder, 0).is_some_and(|item| decoder.position() == bytes.len() && reencoded(&item) == bytes)
}

fn item() -> impl Strategy<Value = Item> {
    let uint = prop_oneof![0..=24u64, 250..=260u64, 65_530..=65_540u64, 0xffff_fff0..=0x1_0000_0010u64, 0..=limits::INTEGER];
    let leaf = prop_oneof![
        uint.prop_map(Item::Uint),
        proptest::collection::vec(any::<u8>(), 0..300).prop_map(Item::Bytes),
        ".{0,80}".prop_map(Item::Text),
        Just(Item::Null),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| proptest::collection::vec(inner, 0..8).prop_map(Item::Array))
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn what_is_written_is_read_by_both(item in item(), tail in proptest::collection::vec(any::<u8>(), 1..4)) {
        let bytes = written(&item);
        prop_assert_eq!(&bytes, &reencoded(&item));
        let mut decoder = Decoder::new(&bytes);
        prop_assert_eq!(&Item::decode(&mut decoder, 0).unwrap(), &item);
        prop_assert_eq!(decoder.position(), bytes.len());
        let mut reader = Reader::open(&bytes).unwrap();
        prop_assert_eq!(item.read(&mut reader), Ok(()));

        let longer = [bytes.as_slice(), &tail].concat();
        prop_assert_eq!(check(&longer), Err(Fault::Cbor));
        prop_assert_eq!(check_prefix(&longer), Ok(tail.len()));
        let (mut reader, len) = Reader::open_prefix(&longer).unwrap();
        prop_assert_eq!((item.read(&mut reader), len), (Ok(()), bytes.len()));
        prop_assert_eq!(check(&bytes[..bytes.len() - 1]), Err(Fault::Cbor));
    }

    #[test]
    fn changed_items_are_judged_alike(item in item(), changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut bytes = written(&item);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        prop_assert_eq!(check(&bytes).is_ok(), judged(&bytes));
    }
}

proptest! {
    #![proptest_config(config(10_000))]

    #[test]
    fn any_bytes_are_judged_alike(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        prop_assert_eq!(check(&bytes).is_ok(), judged(&bytes));
    }

    /// Heads alone, so that more of them fit together.
    #[test]
    fn any_heads_are_judged_alike(bytes in proptest::collection::vec(prop_oneof![0x80..=0x84u8, Just(0xf6), 0..=0x1bu8, Just(0x40), Just(0x61), any::<u8>()], 0..16)) {
        prop_assert_eq!(check(&bytes).is_ok(), judged(&bytes));
    }
}

/// All inputs of up to two bytes, and all three-byte ones that begin with a head of two.
#[test]
fn all_short_inputs_are_judged_alike() {
    let accepted = |bytes: &[u8]| {
        assert_eq!(check(bytes).is_ok(), judged(bytes), "{bytes:02x?}");
        usize::from(check(bytes).is_ok())
    };
    let all = 0..=u8::MAX;
    let one: usize = all.clone().map(|a| accepted(&[a])).sum();
    let two: usize = all.clone().flat_map(|a| all.clone().map(move |b| [a, b])).map(|bytes| accepted(&bytes)).sum();
    // 24 integers, null, and the empty strings and array; then 232 integers, a byte in 256 ways, a letter in 128, an array of each of the 28.
    assert_eq!((accepted(&[]), one, two), (0, 28, 232 + 256 + 128 + 28));
    for info in [24, 25, 26, 27] {
        for major in 0..8u8 {
            for bytes in all.clone().flat_map(|a| all.clone().map(move |b| [major << 5 | info, a, b])) {
                accepted(&bytes);
            }
        }
    }
}

#[test]
fn bounds_are_where_the_profile_says() {
    let nested = |depth: usize| [vec![0x81; depth], vec![0xf6]].concat();
    let wide = |len: usize| written(&Item::Array(vec![Item::Null; len]));
    let uint = |value| written(&Item::Uint(value));
    let most = usize::try_from(limits::CBOR_ARRAY).unwrap();
    for bytes in [nested(limits::CBOR_DEPTH), wide(most), uint(limits::INTEGER)] {
        assert_eq!((check(&bytes), judged(&bytes)), (Ok(()), true));
    }
    for bytes in [nested(limits::CBOR_DEPTH + 1), nested(1_000_000), wide(most + 1), uint(limits::INTEGER + 1), uint(u64::MAX)] {
        assert_eq!((check(&bytes), judged(&bytes)), (Err(Fault::Cbor), false));
    }
}
