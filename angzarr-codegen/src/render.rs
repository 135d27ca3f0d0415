//! Templates, and nothing but templates: what they print was decided before.

use angzarr_model::codes;
use serde::Serialize;
use tera::{Context, Tera};

use crate::Report;

/// Every template, by the name under which it is rendered.
const TEMPLATES: [(&str, &str); 24] = [
    ("pictures/catalogue.md", include_str!("../templates/pictures/catalogue.md.tera")),
    ("pictures/graph.dot", include_str!("../templates/pictures/graph.dot.tera")),
    ("pictures/graph.mmd", include_str!("../templates/pictures/graph.mmd.tera")),
    ("pictures/graph.svg", include_str!("../templates/pictures/graph.svg.tera")),
    ("pictures/page.html", include_str!("../templates/pictures/page.html.tera")),
    ("python/client.py", include_str!("../templates/python/client.py.tera")),
    ("python/clients.py", include_str!("../templates/python/clients.py.tera")),
    ("python/component.py", include_str!("../templates/python/component.py.tera")),
    ("python/components.py", include_str!("../templates/python/components.py.tera")),
    ("python/description.py", include_str!("../templates/python/description.py.tera")),
    ("python/header.py", include_str!("../templates/python/header.py.tera")),
    ("python/ids.py", include_str!("../templates/python/ids.py.tera")),
    ("python/main.py", include_str!("../templates/python/main.py.tera")),
    ("python/messages.py", include_str!("../templates/python/messages.py.tera")),
    ("python/messages.pyi", include_str!("../templates/python/messages.pyi.tera")),
    ("python/server.py", include_str!("../templates/python/server.py.tera")),
    ("python/tables.py", include_str!("../templates/python/tables.py.tera")),
    ("python/support.py", include_str!("../templates/python/support.py.tera")),
    ("python/testing.py", include_str!("../templates/python/testing.py.tera")),
    ("rust/header.rs", include_str!("../templates/rust/header.rs.tera")),
    ("rust/attributes.rs", include_str!("../templates/rust/attributes.rs.tera")),
    ("rust/component.rs", include_str!("../templates/rust/component.rs.tera")),
    ("rust/description.rs", include_str!("../templates/rust/description.rs.tera")),
    ("rust/mod.rs", include_str!("../templates/rust/mod.rs.tera")),
];

/// The templates, parsed.
pub(crate) struct Renderer(Tera);

impl Renderer {
    /// Parses the templates.
    ///
    /// # Errors
    /// A template that does not parse, which is a mistake of this crate.
    pub(crate) fn new() -> Result<Self, Vec<Report>> {
        Self::of(&TEMPLATES)
    }

    /// Parses other templates, by the names under which they are rendered.
    ///
    /// # Errors
    /// A template that does not parse, which is a mistake of this crate.
    pub(crate) fn of(templates: &[(&'static str, &'static str)]) -> Result<Self, Vec<Report>> {
        let mut tera = Tera::default();
        // What is printed is code; nothing of it is HTML.
        tera.autoescape_on(Vec::<&'static str>::new());
        tera.add_raw_templates(templates.iter().copied()).map_err(|error| internal(&error))?;
        Ok(Renderer(tera))
    }

    /// Prints one view.
    ///
    /// # Errors
    /// A template that does not fit its view, which is a mistake of this crate.
    pub(crate) fn render(&self, template: &str, view: &impl Serialize) -> Result<String, Vec<Report>> {
        let context = Context::from_serialize(view).map_err(|error| internal(&error))?;
        self.0.render(template, &context).map_err(|error| internal(&error))
    }
}

/// A mistake of this crate, told like any other instead of a panic.
pub(crate) fn internal(error: &dyn std::fmt::Display) -> Vec<Report> {
    let message = format!("the generator contradicts itself: {error}");
    let code = codes::INTERNAL;
    vec![Report::of(code, message)]
}
