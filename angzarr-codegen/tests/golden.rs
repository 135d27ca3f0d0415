//! What the generator prints, as files under `tests/golden/<case>/expected`.
//!
//! A difference rewrites the expected files and fails, so that `git diff` is the review.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test may stop where it stands; helpers are not exempt by themselves"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use angzarr_codegen::description::Description;
use angzarr_codegen::{Request, generate, generate_python};
use prost::Message;
use prost_reflect::text_format::FormatOptions;
use prost_reflect::{DescriptorPool, DynamicMessage};

fn case_directory(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(case)
}

/// All files below a directory, relative to it, sorted.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                files.push(path.strip_prefix(directory).unwrap().to_path_buf());
            }
        }
    }
    files.sort();
    files
}

/// Lines like `shop.stock.v1=::stock::shop::stock::v1` in `extern.txt`.
fn extern_paths(case: &str) -> BTreeMap<String, String> {
    let listed = fs::read_to_string(case_directory(case).join("extern.txt")).unwrap_or_default();
    let pairs = listed.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(package, path)| (package.to_owned(), path.to_owned())).collect()
}

/// All protos of a case are generated, except for those that `with.txt` lists.
fn request(case: &str) -> Request {
    let directory = case_directory(case);
    let listed = fs::read_to_string(directory.join("with.txt")).unwrap_or_default();
    let with: Vec<PathBuf> = listed.lines().map(PathBuf::from).collect();
    let include = directory.join("proto");
    let files = files_below(&include).into_iter().filter(|file| !with.contains(file)).collect();
    Request { includes: vec![include], files, with, extern_paths: extern_paths(case), descriptors: None }
}

/// The files of a request as another compiler hands them over.
fn linked(request: &Request) -> Request {
    let annotations = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let includes = request.includes.iter().chain([&annotations]);
    let mut compiler = protox::Compiler::new(includes).unwrap();
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files(request.files.iter().chain(&request.with)).unwrap();
    Request { descriptors: Some(compiler.encode_file_descriptor_set()), ..request.clone() }
}

/// The description that a generated file holds.
fn description(text: &str) -> Description {
    let items = syn::parse_file(text).unwrap().items;
    let [syn::Item::Const(constant)] = items.as_slice() else { panic!("{text}") };
    let value = &constant.expr;
    let bytes: syn::LitByteStr = syn::parse_quote!(#value);
    Description::decode(bytes.value().as_slice()).unwrap()
}

/// The same as text; names of files stand for their descriptors.
fn readable(text: &str) -> String {
    let mut description = description(text);
    let descriptors = DescriptorPool::decode(std::mem::take(&mut description.descriptors)).unwrap();
    let files = descriptors.files().map(|file| format!("# {}\n", file.name()));
    let proto = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let own = protox::compile(["angzarr/v1/description.proto"], [proto]).unwrap();
    let own = DescriptorPool::from_file_descriptor_set(own).unwrap();
    let ty = own.get_message_by_name("angzarr.v1.Description").unwrap();
    let message = DynamicMessage::decode(ty, description.encode_to_vec().as_slice()).unwrap();
    let text = message.to_text_format_with_options(&FormatOptions::new().pretty(true));
    format!("{}{text}\n", files.collect::<String>())
}

fn check(case: &str) {
    let generated = match generate(&request(case)) {
        Ok(generated) => generated,
        Err(reports) => panic!("{}", reports.iter().map(|report| format!("{report}\n")).collect::<String>()),
    };
    let mut actual: BTreeMap<PathBuf, String> =
        generated.files.into_iter().map(|file| (PathBuf::from(file.name), file.text)).collect();
    // Nobody reviews bytes.
    if let Some(text) = actual.remove(Path::new("angzarr-description.rs")) {
        actual.insert(PathBuf::from("angzarr-description.txtpb"), readable(&text));
    }
    compare(case, "expected", &actual);
}

/// The same in Python, without the bytes of descriptors.
fn check_python(case: &str) {
    let generated = generate_python(&request(case)).unwrap();
    let readable = |text: &str| text.split_inclusive('\n').filter(|line| !line.starts_with("    b\"")).collect();
    // Neither what every package has nor modules without content.
    let files = (generated.files.into_iter())
        .filter(|file| file.text.lines().count() > 2 && !file.name.starts_with("angzarr/"));
    compare(case, "python", &files.map(|file| (PathBuf::from(file.name), readable(&file.text))).collect());
}

fn compare(case: &str, folder: &str, actual: &BTreeMap<PathBuf, String>) {
    let directory = case_directory(case).join(folder);
    let mut expected = BTreeMap::new();
    if directory.exists() {
        for file in files_below(&directory) {
            let text = fs::read_to_string(directory.join(&file)).unwrap();
            expected.insert(file, text);
        }
    }
    if *actual == expected {
        return;
    }
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    for (file, text) in actual {
        fs::create_dir_all(directory.join(file).parent().unwrap()).unwrap();
        fs::write(directory.join(file), text).unwrap();
    }
    panic!("the output of `{case}` changed; expected files were rewritten, review them with `git diff`");
}

#[test]
fn python() {
    for case in ["facts", "keywords", "upcasting"] {
        check_python(case);
    }
}

#[test]
fn aggregate() {
    check("aggregate");
}

#[test]
fn consumers() {
    check("consumers");
}

#[test]
fn facts() {
    check("facts");
}

#[test]
fn upcasting() {
    check("upcasting");
}

#[test]
fn keywords() {
    check("keywords");
}

#[test]
fn odd() {
    check("odd");
}

#[test]
fn rows() {
    check("rows");
}

#[test]
fn with() {
    check("with");
}

/// Reads what a service carries: its options are still there, its comments are not.
#[test]
fn descriptors_keep_options_and_drop_comments() {
    let files = generate(&request("upcasting")).unwrap().files;
    let file = files.iter().find(|file| file.name == "angzarr-description.rs").unwrap();
    let pool = DescriptorPool::decode(description(&file.text).descriptors).unwrap();
    assert!(pool.file_descriptor_protos().all(|file| file.source_code_info.is_none()));
    let component = pool.get_extension_by_name("angzarr.v1.component").unwrap();
    let service = pool.get_service_by_name("shop.orders.v1.app.OrderHistory").unwrap();
    let options = service.options().get_extension(&component).to_string();
    assert_eq!(options, "{upcaster{domain:\"orders\"}}");
}

#[test]
fn no_component_no_description() {
    let messages = Request { files: vec!["shop/orders/v1/orders.proto".into()], ..request("aggregate") };
    let names: Vec<String> = generate(&messages).unwrap().files.into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["mod.rs", "shop.orders.v1.rs"]);
}

#[test]
fn order_of_files_changes_nothing() {
    let request = request("consumers");
    let expected = generate(&request).unwrap().files;
    let mut shuffled = request.clone();
    for _ in 0..request.files.len() {
        shuffled.files.rotate_left(1);
        assert_eq!(generate(&shuffled).unwrap().files, expected);
        let mut backwards = shuffled.clone();
        backwards.files.reverse();
        assert_eq!(generate(&backwards).unwrap().files, expected);
    }
}

/// Imports are opened before or after the files that import them; neither may decide which services count.
#[test]
fn naming_a_file_twice_changes_nothing() {
    let request = request("with");
    let expected = generate(&request).unwrap().files;
    let mut twice = request.clone();
    twice.with.extend(request.files.clone());
    twice.files.extend(request.files);
    assert_eq!(generate(&twice).unwrap().files, expected);
}

/// What `protoc --descriptor_set_out`, `buf build` and plugins hand over.
#[test]
fn a_descriptor_set_gives_the_same_as_its_files() {
    for case in ["aggregate", "consumers", "keywords", "rows", "upcasting", "with"] {
        let request = request(case);
        let set = linked(&request);
        assert_eq!(generate(&set).unwrap().files, generate(&request).unwrap().files);
        if request.with.is_empty() {
            let everything = Request { files: Vec::new(), ..set };
            assert_eq!(generate(&everything).unwrap().files, generate(&request).unwrap().files);
        }
    }
}

#[test]
fn descriptor_sets_that_cannot_be_used() {
    let set = linked(&request("with"));
    let findings =
        |request: &Request| -> Vec<String> { generate(request).unwrap_err().iter().map(ToString::to_string).collect() };
    assert_eq!(
        findings(&Request { files: vec!["nowhere.proto".into()], ..set.clone() }),
        ["error[AZ0002]: `nowhere.proto` is not among the compiled protos\n--> nowhere.proto\n = help: give names as \
          compilers have them, relative to their include directories"]
    );
    assert_eq!(
        findings(&Request { descriptors: Some(b"nonsense".to_vec()), ..set.clone() }),
        [
            "error[AZ0001]: this is no descriptor set: failed to decode Protobuf message: invalid wire type value: 6\n |\n = \
          help: give what protoc --include_imports --descriptor_set_out or buf build writes"
        ]
    );
    assert_eq!(
        findings(&Request { descriptors: Some(Vec::new()), files: Vec::new(), with: Vec::new(), ..set }),
        ["error[AZ0002]: the descriptor set holds no file of yours\n |\n = help: build it from the files to work on"]
    );
}
