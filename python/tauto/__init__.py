"""Neural networks as programs with one exact meaning.

    m = tauto.load("model.onnx")
    y = m(x)                        # numpy in, numpy out
    y, = m.run({"x": x})
    (lo, hi), = m.interval({"x": x})

Every mistake in a model or an input is a `tauto.Error` (a ValueError) that says where, what was required and
what was given.
"""

import os as _os
from collections.abc import Sequence as _Sequence
from typing import Any as _Any

from . import _cpu

if (_problem := _cpu.problem()) is not None:
    raise ImportError(_problem)

from ._tauto import Certifier, Error, InternalError, Model, Slot, isas, parse, semantics_version
from ._tauto import _fault_kinds, _faulty, _Judge  # noqa: F401 - for tests: programs with a mistake, docs/debugging.md
from ._tauto import load_bytes as _load_bytes
from ._tauto import load_file as _load_file
from .comparison import Same, Verdict, same
from .quantization import Quantized, quantize

__version__ = "0.1.0"
__all__ = ["Same", "Verdict", "same", "Quantized", "quantize", "Certifier", "Error", "InternalError", "Model", "Slot", "isas", "load", "parse", "semantics_version"]

for _class in (Certifier, Error, InternalError, Model, Slot):
    _class.__module__ = "tauto"


def load(source: "str | _os.PathLike[str] | bytes | bytearray | memoryview | _Any", *,
         folder: "str | _os.PathLike[str]" = "", trust: bool = False,
         allow: "_Sequence[str]" = (), precision: "str | _os.PathLike[str] | Quantized" = "",
         data: "dict[str, _Any] | None" = None) -> Model:
    """The model in a file (ONNX, the text of a graph, or what `Model.save` wrote), in bytes, or an `onnx.ModelProto`.

    `folder` is where the external data of a model given as bytes lie; without one they are refused. Machine code
    that `Model.save` wrote runs if this user wrote it or with `trust=True`; otherwise the graph is compiled again.
    `allow` names rewrites that may change results within a stated bound (docs/contracts.md), "winograd" for one;
    without any only exact ones are applied. `Model.ledger` says what they did.
    `precision` is another number system for the contractions of a model in a file, as `tauto.quantize` takes it, with
    the `data` that it needs; or a plan: what `tauto.quantize` gave, its text, or the name of a file that ends in .plan.
    """
    plan = precision.plan if isinstance(precision, Quantized) else _os.fspath(precision)
    if plan.endswith(".plan"):
        with open(plan, encoding="utf-8") as file:
            plan = file.read()
    elif plan and "\n" not in plan:
        if not isinstance(source, (str, _os.PathLike)):
            raise Error("load: precision: required a model in a file, or a plan")
        plan = quantize(source, plan, data).plan
    if hasattr(source, "SerializeToString"):
        source = source.SerializeToString()
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _load_bytes(bytes(source), _os.fspath(folder), list(allow), plan)
    return _load_file(_os.fspath(source), trust, list(allow), plan)
