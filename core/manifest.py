"""`manifest.json`: the only thing that serving and benchmarks know about a model."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

SCHEMA: Final = "wfctl.artifact/1"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)]
Format = Literal["onnx", "torchscript", "golden"]


class Record(BaseModel):
    """A part of a manifest: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class TensorSpec(Record):
    """A named tensor. `dtype` is numpy's name for it; -1 in `shape` stands for any size."""

    name: str
    dtype: str
    shape: tuple[int, ...]


class ImageInput(Record):
    """The part before the graph for pictures: a file to (height, width, channels) uint8."""

    kind: Literal["image"] = "image"
    mode: Literal["L", "RGB"]


class NumberInput(Record):
    """The part before the graph for numbers: text or JSON to an int64 scalar."""

    kind: Literal["number"] = "number"
    minimum: int
    maximum: int


class TableInput(Record):
    """The part before the graph for a row of a table: its numbers in this order, as float32."""

    kind: Literal["table"] = "table"
    columns: tuple[str, ...] = Field(min_length=1)


HostPreprocess = Annotated[ImageInput | NumberInput | TableInput, Field(discriminator="kind")]


class FileEntry(Record):
    """A file of the artifact. `bytes` is its size."""

    sha256: Sha256
    bytes: int
    format: Format
    precision: str | None = None


class Parity(Record):
    """How a file's outputs compare with the trained model's on held-out samples.

    Errors are absolute, those of values beyond 1 a share of the value. `label_agreement` is None
    for a task without labels.
    """

    samples: int
    max_abs_error: float
    mean_abs_error: float
    label_agreement: float | None
    batch_sizes: tuple[int, ...]


class Source(Record):
    """Where the weights come from."""

    checkpoint_sha256: Sha256
    epoch: int
    recipe: dict[str, JsonValue]
    git_commit: str | None
    data_digest: Sha256
    versions: dict[str, str]


class Manifest(Record):
    """What an artifact is, takes, gives, and was checked against."""

    schema_: Literal["wfctl.artifact/1"] = Field("wfctl.artifact/1", alias="schema")
    name: str
    version: str
    task: str
    labels: tuple[str, ...]
    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)
    host_preprocess: HostPreprocess
    boundary: TensorSpec
    files: dict[FileName, FileEntry]
    metrics: dict[str, dict[str, float]] = Field(
        description="Per file, on the held-out split: metric -> value"
    )
    parity: dict[str, Parity]
    tolerance: float = Field(gt=0, description="Largest error that passed the gate")
    top_k: int
    source: Source
    created: str = Field(description="UTC, ISO 8601")

    def to_json(self) -> str:
        """The text of manifest.json."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"

    def summary(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return self.model_dump(mode="json", by_alias=True)
