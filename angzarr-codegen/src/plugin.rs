//! The generator as a plugin of protoc and buf.

use std::collections::BTreeMap;
use std::path::PathBuf;

use angzarr_model::codes;
use angzarr_model::names::nearest;
use prost::Message;
use prost_types::compiler::CodeGeneratorResponse;
use prost_types::compiler::code_generator_response::{Feature, File};

use crate::frontend::EncodedSet;
use crate::project::travels_along;
use crate::{Generated, GeneratedFile, Report, Request};

/// What a plugin may be told, behind `--angzarr_opt=` or in `opt:` of `buf.gen.yaml`.
const PARAMETERS: [&str; 3] = ["lang", "extern", "with"];

/// Compilers hand over the files to generate and what those import, nothing else.
const WITH_HELP: &str = "`with` takes files that one of those to generate imports: import it there, or leave it out";

/// What to write to standard output, and what to show beside.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// An encoded `google.protobuf.compiler.CodeGeneratorResponse`: the files, or findings as its error.
    pub response: Vec<u8>,
    /// What somebody should look at all the same, sorted by place.
    pub warnings: Vec<Report>,
}

/// The fields of `google.protobuf.compiler.CodeGeneratorRequest` that matter here. Files stay encoded: their typed form
/// has no room for options that are extensions.
#[derive(Clone, PartialEq, Message)]
struct PluginRequest {
    #[prost(string, repeated, tag = "1")]
    file_to_generate: Vec<String>,
    #[prost(string, tag = "2")]
    parameter: String,
    #[prost(bytes = "vec", repeated, tag = "15")]
    proto_file: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Parameters {
    language: Option<String>,
    extern_paths: BTreeMap<String, String>,
    with: Vec<PathBuf>,
}

/// Answers a request of protoc or buf: an encoded `google.protobuf.compiler.CodeGeneratorRequest`.
///
/// # Errors
/// Bytes that are no such request. Everything else is told in the answer.
pub fn answer(request: &[u8]) -> Result<Answer, prost::DecodeError> {
    let request = PluginRequest::decode(request)?;
    let (outcome, warnings) = match generate(request) {
        Ok(generated) => (Ok(generated.files), generated.warnings),
        Err(error) => (Err(error), Vec::new()),
    };
    let mut response = CodeGeneratorResponse {
        supported_features: Some(Feature::Proto3Optional as u64),
        ..CodeGeneratorResponse::default()
    };
    match outcome {
        Ok(files) => {
            let file =
                |file: GeneratedFile| File { name: Some(file.name), content: Some(file.text), ..File::default() };
            response.file = files.into_iter().map(file).collect();
        }
        Err(error) => response.error = Some(error),
    }
    Ok(Answer { response: response.encode_to_vec(), warnings })
}

fn generate(request: PluginRequest) -> Result<Generated, String> {
    let Parameters { language, extern_paths, with } = parameters(&request.parameter)?;
    let generate = match language.as_deref() {
        Some("rust") => crate::generate,
        Some("python") if !extern_paths.is_empty() => return Err("parameter extern is about Rust modules".to_owned()),
        Some("python") => crate::generate_python,
        Some(other) => return Err(format!("there is no language `{other}`; there are `rust` and `python`")),
        None => return Err("name the language, like --angzarr_opt=lang=rust".to_owned()),
    };
    let mut files: Vec<PathBuf> = request.file_to_generate.into_iter().map(PathBuf::from).collect();
    files.retain(|file| !travels_along(file));
    if files.is_empty() {
        return Ok(Generated { files: Vec::new(), read: Vec::new(), warnings: Vec::new() });
    }
    let request = Request {
        files,
        with,
        extern_paths,
        descriptors: Some(EncodedSet { file: request.proto_file }.encode_to_vec()),
        ..Request::default()
    };
    generate(&request).map_err(|mut found| {
        let named = |report: &Report| report.place.as_ref().is_some_and(|p| request.with.iter().any(|f| *f == *p.file));
        for report in found.iter_mut().filter(|report| report.code == codes::FILE_NOT_FOUND.id && named(report)) {
            report.message = format!("parameter with: {}", report.message);
            WITH_HELP.clone_into(&mut report.help);
        }
        // The first line of an error stands behind the plugin's name.
        let found: Vec<String> = found.iter().map(Report::to_string).collect();
        format!("\n{}\n", found.join("\n\n"))
    })
}

fn parameters(text: &str) -> Result<Parameters, String> {
    let mut parameters = Parameters::default();
    for parameter in text.split(',').map(str::trim).filter(|parameter| !parameter.is_empty()) {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match key {
            "lang" => parameters.language = Some(value.to_owned()),
            "with" => parameters.with.push(PathBuf::from(value)),
            "extern" => {
                let mapping = value.split_once('=').ok_or_else(|| {
                    format!(
                        "`{parameter}` maps nothing; write extern=PACKAGE=PATH, like extern=shop.stock.v1=::stock::v1"
                    )
                })?;
                parameters.extern_paths.insert(mapping.0.to_owned(), mapping.1.to_owned());
            }
            _ => {
                let near = nearest(key, PARAMETERS).map(|near| format!("; did you mean `{near}`?"));
                return Err(format!("there is no parameter `{key}`{}", near.unwrap_or_default()));
            }
        }
    }
    Ok(parameters)
}
