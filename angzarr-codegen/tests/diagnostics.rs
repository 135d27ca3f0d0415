//! What a user reads about mistakes: for every `tests/diagnostics/<case>.proto` the exact text in `<case>.txt`.
//!
//! A difference rewrites the text and fails, so that `git diff` is the review. Cases are named after the code they are
//! about; those called `fine_…` have nothing to say.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands; helpers are not exempt by themselves")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use angzarr_codegen::{Request, generate};
use angzarr_model::codes;
use proptest::prelude::*;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics")
}

fn cases() -> BTreeSet<String> {
    let entries = fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().path());
    let protos = entries.filter(|path| path.extension().is_some_and(|extension| extension == "proto"));
    protos.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

/// What a run over one file says, as the command prints it.
fn findings(include: &Path, file: &str) -> String {
    let request = Request { includes: vec![include.to_path_buf()], files: vec![file.into()], ..Request::default() };
    let reports = match generate(&request) {
        Ok(generated) => generated.warnings,
        Err(reports) => reports,
    };
    reports.iter().map(|report| format!("{report}\n")).collect()
}

#[test]
fn texts() {
    let mut changed = Vec::new();
    for case in cases() {
        let actual = findings(&directory(), &format!("{case}.proto"));
        let text = directory().join(format!("{case}.txt"));
        if fs::read_to_string(&text).unwrap_or_default() != actual {
            fs::write(&text, actual).unwrap();
            changed.push(case);
        }
    }
    assert!(changed.is_empty(), "texts of {changed:?} changed; they were rewritten, review them with `git diff`");
}

#[test]
fn every_code_that_protos_can_cause_has_a_case() {
    // About the attributes of derives, mistakes of the generator itself, and what is asked besides the protos.
    let elsewhere = [codes::BAD_ATTRIBUTE.id, codes::INTERNAL.id, codes::BAD_EXTERN.id];
    // `AZ06…` compares with what was before; see `evolution/edits.rs`.
    let here = |id: &str| !elsewhere.contains(&id) && !id.starts_with("AZ06");
    for code in codes::ALL.iter().filter(|code| here(code.id)) {
        let prefix = code.id.to_lowercase();
        let told = cases().iter().filter(|case| case.starts_with(&prefix)).any(|case| {
            findings(&directory(), &format!("{case}.proto")).contains(&format!("{}[{}]: ", code.severity, code.id))
        });
        assert!(told, "no case named {prefix}_… leads to {}", code.id);
    }
}

#[test]
fn cases_without_mistakes_are_silent() {
    for case in cases().iter().filter(|case| case.starts_with("fine_")) {
        assert_eq!(findings(&directory(), &format!("{case}.proto")), "");
    }
}

#[test]
fn a_file_that_does_not_exist() {
    assert_eq!(
        findings(&directory(), "nowhere.proto"),
        "error[AZ0002]: file 'nowhere.proto' is not in any include path\n  --> nowhere.proto\n  \
         help: name files relative to a directory given with -I\n"
    );
}

#[test]
fn a_directory_is_no_file() {
    let text = findings(&directory(), "shop");
    assert!(text.starts_with("error[AZ0001]: "), "{text}");
}

/// A proto that uses every annotation, to be broken at random.
const WHOLE: &str = include_str!("golden/consumers/proto/shop/orders/v1/app/orders.proto");

/// The older syntax, with everything that the message generator treats differently.
const OLDER: &str = r#"syntax = "proto2";
package older;
import "google/protobuf/any.proto";
import "google/protobuf/wrappers.proto";
message Older {
  required string a = 1 [default = "a\"\\b"];
  optional bytes b = 2 [default = "\000\xff\n'"];
  optional double c = 3 [default = -inf];
  optional Colour d = 4 [default = COLOUR_BLUE];
  repeated group Part = 5 { optional int32 x = 1; extensions 100 to 199; }
  map<int32, Older> e = 6;
  oneof f { Older g = 7; google.protobuf.Any h = 8; string i = 9; }
  optional google.protobuf.StringValue j = 10 [deprecated = true];
  extensions 100 to max;
  reserved 20, 30 to 40;
  enum Colour { option allow_alias = true; COLOUR_RED = 0; COLOUR_BLUE = 1; BLAU = 1; }
  message Inner { message Inner { optional Older up = 1; } optional Inner in = 1; }
}
extend Older { optional string extra = 100; }
service Old { rpc Go(Older) returns (stream Older.Inner.Inner); }
"#;

/// Words that turn one valid construct into another, more often than random bytes would.
const WORDS: [&str; 28] = [
    "stream ",
    "repeated ",
    "optional ",
    "OrderPlaced",
    "OrderHeld",
    "StockCommand",
    "oneof x {",
    "}",
    "{",
    "saga = {}",
    "kind: FACT",
    "kind: COMPENSATION",
    "kind: QUERY",
    "kind: DEADLINE",
    "delivery: { attempts: 0 timeout: { seconds: -9223372036854775808 } }",
    "idempotency_key: true",
    "\"Order\"",
    "\"customer.id\"",
    "key: \"\"",
    "starts: true",
    "\"\"",
    ";",
    "enum E { A = 0; }",
    "message M { M m = 1; }",
    "(angzarr.v1.field).root = true",
    "map<string, Order>",
    ".shop",
    "group",
];

fn mutated(whole: &'static str) -> impl Strategy<Value = String> {
    let edit = (any::<prop::sample::Index>(), 0..40_usize, prop::sample::select(WORDS.to_vec()));
    prop::collection::vec(edit, 1..6).prop_map(move |edits| {
        let mut text = whole.to_owned();
        for (at, cut, word) in edits {
            let start = at.index(text.len() + 1);
            let end = (start + cut).min(text.len());
            text.replace_range(start..end, word);
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_broken_proto_makes_it_panic(text in prop_oneof![mutated(WHOLE), mutated(OLDER)]) {
        let include = tempfile::tempdir().unwrap();
        fs::write(include.path().join("broken.proto"), text).unwrap();
        let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/consumers/proto");
        let request = Request {
            includes: vec![include.path().to_path_buf(), shared],
            files: vec!["broken.proto".into(), "shop/orders/v1/orders.proto".into()],
            with: vec!["shop/stock/v1/app/stock.proto".into()],
            ..Request::default()
        };
        if let Err(reports) = generate(&request) {
            prop_assert!(!reports.is_empty());
            prop_assert!(reports.iter().all(|report| report.code != codes::INTERNAL.id), "{reports:?}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let include = tempfile::tempdir().unwrap();
        fs::write(include.path().join("broken.proto"), bytes).unwrap();
        let text = findings(include.path(), "broken.proto");
        prop_assert!(!text.contains(codes::INTERNAL.id), "{}", text);
    }
}

#[test]
fn the_older_syntax() {
    let include = tempfile::tempdir().unwrap();
    fs::write(include.path().join("older.proto"), OLDER).unwrap();
    assert_eq!(findings(include.path(), "older.proto"), "");
}

/// Packages that become one module, and a package that becomes the module of a message; each needs a second file.
#[test]
fn modules_that_clash() {
    let include = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(include.path().join(name), text).unwrap();
    write("a.proto", "syntax = \"proto3\";\npackage t.fooBar;\nmessage A {}\n");
    write("b.proto", "syntax = \"proto3\";\npackage t.foo_bar;\nmessage B {}\n");
    write("c.proto", "syntax = \"proto3\";\npackage t;\nmessage FooBar { message Inner {} }\n");
    let files = ["a.proto", "b.proto", "c.proto"].map(Into::into).to_vec();
    let request = Request { includes: vec![include.path().to_path_buf()], files, ..Request::default() };
    let reports: Vec<String> = generate(&request).unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(
        reports,
        [
            "error[AZ0005]: `t.FooBar` and `t.fooBar` are both the module `foo_bar` in Rust\n  --> a.proto:2:1\n  \
             help: rename one of them",
            "error[AZ0005]: `t.FooBar` and `t.foo_bar` are both the module `foo_bar` in Rust\n  --> b.proto:2:1\n  \
             help: rename one of them",
        ]
    );
}

#[test]
fn packages_mapped_to_nothing() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/consumers/proto");
    let mapped = [
        ("shop", "::elsewhere"),
        ("not a package", "::elsewhere"),
        ("google.protobuf", "::elsewhere"),
        ("other.v1", "super::other"),
        ("other.v2", "::other<T>"),
        ("other.v3", "::other::v3"),
    ];
    let request = Request {
        includes: vec![golden],
        files: vec!["shop/stock/v1/stock.proto".into()],
        extern_paths: mapped.map(|(package, path)| (package.to_owned(), path.to_owned())).into(),
        ..Request::default()
    };
    let reports = generate(&request).unwrap_err();
    assert!(reports.iter().all(|report| report.code == codes::BAD_EXTERN.id));
    let messages: Vec<&str> = reports.iter().map(|report| report.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "`google.protobuf` is no package of yours",
            "`not a package` is no package of yours",
            "`super::other` is not an absolute path of a Rust module",
            "`::other<T>` is not an absolute path of a Rust module",
            "`shop` is generated by this run",
        ]
    );
}

#[test]
fn a_build_script_prints_findings_readably() {
    let reports = vec![angzarr_codegen::Report {
        severity: codes::NO_ROOT.severity,
        code: codes::NO_ROOT.id,
        message: "command `t.v1.Do` has no root".to_owned(),
        place: Some(angzarr_codegen::Place { file: "t.proto".to_owned(), line: 7, column: 9 }),
        help: codes::NO_ROOT.help.to_owned(),
    }];
    assert_eq!(
        format!("{:?}", angzarr_codegen::BuildError::Findings(reports)),
        "\nerror[AZ0301]: command `t.v1.Do` has no root\n  --> t.proto:7:9\n  \
         help: mark one field with `[(angzarr.v1.field).root = true]`\n"
    );
}
