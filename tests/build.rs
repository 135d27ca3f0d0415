//! Turns the annotated protos of the suites into Rust: a model domain, and a view of the shop.

fn main() -> angzarr_codegen::BuildResult {
    angzarr_codegen::Build::new()
        .include("proto")
        .include("../examples/shop/proto")
        .with(["shop/stock/v1/stock.proto", "shop/stock/v1/app/stock.proto"])
        .extern_path("shop.stock.v1", "::shop::stock::v1")
        .compile([
            "bank/v1/accounts.proto",
            "bank/v1/app/accounts.proto",
            "watch/v1/watch.proto",
            "watch/v1/app/watch.proto",
            "shelves/v1/shelves.proto",
            "shelves/v1/app/shelves.proto",
        ])
}
