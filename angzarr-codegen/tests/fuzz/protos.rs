//! Protos, broken by words, lines and bytes.

use std::path::Path;

use angzarr_codegen::Request;

use crate::random::Random;
use crate::{Target, corpus};

pub(crate) struct Protos;

/// Words that turn one valid construct into another, more often than random bytes would.
const WORDS: &[&str] = &[
    "stream",
    "repeated",
    "optional",
    "required",
    "oneof x {",
    "}",
    "{",
    ";",
    "=",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    ",",
    ".",
    "message M {",
    "enum E { A = 0; }",
    "service S {",
    "extend Order {",
    "extensions 100 to max;",
    "reserved 1, 5 to max;",
    "group G = 5 {",
    "map<string, Order> m = 9;",
    "map<int32, M> m = 7;",
    "message M { M m = 1; }",
    "import public \"\";",
    "syntax = \"proto2\";",
    "edition = \"2023\";",
    "package a;",
    "package type.match;",
    "option java_package = \"\";",
    "option (angzarr.v1.component).saga = {};",
    "option (angzarr.v1.component).projector = { view: \"Order\" };",
    "option (angzarr.v1.component).aggregate = { domain: \"\" state: \".\" rejections: \"..\" };",
    "option (angzarr.v1.component).process_manager = { domain: \"a\" state: \"State\" };",
    "option (angzarr.v1.component).upcaster = { domain: \"orders\" };",
    "option (angzarr.v1.handler) = { key: \"\" key: \"a.b.c\" starts: true kind: DEADLINE };",
    "option (angzarr.v1.message) = { retired: true stored_as: \"x\" };",
    "[(angzarr.v1.field).root = true]",
    "[(angzarr.v1.field).idempotency_key = true]",
    "[(angzarr.v1.field).upcast_default = \"\\377\"]",
    "[(angzarr.v1.field).upcast_default = \"[]\"]",
    "[(angzarr.v1.field) = { upcast_default: \"{ a: { b: -1 } }\" renamed_from: \"a\" }]",
    "[(angzarr.v1.field).renamed_from = \"order_id\"]",
    "[(angzarr.v1.field).renamed_from = \"\"]",
    "option (angzarr.v1.message).stored_as = \"shop.orders.v1.Order\";",
    "option (angzarr.v1.handler).hook = true;",
    "option (angzarr.v1.handler) = { hook: true io: true };",
    "delivery: { attempts: 0 timeout: { seconds: -9223372036854775808 nanos: 2147483647 } on_failure: STOP }",
    "snapshot: { every: 4294967295 version: 4294967295 }",
    "kind: FACT",
    "kind: COMPENSATION",
    "kind: QUERY",
    "kind: DEADLINE",
    "starts: true",
    "io: true",
    "hook: true",
    "stored_as: \"\"",
    "\"\"",
    "\"customer.id\"",
    "\"\\0\\n\"",
    "'",
    "\"",
    "/*",
    "*/",
    "//",
    "#",
    "0",
    "-1",
    "1",
    "19000",
    "536870911",
    "536870912",
    "2147483647",
    "99999999999999999999",
    "1e999",
    "-inf",
    "nan",
    "0x",
    "google.protobuf.Empty",
    "google.protobuf.Any",
    "angzarr.v1.EventPage",
    "self",
    "Self",
    "crate",
    "r#type",
    "_",
    "__",
    "ä",
    "漢字",
    "\u{feff}",
    "\u{202e}",
    "\r\n",
    "\t",
    "\0",
];

impl Target for Protos {
    const SAVED: (&'static str, &'static str) = ("protos", "proto");

    fn corpus(&self) -> Vec<Vec<u8>> {
        let files = corpus::includes().into_iter().flat_map(|include| corpus::files(&include, "proto"));
        files.map(|path| std::fs::read(path).unwrap()).collect()
    }

    fn broken(&self, corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
        let mut text = String::from_utf8_lossy(random.pick::<Vec<u8>>(corpus)).into_owned();
        for _ in 0..=random.below(5) {
            let other = String::from_utf8_lossy(random.pick::<Vec<u8>>(corpus)).into_owned();
            text = match random.below(12) {
                0..6 => spliced(&tokens(&text), &tokens(&other), random).concat(),
                6..9 => spliced(&lines(&text), &lines(&other), random).concat(),
                9 => nested(&text, random),
                10 => large(&text, random),
                _ => renamed(&text, random),
            };
        }
        let mut bytes = text.into_bytes();
        if random.once_in(10) && !bytes.is_empty() {
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        bytes
    }

    fn request(&self, input: &[u8], folder: &Path) -> Request {
        let protos = folder.join("protos");
        std::fs::create_dir_all(&protos).unwrap();
        std::fs::write(protos.join("broken.proto"), input).unwrap();
        // What the input imports lies in one of the folders; the first that has it wins.
        let includes = [protos].into_iter().chain(corpus::includes()).collect();
        Request { includes, files: vec!["broken.proto".into()], ..Request::default() }
    }
}

/// Words, runs of space, and single other characters.
fn tokens(text: &str) -> Vec<&str> {
    let kind = |character: char| match character {
        _ if character.is_alphanumeric() || character == '_' => 0,
        _ if character.is_whitespace() => 1,
        _ => 2,
    };
    let mut tokens = Vec::new();
    let mut start = 0;
    let mut before = None;
    for (at, character) in text.char_indices() {
        let now = kind(character);
        if before.is_some_and(|before| before != now || now == 2) {
            tokens.push(&text[start..at]);
            start = at;
        }
        before = Some(now);
    }
    tokens.push(&text[start..]);
    tokens
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Parts left out, doubled, moved, or replaced by others.
fn spliced<'a>(parts: &[&'a str], others: &[&'a str], random: &mut Random) -> Vec<&'a str> {
    let mut parts = parts.to_vec();
    let range = random.range(parts.len());
    match random.below(5) {
        0 => drop(parts.drain(range)),
        1 => {
            let copied = parts[range.clone()].to_vec();
            parts.splice(range.start..range.start, copied);
        }
        2 => {
            let taken: Vec<&str> = parts.drain(range).collect();
            let at = random.below(parts.len() + 1);
            parts.splice(at..at, taken);
        }
        3 => {
            let taken = others[random.range(others.len())].to_vec();
            parts.splice(range, taken);
        }
        _ => {
            let word = *random.pick(WORDS);
            let end = if random.once_in(2) { range.end } else { range.start };
            parts.splice(range.start..end, [" ", word, " "]);
        }
    }
    parts
}

/// Something within itself, deeper than anybody would write it.
fn nested(text: &str, random: &mut Random) -> String {
    const PAIRS: &[(&str, &str)] = &[
        ("message M {", "}"),
        ("option (angzarr.v1.component) = {", "}"),
        ("{", "}"),
        ("a {", "}"),
        ("a: {", "}"),
        ("a: [", "]"),
        ("[", "]"),
        ("(", ")"),
        ("a <", ">"),
        ("map<string,", ">"),
        ("oneof o {", "}"),
        ("optional group G = 1 {", "}"),
        ("/*", "*/"),
        ("-", ""),
        ("a.", ""),
    ];
    let (open, close) = *random.pick(PAIRS);
    let depth = *random.pick(&[2, 20, 33, 100, 1_000, 20_000]);
    let body = format!("{}{}", open.repeat(depth), close.repeat(depth));
    let tokens = tokens(text);
    let at = random.below(tokens.len() + 1);
    [&tokens[..at], &[body.as_str()], &tokens[at..]].concat().concat()
}

/// Something very often, or very long.
fn large(text: &str, random: &mut Random) -> String {
    let count = *random.pick(&[10, 200, 2_000]);
    let name = "n".repeat(count);
    let added = match random.below(6) {
        0 => (1..=count).map(|number| format!("message L{number} {{ L1 a = {number}; }}\n")).collect(),
        1 => {
            let fields = (1..=count).map(|number| format!("int32 f{number} = {number};"));
            format!("message L {{ {} }}\n", fields.collect::<String>())
        }
        2 => format!("message {name} {{ {name} {name} = 1; }}\n"),
        3 => format!("option java_package = \"{name}\";\n"),
        4 => format!("message L {{ {}int32 a = 1; }}\n", "int32 a = 1 [deprecated = true];".repeat(count)),
        _ => format!("import \"{name}.proto\";\n").repeat(count / 10),
    };
    let lines = lines(text);
    let at = random.below(lines.len() + 1);
    [&lines[..at], &[added.as_str()], &lines[at..]].concat().concat()
}

/// One word replaced by another one everywhere.
fn renamed(text: &str, random: &mut Random) -> String {
    let tokens = tokens(text);
    let words: Vec<&str> = tokens.iter().copied().filter(|token| token.starts_with(char::is_alphanumeric)).collect();
    if words.is_empty() {
        return text.to_owned();
    }
    let (from, to) = (*random.pick(&words), if random.once_in(3) { random.pick(WORDS) } else { random.pick(&words) });
    tokens.into_iter().map(|token| if token == from { to } else { token }).collect()
}
