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
fn graphs_and_catalogues() {
    let forms: [(&str, Form); 5] = [
        ("graph.mmd", pictures::mermaid),
        ("graph.dot", pictures::dot),
        ("graph.svg", pictures::svg),
        ("graph.html", pictures::html),
        ("catalogue.md", pictures::catalogue),
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

/// What links of a Markdown text lead to, within parentheses.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

#[test]
fn links_of_catalogues_lead_somewhere() {
    for case in ["consumers", "facts", "keywords", "upcasting", "shop", "flights"] {
        let text = pictures::catalogue(&document(case)).unwrap();
        for link in links(&text) {
            let anchor = link.strip_prefix('#').unwrap();
            assert_eq!(text.matches(&format!("<a id=\"{anchor}\">")).count(), 1, "{case}: {link}");
        }
        let files = pictures::catalogue_files(&document(case)).unwrap();
        let of = |name: &str| files.iter().find(|file| file.name == name).unwrap().text.as_str();
        for file in &files {
            for link in links(&file.text) {
                let (name, anchor) = link.split_once('#').unwrap();
                assert_eq!(of(name).matches(&format!("<a id=\"{anchor}\">")).count(), 1, "{case}: {link}");
            }
        }
        assert_eq!(of("README.md").lines().count() - 4, files.len() - 1);
    }
}

/// Comments, and nothing else of a proto, are free text; none of it may end what it stands in.
#[test]
fn comments_are_text() {
    let include = tempfile::tempdir().unwrap();
    let comment = "</script> <b> `a|b` | # \" &amp; {{ json }} *x*";
    let text =
        include_str!("evolution/before.proto").replace("message Paid {", &format!("// {comment}\nmessage Paid {{"));
    fs::write(include.path().join("t.proto"), text).unwrap();
    let files = vec!["t.proto".into()];
    let request = Request { includes: vec![include.path().to_path_buf()], files, ..Request::default() };
    let document = Document::of(&understand(&request).unwrap());
    let page = pictures::html(&document).unwrap();
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(page.contains(r#"\u003c/script> \u003cb> `a|b` | # \" &amp; {{ json }} *x*"#));
    let catalogue = pictures::catalogue(&document).unwrap();
    assert!(catalogue.contains(r#"\</script\> \<b\> `a\|b` \| # " \&amp; {{ json }} \*x\*"#), "{catalogue}");
}
