//! Turns the annotated protos into Rust.

fn main() -> angzarr_codegen::BuildResult {
    angzarr_codegen::Build::new().include("proto").compile([
        "shop/orders/v1/orders.proto",
        "shop/orders/v1/app/orders.proto",
        "shop/stock/v1/stock.proto",
        "shop/stock/v1/app/stock.proto",
        "shop/payments/v1/payments.proto",
        "shop/payments/v1/app/payments.proto",
        "shop/checkout/v1/checkout.proto",
        "shop/checkout/v1/app/checkout.proto",
    ])
}
