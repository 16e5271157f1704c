#!/usr/bin/env python3
"""How much memory the public networks take: weights once and the intermediate values that are alive, and no more?

For each network with its first stored case, in a process of its own: what the compiled model holds (constants as its
kernels read them, the block for intermediate values), against *needed* = weights once + 1.2 x the liveness bound; and
how much the process grew at its peak over one that has imported the library, when the program comes from the cache
(so that compiling, and pages of the file that were looked at, do not count) and has run twice. Inputs and results are
the caller's. Ends with

    memory: N networks, largest held / needed H (network), largest grown / needed G (network, of those above 16 MB)
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from typing import Any

import onnx

import lib_models
import lib_workers

TIMEOUT = 900.0
LARGE = 16 << 20   # below, what a process and a graph take anyway is more than what is measured
MB = 1 / (1 << 20)


def status(name: str) -> int:
    with open("/proc/self/status", encoding="ascii") as handle:
        return next(int(line.split()[1]) << 10 for line in handle if line.startswith(name))


def measure(item: tuple[str, str, str, bool]) -> dict[str, Any]:
    """In a worker of its own. `again`: the cache has the program."""
    name, path, case, again = item
    import tauto

    model = next(m for m in lib_models.public_models() + lib_models.data_models() if m.name == name)
    inputs = lib_models.load_case(model, case, onnx.load(path))[0]
    tauto.parse(f'module m semantics {tauto.semantics_version}\nfunc main(%0 "x": f32[2]) -> ("y") {{\n'
                "  %1 = exp(%0) : f32[2]\n  return %1\n}")(list(inputs.values())[0].ravel()[:0].astype("f4").sum() +
                                                             __import__("numpy").ones(2, "f4"))
    with open("/proc/self/clear_refs", "w", encoding="ascii") as handle:
        handle.write("5")   # the peak so far is forgotten
    before = status("VmRSS:")
    loaded = tauto.load(path)
    for _ in range(2):
        results = loaded.run(inputs)
    peak = status("VmHWM:")
    use: dict[str, Any] = loaded.memory(inputs)
    use["grown"] = max(0, peak - before - 2 * sum(getattr(r, "nbytes", 0) for r in results)) if again else 0
    return use


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only networks whose name contains TEXT")
    args = parser.parse_args(argv)
    there = [m for m in lib_models.public_models() + lib_models.data_models() if os.path.exists(m.path) and m.cases]
    there = [m for m in there if args.only in m.name and (not m.name.startswith("acasxu") or m.name == "acasxu_1_1")]
    failed = []
    rows = {}
    with tempfile.TemporaryDirectory() as cache:
        models = lib_models.CACHE
        os.environ["TAUTO_CACHE"] = cache
        os.symlink(os.path.join(models, "models"), os.path.join(cache, "models"))
        print(f"{'network':20} {'weights':>8} {'held':>8} {'code':>7} {'block':>8} {'alive':>8} {'held/needed':>12} "
              f"{'grown':>8} {'grown/needed':>12}   (MB)")
        for m in there:
            for again in (False, True):
                outcome = next(iter(lib_workers.run_all("memory:measure", [(m.name, m.path, m.cases[0], again)], 1,
                                                        TIMEOUT)))[1]
            if outcome.kind != "ok":
                failed.append(f"{m.name}: {outcome.kind} {outcome.value}")
                continue
            use = outcome.value
            needed = use["weights"] + 1.2 * use["liveness"]
            held = use["constants"] + use["block"]
            rows[m.name] = (held / needed, use["grown"] / needed, needed)
            print(f"{m.name:20} {use['weights'] * MB:8.2f} {use['constants'] * MB:8.2f} {use['code'] * MB:7.2f} "
                  f"{use['block'] * MB:8.2f} {use['liveness'] * MB:8.2f} {held / needed:12.2f} "
                  f"{use['grown'] * MB:8.2f} {use['grown'] / needed:12.2f}", flush=True)
    for line in failed:
        print(line)
    if not rows:
        return 1
    worst = max(rows, key=lambda name: rows[name][0])
    large = [name for name in rows if rows[name][2] > LARGE] or list(rows)
    grown = max(large, key=lambda name: rows[name][1])
    print(f"memory: {len(rows)} networks, largest held / needed {rows[worst][0]:.2f} ({worst}), "
          f"largest grown / needed {rows[grown][1]:.2f} ({grown}, of those above 16 MB)")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
