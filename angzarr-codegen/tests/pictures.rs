//! What is shown of protos: `tests/pictures/<case>` holds each form, for the shop and for a golden model.
//!
//! A difference rewrites the file and fails, so that `git diff` is the review.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands; helpers are not exempt by themselves")]

use std::fs;
use std::path::{Path, PathBuf};

use angzarr_codegen::pictures;
use angzarr_codegen::pictures::document::Document;
use angzarr_codegen::{Request, understand};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directories of protos that pictures are taken of.
fn include(case: &str) -> PathBuf {
    match case {
        "shop" | "flights" => here().join("../examples").join(case).join("proto"),
        golden => here().join("tests/golden").join(golden).join("proto"),
    }
}

/// Names of all protos below a directory, relative to it.
fn protos(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                files.push(path.strip_prefix(directory).unwrap().to_path_buf());
            }
        }
    }
    files.sort();
    files
}

fn document(case: &str) -> Document {
    let include = include(case);
    let request = Request { files: protos(&include), includes: vec![include], ..Request::default() };
    Document::of(&understand(&request).unwrap())
}

/// Compares texts with files of this package, and writes those that differ.
fn golden(texts: impl IntoIterator<Item = (String, String)>) {
    let mut changed = Vec::new();
    for (name, actual) in texts {
        let path = here().join(&name);
        if fs::read_to_string(&path).unwrap_or_default() != actual {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, actual).unwrap();
            changed.push(name);
        }
    }
    assert!(changed.is_empty(), "{changed:?} changed and were rewritten; review them with `git diff`");
}

const GOLDEN: [&str; 2] = ["shop", "consumers"];

#[test]
fn ir() {
    golden(
        GOLDEN.map(|case| (format!("tests/pictures/{case}/ir.json"), pictures::json(&document(case)).unwrap() + "\n")),
    );
}

/// One way to print a document.
type Form = fn(&Document) -> Result<String, Vec<angzarr_codegen::Report>>;

#[test]
fn graphs() {
    let forms: [(&str, Form); 4] = [
        ("graph.mmd", pictures::mermaid),
        ("graph.dot", pictures::dot),
        ("graph.svg", pictures::svg),
        ("graph.html", pictures::html),
    ];
    let text = |case: &str, (file, form): (&str, Form)| {
        (format!("tests/pictures/{case}/{file}"), form(&document(case)).unwrap())
    };
    golden(GOLDEN.iter().flat_map(|case| forms.map(|form| text(case, form))));
}

#[test]
fn the_schema_is_the_published_one() {
    golden([("../docs/ir.schema.json".to_owned(), pictures::schema().unwrap() + "\n")]);
}

#[test]
fn every_document_follows_the_schema() {
    let mut schemas = boon::Schemas::new();
    let mut compiler = boon::Compiler::new();
    let schema = serde_json::from_str(&pictures::schema().unwrap()).unwrap();
    compiler.add_resource("ir.schema.json", schema).unwrap();
    let index = compiler.compile("ir.schema.json", &mut schemas).unwrap();
    for case in ["aggregate", "consumers", "facts", "upcasting", "keywords", "rows", "with", "shop", "flights"] {
        let value = serde_json::from_str(&pictures::json(&document(case)).unwrap()).unwrap();
        let verdict = schemas.validate(&value, index);
        assert!(verdict.is_ok(), "{case}: {:#}", verdict.unwrap_err());
    }
    let broken = serde_json::json!({ "format": 1, "domains": [{ "name": 7 }] });
    assert!(schemas.validate(&broken, index).is_err(), "the schema accepts anything");
}
