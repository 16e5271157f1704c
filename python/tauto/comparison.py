"""`tauto.same`: in what sense two models are the same network."""

from __future__ import annotations

import json as _json
import os
import re
import sys
from dataclasses import dataclass
from typing import Any, Mapping

import numpy as np

from . import _tauto
from .outside import read_pictures


@dataclass(frozen=True)
class Verdict:
    """One line: `kind` is PROVED, PROVED-ON-SHAPES, PROVED-ON-SET, SUPPORTED, UNDECIDED, REFUTED, or "" for a measurement.
    `counts`: was it asked for?"""

    leg: str
    path: str
    level: str
    kind: str
    detail: str
    counts: bool
    reason: str = ""
    rate: float | None = None     # SUPPORTED: at most this, with confidence 1 - alpha, from n inputs
    alpha: float | None = None
    n: int | None = None


class Same:
    """What `tauto.same` found. `str()` gives the verdict lines; `tables` all else by name: nodes, flips, margins, hashes,
    proofs, outputs, blame, graph (lists of dicts, as `tauto same --json` writes them)."""

    def __init__(self, text: str, page: str) -> None:
        self.json, self.page = text, page
        self.found: dict[str, Any] = _json.loads(text)
        self.holds: bool = self.found["holds"]
        self.verdicts = [self._verdict(line) for line in self.found["lines"]]
        self.tables = {name: value for name, value in self.found.items() if isinstance(value, list) and name != "lines"}

    @staticmethod
    def _verdict(line: dict[str, Any]) -> Verdict:
        v = line.get("verdict", {})
        return Verdict(line["leg"], line["path"], line["level"], v.get("kind", ""), line["detail"], line["counts"],
                       v.get("reason", ""), v.get("rate"), v.get("alpha"), v.get("n"))

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        return str(self.found["text"])

    def __repr__(self) -> str:
        return f"<tauto.Same: {', '.join(f'{v.level} {v.kind}' for v in self.verdicts if v.kind)}>"


def same(a: str | os.PathLike[str], b: str | os.PathLike[str],
         data: "Mapping[str, np.ndarray] | str | os.PathLike[str] | None" = None, *, box: str = "", sample: str = "",
         level: str = "", decision: str = "", output: str = "", budget: str = "", stop_early: bool = False,
         deep: int = 4, proofs: float = 60.0, seed: int = 1, report: str | os.PathLike[str] | None = None) -> Same:
    """Compares two systems, in the words of `tauto same` (`tauto same --help`).

    `a` and `b`: a file, a file with options ("m.onnx --allow winograd"), or an outside implementation
    ("onnxruntime:m.onnx"). `data`: arrays by the inputs' names, samples along the first axis, "labels" if there are; or an
    .npz file, or a folder of pictures. Truth of the result: is all shown that was asked for? `report`: a path for the page.
    """
    arrays: dict[str, np.ndarray] | None = None
    if isinstance(data, (str, os.PathLike)) and os.path.isdir(data):
        from . import load
        inputs = load(re.sub(r"^(onnxruntime|openvino|legal:\d+):", "", os.fspath(a)).split(" --")[0].strip('"')).inputs
        try:
            found = read_pictures(os.fspath(data), [n if isinstance(n, int) else -1 for n in inputs[0].shape])
        except SystemExit as error:
            raise _tauto.Error(f"same: {error}") from None
        arrays = {inputs[0].name if name == "pictures" else name: value for name, value in found.items()}
    elif isinstance(data, (str, os.PathLike)):
        with np.load(os.fspath(data)) as archive:
            arrays = {name: archive[name] for name in archive.files}
    elif data is not None:
        arrays = {name: np.asarray(value) for name, value in data.items()}
    if arrays is not None and "labels" in arrays:
        arrays["labels"] = arrays["labels"].astype(np.int64)
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "outside.py")
    text, page = _tauto.same(os.fspath(a), os.fspath(b), arrays, box, sample, level, decision, output, budget, stop_early,
                             deep, proofs, seed, report is not None, os.environ.get("TAUTO_PYTHON3") or sys.executable,
                             script)
    if report is not None:
        with open(report, "w", encoding="utf-8") as handle:
            handle.write(page)
    return Same(text, page)
