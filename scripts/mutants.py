#!/usr/bin/env python3
"""Mutants: programs with one mistake each (tauto._faulty), and whether comparing bits with the interpreter notices.

Every kind of mistake, in every stage of the compiler, at seeded places in the public networks and those of the
shared data, on 10 inputs each. A mutant is *changed* where the result of the kernel with the mistake, or an output,
has another bit than the interpreter's on one of them; *caught by outputs* where an output has; *located* where the
first value of the run that differs belongs to the kernel with the mistake. One that changes no bit is asked for a
proof that its code still computes the same for all values (docs/trust.md): then it is *equivalent*. Ends with

    mutants: N made, C changed, caught O by outputs and V by values, located L of K, E of U unchanged proved equivalent, \
smallest relative change caught S

Exit code 1 if a mutant that changes a bit is not caught. A run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import collections
import functools
import json
import os
import sys
from typing import Any

import numpy as np
import onnx

import lib_models
import lib_programs
import lib_workers
from law import State, bits, campaign

INPUTS = 10
TIMEOUT = 600.0
# At most 0.1 GMAC in a run, and how many seeds each kind gets there; then larger ones.
SMALL = ("blazeface-front", "oww-embedding", "ppocr-cls", "silero-v5", "silero-legacy", "silero-op18-ifless",
         "oww-hey-jarvis", "oww-melspectrogram", "mnist_256x2", "mnist_256x4", "mnist_cnn_max", "acasxu_1_1",
         "policies_g1", "policies_go1", "policies_leap", "policies_cartpole", "policies_lunarlander")
LARGE = ("magika", "minilm-int8", "minilm-fp32", "yolov8n-320")
SEEDS = 2
# f(f(x)) is f(x), to the bit: of these a doubled application is no mistake.
IDEMPOTENT = ("relu", "max", "min", "abs", "floor", "ceil", "round", "sign")
# The kernel with the mistake computes the right thing from what another one overwrote, or reads it elsewhere.
MISPLACED = ("buffer reused too early",)


def networks() -> dict[str, lib_models.Model]:
    there = [m for m in lib_models.public_models() + lib_models.data_models() if os.path.exists(m.path)]
    return {m.name: m for m in there if m.name in SMALL + LARGE}


def inputs_of(model: lib_models.Model) -> list[dict[str, np.ndarray]]:
    proto = onnx.load(model.path)
    if model.cases[0].startswith("made:"):
        return [lib_models.load_case(model, f"made:{i}", proto)[0] for i in range(INPUTS)]
    stored = [lib_models.load_case(model, case, proto)[0] for case in model.cases[:INPUTS]]
    first = stored[0]
    return stored + [lib_programs._drawn(model.name, i, first) for i in range(INPUTS - len(stored))]


@functools.lru_cache(maxsize=1)
def opened(name: str) -> tuple[Any, list[Any], list[Any]]:
    """In a worker: the model, inputs of one set of sizes, the interpreter's results."""
    import tauto

    model = networks()[name]
    loaded = tauto.load(model.path)
    inputs = inputs_of(model)
    shapes = {key: value.shape for key, value in inputs[0].items()}
    inputs = [x for x in inputs if {key: value.shape for key, value in x.items()} == shapes]
    known = lib_programs.Interpreted(os.path.join(lib_programs.lib_models.CACHE, "interpreted"), model.path)
    return loaded, inputs, [known.get(x, lambda x=x: loaded.run(x, interpret=True)) for x in inputs]


def change(got: list[Any], want: list[Any]) -> float:
    """The largest difference of an output, relative to its largest magnitude."""
    worst = 0.0
    for a, b in zip(got, want):
        if not isinstance(a, np.ndarray) or a.shape != b.shape or a.dtype.kind not in "fiu":
            return float("inf")
        x, y = a.astype(np.float64), b.astype(np.float64)
        with np.errstate(all="ignore"):
            scale = np.max(np.abs(y), initial=0.0)
            apart = np.max(np.where(np.isfinite(x - y), np.abs(x - y), np.inf), initial=0.0)
        worst = max(worst, apart / scale if scale else apart)
    return float(worst)


def first_difference(faulty: Any, inputs: Any) -> tuple[str, int] | None:
    """The first value inside the run that is not the interpreter's: its function and node."""
    _, values = faulty.probe(inputs)
    _, exact = faulty.probe(inputs, interpret=True)
    trips: dict[tuple[str, int], list[np.ndarray]] = {}
    for one in exact:
        trips.setdefault((one["function"], one["node"]), []).append(one["value"])
    for one in values:
        of_node = trips.get((one["function"], one["node"]), [])
        if one["value"] is None or not of_node:
            continue
        got, want = one["value"], of_node.pop(0)
        if one["computed"] is not None and got.shape == want.shape:
            got, want = got[one["computed"]], want[one["computed"]]
        if bits(got) != bits(want):
            return one["function"], one["node"]
    return None


def judge(item: tuple[str, str, int]) -> dict[str, Any]:
    """In a worker: one mutant."""
    import tauto

    name, kind, seed = item
    model, inputs, want = opened(name)
    try:
        faulty = tauto._faulty(model, inputs[0], kind, seed)
    except tauto.Error as error:
        if "a place for it" in str(error):
            return {"verdict": "no place"}
        raise
    site = faulty.site
    found: dict[str, Any] = {"verdict": "unchanged", "site": site}
    kernel = (site["function"], max(site["nodes"]))
    for i, x in enumerate(inputs):
        try:
            got = faulty.run(x, threads=1 + i % 2)
        except tauto.Error as error:
            found.update(verdict="caught", error=str(error)[:200])
            return found
        if bits(got) == bits(want[i]):
            continue
        found.update(verdict="caught", input=i, change=change(got, want[i]))
        differs = first_difference(faulty, x)
        found["located"] = differs is not None and differs[0] == site["function"] and differs[1] in site["nodes"]
        found["first"] = differs
        return found
    for x in inputs:
        _, values = faulty.probe(x, [kernel])
        _, exact = faulty.probe(x, [kernel], interpret=True)
        if [bits(v["value"]) for v in values] != [bits(v["value"]) for v in exact]:
            found["verdict"] = "caught by values"
            return found
    if kind == "doubled activation" and site["what"].split()[-1] in IDEMPOTENT:
        found["proof"] = "proved by algebra"
    else:
        found["proof"] = faulty.prove(inputs[0])
    return found


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only mutants whose name contains TEXT")
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="per kind and small network")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worker processes")
    parser.add_argument("--fresh", action="store_true", help="do not go on with an interrupted run")
    parser.add_argument("--json", metavar="FILE", help="write what became of each mutant")
    parser.add_argument("--verbose", action="store_true", help="print every mutant that was not caught by outputs")
    args = parser.parse_args(argv)

    import tauto

    there = networks()
    items = [(name, kind, seed) for name in SMALL + LARGE if name in there for kind, _ in tauto._fault_kinds()
             for seed in range(args.first, args.first + (args.seeds if name in SMALL else 1))]
    items = [item for item in items if args.only in " ".join(map(str, item))]
    names = [" / ".join(map(str, item)) for item in items]
    failed: list[str] = []
    state = State(f"mutants {args.only}", args.fresh)
    os.environ["TAUTO_CACHE"] = "off"
    results = campaign(state, "mutants", "mutants:judge", names, items, args.jobs, failed)
    crashed = [line for line in failed if ": crash" in line or ": hang" in line]
    failed = [line for line in failed if line not in crashed]
    made = {name: r for name, r in results.items() if r["verdict"] != "no place"}
    stages = dict(tauto._fault_kinds())
    rows: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for name, r in made.items():
        kind = r["site"]["kind"]
        what = r["verdict"] if r["verdict"] != "unchanged" else \
            "equivalent" if r["proof"].startswith("proved") else "unchanged"
        rows[kind][what] += 1
        if args.verbose and what != "caught":
            print(f"{name}: {what} {r.get('proof', '')}: {r['site']['kernel']}: {r['site']['what']}")
    for line in crashed:
        print(line)
    print(f"{'stage':10} {'mistake':32} {'caught':>7} {'values':>7} {'equiv.':>7} {'unchanged':>9}")
    for kind, stage in stages.items():
        row = rows[kind]
        print(f"{stage:10} {kind:32} {row['caught']:7} {row['caught by values']:7} {row['equivalent']:7} "
              f"{row['unchanged']:9}")
    caught = [r for r in made.values() if r["verdict"] == "caught"]
    inside = [r for r in made.values() if r["verdict"] == "caught by values"]
    unchanged = [r for r in made.values() if r["verdict"] == "unchanged"]
    equivalent = [r for r in unchanged if r["proof"].startswith("proved")]
    asked = [r for r in caught if "located" in r and r["site"]["kind"] not in MISPLACED]
    located = sum(r["located"] for r in asked)
    changes = [r["change"] for r in caught if r.get("change")]
    if args.json:
        with open(args.json, "w", encoding="utf-8") as handle:
            json.dump(made, handle, indent=1)
    for line in failed:
        print(line)
    state.end()
    print(f"mutants: {len(made) + len(crashed)} made, {len(caught) + len(inside) + len(crashed)} changed, caught "
          f"{len(caught) + len(crashed)} by outputs and {len(inside)} by values, located {located} of {len(asked)}, "
          f"{len(equivalent)} of {len(unchanged)} unchanged proved equivalent, "
          f"smallest relative change caught {min(changes, default=0):.1e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
