#!/usr/bin/env python3
"""Runs the backend tests of the pinned onnx package: 1,914 of them, none skipped or excluded.

A test passes when its model loads and every data set gives the stored outputs: same number of values, same
element type and shape, numbers within rtol 1e-3 and atol 1e-7, strings exact. Everything else is a failure, a
crash or 60 seconds of processor time without an answer included (each test runs in a worker process). Writes
docs/conformance.md and ends with a line that a script can read:

    conformance: N / 1914 passed

With --only the report is not written. --runtime onnxruntime and --runtime reference check the harness on
runtimes whose counts are known.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections import defaultdict

import onnx

import lib_cases
import lib_compare
import lib_runtimes
import lib_workers

REPORT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs", "conformance.md")
RTOL, ATOL = 1e-3, 1e-7
TIMEOUT = 60.0
FLOOR = 1200          # a full run of tauto that passes fewer is an error


def run_case(item: tuple[str, lib_cases.Case]) -> tuple[str, lib_compare.Mismatch] | None:
    """In a worker: None for a pass, otherwise what the model is made of and the first difference."""
    runtime, case = item
    model = onnx.load(case.model)
    run = lib_runtimes.prepare(runtime, model)
    for inputs, expected in lib_cases.data_sets(case, model):
        difference = lib_compare.compare_all(run(inputs), expected, RTOL, ATOL)
        if difference:
            operators = sorted({node.op_type for node in model.graph.node})
            return ", ".join(operators if len(operators) <= 2 else ["several operators"]), difference
    return None


def reason(outcome: lib_workers.Outcome) -> str | None:
    """The class of a failure (None for a pass): messages without what differs from test to test."""
    if outcome.kind == "ok":
        return None if outcome.value is None else f"wrong {outcome.value[1].sort}: {outcome.value[0]}"
    if outcome.kind == "crash":
        return f"crash: {outcome.value}"
    if outcome.kind == "hang":
        return f"no answer in {outcome.value:.0f} s of processor time"
    sort, message = outcome.value
    text = " ".join(message.split())
    text = re.sub(r"(/[\w.+-]+)+/", "", text)                      # folders
    text = re.sub(r"0x[0-9a-fA-F]+", "0x…", text)
    text = re.sub(r'node (#\d+ )?"[^"]*"( \(#\d+\))?', "node", text)   # the node's name; its operator stays
    text = re.sub(r'(input|output|value|tensor|initializer) "[^"]*"', r"\1", text)
    text = re.sub(r"(?<![\w.])-?\d+(\.\d+)?(e-?\d+)?(?![\w.])", "n", text)
    text = re.sub(r"\[n(, n)*\]", "[…]", text)
    return f"{sort}: {text[:160]}"


def detail(outcome: lib_workers.Outcome) -> str:
    if outcome.kind == "ok":
        return outcome.value[1].detail if outcome.value else "passed"
    return ": ".join(outcome.value) if outcome.kind == "raised" else str(outcome.value)


def report(cases: list[lib_cases.Case], failures: dict[int, str], runtime: str) -> str:
    lines = ["# Conformance", "",
             f"The backend tests of onnx {onnx.__version__} on `{runtime}`, none skipped or excluded: numbers within rtol",
             "1e-3 and atol 1e-7, element type and shape equal, strings exact; a failed load, a crash or no answer in",
             "60 s of processor time is a failure. The nine `light` nets have constant weights and prove little.",
             "Written by `make conformance`.", "",
             "| suite | tests | passed | failed |", "|---|---:|---:|---:|"]
    for suite in lib_cases.SUITES:
        members = [index for index, case in enumerate(cases) if case.suite == suite]
        bad = sum(index in failures for index in members)
        lines.append(f"| {suite} | {len(members)} | {len(members) - bad} | {bad} |")
    lines += [f"| **all** | **{len(cases)}** | **{len(cases) - len(failures)}** | **{len(failures)}** |", ""]
    groups: dict[str, list[str]] = defaultdict(list)
    for index, why in failures.items():
        groups[why].append(f"{cases[index].suite}/{cases[index].name}")
    if groups:
        lines += ["## Failures by reason", "", "| tests | reason | which |", "|---:|---|---|"]
    for why, names in sorted(groups.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        shown = why.replace("|", "\\|").replace("<", "&lt;")
        lines.append(f"| {len(names)} | {shown} | {', '.join(sorted(names))} |")
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only tests whose suite/name contains TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="worker processes")
    parser.add_argument("--runtime", choices=lib_runtimes.NAMES, default="tauto")
    parser.add_argument("--report", metavar="FILE", help="where the report goes (docs/conformance.md for all of tauto)")
    parser.add_argument("--verbose", action="store_true", help="print every failure with its first difference")
    args = parser.parse_args(argv)

    cases = [case for case in lib_cases.all_cases() if args.only in f"{case.suite}/{case.name}"]
    progress = lib_workers.Progress(len(cases), "conformance")
    outcomes: dict[int, lib_workers.Outcome] = {}
    for index, outcome in lib_workers.run_all("conformance:run_case", [(args.runtime, case) for case in cases],
                                              args.jobs, TIMEOUT):
        outcomes[index] = outcome
        progress.step(cases[index].name)
    progress.close()

    failures = {index: why for index in range(len(cases)) if (why := reason(outcomes[index]))}
    if args.verbose or args.only:
        for index in failures:
            print(f"{cases[index].suite}/{cases[index].name}: {failures[index]} | {detail(outcomes[index])[:300]}")
    complete = not args.only
    path = args.report or (REPORT if args.runtime == "tauto" and complete else None)
    if path:
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(report(cases, failures, args.runtime))
    passed = len(cases) - len(failures)
    print(f"conformance: {passed} / {len(cases)} passed")
    if args.runtime == "tauto" and complete:
        return 0 if passed >= FLOOR else 1
    return 0 if not failures else 1


if __name__ == "__main__":
    sys.exit(main())
