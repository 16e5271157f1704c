"""What probes promise: the results of a run with them are those without, and every value is the interpreter's."""

from __future__ import annotations

from typing import Any

import numpy as np


def complaints(model: Any, inputs: Any, threads: int = 1) -> tuple[int, list[str]]:
    """(how many values were compared, what is wrong with them)."""
    wrong = []
    want = model.run(inputs, threads=threads)
    results, values = model.probe(inputs, threads=threads)
    _, interpreted = model.probe(inputs, interpret=True)
    if [_bits(r) for r in results] != [_bits(r) for r in want]:
        wrong.append("the results with probes are others")
    defined: dict[tuple[str, int], list[np.ndarray]] = {}
    for one in interpreted:
        defined.setdefault((one["function"], one["node"]), []).append(one["value"])
    compared = 0
    for one in values:
        where = f"@{one['function']} %{one['node']} = {one['op']} in {one['kernel'] or 'no kernel'}"
        if one["value"] is None:
            wrong.append(f"{where}: not stored: {one['reason']}")
            continue
        trips = defined.get((one["function"], one["node"]))
        if not trips:
            wrong.append(f"{where}: the interpreter has no such value")
            continue
        got, exact = one["value"], trips.pop(0)
        if one["computed"] is not None:
            got, exact = got[one["computed"]], exact[one["computed"]]
        compared += 1
        if _bits(got) != _bits(exact):
            wrong.append(f"{where}: {int(np.sum(got != exact))} of {exact.size} elements differ")
    return compared, wrong


def _bits(value: Any) -> Any:
    if isinstance(value, list):
        return [_bits(v) for v in value]
    if value is None:
        return None
    return value.tolist() if value.dtype.kind in "OUS" else (value.shape, str(value.dtype), value.tobytes())
