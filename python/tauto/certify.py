"""Decision certificates as files: what `Certifier` finds, in the form that scripts/check_certificate.py reads.

    python -m tauto.certify model.onnx --input x.npy --decision top1 --out certificate.json

A certificate is JSON: the model's SHA-256, the inputs' bits, the decision and who wins it, for every pair of outputs
its margin and error bound, and what a checker needs to go the same way: on which side each relu's elements are, and
whose radii were refined. docs/certificates.md says what it claims, and how the claim is checked.
"""

import argparse
import base64
import hashlib
import json
import os
import sys
from typing import Any

import numpy as np

from . import Certifier, Error, Model, load

FORMAT = "tauto decision certificate 1"


def certificate(certifier: Certifier, model: Model, digest: str, inputs: dict[str, np.ndarray]) -> dict[str, Any]:
    """The certificate for these inputs (f32). Error: the decision is not certified, and why."""
    found = certifier(inputs, activations=True)
    if not found["certified"]:
        raise Error(f"not certified: {found['reason']}")
    for name, array in inputs.items():
        if np.asarray(array).dtype != np.float32:
            raise Error(f"certify: input \"{name}\": required float32, got {np.asarray(array).dtype}")
    return {
        "format": FORMAT,
        "model": digest,
        "inputs": [{"name": name, "shape": list(np.shape(array)),
                    "f32": base64.b64encode(np.ascontiguousarray(array, "<f4").tobytes()).decode()}
                   for name, array in inputs.items()],
        "decision": found["decision"],
        "output": model.outputs[0].name,
        "winners": found["winners"],
        "separations": [{key: pair[key] for key in ("above", "below", "margin", "error")}
                        for pair in found["separations"]],
        "activations": [{"node": relu["sources"][0], "pattern": relu["pattern"]} for relu in found["activations"]],
        "refined": [{"node": node, "elements": r["elements"]} for r in found["refined"] for node in r["readers"]],
    }


def text_of(certificate: dict[str, Any]) -> str:
    """One line for each entry, so that files can be compared."""
    lines = [f" {json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in certificate.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def digest_of(path: "str | os.PathLike[str]") -> str:
    """The SHA-256 by which a certificate names its model."""
    with open(path, "rb") as handle:
        return hashlib.sha256(handle.read()).hexdigest()


def main(arguments: "list[str] | None" = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tauto.certify", description="Certify a decision, as a file.")
    parser.add_argument("model", help="an ONNX file")
    parser.add_argument("--input", action="append", required=True, metavar="FILE|NAME=FILE", help="a .npy file of f32")
    parser.add_argument("--decision", default="top1", help="top1 (the default), argmin, topk:K or threshold:T")
    parser.add_argument("--refine", type=int, default=64, help="doubtful elements of a node that get bounds of their own")
    parser.add_argument("--out", default="-", help="the file to write (stdout)")
    options = parser.parse_args(arguments)
    try:
        model = load(options.model)
        inputs = {}
        for given in options.input:
            name, equals, path = given.rpartition("=")
            inputs[name if equals else model.inputs[0].name] = np.load(path, allow_pickle=False)
        certifier = Certifier(model, options.decision, refine=options.refine)
        text = text_of(certificate(certifier, model, digest_of(options.model), inputs))
        if options.out == "-":
            sys.stdout.write(text)
        else:
            with open(options.out, "w", encoding="utf-8") as handle:
                handle.write(text)
    except (Error, OSError, ValueError) as error:
        print(f"tauto: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
