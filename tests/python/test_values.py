"""numpy ⇄ tauto: what goes in comes out, for every element type, and nothing is shared that could be changed."""

import ml_dtypes
import numpy as np
import pytest

import tauto


def identity(declared):
    """The model that returns its input."""
    return tauto.parse(f'module g semantics {tauto.semantics_version}\n\n'
                       f'func main(%0 "x": {declared}) -> ("z") {{\n  return %0\n}}\n')


ARRAYS = {
    "f32": np.array([-1.5, np.inf, -0.0], np.float32),
    "f64": np.array([1e300, -2]),
    "f16": np.array([1.5, 65504], np.float16),
    "bf16": np.array([1, -2.5, 3e38], ml_dtypes.bfloat16),
    "i64": np.array([-2**63, 2**63 - 1]),
    "u64": np.array([0, 2**64 - 1], np.uint64),
    "i32": np.array([-2**31], np.int32),
    "u32": np.array([2**32 - 1], np.uint32),
    "i16": np.array([-2**15], np.int16),
    "u16": np.array([2**16 - 1], np.uint16),
    "i8": np.array([-128, 127], np.int8),
    "u8": np.array([0, 255], np.uint8),
    "i4": np.array([-8, 7, -1], ml_dtypes.int4),
    "u4": np.array([0, 15], ml_dtypes.uint4),
    "i2": np.array([-2, 1], ml_dtypes.int2),
    "u2": np.array([0, 3], ml_dtypes.uint2),
    "bool": np.array([True, False]),
    "c64": np.array([1 + 2j], np.complex64),
    "c128": np.array([1 - 2j]),
    "f8e4m3fn": np.array([-1, 448], ml_dtypes.float8_e4m3fn),
    "f8e4m3fnuz": np.array([-1, 240], ml_dtypes.float8_e4m3fnuz),
    "f8e5m2": np.array([-1, 57344], ml_dtypes.float8_e5m2),
    "f8e5m2fnuz": np.array([-1, 57344], ml_dtypes.float8_e5m2fnuz),
    "f8e8m0": np.array([0.5, 4], ml_dtypes.float8_e8m0fnu),
    "f4e2m1": np.array([-6, 0.5], ml_dtypes.float4_e2m1fn),
}


@pytest.mark.parametrize("element", ARRAYS)
def test_array_comes_back_with_its_dtype_and_bits(element):
    given = ARRAYS[element]
    model = identity(f"{element}[N]")
    got = model(given)
    assert got.dtype == given.dtype
    assert str(given.dtype) == model.inputs[0].dtype
    assert got.tobytes() == given.tobytes()


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1, 2)])
def test_shape_comes_back(shape):
    given = np.zeros(shape, np.float32)
    got = identity("f32[...]")(given)
    assert got.shape == shape and got.dtype == np.float32


def test_strings_come_back():
    given = np.array([["a", "ü"], ["", "x" * 100]], object)
    for array in (given, given.astype(str), given.astype(np.dtypes.StringDType())):
        got = identity("string[2, 2]")(array)
        assert got.dtype == object and got.tolist() == given.tolist()
    assert identity("string[1]")(np.array([b"bytes"])).tolist() == ["bytes"]


def test_sequences_are_lists_and_optionals_values_or_none():
    parts = [np.ones(2, np.float32), np.zeros((1, 3), np.float32)]
    got = identity("sequence<f32[...]>")(parts)
    assert isinstance(got, list) and [p.tolist() for p in got] == [p.tolist() for p in parts]
    assert identity("sequence<f32[...]>")([]) == []
    assert identity("optional<f32[N]>")(None) is None
    assert identity("optional<f32[N]>")([1, 2]).tolist() == [1, 2]
    assert identity("optional<sequence<i64[N]>>")([[1], [2, 3]])[1].tolist() == [2, 3]


def test_an_output_belongs_to_its_caller():
    given = np.arange(4, dtype=np.float32)
    model = identity("f32[N]")
    got = model(given)
    got[0] = 9
    assert given[0] == 0 and model(given)[0] == 0
    constant = tauto.parse(f'module g semantics {tauto.semantics_version}\n\nfunc main() -> ("z") {{\n'
                           '  %0 = f32[2] {1.0, 2.0}\n  return %0\n}\n')
    first = constant()
    first[:] = 0
    del model
    assert constant().tolist() == [1, 2]


def test_memory_of_any_layout_is_read():
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    model = identity("f32[...]")
    odd = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(np.float32).reshape(3, 4)
    for array in (x.T, x[::2, ::-1], x.astype(">f4"), odd, np.broadcast_to(x[0], (5, 4))):
        assert np.array_equal(model(array), array)


def test_bools_become_0_and_1():
    odd = np.array([2, 0, 255], np.uint8).view(bool)
    assert identity("bool[N]")(odd).view(np.uint8).tolist() == [1, 0, 1]


def test_lists_are_read_as_the_declared_type():
    assert identity("bf16[2]")([1, 2.5]).dtype == ml_dtypes.bfloat16
    assert identity("i4[2]")([1, -8]).tolist() == [1, -8]
    assert identity("f32[]")(3).tolist() == 3


@pytest.mark.parametrize("declared, given, message", [
    ("f32[N]", np.zeros(2), 'run: input "x": required f32[N], got f64[2]'),
    ("f32[N, 3]", np.zeros((3, 2), np.float32), 'run: input "x": required f32[N, 3], got f32[3, 2]'),
    ("f32[N]", np.zeros((3, 2), np.float32), 'run: input "x": required f32[N], got f32[3, 2]'),
    ("i64[N]", [1.5], 'run: input "x": required i64[N], got list with fractions'),
    ("f32[N]", None, 'run: input "x": required f32[N], got None'),
    ("f32[N]", "abc", 'run: input "x": required f32[N], got str: could not convert string to float: \'abc\''),
    ("f32[N]", np.array(["2020-01-01"], "M8[D]"), 'run: input "x": required f32[N], got datetime64[D][1]'),
    ("f32[N]", np.array(["a"]), 'run: input "x": required f32[N], got string[1]'),
    ("string[N]", np.array([1, 2], object), 'run: input "x": required strings, got int'),
    ("sequence<f32[2]>", [np.zeros(3, np.float32)],
     'run: input "x": element 0: required f32[2], got f32[3]'),
    ("sequence<f32[2]>", np.zeros(3, np.float32),
     'run: input "x": required sequence<f32[2]> as a list, got ndarray'),
    ("sequence<f32[...]>", [np.zeros(3, np.float32), np.zeros(3)],
     'run: input "x": element 1: required f32[...], got f64[3]'),
])
def test_a_wrong_input_is_told_what_is_required(declared, given, message):
    with pytest.raises(tauto.Error) as error:
        identity(declared)(given)
    assert str(error.value) == message


def test_intervals_and_ideal_values_of_every_kind():
    (lo, hi), = identity("f32[N]").interval({"x": [1, 2]})
    assert lo.dtype == hi.dtype == np.float64 and lo.tolist() == hi.tolist() == [1, 2]
    (lo, hi), = identity("bool[N]").interval({"x": [True, False]})
    assert lo.dtype == np.int64 and lo.tolist() == hi.tolist() == [1, 0]
    (lo, hi), = identity("string[N]").interval({"x": np.array(["a"])})
    assert lo.tolist() == hi.tolist() == ["a"]
    ideal, = identity("bf16[N]").ideal({"x": [1.5]})
    assert ideal.dtype == np.float64 and ideal.tolist() == [1.5]
    ideal, = identity("i32[N]").ideal({"x": [7]})
    assert ideal.dtype == np.int32
