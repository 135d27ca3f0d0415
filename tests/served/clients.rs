//! Generated clients in Python, against a runtime: their own tests, and what the guide shows of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use angzarr_codegen::{Request, generate_python, output};

use crate::place::{TOKEN, place};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Runs the tests in a module, which has the shop's package beside it, against the shop; what they say.
async fn called_by(module: &str) -> String {
    let place = place().await;
    let folder = tempfile::tempdir().unwrap();
    let domains = ["orders", "stock", "payments", "checkout"];
    let files = domains.iter().flat_map(|domain| {
        [format!("shop/{domain}/v1/{domain}.proto"), format!("shop/{domain}/v1/app/{domain}.proto")]
    });
    let request = Request {
        includes: vec![root().join("examples/shop/proto")],
        files: files.map(PathBuf::from).collect(),
        ..Request::default()
    };
    output::write(&folder.path().join("shop"), &generate_python(&request).unwrap().files).unwrap();
    std::fs::copy(root().join("angzarr-codegen/tests/python/check.py"), folder.path().join("check.py")).unwrap();
    std::fs::write(folder.path().join("module.py"), module).unwrap();
    let python = root().join("target/tools/python/bin/python");
    assert!(python.exists(), "{}: tests/python/install makes it", python.display());
    let mut tests = Command::new(python);
    tests.current_dir(folder.path()).args(["check.py", "module"]);
    tests.env("ADDRESS", &place.address).env("TOKEN", TOKEN).env("GRPC_VERBOSITY", "NONE");
    let output = tokio::task::spawn_blocking(move || tests.output().unwrap()).await.unwrap();
    [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat()
}

/// Typed answers, refusals and errors; conversations; what is kept.
#[tokio::test]
async fn python_calls_and_reads() {
    let module = std::fs::read_to_string(root().join("angzarr-codegen/tests/python/calling.py")).unwrap();
    let said = called_by(&module).await;
    assert_eq!(said, "7 passed, 0 failed\n", "{said}");
}

#[tokio::test]
async fn the_guides_client_does_what_it_says() {
    let page = std::fs::read_to_string(root().join("docs/python.md")).unwrap();
    let blocks = page.split("```python\n").skip(1).map(|block| block.split_once("```").unwrap().0);
    let trial = r#"
import os


async def test_selling() -> None:
    said = await sell(os.environ["ADDRESS"])
    assert said == [
        "9000 cents",
        "order A-1 was placed before",
        "SEQUENCE_CONFLICT, try again: False",
        "A-2: OrderPlacedV2",
        "PLACED",
        "A-1 is at 1",
    ], said
"#;
    let said = called_by(&blocks.chain([trial]).collect::<String>()).await;
    assert_eq!(said, "2 passed, 0 failed\n", "{said}");
}
