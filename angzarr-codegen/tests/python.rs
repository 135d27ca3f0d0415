//! Generated Python under a real interpreter and a real type checker.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop where it stands; helpers are not exempt by themselves"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// A folder with two packages, everything in `tests/python`, and what the guide shows.
fn workspace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in fs::read_dir(root().join("angzarr-codegen/tests/python")).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
    }
    fs::copy(root().join("examples/shop/services/stock.py"), directory.path().join("stock.py")).unwrap();
    fs::write(directory.path().join("guide.py"), guide()).unwrap();
    fs::copy(root().join("docs/semantics/vectors.json"), directory.path().join("vectors.json")).unwrap();
    generate(directory.path(), "shop", "examples/shop/proto");
    generate(directory.path(), "rows", "angzarr-codegen/tests/golden/rows/proto");
    directory
}

/// Makes a package of all protos below a folder.
fn generate(directory: &Path, package: &str, protos: &str) {
    let protos = root().join(protos);
    let mut files = Vec::new();
    let mut open = vec![protos.clone()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                open.push(entry);
            } else {
                files.push(entry.strip_prefix(&protos).unwrap().display().to_string());
            }
        }
    }
    let output = Command::new(env!("CARGO_BIN_EXE_angzarr"))
        .current_dir(directory)
        .args(["gen", "python", "--out", package, "-I", &protos.display().to_string()])
        .args(files)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// A program of the environment that `tests/python/install` makes.
fn python(directory: &Path, program: &str, arguments: &[&str]) -> Output {
    let program = root().join("target/tools/python/bin").join(program);
    // gRPC's library would tell of every connection that ends.
    let output = Command::new(&program).current_dir(directory).args(arguments).env("GRPC_VERBOSITY", "NONE").output();
    output.unwrap_or_else(|error| panic!("{}: {error}; tests/python/install makes it", program.display()))
}

/// The program in the guide, and its tests.
fn guide() -> String {
    let guide = fs::read_to_string(root().join("docs/python.md")).unwrap();
    let blocks = guide.split("```python\n").skip(1);
    blocks.map(|block| block.split_once("```").unwrap().0).collect()
}

#[test]
fn generated_python_passes_strict_checks() {
    let directory = workspace();
    for (package, protos) in [("words", "keywords"), ("oddities", "odd"), ("parts", "with"), ("versions", "upcasting")]
    {
        generate(directory.path(), package, &format!("angzarr-codegen/tests/golden/{protos}/proto"));
    }
    let packages = ["shop", "rows", "words", "oddities", "parts", "versions"];
    let users =
        ["shop_rules.py", "messages.py", "serving.py", "upcasting.py", "check.py", "kit.py", "calling.py", "guide.py"];
    let output = python(directory.path(), "mypy", &[&["--strict"], packages.as_slice(), users.as_slice()].concat());
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn generated_python_does_what_it_says() {
    let directory = workspace();
    let output = python(directory.path(), "python", &["check.py", "shop", "rows", "shop_rules", "messages"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("6 passed, 0 failed\n", ""));
}

#[test]
fn the_python_test_kit_tells_right_from_wrong() {
    let directory = workspace();
    let output = python(directory.path(), "python", &["check.py", "kit", "guide"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("9 passed, 0 failed\n", ""));
}

#[test]
fn python_serves_what_runtimes_ask() {
    let directory = workspace();
    let output = python(directory.path(), "python", &["check.py", "serving"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("16 passed, 0 failed\n", ""));
    generate(directory.path(), "versions", "angzarr-codegen/tests/golden/upcasting/proto");
    let output = python(directory.path(), "python", &["check.py", "upcasting"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("2 passed, 0 failed\n", ""));
}

#[test]
fn python_clients_tell_refusals_whole() {
    let directory = workspace();
    let output = python(directory.path(), "python", &["check.py", "refusals"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("2 passed, 0 failed\n", ""));
}

/// Several packages share Angzarr's own protos, and one of them names everything like a word of the language.
#[test]
fn packages_live_in_one_process() {
    let directory = workspace();
    generate(directory.path(), "words", "angzarr-codegen/tests/golden/keywords/proto");
    generate(directory.path(), "oddities", "angzarr-codegen/tests/golden/odd/proto");
    let output = python(directory.path(), "python", &["check.py", "words", "shop", "oddities"]);
    assert_eq!((text(&output.stdout), text(&output.stderr)), ("0 passed, 0 failed\n", ""));
}

#[test]
fn a_type_checker_refuses_what_does_not_fit() {
    let directory = workspace();
    let output = python(directory.path(), "mypy", &["--strict", "--no-pretty", "wrong.py"]);
    let expected = root().join("angzarr-codegen/tests/python/wrong.txt");
    let actual = text(&output.stdout);
    if fs::read_to_string(&expected).unwrap_or_default() != actual {
        fs::write(&expected, actual).unwrap();
        panic!("what the type checker says changed; the file was rewritten, review it with `git diff`:\n{actual}");
    }
}

#[test]
fn a_second_run_writes_nothing() {
    let directory = workspace();
    let before: Vec<_> = fs::read_dir(directory.path().join("shop/shop/orders/v1"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().modified().unwrap())
        .collect();
    generate(directory.path(), "shop", "examples/shop/proto");
    let after: Vec<_> = fs::read_dir(directory.path().join("shop/shop/orders/v1"))
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().modified().unwrap())
        .collect();
    assert_eq!(before, after);
}

/// What the guide tells to run, where the shop's protos are, makes the files that it names.
#[test]
fn the_guides_commands_make_what_it_says() {
    let directory = tempfile::tempdir().unwrap();
    copy(&root().join("examples/shop/proto"), &directory.path().join("proto"));
    let guide = fs::read_to_string(root().join("docs/python.md")).unwrap();
    let commands: Vec<&str> = guide.lines().filter(|line| line.starts_with("$ angzarr ")).collect();
    assert_eq!(commands.len(), 2);
    let programs = Path::new(env!("CARGO_BIN_EXE_angzarr")).parent().unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    for command in commands {
        let mut bash = Command::new("bash");
        let output =
            bash.current_dir(directory.path()).env("PATH", &path).args(["-c", &command[2..]]).output().unwrap();
        assert!(output.status.success(), "{command}: {}", text(&output.stderr));
    }
    let named = guide.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name);
    let files: Vec<&str> = named.filter(|name| name.contains('/')).collect();
    assert_eq!(files.len(), 4, "{files:?}");
    for file in files {
        assert!(directory.path().join("shop").join(file).exists(), "{file}");
    }
    assert!(directory.path().join("main.py").exists());
}

/// An `angzarr` that works on the shop's protos, which lie in the folder `proto`.
fn generate_shop(directory: &Path, more: &[&str]) -> Output {
    let names = ["orders", "stock", "payments", "checkout"];
    let files = names.map(|name| [format!("shop/{name}/v1/{name}.proto"), format!("shop/{name}/v1/app/{name}.proto")]);
    Command::new(env!("CARGO_BIN_EXE_angzarr"))
        .current_dir(directory)
        .args(["gen", "python", "-I", "proto"])
        .args(more)
        .args(files.concat())
        .output()
        .unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
        let to = to.join(entry.file_name().unwrap());
        if entry.is_dir() {
            copy(&entry, &to);
        } else {
            fs::copy(&entry, to).unwrap();
        }
    }
}

#[test]
fn a_program_is_created_once_and_told_what_it_lacks() {
    let directory = tempfile::tempdir().unwrap();
    copy(&root().join("examples/shop/proto"), &directory.path().join("proto"));
    let program = ["--out", "generated", "--program", "."];
    let listed = generate_shop(directory.path(), &[program.as_slice(), &["--dry-run"]].concat());
    assert!(text(&listed.stdout).contains("missing: ./main.py\n"), "{}", text(&listed.stdout));
    assert!(!directory.path().join("main.py").exists());
    let output = generate_shop(directory.path(), &program);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for name in ["__init__", "checkout", "fulfilment", "order_board", "order_history", "orders", "payments", "stock"] {
        assert!(text(&output.stdout).contains(&format!("created: ./components/{name}.py\n")), "{name}");
    }
    let checked = || python(directory.path(), "python", &["-m", "mypy", "--strict", "main.py", "components"]);
    let output = checked();
    assert!(output.status.success(), "{}", text(&output.stdout));
    let trial = "from components.orders import Orders\n\
                 from generated.angzarr import testing\n\
                 from generated.shop.orders.v1.orders_pb2 import PlaceOrder\n\
                 import main\n\
                 testing.aggregate(Orders()).when(PlaceOrder(order_id='1')).then_nothing()\n";
    let output = python(directory.path(), "python", &["-c", trial]);
    let last = "NotImplementedError: Orders.place: return what PlaceOrder leads to, or raise OrdersRejection\n";
    assert!(text(&output.stderr).ends_with(last), "{}", text(&output.stderr));

    // What is there is the user's, whatever is in it; what is missing is told where it is missing.
    fs::remove_file(directory.path().join("components/stock.py")).unwrap();
    let orders = directory.path().join("components/orders.py");
    fs::write(&orders, fs::read_to_string(&orders).unwrap() + "\n# mine\n").unwrap();
    let proto = directory.path().join("proto/shop/orders/v1/app/orders.proto");
    let above = "rpc Cancel(CancelOrder)";
    let before = fs::read_to_string(&proto).unwrap();
    assert!(before.contains(above));
    let with = before.replace(above, &format!("rpc Ship(ShipOrder) returns (OrderConfirmed);\n  {above}"));
    fs::write(&proto, with).unwrap();
    let messages = directory.path().join("proto/shop/orders/v1/orders.proto");
    let ship = "\nmessage ShipOrder { string order_id = 1 [(angzarr.v1.field).root = true]; }\n";
    fs::write(&messages, fs::read_to_string(&messages).unwrap() + ship).unwrap();
    let output = generate_shop(directory.path(), &program);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).ends_with("\ncreated: ./components/stock.py\n"), "{}", text(&output.stdout));
    assert_eq!(text(&output.stderr), "./main.py was there: let it serve what was created\n");
    assert!(fs::read_to_string(&orders).unwrap().ends_with("\n# mine\n"));
    let output = checked();
    let line = fs::read_to_string(directory.path().join("main.py")).unwrap();
    let line = line.lines().position(|line| line.contains("orders.Orders()")).unwrap() + 1;
    let missing = format!(
        "main.py:{line}: error: Cannot instantiate abstract class \"Orders\" with abstract attribute \"ship\"  [abstract]\n\
         Found 1 error in 1 file (checked 9 source files)\n"
    );
    assert_eq!(text(&output.stdout), missing);
}

#[test]
fn a_program_finds_its_package() {
    let directory = tempfile::tempdir().unwrap();
    copy(&root().join("examples/shop/proto"), &directory.path().join("proto"));
    for (out, program) in [("generated", "elsewhere"), ("my-shop", "."), ("generated", "generated")] {
        let output = generate_shop(directory.path(), &["--out", out, "--program", program]);
        assert_eq!(output.status.code(), Some(2));
        let message = format!("a program in {program} cannot import {out}: ");
        assert!(text(&output.stderr).contains(&message), "{}", text(&output.stderr));
    }
    fs::write(
        directory.path().join("angzarr.yaml"),
        "include: [proto]\nlanguages:\n  python:\n    out: src/shop/generated\n    program: src\n",
    )
    .unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_angzarr")).current_dir(directory.path()).arg("gen").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let main = fs::read_to_string(directory.path().join("src/main.py")).unwrap();
    assert!(main.contains("\nfrom shop.generated.angzarr.server import serve\n"), "{main}");
}
