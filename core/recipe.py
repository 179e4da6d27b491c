"""The recipe: what a YAML file may say. Reading one, with its faults placed, is `recipe_file`.

Every key that is here does something; a key that is not here is an error. All models are frozen.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    Strict,
    field_validator,
    model_validator,
)

Options = dict[str, JsonValue]
Names = Annotated[tuple[str, ...], Strict(False)]
Tolerance = Annotated[float, Field(gt=0)]


class Section(BaseModel):
    """A part of a recipe: frozen, strict about types, and closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", allow_inf_nan=False, protected_namespaces=()
    )


class Data(Section):
    """Where samples come from and how they are put into batches."""

    source: str = Field(description="A built-in data set, or the user's own as package.module:name")
    root: str | None = Field(None, description="Folder that holds the data, for sources on disk")
    download: bool = Field(False, description="Fetch the data set into root when it is not there")
    splits: Annotated[tuple[str, str], Strict(False)] | None = Field(
        None, description="Names of the training and the held-out split; left out, the source's own"
    )
    image_backend: Literal["PIL", "accimage"] = Field(
        "PIL", description="What decodes picture files, as torchvision.set_image_backend takes it"
    )
    on_broken: Literal["error", "skip", "at-use"] = Field(
        "error",
        description="Picture files that cannot be read: refused at the start, named and left out, "
        "or refused only when one is met",
    )
    batch_size: int = Field(32, ge=1)
    workers: int = Field(0, ge=0, description="Processes that load samples; 0 loads in the trainer")
    prefetch: int = Field(2, ge=1, description="Batches that each worker loads ahead")
    pin_memory: bool = Field(False, description="Load into page-locked memory, for CUDA")
    sampler: Literal["shuffle", "weighted", "sequential"] = Field(
        "shuffle", description="weighted draws every class equally often"
    )
    options: Options = Field(default_factory=dict, description="Further arguments of the source")


class ImagePreprocess(Section):
    """Pictures of any size to (B, C, height, width) floats, inside the exported graph."""

    kind: Literal["image"]
    mode: Literal["L", "RGB"] = Field("RGB", description="Colour mode a file is decoded to")
    size: Annotated[tuple[int, int], Strict(False)] = Field(
        description="Height and width that the network sees"
    )
    mean: Annotated[tuple[float, ...], Strict(False)] = Field(
        description="Per channel, for pixels scaled to 0-1"
    )
    std: Annotated[tuple[float, ...], Strict(False)]

    @field_validator("size")
    @classmethod
    def _size_is_positive(cls, size: tuple[int, int]) -> tuple[int, int]:
        if min(size) < 1:
            raise ValueError("height and width must be at least 1")
        return size

    @field_validator("std")
    @classmethod
    def _std_is_positive(cls, std: tuple[float, ...]) -> tuple[float, ...]:
        if min(std, default=0.0) <= 0:
            raise ValueError("every value must be above 0")
        return std

    @model_validator(mode="after")
    def _one_value_a_channel(self) -> Self:
        channels = {"L": 1, "RGB": 3}[self.mode]
        if (len(self.mean), len(self.std)) != (channels, channels):
            raise ValueError(
                f"mode {self.mode} has {channels} channel{'s'[: channels > 1]}, but mean has "
                f"{len(self.mean)} and std {len(self.std)} values"
            )
        return self


class NumberPreprocess(Section):
    """Whole numbers to their binary digits, (B, bits) floats, inside the exported graph."""

    kind: Literal["number"]
    bits: int = Field(10, ge=1, le=62, description="Binary digits, least significant first")


class TablePreprocess(Section):
    """Rows of numbers, each column to mean 0 and deviation 1, inside the exported graph.

    Means and deviations are those of the training split; they are saved with the weights.
    """

    kind: Literal["table"]


Preprocess = Annotated[
    ImagePreprocess | NumberPreprocess | TablePreprocess, Field(discriminator="kind")
]


class Model(Section):
    """The network that is trained."""

    name: str = Field(
        description="A built-in network, torchvision:<builder>, or the user's own "
        "as package.module:name"
    )
    options: Options = Field(default_factory=dict, description="Arguments of the network")
    embedding_size: int | None = Field(
        None, ge=1, description="Outputs of the network, for metric learning"
    )
    weights: str | None = Field(
        None, description="A file of weights, or torchvision's name of downloadable ones"
    )
    freeze: Names | Literal["all-but-head"] = Field(
        (), description="Parts that are not trained, by the beginning of their name"
    )


class Checkpoint(Section):
    """When the state of training is saved, and how much of it is kept."""

    every: int | None = Field(
        None, ge=1, description="Iterations between saves, besides each epoch"
    )
    keep: int = Field(2, ge=1, description="Newest checkpoints kept, besides the best one")


class Handler(Section):
    """A function of the user's that Ignite calls at an event, with the trainer."""

    call: str = Field(description="package.module:name")
    event: Literal[
        "STARTED", "EPOCH_STARTED", "ITERATION_STARTED", "ITERATION_COMPLETED",
        "EPOCH_COMPLETED", "COMPLETED", "EXCEPTION_RAISED",
    ]  # fmt: skip
    every: int | None = Field(None, ge=1, description="Only each so many times")
    once: int | None = Field(None, ge=1, description="Only this one time")


class Train(Section):
    """How the network is trained."""

    epochs: int = Field(ge=1)
    time_limit_s: float | None = Field(None, gt=0, description="Save and stop behind this time")
    seed: int = Field(0, ge=0)
    lr: float = Field(1e-3, gt=0)
    lr_by_part: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict, description="Other rates for parts, by the beginning of their name"
    )
    optimizer: str = Field("Adam", description="A class of torch.optim")
    optimizer_options: Options = Field(default_factory=dict)
    scheduler: str | None = Field(None, description="A class of torch.optim.lr_scheduler")
    scheduler_options: Options = Field(default_factory=dict)
    scheduler_step: Literal["epoch", "iteration"] = "epoch"
    warmup_iterations: int = Field(0, ge=0, description="The rate grows linearly over these")
    loss: str | None = Field(None, description="A built-in loss, or package.module:name")
    step: str | None = Field(None, description="package.module:name that makes the training step")
    metrics: Names | None = Field(None, description="Held-out metrics; left out, the task's own")
    training_metrics: Names = Field((), description="Metrics of the training split, in training")
    score: str | None = Field(None, description="The metric that decides which epoch is best")
    amp: Literal["off", "bf16", "fp16"] = Field("off", description="Mixed precision")
    clip_norm: float | None = Field(None, gt=0, description="Largest norm of all gradients")
    accumulate: int = Field(1, ge=1, description="Batches whose gradients make one step")
    ema_decay: float | None = Field(
        None, gt=0, lt=1, description="Evaluate and export an average of the weights"
    )
    early_stopping: int | None = Field(
        None, ge=1, description="Epochs without a better score behind which training ends"
    )
    channels_last: bool = False
    compile: bool = Field(False, description="Train through torch.compile")
    deterministic: bool = Field(False, description="Only algorithms that repeat exactly")
    handlers: Annotated[tuple[Handler, ...], Strict(False)] = ()
    loggers: Annotated[
        tuple[Literal["tensorboard", "mlflow", "wandb", "visdom", "clearml"], ...], Strict(False)
    ] = ("tensorboard",)
    log_every: int = Field(
        50, ge=1, description="Iterations between points of the loss and learning rate in loggers"
    )
    report: bool = Field(True, description="Write report.html behind training")
    checkpoint: Checkpoint = Checkpoint()


class Export(Section):
    """What is written at export, and how far a file may depart from the trained model."""

    formats: Annotated[tuple[Literal["torchscript", "onnx"], ...], Strict(False)] = Field(
        ("torchscript", "onnx"), min_length=1
    )
    tolerance: Tolerance = Field(
        1e-4, description="Largest absolute error of any output; beyond 1, as a share of it"
    )


class Serve(Section):
    """How the service answers."""

    top_k: int = Field(3, ge=1, description="Candidates in an answer")


class Benchmark(Section):
    """What is measured by default."""

    batch_sizes: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Strict(False)] = Field(
        (1, 8), min_length=1
    )


class Recipe(Section):
    """One model from data to service."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)
    task: Literal["classification", "regression", "segmentation", "metric-learning"]
    data: Data
    preprocess: Preprocess
    augment: Annotated[tuple[str | dict[str, Options], ...], Strict(False)] = Field(
        (), description="torchvision.transforms.v2 by name, on raw samples of the training split"
    )
    model: Model
    train: Train
    export: Export = Export()
    serve: Serve = Serve()
    benchmark: Benchmark = Benchmark()


def recipe_schema() -> dict[str, Any]:
    """The JSON Schema of a recipe, for editors."""
    schema = Recipe.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
