//! Command lines, configurations and places that it cannot use.

use std::fs;

use crate::process::{Place, own_address, run, said, sidecar};

#[test]
fn help_and_version_are_said() {
    let (code, out, err) = run(&["--help"]);
    assert_eq!((code, &*err), (Some(0), ""));
    // The page shows it as it is.
    assert!(include_str!("../../../docs/sidecar.md").contains(&format!("```\n{out}```\n")), "{out}");
    let version = format!("angzarr-sidecar {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]), (Some(0), version, String::new()));
}

#[test]
fn wrong_usage_ends_with_2() {
    let (code, out, err) = run(&["--nonsense"]);
    assert_eq!((code, &*out), (Some(2), ""));
    assert_eq!(err, "error: invalid option '--nonsense'; see angzarr-sidecar --help\n");
}

#[test]
fn a_wrong_configuration_ends_with_3() {
    let place = Place::new();
    let file = place.configure("listen: { address: 0.0.0.0:50050 }\nlog: { formt: json }");
    let expected = format!(
        "error[CONFIG_INSECURE]: whoever reaches this address reads and writes everything, and nothing is encrypted\n \
         --> {0}:3:20\n  = help: listen on loopback or a Unix socket, or say `insecure: true`\n\n\
         error[CONFIG_KEY_UNKNOWN]: unknown key `formt`\n --> {0}:4:8\n  = help: did you mean `format`?\n",
        file.display()
    );
    let file = file.to_str().unwrap();
    assert_eq!(run(&["--config", file]), (Some(3), String::new(), expected.clone()));
    assert_eq!(run(&["--config", file, "--check-config"]), (Some(3), String::new(), expected));
    assert!(!place.path("log.db").exists());

    let missing = place.path("none.yaml");
    let (code, _, err) = run(&["-c", missing.to_str().unwrap()]);
    assert_eq!(code, Some(3));
    assert!(err.starts_with("error[CONFIG_UNREADABLE]: No such file"), "{err}");
}

#[test]
fn a_right_configuration_is_checked_without_doing_anything() {
    let place = Place::new();
    let file = place.configure("aggregates: { serve: true, fact_token: ${TOKEN} }");
    let arguments = ["--check-config", "--config", file.to_str().unwrap()];
    let checked = sidecar().args(arguments).env("TOKEN", "an-unguessable-secret").output().unwrap();
    assert_eq!(said(&checked), (Some(0), format!("{}: no mistakes\n", file.display()), String::new()));
    assert!(!place.path("log.db").exists());

    let (code, _, err) = run(&arguments);
    assert_eq!(code, Some(3));
    assert!(err.starts_with("error[CONFIG_VARIABLE_MISSING]: the variable `TOKEN` is not set\n"), "{err}");
}

#[test]
fn a_wrong_filter_of_the_log_ends_with_3() {
    let place = Place::new();
    let file = place.configure("");
    let output = sidecar().arg("-c").arg(file).env("RUST_LOG", "angzarr=loud").output().unwrap();
    let (code, _, err) = said(&output);
    assert_eq!(code, Some(3));
    assert!(err.starts_with("error: RUST_LOG cannot be understood: "), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_ends_with_1() {
    let place = Place::new();
    let _service = place.serve();
    let address = own_address();
    let _taken = std::net::TcpListener::bind(address).unwrap();
    let mut sidecar = place.start(&format!("listen: {{ address: {address} }}"));
    assert_eq!(sidecar.ends().await, Some(1));
    assert!(sidecar.log().contains(&format!("cannot serve at {address}")), "{}", sidecar.log());
    assert!(!sidecar.log().contains("serving"), "{}", sidecar.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_is_none_ends_with_1() {
    let place = Place::new();
    fs::write(place.path("log.db"), "something else, and long enough to be seen as such").unwrap();
    let mut sidecar = place.start("");
    assert_eq!(sidecar.ends().await, Some(1));
    assert!(sidecar.log().contains("code=\"STORE_"), "{}", sidecar.log());
}
