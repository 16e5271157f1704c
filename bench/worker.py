"""One system under measurement in a process of its own: worker.py SYSTEM MODEL CASE THREADS OUTPUTS

SYSTEM is tauto, onnxruntime or openvino, perhaps with a precision ("tauto:bf16"; "openvino:default": what it
chooses by itself); CASE holds the inputs; OUTPUTS is written after the first run. Lines on
stdout answer lines on stdin, so that the process does nothing but what it is asked:

    -> loaded SECONDS VERSION      after loading and compiling
    -> ran SECONDS                 after the first run
    <- time SECONDS
    -> times SECONDS ...           of one run each (the mean over a short batch where runs are very short)
    -> error TEXT                  at any point instead; the process then ends

Nothing but numpy and the system itself is imported: the three live in different environments. This is the same
protocol that run_model.cpp speaks for the C++ entry.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import time
from typing import Any, Callable

import numpy as np

BATCH = 100e-6    # shorter runs are timed in batches of about this
LONG = 1.0        # a run of this many seconds needs no warming up and no repetition

Run = Callable[[], list[np.ndarray]]


def load_tauto(path: str, inputs: dict[str, np.ndarray], threads: int, precision: str = "") -> tuple[Run, list[str], str]:
    import tauto

    model = tauto.load(path, precision=precision) if precision else tauto.load(path)
    return (lambda: model.run(inputs, threads=threads)), [slot.name for slot in model.outputs], tauto.__version__


def load_onnxruntime(path: str, inputs: dict[str, np.ndarray], threads: int, _: str = "") -> tuple[Run, list[str], str]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return (lambda: session.run(names, inputs)), names, onnxruntime.__version__


def load_openvino(path: str, inputs: dict[str, np.ndarray], threads: int,
                  precision: str = "f32") -> tuple[Run, list[str], str]:
    import openvino

    # f32 as the network says; by default OpenVINO computes in bf16 where the CPU can.
    settings = {"PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": threads}
    if precision != "default":
        settings["INFERENCE_PRECISION_HINT"] = precision
    model = openvino.Core().compile_model(path, "CPU", settings)
    request = model.create_infer_request()
    places = {}
    for index, port in enumerate(model.inputs):
        given = port.get_names() & inputs.keys()
        places[index] = inputs[given.pop()] if given else list(inputs.values())[index]
    names = [sorted(port.get_names())[0] if port.get_names() else "" for port in model.outputs]
    ports = list(model.outputs)

    def run() -> list[np.ndarray]:
        results = request.infer(places, share_inputs=True, share_outputs=True)
        return [results[port] for port in ports]

    run.every_name = [port.get_names() for port in ports]  # type: ignore[attr-defined]
    return run, names, openvino.__version__.split("-")[0]


LOADERS = {"tauto": load_tauto, "onnxruntime": load_onnxruntime, "openvino": load_openvino}


def measure(run: Run, seconds: float) -> list[float]:
    started = time.perf_counter()
    run()                                  # wakes threads and fills caches after the others' turn
    once = time.perf_counter() - started
    if once >= LONG:
        return [once]
    warm_until = started + 0.2 * seconds
    while time.perf_counter() < warm_until:
        before = time.perf_counter()
        run()
        once = min(once, time.perf_counter() - before)
    batch = max(1, int(BATCH / max(once, 1e-9)))
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        before = time.perf_counter()
        for _ in range(batch):
            run()
        times.append((time.perf_counter() - before) / batch)
    return times


def read_inputs(path: str) -> dict[str, np.ndarray]:
    with np.load(path) as stored:
        return {str(name): stored[f"in_{i}"] for i, name in enumerate(stored["input_names"])}


def save_outputs(path: str, names: list[set[str]], values: list[np.ndarray]) -> None:
    """Names of one output are joined by line ends: OpenVINO knows several."""
    np.savez(path, output_names=np.array(["\n".join(sorted(all_names)) for all_names in names]),
             **{f"out_{i}": np.asarray(value) for i, value in enumerate(values)})


def serve(argv: list[str], say: Callable[[str], Any]) -> None:
    system, path, case, threads, outputs = argv
    inputs = read_inputs(case)
    started = time.perf_counter()
    name, _, precision = system.partition(":")
    run, names, version = LOADERS[name](path, inputs, int(threads), *([precision] if precision else []))
    say(f"loaded {time.perf_counter() - started:.6f} {version}")
    started = time.perf_counter()
    answers = run()
    seconds = time.perf_counter() - started
    save_outputs(outputs, getattr(run, "every_name", [{name} for name in names]), answers)
    say(f"ran {seconds:.9f}")
    gc.disable()
    for line in sys.stdin:
        word, argument = line.split()
        if word != "time":
            raise ValueError(f"required time, got {word}")
        say("times " + " ".join(f"{t:.9f}" for t in measure(run, float(argument))))
        gc.collect()


def main() -> int:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)    # PR_SET_PDEATHSIG: also when stopped
    answers = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)    # libraries' chatter is no answer
    os.dup2(nowhere, 1)

    def say(text: str) -> None:
        answers.write(text + "\n")
        answers.flush()

    try:
        serve(sys.argv[1:], say)
    except Exception as error:  # noqa: BLE001 - whatever a system refuses is a result
        say(f"error {type(error).__name__}: {' '.join(str(error).split())[:300]}")
        return 1
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)    # some libraries take seconds to end, or crash
