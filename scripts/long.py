#!/usr/bin/env python3
"""The long tests, an hour or two of one core:

  functions   every elementary function against its bound (tests/**/*_long.cpp): all 2^32 inputs in f32, samples
              against MPFR in f64
  goldens     the hashes of the outputs of all stored cases (tests/golden)
  clang       a second compiler, at -O1, builds all of it: the quick C++ tests, the file tests and the goldens must hold
              there too; who compiled us must not change a bit
  threads     the tests of the runtime (thread pool, code memory, arenas) under ThreadSanitizer

A run that was ended goes on where it was: parts of functions and networks that were done are kept in the build folders
(functions_long.state, long.state) and not done again while the bits of the function or of the module stay the same.
Shows progress where stderr is a terminal. Ends with `long: N passed, M failed, K skipped`.
"""

import argparse
import glob
import hashlib
import os
import subprocess
import sys
import tempfile

import file_tests
import golden
import test as quick

ROOT = quick.ROOT
SECTIONS = ("functions", "goldens", "clang", "threads")


def run_functions(tally, program, threads, gtest_filter):
    """The long C++ tests in one process, a line for each function; stderr is its own (it shows progress)."""
    with tempfile.TemporaryDirectory() as folder:
        xml = os.path.join(folder, "long.xml")
        process = subprocess.Popen([program, f"--gtest_output=xml:{xml}", f"--gtest_filter={gtest_filter}"], cwd=ROOT,
                                   env=dict(os.environ, TAUTO_THREADS=str(threads)), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, text=True)
        last = "no test"
        for line in process.stdout:
            if line.startswith("[ RUN"):
                last = line.strip()
            elif " ulp at " in line:
                print(line.rstrip(), flush=True)
        code, failed = process.wait(), tally.failed
        if os.path.exists(xml):
            quick.add_xml(tally, xml)
        if not os.path.exists(xml) or (code != 0 and tally.failed == failed):
            tally.add(os.path.basename(program), f"ended with {code} in {last}")


def module_hash(build):
    """Of the Python module of a build: all that decides the bits of a golden."""
    digest = hashlib.sha256()
    for path in sorted(glob.glob(os.path.join(build, "python", "tauto", "*.so"))):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:16]


def run_goldens(tally, build):
    """The stored cases with the module of a build, family by family; one check each."""
    name, state = os.path.basename(build), os.path.join(build, "long.state")
    code = module_hash(build)
    before = set()
    if os.path.exists(state):
        with open(state, encoding="utf-8") as file:
            before = set(file.read().splitlines())
    stored = glob.glob(golden.path_of("*"))
    families = sorted({os.path.basename(path).removesuffix(".sha256").split("_")[0] for path in stored})
    for i, family in enumerate(families):
        key = f"golden {family} {code} {golden_hash(family)}"
        if key in before:
            tally.add(key)
            continue
        if sys.stderr.isatty():
            print(f"\r{name}: golden {i + 1} of {len(families)}, {family}\x1b[K", end="", file=sys.stderr, flush=True)
        run = subprocess.run([sys.executable, os.path.join(ROOT, "scripts", "golden.py"), "--only", family, "--jobs", "1"],
                             env=dict(os.environ, TAUTO_BUILD=build, PYTHONPATH=os.path.join(build, "python")),
                             capture_output=True, text=True, stdin=subprocess.DEVNULL)
        output = (run.stdout + run.stderr).strip()
        if run.returncode:
            tally.add(f"goldens of {family}, {name}", output)
        elif "golden: 0 same" in output:
            tally.skip("goldens", f"{family} is not on this machine")
        else:
            tally.add(key)
            with open(state, "a", encoding="utf-8") as file:
                file.write(key + "\n")
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
    print(f"{name}: goldens of {len(families)} families of networks", flush=True)


def golden_hash(family):
    """Of the hashes stored for a family."""
    digest = hashlib.sha256()
    for path in sorted(glob.glob(golden.path_of(family + "*"))):
        with open(path, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()[:16]


def build_with_clang(folder, jobs):
    configure = ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_CXX_COMPILER=clang++",
                 "-DTAUTO_OPTIMIZE=-O1", "-DTAUTO_PYTHON=ON", f"-DPython_EXECUTABLE={sys.executable}"]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder, f"-j{jobs}", "--quiet"], check=True)


def run_threads(tally, folder, jobs, gtest_filter):
    """What threads share, built on its own: a data race ends a test with a report."""
    subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DTAUTO_SANITIZE=thread"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder, f"-j{jobs}", "--quiet", "runtime_tests"], check=True)
    # A child of fork() has none of its parent's threads, and TSan does not follow it.
    quick.run_cpp(tally, os.path.join(folder, "runtime_tests"), 1, f"{gtest_filter}-*Forked*:*Gdb*")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="the build folder")
    parser.add_argument("--clang-build", default=os.path.join(ROOT, "build-clang"), help="the second compiler's")
    parser.add_argument("--only", choices=SECTIONS, help="one of the sections")
    parser.add_argument("--tsan-build", default=os.path.join(ROOT, "build-tsan"), help="ThreadSanitizer's")
    parser.add_argument("--filter", default="*", help="GoogleTest filter")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="threads, compilations")
    args = parser.parse_args()

    quick.SUITE_TIMEOUT = 24 * 3600
    tally = quick.Tally()
    build, clang_build = os.path.abspath(args.build), os.path.abspath(args.clang_build)
    sections = [args.only] if args.only else SECTIONS
    try:
        if "functions" in sections:
            run_functions(tally, os.path.join(build, "tauto_long"), args.jobs, args.filter)
        if "goldens" in sections:
            run_goldens(tally, build)
        if "clang" in sections:
            build_with_clang(clang_build, args.jobs)
            quick.run_cpp(tally, os.path.join(clang_build, "tauto_tests"), args.jobs, args.filter)
            quick.run_files(tally, clang_build)
            run_goldens(tally, clang_build)
        if "threads" in sections:
            run_threads(tally, os.path.abspath(args.tsan_build), args.jobs, args.filter)
    except KeyboardInterrupt:
        print("long: interrupted; the next run goes on from here")
        return 130
    for reason, count in sorted(tally.skipped.items()):
        print(f"skipped {count:4}  {reason}")
    print(f"long: {tally.summary()}", flush=True)
    return tally.failed > 0


if __name__ == "__main__":
    sys.exit(main())
