//! The pages of `docs/diagnostics`: there is one for each code, and what they show is so.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands; helpers are not exempt by themselves")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// The file that the examples rest on.
fn shop() -> String {
    let readme = fs::read_to_string(folder().join("README.md")).unwrap();
    block(&readme, "The examples", "proto").unwrap().to_owned()
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The files of an example: those that it names in comments, or one beside the shop.
fn files(example: &str) -> Vec<(String, String)> {
    if !example.starts_with("// shop/") {
        let imports = ["shop/v1/shop.proto", "angzarr/v1/options.proto", "google/protobuf/empty.proto"];
        let imports: String = imports.iter().map(|import| format!("import \"{import}\";\n")).collect();
        let text = format!("syntax = \"proto3\";\npackage shop.v1.app;\n{imports}{example}");
        return vec![("shop/v1/shop.proto".to_owned(), shop()), ("shop/v1/app/example.proto".to_owned(), text)];
    }
    let parts = example.split("// shop/").skip(1).map(|part| part.split_once('\n').unwrap());
    parts.map(|(name, text)| (format!("shop/{name}"), format!("syntax = \"proto3\";\n{text}"))).collect()
}

/// The codes that protos lead to.
fn found(example: &str) -> Vec<String> {
    let include = tempfile::tempdir().unwrap();
    let files = files(example);
    files.iter().for_each(|(name, text)| write(include.path(), name, text));
    let files = files.into_iter().map(|(name, _)| name.into()).collect();
    let request = Request { includes: vec![include.path().to_path_buf()], files, ..Request::default() };
    let (Ok(reports) | Err(reports)) = generate(&request).map(|generated| generated.warnings);
    reports.iter().map(|report| report.code.to_owned()).collect()
}

/// The codes that commands of a shell lead to, in a folder with the shop's protos and perhaps a project file.
fn told(commands: &str, project: Option<&str>) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    write(place.path(), "proto/shop/v1/shop.proto", &shop());
    project.into_iter().for_each(|text| write(place.path(), "angzarr.yaml", text));
    let program = Path::new(env!("CARGO_BIN_EXE_angzarr")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let output =
        Command::new("sh").args(["-c", commands]).current_dir(place.path()).env("PATH", path).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let codes = codes::ALL.iter().filter(|code| text.contains(code.id));
    let codes: Vec<String> = codes.map(|code| code.id.to_owned()).collect();
    assert!(!codes.is_empty() || output.status.success(), "{commands}\n{text}");
    codes
}

/// The codes that the example behind a heading leads to, if the page has one that can be run here.
fn tried(page: &str, heading: &str) -> Option<Vec<String>> {
    let protos = || block(page, heading, "proto").map(found);
    let commands = || block(page, heading, "sh").map(|commands| told(commands, None));
    let project = || block(page, heading, "yaml").map(|project| told("angzarr ir > ir.json", Some(project)));
    protos().or_else(commands).or_else(project)
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
    // Of attributes, which the derives try; of what no input can cause; and of what a later version knows.
    let elsewhere = [codes::BAD_ATTRIBUTE, codes::INTERNAL, codes::LATER_OPTION];
    for one in explain::all().filter(|one| !elsewhere.contains(&one.code)) {
        // What changes that break a log look like is tried together with them.
        if one.page.contains("\n## Before\n") {
            continue;
        }
        let wrong = tried(one.page, "Wrong");
        assert!(wrong.iter().flatten().any(|code| code == one.code.id), "{}: it gives {wrong:?}", one.code.id);
        assert_eq!(tried(one.page, "Right"), Some(Vec::new()), "{}: the right example", one.code.id);
    }
}
