use angzarr_runtime::Row;

#[derive(Row)]
struct OrderRow(String);

fn main() {}
