//! angzarr-codegen
