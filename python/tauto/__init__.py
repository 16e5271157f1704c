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

__version__ = "0.1.0"
__all__ = ["Same", "Verdict", "same", "Certifier", "Error", "InternalError", "Model", "Slot", "isas", "load", "parse", "semantics_version"]

for _class in (Certifier, Error, InternalError, Model, Slot):
    _class.__module__ = "tauto"


def load(source: "str | _os.PathLike[str] | bytes | bytearray | memoryview | _Any", *,
         folder: "str | _os.PathLike[str]" = "", trust: bool = False,
         allow: "_Sequence[str]" = ()) -> Model:
    """The model in a file (ONNX, the text of a graph, or what `Model.save` wrote), in bytes, or an `onnx.ModelProto`.

    `folder` is where the external data of a model given as bytes lie; without one they are refused. Machine code
    that `Model.save` wrote runs if this user wrote it or with `trust=True`; otherwise the graph is compiled again.
    `allow` names rewrites that may change results within a stated bound (docs/contracts.md), "winograd" for one;
    without any only exact ones are applied. `Model.ledger` says what they did.
    """
    if hasattr(source, "SerializeToString"):
        source = source.SerializeToString()
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _load_bytes(bytes(source), _os.fspath(folder), list(allow))
    return _load_file(_os.fspath(source), trust, list(allow))
