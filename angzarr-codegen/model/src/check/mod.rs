//! The rules. One file a family; each looks at finished data and reports everything it finds.

mod component;

pub use component::component;
