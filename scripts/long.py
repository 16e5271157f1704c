#!/usr/bin/env python3
"""The long tests: exhaustive ones (tests/**/*_long.cpp), the goldens of all stored cases, and the quick C++ tests and
the goldens once more from a second compiler (clang, -O1): who compiled us must not change a bit.

Ends with `long: N passed, M failed, K skipped`.
"""

import argparse
import os
import subprocess
import sys

import test as quick

ROOT = quick.ROOT


def build_with_clang(folder):
    configure = ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", "-DCMAKE_CXX_COMPILER=clang++",
                 "-DTAUTO_OPTIMIZE=-O1", "-DTAUTO_PYTHON=ON", f"-DPython_EXECUTABLE={sys.executable}"]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", folder], check=True)


def run_goldens(tally, build):
    """All stored cases, computed by the module in build; one check."""
    run = subprocess.run([sys.executable, os.path.join(ROOT, "scripts", "golden.py")], capture_output=True, text=True,
                         env=dict(os.environ, TAUTO_BUILD=os.path.abspath(build)), stdin=subprocess.DEVNULL)
    output = (run.stdout + run.stderr).strip()
    print(f"{os.path.basename(build)}: {output.splitlines()[-1] if output else 'golden: no answer'}")
    tally.add(f"goldens of {build}", output if run.returncode else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="the build folder")
    parser.add_argument("--clang-build", default=os.path.join(ROOT, "build-clang"), help="the second compiler's")
    parser.add_argument("--only", choices=["exhaustive", "clang"], help="one of the two parts")
    parser.add_argument("--filter", default="*", help="GoogleTest filter for both")
    args = parser.parse_args()

    quick.SUITE_TIMEOUT = 24 * 3600
    tally = quick.Tally()
    program = os.path.join(os.path.abspath(args.build), "tauto_long")
    if args.only != "clang":
        if os.path.exists(program):
            quick.run_cpp(tally, program, os.cpu_count() or 1, args.filter)
        run_goldens(tally, args.build)
    if args.only != "exhaustive":
        build_with_clang(args.clang_build)
        quick.run_cpp(tally, os.path.join(os.path.abspath(args.clang_build), "tauto_tests"), 2, args.filter)
        run_goldens(tally, args.clang_build)
    for reason, count in sorted(tally.skipped.items()):
        print(f"skipped {count:4}  {reason}")
    print(f"long: {tally.summary()}", flush=True)
    return tally.failed > 0


if __name__ == "__main__":
    sys.exit(main())
