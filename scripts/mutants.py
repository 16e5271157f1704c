#!/usr/bin/env python3
"""Mutants: programs with one mistake each (tauto._faulty), and who notices.

Every kind of mistake, in every stage of the compiler, at seeded places in the public networks and those of the
shared data, on 10 inputs each, is judged three times:

*By bits*, with the interpreter as oracle. A mutant is *changed* where the result of the kernel with the mistake, or an
output, has another bit than the interpreter's; *caught by outputs* where an output has; *located* where the first value of
the run that differs belongs to the kernel with the mistake. One that changes no bit is *equivalent* if a proof says that it
gives the same for all inputs (verify/prove_fault.h). Of the others, directed inputs of the network tell some; of some only
drawn values of the kernel's arguments, which may be values that no input leads to; the rest is not decided.

*As a foreign binary*, by bounds alone: every value that it computes against all that a legal execution of its node gives on
what the node consumed (verify/run_checks.h), in any order of additions. It is *killed* by an illegal value, or by an error;
the *node* is right if the first illegal value is the kernel's with the mistake (for mistakes of the memory plan: it, or the
value that was read from the wrong place); the *stage* is what bisection over the kernel's levels names, without comparing
bits (verify/locate_stage.h).

*By customs of others*, on the outputs: allclose with two tolerances, PyTorch's comparison of RMSEs with f64, top-1. Ends with

    mutants: N made, C changed, caught O by outputs and V by values, located L of K, E of U unchanged proved equivalent, told by \
other inputs I, by other values of the kernel's arguments A, not decided D, smallest relative change caught S
    foreign: killed K of C, node N of K, stage S of K, smallest fault F

Exit code 1 if a mutant that changes a bit is not caught. A run that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
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
# What others compare outputs by: (rtol, atol), …
CUSTOMS = ("allclose(1e-2, 1e-3)", "allclose(1e-3, 1e-3)", "RMSE relative to f64", "top-1")
# f(f(x)) is f(x), to the bit: of these a doubled application is no mistake.
IDEMPOTENT = ("relu", "max", "min", "abs", "floor", "ceil", "round", "sign")
# The kernel with the mistake computes the right thing; who reads its result finds another one there.
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


@dataclasses.dataclass
class Opened:
    model: Any
    inputs: list[Any]
    want: list[Any]                 # the interpreter's results
    ideal: list[list[np.ndarray]]   # in f64
    judges: dict[str, Any]          # by the order of additions that is granted


@functools.lru_cache(maxsize=1)
def opened(name: str) -> Opened:
    """In a worker: the model, inputs of one set of sizes."""
    import tauto

    model = networks()[name]
    loaded = tauto.load(model.path)
    inputs = inputs_of(model)
    shapes = {key: value.shape for key, value in inputs[0].items()}
    inputs = [x for x in inputs if {key: value.shape for key, value in x.items()} == shapes]
    known = lib_programs.Interpreted(os.path.join(lib_programs.lib_models.CACHE, "interpreted"), model.path)
    want = [known.get(x, lambda x=x: loaded.run(x, interpret=True)) for x in inputs]
    return Opened(loaded, inputs, want, [loaded.ideal(x) for x in inputs],
                  {order: tauto._Judge(order) for order in ("any", "ours")})


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


def root_mean_square(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(np.mean((x.astype(np.float64) - y.astype(np.float64)) ** 2))) if x.size else 0.0


def tolerances(got: list[Any], want: list[Any], ideal: list[Any]) -> set[str]:
    """Which customary comparisons of outputs notice a difference."""
    noticed = set()
    for a, b, exact in zip(got, want, ideal):
        if not isinstance(a, np.ndarray) or a.shape != b.shape:
            return set(CUSTOMS)
        if a.dtype.kind != "f":
            if not np.array_equal(a, b):
                noticed |= set(CUSTOMS[:3])
            continue
        with np.errstate(all="ignore"):
            if not np.allclose(a, b, rtol=1e-2, atol=1e-3, equal_nan=True):
                noticed.add(CUSTOMS[0])
            if not np.allclose(a, b, rtol=1e-3, atol=1e-3, equal_nan=True):
                noticed.add(CUSTOMS[1])
            # torch._dynamo.utils.same: the error to f64 is at most twice that of the reference, and a tenth of 1e-4.
            if not root_mean_square(exact, a) <= 2 * root_mean_square(exact, b) + 1e-5:
                noticed.add(CUSTOMS[2])
        if a.ndim and a.shape[-1] > 1 and not np.array_equal(np.argmax(a, -1), np.argmax(b, -1)):
            noticed.add(CUSTOMS[3])
    return noticed


def judge_by_bits(name: str, faulty: Any, kind: str) -> dict[str, Any]:
    import tauto

    net, site = opened(name), faulty.site
    found: dict[str, Any] = {"verdict": "unchanged", "site": site, "customs": []}
    customs: set[str] = set()
    for i, x in enumerate(net.inputs):
        try:
            got = faulty.run(x, threads=1 + i % 2)
        except tauto.Error as error:
            found.update(verdict="caught", error=str(error)[:200])
            customs |= set(CUSTOMS)
            break
        if bits(got) == bits(net.want[i]):
            continue
        customs |= tolerances(got, net.want[i], net.ideal[i])
        if found["verdict"] == "caught":
            continue
        differs = first_difference(faulty, x)
        found.update(verdict="caught", input=i, change=change(got, net.want[i]), first=differs,
                     located=differs is not None and differs[0] == site["function"] and differs[1] in site["nodes"])
    found["customs"] = sorted(customs, key=CUSTOMS.index)
    if found["verdict"] == "caught":
        return found
    if any(kernel_differs(faulty, x) for x in net.inputs):
        found["verdict"] = "caught by values"
        return found
    found.update(prove(name, faulty))
    return found


def kernel_differs(faulty: Any, inputs: Any) -> bool:
    """The result of the kernel with the mistake."""
    kernel = (faulty.site["function"], max(faulty.site["nodes"]))
    _, values = faulty.probe(inputs, [kernel])
    _, exact = faulty.probe(inputs, [kernel], interpret=True)
    return [bits(v["value"]) for v in values] != [bits(v["value"]) for v in exact]


def directed(x: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Inputs made to tell a mutant: other scales, zeros of both signs, noise, values that are not finite. Of floats only."""
    random = np.random.default_rng(11)

    def all_of(f: Any) -> dict[str, np.ndarray]:
        with np.errstate(all="ignore"):
            return {k: f(v).astype(v.dtype) if v.dtype.kind == "f" else v for k, v in x.items()}

    def last(value: float) -> Any:
        def put(v: np.ndarray) -> np.ndarray:
            v = v.copy()
            v.reshape(-1)[-1:] = value
            return v
        return put

    made = [all_of(lambda v, s=s: v * s) for s in (-1.0, 0.0, -0.0, 1e-4, 1e-30, 30.0, 1e3, 1e6)]
    made += [all_of(lambda v, s=s: random.uniform(-s, s, v.shape)) for s in (0.1, 1.0, 1.0, 1.0, 10.0, 100.0, 1e4)]
    made += [all_of(lambda v, s=s: random.standard_normal(v.shape) * np.exp2(random.integers(-s, s, v.shape))) for s in (4, 12)]
    made += [all_of(lambda v, s=s: np.full(v.shape, s)) for s in (1.0, -1.0, np.nan)]
    return made + [all_of(last(s)) for s in (1.0, -0.0, np.inf, np.nan)]


def prove(name: str, faulty: Any) -> dict[str, str]:
    """Of a mutant that changes nothing on the inputs: "proof", what proves it equivalent, or ""; else "elsewhere", what tells it
    from the program without the mistake: directed inputs of the network, or only drawn values of the kernel's arguments."""
    import tauto

    net, site = opened(name), faulty.site
    if site["kind"] == "doubled activation" and site["what"].split()[-1] in IDEMPOTENT:
        return {"proof": "the function is idempotent"}
    found = faulty.prove(net.inputs[0])
    if found["proved"]:
        return {"proof": found["reason"]}
    for x in directed(net.inputs[0]):
        try:
            differs = bits(faulty.run(x)) != bits(net.model.run(x, interpret=True)) or kernel_differs(faulty, x)
        except tauto.Error:
            continue
        if differs:
            return {"proof": "", "elsewhere": "network"}
    return {"proof": "", "elsewhere": "kernel" if found["differs"] else ""}


def judge_as_foreign(name: str, faulty: Any, order: str) -> dict[str, Any]:
    """By bounds: {"killed": …}, and of a kill by a value which node, and the stage that made it."""
    import tauto

    net, site = opened(name), faulty.site
    for i, x in enumerate(net.inputs):
        try:
            bad = net.judges[order].check(faulty, x, threads=1 + i % 2, stage=True)
        except tauto.Error as error:
            return {"killed": True, "error": str(error)[:200]}
        if bad is None:
            continue
        at = bad["function"] == site["function"]
        right = at and bad["node"] in site["nodes"]
        if site["kind"] in MISPLACED:  # the value that was read from where another one lay meanwhile, or that one
            right = right or at and bool(set(bad["inputs"]) & set(site["nodes"]))
        largest = bad["largest"] / bad["scale"] if bad["scale"] else float("inf")
        return {"killed": True, "input": i, "node": right, "op": bad["op"], "ratio": bad["ratio"], "fault": largest,
                "stage": bad["stage"], "why": bad["why"]}
    return {"killed": False}


def judge(item: tuple[str, str, int]) -> dict[str, Any]:
    """In a worker: one mutant."""
    import tauto

    name, kind, seed = item
    net = opened(name)
    try:
        faulty = tauto._faulty(net.model, net.inputs[0], kind, seed)
    except tauto.Error as error:
        if "a place for it" in str(error):
            return {"verdict": "no place"}
        raise
    found = judge_by_bits(name, faulty, kind)
    found["foreign"] = {order: judge_as_foreign(name, faulty, order) for order in net.judges}
    return found


def items_of(name: str, seed: int) -> list[tuple[str, str, int]]:
    import tauto

    return [(name, kind, seed) for kind, _ in tauto._fault_kinds()]


def foreign_totals(made: list[dict[str, Any]], order: str = "any") -> dict[str, Any]:
    """Of mutants that change a bit on the inputs: how many are killed, and so on. A worker that died killed its mutant."""
    changed = [r for r in made if r["verdict"] in ("caught", "caught by values", "crash")]
    found = [r["foreign"][order] for r in changed]
    killed = [f for f in found if f["killed"]]
    named = [f for f in killed if "node" in f]
    faults = [f["fault"] for f in named if np.isfinite(f["fault"]) and f["fault"] > 0]
    stages = [r["foreign"][order].get("stage") == r["site"]["stage"] for r in changed if "node" in r["foreign"][order]]
    false = [r for r in made if r["verdict"] == "unchanged" and r["foreign"][order]["killed"]]
    return {"changed": len(changed), "killed": len(killed), "named": len(named), "node": sum(f["node"] for f in named),
            "stage": sum(stages), "smallest": min(faults, default=float("nan")), "false": len(false)}


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
    items = [item for name in SMALL + LARGE if name in there
             for seed in range(args.first, args.first + (args.seeds if name in SMALL else 1))
             for item in items_of(name, seed)]
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
        what = r["verdict"] if r["verdict"] != "unchanged" else "equivalent" if r["proof"] else "unchanged"
        rows[kind][what] += 1
        if args.verbose and what != "caught":
            print(f"{name}: {what} {r.get('proof', '')}: {r['site']['kernel']}: {r['site']['what']}")
        if args.verbose and what in ("caught", "caught by values") and not r["foreign"]["any"]["killed"]:
            print(f"{name}: not killed as a foreign binary: {r['site']['kernel']}: {r['site']['what']}")
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
    equivalent = [r for r in unchanged if r["proof"]]
    elsewhere = collections.Counter(r["elsewhere"] for r in unchanged if not r["proof"])
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
          f"{len(equivalent)} of {len(unchanged)} unchanged proved equivalent, told by other inputs {elsewhere['network']}, by other "
          f"values of the kernel's arguments {elsewhere['kernel']}, not decided {elsewhere['']}, "
          f"smallest relative change caught {min(changes, default=0):.1e}")
    for order in ("ours", "any"):
        t = foreign_totals(list(made.values()), order)
        print(f"foreign{' in our order' if order == 'ours' else ''}: killed {t['killed']} of {t['changed']}, node {t['node']} of "
              f"{t['named']}, stage {t['stage']} of {t['named']}, smallest fault {t['smallest']:.1e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
