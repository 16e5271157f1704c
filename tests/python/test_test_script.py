"""scripts/test.py counts honestly: failures, crashes and skips of a test program all reach the last line."""

import os
import stat
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import test as test_script  # noqa: E402

XML = """<?xml version="1.0"?><testsuites><testsuite name="A">
<testcase name="Good" status="run" result="completed" classname="A"/>
<testcase name="Bad" status="run" result="completed" classname="A"><failure message="x">1 is not 2</failure></testcase>
<testcase name="Data" status="run" result="skipped" classname="A"><skipped message="a.cpp:7&#x0A;no ../data"/></testcase>
<testcase name="DISABLED_X" status="notrun" result="suppressed" classname="A"/>
</testsuite></testsuites>"""


def program(tmp_path, body):
    path = tmp_path / "tests.sh"
    path.write_text("#!/bin/sh\nfor a; do case $a in --gtest_output=xml:*) out=${a#*xml:};; esac; done\n" + body)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def run(tmp_path, body, shards=1):
    tally = test_script.Tally()
    test_script.run_cpp(tally, program(tmp_path, body), shards, "*")
    return tally


def test_each_outcome_is_counted_and_reasons_kept(tmp_path):
    (tmp_path / "x.xml").write_text(XML)
    tally = run(tmp_path, f"cp {tmp_path}/x.xml $out; exit 1")
    assert tally.summary() == "1 passed, 1 failed, 2 skipped"
    assert tally.skipped == {"A: no ../data": 1, "A: disabled": 1}


def test_a_shard_that_dies_is_a_failure_and_keeps_what_passed(tmp_path):
    tally = run(tmp_path, "echo '[       OK ] A.B (0 ms)'; echo '[ RUN      ] A.C'; kill -SEGV $$", shards=2)
    assert tally.summary() == "2 passed, 2 failed, 0 skipped"


def test_a_bad_exit_code_without_a_failed_test_is_a_failure(tmp_path):
    (tmp_path / "x.xml").write_text("<testsuites/>")
    assert run(tmp_path, f"cp {tmp_path}/x.xml $out; exit 3").summary() == "0 passed, 1 failed, 0 skipped"
