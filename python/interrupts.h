// Calls that compute let other Python threads run and look for Ctrl-C a few times a second.
#pragma once

#include <nanobind/nanobind.h>

#include <chrono>
#include <functional>

#include "graph/op.h"

namespace tauto::python {

// Polled often: asks Python every 50 ms. The exception that the signal's handler raised stays set.
class Interrupts {
 public:
  bool operator()() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return false;
    next_ = now + std::chrono::milliseconds(50);
    const nanobind::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;
  }

 private:
  std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now();
};

// Calls f(cancelled) while other Python threads run; Ctrl-C ends it as Python's own exception.
template <class F>
auto interruptible(F f) {
  Interrupts interrupts;
  const std::function<bool()> cancelled = [&] { return interrupts(); };
  try {
    const nanobind::gil_scoped_release release;
    return f(&cancelled);
  } catch (const Cancelled&) {
    throw nanobind::python_error();
  }
}

}  // namespace tauto::python
