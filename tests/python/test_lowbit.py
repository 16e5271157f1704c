"""Networks of few bits are integers from end to end: random ones of every operator that quantizes, dense and
convolutional, with scales of either sign, and the stored TFC networks; machine code of each instruction set gives the
bits of the interpreter, and every neuron is proved."""

import contextlib
import io
import os
import subprocess
import sys
import unittest

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import tauto

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))

import lowbit  # noqa: E402

SHARED = os.path.join(os.environ.get("TAUTO_SHARED", os.path.join(os.path.dirname(__file__), "../../../shared")),
                      "data/lowbit")
TAUTO = os.path.join(os.environ.get("TAUTO_BUILD", "build"), "tauto")
DOMAIN = "qonnx.custom_op.general"


class Net:
    def __init__(self, rng):
        self.rng, self.nodes, self.constants, self.count = rng, [], [], 0

    def constant(self, value):
        self.constants.append(numpy_helper.from_array(np.asarray(value), f"c{len(self.constants)}"))
        return self.constants[-1].name

    def add(self, op, inputs, domain="", **attributes):
        self.count += 1
        self.nodes.append(helper.make_node(op, inputs, [f"v{self.count}"], domain=domain, **attributes))
        return f"v{self.count}"

    def quantized(self, x, bits, signed=1):
        one = self.constant(np.float32(self.rng.choice([0.5, 1, 1, 2])))
        if bits == 1 and signed:
            return self.add("BipolarQuant", [x, one], DOMAIN)
        return self.add("Quant", [x, one, self.constant(np.float32(0)), self.constant(np.float32(bits))], DOMAIN,
                        signed=signed, narrow=int(self.rng.integers(2)), rounding_mode=str(self.rng.choice(
                            ["ROUND", "FLOOR", "CEIL", "HALF_UP"])))

    def normalized(self, x, channels):
        r = self.rng
        scale, shift, mean = (r.normal(0, 1, channels).astype(np.float32) for _ in range(3))
        return self.add("BatchNormalization", [x] + [self.constant(v) for v in (
            scale, shift, mean * 3, r.uniform(1, 40, channels).astype(np.float32))])


def bytes_of(net, x, shape):
    graph = helper.make_graph(net.nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
                              [helper.make_tensor_value_info(x, TensorProto.FLOAT, None)], net.constants)
    return helper.make_model(graph, ir_version=9, opset_imports=[
        helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]).SerializeToString()


def dense(rng):
    net, sizes = Net(rng), [int(v) for v in rng.integers(1, rng.choice([90, 300]), 4)]
    x = net.quantized("x", int(rng.choice([1, 2, 4, 8])))
    for k, n in zip(sizes, sizes[1:]):
        w = net.quantized(net.constant(rng.normal(0, 1.2, (k, n)).astype(np.float32)), int(rng.choice([1, 1, 2, 4])))
        x = net.add("MatMul", [x, w])
        if n != sizes[-1]:
            x = net.quantized(net.normalized(x, n), int(rng.choice([1, 1, 2, 3])), int(rng.integers(2)))
    return bytes_of(net, x, [int(rng.choice([1, 3, 17])), sizes[0]])


def convolutional(rng):
    net, channels = Net(rng), [int(v) for v in rng.choice([1, 3, 4, 8, 16, 20], 3)]
    x = net.quantized("x", int(rng.choice([1, 2, 8])))
    for k, n in zip(channels, channels[1:]):
        w = net.quantized(net.constant(rng.normal(0, 1.2, (n, k, 3, 3)).astype(np.float32)), int(rng.choice([1, 2])))
        x = net.add("Conv", [x, w], pads=[int(rng.integers(2))] * 4, strides=[int(rng.integers(1, 3))] * 2)
        x = net.quantized(net.normalized(x, n), int(rng.choice([1, 2])), int(rng.integers(2)))
    return bytes_of(net, x, [2, channels[0], 9, 11])


class LowBitTest(unittest.TestCase):
    def compare(self, data, inputs, what):
        shape, before = None, os.environ.get("TAUTO_ISA")
        try:
            for isa in tauto.isas():
                os.environ["TAUTO_ISA"] = isa
                m = tauto.load(data)
                for x in inputs:
                    exact = m.run([x], interpret=True)[0]
                    self.assertEqual(m.run([x])[0].tobytes(), exact.tobytes(), (what, isa))
                    shape = exact.shape
        finally:
            os.environ.pop("TAUTO_ISA") if before is None else os.environ.update(TAUTO_ISA=before)
        return shape

    def test_random_networks(self):
        seed = int.from_bytes(os.urandom(4), "little")
        rng = np.random.default_rng(seed)
        proved = 0
        for n in range(9):
            data = (dense if n % 3 else convolutional)(rng)
            m = tauto.load(data)
            shape = [int(d) for d in m.inputs[0].shape]
            inputs = [rng.normal(0, s, shape).astype(np.float32) for s in (0.7, 3)] + [np.full(shape, np.nan, np.float32)]
            self.compare(data, inputs, f"seed {seed}, network {n}")
            path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"tauto_lowbit_{os.getpid()}.onnx")
            try:
                with open(path, "wb") as f:
                    f.write(data)
                said = subprocess.run([TAUTO, "prove", path], capture_output=True, text=True, check=False)
            finally:
                os.unlink(path)
            self.assertEqual(said.returncode, 0, f"seed {seed}, network {n}: {said.stdout}{said.stderr}")
            proved += int(said.stdout.split("PROVED ")[-1].split()[0])
        self.assertGreater(proved, 100, f"seed {seed}")

    @unittest.skipUnless(os.path.isdir(SHARED), f"no {SHARED}")
    def test_the_campaign_on_a_few_images(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(lowbit.main(["--images", "40"]), 0, out.getvalue())
        self.assertRegex(out.getvalue(), r"lowbit: proved 788 of 788 neurons in [0-9.]+ s, 0 differing bits over 40 images")

    def test_flipping_is_of_one_bit(self):
        rows = lowbit.flipped(np.float32([[-1, 0], [1, -2]]), 2)
        self.assertEqual(rows.tolist(), [[[-2, 0], [0, -2]], [[1, 0], [-1, -2]],
                                         [[-1, 1], [1, -1]], [[-1, -2], [1, 0]]])
        self.assertEqual(lowbit.flipped(np.float32([[1, -1]]), 1).tolist(), [[[-1, -1]], [[1, 1]]])

    @unittest.skipUnless(os.path.isdir(SHARED), f"no {SHARED}")
    def test_stored_networks_are_proved_and_the_law_holds(self):
        rng = np.random.default_rng(7)
        for name, neurons in (("tfc_1w1a", 394), ("tfc_1w2a", 394)):
            path = os.path.join(SHARED, name + ".onnx")
            said = subprocess.run([TAUTO, "prove", path], capture_output=True, text=True, check=False)
            self.assertEqual(said.returncode, 0, said.stderr)
            self.assertIn(f"integers PROVED {neurons} of {neurons} neurons", said.stdout)
            with open(path, "rb") as f:
                self.compare(f.read(), [rng.uniform(0, 1, (1, 1, 28, 28)).astype(np.float32) for _ in range(8)], name)


if __name__ == "__main__":
    unittest.main()
