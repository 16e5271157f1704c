"""QONNX operators against a statement of their definition in numpy (fastmachinelearning/qonnx, docs/qonnx-custom-ops):
every rounding mode, width, sign and range, by the interpreter and by machine code, which agree to the bit. Where the
definition gives −0 an integer is 0, and NaN counts as the integer 0 (docs/semantics.md)."""

import itertools
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import tauto

DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
ROUND = {"ROUND": np.round, "HALF_EVEN": np.round, "CEIL": np.ceil, "FLOOR": np.floor, "DOWN": np.fix,
         "UP": lambda x: np.sign(x) * np.ceil(np.abs(x)),
         "HALF_UP": lambda x: np.sign(x) * np.floor(np.abs(x) + np.float32(0.5)),
         "HALF_DOWN": lambda x: np.sign(x) * np.ceil(np.abs(x) - np.float32(0.5))}
F = np.float32


def limits(signed, narrow, bits):
    low = (-(2 ** (bits - 1)) + narrow) if signed else 0
    return F(low), F(2 ** (bits - 1) - 1 if signed else 2 ** bits - 1 - narrow)


def bipolar(x):
    return np.where(x >= 0, F(1), F(-1))


def quant(x, s, z, bits, signed, narrow, mode):
    y = x / s + z
    if bits == 1 and signed:
        y = bipolar(y)
    else:
        low, high = limits(signed, narrow, bits)
        y = ROUND[mode](np.where(np.where(y > high, high, y) < low, low, np.where(y > high, high, y)))
        y = np.where(np.isnan(y), F(0), y)
    return (y - z) * s


def trunc_1(x, s, z, bits, to, mode):
    return (ROUND[mode](np.round(x / s + z) / F(2.0 ** (bits - to))) - z) * s


def trunc_2(x, s, z, bits, to_scale, to, signed, narrow, mode):
    power = F(2.0 ** np.round(np.log2(to_scale / s)))
    low, high = limits(signed, narrow, to)
    y = ROUND[mode](np.clip(np.round(x / s + z) / power, low, high))
    return (y - z / power) * to_scale


def model(cases, version):
    """One node and one output per case (operator, domain, parameters, attributes, …)."""
    nodes, constants = [], []
    for n, (op, domain, parameters, attributes, *_) in enumerate(cases):
        names = [f"p{n}_{i}" for i in range(len(parameters))]
        constants += [numpy_helper.from_array(np.asarray(p), name) for p, name in zip(parameters, names)]
        nodes.append(helper.make_node(op, ["x"] + names, [f"y{n}"], domain=domain, **attributes))
    graph = helper.make_graph(nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, "N"])],
                              [helper.make_tensor_value_info(f"y{n}", TensorProto.FLOAT, None)
                               for n in range(len(cases))], constants)
    return tauto.load(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)] + [
        helper.make_opsetid(domain, version) for domain in DOMAINS]).SerializeToString())


def corners():
    """Ties of every sign, borders of every range, zeros, and what is far or no number."""
    ties = np.arange(-20, 20.25, 0.25, dtype=F)
    powers = np.float32([k * 2.0 ** b + d for b in range(32) for k in (-1, 1) for d in (-1, -0.5, 0, 0.5, 1)])
    odd = np.float32([0.49999997, -0.49999997, 1e-45, -1e-45, np.inf, -np.inf, np.nan, 0, -0.0, 3e38, -3e38])
    some = np.random.default_rng(1).normal(0, 9, 512).astype(F)
    all_ = np.concatenate([ties, powers, odd, some])
    return np.resize(all_, (4, -(-all_.size // 4)))


class QonnxTest(unittest.TestCase):
    def check(self, cases, x, version=1):
        m = model(cases, version)
        for (*case, expected), got, exact in zip(cases, m.run([x]), m.run([x], interpret=True)):
            self.assertEqual(got.tobytes(), exact.tobytes(), case)
            np.testing.assert_array_equal(got, expected.astype(F), err_msg=str(case))

    def test_quant_is_the_definition(self):
        x, rng = corners(), np.random.default_rng(2)
        for signed, narrow in itertools.product((0, 1), (0, 1)):
            cases = []
            for bits in (1, 2, 3, 4, 8, 9, 16, 24, 32):
                for mode in (list(ROUND) if bits == 2 else rng.choice(list(ROUND), 2)):
                    s, z = rng.choice(np.float32([1, 0.5, 0.1, 3])), rng.choice(np.float32([0, 0, 3, -1.5]))
                    with np.errstate(all="ignore"):
                        cases.append(("Quant", DOMAINS[bits % 3], [s, z, F(bits)],
                                      dict(signed=signed, narrow=narrow, rounding_mode=str(mode)),
                                      quant(x, s, z, bits, signed, narrow, mode)))
            self.check(cases, x)

    def test_parameters_of_channels(self):
        x = corners()
        s = np.float32([[0.25], [1], [3], [0.7]])
        z = np.float32([[0], [1], [-2], [5]])
        with np.errstate(all="ignore"):
            self.check([("IntQuant", DOMAINS[0], [s, z, np.int32(4)], dict(signed=1, narrow=0, rounding_mode="round"),
                         quant(x, s, z, 4, 1, 0, "ROUND")),
                        ("BipolarQuant", DOMAINS[1], [s], {}, bipolar(x) * s)], x)

    def test_trunc_is_the_definition(self):
        x = np.clip(np.nan_to_num(corners()), -500, 500)
        first, second = [], []
        for n, (mode, s, z) in enumerate(itertools.product(ROUND, (F(1), F(0.5)), (F(0), F(4)))):
            to, t = (2, 4, 8)[n % 3], F(s * (1, 4, 11, 64)[n % 4])
            first.append(("Trunc", DOMAINS[2], [s, z, F(8), F(to)], dict(rounding_mode=mode),
                          trunc_1(x, s, z, 8, to, mode)))
            second.append(("Trunc", DOMAINS[0], [s, z, F(8), t, F(to)],
                           dict(rounding_mode=mode, signed=n % 2, narrow=n % 5 % 2),
                           trunc_2(x, s, z, 8, t, to, n % 2, n % 5 % 2, mode)))
        self.check(first, x)
        self.check(second, x, version=2)


if __name__ == "__main__":
    unittest.main()
