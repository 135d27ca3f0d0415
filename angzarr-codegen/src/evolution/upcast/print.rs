//! Proto text.

use std::fmt::Write;

use angzarr_model::ir::{Field, Label, Message};

/// The last part of a full name.
pub(super) fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// What the old version says of itself.
pub(super) fn retired() -> &'static str {
    "option (angzarr.v1.message).retired = true;"
}

/// A message of another name with the same fields.
pub(super) fn message(old: &Message, name: &str) -> String {
    let mut text = comment("", &old.doc);
    let mut oneof: Option<&String> = None;
    // Writing to a String cannot fail.
    let _ = writeln!(text, "message {name} {{");
    for field in &old.fields {
        if oneof.is_some() && oneof != field.oneof.as_ref() {
            text.push_str("  }\n");
        }
        if let Some(own) = field.oneof.as_ref().filter(|own| oneof != Some(own)) {
            let _ = writeln!(text, "  oneof {own} {{");
        }
        oneof = field.oneof.as_ref();
        let indent = if oneof.is_some() { "    " } else { "  " };
        text.push_str(&comment(indent, &field.doc));
        let _ = writeln!(text, "{indent}{}", self::field(field, &old.package));
    }
    if oneof.is_some() {
        text.push_str("  }\n");
    }
    text.push('}');
    text
}

fn field(field: &Field, package: &str) -> String {
    let label = match field.label {
        Label::Plain => "",
        Label::Optional if field.oneof.is_some() || matches!(field.ty, angzarr_model::ir::FieldType::Message(_)) => "",
        Label::Repeated if field.spelling.starts_with("map<") => "",
        Label::Optional => "optional ",
        Label::Required => "required ",
        Label::Repeated => "repeated ",
    };
    let ty = match field.spelling.strip_prefix("map<").and_then(|rest| rest.strip_suffix('>')) {
        Some(inside) => match inside.split_once(", ") {
            Some((key, value)) => format!("map<{key}, {}>", short(value, package, package)),
            None => field.spelling.clone(),
        },
        None => short(&field.spelling, package, package),
    };
    let marks = [(field.root, "root"), (field.idempotency_key, "idempotency_key")];
    let marks: Vec<String> =
        marks.iter().filter(|(is, _)| *is).map(|(_, name)| format!("(angzarr.v1.field).{name} = true")).collect();
    let options = if marks.is_empty() { String::new() } else { format!(" [{}]", marks.join(", ")) };
    format!("{label}{ty} {} = {}{options};", field.name, field.number)
}

/// An rpc, in a service of the second package, with messages of the first.
pub(super) fn rpc(method: &str, old: &str, new: &str, (package, service): (&str, &str)) -> String {
    format!("rpc {method}({}) returns ({});", short(old, package, service), short(new, package, service))
}

/// An upcaster with one rpc.
pub(super) fn service(name: &str, domain: &str, rpc: &str) -> String {
    format!(
        "// Older versions of the events of \"{domain}\", as this release writes them.\n\
         service {name} {{\n  option (angzarr.v1.component).upcaster = {{domain: \"{domain}\"}};\n\n  {rpc}\n}}"
    )
}

/// A type's name as it may be spelt in a package that it belongs to or lies above; others stay as they are.
fn short(name: &str, package: &str, spelt_in: &str) -> String {
    let above = spelt_in == package || spelt_in.strip_prefix(package).is_some_and(|rest| rest.starts_with('.'));
    match name.strip_prefix(package).and_then(|rest| rest.strip_prefix('.')) {
        Some(rest) if above && !package.is_empty() => return rest.to_owned(),
        _ => {}
    }
    // A part of the package of the same name would be taken for the beginning of it.
    let first = name.split('.').next().unwrap_or(name);
    let hidden = name.contains('.') && spelt_in.split('.').skip(1).any(|segment| segment == first);
    if hidden { format!(".{name}") } else { name.to_owned() }
}

fn comment(indent: &str, text: &str) -> String {
    text.lines().map(|line| format!("{}\n", format!("{indent}// {line}").trim_end())).collect()
}
