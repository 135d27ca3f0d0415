//! Files as prost wants them: it panics where a file that has places lacks that of one element, or where a package has an
//! empty name instead of none. Compilers write no such thing, but a descriptor set need not come from one.

use std::collections::HashSet;

use prost_types::source_code_info::Location;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};

/// Numbers in `FileDescriptorProto`, `DescriptorProto` and `EnumDescriptorProto`.
const FILE_MESSAGE: i32 = 4;
const FILE_ENUM: i32 = 5;
const MESSAGE_FIELD: i32 = 2;
const MESSAGE_NESTED: i32 = 3;
const MESSAGE_ENUM: i32 = 4;
const MESSAGE_ONEOF: i32 = 8;
const ENUM_VALUE: i32 = 2;

/// The file with a place for everything that prost asks for one.
pub(super) fn completed(mut file: FileDescriptorProto) -> FileDescriptorProto {
    file.package.take_if(|package| package.is_empty());
    let Some(mut info) = file.source_code_info.take() else { return file };
    let mut needed = Vec::new();
    for (index, message) in numbered(&file.message_type) {
        in_message(message, vec![FILE_MESSAGE, index], &mut needed);
    }
    for (index, ty) in numbered(&file.enum_type) {
        in_enum(ty, vec![FILE_ENUM, index], &mut needed);
    }
    let known: HashSet<&[i32]> = info.location.iter().map(|location| location.path.as_slice()).collect();
    needed.retain(|path| !known.contains(path.as_slice()));
    info.location.extend(needed.into_iter().map(|path| Location { path, span: vec![0, 0, 0], ..Location::default() }));
    file.source_code_info = Some(info);
    file
}

fn in_message(message: &DescriptorProto, path: Vec<i32>, needed: &mut Vec<Vec<i32>>) {
    let below = |number, index| [path.as_slice(), &[number, index]].concat();
    needed.extend(numbered(&message.field).map(|(index, _)| below(MESSAGE_FIELD, index)));
    needed.extend(numbered(&message.oneof_decl).map(|(index, _)| below(MESSAGE_ONEOF, index)));
    for (index, inner) in numbered(&message.nested_type) {
        in_message(inner, below(MESSAGE_NESTED, index), needed);
    }
    for (index, ty) in numbered(&message.enum_type) {
        in_enum(ty, below(MESSAGE_ENUM, index), needed);
    }
    needed.push(path);
}

fn in_enum(ty: &EnumDescriptorProto, path: Vec<i32>, needed: &mut Vec<Vec<i32>>) {
    needed.extend(numbered(&ty.value).map(|(index, _)| [path.as_slice(), &[ENUM_VALUE, index]].concat()));
    needed.push(path);
}

fn numbered<T>(list: &[T]) -> impl Iterator<Item = (i32, &T)> {
    (0..).zip(list)
}
