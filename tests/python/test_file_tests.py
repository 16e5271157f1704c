"""scripts/file_tests.py: a file reads back as it was written, differences and faults are found, mistakes refused."""

import os
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import file_tests  # noqa: E402

TEXT = """\
# What the file is about.

# CASE one
# RUN: tauto show %s -o a.graph
# RUN: tauto show a.graph
func main() -> () {
}
# EXPECT-PROGRAM

# RUN: tauto check %s
# EXPECT
x
# EXPECT-ERROR
y

z
# EXIT 2

# CASE two
# RUN: tauto
"""


def test_a_file_reads_back_as_it_was_written():
    cases = file_tests.parse(TEXT, "a.test")
    assert "\n".join(case.text() for case in cases) == TEXT
    assert [(c.name, len(c.runs)) for c in cases] == [("", 0), ("one", 2), ("two", 1)]
    one, two = cases[1].runs
    assert one.commands == ["tauto show %s -o a.graph", "tauto show a.graph"]
    assert one.expected == {"EXPECT": "func main() -> () {\n}\n"}
    assert two.expected == {"EXPECT": "x\n", "EXPECT-ERROR": "y\n\nz\n", "EXIT": 2}


def test_every_file_reads_back_as_it_is():
    for path in file_tests.find_files():
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            text = file.read()
        assert "\n".join(case.text() for case in file_tests.parse(text, path)) == text, path


@pytest.mark.parametrize("text, problem", [
    ("# CASE one\nfunc\n", "a.test: required # RUN: in the last case"),
    ("# CASE one\n\n# CASE two\n# RUN: tauto\n", "a.test:3: # CASE: required # RUN: in the case above"),
    ("# EXPECT\nx\n", "a.test:1: # EXPECT: required # RUN: before"),
    ("# RUN: tauto\n# EXPECT\nx\n# EXPECT\n", "a.test:4: # EXPECT: stands there twice"),
    ("# RUN: tauto\n# EXIT 1\nx\n", "a.test:2: # EXIT: required no text behind it"),
    ("# RUN: tauto\na\n# EXPECT\nx\n# RUN: tauto\nb\n", "a.test:5: # RUN:: required no second program; # CASE begins another test"),
])
def test_what_is_no_file_test(text, problem):
    with pytest.raises(file_tests.Mistake) as error:
        file_tests.parse(text, "a.test")
    assert str(error.value) == problem


def case_of(expected):
    run = file_tests.Run()
    run.commands, run.expected = ["tauto"], expected
    case = file_tests.Case("c")
    case.runs = [run]
    return case


def test_every_difference_is_found():
    good = {"EXPECT": "x\n", "EXIT": 1}
    assert file_tests.difference(case_of(good), [dict(good)]) == []
    for other in ({"EXPECT": "y\n", "EXIT": 1}, {"EXPECT": "x\n"}, {**good, "EXPECT-ERROR": "z\n"}, {}):
        assert file_tests.difference(case_of(good), [other])


@pytest.mark.parametrize("found", [{"EXIT": -11}, {"EXIT": 3}, {"EXIT": 1, "EXPECT-ERROR": "AddressSanitizer: ...\n"}])
def test_a_fault_is_never_expected(found):
    assert file_tests.is_fault(found) and file_tests.difference(case_of(dict(found)), [found])


def test_refreshing_writes_what_is_printed_but_no_fault(tmp_path, monkeypatch):
    program = tmp_path / "tauto"
    program.write_text('#!/bin/sh\ncase "$1" in --version) echo 0, semantics 7;; crash) kill -SEGV $$;; *) cat "$1";; esac\n')
    program.chmod(0o755)
    monkeypatch.setattr(file_tests, "ROOT", str(tmp_path))
    path = tmp_path / "a.test"
    path.write_text("# RUN: tauto %s\nmodule m semantics %v\n\n# CASE b\n# RUN: tauto crash\n# EXPECT\nx\n")
    problems = {name: bool(lines) for _, name, lines in file_tests.check_all(str(tmp_path), ["a.test"], refresh=True)}
    assert problems == {"a.test": True, "a.test: b": True}
    assert path.read_text() == ("# RUN: tauto %s\nmodule m semantics %v\n# EXPECT\nmodule m semantics %v\n\n"
                                "# CASE b\n# RUN: tauto crash\n# EXPECT\nx\n")
    assert [bool(lines) for _, _, lines in file_tests.check_all(str(tmp_path), ["a.test"])] == [False, True]
