#!/usr/bin/env python3
"""Mutants of real files against what reads them: ONNX models (import_fuzz), then the text of graphs (text_fuzz).

    fuzz.py [--build build-asan] [--count 100000] [--seed N] [--jobs 2] [--only import|text]

Each fuzzer of the build runs in units of 2,000 mutants, each with its own seed. A unit that crashes, hangs or fails is
reported with its repro, and its mutant is kept in build/fuzz. A run that was ended goes on where it was: units that found
nothing are remembered in build/fuzz/state for as long as program, files and seed stay the same. Shows progress where
stderr is a terminal. At least half of the models must still be protobuf. Prints for texts, then for models

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

import file_tests

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UNIT = 2000
TIMEOUT = 3600
COUNTS = ("mutants", "valid", "accepted", "failures")


def models():
    cache = os.environ.get("TAUTO_CACHE", "")
    cache = os.path.expanduser(cache if cache not in ("", "off") else os.path.join("~", ".cache", "tauto"))
    data = os.path.join(os.path.dirname(ROOT), "shared", "data")
    found = sorted(glob.glob(os.path.join(cache, "models", "*", "*.onnx")))
    found += sorted(glob.glob(os.path.join(data, "*", "*.onnx")))
    # The 45 ACAS Xu networks differ in weights only.
    return [m for m in found if "acasxu" not in m or m.endswith("_1_1.onnx")]


def texts(folder):
    """Graphs that the file tests expect to be printed, as files."""
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(ROOT, "src", "graph", "graph.cpp"), encoding="utf-8") as file:
        semantics = "semantics " + re.search(r"kSemanticsVersion = (\d+);", file.read())[1]
    found = set()
    for path in file_tests.find_files():
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            cases = file_tests.parse(file.read(), path)
        found |= {run.expected["EXPECT"] for case in cases for run in case.runs
                  if run.expected.get("EXPECT", "").startswith(("func ", "module ")) and "EXIT" not in run.expected}
    paths = []
    for i, text in enumerate(sorted(t for t in found if "const @" not in t)):
        paths.append(os.path.join(folder, f"{i}.graph"))
        with open(paths[-1], "w", encoding="utf-8") as file:
            text = "module test semantics %v\n\n" + text if text.startswith("func") else text
            file.write(text.replace("semantics %v", semantics))
    return paths


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


def campaign(title, program, paths, args, out):
    """The counts of all units, for as many mutants as are asked for; prints what is found, and the progress."""
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
                    print(f"\r{title}: [{bar(i / len(units))}] {total[0]} mutants, {total[3]} findings, "
                          f"{time.monotonic() - started:.0f} s\x1b[K", end="\r" if i < len(units) else "\r\x1b[K",
                          file=sys.stderr, flush=True)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build-asan"))
    parser.add_argument("--count", type=int, default=100000, help="mutants of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", choices=["text", "import"])
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    out = os.path.join(build, "fuzz")
    os.makedirs(out, exist_ok=True)
    status = 0
    for kind, least_valid in (("text", 0), ("import", 50)):
        if args.only not in (None, kind):
            continue
        paths = models() if kind == "import" else texts(os.path.join(out, "texts"))
        if not paths:
            print("fuzz: required at least one model in ../shared/data or the cache, got none (make models fetches them)")
            return 1
        try:
            total = campaign(f"fuzz {kind}", os.path.join(build, f"{kind}_fuzz"), paths, args, out)
        except KeyboardInterrupt:
            print("\nfuzz: interrupted; the next run goes on from here")
            return 130
        valid = 100 * total[1] / total[0] if total[0] else 0.0
        print(f"fuzz{' text' if kind == 'text' else ''}: {total[0]} mutants, {valid:.1f} % valid, {total[3]} findings", flush=True)
        if total[3] or total[0] < args.count or valid < least_valid:
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
