//! Back ends, one folder a language: a checked model in, texts of files out.

pub(crate) mod python;
pub(crate) mod rust;
