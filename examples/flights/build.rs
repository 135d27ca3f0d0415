//! Turns the annotated protos into Rust.

fn main() -> angzarr_codegen::BuildResult {
    angzarr_codegen::Build::new().include("proto").compile([
        "flights/v1/flights.proto",
        "flights/v1/boards.proto",
        "flights/v1/app/flights.proto",
        "aircraft/v1/aircraft.proto",
        "aircraft/v1/app/aircraft.proto",
        "operations/v1/operations.proto",
        "operations/v1/app/operations.proto",
        "disruptions/v1/disruptions.proto",
        "disruptions/v1/app/disruptions.proto",
    ])
}
