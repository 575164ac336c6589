//! GS1 identifiers and Digital Link URIs.
