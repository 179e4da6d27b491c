"""Where runs and artifacts lie, and which is the newest."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .artifact import MANIFEST
from .errors import ArtifactError, RunError

RUNS_FOLDER = Path("runs")


@dataclass(frozen=True)
class RunFolder:
    """The record of one training: `runs/<recipe>/<UTC time>/`."""

    path: Path

    @property
    def recipe_file(self) -> Path:
        """The recipe with every value written out."""
        return self.path / "recipe.yaml"

    @property
    def environment_file(self) -> Path:
        """Versions, device, threads, commit and seed."""
        return self.path / "environment.json"

    @property
    def metrics_file(self) -> Path:
        """One JSON object an epoch and split."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The .pt files and their index."""
        return self.path / "checkpoints"

    @property
    def code(self) -> Path:
        """The user's own modules that the recipe names, as they were."""
        return self.path / "code"

    @property
    def report_file(self) -> Path:
        """Curves, confusions and predictions on one page."""
        return self.path / "report.html"

    @property
    def sessions_file(self) -> Path:
        """One JSON object for each time that training ran, with how long it took."""
        return self.path / "sessions.jsonl"

    def artifact(self, name: str) -> Path:
        """The place of an exported artifact."""
        return self.path / "export" / name

    @classmethod
    def create(cls, recipe_name: str, path: Path | None = None) -> "RunFolder":
        """Make a new run folder.

        Raises:
            RunError: `path` exists and is not empty.
        """
        if path is None:
            path = _unused(RUNS_FOLDER / recipe_name, datetime.now(UTC))
        elif path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError(f"{path}: is not empty; name another --run-dir, or --resume this run")
        run = cls(path)
        run.checkpoints.mkdir(parents=True, exist_ok=True)
        return run

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """An existing run folder.

        Raises:
            RunError: it is not there or holds no recipe.
        """
        run = cls(path)
        if not path.is_dir():
            raise RunError(f"{path}: there is no such run folder")
        if not run.recipe_file.is_file():
            raise RunError(f"{path}: is not a run folder (it has no recipe.yaml)")
        return run

    @classmethod
    def newest(cls, recipe_name: str | None = None) -> "RunFolder":
        """The newest run under `runs/`, of one recipe or of any.

        Raises:
            RunError: there is none.
        """
        found = sorted(
            RUNS_FOLDER.glob(f"{recipe_name or '*'}/*/recipe.yaml"),
            key=lambda file: file.parent.name,
        )
        if not found:
            of = f" of {recipe_name}" if recipe_name else ""
            raise RunError(f"there is no run{of} under {RUNS_FOLDER}/; `wfctl train` makes one")
        return cls(found[-1].parent)


def newest_artifact() -> Path:
    """The artifact under `runs/` that was exported last.

    Raises:
        ArtifactError: there is none.
    """
    found = [
        file
        for file in RUNS_FOLDER.glob(f"*/*/export/*/{MANIFEST}")
        if not file.parent.name.startswith(".")
    ]
    if not found:
        raise ArtifactError(f"there is no artifact under {RUNS_FOLDER}/; `wfctl export` makes one")
    return max(found, key=lambda file: file.stat().st_mtime_ns).parent


def _unused(folder: Path, now: datetime) -> Path:
    """A new path named by the time, also when two trainings start in the same second."""
    name = now.strftime("%Y-%m-%dT%H-%M-%SZ")
    folder.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, 1000):
        path = folder / (name if attempt == 1 else f"{name}-{attempt:03d}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise RunError(f"{folder}: cannot make a run folder named {name}")
