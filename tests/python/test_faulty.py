"""Programs with a mistake: made on demand, told where, gone without."""

import numpy as np
import pytest

import tauto

GRAPH = """module g semantics {semantics} func main(%0 "x": f32[N, 40]) -> ("y") {{
  %1 = exp(%0) : f32[N, 40]  # "first"
  %2 = reduce_sum(%1) {{axes: [1], keepdims: 1}} : f32[N, 1]  # "sum"
  %3 = div(%1, %2) : f32[N, 40]  # "last"
  return %3
}}"""


@pytest.fixture(name="model")
def make_model():
    return tauto.parse(GRAPH.format(semantics=tauto.semantics_version))


def test_a_lost_term_is_told_and_noticed(model):
    x = np.linspace(-1, 1, 120, dtype=np.float32).reshape(3, 40)
    want = model(x)
    faulty = tauto._faulty(model, [x], "lost term", 5)
    assert faulty.run([x])[0].tobytes() != want.tobytes()
    site = faulty.site
    assert (site["kind"], site["stage"], site["function"], site["seed"]) == ("lost term", "lowering", "main", 5)
    assert site["sources"] == ["first", "sum", "last"] and site["nodes"] == [1, 2, 3] and "one term short" in site["what"]
    assert tauto._faulty(model, [x], "lost term", 5).site == site
    (result,), values = faulty.probe([x])
    assert result.tobytes() == faulty.run([x])[0].tobytes()
    assert [v["reason"] for v in values if v["value"] is None] == ["its kernel has a fault"] * 2
    assert model(x).tobytes() == want.tobytes()


def test_kinds_have_stages_half_of_them_below_the_schedules():
    kinds = tauto._fault_kinds()
    assert len({name for name, _ in kinds}) == len(kinds) >= 15
    below = [name for name, stage in kinds if stage not in ("lowering", "schedule")]
    assert 2 * len(below) >= len(kinds)


def test_no_place_and_no_such_kind(model):
    x = np.ones((3, 40), np.float32)
    with pytest.raises(tauto.Error, match="fault padding off by one: required a program with a place for it, got none"):
        tauto._faulty(model, [x], "padding off by one", 0)
    with pytest.raises(tauto.Error, match='fault: required one of "missing activation"'):
        tauto._faulty(model, [x], "lost sock", 0)
