#!/usr/bin/env python3
"""House rules that a script can check; each prints the offending file:line.

  layers     a folder of src/ includes only the folders which its row in docs/architecture.md section 2 names,
             and what those reach: that table is the rule, this script only reads it
  includes   quoted includes are paths from src/ or include/ and exist; no heavy header in a header
  comments   every C++ file begins with a comment: what it is and why
  paths      no absolute path of somebody's machine in a committed file

Run alone it checks the tree it stands in and exits 1 on an offence; `make test` counts each rule as one check.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CPP = (".h", ".cpp")
HEAVY = re.compile(r"#\s*include\s*<(fmt/[^>]*|regex|iostream)>")
QUOTED = re.compile(r'\s*#\s*include\s*"([^"]+)"')
MACHINE_PATH = re.compile(r"(?<![\w.\-/>)}~*])/(?:root|home|work|opt|Users)/\w")


def tracked_files(root):
    """Files git knows or would take (not ignored), as paths from root."""
    out = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=root,
                         capture_output=True, text=True, check=True).stdout
    return sorted(f for f in set(out.splitlines()) if os.path.isfile(os.path.join(root, f)))


def read_lines(root, name):
    with open(os.path.join(root, name), encoding="utf-8", errors="replace") as f:
        return f.read().splitlines()


def allowed_includes(architecture):
    """{folder: set of folders it may include} from the table of folders, closed transitively."""
    direct = {}
    for line in architecture:
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) != 3 or not re.fullmatch(r"`\w+/`( · `\w+/`)*", cells[0]):
            continue
        names = re.findall(r"\w+", cells[0])
        above = set(direct)
        text = cells[2]
        if text in ("all", "all above"):
            reach = above
        elif m := re.fullmatch(r"(\w+) and above", text):
            order = list(direct)
            reach = set(order[:order.index(m[1]) + 1])
        else:
            reach = set(re.findall(r"[a-z_0-9]+", text))
        for name in names:
            direct[name] = reach
    closed = {}
    for name in direct:
        todo, seen = [name], {name}
        while todo:
            for other in direct.get(todo.pop(), ()):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        closed[name] = seen
    return closed


def check_layers(root, files):
    allowed = allowed_includes(read_lines(root, "docs/architecture.md"))
    offences = [] if allowed else ["docs/architecture.md: the table of folders was not found"]
    for name in files:
        if not name.startswith("src/") or not name.endswith(CPP):
            continue
        folder = name.split("/")[1]
        if folder not in allowed:
            offences.append(f"{name}:1: folder \"{folder}\" is not in the table of docs/architecture.md")
            continue
        for number, line in enumerate(read_lines(root, name), 1):
            m = QUOTED.match(line)
            target = m[1].split("/")[0] if m and "/" in m[1] else None
            if target in allowed and target not in allowed[folder]:
                offences.append(f"{name}:{number}: {folder}/ may include {', '.join(sorted(allowed[folder]))}; "
                                f"given \"{m[1]}\"")
    return offences


def check_includes(root, files):
    offences = []
    for name in files:
        if not name.endswith(CPP):
            continue
        for number, line in enumerate(read_lines(root, name), 1):
            m = QUOTED.match(line)
            bases = ["src", "include"] if name.startswith(("src/", "include/")) else ["src", "include", "tests", "python", "."]
            if m and not any(os.path.isfile(os.path.join(root, base, m[1])) for base in bases):
                offences.append(f"{name}:{number}: \"{m[1]}\" is not a path from {' or '.join(bases)}")
            if name.endswith(".h") and (h := HEAVY.search(line)):
                offences.append(f"{name}:{number}: <{h[1]}> is heavy; include it in a .cpp")
    return offences


def check_comments(root, files):
    return [f"{name}:1: required: a comment that says what this file is" for name in files
            if name.endswith(CPP) and not (read_lines(root, name) or [""])[0].startswith(("//", "/*"))]


def check_paths(root, files):
    offences = []
    for name in files:
        with open(os.path.join(root, name), "rb") as f:
            data = f.read()
        if b"\0" in data[:4096]:
            continue
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            if m := MACHINE_PATH.search(line):
                offences.append(f"{name}:{number}: absolute path {line[m.start():m.start() + 40].split()[0]}")
    return offences


RULES = {"layers": check_layers, "includes": check_includes, "comments": check_comments, "paths": check_paths}


def run_rules(root=ROOT):
    """[(rule, offences)] over the tree at root."""
    files = tracked_files(root)
    return [(rule, check(root, files)) for rule, check in RULES.items()]


if __name__ == "__main__":
    failed = False
    for rule, offences in run_rules():
        print(f"{rule}: {'ok' if not offences else f'{len(offences)} offences'}")
        for offence in offences:
            print(f"  {offence}")
        failed = failed or bool(offences)
    sys.exit(failed)
