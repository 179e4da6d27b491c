"""An artifact folder: written whole or not at all; refused when anything in it was changed."""

import io
import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from .errors import ArtifactError
from .files import sha256_bytes, sha256_file, sync_folder
from .manifest import SCHEMA, FileEntry, Format, Manifest

MANIFEST = "manifest.json"
GOLDEN = "golden.npz"
MAX_MANIFEST_BYTES = 16 * 2**20

Sample = Mapping[str, NDArray[np.generic]]  # input name -> one sample, without the batch axis


@dataclass(frozen=True)
class GoldenSample:
    """A raw sample with the outputs that training gave, both without the batch axis."""

    inputs: Sample
    outputs: Sample


@dataclass(frozen=True)
class Artifact:
    """An opened artifact, whose files have been checked against the manifest."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an artifact folder and check the SHA-256 of every file in its manifest.

        Raises:
            ArtifactError: no manifest, a manifest of another schema, a file that is missing,
                outside the folder, or not what was exported.
        """
        manifest = read_manifest(path)
        for name, entry in manifest.files.items():
            file = path / name
            if file.is_symlink() or not file.is_file():
                raise ArtifactError(f"{file}: named in {MANIFEST}, but it is not a file there")
            if file.stat().st_size != entry.bytes or sha256_file(file) != entry.sha256:
                raise ArtifactError(
                    f"{file}: is not the file that was exported (its SHA-256 differs from "
                    f"{MANIFEST}); export again"
                )
        return cls(path, manifest)

    def file(self, format: Format) -> Path:
        """The file of a format.

        Raises:
            ArtifactError: the artifact has none; what it has is named.
        """
        for name, entry in self.manifest.files.items():
            if entry.format == format:
                return self.path / name
        present = ", ".join(sorted({entry.format for entry in self.manifest.files.values()}))
        raise ArtifactError(f"{self.path}: has no {format} file (it has: {present})")

    def golden_samples(self) -> list[GoldenSample]:
        """The samples kept at export with the outputs that training gave.

        Raises:
            ArtifactError: there are none, or the file is not laid out as wfctl writes it.
        """
        file = self.file("golden")
        inputs: dict[int, dict[str, NDArray[np.generic]]] = {}
        outputs: dict[int, dict[str, NDArray[np.generic]]] = {}
        sides = {"inputs": inputs, "outputs": outputs}
        try:
            with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as arrays:
                for key in arrays.files:
                    side, name, index = key.split("/")
                    sides[side].setdefault(int(index), {})[name] = arrays[key]
            return [GoldenSample(inputs[index], outputs[index]) for index in sorted(inputs)]
        except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ArtifactError(f"{file}: does not hold golden samples ({error})") from error


class ArtifactWriter:
    """Builds an artifact in a temporary folder beside its place, and moves it there at the end.

    Used as a context manager: leaving it without `commit` removes all that was written.

    Raises:
        ArtifactError: `path` exists, and is neither an artifact nor an empty folder.
    """

    def __init__(self, path: Path) -> None:
        if path.exists() and not _may_be_replaced(path):
            raise ArtifactError(
                f"{path}: holds something that is not an artifact; it is not overwritten"
            )
        self.path = path
        self.files: dict[str, FileEntry] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        prefix = f".{path.name}.{os.getpid()}."
        self._folder = Path(tempfile.mkdtemp(prefix=prefix, dir=path.parent))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def add(self, name: str, data: bytes, format: Format, precision: str | None = None) -> Path:
        """Write a file; its path is temporary until `commit`."""
        path = self._folder / name
        _write_synced(path, data)
        self.files[name] = FileEntry(
            sha256=sha256_bytes(data), bytes=len(data), format=format, precision=precision
        )
        return path

    def add_golden(self, samples: Sequence[GoldenSample]) -> Path:
        """Write golden.npz: one array per input, output and sample; no pickle."""
        arrays: dict[str, NDArray[np.generic]] = {}
        for index, sample in enumerate(samples):
            arrays |= {f"inputs/{name}/{index}": value for name, value in sample.inputs.items()}
            arrays |= {f"outputs/{name}/{index}": value for name, value in sample.outputs.items()}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return self.add(GOLDEN, buffer.getvalue(), "golden")

    def commit(self, manifest: Manifest) -> Artifact:
        """Write the manifest, then put the whole folder in its place."""
        _write_synced(self._folder / MANIFEST, manifest.to_json().encode())
        self._folder.chmod(0o755)
        sync_folder(self._folder)
        replaced = None
        if self.path.exists():
            replaced = Path(tempfile.mkdtemp(prefix=f".{self.path.name}.", dir=self.path.parent))
            self.path.rename(replaced / "replaced")
        try:
            self._folder.rename(self.path)
        except BaseException:
            if replaced is not None:
                (replaced / "replaced").rename(self.path)
                replaced.rmdir()
            raise
        sync_folder(self.path.parent)
        if replaced is not None:
            shutil.rmtree(replaced)
        return Artifact(self.path, manifest)


def _remove_leftovers(path: Path) -> None:
    """Remove what exports to the same place left that were killed; their process is gone."""
    for folder in path.parent.glob(f".{path.name}.*.*"):
        owner = folder.name.removeprefix(f".{path.name}.").partition(".")[0]
        process = Path("/proc", owner)
        if owner.isdecimal() and not process.exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _may_be_replaced(path: Path) -> bool:
    """An artifact or an empty folder; never a user's other things."""
    return path.is_dir() and ((path / MANIFEST).is_file() or not any(path.iterdir()))


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def read_manifest(path: Path) -> Manifest:
    """What an artifact folder says of itself; its files are not looked at.

    Raises:
        ArtifactError: it is not an artifact, or one of another schema.
    """
    file = path / MANIFEST
    if not path.is_dir():
        raise ArtifactError(f"{path}: there is no such artifact folder")
    if not file.is_file():
        raise ArtifactError(f"{path}: is not an artifact (it has no {MANIFEST})")
    if file.stat().st_size > MAX_MANIFEST_BYTES:
        raise ArtifactError(f"{file}: is larger than {MAX_MANIFEST_BYTES} bytes")
    try:
        values = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"{file}: is not valid JSON ({error})") from error
    schema = values.get("schema") if isinstance(values, dict) else None
    if schema != SCHEMA:
        raise ArtifactError(f"{file}: has schema {schema!r}, but this wfctl reads {SCHEMA!r}")
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ArtifactError(f"{file}: {where}: {first['msg']}") from error
