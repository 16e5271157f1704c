"""The house rules catch what they are there for: each test breaks one rule in a small tree."""

import os
import shutil
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import check_layers  # noqa: E402

TABLE = """| folder (in `src/`) | holds | includes |
|---|---|---|
| `support/` | errors | – |
| `graph/` | the graph | support |
| `ops/` | operators | graph |
| `compile/` | the pipeline | all above |
| `quantize/` · `rl/` | precision | compile and above |
| `cli/` | the command | all |
"""


def tree(folder, files):
    for name, text in {"docs/architecture.md": TABLE, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return {rule: offences for rule, offences in check_layers.run_rules(str(folder)) if offences}


GOOD = {"src/support/error.h": "// Errors.\n", "src/graph/node.h": "// Nodes.\n#include \"support/error.h\"\n"}


def test_a_good_tree_has_no_offence(tmp_path):
    assert tree(tmp_path, {**GOOD, "src/cli/main.cpp": "// Main.\n#include \"graph/node.h\"\n"}) == {}


def test_the_table_is_closed_over_what_it_reaches():
    allowed = check_layers.allowed_includes(TABLE.splitlines())
    assert allowed["support"] == {"support"}
    assert allowed["ops"] == {"ops", "graph", "support"}
    assert allowed["compile"] == {"compile", "ops", "graph", "support"}
    assert allowed["rl"] == {"rl", "compile", "ops", "graph", "support"}
    assert allowed["cli"] == {"cli", "compile", "ops", "graph", "support", "quantize", "rl"}


def test_the_real_table_is_read():
    allowed = check_layers.allowed_includes(check_layers.read_lines(ROOT, "docs/architecture.md"))
    assert allowed["interpret"] >= {"ops", "graph", "support"} and "passes" not in allowed["interpret"]
    assert "interpret" in allowed["passes"] and "ops" not in allowed["loops"]


@pytest.mark.parametrize("folder", ["graph", "graph/text"])
def test_an_include_upwards(tmp_path, folder):
    files = {"src/ops/op.h": "// Op.\n", f"src/{folder}/bad.cpp": "// Bad.\n\n#include \"ops/op.h\"\n"}
    offences = tree(tmp_path, files)
    assert list(offences) == ["layers"]
    assert offences["layers"][0].startswith(f"src/{folder}/bad.cpp:3: graph/ may include graph, support;")


def test_a_folder_outside_the_table(tmp_path):
    assert list(tree(tmp_path, {"src/misc/a.h": "// A.\n"})) == ["layers"]


@pytest.mark.parametrize("line", ["#include <fmt/format.h>", "#include <regex>", "# include <iostream>"])
def test_a_heavy_header(tmp_path, line):
    assert tree(tmp_path, {"src/graph/a.h": f"// A.\n{line}\n", "src/graph/a.cpp": f"// A.\n{line}\n"}) == {
        "includes": [f"src/graph/a.h:2: <{line.split('<')[1][:-1]}> is heavy; include it in a .cpp"]}


def test_an_include_by_relative_path(tmp_path):
    assert list(tree(tmp_path, {**GOOD, "src/graph/a.cpp": "// A.\n#include \"node.h\"\n"})) == ["includes"]


def test_a_file_without_a_comment(tmp_path):
    assert tree(tmp_path, {"tests/a_test.cpp": "#include <vector>\n"}) == {
        "comments": ["tests/a_test.cpp:1: required: a comment that says what this file is"]}


@pytest.mark.parametrize("prefix", ["root", "home", "work", "opt", "Users"])
def test_a_path_of_somebodys_machine(tmp_path, prefix):
    text = f"see src/{prefix}/x and {prefix}/x\ncd /{prefix}/somebody/tauto\n"
    assert tree(tmp_path, {"docs/a.md": text}) == {"paths": [f"docs/a.md:2: absolute path /{prefix}/somebody/tauto"]}


@pytest.mark.skipif(not shutil.which("objdump") or os.uname().machine != "x86_64", reason="needs objdump on x86-64")
def test_the_cpu_check_itself_runs_on_any_x86_64():
    """No VEX-encoded instruction in the object that runs first: on the CPUs it is for, one would be the end."""
    build = os.environ.get("TAUTO_BUILD", os.path.join(ROOT, "build"))
    name = os.path.join(build, "CMakeFiles/tauto_core.dir/src/support/cpu_check.cpp.o")
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", name], capture_output=True, text=True, check=True)
    mnemonics = {line.split("\t")[1].split()[0] for line in text.stdout.splitlines() if line.count("\t") >= 1}
    assert "xgetbv" in mnemonics
    assert not {m for m in mnemonics if m.startswith("v") or m in ("andn", "lzcnt", "tzcnt", "movbe", "shlx", "shrx")}
