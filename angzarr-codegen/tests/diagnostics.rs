//! What a user reads about mistakes: for every `tests/diagnostics/<case>.proto` the exact text in `<case>.txt`.
//!
//! A difference rewrites the text and fails, so that `git diff` is the review. Cases are named after the code they are
//! about; those called `fine_…` have nothing to say.

#![expect(clippy::unwrap_used, reason = "a test may stop where it stands; helpers are not exempt by themselves")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use angzarr_codegen::{Place, Report, Request, generate};
use angzarr_model::codes;

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
    texts_of(include, &reports).iter().map(|text| format!("{text}\n")).collect()
}

/// Places begin with the include directory, which is another one on each machine.
fn texts_of(include: &Path, reports: &[Report]) -> Vec<String> {
    reports.iter().map(|report| report.to_string().replace(&format!("{}/", include.display()), "")).collect()
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
    // About the attributes of derives, mistakes of the generator itself, what is asked besides the protos, what other
    // compilers know, and files that are none.
    let elsewhere = [
        codes::BAD_ATTRIBUTE.id,
        codes::INTERNAL.id,
        codes::BAD_EXTERN.id,
        codes::LATER_OPTION.id,
        codes::UNREADABLE_FILE.id,
    ];
    // `AZ06…` compares with what was before, `AZ07…` is about project files; see `evolution/`, `project.rs` and `ownership.rs`.
    let here = |id: &str| !elsewhere.contains(&id) && !id.starts_with("AZ06") && !id.starts_with("AZ07");
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
        "error[AZ0002]: file 'nowhere.proto' is not in any include path\n--> nowhere.proto\n \
         = help: name files relative to a directory given with -I\n"
    );
}

/// Whoever writes lines of that length has no use for a picture of them.
#[test]
fn a_line_that_is_too_long_is_not_shown() {
    let include = tempfile::tempdir().unwrap();
    let text = format!("syntax = \"proto3\"; /* {} */ message A {{ B b = 1; }}\n", "long ".repeat(20_000));
    fs::write(include.path().join("long.proto"), text).unwrap();
    assert_eq!(
        findings(include.path(), "long.proto"),
        "error[AZ0001]: name 'B' is not defined\n--> long.proto:1:100039\n = help: mend the proto first; any protobuf \
         compiler will report the same\n"
    );
}

#[test]
fn a_directory_is_no_file() {
    let text = findings(&directory(), "shop");
    assert!(text.starts_with("error[AZ0009]: "), "{text}");
    assert!(text.ends_with("= help: name a file that can be read\n"), "{text}");
}

/// protoc takes it, too.
#[test]
fn a_byte_order_mark_is_no_part_of_a_file() {
    let include = tempfile::tempdir().unwrap();
    fs::write(include.path().join("a.proto"), "\u{feff}syntax = \"proto3\"; message A { B b = 1; }\n").unwrap();
    let text = findings(include.path(), "a.proto");
    assert!(text.starts_with("error[AZ0001]: name 'B' is not defined\n --> a.proto:1:32\n"), "{text}");
    fs::write(include.path().join("a.proto"), "\u{feff}syntax = \"proto3\"; message A {}\n").unwrap();
    assert_eq!(findings(include.path(), "a.proto"), "");
}

#[test]
fn a_file_that_declares_another_one_again_is_one_mistake() {
    let include = tempfile::tempdir().unwrap();
    let text = "syntax = \"proto3\";\npackage t;\nmessage A { map<string, B> all = 1; }\nmessage B { message C {} }\n";
    fs::write(include.path().join("a.proto"), text).unwrap();
    fs::write(include.path().join("b.proto"), text).unwrap();
    let files = ["a.proto", "b.proto"].map(Into::into).to_vec();
    let request = Request { includes: vec![include.path().to_path_buf()], files, ..Request::default() };
    let reports = texts_of(include.path(), &generate(&request).unwrap_err());
    assert_eq!(
        reports,
        [r"error[AZ0001]: name 't.A' is already defined in file 'a.proto'
 --> b.proto:3:9
  |
3 | message A { map<string, B> all = 1; }
  |         ^
4 | message B { message C {} }
  |         - this, too
  |
  = help: rename it, or leave out this file or `a.proto`"]
    );
}

#[test]
fn an_include_directory_that_is_not_there() {
    let include = directory().join("nowhere");
    let text = findings(&include, "a.proto");
    let message = format!("error[AZ0002]: there is no include directory `{}`\n", include.display());
    assert!(text.starts_with(&message), "{text}");
    assert_eq!(text.matches("error[").count(), 1, "{text}");
}

/// The older syntax, with everything that the message generator treats differently.
const OLDER: &str = include_str!("fuzz/protos/older.proto");

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
    let reports = texts_of(include.path(), &generate(&request).unwrap_err());
    assert_eq!(
        reports,
        [
            r"error[AZ0005]: `t.FooBar` and `t.fooBar` are both the module `foo_bar` in Rust
 --> a.proto:2:1
  |
2 | package t.fooBar;
  | ^^^^^^^^^^^^^^^^^
  |
 ::: c.proto:3:9
  |
3 | message FooBar { message Inner {} }
  |         ------ `t.FooBar` has that name already
  |
  = help: rename one of them",
            r"error[AZ0005]: `t.FooBar` and `t.foo_bar` are both the module `foo_bar` in Rust
 --> b.proto:2:1
  |
2 | package t.foo_bar;
  | ^^^^^^^^^^^^^^^^^^
  |
 ::: c.proto:3:9
  |
3 | message FooBar { message Inner {} }
  |         ------ `t.FooBar` has that name already
  |
  = help: rename one of them",
        ]
    );
}

/// What one file gets wrong does not hide what is wrong with another.
#[test]
fn a_file_that_does_not_parse_does_not_hide_the_others() {
    let include = tempfile::tempdir().unwrap();
    for case in ["az0001_syntax", "az0102_domain"] {
        fs::copy(directory().join(format!("{case}.proto")), include.path().join(format!("{case}.proto"))).unwrap();
    }
    let files = ["az0001_syntax.proto", "nowhere.proto", "az0102_domain.proto"].map(Into::into).to_vec();
    let request = Request { includes: vec![include.path().to_path_buf()], files, ..Request::default() };
    let reports = generate(&request).unwrap_err();
    let codes: Vec<&str> = reports.iter().map(|report| report.code).collect();
    assert_eq!(codes, ["AZ0001", "AZ0102", "AZ0102", "AZ0002"]);
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
            "`::other<T>` is not an absolute path of a Rust module",
            "`google.protobuf` is no package of yours",
            "`not a package` is no package of yours",
            "`shop` is generated by this run",
            "`super::other` is not an absolute path of a Rust module",
        ]
    );
}

#[test]
fn a_build_script_prints_findings_readably() {
    let place = Place { line: 7, column: 9, end_line: 7, end_column: 11, ..Place::file("t.proto") };
    let reports = vec![Report::of(codes::NO_ROOT, "command `t.v1.Do` has no root").at(place)];
    assert_eq!(
        format!("{:?}", angzarr_codegen::BuildError::Findings(reports)),
        "\nerror[AZ0301]: command `t.v1.Do` has no root\n--> t.proto:7:9\n \
         = help: mark one field with `[(angzarr.v1.field).root = true]`\n"
    );
}

/// What is compiled elsewhere may have been compiled with options that came after this version.
#[test]
fn annotations_of_a_later_version_are_not_ignored() {
    let include = tempfile::tempdir().unwrap();
    let options = include_str!("../proto/angzarr/v1/options.proto")
        .replace("  bool retired = 2;", "  bool retired = 2;\n  bool sealed = 99;")
        .replace("    FACT = 1;", "    FACT = 1;\n    AUDIT = 77;")
        + "extend google.protobuf.OneofOptions { bool oneof = 50733; }\n";
    let own = r#"syntax = "proto3";
package t.v1;
import "angzarr/v1/options.proto";
message Opened { option (angzarr.v1.message).sealed = true; string id = 1; }
message Other { oneof either { option (angzarr.v1.oneof) = true; string name = 1; } }
message State {}
service Doors {
  option (angzarr.v1.component).aggregate = { domain: "doors" state: "State" };
  rpc Open(Opened) returns (Opened) { option (angzarr.v1.handler).kind = AUDIT; }
}
"#;
    // Another project may give the same number a meaning of its own.
    let foreign = r#"syntax = "proto3";
package foreign;
import "google/protobuf/descriptor.proto";
extend google.protobuf.EnumOptions { string owner = 50733; }
enum Colour { option (owner) = "me"; GREY = 0; }
"#;
    fs::create_dir_all(include.path().join("angzarr/v1")).unwrap();
    for (name, text) in [("angzarr/v1/options.proto", &*options), ("own.proto", own), ("foreign.proto", foreign)] {
        fs::write(include.path().join(name), text).unwrap();
    }
    let mut compiler = protox::Compiler::new([include.path()]).unwrap();
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(["own.proto", "foreign.proto"]).unwrap();
    let descriptors = Some(compiler.encode_file_descriptor_set());
    let reports = generate(&Request { descriptors, ..Request::default() }).unwrap_err();
    let later: Vec<&Report> = reports.iter().filter(|report| report.code == codes::LATER_OPTION.id).collect();
    let told: Vec<(u32, &str)> =
        later.iter().map(|report| (report.place.as_ref().unwrap().line, report.message.as_str())).collect();
    let unknown = "which this version of angzarr does not know";
    assert_eq!(
        told,
        [
            (4, &*format!("`t.v1.Opened` has option number 99 of `angzarr.v1.MessageOptions`, {unknown}")),
            (5, &*format!("`t.v1.Other.either` has an annotation, {unknown}")),
            (9, &*format!("`t.v1.Doors.Open` has the value 77 of `angzarr.v1.HandlerOptions.kind`, {unknown}")),
        ]
    );
}
