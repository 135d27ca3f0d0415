//! Turns the annotated protos into Rust.

fn main() -> angzarr_codegen::BuildResult {
    angzarr_codegen::Build::new().include("proto").compile([
        "bench/v1/items.proto",
        "bench/v1/app/items.proto",
        "bench/v1/notes.proto",
        "bench/v1/app/notes.proto",
    ])
}
