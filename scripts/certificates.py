#!/usr/bin/env python3
"""The campaign of decision certificates: that every legal f32 execution of a network decides alike, input by input.

    make certificates                    what is missing, then a seeded 2 % again
    make certificates ARGS="--only acasxu_1_1 --fresh"

ACAS Xu: 45 networks, 1,000 states each, drawn evenly from the networks' domain, the least score advises. MNIST: the
10,000 test images for the two dense networks, the convolution network and a small residual network made here
(lib_residual_net.py). Below f32: ACAS Xu with f16, MNIST's dense networks with f16 and bf16 activations (`halved`), whose
certificates say that the decision is that of the network without. opennsfw-resnet50 on its stored cases is reported apart: no bound of ours reaches through its 49
relus. Beside each, 100 seeded certificates are checked by scripts/check_certificate.py.

A finished unit (one network) is a text file in bench/campaigns/certificates: hashes of the model and of the
certificates, by chunks of 100 inputs. It is run again when the model or the semantics changed; of the others a seeded
2 % of the chunks are, and must give the same certificates. Times are processor time of one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from dataclasses import dataclass, field
from typing import Callable

import numpy as np
import onnx

import check_certificate
import lib_models
import lib_residual_net
import lib_runtimes  # noqa: F401  (finds the built package)
import lib_workers
import tauto
from tauto.certify import certificate, digest_of, text_of

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
UNITS = os.path.join(ROOT, "bench", "campaigns", "certificates")
SEED = 20260101
CHUNK = 100
CHECKED = 100                 # certificates per network that the checker reads
CHECKED_HALVED = 20
RECHECKED = 0.02              # of all chunks
# The networks' domain, normalised: distance, two angles, two speeds (Katz et al., Reluplex, 2017).
ACAS_LOW = np.array([-0.3284, -0.5, -0.5, -0.5, -0.5])
ACAS_HIGH = np.array([0.6799, 0.5, 0.5, 0.5, 0.5])


@dataclass
class Net:
    family: str
    name: str
    path: str
    decision: str
    count: int
    sampling: str
    sample: Callable[[int], np.ndarray]
    refine: int = 64
    checks: int = CHECKED


@dataclass
class Unit:
    facts: dict[str, str] = field(default_factory=dict)
    chunks: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)


def acas_state(name: str, index: int) -> np.ndarray:
    random = np.random.default_rng([SEED, index, *name.encode()])
    return random.uniform(ACAS_LOW, ACAS_HIGH).astype(np.float32).reshape(1, 1, 1, 5)


def mnist_sampler(shape: tuple[int, ...]) -> Callable[[int], np.ndarray]:
    images: list[np.ndarray] = []

    def sample(index: int) -> np.ndarray:
        if not images:
            images.append((lib_models.mnist_images(0, 10000) / np.float32(255)).astype(np.float32))
        return images[0][index].reshape(shape)
    return sample


def halved(source: str, name: str) -> str:
    """The network with what each product reads rounded to f16 or bf16 (the name's end): Cast and Cast back. A file in the
    cache."""
    model, nodes = onnx.load(source), []
    to = {"f16": onnx.TensorProto.FLOAT16, "bf16": onnx.TensorProto.BFLOAT16}[name.rpartition("_")[2]]
    for node in model.graph.node:
        if node.op_type in ("Gemm", "MatMul"):
            x = node.input[0]
            nodes += [onnx.helper.make_node("Cast", [x], [x + "_narrow"], node.output[0] + "_narrow", to=to),
                      onnx.helper.make_node("Cast", [x + "_narrow"], [x + "_wide"], node.output[0] + "_wide",
                                            to=onnx.TensorProto.FLOAT)]
            node.input[0] = x + "_wide"
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.opset_import[0].version = max(13, model.opset_import[0].version)   # the first with bfloat16
    path, content = os.path.join(lib_models.CACHE, "made", name + ".onnx"), model.SerializeToString()
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.exists(path) or digest_of(path) != hashlib.sha256(content).hexdigest():
        with open(path + ".part", "wb") as handle:
            handle.write(content)
        os.replace(path + ".part", path)
    return path


def all_nets() -> list[Net]:
    data, nets = os.path.join(lib_models.SHARED, "data"), []
    for a in range(1, 6):
        for b in range(1, 10):
            name = f"acasxu_{a}_{b}"
            nets.append(Net("acasxu", name, os.path.join(data, "acasxu", name + ".onnx"), "argmin", 1000,
                            f"evenly from the domain, seed {SEED}", lambda i, name=name: acas_state(name, i)))
            nets.append(Net("acasxu_f16", name + "_f16", halved(nets[-1].path, name + "_f16"), "argmin", 1000,
                            nets[-1].sampling, nets[-1].sample, checks=CHECKED_HALVED))
    for name, shape in (("mnist_256x2", (1, 784, 1)), ("mnist_256x4", (1, 784, 1)), ("mnist_cnn_max", (1, 28, 28, 1))):
        nets.append(Net(name, name, os.path.join(data, "mnist", name + ".onnx"), "top1", 10000,
                        "the test images in their order", mnist_sampler(shape)))
        source = nets[-1]
        for half in ("f16", "bf16") if "256" in name else ():
            nets.append(Net(f"{name}_{half}", f"{name}_{half}", halved(source.path, f"{name}_{half}"), "top1", 10000,
                            nets[-1].sampling, nets[-1].sample, checks=CHECKED_HALVED))
    residual = os.path.join(lib_models.CACHE, "made", "mnist_residual.onnx")
    nets.append(Net("mnist_residual", "mnist_residual", residual, "top1", 10000, "the test images in their order",
                    mnist_sampler((1, 1, 28, 28))))
    for model in lib_models.public_models():
        if model.name == "opennsfw-resnet50" and os.path.exists(model.path):
            nets.append(Net(model.name, model.name, model.path, "top1", len(model.cases), "the stored cases",
                            lambda i, model=model: stored_input(model.cases[i]), refine=0, checks=0))
    return nets


def stored_input(case: str) -> np.ndarray:
    with np.load(case) as stored:
        return stored["in_0"]


def chunk_of(net: Net, certifier: tauto.Certifier, model: tauto.Model, digest: str, chunk: int,
             unit: Unit | None, seconds: list[float]) -> str:
    """Certifies the inputs of one chunk. Its line: how many of how many, and the hash of their certificates."""
    total, good, sum_ = 0, 0, hashlib.sha256()
    for index in range(chunk * CHUNK, min(net.count, (chunk + 1) * CHUNK)):
        x = {model.inputs[0].name: net.sample(index)}
        started, total = time.thread_time(), total + 1
        try:
            certifier(x)
            seconds.append(time.thread_time() - started)
            text = text_of(certificate(certifier, model, digest, x))
            good += 1
        except tauto.Error as error:
            text = f"{index}: {error}"
            if unit is not None:
                unit.undecided.append(text)
        sum_.update(text.encode())
    return f"{good}/{total} {sum_.hexdigest()[:16]}"


def run(net: Net, progress: lib_workers.Progress) -> Unit:
    model, digest = tauto.load(net.path), digest_of(net.path)
    certifier = tauto.Certifier(model, net.decision, refine=net.refine)
    unit, seconds = Unit(), []
    for chunk in range(-(-net.count // CHUNK)):
        unit.chunks.append(chunk_of(net, certifier, model, digest, chunk, unit, seconds))
        progress.show(f"{net.name} {chunk * CHUNK + CHUNK}/{net.count}")
    certified = sum(int(line.split("/")[0]) for line in unit.chunks)
    accepted, asked = check(net, certifier, model, digest, net.checks, progress)
    unit.facts = {"model": digest, "semantics": str(tauto.semantics_version), "decision": net.decision,
                  "inputs": f"{net.count}, {net.sampling}", "certified": f"{certified} of {net.count}",
                  "checker accepts": f"{accepted} of {asked}",
                  "milliseconds": f"{1e3 * float(np.mean(seconds)):.2f}" if seconds else "-",
                  "certificates": hashlib.sha256("\n".join(unit.chunks).encode()).hexdigest()}
    return unit


def check(net: Net, certifier: tauto.Certifier, model: tauto.Model, digest: str, count: int,
          progress: lib_workers.Progress) -> tuple[int, int]:
    """`count` seeded certificates of the network, as files, through the checker."""
    random = np.random.default_rng([SEED, 1, *net.name.encode()])
    accepted = asked = 0
    loaded = check_certificate.read_model(net.path) if count else None
    for index in random.permutation(net.count):
        if asked == count:
            break
        try:
            made = text_of(certificate(certifier, model, digest, {model.inputs[0].name: net.sample(int(index))}))
        except tauto.Error:
            continue
        asked += 1
        try:
            check_certificate.check(net.path, json.loads(made), loaded)
            accepted += 1
        except check_certificate.Rejected as error:
            print(f"{net.name}, input {index}: the checker rejects: {error}", file=sys.stderr)
        progress.show(f"{net.name}: checked {asked}")
    return accepted, asked


def file_of(net: Net) -> str:
    return os.path.join(UNITS, net.name + ".txt")


def write(net: Net, unit: Unit) -> None:
    lines = [f"{key}: {value}" for key, value in unit.facts.items()]
    lines += [f"chunk {i}: {line}" for i, line in enumerate(unit.chunks)]
    lines += [f"undecided {text}" for text in unit.undecided]
    os.makedirs(UNITS, exist_ok=True)
    with open(file_of(net), "w", encoding="utf-8") as handle:
        handle.write("\n".join(lines) + "\n")


def read(net: Net) -> Unit | None:
    """The finished unit; None if there is none for this model and semantics."""
    if not os.path.exists(file_of(net)):
        return None
    unit = Unit()
    with open(file_of(net), encoding="utf-8") as handle:
        for line in handle.read().splitlines():
            if line.startswith("undecided "):
                unit.undecided.append(line.removeprefix("undecided "))
                continue
            key, _, value = line.partition(": ")
            if key.startswith("chunk "):
                unit.chunks.append(value)
            else:
                unit.facts[key] = value
    same = (unit.facts.get("model") == digest_of(net.path)
            and unit.facts.get("semantics") == str(tauto.semantics_version)
            and len(unit.chunks) == -(-net.count // CHUNK))
    return unit if same else None


def recheck(nets: list[Net], units: dict[str, Unit], progress: lib_workers.Progress) -> tuple[int, list[str]]:
    """A seeded 2 % of the chunks again, and a certificate of each of their networks through the checker. (how many
    chunks, what differs)"""
    random = np.random.default_rng([SEED, 2])
    chunks = [(net, chunk) for net in nets if net.refine for chunk in range(len(units[net.name].chunks))]
    if not chunks:
        return 0, []
    chosen = random.choice(len(chunks), max(1, round(RECHECKED * len(chunks))), replace=False)
    differing = []
    for net, chunk in (chunks[i] for i in sorted(chosen)):
        model = tauto.load(net.path)
        certifier = tauto.Certifier(model, net.decision, refine=net.refine)
        again = chunk_of(net, certifier, model, digest_of(net.path), chunk, None, [])
        if again != units[net.name].chunks[chunk]:
            differing.append(f"{net.name}, chunk {chunk}: {units[net.name].chunks[chunk]} before, {again} now")
        accepted, asked = check(net, certifier, model, digest_of(net.path), 1, progress)
        if accepted < asked:
            differing.append(f"{net.name}: the checker rejects what it accepted before")
    return len(chosen), differing


def summary(nets: list[Net], units: dict[str, Unit]) -> str:
    parts, accepted, asked = [], 0, 0
    for family in dict.fromkeys(net.family for net in nets):
        own = [units[net.name] for net in nets if net.family == family]
        counts = [tuple(map(int, unit.facts["certified"].split(" of "))) for unit in own]
        good, total = (sum(c[i] for c in counts) for i in range(2))
        times = [float(unit.facts["milliseconds"]) for unit in own if unit.facts["milliseconds"] != "-"]
        spent = f" ({np.mean(times):.2g} ms)" if times else ""
        parts.append(f"{family} {100 * good / max(total, 1):.2f} % of {total:,}{spent}")
        for unit in own:
            a, b = map(int, unit.facts["checker accepts"].split(" of "))
            accepted, asked = accepted + a, asked + b
    return f"certificates: {'; '.join(parts)}; checker accepts {accepted:,} of {asked:,}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Certify decisions on the campaign's networks.")
    parser.add_argument("--only", default="", help="names or families, separated by commas")
    parser.add_argument("--fresh", action="store_true", help="run finished units again too")
    parser.add_argument("--print", action="store_true", dest="show", help="print what is there, run nothing")
    options = parser.parse_args()
    if not os.path.isdir(os.path.join(lib_models.SHARED, "data", "acasxu")):
        print("certificates: the data beside the tree are missing (TAUTO_SHARED)", file=sys.stderr)
        return 1
    nets = all_nets()
    for net in nets:
        if net.name == "mnist_residual" and not os.path.exists(net.path):
            lib_residual_net.make(net.path)
    if options.only:
        wanted = options.only.split(",")
        nets = [net for net in nets if net.name in wanted or net.family in wanted]
        if not nets:
            print(f"certificates: no network is called {options.only}", file=sys.stderr)
            return 1
    units: dict[str, Unit] = {}
    fresh = set()
    progress = lib_workers.Progress(len(nets), "certificates")
    for net in nets:
        unit = None if options.fresh else read(net)
        if unit is None and not options.show:
            unit = run(net, progress)
            write(net, unit)
            fresh.add(net.name)
        if unit is not None:
            units[net.name] = unit
        progress.step(net.name)
    progress.close()
    nets = [net for net in nets if net.name in units]
    count, differing = (0, []) if options.show else recheck([n for n in nets if n.name not in fresh], units, progress)
    for line in differing:
        print(line)
    print(f"{len(fresh)} units run, {len(nets) - len(fresh)} were there, {count} chunks of them run again, "
          f"{len(differing)} differ")
    print(summary(nets, units))
    refused = any(len(set(unit.facts["checker accepts"].split(" of "))) > 1 for unit in units.values())
    return 1 if differing or refused else 0


if __name__ == "__main__":
    sys.exit(main())
