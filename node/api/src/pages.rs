//! The console of a node's operator, and what all pages have in common: words, display of fields, assets, and headers.

pub(crate) mod answer;
pub(crate) mod assets;
pub(crate) mod display;
pub(crate) mod text;
pub(crate) mod words;

#[cfg(test)]
mod vectors;
