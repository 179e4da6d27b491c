import json
from pathlib import Path

import numpy as np
import pytest

from wfctl.core import artifact as artifact_module
from wfctl.core.artifact import Artifact, ArtifactWriter, GoldenSample
from wfctl.core.errors import ArtifactError
from wfctl.core.manifest import Manifest

MODEL = b"not really a model, but it has bytes"


def golden_samples() -> list[GoldenSample]:
    generator = np.random.default_rng(1)
    return [
        GoldenSample(
            {"image": generator.integers(0, 256, (5 + index, 7, 1), dtype=np.uint8)},
            {"probabilities": generator.random(2, dtype=np.float32)},
        )
        for index in range(12)
    ]


def write(path: Path, manifest: Manifest, model: bytes = MODEL) -> Artifact:
    with ArtifactWriter(path) as writer:
        writer.add("model.onnx", model, "onnx", "float32")
        writer.add_golden(golden_samples())
        return writer.commit(manifest.model_copy(update={"files": dict(writer.files)}))


def write_half(path: Path, error: BaseException) -> None:
    with ArtifactWriter(path) as writer:
        writer.add("model.onnx", b"new", "onnx")
        raise error


def test_what_was_written_is_what_is_opened(tmp_path: Path, manifest: Manifest) -> None:
    written = write(tmp_path / "export" / "tiny", manifest)
    opened = Artifact.open(tmp_path / "export" / "tiny")
    assert opened == written
    assert opened.file("onnx").read_bytes() == MODEL
    assert opened.manifest.files["model.onnx"].bytes == len(MODEL)
    assert [file.name for file in (tmp_path / "export").iterdir()] == ["tiny"]
    assert sorted(file.name for file in opened.path.iterdir()) == [
        "golden.npz",
        "manifest.json",
        "model.onnx",
    ]


def test_golden_samples_keep_their_order_dtype_and_shape(
    tmp_path: Path, manifest: Manifest
) -> None:
    opened = write(tmp_path / "tiny", manifest).golden_samples()
    assert len(opened) == 12
    for kept, sample in zip(opened, golden_samples(), strict=True):
        for name in ("image",):
            np.testing.assert_array_equal(kept.inputs[name], sample.inputs[name], strict=True)
        np.testing.assert_array_equal(
            kept.outputs["probabilities"], sample.outputs["probabilities"], strict=True
        )


def test_written_twice_is_the_same_bytes(tmp_path: Path, manifest: Manifest) -> None:
    one, two = write(tmp_path / "one", manifest), write(tmp_path / "two", manifest)
    for file in one.path.iterdir():
        assert file.read_bytes() == (two.path / file.name).read_bytes()


def test_a_new_artifact_replaces_the_old_one(tmp_path: Path, manifest: Manifest) -> None:
    write(tmp_path / "tiny", manifest)
    write(tmp_path / "tiny", manifest, model=b"new")
    assert Artifact.open(tmp_path / "tiny").file("onnx").read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["tiny"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failed_export_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)):
        write_half(tmp_path / "tiny", error)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_export_leaves_the_old_artifact(tmp_path: Path, manifest: Manifest) -> None:
    old = write(tmp_path / "tiny", manifest)
    with pytest.raises(OSError, match="No space"):
        write_half(tmp_path / "tiny", OSError(28, "No space left on device"))
    assert Artifact.open(tmp_path / "tiny") == old
    assert [file.name for file in tmp_path.iterdir()] == ["tiny"]


def test_the_old_artifact_comes_back_when_the_last_step_fails(
    tmp_path: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = write(tmp_path / "tiny", manifest)
    rename = Path.rename

    def rename_but_not_the_new_one(self: Path, target: Path) -> Path:
        if target == tmp_path / "tiny" and self.name != "replaced":
            raise OSError(5, "Input/output error")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", rename_but_not_the_new_one)
    with pytest.raises(OSError, match="Input/output error"):
        write(tmp_path / "tiny", manifest, model=b"new")
    assert Artifact.open(tmp_path / "tiny") == old
    assert [file.name for file in tmp_path.iterdir()] == ["tiny"]


def test_what_is_no_artifact_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ArtifactError, match="holds something that is not an artifact"):
        ArtifactWriter(tmp_path)
    with pytest.raises(ArtifactError, match="holds something that is not an artifact"):
        ArtifactWriter(tmp_path / "thesis.txt")
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_an_empty_folder_is_filled(tmp_path: Path, manifest: Manifest) -> None:
    (tmp_path / "tiny").mkdir()
    assert Artifact.open(write(tmp_path / "tiny", manifest).path)


@pytest.mark.parametrize("position", [0, len(MODEL) // 2, len(MODEL) - 1])
def test_one_changed_byte_is_noticed(tmp_path: Path, manifest: Manifest, position: int) -> None:
    file = write(tmp_path / "tiny", manifest).file("onnx")
    changed = bytearray(MODEL)
    changed[position] ^= 1
    file.write_bytes(changed)
    with pytest.raises(ArtifactError, match=r"model\.onnx: is not the file that was exported"):
        Artifact.open(tmp_path / "tiny")


def test_a_file_of_another_size_is_noticed(tmp_path: Path, manifest: Manifest) -> None:
    write(tmp_path / "tiny", manifest).file("onnx").write_bytes(MODEL[:-1])
    with pytest.raises(ArtifactError, match="is not the file that was exported"):
        Artifact.open(tmp_path / "tiny")


@pytest.mark.parametrize("instead", ["nothing", "folder", "link"])
def test_a_file_that_is_not_there(tmp_path: Path, manifest: Manifest, instead: str) -> None:
    file = write(tmp_path / "tiny", manifest).file("onnx")
    file.unlink()
    if instead == "folder":
        file.mkdir()
    elif instead == "link":
        (tmp_path / "elsewhere").write_bytes(MODEL)
        file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ArtifactError, match=r"named in manifest\.json, but it is not a file"):
        Artifact.open(tmp_path / "tiny")


def test_folders_that_are_no_artifact(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="absent: there is no such artifact folder"):
        Artifact.open(tmp_path / "absent")
    with pytest.raises(ArtifactError, match=r"is not an artifact \(it has no manifest.json\)"):
        Artifact.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b"[]", "has schema None, but this wfctl reads 'wfctl.artifact/1'"),
        (b'{"schema": "wfctl.artifact/9"}', "has schema 'wfctl.artifact/9'"),
        (b'{"schema": "wfctl.artifact/1"}', "name: Field required"),
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=message):
        Artifact.open(tmp_path)


def test_a_manifest_too_large_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artifact_module, "MAX_MANIFEST_BYTES", 10)
    (tmp_path / "manifest.json").write_text(json.dumps({"schema": "x"}))
    with pytest.raises(ArtifactError, match="is larger than 10 bytes"):
        Artifact.open(tmp_path)


def test_a_format_that_was_not_exported(tmp_path: Path, manifest: Manifest) -> None:
    with pytest.raises(ArtifactError, match=r"no torchscript file \(it has: golden, onnx\)"):
        write(tmp_path / "tiny", manifest).file("torchscript")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated", b"\x80\x04pickle"])
def test_golden_samples_that_are_none(tmp_path: Path, manifest: Manifest, content: bytes) -> None:
    with ArtifactWriter(tmp_path / "tiny") as writer:
        writer.add("golden.npz", content, "golden")
        artifact = writer.commit(manifest.model_copy(update={"files": dict(writer.files)}))
    with pytest.raises(ArtifactError, match="does not hold golden samples"):
        artifact.golden_samples()


def test_golden_samples_without_their_outputs(tmp_path: Path, manifest: Manifest) -> None:
    pixels = np.zeros((2, 2, 1), dtype=np.uint8)
    with ArtifactWriter(tmp_path / "tiny") as writer:
        writer.add_golden([GoldenSample({"image": pixels}, {})])
        artifact = writer.commit(manifest.model_copy(update={"files": dict(writer.files)}))
    with pytest.raises(ArtifactError, match="does not hold golden samples"):
        artifact.golden_samples()


def test_golden_samples_are_never_unpickled(tmp_path: Path, manifest: Manifest) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    with (
        ArtifactWriter(tmp_path / "tiny") as writer,
        pytest.raises(ValueError, match="Object arrays cannot be saved"),
    ):
        writer.add_golden([GoldenSample({"image": objects}, {})])
