#!/usr/bin/env python3
"""The quick tests, all of them, as one count.

Runs the house rules, the format check, the C++ tests (in shards side by side), the file tests and the Python tests;
prints what failed in full, what was skipped and why, and ends with

    test: N passed, M failed, K skipped
    N passed, M failed, K skipped

Exit code 1 if anything failed. `make test` builds first and then calls this.
"""

import argparse
import collections
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree

import check_layers
import file_tests

ROOT = check_layers.ROOT
LONG_FILE = 500  # lines; longer is a question, not a failure
SUITE_TIMEOUT = 1200  # seconds


class Tally:
    """Counts of everything that ran; failures are printed as they are found, skips at the end."""

    def __init__(self):
        self.passed = self.failed = 0
        self.skipped = collections.Counter()  # reason -> how many

    def add(self, name, problem=""):
        if problem:
            self.failed += 1
            print(f"FAILED {name}\n{problem.rstrip()}\n", flush=True)
        else:
            self.passed += 1

    def skip(self, suite, reason):
        self.skipped[f"{suite}: {reason}"] += 1

    def summary(self):
        return f"{self.passed} passed, {self.failed} failed, {sum(self.skipped.values())} skipped"


def add_xml(tally, path):
    """Adds the test cases of a JUnit-like file (GoogleTest's or pytest's); returns how many."""
    cases = list(ElementTree.parse(path).getroot().iter("testcase"))
    for case in cases:
        suite = case.get("classname", "").removeprefix("tests.python.")
        name = f"{suite}.{case.get('name')}"
        failures = [e for tag in ("failure", "error") for e in case.findall(tag)]
        skipped = case.find("skipped")
        if failures:
            tally.add(name, "\n".join((e.text or e.get("message", "")).strip() for e in failures))
        elif skipped is not None or case.get("status") == "notrun":
            message = "disabled" if skipped is None else skipped.get("message") or skipped.text or "no reason given"
            tally.skip(suite, reason_of(message))
        else:
            tally.add(name)
    return len(cases)


def reason_of(message):
    """The human part of a skip message, without GoogleTest's file:line in front, as one line."""
    lines = [line for line in message.splitlines() if line.strip() and not re.fullmatch(r"\S+:\d+", line.strip())]
    return re.sub(r"^\s*Skipped:?\s*", "", " ".join(line.strip() for line in lines)) or "no reason given"


def check_house_rules(tally):
    for rule, offences in check_layers.run_rules():
        tally.add(f"house rule \"{rule}\"", "\n".join(f"  {o}" for o in offences))


def check_format(tally):
    names = [f for f in check_layers.tracked_files(ROOT) if f.endswith(check_layers.CPP)]
    formatter = os.path.join(os.path.dirname(sys.executable), "clang-format")
    run = subprocess.run([formatter, "--dry-run", "-ferror-limit=1", "-Werror", "--style=file", *names], cwd=ROOT,
                         capture_output=True, text=True)
    wrong = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", run.stderr, re.M)))
    problem = "".join(f"  {w}\n" for w in wrong) + "  mend with: make format" if wrong else run.stderr.strip()
    tally.add("clang-format", problem if run.returncode else "")


def print_sizes():
    sizes = {f: len(check_layers.read_lines(ROOT, f)) for f in check_layers.tracked_files(ROOT)
             if f.endswith((*check_layers.CPP, ".py")) and f.startswith(("src/", "include/", "python/", "scripts/",
                                                                       "tests/", "bench/"))}
    long_files = sorted(((n, f) for f, n in sizes.items() if n > LONG_FILE), reverse=True)
    print(f"sizes: {len(sizes)} files, {sum(sizes.values())} lines, {len(long_files)} over {LONG_FILE} lines")
    for count, name in long_files:
        print(f"  {count:5} {name}")


def run_cpp(tally, program, shards, gtest_filter):
    """One process per shard, side by side. A shard that dies is a failure that names its last test."""
    started = time.time()
    with tempfile.TemporaryDirectory() as folder:
        running = []
        for shard in range(shards):
            stem = os.path.join(folder, str(shard))
            os.mkdir(stem)  # temporary files of its own, so that no two shards can meet in one
            env = dict(os.environ, GTEST_TOTAL_SHARDS=str(shards), GTEST_SHARD_INDEX=str(shard), TMPDIR=stem,
                       TEST_TMPDIR=stem + "/")
            with open(stem + ".log", "w", encoding="utf-8") as log:
                running.append((shard, stem, subprocess.Popen(
                    [program, f"--gtest_output=xml:{stem}.xml", f"--gtest_filter={gtest_filter}", "--gtest_brief=0"],
                    cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)))
        count = 0
        for shard, stem, process in running:
            try:
                code = process.wait(timeout=max(1.0, started + SUITE_TIMEOUT - time.time()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                code = f"killed after {SUITE_TIMEOUT} s"
            failed_before = tally.failed
            whole = os.path.exists(stem + ".xml")
            if whole:
                count += add_xml(tally, stem + ".xml")
            if not whole or (code != 0 and tally.failed == failed_before):
                with open(stem + ".log", encoding="utf-8", errors="replace") as log:
                    lines = log.read().splitlines()
                last = next((line for line in reversed(lines) if line.startswith("[ RUN")), "no test")
                count += add_log(tally, lines) if not whole else 0
                tally.add(f"{os.path.basename(program)}, shard {shard}",
                          f"ended with {code} in {last}\n" + "\n".join(lines[-15:]))
    print(f"c++: {count} tests in {time.time() - started:.1f} s", flush=True)


def add_log(tally, lines):
    """Counts what a shard that died had done before, from its log."""
    done = [line for line in lines if line.startswith("[       OK ]")]
    for line in done:
        tally.add(line)
    for line in lines:
        if re.match(r"\[  FAILED  \] \S+ \(\d+ ms\)", line):
            tally.add(line, "see the log below")
    return len(done)


def run_files(tally, build):
    started, count = time.time(), 0
    for path, name, lines in file_tests.check_all(build, file_tests.find_files()):
        count += 1
        tally.add(name, "\n".join([*lines, f"  repeat: scripts/file_tests.py {path}"]) if lines else "")
    print(f"files: {count} cases in {time.time() - started:.1f} s", flush=True)


def run_python(tally, build):
    if not any(f.startswith("tests/python/test_") for f in check_layers.tracked_files(ROOT)):
        return
    started = time.time()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pytest.xml")
        env = dict(os.environ, PYTHONPATH=os.path.join(build, "python"), PYTHONDONTWRITEBYTECODE="1",
                   TAUTO_BUILD=build)
        run = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={path}",
                              "tests/python", "tests/cli"], cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=SUITE_TIMEOUT)
        failed_before = tally.failed
        count = add_xml(tally, path) if os.path.exists(path) else 0
        if run.returncode not in (0, 5) and tally.failed == failed_before:  # 5: nothing was collected
            tally.add("pytest", f"exit code {run.returncode}\n{run.stdout[-3000:]}{run.stderr[-1000:]}")
    print(f"python: {count} tests in {time.time() - started:.1f} s", flush=True)


def run_law(tally, build):
    """A few hundred programs, of the test cases and random ones, under every instruction set."""
    started = time.time()
    env = dict(os.environ, PYTHONPATH=os.path.join(build, "python"), TAUTO_BUILD=build)
    run = subprocess.run([sys.executable, os.path.join(ROOT, "scripts", "law.py"), "--quick"], cwd=ROOT, env=env,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SUITE_TIMEOUT)
    tally.add("law.py --quick", f"{run.stdout[-3000:]}{run.stderr[-1000:]}" if run.returncode else "")
    print(f"{run.stdout.strip().splitlines()[-1] if run.stdout.strip() else 'law: no output'} "
          f"in {time.time() - started:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="the build folder")
    parser.add_argument("--shards", type=int, default=2, help="C++ test processes side by side")
    parser.add_argument("--filter", default="*", help="GoogleTest filter; a filter other than * runs only the C++ tests")
    parser.add_argument("--rules", action="store_true", help="only the house rules and the format")
    args = parser.parse_args()
    build = os.path.abspath(args.build)
    # A shell ignores Ctrl-C for what it runs in the background, and so would the tests of what Ctrl-C ends.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.setdefault("TAUTO_CACHE", "off")   # every run compiles; tests of the cache have their own

    tally = Tally()
    if args.filter == "*":
        check_house_rules(tally)
        check_format(tally)
        print_sizes()
    if not args.rules:
        run_cpp(tally, os.path.join(build, "tauto_tests"), args.shards, args.filter)
    if args.filter == "*" and not args.rules:
        run_files(tally, build)
        run_python(tally, build)
        run_law(tally, build)
    for reason, count in sorted(tally.skipped.items()):
        print(f"skipped {count:4}  {reason}")
    print(f"test: {tally.summary()}")
    print(tally.summary(), flush=True)
    return tally.failed > 0


if __name__ == "__main__":
    sys.exit(main())
