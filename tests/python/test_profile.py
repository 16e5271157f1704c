"""Model.profile: what it says agrees with `groups`, with the work of the definition, and with itself."""

import numpy as np
import pytest

import tauto

GRAPH = """module g semantics {semantics} func main(%0 "x": f32[N, 40], %1 "w": f32[40, 37]) -> ("y") {{
  %2 = contract(%0, %1) {{access: over {{i: N, j: 37 | k: 40}} [i, k] [k, j]}} : f32[N, 37]  # "product"
  %3 = relu(%2) : f32[N, 37]  # "clip"
  return %3
}}"""


@pytest.fixture(name="model")
def make_model():
    return tauto.parse(GRAPH.format(semantics=tauto.semantics_version))


def test_profile_counts_work_and_names_its_sources(model):
    inputs = [np.ones((9, 40), np.float32), np.ones((40, 37), np.float32)]
    lines = model.profile(inputs, repeat=3)
    groups = model.groups(inputs)
    assert sorted(line["nodes"] for line in lines) == sorted(group["nodes"] for group in groups)
    assert sum(line["flops"] for line in lines) == 2 * 9 * 40 * 37 + 9 * 37
    assert all(line["calls"] == 1 and line["seconds"] >= 0 for line in lines)
    assert {s for line in lines for s in line["sources"]} == {"product", "clip"}
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds, reverse=True)
