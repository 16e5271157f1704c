"""Runs a function over many items in worker processes that may crash or hang.

`run_all("module:function", items, jobs, timeout)` yields (index, Outcome) as items end. The function is
imported by name in the worker and called with one item; item and result must pickle. A worker that dies
or does not answer in time costs its item only: it is replaced and the campaign goes on. Time is the worker's
processor time, so that a busy machine changes no result; a worker that waits without computing is given
PATIENCE times as long.

    Outcome.kind   "ok"      value is what the function returned
                   "raised"  value is (exception class name, message)
                   "crash"   value is the signal's name or the exit status
                   "hang"    value is the time limit in seconds
"""

from __future__ import annotations

import importlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any, Iterator, Sequence


PATIENCE = 10


@dataclass(frozen=True)
class Outcome:
    kind: str
    value: Any


def _serve(pipe: Any, target: str, quiet: bool, scripts: str) -> None:
    """The worker: receives items until the pipe closes. Library chatter on stdout/stderr goes nowhere."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends the workers
    if quiet:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    sys.path.insert(0, scripts)
    module, name = target.split(":")
    function = getattr(importlib.import_module(module), name)
    pipe.send("ready")
    while True:
        try:
            item = pipe.recv()
        except EOFError:
            return
        try:
            answer = Outcome("ok", function(item))
        except Exception as error:  # noqa: BLE001 - whatever the runtime under test raises is a result
            answer = Outcome("raised", (type(error).__name__, str(error)))
        pipe.send(answer)


class _Worker:
    def __init__(self, context: Any, target: str, quiet: bool) -> None:
        self.pipe, child = context.Pipe()
        here = os.path.dirname(os.path.abspath(__file__))
        self.process = context.Process(target=_serve, args=(child, target, quiet, here), daemon=True)
        self.process.start()
        child.close()
        self.index = -1
        self.ready = False
        self.deadline = self.last_deadline = self.spent = 0.0

    def processor_time(self) -> float:
        """Seconds, of all threads; fields 14 and 15 of proc(5)'s stat. The name before them may hold spaces."""
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8", errors="replace") as handle:
            fields = handle.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def give(self, index: int, item: Any, timeout: float) -> None:
        if not self.ready:
            self.ready = self.pipe.recv() == "ready"   # imports are not the item's time
        self.index, self.spent = index, self.processor_time()
        self.deadline = time.monotonic() + timeout
        self.last_deadline = self.deadline + (PATIENCE - 1) * timeout
        self.pipe.send(item)

    def is_late(self, timeout: float) -> bool:
        """Asked when the deadline has passed; moves it if the machine was busy with something else."""
        now = time.monotonic()
        left = timeout - (self.processor_time() - self.spent)
        if left <= 0 or now >= self.last_deadline:
            return True
        self.deadline = min(self.last_deadline, now + max(0.05, left))
        return False

    def end(self) -> int | None:
        self.pipe.close()
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        return self.process.exitcode


def _death(status: int | None) -> Outcome:
    if status is not None and status < 0:
        return Outcome("crash", signal.Signals(-status).name)
    return Outcome("crash", f"exit status {status}")


def run_all(target: str, items: Sequence[Any], jobs: int, timeout: float,
            quiet: bool = True) -> Iterator[tuple[int, Outcome]]:
    context = multiprocessing.get_context("spawn")
    waiting = list(range(len(items)))[::-1]
    free: list[_Worker] = []
    busy: list[_Worker] = []
    try:
        while waiting or busy:
            while waiting and len(busy) < max(1, jobs):
                worker = free.pop() if free else _Worker(context, target, quiet)
                index = waiting.pop()
                try:
                    worker.give(index, items[index], timeout)
                except (EOFError, BrokenPipeError, ConnectionResetError):
                    yield index, _death(worker.end())
                    continue
                busy.append(worker)
            if not busy:
                continue
            patience = max(0.0, min(worker.deadline for worker in busy) - time.monotonic())
            ready = multiprocessing.connection.wait([worker.pipe for worker in busy], patience)
            now = time.monotonic()
            for worker in list(busy):
                if worker.pipe in ready:
                    busy.remove(worker)
                    try:
                        outcome = worker.pipe.recv()
                        free.append(worker)
                    except (EOFError, ConnectionResetError):
                        worker.process.join()
                        outcome = _death(worker.end())
                    yield worker.index, outcome
                elif now >= worker.deadline and worker.is_late(timeout):
                    busy.remove(worker)
                    worker.end()
                    yield worker.index, Outcome("hang", timeout)
    finally:
        for worker in free + busy:
            worker.end()


class Progress:
    """One line on stderr, redrawn in place; silent when stderr is not a terminal. `total` is a number of items, or of
    anything that `step` says an item weighs; the time left is estimated from it."""

    def __init__(self, total: float, title: str) -> None:
        self.total, self.title, self.done = total, title, 0.0
        self.live = sys.stderr.isatty()
        self.started = time.monotonic()
        self.drawn = 0.0

    def step(self, note: str = "", weight: float = 1) -> None:
        self.done += weight
        self.show(note)

    def show(self, note: str = "") -> None:
        now = time.monotonic()
        if self.live and (self.done >= self.total or now - self.drawn > 0.1):
            share = min(1.0, self.done / max(1e-9, self.total))
            filled = int(30 * share)
            bar = "#" * filled + "." * (30 - filled)
            left = (now - self.started) * (1 - share) / max(share, 1e-9)
            when = f"{left / 60:.0f} min left" if share > 0.02 and now - self.started > 5 else ""
            sys.stderr.write(f"\r\033[K{self.title} [{bar}] {100 * share:.0f} % {when} {note[:60]}")
            sys.stderr.flush()
            self.drawn = now

    def close(self) -> None:
        if self.live:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
