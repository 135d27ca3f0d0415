//! Turns the annotated protos of the suites into Rust: model domains, and what the tests add to the shop.

fn main() -> angzarr_codegen::BuildResult {
    // The generator's own tests of rows and of odd names; here they are seen to compile, and rows to do what they say.
    let rows = "../angzarr-codegen/tests/golden/rows/proto";
    let odd = "../angzarr-codegen/tests/golden/odd/proto";
    angzarr_codegen::Build::new()
        .include("proto")
        .include(rows)
        .include(odd)
        .include("../examples/shop/proto")
        .include("tck/proto")
        .with([
            "shop/orders/v1/app/orders.proto",
            "shop/stock/v1/app/stock.proto",
            "shop/payments/v1/app/payments.proto",
        ])
        .extern_path("shop.orders.v1", "::shop::orders::v1")
        .extern_path("shop.stock.v1", "::shop::stock::v1")
        .extern_path("shop.payments.v1", "::shop::payments::v1")
        .compile([
            "bank/v1/accounts.proto",
            "bank/v1/app/accounts.proto",
            "enquiries/v1/enquiries.proto",
            "enquiries/v1/app/enquiries.proto",
            "odd/no_package.proto",
            "odd/older.proto",
            "odd/std/core/prost/v1/app/names.proto",
            "odd/std/core/prost/v1/names.proto",
            "remind/v1/remind.proto",
            "remind/v1/app/remind.proto",
            "rows/v1/app/rows.proto",
            "rows/v1/rows.proto",
            "shelves/v1/shelves.proto",
            "shelves/v1/app/shelves.proto",
            "takings/v1/app/takings.proto",
            "tck/v1/app/processes.proto",
            "tck/v1/app/scripts.proto",
            "tck/v1/app/targets.proto",
            "tck/v1/app/versions.proto",
            "tck/v1/processes.proto",
            "tck/v1/script.proto",
            "tck/v1/scripts.proto",
            "tck/v1/targets.proto",
            "tck/v1/versions.proto",
            "watch/v1/watch.proto",
            "watch/v1/app/watch.proto",
        ])
}
