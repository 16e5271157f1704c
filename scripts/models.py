#!/usr/bin/env python3
"""Runs real networks and judges them node by node against unoptimised ONNX Runtime.

For every network: it must import and type-check, and print -> parse -> print must give the same text. For every
case: (1) each node gets the very arrays that ONNX Runtime's node consumed; the node's own derived interval (the
results of all legal executions) must hold our result, and ONNX Runtime's but for its known inexactness
(lib_oracle.py); (2) end to end, each output must lie within 1e-4 of the stored output's scale (its largest
magnitude). Downstream of a dynamic quantizer one step of a quantizer decides, so there the mean must be within 1e-3
of the scale, and (1) decides the rest. Ends with

    models: N / M agree

Networks are downloaded into the cache (TAUTO_CACHE, by default ~/.cache/tauto), and results are kept there by the
hashes of the network, the case, the library and these scripts.
"""

from __future__ import annotations

import argparse
import glob
import hashlib
import json
import os
import sys
import time
from typing import Any

import numpy as np
import onnx

import lib_models
import lib_oracle
import lib_workers
from lib_nodes import Step, Walk, downstream_of

TIMEOUT = 3600.0
# Workers keep the memory they free: a third of the time on imgly-small went into handing out zeroed pages.
MALLOC = "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592:glibc.malloc.hugetlb=1"
END_TO_END, END_TO_END_MEAN = 1e-4, 1e-3
SHOWN = 5             # complaints about one network, unless --verbose


def _outside(value: np.ndarray, low: np.ndarray, high: np.ndarray, slack: Any = 0.0) -> np.ndarray:
    """Where the value lies outside [low, high]. NaN belongs to an interval whose ends are NaN."""
    if np.issubdtype(value.dtype, np.floating):
        value = value.astype(np.float64)
        with np.errstate(all="ignore"):
            inside = (low - slack <= value) & (value <= high + slack) | (value == low) | (value == high)
        return ~(inside | np.isnan(value) & (np.isnan(low) | np.isnan(high)))
    return ~((low <= value) & (value <= high))


def _first(bad: np.ndarray, value: np.ndarray, low: np.ndarray, high: np.ndarray) -> str:
    at = tuple(int(i) for i in np.argwhere(bad)[0]) if bad.ndim else ()
    return (f"{int(bad.sum())} of {bad.size} outside; at {list(at)}: required [{low[at]:.9g}, {high[at]:.9g}], "
            f"got {value[at]:.9g}")


def check_step(step: Step) -> list[str]:
    """What is wrong with our version of one node; empty if nothing."""
    import tauto

    single = tauto.load(step.model)
    ours = _in_order(single, step.feeds)
    wrong = []
    for (name, theirs), mine, (low, high) in zip(step.outputs.items(), ours, single.interval(step.feeds)):
        mine, low, high = np.asarray(mine), np.asarray(low), np.asarray(high)
        if mine.dtype != theirs.dtype or mine.shape != theirs.shape:
            wrong.append(f'"{name}": required {theirs.dtype}{list(theirs.shape)}, got {mine.dtype}{list(mine.shape)}')
            continue
        for who, value, slack in (("onnxruntime", theirs, lib_oracle.of_function(step.op, theirs)), ("tauto", mine, 0.0)):
            bad = _outside(value, low, high, slack)
            if bad.any():
                wrong.append(f'"{name}": {who}: {_first(bad, value, low, high)}')
    return wrong


def _in_order(model: Any, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    found = model.run(feeds)
    return [found[value.name] for value in model.outputs] if isinstance(found, dict) else list(found)


def end_to_end(name: str, mine: np.ndarray, stored: np.ndarray, quantized: bool,
               maker: str) -> tuple[float, str | None]:
    """(error as a part of the scale, what is wrong)."""
    if mine.dtype != stored.dtype or mine.shape != stored.shape:
        return np.inf, f'"{name}": required {stored.dtype}{list(stored.shape)}, got {mine.dtype}{list(mine.shape)}'
    if not np.issubdtype(stored.dtype, np.floating):
        return 0.0, None if np.array_equal(mine, stored) else f'"{name}": integers differ'
    scale = float(np.abs(stored).max(initial=0.0))
    if np.isnan(mine).any() or np.isnan(stored).any() or not np.isfinite(scale):
        return 0.0, None if np.array_equal(mine, stored, equal_nan=True) else f'"{name}": NaN or infinities differ'
    error = np.maximum(0.0, np.abs(mine.astype(np.float64) - stored) - lib_oracle.of_function(maker, stored))
    size = float((error.mean() if quantized else error.max(initial=0.0)))
    part = size / scale if scale else (0.0 if size == 0 else np.inf)
    limit = END_TO_END_MEAN if quantized else END_TO_END
    return part, None if part <= limit else f'"{name}": error {part:.3g} of the scale {scale:.3g}, allowed {limit:g}'


def check_import(model: lib_models.Model) -> dict[str, Any]:
    import tauto

    loaded = tauto.load(model.path)
    text = loaded.text()
    again = tauto.parse(text, loaded.side()).text()
    return {"wrong": [] if again == text else ["print -> parse -> print gives another text"]}


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def check_nodes(walk: Walk) -> tuple[list[str], int, int]:
    """(what is wrong, nodes, nodes with something wrong)."""
    wrong: list[str] = []
    nodes = outside = 0
    for step in walk.steps():
        nodes += 1
        try:
            found = check_step(step)
        except Exception as error:  # noqa: BLE001 - one node's refusal must not hide the others
            found = [_brief(error)]
        outside += bool(found)
        wrong += [f'node "{step.label}" ({step.op}): {what}' for what in found]
    return wrong, nodes, outside


def check_whole(model: lib_models.Model, proto: onnx.ModelProto, feeds: dict[str, np.ndarray],
                stored: dict[str, np.ndarray], makers: dict[str, str]) -> tuple[list[str], float]:
    """(what is wrong, the largest error as a part of its output's scale)."""
    import tauto

    try:
        loaded = tauto.load(model.path)
        mine = dict(zip([value.name for value in loaded.outputs], _in_order(loaded, feeds)))
    except Exception as error:  # noqa: BLE001 - the nodes have been judged; this one is a finding like theirs
        return [f"end to end: {_brief(error)}"], float("inf")
    quantized = downstream_of(proto, lambda node: node.op_type == "DynamicQuantizeLinear")
    wrong: list[str] = []
    worst = 0.0
    for name, value in stored.items():
        part, problem = end_to_end(name, np.asarray(mine[name]), value, name in quantized, makers.get(name, ""))
        worst = max(worst, part)
        wrong += [f"end to end: {problem}"] if problem else []
    return wrong, worst


def check_case(model: lib_models.Model, case: str) -> dict[str, Any]:
    proto = onnx.load(model.path)
    feeds, stored = lib_models.load_case(model, case, proto)
    walk = Walk(proto, feeds)
    wrong, nodes, outside = check_nodes(walk)
    for name, value in stored.items():
        if not np.array_equal(walk.results[name], value, equal_nan=value.dtype.kind == "f"):
            wrong.append(f'harness: the walk\'s output "{name}" is not the stored one to the bit')
    problems, worst = check_whole(model, proto, feeds, stored, walk.makers)
    return {"wrong": wrong + problems, "nodes": nodes, "outside": outside, "worst": worst}


def check(item: tuple[lib_models.Model, str | None]) -> dict[str, Any]:
    """In a worker: one network's import (case None) or one of its cases."""
    model, case = item
    started = time.monotonic()
    found = check_import(model) if case is None else check_case(model, case)
    found["seconds"] = time.monotonic() - started
    return found


def _digest(*paths: str) -> str:
    total = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as handle:
            total.update(handle.read())
    return total.hexdigest()


class Store:
    """Results of earlier runs, one small file each, found by the hash of everything they depend on."""

    def __init__(self) -> None:
        import onnxruntime
        import tauto

        here = os.path.dirname(os.path.abspath(__file__))
        package = os.path.dirname(os.path.abspath(tauto.__file__))
        code = [path for path in glob.glob(os.path.join(package, "*")) if path.endswith((".so", ".py"))]
        code += glob.glob(os.path.join(here, "lib_*.py")) + [os.path.join(here, "models.py")]
        self.base_ = _digest(*sorted(code)) + onnxruntime.__version__ + onnx.__version__
        self.models_: dict[str, str] = {}

    def path(self, model: lib_models.Model, case: str | None) -> str:
        if model.path not in self.models_:
            self.models_[model.path] = _digest(model.path)
        data = _digest(case) if case and os.path.exists(case) else str(case)
        key = hashlib.sha256("\n".join([self.base_, self.models_[model.path], data]).encode()).hexdigest()
        return os.path.join(lib_models.CACHE, "results", key + ".json")

    def get(self, model: lib_models.Model, case: str | None) -> dict[str, Any] | None:
        try:
            with open(self.path(model, case), encoding="utf-8") as handle:
                return json.load(handle)
        except OSError:
            return None

    def put(self, model: lib_models.Model, case: str | None, found: dict[str, Any]) -> None:
        path = self.path(model, case)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".part", "w", encoding="utf-8") as handle:
            json.dump(found, handle)
        os.replace(path + ".part", path)


def run(models: list[lib_models.Model], jobs: int, fresh: bool) -> dict[tuple[str, str | None], dict[str, Any]]:
    store = Store()
    items = [(model, case) for model in models for case in (None, *model.cases)]
    results: dict[tuple[str, str | None], dict[str, Any]] = {}
    todo = []
    for model, case in items:
        known = None if fresh or not os.path.exists(model.path) else store.get(model, case)
        if known:
            results[model.name, case] = known
        elif not os.path.exists(model.path):
            results[model.name, case] = {"wrong": ["the network could not be fetched"]}
        else:
            todo.append((model, case))
    todo.sort(key=lambda item: -os.path.getsize(item[0].path))   # the long ones first
    progress = lib_workers.Progress(len(todo), "models")
    os.environ.setdefault("GLIBC_TUNABLES", MALLOC)   # of the workers
    for index, outcome in lib_workers.run_all("models:check", todo, jobs, TIMEOUT):
        model, case = todo[index]
        if outcome.kind == "ok":
            results[model.name, case] = outcome.value
            store.put(model, case, outcome.value)
        else:
            what = ": ".join(outcome.value) if outcome.kind == "raised" else f"{outcome.kind} {outcome.value}"
            results[model.name, case] = {"wrong": [what]}
        progress.step(f"{model.name} {lib_models.case_name(case or 'import')}")
    progress.close()
    return results


def print_table(models: list[lib_models.Model], results: dict[tuple[str, str | None], dict[str, Any]],
                verbose: bool) -> int:
    print(f"{'model':24} {'cases':>5} {'nodes':>6} {'outside':>7} {'end to end':>10} {'seconds':>8}  verdict")
    agreed, complaints = 0, []
    for model in models:
        found = {case: results[model.name, case] for case in (None, *model.cases)}
        wrong = [f"{model.name} {lib_models.case_name(case or 'import')}: {what}"
                 for case, one in found.items() for what in one["wrong"]]
        total = {key: sum(one.get(key, 0) for one in found.values()) for key in ("nodes", "outside", "seconds")}
        worst = max((one["worst"] for one in found.values() if "worst" in one), default=float("nan"))
        print(f"{model.name:24} {len(model.cases):5} {total['nodes']:6} {total['outside']:7} {worst:10.1e} "
              f"{total['seconds']:8.1f}  {'agrees' if not wrong else 'DIFFERS'}")
        agreed += not wrong
        complaints += wrong if verbose or len(wrong) <= SHOWN else \
            wrong[:SHOWN] + [f"{model.name}: and {len(wrong) - SHOWN} more (--verbose shows them)"]
    for line in complaints:
        print(line)
    return agreed


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="NAMES", help="comma-separated beginnings of network names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worker processes")
    parser.add_argument("--fresh", action="store_true", help="ignore the results of earlier runs")
    parser.add_argument("--verbose", action="store_true", help="print everything that differs")
    args = parser.parse_args(argv)

    if not os.path.isfile(os.path.join(lib_models.SHARED, "models", "get_public.py")):
        print(f"models: {lib_models.SHARED}: required models/get_public.py and data/, got no such folder",
              file=sys.stderr)
        return 2
    wanted = tuple(args.only.split(","))
    public = [model for model in lib_models.public_models() if model.name.startswith(wanted)]
    models = public + [model for model in lib_models.data_models() if model.name.startswith(wanted)]
    if public:
        lib_models.fetch([model.name for model in public])
    agreed = print_table(models, run(models, args.jobs, args.fresh), args.verbose)
    print(f"models: {agreed} / {len(models)} agree")
    return 0 if models and agreed == len(models) else 1


if __name__ == "__main__":
    sys.exit(main())
