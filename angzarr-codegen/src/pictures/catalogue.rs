//! A Markdown catalogue: for every domain what it takes, stores, answers and shows.

mod markdown;

use std::collections::BTreeMap;

use serde::Serialize;

use super::document::{
    Component, Delivery, Document, Enum, Field, FieldLabel, Handler, HandlerName, Message, MessageUse, Yields,
};
use super::graph::last;
use crate::render::Renderer;
use crate::{GeneratedFile, Report};
use markdown::{cell, code, prose};

/// What the template prints; all texts are Markdown already.
#[derive(Debug, Serialize)]
struct View {
    pages: Vec<Page>,
}

/// A domain, or the list of all.
#[derive(Debug, Serialize)]
struct Page {
    /// `#` signs of its title.
    level: &'static str,
    anchor: String,
    title: String,
    intro: String,
    sections: Vec<Section>,
}

#[derive(Debug, Serialize)]
struct Section {
    title: &'static str,
    entries: Vec<Entry>,
}

#[derive(Debug, Serialize)]
struct Entry {
    anchor: String,
    title: String,
    comment: String,
    lines: Vec<String>,
    table: Option<Table>,
}

#[derive(Debug, Serialize)]
struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<String>>,
}

/// What a group's messages are listed under, in this order; one of several uses is listed under the first.
const SECTIONS: [(&str, MessageUse); 9] = [
    ("Commands", MessageUse::Command),
    ("Facts", MessageUse::Fact),
    ("Events", MessageUse::Event),
    ("Old events", MessageUse::OldEvent),
    ("Queries", MessageUse::Query),
    ("Answers", MessageUse::Answer),
    ("Deadlines", MessageUse::Deadline),
    ("Views", MessageUse::View),
    ("States", MessageUse::State),
];

pub(super) fn one_file(renderer: &Renderer, document: &Document) -> Result<String, Vec<Report>> {
    let catalogue = Catalogue::of(document, |_| String::new());
    let pages =
        [catalogue.contents("#")].into_iter().chain(catalogue.groups().map(|group| catalogue.page("##", group)));
    renderer.render("pictures/catalogue.md", &View { pages: pages.collect() })
}

pub(super) fn files(renderer: &Renderer, document: &Document) -> Result<Vec<GeneratedFile>, Vec<Report>> {
    let catalogue = Catalogue::of(document, |group| format!("{group}.md"));
    let file = |name: String, page: Page| -> Result<GeneratedFile, Vec<Report>> {
        let text = renderer.render("pictures/catalogue.md", &View { pages: vec![page] })?;
        Ok(GeneratedFile { name, text })
    };
    let mut files = vec![file("README.md".to_owned(), catalogue.contents("#"))?];
    for group in catalogue.groups() {
        files.push(file(format!("{group}.md"), catalogue.page("#", group))?);
    }
    Ok(files)
}

/// A document, and where each name in it is described.
struct Catalogue<'a> {
    document: &'a Document,
    /// The group of each component, message and enum, by full name.
    groups: BTreeMap<&'a str, String>,
    /// The file of a group, as links name it; empty if all is in one.
    file: fn(&str) -> String,
}

impl<'a> Catalogue<'a> {
    fn of(document: &'a Document, file: fn(&str) -> String) -> Self {
        let mut groups = BTreeMap::new();
        for one in &document.components {
            groups.insert(one.full_name.as_str(), document.shown_with(one).unwrap_or(&one.package).to_owned());
        }
        // What is nobody's own lies with the components of its package, or of the one below.
        let of_package = |package: &str| {
            let near = |one: &&Component| one.package == package || one.package.strip_suffix(".app") == Some(package);
            let component = document.components.iter().find(near);
            component.and_then(|one| document.shown_with(one)).unwrap_or(package).to_owned()
        };
        for one in &document.messages {
            groups.insert(&one.name, one.domain.clone().unwrap_or_else(|| of_package(&one.package)));
        }
        for one in &document.enums {
            groups.insert(&one.name, of_package(&one.package));
        }
        Catalogue { document, groups, file }
    }

    /// The names of all groups, sorted.
    fn groups(&self) -> impl Iterator<Item = &str> {
        let names: std::collections::BTreeSet<&str> = self.groups.values().map(String::as_str).collect();
        names.into_iter()
    }

    fn within<T>(&self, group: &str, all: &'a [T], name: fn(&T) -> &str) -> impl Iterator<Item = &'a T> {
        all.iter().filter(move |one| self.groups.get(name(one)).is_some_and(|own| own == group))
    }

    fn contents(&self, level: &'static str) -> Page {
        let mut intro = vec!["| Domain | Owner | Components |".to_owned(), "|---|---|---|".to_owned()];
        for group in self.groups() {
            let owner = self.document.domains.iter().find(|domain| domain.name == group);
            let owner = owner.map(|domain| self.link(&domain.owner)).unwrap_or_default();
            let components = self.within(group, &self.document.components, |one| &one.full_name);
            let components: Vec<String> = components.map(|one| self.link(&one.full_name)).collect();
            let link = format!("[{group}]({}#{group})", (self.file)(group));
            intro.push(format!("| {link} | {owner} | {} |", components.join(", ")));
        }
        let (anchor, title) = ("catalogue".to_owned(), "Catalogue".to_owned());
        Page { level, anchor, title, intro: intro.join("\n"), sections: Vec::new() }
    }

    fn page(&self, level: &'static str, group: &str) -> Page {
        let components = self.within(group, &self.document.components, |one| &one.full_name);
        let mut sections =
            vec![Section { title: "Components", entries: components.map(|c| self.component(c)).collect() }];
        let messages = || self.within(group, &self.document.messages, |one| &one.name);
        for (title, kind) in SECTIONS {
            let listed = messages().filter(|one| one.uses.iter().find(|one| **one != MessageUse::Union) == Some(&kind));
            sections.push(Section { title, entries: listed.map(|one| self.message(one)).collect() });
        }
        let rejections = |one: &&Enum| {
            let mut components = self.document.components.iter();
            components.any(|component| component.rejections.as_ref() == Some(&one.name))
        };
        let enums = || self.within(group, &self.document.enums, |one| &one.name);
        let refused = enums().filter(rejections).map(enumeration).collect();
        sections.push(Section { title: "Rejections", entries: refused });
        let other = messages().filter(|one| one.uses.iter().all(|one| *one == MessageUse::Union));
        let other = other.map(|one| self.message(one));
        let types = other.chain(enums().filter(|one| !rejections(one)).map(enumeration)).collect();
        sections.push(Section { title: "Types", entries: types });
        sections.retain(|section| !section.entries.is_empty());
        Page { level, anchor: group.to_owned(), title: prose(group), intro: String::new(), sections }
    }

    /// A link to where a name is described; the name itself, if it is not in the document.
    fn link(&self, name: &str) -> String {
        match self.groups.get(name) {
            Some(group) => format!("[{}]({}#{name})", prose(last(name)), (self.file)(group)),
            None => code(name),
        }
    }

    fn links<'b>(&self, names: impl IntoIterator<Item = &'b String>) -> String {
        names.into_iter().map(|name| self.link(name)).collect::<Vec<_>>().join(", ")
    }

    fn handlers(&self, handlers: &[HandlerName]) -> String {
        let name = |one: &HandlerName| format!("{} {}", self.link(&one.component), code(&one.method));
        handlers.iter().map(name).collect::<Vec<_>>().join(", ")
    }

    fn component(&self, one: &Component) -> Entry {
        let mut lines = vec![format!("{} {}", one.kind.words(), code(&one.full_name))];
        if let Some(state) = &one.state {
            let snapshots = one.snapshot.as_ref().filter(|snapshot| snapshot.every > 0);
            let snapshots =
                snapshots.map(|one| format!(", written down every {} records, version {}", one.every, one.version));
            lines.push(format!("state: {}{}", self.link(state), snapshots.unwrap_or_default()));
        }
        lines.extend(one.rejections.iter().map(|name| format!("rejections: {}", self.link(name))));
        lines.extend(one.view.iter().map(|name| format!("view: {}", self.link(name))));
        lines.extend(one.delivery.iter().map(delivery));
        let row = |handler: &Handler| {
            let many = if handler.yields == Yields::Many { "any number of " } else { "" };
            let output = self.links(handler.output.iter().map(|member| &member.message));
            let key = handler.key.iter().map(|path| code(path)).collect::<Vec<_>>().join(", ");
            vec![
                code(&handler.method),
                handler.kind.words().to_owned(),
                self.link(&handler.input),
                if output.is_empty() { "nothing".to_owned() } else { format!("{many}{output}") },
                format!("{key}{}", if handler.starts { " (starts)" } else { "" }),
                cell(&handler.comment),
            ]
        };
        let header = vec!["Handler", "Kind", "Takes", "Yields", "Key", ""];
        Entry {
            anchor: one.full_name.clone(),
            title: prose(&one.name),
            comment: prose(&one.comment),
            lines,
            table: Some(Table { header, rows: one.handlers.iter().map(row).collect() }),
        }
    }

    fn message(&self, one: &Message) -> Entry {
        let uses: Vec<&str> = one.uses.iter().map(|one| one.words()).collect();
        let uses = if uses.is_empty() { "message".to_owned() } else { uses.join(", ") };
        let mut lines = vec![format!("{uses} {}", code(&one.name))];
        if one.retired {
            lines.push("retired: no longer written".to_owned());
        }
        if !one.stored_as.is_empty() {
            let names: Vec<String> = one.stored_as.iter().map(|name| code(name)).collect();
            lines.push(format!("stored before as: {}", names.join(", ")));
        }
        if !one.upcast_to.is_empty() {
            lines.push(format!("becomes: {}", self.links(&one.upcast_to)));
        }
        let before = self.document.messages.iter().filter(|old| old.upcast_to.contains(&one.name));
        let before = self.links(before.map(|old| &old.name));
        let rows = [
            ("earlier versions", before),
            ("yielded by", self.handlers(&one.written_by)),
            ("taken by", self.handlers(&one.read_by)),
        ];
        lines.extend(
            rows.into_iter().filter(|(_, text)| !text.is_empty()).map(|(what, text)| format!("{what}: {text}")),
        );
        let rows: Vec<Vec<String>> = one.fields.iter().map(|field| self.field(field)).collect();
        Entry {
            anchor: one.name.clone(),
            title: prose(last(&one.name)),
            comment: prose(&one.comment),
            lines,
            table: (!rows.is_empty()).then(|| Table { header: vec!["No.", "Field", "Type", ""], rows }),
        }
    }

    fn field(&self, field: &Field) -> Vec<String> {
        let label = match field.label {
            FieldLabel::Plain => "",
            _ if field.ty.starts_with("map<") => "",
            FieldLabel::Optional if field.oneof.is_some() => "",
            FieldLabel::Optional => "optional ",
            FieldLabel::Required => "required ",
            FieldLabel::Repeated => "repeated ",
        };
        let mut notes = Vec::new();
        if field.root {
            notes.push("root".to_owned());
        }
        if field.idempotency_key {
            notes.push("external id".to_owned());
        }
        notes.extend(field.renamed_from.iter().map(|name| format!("renamed from {}", code(name))));
        notes.extend(field.upcast_default.iter().map(|value| format!("upcast default {}", code(value))));
        notes.extend(field.oneof.iter().map(|oneof| format!("one of {}", code(oneof))));
        let notes = [notes.join(", "), cell(&field.comment)].into_iter().filter(|text| !text.is_empty());
        vec![
            field.number.to_string(),
            code(&field.name),
            format!("{label}{}", self.ty(&field.ty)),
            notes.collect::<Vec<_>>().join("; "),
        ]
    }

    /// A type, whose names may be in the document.
    fn ty(&self, spelling: &str) -> String {
        let inside = spelling.strip_prefix("map<").and_then(|rest| rest.strip_suffix('>'));
        match inside.and_then(|inside| inside.split_once(", ")) {
            Some((key, value)) => format!("map from {} to {}", code(key), self.link(value)),
            None => self.link(spelling),
        }
    }
}

fn delivery(delivery: &Delivery) -> String {
    let attempts = delivery.attempts.map(|attempts| format!("{attempts} attempts"));
    let timeout = delivery.timeout_ms.map(|timeout| format!("{timeout} ms each"));
    let failure = delivery.on_failure.map(|what| format!("then {}", code(what)));
    let said: Vec<String> = [attempts, timeout, failure].into_iter().flatten().collect();
    format!("delivery: {}", said.join(", "))
}

fn enumeration(one: &Enum) -> Entry {
    let rows = one.values.iter().map(|value| vec![value.number.to_string(), code(&value.name), cell(&value.comment)]);
    Entry {
        anchor: one.name.clone(),
        title: prose(last(&one.name)),
        comment: prose(&one.comment),
        lines: vec![format!("enum {}", code(&one.name))],
        table: Some(Table { header: vec!["No.", "Value", ""], rows: rows.collect() }),
    }
}
