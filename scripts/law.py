#!/usr/bin/env python3
"""The law: machine code returns the interpreter's bits, on every instruction set and any number of threads.

Programs are the single-operator and small models of the onnx package's tests and the stored cases of the public
networks, each compared by memcmp (a NaN is a NaN) under every instruction set this machine can run natively, with
1, 2 and 3 threads. Ends with

    law: N programs x M configurations, D differing bits, lowered X of Y, proved P of K kernels, native isas: ...

where X of Y counts nodes of the programs that became machine code (or a view of another value), and P kernels whose
vector program was proved equal to the graph for all inputs. Exit code 1 if a bit differs or a program fails.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import numpy as np
import onnx

import lib_cases
import lib_models
import lib_workers

TIMEOUT = 1800.0
THREADS = (1, 2, 3)


def bits(value: Any) -> Any:
    """What memcmp compares: bytes with their type and shape, lists element by element."""
    if value is None or isinstance(value, (str, bytes, int, float, bool)):
        return value
    if isinstance(value, (list, tuple)):
        return [bits(v) for v in value]
    array = np.ascontiguousarray(value)
    if array.dtype.kind in "OUS":
        return (array.shape, [str(v) for v in array.reshape(-1)])
    return (array.shape, array.dtype.name, array.tobytes())


def count_differences(a: Any, b: Any) -> int:
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return sum(count_differences(x, y) for x, y in zip(a, b))
    if a == b:
        return 0
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b) == 3 and a[:2] == b[:2]:
        x, y = np.frombuffer(a[2], np.uint8), np.frombuffer(b[2], np.uint8)
        return int(np.unpackbits(x ^ y).sum())
    return 1


def attempt(run: Any) -> Any:
    """The results' bits, or the error's text: a refusal has to be the same one."""
    try:
        return bits(run())
    except Exception as error:  # noqa: BLE001 - whatever it raises is the answer
        return f"{type(error).__name__}: {error}"


def compare(item: tuple[str, Any]) -> dict[str, Any]:
    """In a worker: one program under this process's instruction set."""
    import tauto

    kind, what = item
    if kind == "network":
        model, case = what
        proto = onnx.load(model.path)
        path, sets = model.path, [lib_models.load_case(model, case, proto)[0]]
    else:
        proto = onnx.load(what.model)
        path, sets = what.model, [inputs for inputs, _ in lib_cases.data_sets(what, proto)]
    try:
        loaded = tauto.load(path)
    except tauto.Error:
        return {"refused": 1}
    total = {"programs": 1, "differ": 0, "lowered": 0, "nodes": 0, "kernels": 0, "why": []}
    for inputs in sets:
        expected = attempt(lambda: loaded.run(inputs, interpret=True))
        if isinstance(expected, str):
            groups = []
        else:
            groups = loaded.groups(inputs)
        for group in groups:
            total["nodes"] += len(group["nodes"])
            total["kernels"] += group["kind"] == "kernel"
            if group["kind"] != "reference":
                total["lowered"] += len(group["nodes"])
            else:
                total["why"].append(f"{group['nodes'][-1]}: {group['reason']}")
        for threads in THREADS:
            got = attempt(lambda: loaded.run(inputs, threads=threads))
            total["differ"] += count_differences(expected, got)
            if got != expected and len(total["why"]) < 50:
                total["why"].append(f"DIFFERS on {threads} threads: {str(got)[:300] if isinstance(got, str) else ''}"
                                    f"{str(expected)[:300] if isinstance(expected, str) else ''}")
    return total


def programs(only: str, networks: bool) -> list[tuple[str, Any]]:
    items: list[tuple[str, Any]] = [("case", case) for case in lib_cases.all_cases()]
    if networks:
        items += [("network", (m, case)) for m in lib_models.public_models() + lib_models.data_models()
                  if os.path.exists(m.path) for case in m.cases]
    return [item for item in items if only in name_of(item)]


def name_of(item: tuple[str, Any]) -> str:
    kind, what = item
    if kind == "network":
        return f"{what[0].name}/{lib_models.case_name(what[1])}"
    return f"{what.suite}/{what.name}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only programs whose name contains TEXT")
    parser.add_argument("--isas", default="", metavar="LIST", help="comma-separated; default: all this machine has")
    parser.add_argument("--no-networks", action="store_true", help="leave the public networks out")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worker processes")
    parser.add_argument("--verbose", action="store_true", help="print why nodes run their reference")
    args = parser.parse_args(argv)

    import tauto

    native = tauto.isas()
    isas = args.isas.split(",") if args.isas else native
    items = programs(args.only, not args.no_networks)
    count = differ = lowered = nodes = kernels = 0
    failed: list[str] = []
    reasons: dict[str, int] = {}
    for isa in isas:
        os.environ["TAUTO_ISA"] = isa
        progress = lib_workers.Progress(len(items), f"law {isa}")
        for index, outcome in lib_workers.run_all("law:compare", items, args.jobs, TIMEOUT):
            name = name_of(items[index])
            progress.step(name)
            if outcome.kind != "ok":
                failed.append(f"{isa} {name}: {outcome.kind} {outcome.value}")
                continue
            result = outcome.value
            if "refused" in result:
                continue
            if isa == isas[0]:
                count += 1
                lowered += result["lowered"]
                nodes += result["nodes"]
                kernels += result["kernels"]
            differ += result["differ"]
            if result["differ"]:
                failed.append(f"{isa} {name}: {result['differ']} differing bits {result['why'][-1]}")
            for why in result["why"]:
                reasons[why] = reasons.get(why, 0) + 1
        progress.close()
    for line in failed:
        print(line)
    if args.verbose:
        for why, times in sorted(reasons.items(), key=lambda entry: -entry[1]):
            print(f"{times:6} {why}")
    print(f"law: {count} programs x {len(isas) * len(THREADS)} configurations, {differ} differing bits, "
          f"lowered {lowered} of {nodes}, proved 0 of {kernels} kernels, native isas: {', '.join(native)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
