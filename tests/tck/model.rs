//! What the `run` of each language needs beside its own folder.

use std::path::{Path, PathBuf};

use angzarr_codegen::{Request, generate_python as generate, output};

/// The program that cargo built of `rust/`.
const PROGRAM: &str = env!("CARGO_BIN_EXE_tck-rust");

pub(crate) fn link_rust(folder: &Path) {
    std::os::unix::fs::symlink(PROGRAM, folder.join("tck-rust")).unwrap();
}

/// The package `model`.
pub(crate) fn generate_python(folder: &Path) {
    let protos = here().join("proto");
    let mut files = Vec::new();
    for package in ["tck/v1", "tck/v1/app"] {
        for entry in std::fs::read_dir(protos.join(package)).unwrap() {
            let name = entry.unwrap().file_name();
            if name.to_string_lossy().ends_with(".proto") {
                files.push(Path::new(package).join(name));
            }
        }
    }
    files.sort();
    let request = Request { includes: vec![protos], files, ..Request::default() };
    let generated = generate(&request).unwrap_or_else(|reports| panic!("{reports:?}"));
    output::write(&folder.join("model"), &generated.files).unwrap();
}

/// The folders of languages, in order.
pub(crate) fn languages() -> Vec<String> {
    let folders = std::fs::read_dir(here()).unwrap().map(|entry| entry.unwrap().path());
    let names = folders.filter(|folder| folder.join("run").is_file()).map(|folder| {
        let name = folder.file_name().unwrap();
        name.to_string_lossy().into_owned()
    });
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

/// The folder of the kit.
pub(crate) fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tck")
}

/// The program that every language is driven through; it lies where cargo puts all of them.
pub(crate) fn sidecar() -> PathBuf {
    let path = Path::new(PROGRAM).with_file_name("angzarr-sidecar");
    assert!(path.exists(), "{} is not there; `make tck` builds it", path.display());
    path
}
