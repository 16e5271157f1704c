#!/usr/bin/env python3
"""What is known of the method by which networks are compared: its campaigns, and docs/equivalence.md made of them.

Campaigns run in units of at most ten minutes; a finished unit is a small text file under bench/campaigns, with the hashes
of what it was made from, and is not run again until they change. This script runs what is missing of *no false alarm*
(legal executions that are compared as somebody else's implementation: our evaluator with random orders of summation and
FMA choices, ONNX Runtime over optimisation levels, threads and nets), re-checks a seeded part, and collects the units of
the others (scripts/mutants.py, scripts/certificates.py). What has not been measured says so. Ends with

    equivalence: killed K %, node N %, stage P %, false alarms F, certified C %, smallest fault S
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
import lib_runtimes
import lib_workers

UNITS = os.path.join(lib_models.ROOT, "bench", "campaigns")
PAGE = os.path.join(lib_models.ROOT, "docs", "equivalence.md")
SEED = 20241130
EXECUTIONS = 100          # inputs to a unit
LEGAL_SEEDS = 2           # of our evaluator, for each net
ORT = [f"--optimise {level} --threads {threads}" for level in ("none", "basic", "extended", "all") for threads in (1, 2)]
RECHECKED = 0.02
TIMEOUT = 600.0


def nets() -> list[lib_models.Model]:
    """ACAS Xu, MNIST and the policies: small enough for thousands of executions."""
    return lib_models.data_models()


def digest(path: str) -> str:
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()[:16]


def all_units() -> list[dict[str, Any]]:
    units = []
    for net in nets():
        systems = [f"legal:{seed}" for seed in range(1, LEGAL_SEEDS + 1)]
        systems += [f"onnxruntime {options}" for options in (ORT if not net.name.startswith("acasxu") else ORT[-1:])]
        units += [{"net": net.name, "path": net.path, "system": system} for system in systems]
    return units


def name_of(unit: dict[str, Any]) -> str:
    return f"{unit['net']}-{unit['system'].replace(' ', '').replace('--', '-').replace(':', '-')}"


def samples(net: str, path: str, count: int) -> dict[str, np.ndarray]:
    proto = onnx.load(path)
    random = np.random.default_rng([SEED, *net.encode()])
    data = {}
    for value in lib_runtimes.fed_inputs(proto):
        shape = [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        each = [count] + (shape[1:] if shape and shape[0] in (0, 1) else shape)
        if net.startswith("mnist"):
            data[value.name] = (lib_models.mnist_images(0, count) / np.float32(255)).astype(np.float32).reshape(each)
        else:
            data[value.name] = random.standard_normal(each).astype(np.float32)
    return data


def run_unit(unit: dict[str, Any]) -> dict[str, Any]:
    """In a worker: every node of every execution, held against what is legal."""
    import tauto

    kind, _, options = unit["system"].partition(" ")
    other = f"{kind}:{unit['path']} {options}".strip()
    found = tauto.same(unit["path"], other, samples(unit["net"], unit["path"], EXECUTIONS), level="numeric", deep=EXECUTIONS)
    line = found.verdicts[-1]
    ratios = [node["worst"] for node in found.tables["nodes"] if node["worst"] is not None and not node["skipped"]]
    return {"net": unit["net"], "system": unit["system"], "is": found.found["b"]["is"], "executions": EXECUTIONS,
            "verdict": line.kind, "why": line.reason, "nodes": sum(not node["skipped"] for node in found.tables["nodes"]),
            "worst": round(max(ratios, default=0.0), 4), "semantics": tauto.semantics_version, "model": digest(unit["path"])}


def path_of(unit: dict[str, Any]) -> str:
    return os.path.join(UNITS, "legal", name_of(unit) + ".json")


def is_done(unit: dict[str, Any]) -> bool:
    import tauto

    if not os.path.exists(path_of(unit)):
        return False
    with open(path_of(unit), encoding="utf-8") as handle:
        known = json.load(handle)
    return known["semantics"] == tauto.semantics_version and known["model"] == digest(unit["path"])


def campaign(args: argparse.Namespace) -> list[str]:
    """Runs what is missing and a seeded part of what is there; what went wrong."""
    units = [unit for unit in all_units() if args.only in name_of(unit)]
    missing = [unit for unit in units if not is_done(unit)]
    there = [unit for unit in units if is_done(unit)]
    random = np.random.default_rng(SEED)
    again = [unit for unit in there if random.random() < RECHECKED]
    progress = lib_workers.Progress(len(missing) + len(again), "legal executions")
    failed = []
    started = time.monotonic()
    todo = missing + again
    for index, outcome in lib_workers.run_all("equivalence:run_unit", todo, args.jobs, TIMEOUT):
        progress.step(name_of(todo[index]))
        if outcome.kind != "ok":
            failed.append(f"{name_of(todo[index])}: {outcome.kind} {outcome.value}")
            continue
        path = path_of(todo[index])
        text = json.dumps(outcome.value, indent=1) + "\n"
        if index >= len(missing):
            with open(path, encoding="utf-8") as handle:
                if json.load(handle)["verdict"] != outcome.value["verdict"]:
                    failed.append(f"{name_of(todo[index])}: another verdict than before: {outcome.value['verdict']}")
            continue
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(text)
        if args.seconds and time.monotonic() - started > args.seconds:
            break
    progress.close()
    return failed


def read_units(folder: str) -> list[Any]:
    found = []
    for path in sorted(glob.glob(os.path.join(UNITS, folder, "*.json"))):
        with open(path, encoding="utf-8") as handle:
            found.append(json.load(handle))
    return found


def table_of_legal(units: list[dict[str, Any]]) -> tuple[list[str], int, int]:
    rows: dict[str, list[dict[str, Any]]] = {}
    for unit in units:
        rows.setdefault(unit["is"] if not unit["system"].startswith("legal") else "our evaluator, random orders and FMA", []).append(unit)
    lines = ["| whose executions | nets | executions | node checks | refuted | worst error / bound |", "|---|---|---|---|---|---|"]
    total = alarms = 0
    for who, list_ in sorted(rows.items()):
        executions = sum(unit["executions"] for unit in list_)
        refuted = sum(unit["verdict"] == "REFUTED" for unit in list_)
        total += executions
        alarms += refuted
        lines.append(f"| {who} | {len({unit['net'] for unit in list_})} | {executions:,} | "
                     f"{sum(unit['nodes'] * unit['executions'] for unit in list_):,} | {refuted} | "
                     f"{max(unit['worst'] for unit in list_):.2f} |")
    return lines, total, alarms


def certificates() -> tuple[list[str], str]:
    """The units that scripts/certificates.py left, as they are."""
    certified = asked = 0
    paths = sorted(glob.glob(os.path.join(UNITS, "certificates", "*.txt")))
    for path in paths:
        with open(path, encoding="utf-8") as handle:
            text = handle.read()
        words = dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)
        try:
            one, all_ = words["certified"].split(" of ")
            certified += int(one)
            asked += int(all_)
        except (KeyError, ValueError):
            continue
    if not asked:
        return ["Not summed here: `make certificates` prints them (docs/certificates.md)."], "not measured"
    return [f"{certified:,} of {asked:,} decisions certified, in {len(paths)} units."], f"{100 * certified / asked:.2f}"


def write_page(args: argparse.Namespace) -> str:
    rows, total, alarms = table_of_legal(read_units("legal"))
    proved, certified = certificates()
    false_alarms = f"{alarms} of {total:,}" if total else "not measured"
    lines = ["# How well the comparison works", "",
             "Written by `make equivalence` from the units under bench/campaigns. What has no unit has not been measured.", "",
             "## No false alarm", "",
             "Legal executions, judged as somebody else's implementation: every node on the inputs that it really had, by bounds "
             "alone. None may be refuted.", "", *rows, "",
             f"{total:,} executions in all, {EXECUTIONS} inputs to a unit. OpenVINO and other instruction sets for ONNX Runtime are "
             "not among them.", "",
             "## Mutants", "",
             "`make mutants` compares mutants with the interpreter, bit for bit. Judged as a foreign binary, by bounds alone, they "
             "have not been measured: killed, node, stage and the smallest fault are open.", "",
             "## Certificates", "", *proved, "",
             "## Statistics", "",
             "tests/verify/statistics_test.cpp, in every `make test`: over 10,000 simulated campaigns the bounds of the rate of "
             "flips cover at least as often as they say, and the sequential test, stopped at its first answer, errs at most as "
             "often as it says.", ""]
    if not args.no_page:
        with open(PAGE, "w", encoding="utf-8") as handle:
            handle.write("\n".join(lines))
    return (f"equivalence: killed not measured, node not measured, stage not measured, false alarms {false_alarms}, "
            f"certified {certified}{' %' if certified[0].isdigit() else ''}, smallest fault not measured")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="only units whose name contains TEXT")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long; the rest is run next time")
    parser.add_argument("--no-page", action="store_true", help="leave docs/equivalence.md as it is")
    args = parser.parse_args(argv)
    failed = campaign(args)
    for line in failed:
        print(line)
    last = write_page(args)
    alarms = [unit for unit in read_units("legal") if unit["verdict"] == "REFUTED"]
    for unit in alarms:
        print(f"false alarm: {unit['net']} {unit['system']}: {unit['why']}")
    print(last)
    return 1 if failed or alarms else 0


if __name__ == "__main__":
    sys.exit(main())
