//! Turns the annotated protos of the suites' model domain into Rust.

fn main() -> angzarr_codegen::BuildResult {
    // The generator's own test of rows; here it is seen to compile, and to do what it says.
    let rows = "../angzarr-codegen/tests/golden/rows/proto";
    angzarr_codegen::Build::new().include("proto").include(rows).compile([
        "bank/v1/accounts.proto",
        "bank/v1/app/accounts.proto",
        "remind/v1/remind.proto",
        "remind/v1/app/remind.proto",
        "rows/v1/app/rows.proto",
        "rows/v1/rows.proto",
        "watch/v1/watch.proto",
        "watch/v1/app/watch.proto",
    ])
}
