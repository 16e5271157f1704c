#!/usr/bin/env python3
"""Mutated models against the importer: structure-aware and byte mutants of every real network at hand.

    fuzz.py [--build build-asan] [--count 100000] [--seed N] [--jobs 2]

Runs build/import_fuzz in units of 2,000 mutants, each with its own seed; a unit that crashes, hangs or fails is
reported with its repro and its mutant is kept in build/fuzz. Ends with `fuzz: N mutants, V valid protobuf, F failures`.
"""

import argparse
import concurrent.futures
import glob
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UNIT = 2000
TIMEOUT = 1800


def models():
    cache = os.path.expanduser(os.environ.get("TAUTO_CACHE", os.path.join("~", ".cache", "tauto")))
    data = os.path.join(os.path.dirname(ROOT), "shared", "data")
    found = sorted(glob.glob(os.path.join(cache, "models", "*", "*.onnx")))
    found += sorted(glob.glob(os.path.join(data, "*", "*.onnx")))
    # The 45 ACAS Xu networks differ in weights only.
    return [m for m in found if "acasxu" not in m or m.endswith("_1_1.onnx")]


def unit(program, seed, count, out, paths):
    try:
        run = subprocess.run([program, "--seed", str(seed), "--count", str(count), "--out", out, *paths],
                             capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
        text, code = run.stdout + run.stderr, run.returncode
    except subprocess.TimeoutExpired as e:
        text, code = f"{e.stdout or ''}", f"no end after {TIMEOUT} s"
    last = re.search(r"^fuzz: (\d+) mutants, (\d+) valid protobuf, (\d+) imported, (\d+) failures", text, re.M)
    if last:
        return [int(x) for x in last.groups()], text if int(last.group(4)) else ""
    return [0, 0, 0, 1], f"seed {seed}: ended with {code}; its last mutant is in {out}\n{text[-3000:]}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build-asan"))
    parser.add_argument("--count", type=int, default=100000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    paths = models()
    if not paths:
        print("fuzz: required at least one model in ../shared/data or the cache, got none (make models fetches them)")
        return 1
    out = os.path.join(build, "fuzz")
    os.makedirs(out, exist_ok=True)
    units = [(args.seed * 1000003 + i, min(UNIT, args.count - i * UNIT)) for i in range(-(-args.count // UNIT))]
    total = [0, 0, 0, 0]
    program = os.path.join(build, "import_fuzz")
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        running = [pool.submit(unit, program, seed, count, out, paths) for seed, count in units]
        for i, future in enumerate(concurrent.futures.as_completed(running)):
            numbers, problem = future.result()
            total = [a + b for a, b in zip(total, numbers)]
            if problem:
                print(problem, flush=True)
            if sys.stderr.isatty():
                print(f"\r{i + 1}/{len(units)} units, {total[0]} mutants, {total[3]} failures", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(f"fuzz: {total[0]} mutants, {total[1]} valid protobuf, {total[2]} imported, {total[3]} failures")
    return 1 if total[3] or total[1] * 2 < total[0] else 0


if __name__ == "__main__":
    sys.exit(main())
