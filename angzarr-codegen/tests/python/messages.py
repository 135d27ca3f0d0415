"""Messages behave as their stubs say; a row has a field of every kind."""

from google.protobuf import any_pb2, timestamp_pb2

from rows.angzarr.v1 import options_pb2, types_pb2
from rows.rows.v1 import rows_pb2
from rows.rows.v1.rows_pb2 import Row


def row() -> Row:
    return Row(
        text="t",
        large=-1,
        double=0.5,
        raw=b"\x00",
        color=Row.COLOR_RED,
        maybe_text="",
        texts=["a", "b"],
        colors=[Row.COLOR_RED, Row.COLOR_UNSPECIFIED],
        parts={"p": Row.Part(size=1, word="w")},
        color_by_number={7: Row.COLOR_RED},
        chosen_cover=types_pb2.Cover(domain="d"),
        at=timestamp_pb2.Timestamp(seconds=1),
    )


def test_fields() -> None:
    made = row()
    read = Row.FromString(made.SerializeToString(deterministic=True))
    assert read == made
    assert read.WhichOneof("choice") == "chosen_cover"
    assert read.parts["p"].WhichOneof("kind") == "word"
    assert read.HasField("maybe_text") and not read.HasField("maybe_large")
    read.ClearField("maybe_text")
    assert not read.HasField("maybe_text")
    read.texts.append("c")
    read.rows.add(text="inner")
    read.covers["x"].key = "k"
    read.color = Row.Color.Value("COLOR_RED")
    color: Row.Color.ValueType = read.color
    assert Row.Color.Name(color) == "COLOR_RED" and list(read.texts) == ["a", "b", "c"]
    assert Row.TEXT_FIELD_NUMBER == 1


def test_packing() -> None:
    packed = any_pb2.Any()
    packed.Pack(row())
    unpacked = Row()
    assert packed.TypeName() == "rows.v1.Row" and packed.Unpack(unpacked) and unpacked == row()


def test_options() -> None:
    root = rows_pb2.ChangeRow.DESCRIPTOR.fields_by_name["id"].GetOptions()
    assert root.Extensions[options_pb2.field].root
