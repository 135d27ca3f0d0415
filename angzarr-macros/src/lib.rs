//! angzarr-macros
