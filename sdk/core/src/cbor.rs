//! The CBOR profile of every signed or sealed object: a strict reader and a writer (`specs/cbor.md`, RFC 8949 section 4.2.1).

use crate::fault::Fault;
use crate::limits;

/// The suite of everything made by this build.
pub const SUITE: u64 = 1;

const UINT: u8 = 0;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const NULL: u8 = 0xf6;

/// Checks that `bytes` are exactly one item of the profile. Linear in the input, no allocation, depth at most [`limits::CBOR_DEPTH`].
///
/// # Errors
/// [`Fault::Cbor`].
pub fn check(bytes: &[u8]) -> Result<(), Fault> {
    match check_prefix(bytes)? {
        0 => Ok(()),
        _ => Err(Fault::Cbor),
    }
}

/// Checks that one item of the profile stands at the start of `bytes` and returns how many bytes follow it.
///
/// # Errors
/// [`Fault::Cbor`].
pub fn check_prefix(bytes: &[u8]) -> Result<usize, Fault> {
    let mut reader = Reader { rest: bytes };
    reader.skip(0)?;
    Ok(reader.rest.len())
}

/// Reads the items of one checked input in order. Every method but [`Reader::open`] and [`Reader::open_prefix`] answers [`Fault::Form`] for an item of another
/// kind, length or bound than asked for.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks the whole input, then reads from its start.
    ///
    /// # Errors
    /// [`Fault::Cbor`].
    pub fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        check(bytes)?;
        Ok(Self { rest: bytes })
    }

    /// Opens the outermost array of a file: its name, then the version, then the rest. Returns how many elements the array has, which must lie in `len`.
    ///
    /// # Errors
    /// [`Fault::Form`] above `limit` bytes, then [`Fault::Cbor`], [`Fault::Suite`], [`Fault::Form`].
    pub fn open_file(bytes: &'a [u8], limit: usize, name: &str, version: u64, len: std::ops::RangeInclusive<usize>) -> Result<(Self, usize), Fault> {
        if bytes.len() > limit {
            return Err(Fault::Form);
        }
        let mut reader = Self::open(bytes)?;
        let found = reader.array_in(2..=limits::CBOR_ARRAY as usize)?;
        let mut named = reader.clone();
        reader.pass()?;
        if reader.uint()? != version {
            return Err(Fault::Suite);
        }
        if len.contains(&found) && named.text(0..=limits::FILE_NAME)? == name { Ok((reader, found)) } else { Err(Fault::Form) }
    }

    /// The same for an item that other bytes follow; also returns the item's length in bytes.
    ///
    /// # Errors
    /// [`Fault::Cbor`].
    pub fn open_prefix(bytes: &'a [u8]) -> Result<(Self, usize), Fault> {
        let len = bytes.len().saturating_sub(check_prefix(bytes)?);
        let item = bytes.get(..len).ok_or(Fault::Cbor)?;
        Ok((Self { rest: item }, len))
    }

    /// Opens the outermost array of a structure with `len` elements whose first is the suite.
    ///
    /// # Errors
    /// [`Fault::Suite`] for another suite, else [`Fault::Form`].
    pub fn suite(&mut self, len: u64) -> Result<(), Fault> {
        let found = self.head(ARRAY)?;
        if found == 0 {
            return Err(Fault::Form);
        }
        if self.uint()? != SUITE {
            return Err(Fault::Suite);
        }
        if found != len { Err(Fault::Form) } else { Ok(()) }
    }

    /// Opens an array of exactly `len` elements.
    pub fn array(&mut self, len: u64) -> Result<(), Fault> {
        if self.head(ARRAY)? == len { Ok(()) } else { Err(Fault::Form) }
    }

    /// Opens an array and returns its length, which must lie in `range`.
    pub fn array_in(&mut self, range: std::ops::RangeInclusive<usize>) -> Result<usize, Fault> {
        let len = usize::try_from(self.head(ARRAY)?).map_err(|_| Fault::Form)?;
        if range.contains(&len) { Ok(len) } else { Err(Fault::Form) }
    }

    /// An unsigned integer.
    pub fn uint(&mut self) -> Result<u64, Fault> {
        self.head(UINT)
    }

    /// A byte string of exactly `N` bytes.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        self.bytes(N)?.try_into().map_err(|_| Fault::Form)
    }

    /// A byte string of at most `max` bytes.
    pub fn bytes(&mut self, max: usize) -> Result<&'a [u8], Fault> {
        let len = self.head(BYTES)?;
        self.take(len, max)
    }

    /// A text string of a length in bytes within `range`.
    pub fn text(&mut self, range: std::ops::RangeInclusive<usize>) -> Result<&'a str, Fault> {
        let len = self.head(TEXT)?;
        let bytes = self.take(len, *range.end())?;
        if bytes.len() < *range.start() {
            return Err(Fault::Form);
        }
        std::str::from_utf8(bytes).map_err(|_| Fault::Form)
    }

    /// Passes over one item of any kind.
    pub fn pass(&mut self) -> Result<(), Fault> {
        self.skip(0).map_err(|_| Fault::Form)
    }

    /// Consumes a null if one stands here.
    pub fn null(&mut self) -> bool {
        match self.rest.split_first() {
            Some((&NULL, rest)) => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    fn take(&mut self, len: u64, max: usize) -> Result<&'a [u8], Fault> {
        let len = usize::try_from(len).map_err(|_| Fault::Form)?;
        if len > max {
            return Err(Fault::Form);
        }
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Fault::Form)?;
        self.rest = rest;
        Ok(taken)
    }

    fn head(&mut self, major: u8) -> Result<u64, Fault> {
        let before = self.rest;
        let (found, argument) = self.any_head().map_err(|_| Fault::Form)?;
        if found == major {
            Ok(argument)
        } else {
            self.rest = before;
            Err(Fault::Form)
        }
    }

    /// One head in its shortest form: major type and argument. [`NULL`] is reported as major type 7.
    fn any_head(&mut self) -> Result<(u8, u64), Fault> {
        let (&first, rest) = self.rest.split_first().ok_or(Fault::Cbor)?;
        let width = match first & 0x1f {
            info @ 0..=23 => {
                self.rest = rest;
                return Ok((first >> 5, u64::from(info)));
            }
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(Fault::Cbor),
        };
        let (bytes, rest) = rest.split_at_checked(width).ok_or(Fault::Cbor)?;
        let argument = bytes.iter().fold(0u64, |sum, &byte| (sum << 8) | u64::from(byte));
        let smallest = match width {
            1 => 24,
            2 => 1 << 8,
            4 => 1 << 16,
            _ => 1 << 32,
        };
        if argument < smallest {
            return Err(Fault::Cbor);
        }
        self.rest = rest;
        Ok((first >> 5, argument))
    }

    fn skip(&mut self, depth: usize) -> Result<(), Fault> {
        let start = self.rest;
        let (major, argument) = self.any_head()?;
        match major {
            UINT if argument <= limits::INTEGER => Ok(()),
            BYTES | TEXT => {
                let len = usize::try_from(argument).map_err(|_| Fault::Cbor)?;
                let (taken, rest) = self.rest.split_at_checked(len).ok_or(Fault::Cbor)?;
                self.rest = rest;
                if major == TEXT {
                    std::str::from_utf8(taken).map_err(|_| Fault::Cbor)?;
                }
                Ok(())
            }
            ARRAY if depth < limits::CBOR_DEPTH && argument <= limits::CBOR_ARRAY => {
                for _ in 0..argument {
                    self.skip(depth.saturating_add(1))?;
                }
                Ok(())
            }
            7 if start.first() == Some(&NULL) => Ok(()),
            _ => Err(Fault::Cbor),
        }
    }
}

/// Writes items of the profile. What it writes is canonical; lengths and integers are the caller's to keep within bounds.
#[derive(Clone, Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// An empty writer with room for `capacity` bytes.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity) }
    }

    /// Starts a structure: an array of `len` elements, of which the suite is written.
    pub fn structure(len: usize) -> Self {
        let mut writer = Self::with_capacity(256);
        writer.array(len).uint(SUITE);
        writer
    }

    /// Head of an array of `len` elements.
    pub fn array(&mut self, len: usize) -> &mut Self {
        self.head(ARRAY, len as u64)
    }

    /// An unsigned integer, at most [`limits::INTEGER`].
    pub fn uint(&mut self, value: u64) -> &mut Self {
        self.head(UINT, value)
    }

    /// A byte string.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.head(BYTES, bytes.len() as u64).raw(bytes)
    }

    /// A text string.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.head(TEXT, text.len() as u64).raw(text.as_bytes())
    }

    /// Null.
    pub fn null(&mut self) -> &mut Self {
        self.raw(&[NULL])
    }

    /// Bytes that are already encoded.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// The bytes written.
    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn head(&mut self, major: u8, argument: u64) -> &mut Self {
        let major = major << 5;
        let wide = argument.to_be_bytes();
        match argument {
            0..=23 => self.raw(&[major | wide[7]]),
            24..=0xff => self.raw(&[major | 24, wide[7]]),
            0x100..=0xffff => self.raw(&[major | 25]).raw(&wide[6..]),
            0x1_0000..=0xffff_ffff => self.raw(&[major | 26]).raw(&wide[4..]),
            _ => self.raw(&[major | 27]).raw(&wide),
        }
    }
}
