"""MLflow, Weights & Biases, Visdom and ClearML. Each is imported only when a recipe names it.

None of them sends anything anywhere unless the user's own environment variables say so, and what
they would report of their own accord is switched off.
"""

import contextlib
import importlib
import json
import os
import secrets
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...core.errors import UsageError
from ...core.files import write_bytes_atomically
from ...core.recipe import Recipe
from ...core.runs import RunFolder
from .progress import say

IDS_FILE = "loggers.json"
VISDOM_DEFAULT_URL = "http://localhost"
VISDOM_DEFAULT_PORT = 8097


class Service(ABC):
    """A place for scalars outside of the run folder, or with a form of its own."""

    @abstractmethod
    def write(self, scalars: Mapping[str, float], iteration: int) -> None:
        """Add a point to each of the named curves."""

    @abstractmethod
    def close(self) -> None:
        """Send what is left."""

    def last_iteration(self, name: str, resumed_behind: int) -> int:
        """The last iteration that the named curve has, so that no point comes twice."""
        return resumed_behind


class Mlflow(Service):
    """A run of MLflow: in the place that MLFLOW_TRACKING_URI names, else a local file."""

    def __init__(self, recipe: Recipe, run: RunFolder) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        mlflow = importlib.import_module("mlflow")
        self._metric: Callable[..., Any] = mlflow.entities.Metric
        self._client = mlflow.MlflowClient()
        self._last: dict[str, int] = {}
        earlier = _read_id(run, "mlflow")
        self._run_id = earlier if earlier and self._knows(earlier) else self._create(recipe, run)
        self._client.update_run(self._run_id, "RUNNING")
        say(f"mlflow: run {self._run_id} in {mlflow.get_tracking_uri()}")

    def write(self, scalars: Mapping[str, float], iteration: int) -> None:
        """Add the points in one go."""
        now_ms = time.time_ns() // 1_000_000
        metrics = [self._metric(name, value, now_ms, iteration) for name, value in scalars.items()]
        self._client.log_batch(self._run_id, metrics=metrics)

    def last_iteration(self, name: str, resumed_behind: int) -> int:
        """As the server has it: a process that was killed may have sent later points."""
        if name not in self._last:
            history = self._client.get_metric_history(self._run_id, name) if resumed_behind else []
            self._last[name] = max((point.step for point in history), default=-1)
        return self._last[name]

    def close(self) -> None:
        """End the run."""
        self._client.set_terminated(self._run_id)

    def _knows(self, run_id: str) -> bool:
        try:
            self._client.get_run(run_id)
        except Exception:  # MLflow's kinds of errors differ by where it keeps runs
            return False
        return True

    def _create(self, recipe: Recipe, run: RunFolder) -> str:
        experiment = self._client.get_experiment_by_name(recipe.name)
        if experiment is not None:
            experiment_id = experiment.experiment_id
        else:
            experiment_id = self._client.create_experiment(recipe.name)
        created = self._client.create_run(experiment_id, run_name=run.path.name)
        run_id: str = created.info.run_id
        _write_id(run, "mlflow", run_id)
        for section, values in recipe.model_dump(mode="json").items():
            for key, value in values.items() if isinstance(values, dict) else [("", values)]:
                self._client.log_param(run_id, f"{section}.{key}".rstrip("."), value)
        return run_id


class Wandb(Service):
    """A run of Weights & Biases: in the run folder, unless WANDB_MODE or WANDB_API_KEY is set."""

    def __init__(self, recipe: Recipe, run: RunFolder) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        wandb = importlib.import_module("wandb")
        mode = os.environ.get("WANDB_MODE") or (
            "online" if os.environ.get("WANDB_API_KEY") else "offline"
        )
        run_id = _read_id(run, "wandb") or secrets.token_hex(4)
        _write_id(run, "wandb", run_id)
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", recipe.name),
            name=run.path.name,
            id=run_id,
            resume="allow",
            dir=run.path,
            mode=mode,
            config=recipe.model_dump(mode="json"),
            settings=wandb.Settings(
                console="off", silent=True, save_code=False, disable_git=True, x_disable_stats=True
            ),
        )
        say(f"wandb: {mode}" + (f"; `wandb sync {run.path}/wandb/offline-run-*` sends the run"
                                if mode == "offline" else f"; {self._run.url}"))  # fmt: skip

    def write(self, scalars: Mapping[str, float], iteration: int) -> None:
        """Add the points."""
        self._run.log(dict(scalars), step=iteration)

    def close(self) -> None:
        """End the run."""
        self._run.finish()


class Visdom(Service):
    """Curves in a Visdom server: VISDOM_SERVER_URL and VISDOM_PORT, else one on this machine."""

    def __init__(self, recipe: Recipe, run: RunFolder) -> None:
        visdom = importlib.import_module("visdom")
        url = os.environ.get("VISDOM_SERVER_URL", VISDOM_DEFAULT_URL)
        port = int(os.environ.get("VISDOM_PORT", VISDOM_DEFAULT_PORT))
        self._environment = f"{recipe.name}_{run.path.name}"
        self._last: dict[str, int] = {}
        try:
            self._visdom = visdom.Visdom(
                server=url,
                port=port,
                env=self._environment,
                username=os.environ.get("VISDOM_USERNAME"),
                password=os.environ.get("VISDOM_PASSWORD"),
                use_incoming_socket=False,
                raise_exceptions=True,
            )
        except Exception as error:  # requests' and its own kinds
            raise UsageError(
                f"train.loggers: there is no Visdom server at {url}:{port}; start one with "
                "`visdom`, or set VISDOM_SERVER_URL and VISDOM_PORT"
            ) from error
        say(f"visdom: {url}:{port}/env/{self._environment}")

    def write(self, scalars: Mapping[str, float], iteration: int) -> None:
        """Add the points, each to a window of its name."""
        for name, value in scalars.items():
            self._visdom.line(
                [value], [iteration], win=name, update="append", name=name, opts={"title": name}
            )

    def last_iteration(self, name: str, resumed_behind: int) -> int:
        """As the server has it: a process that was killed may have sent later points."""
        if name not in self._last:
            text = self._visdom.get_window_data(win=name) if resumed_behind else ""
            curves = json.loads(text)["content"]["data"] if text else []
            self._last[name] = int(max((max(curve["x"]) for curve in curves), default=-1))
        return self._last[name]

    def close(self) -> None:
        """Do nothing: every point was sent."""


class ClearMl(Service):
    """A task of ClearML: in the run folder, unless the user has set ClearML up."""

    def __init__(self, recipe: Recipe, run: RunFolder) -> None:
        offline = not _has_clearml_settings()
        if offline:
            os.environ["CLEARML_OFFLINE_MODE"] = "1"
            os.environ.setdefault("CLEARML_CACHE_DIR", str((run.path / "clearml").resolve()))
        earlier = None if offline else _read_id(run, "clearml")
        task_class = importlib.import_module("clearml").Task
        # No setting stops what these do, also offline: the first asks a server for newer versions
        # and reads the code around, the second forks this process, which can hang it.
        task_class._update_repository = lambda _task: None
        task_class._report_subprocess_enabled = False
        with contextlib.redirect_stdout(sys.stderr), _kept_signal_handlers():
            self._task = task_class.init(
                project_name=recipe.name,
                task_name=run.path.name,
                continue_last_task=earlier or False,
                reuse_last_task_id=False,
                output_uri=False,
                # It would change torch.save, argparse and the standard streams under our feet.
                auto_connect_arg_parser=False,
                auto_connect_frameworks=False,
                auto_connect_streams=False,
                auto_resource_monitoring=False,
            )
        if earlier:
            self._task.set_initial_iteration(0)  # else it adds what the earlier process counted
        _write_id(run, "clearml", self._task.id)
        self._task.connect_configuration(recipe.model_dump(mode="json"), name="recipe")
        self._logger = self._task.get_logger()

    def write(self, scalars: Mapping[str, float], iteration: int) -> None:
        """Add the points: `val/accuracy` is the curve `accuracy` of the plot `val`."""
        for name, value in scalars.items():
            title, _, series = name.partition("/")
            self._logger.report_scalar(title, series, value=value, iteration=iteration)

    def close(self) -> None:
        """End the task; it says on stdout where it is."""
        with contextlib.redirect_stdout(sys.stderr):
            self._task.close()


SERVICES: Mapping[str, Callable[[Recipe, RunFolder], Service]] = {
    "mlflow": Mlflow,
    "wandb": Wandb,
    "visdom": Visdom,
    "clearml": ClearMl,
}


@contextlib.contextmanager
def _kept_signal_handlers() -> Iterator[None]:
    """Put back the handlers that were replaced inside: they are what saves a stopped run."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGABRT)
    earlier = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _has_clearml_settings() -> bool:
    names = ("CLEARML_API_ACCESS_KEY", "CLEARML_API_HOST", "CLEARML_CONFIG_FILE",
             "CLEARML_OFFLINE_MODE")  # fmt: skip
    return any(os.environ.get(name) for name in names)


def _read_id(run: RunFolder, service: str) -> str | None:
    """What a service called this run when it began."""
    try:
        found = json.loads((run.path / IDS_FILE).read_bytes()).get(service)
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def _write_id(run: RunFolder, service: str, identity: str) -> None:
    path = run.path / IDS_FILE
    ids = json.loads(path.read_bytes()) if path.is_file() else {}
    text = json.dumps({**ids, service: identity}, indent=2) + "\n"
    write_bytes_atomically(path, text.encode())
