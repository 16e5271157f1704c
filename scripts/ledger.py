#!/usr/bin/env python3
"""Replays the ledger: every rewrite of a compilation, run again on the values that it got in a run.

For each public network with a stored case, and for small models, all exact passes and every `--allow` rewrite are
applied; then each entry's two sub-graphs run on captured inputs, those of rounding rewrites also on harmful ones
(cancelling, of all magnitudes, denormal, nearly infinite). `exact` has to leave all bits, `rounding` to stay within its
bound; where a bound promises nothing (a sum may overflow) is counted too. Ends with

    ledger: N entries of M networks, E exact (D differ), R replays of rounding entries (B beyond; most of their
    bounds: ...), ...

and exit code 1 if a contract is broken. Entries in branches that the run does not take, and those whose sizes follow
from something outside of the sub-graph, are counted.
"""

from __future__ import annotations

import argparse
import collections
import os
import sys
from typing import Any

import onnx

import lib_models
import lib_runtimes
import lib_workers

TIMEOUT = 3000.0
# Alone, and what is used together; flushing doubles a network, so it is replayed where that is small.
SETS = (("winograd",), ("online-softmax", "reassociate"), ("flush-to-zero",))
FLUSHED = 400       # nodes of a network


def replay(item: tuple[str, tuple[str, ...]]) -> list[dict[str, Any]]:
    """In a worker: all entries of one network's compilation under what is allowed."""
    import tauto

    name, allow = item
    model = next(m for m in lib_models.public_models() if m.name == name)
    proto = onnx.load(model.path)
    if allow == ("flush-to-zero",) and len(proto.graph.node) > FLUSHED:
        return []
    inputs, _ = lib_models.load_case(model, model.cases[0], proto)
    return tauto.load(model.path).replay(inputs, allow=list(allow))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="NAME,…: these networks")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="print every rounding entry")
    arguments = parser.parse_args(argv)
    names = [m.name for m in lib_models.public_models() if os.path.exists(m.path) and m.cases]
    if arguments.only:
        names = [name for name in names if name in arguments.only.split(",")]
    items = [(name, allow) for name in names for allow in SETS]
    total = collections.Counter()
    worst: dict[str, float] = {}
    failed = []
    for index, outcome in lib_workers.run_all("ledger:replay", items, arguments.jobs, TIMEOUT):
        name, allow = items[index]
        where = f"{name} --allow {','.join(allow)}"
        if outcome.kind != "ok":
            failed.append(f"{where}: {outcome.kind}: {outcome.value}")
            continue
        for e in outcome.value:
            kind = "exact" if e["exact"] else "rounding"
            total["entries"] += e["inputs"] == "captured"
            total[kind] += 1
            total[f"{kind} beyond"] += e["beyond"] > 0
            total["elements"] += e["elements"]
            total["unbound"] += e["unbound"]
            if not e["exact"]:
                worst[e["pass"]] = max(worst.get(e["pass"], 0.0), e["worst"])
            total["not reached"] += not e["reached"]
            if e["why_not"] and e["reached"]:
                total["not replayed"] += 1
                if arguments.verbose:
                    print(f"{where}: {e['inputs']}: {e['entry']}: not replayed: {e['why_not']}")
            if e["beyond"]:
                failed.append(f"{where}: {e['inputs']}: {e['entry']}: {e['beyond']} of {e['elements']} beyond, "
                              f"{e['worst']:.3g} of the bound")
            if arguments.verbose and not e["exact"]:
                print(f"{where}: {e['inputs']}: {e['entry']}\n    {e['worst']:.2g} of the bound; errors, of the largest "
                      f"value: {e['consumed_error']:.1e} before, {e['produced_error']:.1e} after; bound {e['bound']:.1e}, "
                      f"from ranges {e['range_bound']:.1e}")
    for line in failed:
        print(line)
    most = ", ".join(f"{name} {value:.2g}" for name, value in sorted(worst.items()))
    print(f"ledger: {total['entries']} entries of {len(names)} networks, {total['exact']} exact "
          f"({total['exact beyond']} differ), {total['rounding']} replays of rounding entries "
          f"({total['rounding beyond']} beyond; most of their bounds: {most or 'none'}), {total['elements']} elements, "
          f"{total['unbound']} without a promise; {total['not reached']} in branches not taken, "
          f"{total['not replayed']} with sizes from elsewhere; {len(failed)} failed")
    return 1 if failed or not names else 0


if __name__ == "__main__":
    sys.exit(main())
