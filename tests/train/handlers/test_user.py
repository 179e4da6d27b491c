import sys
from pathlib import Path
from types import ModuleType

import pytest
from ignite.engine import Engine

from wfctl.core.errors import RecipeError
from wfctl.core.recipe import Handler
from wfctl.train.handlers.user import attach_handlers

SOURCE = """
seen = []

def note(trainer):
    seen.append((trainer.last_event_name.name, trainer.state.iteration))

def wrong(trainer, one, two):
    pass

def caught(trainer, error):
    seen.append(type(error).__name__)
"""


def nothing(engine: Engine, batch: int) -> None:
    """A step."""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    (tmp_path / "mine_for_test.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "mine_for_test", raising=False)
    import importlib

    return importlib.import_module("mine_for_test")


def handler(call: str, event: str, **filters: int) -> Handler:
    return Handler.model_validate({"call": f"mine_for_test:{call}", "event": event, **filters})


def test_all_seven_events_with_filters(module: ModuleType) -> None:
    trainer = Engine(nothing)
    attach_handlers(
        trainer,
        [
            handler("note", "STARTED"),
            handler("note", "EPOCH_STARTED"),
            handler("note", "ITERATION_STARTED", once=3),
            handler("note", "ITERATION_COMPLETED", every=2),
            handler("note", "EPOCH_COMPLETED"),
            handler("note", "COMPLETED"),
        ],
    )
    trainer.run(range(4), max_epochs=1)
    assert module.seen == [
        ("STARTED", 0), ("EPOCH_STARTED", 0), ("ITERATION_COMPLETED", 2), ("ITERATION_STARTED", 3),
        ("ITERATION_COMPLETED", 4), ("EPOCH_COMPLETED", 4), ("COMPLETED", 4),
    ]  # fmt: skip


def test_an_exception_reaches_the_handler_and_is_not_swallowed(module: ModuleType) -> None:
    def fail(engine: Engine, batch: int) -> None:
        raise ValueError("from the step")

    trainer = Engine(fail)
    attach_handlers(trainer, [handler("caught", "EXCEPTION_RAISED")])
    with pytest.raises(ValueError, match="from the step"):
        trainer.run(range(1))
    assert module.seen == ["ValueError"]


def test_a_wrong_signature_fails_before_the_first_batch(module: ModuleType) -> None:
    with pytest.raises(RecipeError, match=r"train.handlers.0.call: mine_for_test:wrong: .*one"):
        attach_handlers(Engine(nothing), [handler("wrong", "STARTED")])


def test_all_faults_at_once(module: ModuleType) -> None:
    faulty = [handler("nte", "STARTED"), Handler(call="nowhere_at_all:f", event="COMPLETED")]
    with pytest.raises(RecipeError) as caught:
        attach_handlers(Engine(nothing), faulty)
    assert "mine_for_test has no function 'nte' (did you mean 'note'?)" in str(caught.value)
    assert "train.handlers.1.call: nowhere_at_all:f: cannot be imported" in str(caught.value)
