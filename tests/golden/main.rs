//! Generated files that are committed: made anew, they must be what they are. A difference is written, then fails.
//! Besides, what generated code says and does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test's helper, a panic is how the test fails")]

mod description;

use std::path::Path;

use prost_build::{Config, Module};

/// What the runtime knows of `angzarr.v1`; what annotations say is the generator's business.
const WIRE: [&str; 7] = [
    "angzarr/v1/admin.proto",
    "angzarr/v1/business.proto",
    "angzarr/v1/coordinator.proto",
    "angzarr/v1/description.proto",
    "angzarr/v1/gateway.proto",
    "angzarr/v1/query.proto",
    "angzarr/v1/types.proto",
];

#[test]
fn wire_types_are_what_the_protos_say() {
    compare("angzarr-runtime/src/proto/angzarr.v1.rs", messages(&WIRE).as_bytes());
}

#[test]
fn description_types_are_what_the_proto_says() {
    let description = messages(&["angzarr/v1/description.proto"]);
    compare("angzarr-codegen/src/description/wire.rs", description.as_bytes());
}

#[test]
fn services_are_what_the_protos_say() {
    let mut config = Config::new();
    // The messages are there already.
    config.extern_path(".angzarr.v1", "crate::proto");
    let services = tonic_prost_build::configure().codec_path("crate::transport::codec::Codec");
    config.service_generator(services.service_generator());
    compare("angzarr-runtime/src/transport/services/angzarr.v1.rs", generated(config, &WIRE).as_bytes());
}

#[test]
fn descriptors_are_what_the_protos_say() {
    let descriptors = protox::compile(WIRE, [root().join("proto")]).unwrap();
    compare(
        "angzarr-runtime/src/transport/services/angzarr.v1.binpb",
        &angzarr_runtime::prost::Message::encode_to_vec(&descriptors),
    );
}

fn messages(protos: &[&str]) -> String {
    let mut config = Config::new();
    config.enable_type_names().type_name_domain(["."], "type.googleapis.com").btree_map(["."]).bytes(["."]);
    generated(config, protos)
}

fn generated(mut config: Config, protos: &[&str]) -> String {
    let descriptors = protox::compile(protos, [root().join("proto")]).unwrap();
    let module = |package: &str| Module::from_protobuf_package_name(package);
    let files = descriptors.file.into_iter().map(|file| (module(file.package()), file)).collect();
    config.generate(files).unwrap().remove(&module("angzarr.v1")).unwrap()
}

/// Writes what differs, then fails.
fn compare(committed: &str, generated: &[u8]) {
    let path = root().join(committed);
    if std::fs::read(&path).unwrap_or_default() != generated {
        std::fs::write(&path, generated).unwrap();
        panic!("`{committed}` differs from the protos; it was rewritten, review it with `git diff`");
    }
}

fn root() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

mod odd {
    //! What the generator prints for names that mean something else in Rust compiles, and does what it says.

    use angzarr_runtime::component::{Component, Registration};
    use angzarr_runtime::{Emission, Payload, Upcaster};
    use angzarr_tests::odd::std::core::prost::v1;

    #[derive(Upcaster)]
    #[upcaster(v1::app::Sized)]
    pub(super) struct Past;

    impl v1::app::Sized for Past {}

    fn parts() -> Vec<v1::r#box::Some> {
        vec![v1::r#box::Some::default()]
    }

    pub(super) fn old() -> v1::String {
        v1::String { value: "v".to_owned(), vec: parts(), crate_: "c".to_owned() }
    }

    #[test]
    fn odd_names_do_no_harm() {
        let Registration::Upcaster(logic) = Past.register() else { panic!("no upcaster") };
        let emissions = logic.upcast(&Payload::event(&old())).unwrap();
        let [Emission::Event(event)] = emissions.as_slice() else { panic!("{emissions:?}") };
        let expected = v1::Vec {
            value: "v".to_owned(),
            vec: parts(),
            self_: "c".to_owned(),
            default: v1::r#box::some::Default::Self_.into(),
            ok: Some(f64::NEG_INFINITY),
            err: 1.0,
            clone: b"a\"b".to_vec(),
            some: Some(v1::Some { value: "x".to_owned(), r#box: None }),
            ..Default::default()
        };
        assert_eq!(event.decode::<v1::Vec>().unwrap(), expected);
    }
}
