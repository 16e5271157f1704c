"""Which networks are timed, in which group, on which input; when two answers count as the same.

Groups say what a network's time goes into: arithmetic, moving weights, or the costs around a few thousand
operations. A network is run on the alphabetically first of its stored cases.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

import numpy as np
import onnx

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.path.insert(0, os.path.join(ROOT, "scripts"))

import lib_models  # noqa: E402
import lib_oracle  # noqa: E402
from lib_nodes import downstream_of  # noqa: E402

GROUPS = {
    "compute": ("spliceai1", "magika", "opennsfw-resnet50", "minilm-fp32", "minilm-int8", "ppocr-det", "ppocr-rec",
                "ppocr-cls", "yolov8n-320", "blazeface-front", "oww-embedding", "imgly-small"),
    "bandwidth": ("oww-hey-jarvis", "oww-melspectrogram", "mnist_256x2", "mnist_256x4", "policies_g1",
                  "policies_go1", "policies_leap"),
    "overhead": ("silero-v5", "silero-legacy", "silero-op18-ifless", "acasxu_1_1", "policies_cartpole",
                 "policies_lunarlander"),
}

AGREE = 5e-3         # largest difference, as a part of the output's scale
AGREE_MEAN = 1e-3    # mean difference, where a dynamic quantizer's rounding decides single values


@dataclass(frozen=True)
class Net:
    name: str
    group: str
    model: lib_models.Model


@dataclass(frozen=True)
class Case:
    """What a system is fed and what it must answer; `scales` are the largest magnitudes over all stored cases."""
    path: str                        # an .npz: input_names, in_0, ...
    outputs: dict[str, np.ndarray]
    scales: dict[str, float]
    quantized: frozenset[str]        # outputs downstream of a dynamic quantizer
    makers: dict[str, str]           # the operator that computes each output


def nets(wanted: tuple[str, ...] = ("",)) -> list[Net]:
    """In the order of GROUPS, those whose names begin with one of `wanted`; the public ones are fetched."""
    known = {model.name: model for model in lib_models.public_models() + lib_models.data_models()}
    chosen = [(name, group) for group, names in GROUPS.items() for name in names if name.startswith(wanted)]
    missing = [name for name, _ in chosen if name not in known]
    if missing:
        raise FileNotFoundError(f"{lib_models.SHARED}: required the networks {', '.join(missing)}")
    public = [name for name, _ in chosen if name in lib_models.public_names()]
    if public and not lib_models.fetch(public):
        raise FileNotFoundError("a network could not be fetched")
    return [Net(name, group, known[name]) for name, group in chosen]


def maker(graph: onnx.GraphProto, name: str) -> str:
    """The operator that computes a value, through Identity and the first branch of If."""
    for node in graph.node:
        if name not in node.output:
            continue
        if node.op_type == "Identity":
            return maker(graph, node.input[0])
        if node.op_type == "If":
            body = next(attribute.g for attribute in node.attribute if attribute.name == "then_branch")
            return maker(body, body.output[list(node.output).index(name)].name)
        return node.op_type
    return ""


def make_case(net: Net, folder: str) -> Case:
    """Writes the inputs where the systems' processes find them."""
    proto = onnx.load(net.model.path)
    every = [lib_models.load_case(net.model, case, proto) for case in sorted(net.model.cases)]
    inputs, outputs = every[0]
    scales = {name: max(float(np.abs(answers[name].astype(np.float64)).max(initial=0.0)) for _, answers in every)
              for name in outputs}
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"{net.name}.npz")
    np.savez(path, input_names=np.array(list(inputs)), **{f"in_{i}": value for i, value in enumerate(inputs.values())})
    quantized = downstream_of(proto, lambda node: node.op_type == "DynamicQuantizeLinear")
    return Case(path, outputs, scales, frozenset(quantized), {name: maker(proto.graph, name) for name in outputs})


def difference(case: Case, answers: dict[str, np.ndarray]) -> tuple[float, str]:
    """(the worst difference as a part of what is allowed, what is wrong; empty if it agrees).

    What ONNX Runtime, who gave the stored answers, is known to be off by in the last operator does not count."""
    worst, why = 0.0, ""
    for name, want in case.outputs.items():
        if name not in answers:
            return np.inf, f'output "{name}" is missing'
        got = np.asarray(answers[name])
        if got.shape != want.shape:
            return np.inf, f'output "{name}": required {list(want.shape)}, got {list(got.shape)}'
        got, want = got.astype(np.float64), want.astype(np.float64)
        if not np.array_equal(np.isnan(got), np.isnan(want)):
            return np.inf, f'output "{name}": NaN elsewhere'
        with np.errstate(invalid="ignore"):
            error = np.where(got == want, 0.0, np.abs(got - want) - lib_oracle.of_function(case.makers[name], want))
            error = np.maximum(0.0, np.nan_to_num(error, nan=0.0, posinf=np.inf))
        mean = name in case.quantized
        size = float(error.mean() if mean else error.max(initial=0.0)) if error.size else 0.0
        scale = case.scales[name]
        part = size / scale if scale else (0.0 if size == 0 else np.inf)
        allowed = AGREE_MEAN if mean else AGREE
        if part / allowed >= worst:
            worst = part / allowed
            why = f'output "{name}": {"mean" if mean else "largest"} difference {part:.2g} of scale' if worst > 1 else ""
    return worst, why
