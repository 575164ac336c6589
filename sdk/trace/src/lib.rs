//! GS1 identifiers and Digital Link URIs: what a record, a printed code and an EPCIS event call the same thing by.
//!
//! The formats are written down in `specs/trace.md`; `specs/vectors/trace` holds their test vectors.
//! Everything here is a function of the string it is given.
//!
//! ```
//! use suyuan_trace::{DigitalLink, subject};
//!
//! let scanned = DigitalLink::parse("https://trace.example.cn/s/01/6901234567892/10/L20261120?17=270301")?;
//! assert_eq!(scanned.canonical(), "https://id.gs1.org/01/06901234567892/10/L20261120");
//! assert_eq!(scanned.attribute("17"), Some("270301"));
//!
//! let in_an_event = subject("urn:epc:class:lgtin:690123.0456789.L20261120")?;
//! assert_eq!(in_an_event, scanned.subject());
//! # Ok::<(), suyuan_trace::IdentifierError>(())
//! ```

mod check_digit;
mod digital_link;
mod encoding;
mod error;
mod format;
mod keys;
mod path;
mod product_page;
mod query;
mod rules;
mod subject;
mod urn;

pub use check_digit::check_digit;
pub use digital_link::{DigitalLink, Element, MAX_URI_BYTES};
pub use error::IdentifierError;
pub use keys::{Gln, Gtin, Lot, Serial, Sscc};
pub use product_page::ProductPage;
pub use query::MAX_PARAMETERS;
pub use subject::{Subject, subject};
