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
