"""The official interface of ONNX runtimes, `onnx.backend.base.Backend`:

    rep = tauto.onnx_backend.prepare(model)
    outputs = rep.run([x])
"""

from __future__ import annotations

from typing import Any

import onnx
from onnx import helper
from onnx.backend.base import Backend, BackendRep

from . import load


class TautoRep(BackendRep):
    """A model ready to run."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = load(model)
        # Old files list initializers among their inputs; callers may give values for those too.
        self._all = [value.name for value in model.graph.input]
        self._fed = [slot.name for slot in self.model.inputs]

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """`inputs`: {name: value}, or values in the order of the graph's inputs, all of them or those without an
        initializer. Returns a tuple of outputs."""
        if not hasattr(inputs, "items"):
            values = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
            names = self._all if len(values) == len(self._all) else self._fed
            if len(values) != len(names):
                return tuple(self.model(*values))  # says what is required
            inputs = dict(zip(names, values))
        return tuple(self.model.run(inputs))


def _value_info(name: str, value: Any) -> onnx.ValueInfoProto:
    if isinstance(value, (list, tuple)):
        element = _value_info("", value[0]).type if value else helper.make_tensor_type_proto(onnx.TensorProto.FLOAT, None)
        return helper.make_value_info(name, helper.make_sequence_type_proto(element))
    element = helper.np_dtype_to_tensor_dtype(value.dtype)
    return helper.make_tensor_value_info(name, element, value.shape)


class TautoBackend(Backend):
    @classmethod
    def is_compatible(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        return cls.supports_device(device)

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> TautoRep:
        if not cls.supports_device(device):
            raise ValueError(f"required device CPU, got {device}")
        return TautoRep(model)

    @classmethod
    def run_node(cls, node: onnx.NodeProto, inputs: Any, device: str = "CPU", outputs_info: Any = None,
                 **kwargs: Any) -> tuple[Any, ...]:
        """Runs one node on arrays in the order of its inputs (None where an optional one is left out)."""
        opsets = kwargs.get("opset_imports") or [helper.make_opsetid(
            node.domain, kwargs.get("opset_version", onnx.defs.onnx_opset_version() if not node.domain else 1))]
        given = [(name, value) for name, value in zip(node.input, inputs) if name and value is not None]
        outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
        graph = helper.make_graph([node], node.op_type or "node", [_value_info(n, v) for n, v in given], outputs)
        model = helper.make_model(graph, opset_imports=opsets)
        return cls.prepare(model, device).run(dict(given))

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device.split(":")[0] == "CPU"


is_compatible = TautoBackend.is_compatible
prepare = TautoBackend.prepare
run_model = TautoBackend.run_model
run_node = TautoBackend.run_node
supports_device = TautoBackend.supports_device
