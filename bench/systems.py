"""The processes of the systems under measurement, seen from the campaign: started, asked, stopped, ended.

Only one of them runs at a time. The others are stopped by a signal, not merely idle: thread pools spin for a while
after their work and would take the measured one's processor.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


class Failed(Exception):
    """The system refused, crashed or was too slow; the text says which."""


@dataclass(frozen=True)
class System:
    name: str
    command: tuple[str, ...]          # before MODEL CASE THREADS OUTPUTS
    environment: tuple[tuple[str, str], ...] = ()
    rival: bool = False


def known_systems(build: str, python: str, rivals_python: str) -> list[System]:
    worker = os.path.join(HERE, "worker.py")
    path = (("PYTHONPATH", os.path.join(build, "python")),)
    systems = [System("tauto", (python, worker, "tauto"), path),
               System("tauto-c++", (os.path.join(build, "bench_run_model"),)),
               System("onnxruntime", (rivals_python, worker, "onnxruntime"), rival=True),
               System("openvino", (rivals_python, worker, "openvino"), rival=True)]
    return [system for system in systems if os.path.exists(system.command[0])]


class Running:
    """One system with one network loaded; stopped whenever it is not asked something."""

    def __init__(self, system: System, model: str, case: str, threads: int, outputs: str, patience: float) -> None:
        self.system = system
        self.patience_ = patience
        self.outputs_ = outputs
        self.buffer_ = b""
        environment = {**os.environ, **dict(system.environment)}
        for name in ("OMP_NUM_THREADS", "TBB_NUM_THREADS", "TAUTO_PERF", "TAUTO_DEBUG", "TAUTO_DUMP"):
            environment.pop(name, None)
        self.process_ = subprocess.Popen([*system.command, model, case, str(threads), outputs], env=environment,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        try:
            load, self.version = self._answer("loaded")[:2]
            self.load = float(load)
            self.first = float(self._answer("ran")[0])
        except BaseException:
            self.end()
            raise
        self._signal(signal.SIGSTOP)

    def outputs(self) -> dict[str, np.ndarray]:
        with np.load(self.outputs_) as stored:
            return {name: stored[f"out_{i}"] for i, names in enumerate(stored["output_names"])
                    for name in str(names).split("\n")}

    def time(self, seconds: float) -> list[float]:
        self._signal(signal.SIGCONT)
        try:
            assert self.process_.stdin
            self.process_.stdin.write(f"time {seconds}\n".encode())
            self.process_.stdin.flush()
            return [float(word) for word in self._answer("times")]
        except BrokenPipeError:
            raise Failed("ended by itself") from None
        finally:
            self._signal(signal.SIGSTOP)

    def end(self) -> None:
        self.process_.kill()    # a stopped process too
        self.process_.wait()
        for pipe in (self.process_.stdin, self.process_.stdout):
            try:
                pipe.close()    # type: ignore[union-attr]
            except BrokenPipeError:
                pass

    def _signal(self, number: int) -> None:
        if self.process_.poll() is None:
            self.process_.send_signal(number)

    def _answer(self, word: str) -> list[str]:
        line = self._line()
        first, _, rest = line.partition(" ")
        if first == "error":
            raise Failed(rest)
        if first != word:
            raise Failed(f"required {word}, got {line[:80]!r}")
        return rest.split()

    def _line(self) -> str:
        assert self.process_.stdout
        deadline = time.monotonic() + self.patience_
        while b"\n" not in self.buffer_:
            if not select.select([self.process_.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise Failed(f"no answer within {self.patience_:.0f} s")
            more = os.read(self.process_.stdout.fileno(), 1 << 16)
            if not more:
                status = self.process_.wait()
                raise Failed(signal.Signals(-status).name if status < 0 else f"exit status {status}")
            self.buffer_ += more
        line, _, self.buffer_ = self.buffer_.partition(b"\n")
        return line.decode()
