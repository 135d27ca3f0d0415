//! What can be known before anything is started.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use angzarr_codegen::standalone::{HostedService, Standalone};

use super::Program;
use crate::console::{Exit, unusable, unusable_file};

/// Where configurations of sidecars are written, in the folder of the file.
const FOLDER: &str = ".angzarr";

/// Each service, followed by its sidecar. What is wrong is told, all of it.
pub(super) fn programs(standalone: &Standalone, named: Option<&Path>) -> Result<Vec<Program>, Exit> {
    let sidecar = sidecar(standalone, named);
    let mut wrong = Vec::new();
    if let Err(why) = &sidecar {
        wrong.push(why.clone());
    }
    let mut programs = Vec::new();
    for service in &standalone.services {
        let program = service.command.first().map(String::as_str).unwrap_or_default();
        if !service.folder.as_os_str().is_empty() && !service.folder.is_dir() {
            wrong.push(format!("`{}` is to run in {}, which is no folder", service.name, service.folder.display()));
        } else if found(program, &service.folder).is_none() {
            wrong.push(format!("`{}` is to run `{program}`, which is not found", service.name));
        }
        for (whose, endpoint) in [("", &service.address), ("/sidecar", &service.listen)] {
            if endpoint.accepts(&standalone.folder) {
                wrong.push(format!("somebody listens at {endpoint} already, where `{}{whose}` is to", service.name));
            }
        }
        if let Ok(sidecar) = &sidecar {
            let file = write(standalone, service)?;
            wrong.extend(mistakes(sidecar, &standalone.folder, &file));
            programs.push(Program::service(standalone, service));
            programs.push(Program::sidecar(standalone, service, sidecar, &file, programs.len() - 1));
        }
    }
    if wrong.is_empty() {
        return Ok(programs);
    }
    for why in &wrong {
        unusable(why);
    }
    Err(Exit::Findings)
}

/// Writes what a sidecar is told; secrets stay the variables that they are.
fn write(standalone: &Standalone, service: &HostedService) -> Result<PathBuf, Exit> {
    let name = PathBuf::from(FOLDER).join(format!("{}.yaml", service.name));
    let path = standalone.folder.join(&name);
    let folder = standalone.folder.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|error| unusable_file(&error, &folder))?;
    fs::write(&path, &service.configuration).map_err(|error| unusable_file(&error, &path))?;
    Ok(name)
}

/// What the sidecar itself says of its configuration.
fn mistakes(sidecar: &Path, folder: &Path, file: &Path) -> Option<String> {
    let mut command = Command::new(sidecar);
    command.arg("--check-config").arg("--config").arg(file).current_dir(here(folder));
    match command.output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!(
            "the configuration that was made of the file is wrong:\n{}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        )),
        Err(error) => Some(format!("cannot start {}: {error}", sidecar.display())),
    }
}

fn sidecar(standalone: &Standalone, named: Option<&Path>) -> Result<PathBuf, String> {
    const NAME: &str = "angzarr-sidecar";
    if let Some(named) = named.or(standalone.sidecar.as_deref()) {
        let text = named.display().to_string();
        return found(&text, Path::new("")).ok_or_else(|| format!("the sidecar's program `{text}` is not found"));
    }
    let beside = env::current_exe().ok().and_then(|own| own.parent().map(|folder| folder.join(NAME)));
    let beside = beside.filter(|path| path.is_file());
    beside.or_else(|| found(NAME, Path::new(""))).ok_or_else(|| {
        format!(
            "`{NAME}` is neither beside this program nor in PATH; name it by --sidecar, or as `sidecar` in the file"
        )
    })
}

/// The program of that name, whole: with a `/` in it from `folder`, else from PATH.
fn found(name: &str, folder: &Path) -> Option<PathBuf> {
    let whole = |path: PathBuf| std::path::absolute(path).ok().filter(|path| path.is_file());
    if name.contains('/') {
        return whole(folder.join(name));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).find_map(|folder| whole(folder.join(name)))
}

/// A folder that a process may be started in; the empty one is this one.
pub(super) fn here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

impl Program {
    fn service(standalone: &Standalone, service: &HostedService) -> Self {
        let mut words = service.command.iter().map(Into::into);
        let program = words.next().map(|program: std::ffi::OsString| {
            found(&program.to_string_lossy(), &service.folder).map_or(program, Into::into)
        });
        Self {
            name: service.name.clone(),
            words: program.into_iter().chain(words).collect(),
            folder: here(&service.folder).to_path_buf(),
            environment: service.environment.clone(),
            endpoint: service.address.clone(),
            looked_for_from: standalone.folder.clone(),
            needs: None,
        }
    }

    fn sidecar(standalone: &Standalone, service: &HostedService, program: &Path, file: &Path, needs: usize) -> Self {
        Self {
            name: format!("{}/sidecar", service.name),
            words: vec![program.into(), "--config".into(), file.into()],
            folder: here(&standalone.folder).to_path_buf(),
            environment: Default::default(),
            endpoint: service.listen.clone(),
            looked_for_from: standalone.folder.clone(),
            needs: Some(needs),
        }
    }
}
