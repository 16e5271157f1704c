"""The real networks: where they come from, which inputs they are run on, what ONNX Runtime answers.

Public networks are fetched out of packages by ../shared/models/get_public.py into the cache (TAUTO_CACHE, by
default ~/.cache/tauto); their cases are stored beside that script. ../shared/data holds ACAS Xu, MNIST and policy
networks; their cases are made here, from MNIST's test images or a seeded generator, and answered by unoptimised
ONNX Runtime. The networks in ../shared/data/lowbit use operators that ONNX does not define (QONNX); they belong to
the work on quantization and are not counted here.
"""

from __future__ import annotations

import glob
import gzip
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import onnx

from lib_runtimes import fed_inputs, ort_session

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
SHARED = os.environ.get("TAUTO_SHARED", os.path.normpath(os.path.join(ROOT, "..", "shared")))
CACHE = os.environ.get("TAUTO_CACHE", "")
CACHE = os.path.expanduser(CACHE if CACHE not in ("", "off") else os.path.join("~", ".cache", "tauto"))
SEED = 20240611
MADE_CASES = 4      # seeded inputs for each network of ../shared/data
BATCH = 8           # images per case where the batch is free


@dataclass(frozen=True)
class Model:
    name: str
    path: str
    cases: tuple[str, ...]    # a stored .npz, or "made:INDEX"


def public_names() -> list[str]:
    folder = os.path.join(SHARED, "models", "cases")
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def fetch(names: list[str]) -> bool:
    """Downloads what is missing; says what it does on stderr. False if something could not be had."""
    script = os.path.join(SHARED, "models", "get_public.py")
    done = subprocess.run([sys.executable, script, os.path.join(CACHE, "models"), "--only", ",".join(names)],
                          stdout=sys.stderr)
    return done.returncode == 0


def public_models() -> list[Model]:
    cases = os.path.join(SHARED, "models", "cases")
    return [Model(name, os.path.join(CACHE, "models", name, "model.onnx"),
                  tuple(sorted(glob.glob(os.path.join(cases, name, "case_*.npz"))))) for name in public_names()]


def data_models() -> list[Model]:
    found = []
    for folder in ("mnist", "policies", "acasxu"):
        for path in sorted(glob.glob(os.path.join(SHARED, "data", folder, "*.onnx"))):
            stem = os.path.splitext(os.path.basename(path))[0]
            name = stem if stem.startswith(folder) else f"{folder}_{stem}"
            found.append(Model(name, path, tuple(f"made:{index}" for index in range(MADE_CASES))))
    return found


def mnist_images(first: int, count: int) -> np.ndarray:
    """(count, 28, 28) uint8 from the test set."""
    with gzip.open(os.path.join(SHARED, "data", "mnist", "t10k-images-idx3-ubyte.gz")) as handle:
        handle.read(16 + first * 784)
        return np.frombuffer(handle.read(count * 784), np.uint8).reshape(count, 28, 28)


def mnist_labels() -> np.ndarray:
    """(10000,) of 0 to 9, of the test set."""
    with gzip.open(os.path.join(SHARED, "data", "mnist", "t10k-labels-idx1-ubyte.gz")) as handle:
        return np.frombuffer(handle.read()[8:], np.uint8)


def _made_input(model: Model, index: int, value: onnx.ValueInfoProto) -> np.ndarray:
    shape = [dim.dim_value or BATCH for dim in value.type.tensor_type.shape.dim]
    count = int(np.prod(shape))
    if model.name.startswith("mnist"):
        images = count // 784
        return (mnist_images(index * images, images) / np.float32(255)).astype(np.float32).reshape(shape)
    seed = [SEED, index, *model.name.encode()]
    # Normal numbers reach beyond the boxes that the networks were trained in, and make every relu take both sides.
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def load_case(model: Model, case: str, proto: onnx.ModelProto) -> tuple[dict[str, np.ndarray],
                                                                        dict[str, np.ndarray]]:
    """(inputs, ONNX Runtime's unoptimised outputs), both by name."""
    if not case.startswith("made:"):
        with np.load(case) as stored:
            inputs = {str(name): stored[f"in_{i}"] for i, name in enumerate(stored["input_names"])}
            outputs = {str(name): stored[f"out_{i}"] for i, name in enumerate(stored["output_names"])}
        return inputs, outputs
    inputs = {value.name: _made_input(model, int(case[5:]), value) for value in fed_inputs(proto)}
    names = [value.name for value in proto.graph.output]
    answers = ort_session(proto.SerializeToString(), optimise=False).run(names, inputs)
    return inputs, dict(zip(names, answers))


def case_name(case: str) -> str:
    return os.path.splitext(os.path.basename(case))[0].removeprefix("case_")
