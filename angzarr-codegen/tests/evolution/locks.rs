//! What a lock holds, and how two of them are compared where no single edit shows it.

use std::fs;
use std::path::PathBuf;

use angzarr_codegen::evolution::breaking;
use angzarr_codegen::evolution::lock::Lock;
use angzarr_codegen::{Report, Request, understand};

use crate::{BEFORE, edit, golden, here, lock, read};

/// A rename that says so keeps what was stored, under both names.
#[test]
fn stored_names() {
    let before = lock(BEFORE);
    let renamed = read(&BEFORE.replace("Paid", "Settled"));
    let codes = |found: Vec<Report>| -> Vec<&str> { found.iter().map(|report| report.code).collect() };
    assert_eq!(codes(breaking(&before, &renamed)), ["AZ0601"]);
    let option = "  option (angzarr.v1.message).stored_as = \"t.v1.Paid\";\n";
    let said =
        edit(&BEFORE.replace("Paid", "Settled"), "message Settled {\n", &format!("message Settled {{\n{option}"));
    let now = read(&said);
    assert_eq!(codes(breaking(&before, &now)), [""; 0]);
    let next = Lock::of(&now.model);
    assert_eq!(next.stored["t.v1.Settled"].stored_as, ["t.v1.Paid"]);
    assert_eq!(Lock::parse(&next.to_string()), Ok(next.clone()));
    // Once it was said, it has to stay.
    assert_eq!(codes(breaking(&next, &renamed)), ["AZ0601"]);
    // The name is no excuse for another shape.
    let other = edit(&said, "uint64 cents = 2;\n}\n\nmessage Account", "string cents = 2;\n}\n\nmessage Account");
    assert_eq!(codes(breaking(&before, &read(&other))), ["AZ0603"]);
}

#[test]
fn other_recipes() {
    let now = read(BEFORE);
    let mut before = lock(BEFORE);
    let accounts = before.domains.get_mut("accounts").unwrap();
    accounts.namespace = "7d9f0c4e-63f4-4b0e-9a53-0b8c1a2e3f40".to_owned();
    let reminders = before.domains.get_mut("reminders").unwrap();
    reminders.kind = "aggregate".to_owned();
    let texts: String = breaking(&before, &now).iter().map(crate::told).collect();
    golden("recipes.txt", &texts);
}

/// The same number is the same field, unless another one took its name.
#[test]
fn keys_by_number() {
    let event = |account: &str, other: &str| {
        let paid = format!(
            "message Paid {{\n  Party party = 1;\n}}\n\nmessage Party {{\n  string {account} = 1;\n  string {other} = 2;\n}}\n"
        );
        let text = edit(BEFORE, "message Paid {\n  string account = 1;\n  uint64 cents = 2;\n}\n", &paid);
        edit(&text, "handler).key = \"account\"", &format!("handler).key = \"party.{account}\""))
    };
    // As if the event were another program's, whose shape is not in this lock.
    let mut before = lock(&event("account", "payer"));
    before.stored.remove("t.v1.Paid");
    let codes = |text: &str| -> Vec<&str> { breaking(&before, &read(text)).iter().map(|report| report.code).collect() };
    assert_eq!(codes(&event("customer", "payer")), [""; 0]);
    assert_eq!(codes(&event("payer", "account")), ["AZ0609"]);
}

#[test]
fn namespaces_are_those_of_the_vectors() {
    let vectors = fs::read_to_string(here().join("../docs/semantics/vectors.json")).unwrap();
    let vectors: serde_json::Value = serde_json::from_str(&vectors).unwrap();
    let vector = &vectors["root_ids"][0];
    let shop = lock(&BEFORE.replace("\"accounts\"", &format!("\"{}\"", vector["domain"].as_str().unwrap())));
    let namespace: uuid::Uuid = shop.domains[vector["domain"].as_str().unwrap()].namespace.parse().unwrap();
    let root = uuid::Uuid::new_v5(&namespace, vector["key"].as_str().unwrap().as_bytes());
    assert_eq!(root.to_string(), vector["root"].as_str().unwrap());
}

#[test]
fn the_text_of_locks() {
    golden("before.lock", &lock(BEFORE).to_string());
    let shop = here().join("../examples/shop/proto");
    let mut files: Vec<PathBuf> = Vec::new();
    for domain in ["checkout", "orders", "payments", "stock"] {
        files.extend([
            format!("shop/{domain}/v1/{domain}.proto").into(),
            format!("shop/{domain}/v1/app/{domain}.proto").into(),
        ]);
    }
    let request = Request { includes: vec![shop], files, ..Request::default() };
    golden("../../../examples/shop/angzarr.lock", &Lock::of(&understand(&request).unwrap().model).to_string());
}

/// What was only read belongs to another program, and so does what it stores.
#[test]
fn what_is_only_read_is_not_locked() {
    let include = here().join("tests/golden/with/proto");
    let case = here().join("tests/golden/with");
    let with: Vec<PathBuf> = fs::read_to_string(case.join("with.txt")).unwrap().lines().map(PathBuf::from).collect();
    let mut files = Vec::new();
    let mut open = vec![include.clone()];
    while let Some(next) = open.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            match path.is_dir() {
                true => open.push(path),
                false => files.push(path.strip_prefix(&include).unwrap().to_path_buf()),
            }
        }
    }
    files.retain(|file| !with.contains(file));
    let understood = understand(&Request { includes: vec![include], files, with, ..Request::default() }).unwrap();
    let own = |domain: &str| {
        let owner = understood.model.components.iter().find(|component| component.own_domain() == Some(domain));
        owner.is_some_and(|owner| owner.generate)
    };
    let lock = Lock::of(&understood.model);
    assert!(lock.domains.keys().all(|domain| own(domain)), "{:?}", lock.domains.keys());
    assert!(understood.model.components.iter().any(|component| !component.generate));
}
