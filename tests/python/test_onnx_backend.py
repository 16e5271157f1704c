"""tauto.onnx_backend is what onnx's own test runner takes."""

import unittest

import numpy as np
import onnx.backend.test
import pytest
from onnx import helper
from onnx.backend.base import Backend, BackendRep

import make_models
import tauto
from tauto import onnx_backend

X = np.arange(6, dtype=np.float32).reshape(2, 3)
Y = np.array([10, 20, 30], np.float32)


def test_interface():
    assert issubclass(onnx_backend.TautoBackend, Backend)
    rep = onnx_backend.prepare(make_models.add())
    assert isinstance(rep, BackendRep)
    for inputs in ([X, Y], (X, Y), {"x": X, "y": Y}):
        outputs = rep.run(inputs)
        assert isinstance(outputs, tuple) and outputs[0].tolist() == (X + Y).tolist()
    assert onnx_backend.run_model(make_models.add(), [X, Y])[0].tolist() == (X + Y).tolist()
    assert onnx_backend.supports_device("CPU") and not onnx_backend.supports_device("CUDA:0")
    with pytest.raises(ValueError, match="required device CPU, got CUDA"):
        onnx_backend.prepare(make_models.add(), device="CUDA")


def test_values_for_initializers_that_are_inputs():
    rep = onnx_backend.prepare(make_models.add_default())
    assert rep.run([X])[0].tolist() == (X + [1, 2, 3]).tolist()
    assert rep.run([X, Y])[0].tolist() == (X + Y).tolist()
    with pytest.raises(tauto.Error, match=r'^run: required 1 input \("x"\), got 3$'):
        rep.run([X, Y, Y])


def test_run_node():
    node = helper.make_node("Add", ["a", "b"], ["c"])
    assert onnx_backend.run_node(node, [X, Y])[0].tolist() == (X + Y).tolist()


def test_official_runner():
    runner = onnx.backend.test.BackendTest(onnx_backend, __name__)
    runner.include("^test_add_(bcast_)?(u?int8_)?cpu$")
    suite = unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromTestCase(case)
                               for case in runner.test_cases.values())
    result = unittest.TestResult()
    suite.run(result)
    ran = result.testsRun - len(result.skipped)
    assert ran >= 2 and result.wasSuccessful(), (ran, result.failures + result.errors)
