//! The files that a description needs, as a set that any protobuf library reads.

use std::collections::BTreeSet;

use angzarr_model::codes;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, FileDescriptor, MessageDescriptor};
use protox::file::{FileResolver, GoogleFileResolver};

use crate::encoding::encode;
use crate::frontend::{EncodedSet, Protos};
use crate::report::{Place, Report};

/// Where protobuf says what a file is, the full name of that, and its field for comments and places.
const DESCRIPTOR: &str = "google/protobuf/descriptor.proto";
const FILE: &str = "google.protobuf.FileDescriptorProto";
const SOURCE_INFO: &str = "source_code_info";

/// The files to generate and everything that they import, encoded as a set.
///
/// # Errors
/// As for [`Encoder::new`] and [`Encoder::encoded`].
pub(super) fn encoded(protos: &Protos) -> Result<Vec<u8>, Vec<Report>> {
    let encoder = Encoder::new(protos)?;
    let files = ordered(protos).iter().map(|file| encoder.encoded(file)).collect::<Result<_, _>>()?;
    Ok(EncodedSet { file: files }.encode_to_vec())
}

/// The files to generate and everything that they import, dependencies first, by name beyond that.
pub(crate) fn ordered(protos: &Protos) -> Vec<FileDescriptor> {
    let mut roots: Vec<FileDescriptor> =
        protos.pool.files().filter(|file| protos.generate.contains(file.name())).collect();
    roots.sort_by(|a, b| a.name().cmp(b.name()));
    let mut ordered = Vec::new();
    let mut seen = BTreeSet::new();
    roots.iter().for_each(|file| add(file, &mut seen, &mut ordered));
    ordered
}

/// Encodes files to the bytes that generated code carries.
pub(crate) struct Encoder {
    ty: MessageDescriptor,
}

impl Encoder {
    /// For the files of one run.
    ///
    /// # Errors
    /// A `descriptor.proto` that came with the files and is not protobuf's.
    pub(crate) fn new(protos: &Protos) -> Result<Self, Vec<Report>> {
        // Whoever uses an annotation imports it, and there are no options of other kinds without it.
        let own = protos.pool.get_message_by_name(FILE);
        let ty = own
            .or_else(|| DescriptorPool::global().get_message_by_name(FILE))
            .ok_or_else(|| foreign(&format!("`{FILE}` is missing")))?;
        Ok(Self { ty })
    }

    /// A file with options that are extensions, and without comments and places; the bytes are the same whichever
    /// compiler read it. Other compilers carry other releases of protobuf's own files, so the one that this crate carries
    /// stands for them.
    ///
    /// # Errors
    /// A `descriptor.proto` that came with the files and is not protobuf's.
    pub(crate) fn encoded(&self, file: &FileDescriptor) -> Result<Vec<u8>, Vec<Report>> {
        let bytes = match GoogleFileResolver::new().open_file(file.name()) {
            Ok(carried) => carried.file_descriptor_proto().encode_to_vec(),
            Err(_) => file.encode_to_vec(),
        };
        let decoded = DynamicMessage::decode(self.ty.clone(), bytes.as_slice());
        let mut described = decoded.map_err(|error| foreign(&error))?;
        described.clear_field_by_name(SOURCE_INFO);
        Ok(encode(&described))
    }
}

fn foreign(reason: &dyn std::fmt::Display) -> Vec<Report> {
    let message = format!("`{DESCRIPTOR}` does not say what a file is: {reason}");
    let report = Report::of(codes::INVALID_FILE, message).at(Place::file(DESCRIPTOR));
    vec![report.help("leave protobuf's own files to the compiler")]
}

/// As deep as files import each other.
fn add(file: &FileDescriptor, seen: &mut BTreeSet<String>, ordered: &mut Vec<FileDescriptor>) {
    if !seen.insert(file.name().to_owned()) {
        return;
    }
    let mut dependencies: Vec<FileDescriptor> = file.dependencies().collect();
    dependencies.sort_by(|a, b| a.name().cmp(b.name()));
    dependencies.iter().for_each(|dependency| add(dependency, seen, ordered));
    ordered.push(file.clone());
}

#[cfg(test)]
mod tests {
    use crate::{Request, generate};

    #[test]
    fn another_descriptor_proto_is_a_finding() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let options = ["Message", "Field", "Service", "Method"]
            .map(|kind| format!("message {kind}Options {{ extensions 1000 to max; }}\n"));
        write(
            "google/protobuf/descriptor.proto",
            &format!(
                "syntax = \"proto2\";\npackage google.protobuf;\n{}message FileDescriptorProto {{ optional int32 name = 1; }}\n",
                options.concat()
            ),
        );
        write(
            "a.proto",
            "syntax = \"proto3\";\npackage a.v1;\nimport \"angzarr/v1/options.proto\";\nmessage Do { string id = 1 \
             [(angzarr.v1.field).root = true]; }\nmessage Done {}\nmessage State {}\nservice Doer {\n  option \
             (angzarr.v1.component).aggregate = { domain: \"a\" state: \"State\" };\n  rpc Perform(Do) returns (Done);\n}\n",
        );
        let request =
            Request { includes: vec![folder.path().into()], files: vec!["a.proto".into()], ..Request::default() };
        let findings: Vec<String> = generate(&request).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            findings,
            [
                "error[AZ0001]: `google/protobuf/descriptor.proto` does not say what a file is: failed to decode Protobuf \
                 message: invalid wire type: LengthDelimited (expected Varint)\n--> google/protobuf/descriptor.proto\n = \
                 help: leave protobuf's own files to the compiler"
            ]
        );
    }
}
