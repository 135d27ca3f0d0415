//! Compiles every case: those in `pass` must, all others must fail with the errors that stand beside them.
//!
//! `TRYBUILD=overwrite cargo test -p angzarr-ui-tests` writes those errors anew; read what changed.

#[test]
fn derives() {
    let cases = trybuild::TestCases::new();
    cases.pass("cases/pass/*.rs");
    for topic in ["aggregate", "saga", "projector", "process_manager", "upcaster", "message", "binding"] {
        cases.compile_fail(format!("cases/{topic}/*.rs"));
    }
}
