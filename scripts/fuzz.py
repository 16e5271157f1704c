#!/usr/bin/env python3
"""Mutated models against the importer: structure-aware and byte mutants of every real network at hand.

    fuzz.py [--build build-asan] [--count 100000] [--seed N] [--jobs 2]

Runs import_fuzz of the build in units of 2,000 mutants, each with its own seed. A unit that crashes, hangs or fails is
reported with its repro, and its mutant is kept in build/fuzz. A run that was ended goes on where it was: units that found
nothing are remembered in build/fuzz/state for as long as program, models and seed stay the same. Shows progress where
stderr is a terminal. At least half of the mutants must still be protobuf. Ends with

    fuzz: N mutants, V % valid, F findings
"""

import argparse
import concurrent.futures
import glob
import hashlib
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UNIT = 2000
TIMEOUT = 3600
COUNTS = ("mutants", "valid protobuf", "imported", "failures")


def models():
    cache = os.path.expanduser(os.environ.get("TAUTO_CACHE", os.path.join("~", ".cache", "tauto")))
    data = os.path.join(os.path.dirname(ROOT), "shared", "data")
    found = sorted(glob.glob(os.path.join(cache, "models", "*", "*.onnx")))
    found += sorted(glob.glob(os.path.join(data, "*", "*.onnx")))
    # The 45 ACAS Xu networks differ in weights only.
    return [m for m in found if "acasxu" not in m or m.endswith("_1_1.onnx")]


def unit(program, seed, count, out, paths):
    """([mutants, valid, imported, findings], what to print)"""
    try:
        run = subprocess.run([program, "--seed", str(seed), "--count", str(count), "--out", out, *paths],
                             capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
        text, code = run.stdout + run.stderr, run.returncode
    except subprocess.TimeoutExpired as e:
        text, code = f"{e.stdout or ''}", f"no end after {TIMEOUT} s"
    last = re.search(r"^fuzz: " + ", ".join(rf"(\d+) {c}" for c in COUNTS), text, re.M)
    if last:
        return [int(x) for x in last.groups()], text if int(last.group(4)) else ""
    return [0, 0, 0, 1], f"seed {seed}: ended with {code}; its last mutant is in {out}\n{text[-3000:]}"


class State:
    """Units that found nothing, in a file; `key` says of which program, models and seed."""

    def __init__(self, path, key):
        self.path, self.key, self.done = path, key, {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                for line in file:
                    its_key, seed, *counts = line.split()
                    if its_key == key and len(counts) == len(COUNTS):
                        self.done[int(seed)] = [int(c) for c in counts]

    def add(self, seed, counts):
        with open(self.path, "a", encoding="utf-8") as file:
            print(self.key, seed, *counts, file=file)


def key_of(program, paths, seed):
    digest = hashlib.sha256(f"{seed} {UNIT}".encode())
    for path in [program, *paths]:
        with open(path, "rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def bar(part):
    return "#" * int(20 * part) + "-" * (20 - int(20 * part))


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
    program = os.path.join(build, "import_fuzz")
    state = State(os.path.join(out, "state"), key_of(program, paths, args.seed))
    units = [(args.seed * 1000003 + i, min(UNIT, args.count - i * UNIT)) for i in range(-(-args.count // UNIT))]
    total, started = [0] * len(COUNTS), time.monotonic()

    def take(seed, count):
        before = state.done.get(seed)
        if before and before[0] == count:
            return before, ""
        counts, problem = unit(program, seed, count, out, paths)
        if not problem:
            state.add(seed, counts)
        return counts, problem

    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        running = [pool.submit(take, seed, count) for seed, count in units]
        try:
            for i, future in enumerate(concurrent.futures.as_completed(running), 1):
                counts, problem = future.result()
                total = [a + b for a, b in zip(total, counts)]
                if problem:
                    print(problem, flush=True)
                if sys.stderr.isatty():
                    print(f"\rfuzz: [{bar(i / len(units))}] {total[0]} mutants, {total[3]} findings, "
                          f"{time.monotonic() - started:.0f} s\x1b[K", end="", file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            print("\nfuzz: interrupted; the next run goes on from here")
            return 130
    if sys.stderr.isatty():
        print(file=sys.stderr)
    valid = 100 * total[1] / total[0] if total[0] else 0.0
    print(f"fuzz: {total[0]} mutants, {valid:.1f} % valid, {total[3]} findings")
    return 1 if total[3] or total[0] < args.count or valid < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
