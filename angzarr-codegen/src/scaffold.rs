//! New projects: files that are written once and belong to the user.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use angzarr_model::names::rust_field;
use serde::Serialize;

use crate::lang::python::is_keyword;
use crate::render::Renderer;
use crate::{GeneratedFile, Report};

/// The templates that all projects share. Where a name depends on the project, `NAME` stands for its package.
const PROTOS: [(&str, &str); 2] = [
    ("proto/NAME/tasks/v1/app/tasks.proto", include_str!("../templates/new/app_tasks.proto.tera")),
    ("proto/NAME/tasks/v1/tasks.proto", include_str!("../templates/new/tasks.proto.tera")),
];

/// Those of a Rust project.
const RUST: [(&str, &str); 12] = [
    (".github/workflows/ci.yml", include_str!("../templates/new/rust/ci.yml.tera")),
    (".gitignore", include_str!("../templates/new/rust/gitignore.tera")),
    ("Cargo.toml", include_str!("../templates/new/rust/Cargo.toml.tera")),
    ("Containerfile", include_str!("../templates/new/rust/Containerfile.tera")),
    ("README.md", include_str!("../templates/new/rust/README.md.tera")),
    ("angzarr.yaml", include_str!("../templates/new/rust/angzarr.yaml.tera")),
    ("build.rs", include_str!("../templates/new/rust/build.rs.tera")),
    ("src/components.rs", include_str!("../templates/new/rust/components.rs.tera")),
    ("src/lib.rs", include_str!("../templates/new/rust/lib.rs.tera")),
    ("src/main.rs", include_str!("../templates/new/rust/main.rs.tera")),
    ("tests/rules.rs", include_str!("../templates/new/rust/rules.rs.tera")),
    (".dockerignore", include_str!("../templates/new/rust/gitignore.tera")),
];

/// Those of a Python project.
const PYTHON: [(&str, &str); 15] = [
    (".github/workflows/ci.yml", include_str!("../templates/new/python/ci.yml.tera")),
    (".gitignore", include_str!("../templates/new/python/gitignore.tera")),
    ("Containerfile", include_str!("../templates/new/python/Containerfile.tera")),
    ("Makefile", include_str!("../templates/new/python/Makefile.tera")),
    ("README.md", include_str!("../templates/new/python/README.md.tera")),
    ("angzarr.yaml", include_str!("../templates/new/python/angzarr.yaml.tera")),
    ("cli.py", include_str!("../templates/new/python/cli.py.tera")),
    ("components/__init__.py", ""),
    ("components/task_list.py", include_str!("../templates/new/python/task_list.py.tera")),
    ("components/tasks.py", include_str!("../templates/new/python/tasks.py.tera")),
    ("main.py", include_str!("../templates/new/python/main.py.tera")),
    ("pyproject.toml", include_str!("../templates/new/python/pyproject.toml.tera")),
    ("sidecar.yaml", include_str!("../templates/new/python/sidecar.yaml.tera")),
    ("tests/test_rules.py", include_str!("../templates/new/python/test_rules.py.tera")),
    (".dockerignore", include_str!("../templates/new/python/gitignore.tera")),
];

/// Names that would hide a crate that the project uses, or a module of its own.
const TAKEN: [&str; 14] = [
    "alloc",
    "angzarr",
    "angzarr_codegen",
    "angzarr_runtime",
    "components",
    "core",
    "google",
    "proc_macro",
    "prost",
    "prost_types",
    "std",
    "tasks",
    "test",
    "tokio",
];

/// The name of a project: lower-case letters, digits, `-` and `_`, beginning with a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectName(String);

/// Why a name cannot be a project's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It has other characters, or begins with one that is no letter.
    #[error("a project's name has lower-case letters, digits, `-` and `_`, and begins with a letter")]
    Characters,
    /// It means something else in a language, or in the project itself.
    #[error("`{0}` means something else in Rust or Python, or in the project itself; choose another name")]
    Taken(String),
}

impl FromStr for ProjectName {
    type Err = BadName;

    fn from_str(name: &str) -> Result<Self, BadName> {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(word) {
            return Err(BadName::Characters);
        }
        let package = name.replace('-', "_");
        // The module of the package has to be called like the package itself.
        if TAKEN.contains(&package.as_str()) || rust_field(&package) != package || is_keyword(&package) {
            return Err(BadName::Taken(name.to_owned()));
        }
        Ok(ProjectName(name.to_owned()))
    }
}

impl ProjectName {
    /// The package of its protos.
    fn package(&self) -> String {
        self.0.replace('-', "_")
    }
}

impl fmt::Display for ProjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a project takes Angzarr's crates from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The registry, in this version.
    Version(String),
    /// A checkout.
    Path(PathBuf),
    /// A git repository.
    Git(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Version(version) => write!(f, "the registry, version {version}"),
            Origin::Path(path) => path.display().fmt(f),
            Origin::Git(url) => f.write_str(url),
        }
    }
}

impl Origin {
    /// The checkout that this crate was built from, if it is still there; else the registry, in this crate's version.
    pub fn of_this_build() -> Self {
        match Path::new(env!("CARGO_MANIFEST_DIR")).parent().filter(|path| is_checkout(path)) {
            Some(checkout) => Origin::Path(checkout.to_path_buf()),
            None => Origin::Version(env!("CARGO_PKG_VERSION").to_owned()),
        }
    }

    /// The fields of a dependency in `Cargo.toml`; `folder` is where the crate lies in a checkout.
    fn dependency(&self, folder: &str) -> String {
        match self {
            Origin::Version(version) => format!("version = {}", quoted(version)),
            Origin::Path(path) => format!("path = {}", quoted(&path.join(folder).display().to_string())),
            Origin::Git(url) => format!("git = {}", quoted(url)),
        }
    }
}

/// The files of a new Rust project, for [`create`](crate::output::create).
///
/// # Errors
/// A mistake of this crate.
pub fn rust(name: &ProjectName, origin: &Origin) -> Result<Vec<GeneratedFile>, Vec<Report>> {
    #[derive(Serialize)]
    struct View<'a> {
        name: &'a str,
        package: &'a str,
        runtime: String,
        codegen: String,
        rust_version: &'static str,
    }
    let package = name.package();
    let view = View {
        name: &name.0,
        package: &package,
        runtime: origin.dependency("angzarr-runtime"),
        codegen: origin.dependency("angzarr-codegen"),
        rust_version: env!("CARGO_PKG_RUST_VERSION"),
    };
    files(&RUST, &package, &view)
}

/// The files of a new Python project, for [`create`](crate::output::create); what is generated from its protos is not among
/// them.
///
/// # Errors
/// A mistake of this crate.
pub fn python(name: &ProjectName) -> Result<Vec<GeneratedFile>, Vec<Report>> {
    #[derive(Serialize)]
    struct View<'a> {
        name: &'a str,
        package: &'a str,
        /// Of the view.
        table: String,
    }
    let package = name.package();
    let view = View { name: &name.0, package: &package, table: format!("{package}_tasks_v1_app_task_list") };
    files(&PYTHON, &package, &view)
}

fn files(
    templates: &[(&'static str, &'static str)],
    package: &str,
    view: &impl Serialize,
) -> Result<Vec<GeneratedFile>, Vec<Report>> {
    let templates = [templates, &PROTOS].concat();
    let renderer = Renderer::of(&templates)?;
    let file = |(template, _): &(&str, &str)| {
        let text = renderer.render(template, view)?;
        Ok(GeneratedFile { name: template.replace("NAME", package), text })
    };
    templates.iter().map(file).collect()
}

/// A TOML string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Whether a folder is a checkout that projects can use.
pub fn is_checkout(path: &Path) -> bool {
    ["angzarr-runtime", "angzarr-codegen"].iter().all(|folder| path.join(folder).join("Cargo.toml").is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_crates_packages_and_modules() {
        for name in ["shop", "my-shop", "my_shop2"] {
            assert_eq!(name.parse::<ProjectName>().map(|name| name.to_string()), Ok(name.to_owned()));
        }
        for name in ["", "Shop", "2shop", "-shop", "shop.v1", "shöp", "../shop"] {
            assert_eq!(name.parse::<ProjectName>(), Err(BadName::Characters), "{name}");
        }
        for name in ["async", "self", "tasks", "std", "from", "angzarr-runtime", "shop__x", "shop-"] {
            assert_eq!(name.parse::<ProjectName>(), Err(BadName::Taken(name.to_owned())), "{name}");
        }
    }

    /// An image has users already, and names for them that a project may have: `mail`, `news`, `games`.
    #[test]
    fn the_user_of_an_image_is_not_called_like_the_project() {
        let files = rust(&"mail".parse().unwrap(), &Origin::Version("0.1.0".to_owned())).unwrap();
        let image = &files.iter().find(|file| file.name == "Containerfile").unwrap().text;
        assert!(image.contains("RUN useradd --system app && install -d -o app /data\nUSER app\n"), "{image}");
        assert!(image.ends_with("ENTRYPOINT [\"mail\"]\n"), "{image}");
    }

    #[test]
    fn crates_come_from_where_it_was_said() {
        let manifest = |origin: Origin| {
            let files = rust(&"my-shop".parse().unwrap(), &origin).unwrap();
            files.into_iter().find(|file| file.name == "Cargo.toml").unwrap().text
        };
        let version = manifest(Origin::Version("0.1.0".to_owned()));
        assert!(version.contains("angzarr-runtime = { version = \"0.1.0\", features = [\"testing\"] }"), "{version}");
        let path = manifest(Origin::Path(PathBuf::from("/src/\"angzarr\"")));
        assert!(path.contains("angzarr-codegen = { path = \"/src/\\\"angzarr\\\"/angzarr-codegen\" }"), "{path}");
        let git = manifest(Origin::Git("https://example.org/angzarr.git".to_owned()));
        assert!(git.contains("angzarr-runtime = { git = \"https://example.org/angzarr.git\" }"), "{git}");
    }
}
