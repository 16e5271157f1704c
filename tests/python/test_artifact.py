"""Saved models and the cache: the same bits, from several processes at once, whatever happened to the files."""

import os
import subprocess
import sys

import numpy as np
import pytest

import make_models
import tauto

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
X = np.linspace(-2, 3, 150, dtype=np.float32).reshape(5, 30)

RUN = """
import sys, numpy as np, tauto
model = tauto.load(sys.argv[1])
x = np.linspace(-2, 3, 150, dtype=np.float32).reshape(5, 30)
print(model(x).tobytes().hex())
"""


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A key and a cache of the test's own; TAUTO_DEBUG tells where a program came from."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("TAUTO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TAUTO_DEBUG", "1")
    return tmp_path


def start(path):
    return subprocess.Popen([sys.executable, "-c", RUN, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)))


def run(path):
    """The result's bytes, and what was said."""
    process = start(path)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out.strip(), err


def programs(folders):
    return sorted((folders / "cache" / "programs").glob("*.tauto"))


def test_a_saved_model_gives_the_same_bits(folders):
    model = tauto.load(make_models.dense())
    expected = model.run([X], interpret=True)[0].tobytes()
    model.save(str(folders / "m.tauto"))
    saved = tauto.load(folders / "m.tauto")
    assert [(s.name, s.type) for s in saved.inputs] == [(s.name, s.type) for s in model.inputs]
    assert saved(X).tobytes() == expected
    assert saved.run([X], interpret=True, )[0].tobytes() == expected
    assert tauto.load((folders / "m.tauto").read_bytes())(X).tobytes() == expected
    assert [g["kind"] for g in saved.groups([X])] == [g["kind"] for g in model.groups([X])]
    out, err = run(folders / "m.tauto")
    assert out == expected.hex() and "compiled" not in err


def test_what_somebody_else_signed_is_compiled_again(folders, monkeypatch):
    model = tauto.load(make_models.dense())
    model.save(str(folders / "m.tauto"))
    expected = model(X).tobytes().hex()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folders / "another"))
    out, err = run(folders / "m.tauto")
    assert out == expected
    assert "compiled again: its machine code is not signed by this user" in err
    assert tauto.load(folders / "m.tauto", trust=True)(X).tobytes().hex() == expected


def test_a_model_without_one_graph_cannot_be_saved(folders):
    with pytest.raises(tauto.Error, match="axes"):
        tauto.load(make_models.sum_by_input()).save(str(folders / "m.tauto"))


def test_the_second_load_is_from_the_cache(folders):
    path = make_models.save(make_models.dense(), folders / "m.onnx")
    cold, said = run(path)
    assert "compiled for" in said and len(programs(folders)) == 1
    again, said = run(path)
    assert again == cold and "from the cache" in said and "compiled for" not in said
    # The same content under another name has another stamp, and needs no compilation.
    os.rename(path, folders / "n.onnx")
    (folders / "o.onnx").write_bytes((folders / "n.onnx").read_bytes())
    third, said = run(folders / "o.onnx")
    assert third == cold and "compiled for" not in said


def test_a_file_that_was_changed_is_another_model(folders):
    path = make_models.save(make_models.dense(), folders / "m.onnx")
    cold, _ = run(path)
    run(path)
    data = bytearray((folders / "m.onnx").read_bytes())
    at = data.index(np.linspace(-1, 1, 120, dtype=np.float32).tobytes())
    data[at:at + 4] = np.float32(7).tobytes()
    status = os.stat(path)
    (folders / "m.onnx").write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))   # as if nothing had been
    other, said = run(path)
    assert other != cold and "compiled for" in said


def test_inputs_with_a_default_may_still_be_given(folders):
    path = make_models.save(make_models.add_default(), folders / "m.onnx")
    x, y = np.ones((2, 3), np.float32), np.array([10, 20, 30], np.float32)
    for _ in range(2):   # cold, from the cache
        model = tauto.load(path)
        assert [s.name for s in model.defaults] == ["y"]
        assert model.run({"x": x})[0].tolist() == [[2, 3, 4]] * 2
        assert model.run({"x": x, "y": y})[0].tolist() == [[11, 21, 31]] * 2
    assert len(programs(folders)) == 2


def test_the_graph_is_the_files_also_from_the_cache(folders):
    path = make_models.save(make_models.dense(), folders / "m.onnx")
    first = tauto.load(path)
    text, side, bits = first.text(), first.side(), first(X).tobytes()
    second = tauto.load(path)
    assert (second.text(), second.side()) == (text, side)
    assert second(X).tobytes() == bits and second.run([X], interpret=True)[0].tobytes() == bits


def test_processes_at_once(folders):
    path = make_models.save(make_models.dense(), folders / "m.onnx")
    for _ in range(2):   # they write it at once, they read it at once
        running = [start(path) for _ in range(4)]
        results = set()
        for process in running:
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, err
            results.add(out)
        assert len(results) == 1
    assert len(programs(folders)) == 1
    assert not list((folders / "cache" / "programs").glob("*.part"))
    assert (folders / "config" / "tauto" / "key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [lambda b: b[:len(b) // 2], lambda b: b"", lambda b: b[:300] + b"\0" * 64 + b[364:],
                                    lambda b: b[:-100] + bytes(100), lambda b: b"junk"])
def test_a_damaged_cache_is_mended(folders, damage):
    path = make_models.save(make_models.dense(), folders / "m.onnx")
    cold, _ = run(path)
    for name in (folders / "cache" / "programs").iterdir():
        name.write_bytes(damage(name.read_bytes()))
    again, said = run(path)
    assert again == cold and "compiled for" in said
    mended, said = run(path)
    assert mended == cold and "compiled for" not in said


def test_no_cache_when_it_is_off_or_cannot_be(folders, monkeypatch):
    path = make_models.save(make_models.dense(), folders / "m.onnx")
    cold, _ = run(path)
    for name, value in (("TAUTO_CACHE", "off"), ("TAUTO_OFF", "fuse"), ("TAUTO_CACHE", "/proc/nowhere")):
        with monkeypatch.context() as m:
            m.setenv(name, value)
            out, said = run(path)
            assert out == cold and "compiled for" in said
