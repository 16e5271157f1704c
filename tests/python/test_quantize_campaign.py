"""A sample of `make quantize`: a finished unit run again gives the same, and the last line says what is there."""

import os
import re
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "scripts"))
import lib_models  # noqa: E402
import quantize  # noqa: E402

needs_data = pytest.mark.skipif(not os.path.isdir(os.path.join(lib_models.SHARED, "data", "mnist")),
                                reason="the data beside the tree are missing (TAUTO_SHARED)")


@needs_data
@pytest.mark.parametrize("unit", [{"of": "flips", "net": "mnist_cnn_max", "precision": "int8"},
                                  {"of": "flips", "net": "mnist_cnn_max", "precision": "bf16.dp"},
                                  {"of": "search", "net": "mnist_cnn_max", "precision": "int4", "budget": 0.01}])
def test_a_unit_run_again_gives_the_same(unit):
    known = quantize.read(unit)
    assert known is not None, f"{quantize.path_of(unit)} is missing or stale: make quantize-quick"
    again = quantize.run(unit)
    assert {k: v for k, v in again.items() if k != "shares"} == {k: v for k, v in known.items() if k != "shares"}


@needs_data
def test_every_finished_unit_has_the_files_bits_and_keeps_its_bound():
    known = [facts for unit in quantize.all_units(quick=False) if (facts := quantize.read(unit)) is not None]
    assert all(u["same_bits"] for u in known if u["of"] == "flips") and any(u["of"] == "flips" for u in known)
    assert all(u["holds"] for u in known if u["of"] == "search" and u["reverted"] is not None)


def test_the_last_line():
    line = quantize.last_line([])
    assert re.fullmatch(r"quantize: int8 not measured, bf16 (not measured|n/a \(no avx512_bf16\)), proved not measured, region \d+/141 \d+/12", line)
    units = [{"of": "speed", "kind": "int8", "line": "bench-int8: 2.71 x own f32 (least 2.1, a), 1.02 x openvino f32 hint (least 0.9), 1 x openvino default"},
             {"of": "proofs", "line": "lowbit: proved 788 of 788 neurons in 0.3 s, 0 differing bits"}]
    units.append({"of": "speed", "kind": "bf16", "line": "bench-bf16: 1.69 x own f32 (least 1.3, a), 1.22 x openvino default (least 0.98, b); 1.17 x with what answers otherwise"})
    assert ("bf16 1.22 x openvino-default" if quantize.has_flag("avx512_bf16") else "bf16 n/a (no avx512_bf16)") in quantize.last_line(units)
    assert quantize.last_line(units).startswith("quantize: int8 2.71 x f32, ") and "proved 788 of 788 neurons" in quantize.last_line(units)
