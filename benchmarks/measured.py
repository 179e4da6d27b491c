"""What a benchmark has measured so far: complete or cut short, it can be made into a report."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .batches import Batch
from .variants import Absent, Variant


@dataclass(frozen=True)
class Place:
    """When a block was measured. `position` is that in the round's random order."""

    launch: int
    round: int
    position: int


@dataclass(frozen=True)
class Block:
    """One variant called again and again for a short while."""

    place: Place
    latencies_s: NDArray[np.float64]  # one a call
    elapsed_s: float
    cpu_s: float
    involuntary_switches: int


@dataclass(frozen=True)
class WarmUp:
    """The calls before the first block of a launch."""

    calls: int
    stable: bool
    first_call_s: float


@dataclass
class Series:
    """One variant at one batch size."""

    max_abs_error: float | None = None
    warm_ups: list[WarmUp] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)


@dataclass
class Measured:
    """Everything measured until now. `series` is by (variant id, batch size)."""

    batches: list[Batch]
    variants: list[Variant]  # measured ones, the reference first
    absent: list[Absent]
    copy: Variant | None = None  # the reference once more: the A/A control
    series: dict[tuple[str, int], Series] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)  # variant id -> why
    profiles: dict[int, dict[str, Any]] = field(default_factory=dict)  # batch size -> profile
    profiled: str | None = None  # the variant that was profiled
    interrupted: bool = False

    @property
    def reference(self) -> Variant | None:
        """What the others are compared with."""
        return self.variants[0] if self.variants else None

    def of(self, variant_id: str, batch: int) -> Series:
        """The series of a variant at a batch size, empty at first."""
        return self.series.setdefault((variant_id, batch), Series())

    def rounds(self) -> int:
        """Rounds of which something was measured."""
        places = [block.place for series in self.series.values() for block in series.blocks]
        return len({(place.launch, place.round) for place in places})
