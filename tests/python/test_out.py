"""Model.run(out=...): results where the caller wants them, and no copy where none is needed."""

import tracemalloc

import numpy as np
import pytest

import tauto

GRAPH = """module g semantics {semantics} func main(%0 "h": f32[N, 24], %1 "x": f32[N, 24]) -> ("h", "s") {{
  %2 = mul(%0, %1) : f32[N, 24]
  %3 = tanh(%2) : f32[N, 24]
  %4 = reduce_sum(%3) {{axes: [1], keepdims: 0}} : f32[N]
  return %3, %4
}}"""
ROUNDS = 3   # sizes are new, then known


@pytest.fixture(name="model")
def make_model():
    return tauto.parse(GRAPH.format(semantics=tauto.semantics_version))


def inputs(n=5):
    random = np.random.default_rng(n)
    return [random.normal(size=(n, 24)).astype(np.float32) for _ in range(2)]


def test_side_by_side_and_strided(model):
    given = inputs()
    want = model.run(given)
    for _ in range(ROUNDS):
        plain = [np.zeros((5, 24), np.float32), np.zeros(5, np.float32)]
        strided = [np.zeros((24, 5), np.float32).T, np.zeros(10, np.float32)[::2]]
        for out in (plain, strided):
            got = model.run(given, out=out, threads=2)
            assert all(a is b for a, b in zip(got, out))
            assert [a.tobytes() for a in out] == [a.tobytes() for a in want]


def test_a_state_is_updated_where_it_lies(model):
    state, x = inputs()
    expected = state.copy()
    sums = np.zeros(5, np.float32)
    for _ in range(5):
        want = model.run([expected, x])
        model.run([state, x], out=[state, sums])
        expected = want[0]
        assert state.tobytes() == expected.tobytes() and sums.tobytes() == want[1].tobytes()


def test_outputs_that_overlap_one_another_get_the_last(model):
    given = inputs()
    want = model.run(given)
    for _ in range(ROUNDS):
        memory = np.zeros(5 * 24, np.float32)
        model.run(given, out=[memory.reshape(5, 24), memory[:5]])
        assert memory[:5].tobytes() == want[1].tobytes()
        assert memory[5:].tobytes() == want[0].ravel()[5:].tobytes()


def test_no_copy_of_what_can_be_written_as_it_is(model):
    given = inputs(20000)
    plain = [np.zeros((20000, 24), np.float32), np.zeros(20000, np.float32)]
    strided = [np.zeros((24, 20000), np.float32).T, np.zeros(20000, np.float32)]

    def peak(out):
        model.run(given, out=out)
        tracemalloc.start()   # of numpy's memory too
        model.run(given, out=out)
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(plain) < 1 << 16
    assert peak(strided) > plain[0].nbytes


@pytest.mark.parametrize("change, message", [
    (lambda out: out[:1], "run: out: required 2 arrays, got 1"),
    (lambda out: [out[0], np.zeros(4, np.float32)], 'run: out "s": required float32(5,), got float32(4,)'),
    (lambda out: [out[0].astype(np.float64), out[1]], 'run: out "h": required float32(5, 24), got float64(5, 24)'),
    (lambda out: [np.broadcast_to(np.float32(0), (5, 24)), out[1]],
     'run: out "h": required an array that may be written'),
])
def test_what_is_required(model, change, message):
    for _ in range(ROUNDS):
        with pytest.raises(tauto.Error) as error:
            model.run(inputs(), out=change([np.zeros((5, 24), np.float32), np.zeros(5, np.float32)]))
        assert str(error.value) == message
