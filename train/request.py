"""What `wfctl train` asks for, carried out by one process or by each of several."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ignite import distributed as idist

from ..core.recipe import Recipe
from ..core.recipe_file import built_in_recipes, find_recipe, load_recipe
from ..core.runs import RunFolder
from ..models.component import add_user_code
from .check import check_recipe
from .distributed import from_first, process_group
from .handlers.progress import say
from .run import train
from .run_folder import check_same_recipe, resume_run, start_run
from .run_lock import RunLock


@dataclass(frozen=True)
class TrainingRequest:
    """The arguments of `wfctl train`.

    Attributes:
        resume: `auto` or a run folder; None begins a new run.
        epochs_more: epochs to add to those of a run that is resumed.
        stop_at, kill_at, trace: as `run.train` takes them.
    """

    recipe: str
    overrides: tuple[str, ...] = ()
    device: str = "auto"
    resume: str | None = None
    epochs_more: int = 0
    run_dir: Path | None = None
    stop_at: int | None = None
    kill_at: int | None = None
    trace: bool = False


@dataclass(frozen=True)
class _Prepared:
    """What the first process hands to the others."""

    recipe: Recipe
    run: RunFolder
    user_code: Path | None


def carry_out(request: TrainingRequest) -> Path | None:
    """Train; the run's path, in the first process.

    Raises:
        RecipeError: a name or an option is unknown.
        RunError: the run folder cannot be used, or another process is training in it.
        CheckpointError: there are checkpoints, but none can be used.
        CheckFailed: the loss is no longer a number; the last good checkpoint is kept.
        Interrupted: a signal came; the state was saved.
    """
    with process_group(request.device) as device:
        is_first = idist.get_rank() == 0
        with _prepared(request) as prepared:
            if prepared.user_code is not None:
                add_user_code(prepared.user_code)
            train(
                prepared.recipe, prepared.run, device,
                stop_at=request.stop_at, kill_at=request.kill_at, trace=request.trace,
            )  # fmt: skip
        return prepared.run.path if is_first else None


@contextmanager
def _prepared(request: TrainingRequest) -> Iterator[_Prepared]:
    """The run folder and its recipe; the first process holds the folder's lock."""
    lock: RunLock | None = None

    def prepare() -> _Prepared:
        nonlocal lock
        path = find_recipe(request.recipe)
        if request.resume is None:
            prepared = _begin(request, path)
            lock = RunLock(prepared.run.path)
            lock.__enter__()
            return prepared
        named = load_recipe(path)
        run = RunFolder.newest(named.name) if request.resume == "auto" else RunFolder.open(
            Path(request.resume))  # fmt: skip
        lock = RunLock(run.path)
        lock.__enter__()
        for difference in check_same_recipe(run, named):
            say(f"going on with the run's own {difference}")
        recipe = resume_run(run, request.overrides, request.epochs_more)
        return _Prepared(recipe, run, run.code)

    try:
        yield from_first(prepare)
    finally:
        if lock is not None:
            lock.__exit__(None, None, None)


def _begin(request: TrainingRequest, path: Path) -> _Prepared:
    recipe = load_recipe(path, request.overrides)
    user_code = None if path in built_in_recipes().values() else path.resolve().parent
    if user_code is not None:
        add_user_code(user_code)
    check_recipe(recipe)
    return _Prepared(recipe, start_run(recipe, user_code, request.run_dir), user_code)
