//! angzarr-runtime
