"""The test data of the pinned onnx package: which tests exist, what each feeds and what it expects.

Everything is read from the files that `onnx.backend.test` itself runs. The `light` nets come without inputs:
the official runner feeds the ramp 0/n, 1/n, ... (n-1)/n to each of them, and so do we; the answers lie
beside the models.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import onnx.backend.test.loader
from onnx import numpy_helper

from lib_runtimes import fed_inputs

# The counts of onnx 1.22.0; another number means another package, and no comparable result.
SUITES = {"node": 1765, "simple": 23, "pytorch-converted": 82, "pytorch-operator": 35, "light": 9}
TOTAL = sum(SUITES.values())


@dataclass(frozen=True)
class Case:
    suite: str
    name: str
    model: str               # path of the .onnx file
    data: tuple[str, ...]    # folders of data sets; empty for the light nets


def _data_root() -> str:
    return onnx.backend.test.loader.DATA_DIR


def _light_cases() -> list[Case]:
    cases = []
    for name in sorted(os.listdir(os.path.join(_data_root(), "real"))):
        described = os.path.join(_data_root(), "real", name, "data.json")
        if not os.path.isfile(described):
            continue
        with open(described, encoding="utf-8") as handle:
            facts = json.load(handle)
        model = os.path.join(_data_root(), "light", os.path.basename(facts["url"]))
        cases.append(Case("light", name, model, ()))
    return cases


def all_cases() -> list[Case]:
    cases = []
    for suite in SUITES:
        if suite == "light":
            cases += _light_cases()
            continue
        for test in sorted(onnx.backend.test.loader.load_model_tests(kind=suite), key=lambda test: test.name):
            folder = test.model_dir
            sets = tuple(sorted(os.path.join(folder, entry) for entry in os.listdir(folder)
                                if entry.startswith("test_data_set")))
            cases.append(Case(suite, test.name, os.path.join(folder, "model.onnx"), sets))
    counts = {suite: sum(case.suite == suite for case in cases) for suite in SUITES}
    if counts != SUITES:
        raise RuntimeError(f"onnx test data: required {SUITES}, got {counts} (onnx=={onnx.__version__})")
    return cases


def _decode(path: str, kind: onnx.TypeProto) -> Any:
    with open(path, "rb") as handle:
        content = handle.read()
    if kind.HasField("sequence_type"):
        return numpy_helper.to_list(onnx.SequenceProto.FromString(content))
    if kind.HasField("optional_type"):
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(content))
    if kind.HasField("tensor_type"):
        return numpy_helper.to_array(onnx.TensorProto.FromString(content))
    raise RuntimeError(f"{os.path.basename(path)}: a value of type {kind.WhichOneof('value')} has no decoder")


def _numbered(folder: str, stem: str) -> list[str]:
    files = [entry for entry in os.listdir(folder) if re.fullmatch(stem + r"_\d+\.pb", entry)]
    return [os.path.join(folder, f"{stem}_{i}.pb") for i in range(len(files))]


def _ramp(value: onnx.ValueInfoProto) -> np.ndarray:
    shape = [dim.dim_value if dim.HasField("dim_value") else 1 for dim in value.type.tensor_type.shape.dim]
    count = int(np.prod(shape))
    return (np.arange(count).reshape(shape) / count).astype(np.float32)


def data_sets(case: Case, model: onnx.ModelProto) -> list[tuple[list[Any], list[Any]]]:
    """(inputs, expected outputs) for each data set of the case; there is always at least one."""
    fed = fed_inputs(model)
    if case.suite == "light":
        stem = os.path.splitext(case.model)[0]
        paths = [f"{stem}_output_{i}.pb" for i in range(len(model.graph.output))]
        expected = [_decode(path, value.type) for path, value in zip(paths, model.graph.output)]
        return [([_ramp(value) for value in fed], expected)]
    sets = []
    for folder in case.data:
        given = _numbered(folder, "input")
        # Old files list their initializers among the inputs and store no data for them.
        owners = list(model.graph.input) if len(given) == len(model.graph.input) else fed
        inputs = [_decode(path, value.type) for path, value in zip(given, owners)]
        answers = _numbered(folder, "output")
        if len(given) != len(owners) or len(answers) != len(model.graph.output):
            raise RuntimeError(f"{case.name}: {len(given)} inputs and {len(answers)} outputs are stored, "
                               f"the model has {len(owners)} and {len(model.graph.output)}")
        sets.append((inputs, [_decode(path, value.type) for path, value in zip(answers, model.graph.output)]))
    if not sets:
        raise RuntimeError(f"{case.name}: no data set")
    return sets
