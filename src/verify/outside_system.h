// Programs of others, asked over a socket: frames of eight bytes of length and an .npz archive.
#pragma once

#include "support/npz.h"
#include "verify/decision.h"
#include "verify/system.h"

namespace tauto::equivalence {

// A Python process that runs python/tauto/outside.py. Error: it cannot be started, it ended, or what it says
// went wrong.
class OutsideProcess {
 public:
  OutsideProcess(const OutsideOptions& o, const std::vector<std::string>& arguments);
  ~OutsideProcess();
  OutsideProcess(const OutsideProcess&) = delete;
  NamedArrays ask(const NamedArrays& question);

 private:
  std::string name_;  // in errors
  int socket_ = -1;
  int process_ = -1;
};

std::unique_ptr<System> open_outside(const std::string& spec, const std::string& runtime,
                                     const std::string& path, const std::vector<std::string>& options,
                                     const OutsideOptions& outside);

// The pictures of a folder as samples for a model with one input (python/tauto/outside.py says how they are
// read), with "labels" where they lie in folders that are numbers.
NamedValues read_pictures(const std::string& folder, const NamedTypes& inputs, const OutsideOptions& outside);
bool has_pictures(const std::string& folder);

// A custom rule of decisions in a process of its own.
class CustomRule {
 public:
  CustomRule(const std::string& path, const OutsideOptions& outside);
  const std::string& ties() const { return ties_; }
  // A row for each of `count` samples.
  std::vector<Decided> decide(const NamedTypes& outputs, const std::vector<Value>& values, int64_t count);

 private:
  OutsideProcess process_;
  std::string path_, ties_;
};

}  // namespace tauto::equivalence
