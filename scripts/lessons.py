#!/usr/bin/env python3
"""Runs the lessons: joins the ```cpp blocks of each docs/lessons/*.md to one program, compiles it against the built
library, runs it, and compares its output with the lesson's ```text block. A lesson in Python is one program, too: each
```text block is what the ```python block before it prints. A lesson that reads TAUTO_SHARED needs that folder.

    lessons.py [--build build] [--refresh]      --refresh writes the real output into the text
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SHARED = os.environ.get("TAUTO_SHARED", os.path.join(ROOT, "..", "shared"))
FLAGS = ["-std=c++20", "-O1", "-ffp-contract=off", "-fwrapv", "-Wall", "-Wextra", "-Werror"]


def lessons():
    folder = os.path.join(ROOT, "docs", "lessons")
    return [os.path.join(folder, f) for f in sorted(os.listdir(folder)) if f.endswith(".md")]


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def output_of(text, build):
    machine = ["-march=x86-64-v3"] if os.uname().machine == "x86_64" else []
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "lesson.cpp"), os.path.join(folder, "lesson")
        with open(source, "w", encoding="utf-8") as f:
            f.write("\n".join(blocks(text, "cpp")))
        subprocess.run(["c++", *FLAGS, *machine, f"-I{ROOT}/src", f"-I{ROOT}/include", source,
                        os.path.join(build, "libtauto_core.a"), "-lfmt", "-lminizip", "-lz", "-lpthread", "-o", program],
                       check=True, stdin=subprocess.DEVNULL)
        run = subprocess.run([program], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    if run.returncode != 0:
        raise RuntimeError(f"exit code {run.returncode}: {run.stderr}")
    return run.stdout


END = "\x04\n"   # behind what a block prints


def output_of_python(text, build):
    """What each block prints, joined: a block that prints nothing has no text."""
    program = f"print({END[:-1]!r})\n".join(block for block in blocks(text, "python")) + f"print({END[:-1]!r})\n"
    environment = {**os.environ, "PYTHONPATH": os.path.join(build, "python"), "TAUTO_SHARED": SHARED}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, env=environment)
    if run.returncode != 0:
        raise RuntimeError(f"exit code {run.returncode}: {run.stderr}")
    return [part for part in run.stdout.split(END) if part]


def is_missing_data(path):
    with open(path, encoding="utf-8") as f:
        return "TAUTO_SHARED" in f.read() and not os.path.isdir(os.path.join(SHARED, "data"))


def check(path, build, refresh=False):
    """"" when the lesson prints what it says, else the difference."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if blocks(text, "python"):
        return check_python(path, text, build, refresh)
    try:
        got = output_of(text, build)
    except (subprocess.CalledProcessError, RuntimeError) as e:
        return str(e)
    if refresh:
        with open(path, "w", encoding="utf-8") as f:
            f.write(re.sub(r"^```text\n.*?^```", lambda _: f"```text\n{got}```", text, flags=re.M | re.S))
        return ""
    wanted = "".join(blocks(text, "text"))
    return "" if got == wanted else f"the lesson says:\n{wanted}\nthe program prints:\n{got}\n(refresh: scripts/lessons.py --refresh)"


def check_python(path, text, build, refresh):
    try:
        got = output_of_python(text, build)
    except RuntimeError as e:
        return str(e)
    if refresh:
        outputs = iter(got)
        with open(path, "w", encoding="utf-8") as f:
            f.write(re.sub(r"^```text\n.*?^```", lambda _: f"```text\n{next(outputs)}```", text, flags=re.M | re.S))
        return ""
    wanted = blocks(text, "text")
    return "" if got == wanted else f"the lesson says:\n{''.join(wanted)}\nthe program prints:\n{''.join(got)}\n(refresh: scripts/lessons.py --refresh)"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"))
    parser.add_argument("--refresh", action="store_true")
    args = parser.parse_args()
    failed = 0
    for path in lessons():
        problem = check(path, args.build, args.refresh)
        print(f"{'FAILED' if problem else 'ok'} {os.path.relpath(path, ROOT)}")
        if problem:
            print(problem)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
