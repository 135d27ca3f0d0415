//! The tutorial shows what the sources say, and prints what the program prints.
#![expect(clippy::unwrap_used, reason = "in a helper of a test, a panic is how the test fails")]

use std::fs;
use std::path::Path;

use angzarr_runtime::{Storage, testing};
use shop::components::{OrderBook, PriceList};
use shop::orders::v1::{ConfirmOrder, OrderConfirmed, OrderPlacedV2, VoucherEarned};
use shop::{components, demo, report};

const README: &str = include_str!("../README.md");

/// Language and lines of each fenced block.
fn blocks() -> Vec<(&'static str, Vec<&'static str>)> {
    let mut blocks = Vec::new();
    let mut lines = README.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            blocks.push((language, lines.by_ref().take_while(|line| *line != "```").collect()));
        }
    }
    blocks
}

/// All text of the example's protos and Rust files.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "proto") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// Whether the lines stand in the text one after the other, wherever they are indented to.
fn contains(text: &str, lines: &[&str]) -> bool {
    let text: Vec<&str> = text.lines().map(str::trim).collect();
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    text.windows(lines.len()).any(|window| window == lines)
}

#[test]
fn every_snippet_stands_in_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut texts = vec![fs::read_to_string(root.join("build.rs")).unwrap()];
    ["proto", "src", "tests"].iter().for_each(|folder| sources(&root.join(folder), &mut texts));
    let snippets: Vec<_> = blocks().into_iter().filter(|(language, _)| ["rust", "proto"].contains(language)).collect();
    assert!(snippets.len() > 10, "only {} snippets found", snippets.len());
    for (_, lines) in snippets {
        assert!(!lines.is_empty(), "an empty snippet");
        assert!(texts.iter().any(|text| contains(text, &lines)), "not in the sources:\n{}", lines.join("\n"));
    }
}

#[tokio::test]
async fn the_tables_are_those_of_the_program() {
    let app = components::shop(Storage::Memory).start().await.unwrap();
    demo::day(&app).await.unwrap();
    for table in [report::orders(&app).await.unwrap(), report::history(&app, "1001").await.unwrap()] {
        assert!(README.contains(&table.to_string()), "not in README.md:\n{table}");
    }
}

#[test]
fn the_diff_is_that_of_the_kit() {
    let order_id = || "1".to_owned();
    let failure = std::panic::catch_unwind(|| {
        testing::aggregate(OrderBook { prices: PriceList::new(), voucher_from_cents: 10_000 })
            .given(OrderPlacedV2 { order_id: order_id(), total_cents: 9_000, ..Default::default() })
            .when(ConfirmOrder { order_id: order_id() })
            .then_events((OrderConfirmed { order_id: order_id() }, VoucherEarned { order_id: order_id(), cents: 675 }));
    });
    let failure = failure.unwrap_err().downcast::<String>().unwrap();
    assert!(README.contains(&*failure), "not in README.md:\n{failure}");
}
