"""Laws of the benchmark's own machinery: what counts as the same answer, who is a rival, that only one system runs
at a time, that a campaign goes on where it was. The systems here are scripts that speak the protocol."""

import os
import sys
import textwrap
import time

import numpy as np
import pytest

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
for folder in ("scripts", "bench"):
    sys.path.insert(0, os.path.join(ROOT, folder))

import bench  # noqa: E402
import nets  # noqa: E402
import report  # noqa: E402
import worker  # noqa: E402
from systems import Failed, Running, System  # noqa: E402


def case(want, quantized=False, maker="Add", scale=None):
    value = np.asarray(want, np.float32)
    return nets.Case("", {"y": value}, {"y": scale or float(np.nanmax(np.abs(value)))},
                     frozenset(["y"] if quantized else []), {"y": maker})


def agrees(known, got):
    worst, why = nets.difference(known, {"y": np.asarray(got, np.float32)})
    assert (worst <= 1) == (why == "")
    return why == ""


def test_answers_agree_within_a_part_of_the_scale():
    known = case([100, 1, 0])
    assert agrees(known, [100, 1, 0])
    assert agrees(known, [100, 1.49, 0])
    assert not agrees(known, [100, 1.51, 0])
    assert agrees(case([1, 0], scale=200), [1.9, 0])


def test_a_dynamic_quantizer_is_judged_by_the_mean():
    known = case([100] + [0] * 999, quantized=True)
    assert agrees(known, [80] + [0] * 999)
    assert not agrees(known, [100] + [0.2] * 999)


def test_other_shapes_nan_infinities_and_names_do_not_agree():
    assert not agrees(case([1, 2]), [[1, 2]])
    assert not agrees(case([1, 2]), [1, np.nan])
    assert agrees(case([1, np.nan]), [1, np.nan])
    assert not agrees(case([1, 2]), [np.inf, 2])
    assert nets.difference(case([1]), {"z": np.ones(1)})[1] == 'output "y" is missing'


def test_the_last_function_is_granted_what_it_is_known_to_be_off_by():
    assert not agrees(case([1e-6]), [1.1e-6])
    assert agrees(case([1e-6], maker="Sigmoid"), [1.1e-6])
    assert not agrees(case([1e-6], maker="Sigmoid"), [2e-6])


def measurement(net, group, threads, **times):
    systems = {}
    for name, value in times.items():
        state = value if isinstance(value, str) else "ok"
        systems[name] = {"state": state, "why": "it did", "load": 0.1, "first": 0.1, "version": "1",
                         "rounds": [] if state != "ok" else [value, value * 3, value]}
    return {"net": net, "group": group, "threads": threads, "systems": systems}


def test_the_ratio_is_of_medians_to_the_better_rival_that_agrees():
    found = measurement("a", "compute", 1, tauto=1e-3, onnxruntime=2e-3, openvino=1.5e-3)
    assert report.ratio(found) == pytest.approx(1.5)
    found = measurement("a", "compute", 1, tauto=1e-3, onnxruntime=2e-3, openvino="different")
    assert report.ratio(found) == pytest.approx(2)
    assert report.ratio_spread(found) == (pytest.approx(2), pytest.approx(2))
    assert report.ratio(measurement("a", "compute", 1, tauto=1e-3, openvino="failed")) is None
    assert report.ratio(measurement("a", "compute", 1, tauto="different", openvino=1e-3)) is None


def test_the_last_line():
    found = [measurement("a", "compute", 1, tauto=1.0, onnxruntime=2.0),
             measurement("b", "compute", 1, tauto=1.0, onnxruntime=0.5, openvino=0.75),
             measurement("c", "bandwidth", 1, tauto=1.0, openvino=1.5),
             measurement("d", "overhead", 1, tauto=1.0, openvino=3.0),
             measurement("a", "compute", 2, tauto=1.0, onnxruntime=1.25),
             measurement("d", "overhead", 2, tauto="failed", openvino=3.0)]
    assert report.last_line(found) == ("bench: compute 1.00 bandwidth 1.50 overhead 3.00 (1 thread) "
                                       "1.25 - FAILED (2 threads), worst 0.50 (b)")
    text = report.table(found)
    assert "d: tauto: failed: it did  (threads: 2)" in text
    assert report.last_line([]) == "bench: compute - bandwidth - overhead - (1 thread) - - - (2 threads), worst - (-)"


def test_short_runs_are_timed_in_batches_and_long_ones_once(monkeypatch):
    calls = []
    times = worker.measure(lambda: calls.append(0), 0.02)
    assert len(calls) > 50 * len(times) >= 150
    assert all(0 < t < 1e-3 for t in times)
    monkeypatch.setattr(worker, "LONG", 0.05)
    assert len(worker.measure(lambda: time.sleep(0.05), 0.01)) == 1


FAKE = """
    import os, sys
    import numpy as np
    what, model, case, threads, outputs = sys.argv[1:]
    say = lambda text: print(text, flush=True)
    if what == "refuse": say("error ValueError: no such operator"); sys.exit(1)
    if what == "crash": os.abort()
    say("loaded 0.5 1.2.3")
    if what == "hang":
        while True: pass
    np.savez(outputs, output_names=np.array(["y\\nalso y"]), out_0=np.float32([2 if what == "wrong" else 1]))
    say("ran 0.25")
    for line in sys.stdin:
        if what == "die": os.abort()
        say("times 0.001 0.003 0.002" if what == "slow" else "times 0.001")
"""


@pytest.fixture
def fake(tmp_path):
    script = tmp_path / "fake.py"
    script.write_text(textwrap.dedent(FAKE))
    return lambda what, name="", rival=False: System(name or what, (sys.executable, str(script), what), rival=rival)


def start(system, tmp_path, patience=60.0):
    return Running(system, "m.onnx", "case.npz", 1, str(tmp_path / f"{system.name}.npz"), patience)


def state_of(running):
    with open(f"/proc/{running.process_.pid}/stat", encoding="utf-8") as handle:
        return handle.read().rpartition(")")[2].split()[0]


def test_a_system_is_stopped_unless_it_is_asked(fake, tmp_path):
    running = start(fake("slow"), tmp_path)
    try:
        assert (running.load, running.first, running.version) == (0.5, 0.25, "1.2.3")
        deadline = time.monotonic() + 20
        while state_of(running) != "T" and time.monotonic() < deadline:
            time.sleep(0.001)
        assert state_of(running) == "T"
        assert running.time(0.1) == [0.001, 0.003, 0.002]
        while state_of(running) != "T" and time.monotonic() < deadline:
            time.sleep(0.001)
        assert state_of(running) == "T"
        assert set(running.outputs()) == {"y", "also y"}
    finally:
        running.end()
    assert running.process_.returncode is not None


@pytest.mark.parametrize("what, why", [("refuse", "ValueError: no such operator"), ("crash", "SIGABRT"),
                                       ("hang", "no answer within 2 s")])
def test_a_system_that_fails_says_how(fake, tmp_path, what, why):
    with pytest.raises(Failed, match=why):
        start(fake(what), tmp_path, patience=2.0 if what == "hang" else 60.0)


def network():
    return nets.Net("net", "overhead", bench.nets.lib_models.Model("net", "m.onnx", ()))


def test_a_campaign_measures_those_who_agree(fake, tmp_path):
    systems = [fake("good", "tauto"), fake("slow", "onnxruntime", True), fake("wrong", "openvino", True),
               fake("die", "other"), fake("refuse", "another")]
    known = case([1])
    found = bench.measure(systems, network(), known, 1, str(tmp_path), 3, 0.01, 60.0)
    states = {name: one["state"] for name, one in found["systems"].items()}
    assert states == {"tauto": "ok", "onnxruntime": "ok", "openvino": "different", "other": "failed",
                      "another": "failed"}
    assert found["systems"]["onnxruntime"]["rounds"] == [0.002] * 3
    assert report.ratio(found) == pytest.approx(2)


def test_a_campaign_goes_on_where_it_was(fake, tmp_path, monkeypatch):
    build = tmp_path / "build"
    (build / "python" / "tauto").mkdir(parents=True)
    monkeypatch.setattr(bench.nets, "make_case", lambda net, folder: case([1]))

    def run(systems, settings, fresh=False):
        store = bench.Store(str(build), settings)
        return bench.campaign(systems, [network()], [1], store, str(tmp_path), 1, 0.01, 60.0, fresh)

    (tmp_path / "cases").mkdir()
    first = run([fake("good", "tauto")], ["a"])
    assert first[0]["systems"]["tauto"]["state"] == "ok"
    broken = [fake("crash", "tauto")]
    assert run(broken, ["a"]) == first
    assert run(broken, ["b"])[0]["systems"]["tauto"]["state"] == "failed"
    run([fake("good", "tauto")], ["a"])
    assert run(broken, ["a"], fresh=True)[0]["systems"]["tauto"]["state"] == "failed"


def test_ours_through_both_entries():
    """The smallest network, really loaded and run."""
    build = os.environ.get("TAUTO_BUILD", os.path.join(ROOT, "build"))
    path = os.path.join(bench.nets.lib_models.SHARED, "data", "acasxu", "acasxu_1_1.onnx")
    if not os.path.exists(path):
        pytest.skip("no networks in TAUTO_SHARED or ../shared")
    net, = nets.nets(("acasxu_1_1",))
    folder = os.path.join(os.path.abspath(build), "bench-test")
    known = nets.make_case(net, folder)
    systems = [one for one in bench.known_systems(os.path.abspath(build), sys.executable, "none") if not one.rival]
    found = bench.measure(systems, net, known, 1, folder, 1, 0.01, 60.0)
    assert {name: (one["state"], one["why"]) for name, one in found["systems"].items()} == {
        "tauto": ("ok", ""), "tauto-c++": ("ok", "")}
    assert all(0 < one["rounds"][0] < 1 for one in found["systems"].values())
