"""Artifact to measured latencies: fresh processes, random interleaved rounds, a control in each.

Machines drift: a variant measured after another is compared with another machine. So every round
runs a short block of each variant, in random order, one process working at a time; a second copy of
the reference goes along and shows how far two equal things seem to differ here (A/A).
"""

import random
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..core.artifact import Artifact
from .batches import Batch, largest_error, make_batches
from .measured import Block, Measured, Place, WarmUp
from .plan import Plan
from .variants import Absent, Variant, find_variants, nothing_to_measure
from .workers import Worker, WorkerFailed, WorkerGroup

COPY_SUFFIX = " (copy)"
Say = Callable[[str], None]  # takes a line for a person who waits


def measure(artifact: Artifact, plan: Plan, say: Say) -> Measured:
    """Measure every form of the model that there is.

    Ctrl-C ends it early: what was measured until then is kept and marked as interrupted. A variant
    that fails is left out from there on, with the reason in `failed`.

    Raises:
        UsageError: the device is not there, or there is nothing to measure.
        ArtifactError: the artifact has no golden sample.
        CheckFailed: a variant's outputs are not what training gave.
    """
    variants, absent = find_variants(artifact, plan.device)
    measured = Measured(make_batches(artifact, plan.batch_sizes), variants, absent)
    for entry in absent:
        say(f"{entry.id}: not measured: {entry.reason}")
    with tempfile.TemporaryDirectory(prefix="wfctl-benchmark-") as folder:
        measurement = _Measurement(artifact, plan, measured, Path(folder), say)
        try:
            measurement.run()
        except KeyboardInterrupt:
            measured.interrupted = True
    return measured


class _Measurement:
    """The steps of one benchmark; each writes what it finds into `measured`."""

    def __init__(
        self, artifact: Artifact, plan: Plan, measured: Measured, folder: Path, say: Say
    ) -> None:
        self._artifact, self._plan, self._measured = artifact, plan, measured
        self._folder, self._say = folder, say
        self._random = random.Random(plan.seed)

    def run(self) -> None:
        for batch in self._measured.batches:
            np.savez(self._inputs_file(batch), allow_pickle=False, **batch.inputs)
        for launch in range(self._plan.launches):
            self._say(f"launch {launch + 1} of {self._plan.launches}: starting processes")
            with WorkerGroup(self._artifact.manifest, self._plan, self._folder) as group:
                self._load(group)
                self._prepare(group)
                if not group.loaded:
                    return
                self._say(f"launch {launch + 1} of {self._plan.launches}: measuring")
                for number in range(self._plan.rounds):
                    self._round(group, launch, number)
                if launch == self._plan.launches - 1:
                    self._profile(group)

    def _load(self, group: WorkerGroup) -> None:
        """Start the variants, and once it is known which of them is the reference, its copy."""
        measured = self._measured
        self._start(group, measured.variants)
        if measured.copy is None:
            gone = {entry.id for entry in measured.absent}
            kept = [variant for variant in measured.variants if variant.id not in gone]
            # A reference that does not load makes way for the next variant.
            measured.variants = sorted(kept, key=lambda variant: variant.id not in group.loaded)
            reference = measured.reference
            if reference is None:
                raise nothing_to_measure(self._artifact, measured.absent)
            measured.copy = replace(reference, id=reference.id + COPY_SUFFIX)
        if measured.variants[0].id in group.loaded:
            self._start(group, [measured.copy])

    def _start(self, group: WorkerGroup, variants: Iterable[Variant]) -> None:
        started = [group.start(v) for v in variants if v.id not in self._measured.failed]
        for worker in started:
            try:
                reason = worker.wait_until_loaded()
            except WorkerFailed as error:
                self._fail(group, worker, f"while loading: {error}")
                continue
            if reason is None:
                group.loaded[worker.variant.id] = worker
            else:
                self._leave_out(group, worker, reason)

    def _leave_out(self, group: WorkerGroup, worker: Worker, reason: str) -> None:
        """A variant that cannot be measured: absent at first, a failure once it has numbers."""
        if self._measured.copy is not None:
            return self._fail(group, worker, f"while loading: {reason}")
        group.drop(worker)
        self._measured.absent.append(Absent(worker.variant.id, reason))
        return self._say(f"{worker.variant.id}: not measured: {reason}")

    def _prepare(self, group: WorkerGroup) -> None:
        """Compare the outputs of all before any is timed, then warm up."""
        for step in (self._check, self._warm_up):
            for batch in self._measured.batches:
                for worker in list(group.loaded.values()):
                    self._attempt(group, worker, batch, partial(step, worker, batch))

    def _check(self, worker: Worker, batch: Batch) -> None:
        file = self._folder / f"{worker.variant.id}-{batch.size}-outputs.npz"
        inputs = self._inputs_file(batch)
        worker.ask("bind", batch=batch.size, inputs_file=str(inputs), outputs_file=str(file))
        with np.load(file, allow_pickle=False) as arrays:
            outputs = {name: arrays[name] for name in arrays.files}
        error = largest_error(outputs, batch, self._plan.tolerance, worker.variant.id)
        series = self._measured.of(worker.variant.id, batch.size)
        series.max_abs_error = max(error, series.max_abs_error or 0.0)

    def _warm_up(self, worker: Worker, batch: Batch) -> None:
        answer = worker.ask("warm_up", batch=batch.size, limit_s=self._plan.warm_up_limit_s)
        self._measured.of(worker.variant.id, batch.size).warm_ups.append(WarmUp(**answer))

    def _round(self, group: WorkerGroup, launch: int, number: int) -> None:
        for batch in self._measured.batches:
            order = list(group.loaded.values())
            self._random.shuffle(order)
            for position, worker in enumerate(order):
                place = Place(launch, number, position)
                self._attempt(group, worker, batch, partial(self._block, worker, batch, place))

    def _block(self, worker: Worker, batch: Batch, place: Place) -> None:
        plan = self._plan
        answer = worker.ask(
            "block", batch=batch.size, minimum_s=plan.block_s, minimum_calls=plan.block_calls
        )
        latencies_s = np.array(answer.pop("latencies_ns"), dtype=np.float64) * 1e-9
        blocks = self._measured.of(worker.variant.id, batch.size).blocks
        blocks.append(Block(place, latencies_s, **answer))

    def _profile(self, group: WorkerGroup) -> None:
        """The first variant that torch runs, after all timing is over."""
        measured = self._measured
        able = [v for v in measured.variants if v.kind != "onnx" and v.id in group.loaded]
        if not able:
            return self._say("profile: left out, since the autograd profiler needs a torch variant")
        measured.profiled = able[0].id
        try:
            for batch in measured.batches:
                measured.profiles[batch.size] = self._profile_batch(group.loaded[able[0].id], batch)
        except WorkerFailed as error:
            measured.failed["profile"] = str(error)
            self._say(f"profile: failed: {error}")
        return None

    def _profile_batch(self, worker: Worker, batch: Batch) -> dict[str, Any]:
        plan, trace = self._plan.profile, None
        if plan.trace_folder is not None:
            trace = str(plan.trace_folder.resolve() / f"{worker.variant.id}-b{batch.size}.json.gz")
        profile = worker.ask(
            "profile", batch=batch.size, calls=plan.calls, sort_by=plan.sort_by,
            row_limit=plan.row_limit, trace=trace,
        )  # fmt: skip
        return profile | {"trace": trace}

    def _attempt(
        self, group: WorkerGroup, worker: Worker, batch: Batch, step: Callable[[], None]
    ) -> None:
        """One step of one worker; if it fails, the others go on without it."""
        try:
            step()
        except WorkerFailed as error:
            self._fail(group, worker, f"at batch {batch.size}: {error}")

    def _fail(self, group: WorkerGroup, worker: Worker, why: str) -> None:
        group.drop(worker)
        self._measured.failed[worker.variant.id] = why
        self._say(f"{worker.variant.id}: failed {why}")

    def _inputs_file(self, batch: Batch) -> Path:
        return self._folder / f"inputs-{batch.size}.npz"
