import json
import os
import signal
import time
from pathlib import Path

import pytest
from ignite.engine import Engine, Events

from wfctl.core.errors import Interrupted
from wfctl.core.runs import RunFolder
from wfctl.tests.helpers.training import NUMBERS, iterations_of, recipe, train_new, train_on
from wfctl.train.handlers.stop import StopAtTimeLimit, StopOnSignal, stop_behind_iteration
from wfctl.train.verify_resume import compare_runs

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def handler(function: str, iteration: int) -> str:
    call = {"call": f"wfctl.tests.helpers.parts:{function}", "event": "ITERATION_COMPLETED"}
    return f"train.handlers={json.dumps([call | {'once': iteration}])}"


@pytest.mark.parametrize("name", ["interrupt", "terminate"])
def test_a_signal_finishes_the_step_saves_and_says_how_to_go_on(tmp_path: Path, name: str) -> None:
    earlier = [signal.getsignal(each) for each in SIGNALS]
    signalled = recipe(NUMBERS, handler(name, 5))
    with pytest.raises(Interrupted, match=r"stopped by SIG(INT|TERM) at iteration 5; all is saved"
                       ) as met:  # fmt: skip
        train_new(signalled, tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    command = f"wfctl train {run.recipe_file} --resume {run.path}"  # the recipe is not built in
    assert str(met.value).endswith(f"Go on with: {command}")
    assert met.value.exit_code == 130
    assert iterations_of(run) == [5]
    assert [signal.getsignal(each) for each in SIGNALS] == earlier
    train_on(run)
    compare_runs(train_new(recipe(), tmp_path / "whole"), run, 16)


def test_a_signal_at_the_end_of_an_epoch_lets_it_be_evaluated(tmp_path: Path) -> None:
    with pytest.raises(Interrupted, match="at iteration 8"):
        train_new(recipe(NUMBERS, handler("interrupt", 8)), tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    assert len(run.metrics_file.read_text().splitlines()) == 2
    assert iterations_of(run) == [8]


def test_a_signal_in_the_last_step_of_all_is_no_interruption(tmp_path: Path) -> None:
    run = train_new(recipe(NUMBERS, handler("interrupt", 16)), tmp_path / "run")
    assert iterations_of(run)[-1] == 16


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_new(recipe(NUMBERS, handler("interrupt_twice", 5)), tmp_path / "run")
    assert iterations_of(RunFolder(tmp_path / "run")) == []


def test_the_time_limit_saves_and_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = recipe(NUMBERS, handler("pause", 5), "train.time_limit_s=0.5", "train.epochs=500")
    run = train_new(slow, tmp_path / "run")
    (last,) = iterations_of(run)[-1:]
    assert 5 <= last < 4000
    assert f"stopped by train.time_limit_s at iteration {last}; all is saved" in (
        capsys.readouterr().err
    )


def test_the_clock_of_the_time_limit_starts_with_training() -> None:
    limit = StopAtTimeLimit(0.2)
    engine = Engine(lambda _engine, _batch: time.sleep(0.01))
    limit.attach(engine)
    time.sleep(0.25)
    engine.run(range(1000), max_epochs=1)
    assert limit.reached
    assert 1 < engine.state.iteration < 1000


@pytest.mark.parametrize(("wanted_at", "epochs_completed"), [(3, 0), (4, 1), (5, 1)])
def test_an_epoch_is_completed_only_at_its_end(wanted_at: int, epochs_completed: int) -> None:
    engine = Engine(lambda _engine, _batch: None)
    completed: list[int] = []
    stop_behind_iteration(engine, lambda: engine.state.iteration >= wanted_at)
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda: completed.append(1))
    engine.run(range(4), max_epochs=3)
    assert engine.state.iteration == wanted_at
    assert len(completed) == epochs_completed


def test_signals_outside_of_training_are_not_touched() -> None:
    with StopOnSignal() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.received == signal.SIGTERM
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
