"""Goldens: the hash tells outputs apart exactly where bits do, the file reads back, and a difference is found."""

import os
import sys

import numpy as np
import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
import golden  # noqa: E402
import lib_models  # noqa: E402


def test_the_hash_sees_every_bit_type_and_shape():
    one = np.float32([1, 2])
    others = [np.nextafter(one, np.float32(9)), one.reshape(1, 2), one.astype(np.float64), np.float32([1, -2])]
    assert len({golden.fingerprint(a) for a in [one, *others]}) == 5
    assert golden.fingerprint(np.float32([0.0])) != golden.fingerprint(np.float32([-0.0]))


def test_every_nan_is_the_same():
    bits = np.array([0x7FC00000, 0xFFC00001, 0x7F800001], np.uint32).view(np.float32)
    assert len({golden.fingerprint(bits[i:i + 1]) for i in range(3)}) == 1


def test_strings_count_by_content():
    assert golden.fingerprint(np.array(["ab", "c"], object)) != golden.fingerprint(np.array(["a", "bc"], object))
    assert golden.fingerprint(np.array(["ab"], object)) == golden.fingerprint(np.array(["ab"]))


def test_written_read_and_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(golden, "FOLDER", str(tmp_path))
    got = {("b1", "out put"): golden.fingerprint(np.float32([1])), ("b2", "y"): golden.fingerprint(np.zeros(0))}
    golden.write_golden("net", 3, got)
    assert golden.read_golden("net") == {3: got}
    assert golden.compare("net", 3, got) == (2, [])
    assert golden.compare("net", 3, {("b1", "out put"): got["b1", "out put"]}) == (1, [])

    same, wrong = golden.compare("net", 3, {("b1", "out put"): golden.fingerprint(np.float32([2]))})
    assert same == 0 and len(wrong) == 1 and wrong[0].startswith('net b1: output "out put": required float32[1]  ')
    assert golden.compare("net", 4, got) == (0, ["net: required goldens of semantics 4, got 3 (make golden)"])
    assert golden.compare("other", 3, got)[1] == ["other: required goldens of semantics 3, got none (make golden)"]


@pytest.mark.skipif(not os.path.isdir(lib_models.SHARED), reason="no ../shared: no stored cases")
def test_this_machine_computes_the_same_bits(capsys):
    if not os.path.isdir(golden.FOLDER):
        pytest.skip("no tests/golden yet (make golden)")
    assert golden.main(["--quick"]) == 0, capsys.readouterr().out
