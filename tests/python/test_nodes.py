"""Laws of the node-by-node walk: same bits as the whole model, branches followed, constants kept constant; and of
the judgement: what an interval holds and what it does not."""

import os
import sys
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts"))

import lib_nodes  # noqa: E402
import models  # noqa: E402
from lib_runtimes import ort_session  # noqa: E402


def value(name, kind=TensorProto.FLOAT, shape=("N",)):
    return helper.make_tensor_value_info(name, kind, shape)


def model_of(nodes, inputs, outputs, initializers=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(a, n) for n, a in initializers])
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def branching():
    """y = c ? sigmoid(x * w) : quantized x, with the weight captured by the branch."""
    then = helper.make_graph([helper.make_node("Mul", ["x", "w"], ["t0"]), helper.make_node("Sigmoid", ["t0"], ["t1"])],
                             "then", [], [value("t1")])
    other = helper.make_graph([helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
                               helper.make_node("DequantizeLinear", ["q", "s", "z"], ["e1"])],
                              "else", [], [value("e1")])
    nodes = [helper.make_node("If", ["c"], ["b"], then_branch=then, else_branch=other),
             helper.make_node("Identity", ["b"], ["y"])]
    return model_of(nodes, [value("x"), value("c", TensorProto.BOOL, ())], [value("y")], [("w", np.float32([2, 3]))])


class WalkTest(unittest.TestCase):
    def test_outputs_are_those_of_the_whole_model_to_the_bit(self):
        model = branching()
        for flag in (True, False):
            feeds = {"x": np.float32([0.3, -1.7]), "c": np.array(flag)}
            walk = lib_nodes.Walk(model, feeds)
            ops = [step.op for step in walk.steps()]
            self.assertEqual(ops, ["Mul", "Sigmoid", "Identity"] if flag else
                             ["DynamicQuantizeLinear", "DequantizeLinear", "Identity"])
            whole = ort_session(model.SerializeToString(), optimise=False).run(["y"], feeds)[0]
            np.testing.assert_array_equal(walk.results["y"].view(np.uint32), whole.view(np.uint32))
            self.assertEqual(walk.makers["y"], ops[-2])

    def test_each_step_is_a_valid_model_whose_weights_stay_weights(self):
        walk = lib_nodes.Walk(branching(), {"x": np.float32([0.3, -1.7]), "c": np.array(True)})
        steps = {step.op: onnx.load_from_string(step.model) for step in walk.steps()}
        for single in steps.values():
            onnx.checker.check_model(single, full_check=True)
        self.assertEqual([tensor.name for tensor in steps["Mul"].graph.initializer], ["w"])
        self.assertEqual([one.name for one in steps["Mul"].graph.input], ["x"])

    def test_outputs_behind_a_dynamic_quantizer_are_found_inside_branches_too(self):
        found = lib_nodes.downstream_of(branching(), lambda node: node.op_type == "DynamicQuantizeLinear")
        self.assertEqual(found, {"y"})
        self.assertEqual(lib_nodes.downstream_of(branching(), lambda node: node.op_type == "Conv"), set())


class JudgementTest(unittest.TestCase):
    def outside(self, values, low, high, kind=np.float32):
        return models._outside(np.array(values, kind), np.array(low), np.array(high)).tolist()

    def test_floats(self):
        nan, inf = np.nan, np.inf
        self.assertEqual(self.outside([1, 2, 3.5], [1.0, 1.0, 1.0], [1.0, 3.0, 3.0]), [False, False, True])
        self.assertEqual(self.outside([nan, nan, inf, 1], [nan, 0.0, inf, nan], [nan, 1.0, inf, nan]),
                         [False, True, False, True])

    def test_integers_are_exact(self):
        big = 2**62 + 1
        self.assertEqual(self.outside([big, big], [big, big + 1], [big, big + 1], np.int64), [False, True])
        self.assertEqual(self.outside([True, False], [1, 1], [1, 1], bool), [False, True])

    def end_to_end(self, mine, stored, quantized=False, maker="Add"):
        return models.end_to_end("y", np.float32(mine), np.float32(stored), quantized, maker)[1] is None

    def test_end_to_end_is_relative_to_the_scale(self):
        self.assertTrue(self.end_to_end([100, 0.009], [100, 0]))
        self.assertFalse(self.end_to_end([100, 0.011], [100, 0]))
        self.assertTrue(self.end_to_end([100, 0.1], [100, 0], quantized=True))
        self.assertFalse(self.end_to_end([100, 0.3], [100, 0], quantized=True))
        self.assertFalse(self.end_to_end([np.nan, 0], [100, 0]))
        self.assertFalse(self.end_to_end([0.0], [1e-9]))
        self.assertTrue(self.end_to_end([1e-6], [1.1e-6], maker="Sigmoid"))


if __name__ == "__main__":
    unittest.main()
