#!/usr/bin/env python3
"""File tests: text in, text out, at any level that the command `tauto` prints.

A file tests/**/*.test holds cases; a case is commands, a program, and what they print:

    # What this case is about.
    # RUN: tauto show %s --after fold_constants
    func main(%0 "x": f32[2]) -> ("y") {
      %1 = relu(%0) : f32[2]
      return %1
    }
    # EXPECT
    func main(%0 "x": f32[2]) -> ("y") {
    ...

* %s is the file with the program. A program that begins with `func` stands behind "module test semantics N" on its
  first line, and that beginning is taken off what is printed; one that begins with `<` is ONNX's own text form
  (onnx.parser) and becomes an .onnx file. `semantics %v` is the version of the semantics, in programs and outputs.
* Commands stand in the order in which they run, until one fails, in a folder with nothing but the program. `tauto` is
  that of the build; no shell is between: quotes hold, pipes do not, files do (-o m.graph). Variables may stand before
  it (TAUTO_ISA=avx2 tauto …); those that steer the compiler are not inherited.
* `# EXPECT` what stdout is (`# EXPECT-PROGRAM`: the program), `# EXPECT-ERROR` what stderr is, `# EXIT N` the exit
  code, 0 if it does not stand there. Blank lines at the ends do not count.
* `# CASE name` begins another case with a program of its own; a `# RUN:` behind an expectation another run of the
  same program.

    file_tests.py [--build build] [FILE…]       ends with `files: N passed, M failed`
    file_tests.py --refresh [FILE…]             writes what is printed now as the expectation (`make expect`), shows
                                                what changed, ends with `expect: N cases, M changed`

A crash or an internal error is never taken as an expectation.
"""

import argparse
import concurrent.futures
import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile

import check_layers

ROOT = check_layers.ROOT
TIMEOUT = 60
FAULT = 3  # tauto's exit code for a fault of its own
VARIABLE = re.compile(r"[A-Z_]+=.*")
STEERING = ("TAUTO_DEBUG", "TAUTO_DUMP", "TAUTO_ISA", "TAUTO_OFF", "TAUTO_PERF")
DIRECTIVE = re.compile(r"# (CASE .+|RUN: .+|EXPECT|EXPECT-PROGRAM|EXPECT-ERROR|EXIT \d+)")


class Mistake(Exception):
    """A file that is no file test."""


class Run:
    """Commands and what they print: {"EXPECT": text, "EXPECT-ERROR": text, "EXIT": number}, only what is not empty."""

    def __init__(self):
        self.commands = []
        self.expected = {}
        self.program = ""  # the expected output, where `# EXPECT-PROGRAM` says that it is the program

    def expectation(self):
        """Its lines."""
        text = []
        for key in ("EXPECT", "EXPECT-ERROR"):
            if key == "EXPECT" and self.program and self.expected.get(key) == self.program:
                text.append("# EXPECT-PROGRAM")
            elif key in self.expected:
                text += [f"# {key}", *self.expected[key].splitlines()]
        return text + ([f"# EXIT {self.expected['EXIT']}"] if "EXIT" in self.expected else [])


class Case:
    def __init__(self, name=""):
        self.name = name
        self.comment = ""
        self.program = ""
        self.runs = []

    def text(self):
        """As it stands in the file."""
        lines = ([f"# CASE {self.name}"] if self.name else []) + self.comment.splitlines()
        for i, run in enumerate(self.runs):
            lines += [""] if i else []
            lines += [f"# RUN: {c}" for c in run.commands]
            lines += self.program.splitlines() if i == 0 else []
            lines += run.expectation()
        return "\n".join(lines) + "\n"


def clean(lines):
    """The text of lines without blank ones at both ends."""
    text = "\n".join(lines).strip("\n").rstrip()
    return text + "\n" if text else ""


def parse(text, where):
    """The cases of a file's text; the first has no runs where it only says what the file is about."""
    blocks = [("CASE", "", 1, [])]  # a directive, its rest, its line, what follows it
    for number, line in enumerate(text.splitlines(), 1):
        if m := DIRECTIVE.fullmatch(line.rstrip()):
            kind, _, rest = m[1].partition(" ")
            blocks.append((kind, rest, number, []))
        else:
            blocks[-1][3].append(line)
    cases, open_run = [], False
    for kind, rest, number, lines in blocks:
        here = f"{where}:{number}: # {kind}"
        if kind == "CASE":
            if cases and not cases[-1].runs and cases[-1].name:
                raise Mistake(f"{here}: required # RUN: in the case above")
            cases.append(Case(rest))
            cases[-1].comment = clean(lines)
        elif kind == "RUN:":
            case = cases[-1]
            if not open_run:
                case.runs.append(Run())
            case.runs[-1].commands.append(rest)
            if len(case.runs) == 1:
                case.program = clean(lines)
            elif clean(lines):
                raise Mistake(f"{here}: required no second program; # CASE begins another test")
        else:
            if not cases[-1].runs:
                raise Mistake(f"{here}: required # RUN: before")
            run = cases[-1].runs[-1]
            if kind == "EXPECT-PROGRAM":
                run.program = cases[-1].program
            key = "EXPECT" if kind == "EXPECT-PROGRAM" else kind
            if key in run.expected:
                raise Mistake(f"{here}: stands there twice")
            if kind in ("EXIT", "EXPECT-PROGRAM") and clean(lines):
                raise Mistake(f"{here}: required no text behind it")
            run.expected[key] = (int(rest) if kind == "EXIT" else run.program if kind == "EXPECT-PROGRAM"
                                 else clean(lines))
        open_run = kind == "RUN:" and not lines  # a command on the next line belongs to the same run
    if not cases[-1].runs:
        raise Mistake(f"{where}: required # RUN: in the last case")
    if not cases[0].runs and not cases[0].comment:
        cases.pop(0)
    return cases


class Runner:
    """Runs cases with the command of one build."""

    def __init__(self, build):
        self.tauto = os.path.join(os.path.abspath(build), "tauto")
        version = subprocess.run([self.tauto, "--version"], capture_output=True, text=True, check=True).stdout
        self.semantics = "semantics " + version.split()[-1]

    def write(self, case, folder):
        """The program's file."""
        text = case.program.replace("semantics %v", self.semantics)
        if text.startswith("<"):
            import onnx
            import onnx.parser
            try:
                onnx.save(onnx.parser.parse_model(text), os.path.join(folder, "program.onnx"))
            except onnx.parser.ParseError as e:
                raise Mistake(f"the program is no ONNX text: {e}") from e
            return "program.onnx"
        if text.startswith("func"):
            text = f"module test {self.semantics} {text}"
        with open(os.path.join(folder, "program.graph"), "w", encoding="utf-8") as file:
            file.write(text)
        return "program.graph"

    def run(self, case):
        """[what each run printed], as Run.expected; a command of another name than tauto is a Mistake."""
        results = []
        for run in case.runs:
            with tempfile.TemporaryDirectory() as folder:
                name = self.write(case, folder)
                out, err, code = "", "", 0
                for command in run.commands:
                    words = shlex.split(command.replace("%s", name))
                    env = {key: value for key, value in os.environ.items() if key not in STEERING}
                    env["TAUTO_CACHE"] = "off"
                    while words and VARIABLE.fullmatch(words[0]):
                        key, _, value = words.pop(0).partition("=")
                        env[key] = value
                    program, *arguments = words or [""]
                    if program != "tauto":
                        raise Mistake(f"# RUN: {command}: required the command tauto")
                    done = subprocess.run([self.tauto, *arguments], cwd=folder, env=env,
                                          stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)
                    out += done.stdout.decode(errors="backslashreplace")
                    err += done.stderr.decode(errors="backslashreplace")
                    code = done.returncode
                    if code:
                        break
            out, err = (text.replace(self.semantics, "semantics %v") for text in (out, err))
            if case.program.startswith("func"):
                out = re.sub(r"^module test semantics %v\n\n", "", out, flags=re.M)
            found = {"EXPECT": clean(out.splitlines()), "EXPECT-ERROR": clean(err.splitlines()), "EXIT": code}
            results.append({key: value for key, value in found.items() if value})
        return results

    def run_or_why_not(self, case):
        try:
            return self.run(case)
        except (Mistake, subprocess.TimeoutExpired) as e:
            return str(e)


def is_fault(found):
    code = found.get("EXIT", 0)
    return code < 0 or code == FAULT or "Sanitizer" in found.get("EXPECT-ERROR", "")


def difference(case, results):
    """Lines that say how the results differ from what the case expects; [] if they do not."""
    lines = []
    for run, found in zip(case.runs, results):
        if found == run.expected and not is_fault(found):
            continue
        shown = Run()
        shown.expected, shown.program = found, run.program
        lines += [f"  {c}" for c in run.commands]
        if is_fault(found):
            lines.append(f"  ended with {found.get('EXIT')}, a fault of tauto's own")
        diff = difflib.unified_diff(run.expectation(), shown.expectation(), "required", "got", n=3, lineterm="")
        lines += [f"    {line}" for line in diff]
    return lines


def find_files():
    return [f for f in check_layers.tracked_files(ROOT) if f.startswith("tests/") and f.endswith(".test")]


def title(path, case):
    return f"{path}: {case.name}" if case.name else path


def check_all(build, paths, refresh=False):
    """Yields (file, name of the case, lines of difference); with refresh writes the files."""
    runner = Runner(build)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path in paths:
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                text = file.read()
            try:
                cases = parse(text, path)
            except Mistake as e:
                yield path, path, [f"  {e}"]
                continue
            for case, results in zip(cases, pool.map(runner.run_or_why_not, cases)):
                if isinstance(results, str):
                    yield path, title(path, case), [f"  {results}"]
                    continue
                if case.runs:
                    yield path, title(path, case), difference(case, results)
                for run, found in zip(case.runs, results):
                    run.expected = run.expected if is_fault(found) else found
            again = "\n".join(case.text() for case in cases)
            if refresh and again != text:
                with open(os.path.join(ROOT, path), "w", encoding="utf-8") as file:
                    file.write(again)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.environ.get("TAUTO_BUILD", os.path.join(ROOT, "build")))
    parser.add_argument("--refresh", action="store_true", help="write what is printed now as the expectation")
    parser.add_argument("files", nargs="*", help="all of tests/ if none is given")
    args = parser.parse_args()
    paths = [os.path.relpath(os.path.abspath(f), ROOT) for f in args.files] or find_files()
    count = differ = 0
    for _, name, lines in check_all(args.build, paths, args.refresh):
        count += 1
        differ += bool(lines)
        if lines:
            print(f"{'changed' if args.refresh else 'FAILED'} {name}", *lines, "", sep="\n", flush=True)
    if args.refresh:
        print(f"expect: {count} cases, {differ} changed")
        return 0
    print(f"files: {count - differ} passed, {differ} failed")
    return differ > 0


if __name__ == "__main__":
    sys.exit(main())
