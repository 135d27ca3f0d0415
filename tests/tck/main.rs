//! The compatibility kit: the same cases for services of each language, through a real sidecar.
//!
//! A language is a folder here and a row in `languages!`. Its folder holds the model domain of `proto/tck/v1`, made with
//! the code that is generated for it, and `run`, which serves that. `docs/compatibility.md` tells more.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a panic is how a case fails, and what ran is printed"
)]

mod calls;
mod cases;
mod model;
mod place;
mod processes;
mod reading;
mod wire;

use std::path::Path;
use std::sync::Arc;

use place::{Generated, Place};

/// How many cases a language has to pass at the least.
const LEAST: usize = 40;

macro_rules! languages {
    ($($language:ident: $generate:path;)+) => {
        /// One test for each language.
        mod tck {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $language() {
                    crate::drive(stringify!($language), $generate).await;
                }
            )+

            #[test]
            fn every_language_is_driven() {
                let mut rows = vec![$(stringify!($language)),+];
                rows.sort_unstable();
                assert_eq!(crate::model::languages(), rows);
            }
        }
    };
}

languages! {
    rust: crate::model::link_rust;
    python: crate::model::generate_python;
}

/// Runs all cases on the service of a language. `generate` puts what its `run` needs into a folder.
async fn drive(language: &'static str, generate: fn(&Path)) {
    let generated = Arc::new(Generated::new(language, generate));
    let mut failed = Vec::new();
    let mut shared = Place::start(&generated).await;
    for (name, case) in cases::SHARED {
        failed.extend(cases::fails(case(&mut shared)).await.map(|why| (*name, why)));
    }
    if !failed.is_empty() {
        eprintln!("tck: {language}: the log of the sidecar that cases share:\n{}", shared.log());
    }
    for (name, case) in cases::ALONE {
        let mut place = Place::start(&generated).await;
        if let Some(why) = cases::fails(case(&mut place)).await {
            eprintln!("tck: {language}: the log of the sidecar of {name}:\n{}", place.log());
            failed.push((*name, why));
        }
    }
    let all = cases::SHARED.len() + cases::ALONE.len();
    for (name, why) in &failed {
        println!("tck: {language} {name}: {why}");
    }
    println!("tck: {language} {} of {all}", all - failed.len());
    assert!(failed.is_empty() && all >= LEAST, "{language}: {} of {all} cases failed", failed.len());
}
