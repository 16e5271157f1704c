#!/usr/bin/env python3
"""Reads pictures of text lines with a pretrained network and compares with ONNX Runtime's reading.

The network is PP-OCRv4's recogniser out of an npm package: 440 nodes, convolutions and attention, 6,625 classes for
each of the picture's columns. Shows each picture, what it says, how sure the network is, how far the two runtimes'
probabilities are apart and how long each took (both on one thread). Then says in what sense the compiled network is still the
same network (tauto same): the machine code against the program, kernel by kernel and value by value, and the line that is
read. Leaves that page, same.html, in the build folder. Ends with

    demo: N / M lines read alike, the compiled network: PROVED-ON-SHAPES, PAGE
"""

from __future__ import annotations

import os
import sys
import time
from typing import Callable

import numpy as np

import lib_models
from lib_runtimes import ort_session

NAME = "ppocr-rec"
AGREE = 1e-4    # largest difference of a probability
PROOF_SECONDS = 45   # of the processor, at most; half of it is enough


def braille(picture: np.ndarray, columns: int) -> str:
    """A dark-on-light picture (H, W) as text, 2 x 4 dots to a character."""
    step = picture.shape[1] / (2 * columns)
    rows = int(picture.shape[0] / step) // 4 * 4
    cells = picture[(np.arange(rows) * step).astype(int)][:, (np.arange(2 * columns) * step).astype(int)]
    dots = (cells < (picture.min() + picture.max()) / 2).reshape(rows // 4, 4, columns, 2)
    weights = np.array([[1, 8], [2, 16], [4, 32], [64, 128]])   # Unicode's numbering of the dots
    codes = (dots * weights[None, :, None, :]).sum(axis=(1, 3))
    return "\n".join("".join(chr(0x2800 + int(code)) for code in row) for row in codes)


def read_alphabet(path: str) -> list[str]:
    """Class 0 is "nothing here", the last one is the space; between them one character a line."""
    with open(path, encoding="utf-8") as handle:
        return ["", *(line.rstrip("\n") for line in handle), " "]


def decode(probabilities: np.ndarray, alphabet: list[str]) -> tuple[str, float]:
    """(text, mean probability of its characters) of one line, (columns, classes): the best class of each column,
    repetitions merged (CTC)."""
    best = probabilities.argmax(axis=1)
    starts = (best != np.concatenate([[-1], best[:-1]])) & (best != 0)
    sure = probabilities.max(axis=1)[starts]
    return "".join(alphabet[index] for index in best[starts]), float(sure.mean()) if sure.size else 0.0


def timed(run: Callable[[np.ndarray], np.ndarray], pictures: np.ndarray) -> tuple[np.ndarray, float]:
    """The answer and the median milliseconds of five runs after the first, which gets things ready."""
    answer, times = run(pictures), []
    for _ in range(5):
        started = time.perf_counter()
        run(pictures)
        times.append(1e3 * (time.perf_counter() - started))
    return answer, sorted(times)[2]


def compared(model: lib_models.Model, pictures: np.ndarray, input_name: str) -> tuple[bool, str]:
    """Prints the verdict lines; (is all shown, the verdict on the bits and where the page is)."""
    import tauto

    page = os.path.join(os.environ.get("TAUTO_BUILD", os.path.join(lib_models.ROOT, "build")), "same.html")
    found = tauto.same(model.path, model.path, {input_name: pictures}, decision="sequence", deep=1, proofs=PROOF_SECONDS, report=page)
    print(f"{NAME}, compiled: the same network?\n\n{found}\n  report: {page}\n")
    return bool(found), f"{found.verdicts[0].kind}, {os.path.relpath(page)}"


def main() -> int:
    if NAME not in lib_models.public_names():
        print(f"demo: {lib_models.SHARED}: required models/get_public.py and models/cases, got no such folder",
              file=sys.stderr)
        return 2
    if not lib_models.fetch([NAME]):
        return 1
    import tauto

    model = next(model for model in lib_models.public_models() if model.name == NAME)
    alphabet = read_alphabet(os.path.join(os.path.dirname(model.path), "keys.txt"))
    ours = tauto.load(model.path)
    with open(model.path, "rb") as handle:
        session = ort_session(handle.read())
    name = session.get_inputs()[0].name

    alike = total = 0
    print(f"\n{NAME}: {', '.join(f'{value.name} {value.dtype}{list(value.shape)}' for value in ours.inputs)}\n")
    for case in model.cases[::-1]:
        with np.load(case) as stored:
            pictures = stored["in_0"]
        mine, my_time = timed(lambda x: np.asarray(ours(x)), pictures)
        theirs, their_time = timed(lambda x: session.run(None, {name: x})[0], pictures)
        for picture, one, other in zip(pictures, mine, theirs):
            text, sure = decode(one, alphabet)
            same = text == decode(other, alphabet)[0] and float(np.abs(one - other).max()) <= AGREE
            print(braille(picture.mean(axis=0), 80))
            print(f"  tauto reads        {text!r}  ({sure:.1%} sure)")
            print(f"  onnxruntime reads  {decode(other, alphabet)[0]!r}  "
                  f"(probabilities differ by at most {np.abs(one - other).max():.1e})\n")
            alike, total = alike + same, total + 1
        print(f"  time for {len(pictures)} on one thread: tauto {my_time:.1f} ms, onnxruntime {their_time:.1f} ms\n")
    shown, verdict = compared(model, pictures, name)
    print(f"demo: {alike} / {total} lines read alike, the compiled network: {verdict}")
    return 0 if total and alike == total and shown else 1


if __name__ == "__main__":
    sys.exit(main())
