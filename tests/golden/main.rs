//! Generated files that are committed: made anew, they must be what they are. A difference is written, then fails.

use std::path::Path;

use prost_build::{Config, Module};

#[test]
fn wire_types_are_what_the_protos_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let descriptors =
        protox::compile(["angzarr/v1/types.proto", "angzarr/v1/gateway.proto"], [root.join("proto")]).unwrap();
    let mut config = Config::new();
    config.enable_type_names().type_name_domain(["."], "type.googleapis.com").btree_map(["."]).bytes(["."]);
    let module = |package: &str| Module::from_protobuf_package_name(package);
    let files = descriptors.file.into_iter().map(|file| (module(file.package()), file)).collect();
    let generated = config.generate(files).unwrap().remove(&module("angzarr.v1")).unwrap();

    let committed = root.join("angzarr-runtime/src/proto/angzarr.v1.rs");
    if std::fs::read_to_string(&committed).unwrap_or_default() != generated {
        std::fs::write(&committed, generated).unwrap();
        panic!("the wire types differ from the protos; they were rewritten, review them with `git diff`");
    }
}
