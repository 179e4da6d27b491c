import json

import pytest
from pydantic import ValidationError

from wfctl.core.manifest import SCHEMA, FileEntry, Manifest, NumberInput


def test_text_reads_back_as_the_same_manifest(manifest: Manifest) -> None:
    text = manifest.to_json()
    assert Manifest.model_validate_json(text) == manifest
    assert Manifest.model_validate(json.loads(text)) == manifest


def test_text_is_the_same_bytes_each_time_and_ends_a_line(manifest: Manifest) -> None:
    again = Manifest.model_validate_json(manifest.to_json())
    assert again.to_json() == manifest.to_json()
    assert manifest.to_json().endswith("}\n")


def test_schema_is_written_under_its_own_name(manifest: Manifest) -> None:
    assert manifest.summary()["schema"] == SCHEMA
    assert next(iter(json.loads(manifest.to_json()))) == "schema"


def test_manifest_is_frozen(manifest: Manifest) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        manifest.name = "other"  # type: ignore[misc]


def test_host_preprocess_is_told_apart_by_its_kind(manifest: Manifest) -> None:
    values = manifest.summary()
    values["host_preprocess"] = {"kind": "number", "minimum": 0, "maximum": 1023}
    assert Manifest.model_validate(values).host_preprocess == NumberInput(minimum=0, maximum=1023)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("schema", "wfctl.artifact/2", "wfctl.artifact/1"),
        ("extra", 1, "Extra inputs are not permitted"),
        ("inputs", [], "at least 1 item"),
        ("tolerance", 0, "greater than 0"),
        ("host_preprocess", {"kind": "smell"}, "does not match any of the expected tags"),
    ],
)
def test_what_is_no_manifest_is_refused(
    manifest: Manifest, key: str, value: object, message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        Manifest.model_validate(manifest.summary() | {key: value})


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", ".hidden", "a/b", "", "a\nb"])
def test_a_file_name_cannot_leave_the_folder(manifest: Manifest, name: str) -> None:
    entry = FileEntry(sha256="c" * 64, bytes=1, format="onnx").model_dump()
    with pytest.raises(ValidationError, match="should match pattern"):
        Manifest.model_validate(manifest.summary() | {"files": {name: entry}})


@pytest.mark.parametrize("digest", ["", "c" * 63, "C" * 64, "c" * 64 + "\n"])
def test_a_digest_is_64_hexadecimal_digits(digest: str) -> None:
    with pytest.raises(ValidationError, match="should match pattern"):
        FileEntry(sha256=digest, bytes=1, format="onnx")
