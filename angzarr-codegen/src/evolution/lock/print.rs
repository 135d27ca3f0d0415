//! The text of a lock file. The same lock gives the same bytes.

use std::fmt::{self, Display, Formatter};

use super::{Consumer, Domain, Field, Id, Lock, Rule, Shape, Stored, Upcast, Values};

const HEADER: &str = "\
# What is stored, and how it is found again: `angzarr breaking` compares protos with it.
# Written by `angzarr lock`. Commit it; where a merge conflicts, keep the lines of both sides and write it again.
";

impl Display for Lock {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}\nformat = {}", self.format)?;
        self.domains.iter().try_for_each(|(name, domain)| print_domain(f, name, domain))?;
        self.stored.iter().try_for_each(|(name, stored)| print_stored(f, name, stored))?;
        self.upcasts.iter().try_for_each(|(name, upcast)| print_upcast(f, name, upcast))?;
        self.consumers.iter().try_for_each(|(name, consumer)| print_consumer(f, name, consumer))?;
        self.messages.iter().try_for_each(|(name, shape)| print_shape(f, name, shape))?;
        self.enums.iter().try_for_each(|(name, values)| print_values(f, name, values))
    }
}

fn print_domain(f: &mut Formatter<'_>, name: &str, domain: &Domain) -> fmt::Result {
    let name = quoted(name);
    writeln!(f, "\n[domains.{name}]")?;
    writeln!(f, "owner = {}", quoted(&domain.owner))?;
    writeln!(f, "kind = {}", quoted(&domain.kind))?;
    writeln!(f, "namespace = {}", quoted(&domain.namespace))?;
    let state = &domain.state;
    writeln!(f, "\n[domains.{name}.state]")?;
    writeln!(f, "message = {}", quoted(&state.message))?;
    writeln!(f, "fingerprint = {}", quoted(&state.fingerprint))?;
    writeln!(f, "snapshot_version = {}", state.snapshot_version)?;
    if !domain.roots.is_empty() {
        writeln!(f, "\n[domains.{name}.roots]")?;
    }
    for (message, root) in &domain.roots {
        writeln!(f, "{} = {}", quoted(message), id(root))?;
    }
    if !domain.keys.is_empty() {
        writeln!(f, "\n[domains.{name}.keys]")?;
    }
    for (message, parts) in &domain.keys {
        let parts = parts.iter().map(|part| {
            let (path, numbers, ty) = (quoted(&part.path), &part.numbers, quoted(&part.ty));
            format!("{{ path = {path}, numbers = {numbers:?}, type = {ty} }}")
        });
        writeln!(f, "{} = [{}]", quoted(message), parts.collect::<Vec<_>>().join(", "))?;
    }
    Ok(())
}

fn print_stored(f: &mut Formatter<'_>, name: &str, stored: &Stored) -> fmt::Result {
    writeln!(f, "\n[stored.{}]", quoted(name))?;
    writeln!(f, "use = {}", quoted(stored.kept.words()))?;
    writeln!(f, "domain = {}", quoted(&stored.domain))?;
    if stored.retired {
        writeln!(f, "retired = true")?;
    }
    if !stored.stored_as.is_empty() {
        let names: Vec<String> = stored.stored_as.iter().map(|name| quoted(name)).collect();
        writeln!(f, "stored_as = [{}]", names.join(", "))?;
    }
    if let Some(key) = &stored.idempotency_key {
        writeln!(f, "idempotency_key = {}", id(key))?;
    }
    writeln!(f, "fingerprint = {}", quoted(&stored.fingerprint))
}

fn id(id: &Id) -> String {
    format!("{{ number = {}, name = {}, type = {} }}", id.number, quoted(&id.name), quoted(&id.ty))
}

fn print_upcast(f: &mut Formatter<'_>, name: &str, upcast: &Upcast) -> fmt::Result {
    writeln!(f, "\n[upcasts.{}]", quoted(name))?;
    writeln!(f, "to = {}", quoted(&upcast.to))?;
    print_lines(f, "rules", upcast.rules.iter().map(rule))
}

fn rule(rule: &Rule) -> String {
    let said = [("upcast_default", &rule.upcast_default), ("renamed_from", &rule.renamed_from)];
    let said = said.iter().filter_map(|(name, text)| Some(format!(", {name} = {}", quoted(text.as_ref()?))));
    format!("{{ number = {}, name = {}{} }}", rule.number, quoted(&rule.name), said.collect::<String>())
}

fn print_consumer(f: &mut Formatter<'_>, name: &str, consumer: &Consumer) -> fmt::Result {
    writeln!(f, "\n[consumers.{}]", quoted(name))?;
    writeln!(f, "kind = {}", quoted(&consumer.kind))?;
    print_lines(f, "events", consumer.events.iter().map(|event| quoted(event)))
}

fn print_shape(f: &mut Formatter<'_>, name: &str, shape: &Shape) -> fmt::Result {
    writeln!(f, "\n[messages.{}]", quoted(name))?;
    print_lines(f, "fields", shape.fields.iter().map(field))?;
    match shape.removed.is_empty() {
        true => Ok(()),
        false => print_lines(f, "removed", shape.removed.iter().map(field)),
    }
}

fn field(field: &Field) -> String {
    let (number, name, ty) = (field.number, quoted(&field.name), quoted(&field.ty));
    let label = field.label.map(|label| format!(", label = {}", quoted(label.words()))).unwrap_or_default();
    let oneof = field.oneof.as_ref().map(|oneof| format!(", oneof = {}", quoted(oneof))).unwrap_or_default();
    let default = field.default.as_ref().map(|default| format!(", default = {}", quoted(default))).unwrap_or_default();
    format!("{{ number = {number}, name = {name}, type = {ty}{label}{oneof}{default} }}")
}

fn print_values(f: &mut Formatter<'_>, name: &str, values: &Values) -> fmt::Result {
    writeln!(f, "\n[enums.{}]", quoted(name))?;
    let values = values.values.iter();
    print_lines(f, "values", values.map(|one| format!("{{ number = {}, name = {} }}", one.number, quoted(&one.name))))
}

/// A list with a line an item.
fn print_lines(f: &mut Formatter<'_>, name: &str, lines: impl ExactSizeIterator<Item = String>) -> fmt::Result {
    if lines.len() == 0 {
        return writeln!(f, "{name} = []");
    }
    writeln!(f, "{name} = [")?;
    for line in lines {
        writeln!(f, "  {line},")?;
    }
    writeln!(f, "]")
}

/// As a basic string, on one line whatever is in it: names that come from a file may be anything.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => quoted.push_str(&format!("\\U{:08X}", u32::from(control))),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}
