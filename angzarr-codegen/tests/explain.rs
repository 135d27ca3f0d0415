//! The pages of `docs/diagnostics`: there is one for each code, and what they show is so.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands; helpers are not exempt by themselves")]

use std::fs;
use std::path::{Path, PathBuf};

use angzarr_codegen::model::codes;
use angzarr_codegen::{Request, explain, generate};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("diagnostics")
}

/// The code block behind a heading, if it is in a language.
fn block<'a>(page: &'a str, heading: &str, language: &str) -> Option<&'a str> {
    let (_, section) = page.split_once(&format!("\n## {heading}\n"))?;
    let (_, block) = section.split_once(&format!("```{language}\n"))?;
    block.split_once("```").map(|(block, _)| block)
}

/// The codes that an example of a page leads to.
fn found(example: &str) -> Vec<&'static str> {
    let include = tempfile::tempdir().unwrap();
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    let shop = block(&readme, "The examples", "proto").unwrap();
    let imports = ["shop/v1/shop.proto", "angzarr/v1/options.proto", "google/protobuf/empty.proto"];
    let imports: String = imports.iter().map(|import| format!("import \"{import}\";\n")).collect();
    fs::create_dir_all(include.path().join("shop/v1/app")).unwrap();
    fs::write(include.path().join("shop/v1/shop.proto"), shop).unwrap();
    let text = format!("syntax = \"proto3\";\npackage shop.v1.app;\n{imports}{example}");
    fs::write(include.path().join("shop/v1/app/example.proto"), text).unwrap();
    let files = ["shop/v1/shop.proto", "shop/v1/app/example.proto"].map(Into::into).to_vec();
    let request = Request { includes: vec![include.path().to_path_buf()], files, ..Request::default() };
    let (Ok(reports) | Err(reports)) = generate(&request).map(|generated| generated.warnings);
    reports.iter().map(|report| report.code).collect()
}

#[test]
fn every_code_has_a_page_and_every_page_a_code() {
    let codes: Vec<&str> = codes::ALL.iter().map(|code| code.id).collect();
    assert_eq!(explain::all().map(|one| one.code.id).collect::<Vec<_>>(), codes);
    let mut pages: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "README")
        .collect();
    pages.sort();
    assert_eq!(pages, codes);
    for one in explain::all() {
        assert!(one.page.starts_with(&format!("# {}: {}\n\n", one.code.id, one.title())), "{}", one.code.id);
        for heading in ["Why", "What to do"] {
            assert!(one.page.contains(&format!("\n## {heading}\n\n")), "{} lacks {heading}", one.code.id);
        }
    }
}

#[test]
fn wrong_examples_give_their_code_and_right_ones_nothing() {
    let mut examples = 0;
    for one in explain::all() {
        let Some(wrong) = block(one.page, "Wrong", "proto") else { continue };
        let right = block(one.page, "Right", "proto").unwrap();
        assert!(found(wrong).contains(&one.code.id), "{}: the wrong example gives {:?}", one.code.id, found(wrong));
        assert_eq!(found(right), [""; 0], "{}: the right example", one.code.id);
        examples += 1;
    }
    assert!(examples > 35, "only {examples} pages have an example that was tried");
}
