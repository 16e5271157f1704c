"""Models in other number systems."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _tauto

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Node:
    """One contraction: its name in the source model, its precision, and why if that is "f32"."""

    name: str
    precision: str
    reason: str


@dataclass(frozen=True)
class Quantized:
    """A plan of number systems for the contractions of a model: `plan` is its text, what `precision=` takes."""

    path: str
    plan: str

    @property
    def nodes(self) -> list[Node]:
        return [Node(*node) for node in _tauto.plan_nodes(self.plan)]

    def load(self, *, allow: Sequence[str] = ()) -> _tauto.Model:
        """The model under the plan."""
        return _tauto.load_file(self.path, False, list(allow), self.plan)

    def to_onnx(self) -> bytes:
        """The same program as an ONNX file in standard operators: imported, it gives the same bits."""
        return _tauto.write_plan(self.path, self.plan)

    def keeping(self, names: Sequence[str], reason: str = "kept") -> Quantized:
        """The plan with these nodes in f32."""
        lines = []
        for line, node in zip(self.plan.splitlines()[1:], self.nodes):
            quoted = line[:line.index('" ') + 1]
            lines.append(f'{quoted} f32 "{reason}"' if node.name in names else line)
        unknown = set(names) - {node.name for node in self.nodes}
        if unknown:
            raise _tauto.Error(f"quantize: required names of the plan's nodes, got {sorted(unknown)}")
        return Quantized(self.path, "\n".join(["precision plan 1", *lines]) + "\n")

    def blame(self, data: dict[str, np.ndarray], terms: dict[int, float], *, output: int = 0, steps: int = 8) -> Blame:
        """What each quantizer contributed to the change of Σ terms[i] · y[i], y the elements of an output, for the inputs of
        one run: a margin is {class: 1, other: -1}. `steps`: the places on the path from f32 to the quantized program at
        which Jacobians are taken (docs/quantization.md)."""
        source, quantized, residual, nodes = _tauto.blame(self.path, self.plan, data, output, list(terms.items()), steps)
        return Blame(source, quantized, residual, [Contribution(*node) for node in nodes])

    def search(self, data: dict[str, np.ndarray], decision: str, budget: str, *, timed: bool = True, threads: int = 1) -> Search:
        """As many of the plan's nodes as a budget of flips allows ("flips=1% confidence=95%"): searched on the first half of
        `data`, verified on the second. `timed=False` does not look at what nodes gain, so that every machine finds the
        same."""
        plan, report, validations, seconds = _tauto.search_precision(self.path, self.plan, data, decision, budget, timed, threads)
        return Search(Quantized(self.path, plan) if plan else None, report, [Validation(*v) for v in validations], seconds)


@dataclass(frozen=True)
class Contribution:
    """The part of a change that a quantizer is to blame for: by its activations, by its weights."""

    node: str
    activations: float
    weights: float

    @property
    def total(self) -> float:
        return self.activations + self.weights


@dataclass(frozen=True)
class Blame:
    """`quantized` - `source` = the sum of all contributions + `residual`; the largest contribution stands first."""

    source: float
    quantized: float
    residual: float
    contributions: list[Contribution]


@dataclass(frozen=True)
class Validation:
    """A program that was run on samples: the nodes that it keeps in f32, and how often its decision was another."""

    kept: list[str]
    fresh: bool
    flips: int
    samples: int
    upper: float
    seconds: float
    holds: bool


@dataclass(frozen=True)
class Search:
    """`quantized`: the plan that was found and verified; None if f32 stays. `report` is text."""

    quantized: Quantized | None
    report: str
    validations: list[Validation]
    f32_seconds: float


def quantize(path: str | os.PathLike[str], to: str = "int8", data: dict[str, np.ndarray] | None = None, *,
             keep: Sequence[str] = (), measure: bool = False, threads: int = 1) -> Quantized:
    """A plan that gives the contractions of an ONNX model another number system.

    `to`: "int8", "int4", "int2", "int1", "f16" or "bf16", with options behind commas as in `tauto quantize --help`
    ("int8,tensor,percentile:99.99"). `data` holds an array for each input, samples along the first axis, on which the
    ranges of activations are measured; "dynamic", f16 and bf16 need none. `keep` names nodes that stay f32;
    `measure=True` leaves those f32 that are slower otherwise.

    Raises Error: data that never reach a node, are constant or not finite there, weights that are all equal make the
    node f32, with its reason in `nodes`; only if nothing is left to quantize it is an error.
    """
    path = os.fspath(path)
    return Quantized(path, _tauto.make_plan(path, to, data, list(keep), measure, threads))
