//! `protoc-gen-angzarr` under the real protoc and buf, and descriptor sets that they write: whatever compiles the
//! protos, the same files come out.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop where it stands; helpers are not exempt by themselves"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const PLUGIN: &str = env!("CARGO_BIN_EXE_protoc-gen-angzarr");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Names of the shop's protos.
fn shop() -> Vec<String> {
    let domains = ["orders", "stock", "payments", "checkout"];
    domains
        .iter()
        .flat_map(|domain| [format!("shop/{domain}/v1/{domain}.proto"), format!("shop/{domain}/v1/app/{domain}.proto")])
        .collect()
}

fn protoc(directory: &Path, arguments: &[&str]) -> Output {
    let protoc = Command::new("protoc")
        .current_dir(directory)
        .args(["-I", &root().join("examples/shop/proto").display().to_string()])
        .args(["-I", &root().join("proto").display().to_string()])
        .args(["-I", ".", &format!("--plugin=protoc-gen-angzarr={PLUGIN}")])
        .args(arguments)
        .output();
    protoc.unwrap_or_else(|error| panic!("protoc is needed, and tests/servers/install installs it on Debian: {error}"))
}

/// Every generated file and its text; the manifest is the command's own.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(directory).unwrap().display().to_string();
            if path.is_dir() {
                open.push(path);
            } else if !name.starts_with('.') {
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// What `angzarr gen` makes with these arguments.
fn generated(directory: &Path, language: &str, arguments: &[&str]) -> BTreeMap<String, String> {
    let out = directory.join("expected");
    let output = Command::new(env!("CARGO_BIN_EXE_angzarr"))
        .current_dir(directory)
        .args(["gen", language, "--out", "expected"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    files(&out)
}

fn shop_generated(directory: &Path, language: &str) -> BTreeMap<String, String> {
    let include = root().join("examples/shop/proto").display().to_string();
    let shop = shop();
    let names = shop.iter().map(String::as_str);
    generated(directory, language, &["-I", &include].into_iter().chain(names).collect::<Vec<_>>())
}

#[test]
fn protoc_makes_the_same_of_the_shop() {
    for language in ["rust", "python"] {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("gen")).unwrap();
        let shop = shop();
        let options = ["--angzarr_out=gen".to_owned(), format!("--angzarr_opt=lang={language}")];
        let output = protoc(directory.path(), &options.iter().chain(&shop).map(String::as_str).collect::<Vec<_>>());
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(files(&directory.path().join("gen")), shop_generated(directory.path(), language));
    }
}

#[test]
fn a_descriptor_set_of_protoc_gives_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let shop = shop();
    let options = ["--include_imports", "--include_source_info", "--descriptor_set_out=shop.bin"].into_iter();
    let output = protoc(directory.path(), &options.chain(shop.iter().map(String::as_str)).collect::<Vec<_>>());
    assert!(output.status.success(), "{}", text(&output.stderr));
    let from_set = generated(directory.path(), "rust", &["--descriptor-set", "shop.bin"]);
    fs::remove_dir_all(directory.path().join("expected")).unwrap();
    assert_eq!(from_set, shop_generated(directory.path(), "rust"));
}

#[test]
fn buf_makes_the_same_of_the_shop() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    for (from, to) in
        [(root().join("examples/shop/proto/shop"), "shop/shop"), (root().join("proto/angzarr"), "angzarr/angzarr")]
    {
        copy(&from, &here.join(to));
    }
    fs::write(here.join("buf.yaml"), "version: v2\nmodules: [{path: shop}, {path: angzarr}]\n").unwrap();
    let plugin = format!("  - local: {PLUGIN}\n    out: gen\n    opt: [lang=rust]\n    strategy: all\n");
    fs::write(here.join("buf.gen.yaml"), format!("version: v2\nplugins:\n{plugin}")).unwrap();
    let output = Command::new(root().join("proto/buf")).current_dir(here).arg("generate").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(files(&here.join("gen")), shop_generated(here, "rust"));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

const PROTO: &str = "syntax = \"proto3\";\npackage t.v1;\nimport \"angzarr/v1/options.proto\";\n\
                     message Do { string id = 1; }\nmessage Done {}\nmessage State {}\n\
                     service Doer {\n  option (angzarr.v1.component).aggregate = { domain: \"t\" state: \"State\" };\n  \
                     rpc Perform(Do) returns (Done);\n}\n";

#[test]
fn findings_are_the_error_and_no_file_is_written() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("bad.proto"), PROTO).unwrap();
    let output = protoc(directory.path(), &["--angzarr_out=.", "--angzarr_opt=lang=rust", "bad.proto"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.starts_with("--angzarr_out: \nerror[AZ0301]: command `t.v1.Do` has no root\n"), "{stderr}");
    assert!(stderr.contains("bad.proto:4:9\n"), "{stderr}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn parameters_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("a.proto"), PROTO.replace("id = 1", "id = 1 [(angzarr.v1.field).root = true]"))
        .unwrap();
    for (options, message) in [
        ("", "name the language, like --angzarr_opt=lang=rust"),
        ("lang=cobol", "there is no language `cobol`; there are `rust` and `python`"),
        ("lang=python,extern=a.v1=::a", "parameter extern is about Rust modules"),
        ("lang=rust,exern=a=b", "there is no parameter `exern`; did you mean `extern`?"),
        (
            "lang=rust,extern=a",
            "`extern=a` maps nothing; write extern=PACKAGE=PATH, like extern=shop.stock.v1=::stock::v1",
        ),
    ] {
        let output = protoc(directory.path(), &[&format!("--angzarr_out={options}:."), "a.proto"]);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(text(&output.stderr), format!("--angzarr_out: {message}\n"));
    }
    let output = protoc(directory.path(), &["--angzarr_out=lang=rust,with=b.proto:.", "a.proto"]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = text(&output.stderr);
    assert!(stderr.contains("`with` takes files that one of those to generate imports"), "{stderr}");
    assert!(!stderr.contains("-I"), "{stderr}");
    let options = "--angzarr_opt=lang=rust,extern=shop.v1=::shop::v1";
    let output = protoc(directory.path(), &["--angzarr_out=.", options, "a.proto"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(directory.path().join("t.v1.rs").is_file());
}

#[test]
fn what_is_no_request_is_refused() {
    let nothing = Command::new(PLUGIN).stdin(fs::File::open(root().join("Makefile")).unwrap()).output();
    let output = nothing.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("protoc and buf run this program, not people"), "{}", text(&output.stderr));
    assert_eq!(output.stdout, b"");
}

/// Nobody waits for a request that a person would have to type.
#[test]
fn people_are_answered() {
    let answer = |argument| Command::new(PLUGIN).arg(argument).output().unwrap();
    let version = answer("--version");
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(text(&version.stdout), format!("protoc-gen-angzarr {}\n", env!("CARGO_PKG_VERSION")));
    let help = answer("--help");
    assert_eq!(help.status.code(), Some(0));
    assert!(text(&help.stdout).contains("--angzarr_opt=lang=rust"), "{}", text(&help.stdout));
    let unknown = answer("--nonsense");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("--nonsense"), "{}", text(&unknown.stderr));
}
