"""The user's own handlers, by event name."""

import difflib
import functools
import importlib
from collections.abc import Callable, Sequence
from typing import Any

from ignite.engine import Engine, Events

from ...core.errors import RecipeError
from ...core.recipe import Handler


def attach_handlers(trainer: Engine, handlers: Sequence[Handler]) -> None:
    """Attach the handlers of a recipe; each is called with the trainer.

    Raises:
        RecipeError: one is not found, or cannot be called so; all of them at once.
    """
    faults = []
    for place, handler in enumerate(handlers):
        key = f"train.handlers.{place}"
        try:
            function = _find(handler.call)
            if handler.event == "EXCEPTION_RAISED":
                function = _once_per_error(function)
            trainer.add_event_handler(_event(handler), function)
        except (RecipeError, ValueError) as error:
            faults.append(f"{key}.call: {handler.call}: {error}")
    if faults:
        raise RecipeError(faults)
    if any(handler.event == "EXCEPTION_RAISED" for handler in handlers):
        # Ignite takes an exception as dealt with once it has a handler; here it never is.
        trainer.add_event_handler(Events.EXCEPTION_RAISED, _raise_again)


def _event(handler: Handler) -> Any:
    event = Events[handler.event]
    if handler.every is not None:
        return event(every=handler.every)
    if handler.once is not None:
        return event(once=handler.once)
    return event


def _find(reference: str) -> Callable[..., Any]:
    module_name, colon, name = reference.partition(":")
    if not colon:
        raise RecipeError(["expected package.module:name"])
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise RecipeError([f"cannot be imported ({error})"]) from error
    found = getattr(module, name, None)
    if not callable(found):
        close = difflib.get_close_matches(name, vars(module), n=1, cutoff=0.5)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise RecipeError([f"{module_name} has no function {name!r}{hint}"])
    return found  # type: ignore[no-any-return]


def _once_per_error(function: Callable[..., Any]) -> Callable[..., Any]:
    """Ignite fires the event again for an error that is raised on from it."""
    seen: list[BaseException] = []

    @functools.wraps(function)
    def call(*arguments: Any) -> None:
        error = arguments[-1]
        if error not in seen:
            seen.append(error)
            function(*arguments)

    return call


def _raise_again(trainer: Engine, error: BaseException) -> None:
    raise error
