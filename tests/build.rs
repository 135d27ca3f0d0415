//! Turns the annotated protos of the suites' model domain into Rust.

fn main() -> angzarr_codegen::BuildResult {
    angzarr_codegen::Build::new().include("proto").compile([
        "bank/v1/accounts.proto",
        "bank/v1/app/accounts.proto",
        "remind/v1/remind.proto",
        "remind/v1/app/remind.proto",
        "watch/v1/watch.proto",
        "watch/v1/app/watch.proto",
    ])
}
