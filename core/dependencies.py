"""The packages that commands need, and how to get the ones that are missing."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dependency:
    """A package: its name for import, its name for pip, and the extra that brings it."""

    module: str
    distribution: str
    extra: str | None = None  # None: comes with wfctl itself


DEPENDENCIES = (
    Dependency("numpy", "numpy"),
    Dependency("PIL", "pillow"),
    Dependency("soundfile", "soundfile"),
    Dependency("onnxruntime", "onnxruntime"),
    Dependency("bentoml", "bentoml"),
    Dependency("torch", "torch", "train"),
    Dependency("torchvision", "torchvision", "train"),
    Dependency("torchaudio", "torchaudio", "train"),
    Dependency("torchtext", "torchtext", "train"),
    Dependency("ignite", "pytorch-ignite", "train"),
    Dependency("onnx", "onnx", "train"),
    Dependency("onnxscript", "onnxscript", "train"),
    Dependency("jinja2", "Jinja2", "train"),
    Dependency("tensorboard", "tensorboard", "train"),
    Dependency("mlflow", "mlflow", "loggers"),
    Dependency("wandb", "wandb", "loggers"),
    Dependency("visdom", "visdom", "visdom"),
    Dependency("clearml", "clearml", "loggers"),
    Dependency("safetensors", "safetensors", "train"),
    Dependency("sklearn", "scikit-learn", "examples"),
    Dependency("lmdb", "lmdb", "datasets"),
    Dependency("pycocotools", "pycocotools", "datasets"),
    Dependency("scipy", "scipy", "datasets"),
)

# Command -> the modules without which it cannot do its work. What is left out needs nothing heavy.
NEEDED_BY = {
    "train": ("numpy", "torch", "ignite"),
    "find-lr": ("numpy", "torch", "ignite"),
    "verify-resume": ("numpy", "torch", "ignite"),
    "evaluate": ("numpy", "torch", "ignite", "onnxruntime"),
    "report": ("numpy", "PIL", "torch", "jinja2"),
    "export": ("numpy", "torch", "onnx", "onnxscript", "onnxruntime"),
    "inspect": ("numpy", "PIL", "onnxruntime"),
    "predict": ("numpy", "PIL", "onnxruntime"),
    "benchmark": ("numpy", "onnxruntime"),  # what needs torch is left out where there is none
    "serve": ("numpy", "PIL", "onnxruntime", "bentoml"),
    "bento": ("bentoml",),
}


def how_to_install(*modules: str) -> str | None:
    """What to type for modules that are not there, or None where wfctl has nothing to say."""
    roots = {module.partition(".")[0] for module in modules}
    lacking = [dependency for dependency in DEPENDENCIES if dependency.module in roots]
    if not lacking:
        return None
    extras = ",".join(sorted({each.extra for each in lacking if each.extra is not None}))
    return f"pip install 'wfctl[{extras}]'" if extras else "pip install wfctl"
