// The commands of `tauto`, each in a file of its own; main.cpp reads the command line into these structs.
// They throw Error for the user's mistakes and return the exit code otherwise.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "quantize/load.h"

namespace tauto::cli {

inline constexpr int kExitError = 1, kExitUsage = 2, kExitInternal = 3, kExitDiffers = 4,
                     kExitInterrupted = 130;

struct CheckOptions {
  std::vector<std::string> models;
};
int check(const CheckOptions& options);

struct ShowOptions {
  std::string model;
  std::string as = "graph";
  std::string out;                     // empty: stdout
  std::string after;                   // the last pass that is to run; empty: none
  std::string allow;                   // rewrites that are not exact: "winograd,reassociate"; empty: none
  std::string precision, calibration;  // as ModelOptions
  bool ledger = false;
};
int show(const ShowOptions& options);

struct ProveOptions {
  std::string model;
};
int prove(const ProveOptions& options);

struct RunOptions {
  std::string model;
  std::vector<std::string> inputs;  // NAME=FILE or NAME=LITERAL
  std::string all_inputs;           // .npz or folder
  std::optional<uint64_t> seed;
  std::vector<std::string> dims;  // SYMBOL=SIZE
  std::string out;
  std::string rep = "exact";
  bool as_pb = false, print = false;
  bool interpret = false;
  int threads = 1;
  bool profile = false;
  std::string profile_json;  // file for a trace; empty: none
  int repeat = 1;
  std::string schedule;  // file with plans; empty: the default's
  bool trust = false;    // run an artifact's machine code whoever wrote it
  std::string allow;     // as ShowOptions
  std::string precision, calibration;
};
int run(const RunOptions& options);

struct CompileOptions {
  std::string model;
  std::string emit = "kernels";   // or graph, loops, schedule, scheduled, vector, asm
  std::string kernel;             // the name of the only one to print; empty: all
  std::string schedule;           // as RunOptions
  std::vector<std::string> dims;  // SYMBOL=SIZE: compile for these sizes
  std::string out;                // file for an artifact instead of printing; empty: none
  std::string allow;              // as ShowOptions
  std::string precision, calibration;
  bool ledger = false;
  std::string require, data;  // a statement that has to be shown, the samples for it
};
int compile(const CompileOptions& options);

struct QuantizeOptions {
  std::string model;
  std::string to = "int8";        // a precision, or the file of a plan
  std::string data;               // .npz or folder
  std::string out, plan;          // files to write; empty: none
  std::vector<std::string> keep;  // nodes that stay f32
  int threads = 1;
  bool measure = false;           // f32 where the node is slower
  std::string require, validate;  // of --to auto: a decision with its budget, the samples for it
};
int quantize(const QuantizeOptions& options);

// "auto" or "auto:PRECISION": the search for nodes that can have it (verify/precision_search.h).
bool is_auto(const std::string& precision);
// The plan found, and what was tried; found or not.
struct Searched {
  PrecisionPlan plan;
  std::string text;
  bool found = false;
};
Searched search(const LoadedModel& source, const std::string& precision, const std::string& calibration,
                const std::string& statement, const std::string& data, const PlanOptions& how,
                const std::string& command);

ModelOptions model_options(const std::string& model, const std::string& allow, const std::string& precision,
                           const std::string& calibration, const std::string& command);

// The rewrites that `--allow` names. Error, beginning with the command.
Allowed allowed_of(const std::string& option, const std::string& command);

struct SameOptions {
  std::string a, b;
  std::string data;               // an .npz file, a folder of .npy files or of pictures
  std::string box, sample;        // a VNN-LIB file; uniform:N[:LO:HI] or random:N
  std::vector<std::string> dims;  // SYMBOL=SIZE, for random samples
  std::string level, decision, output, budget;
  bool stop_early = false;
  int64_t deep = 4;    // samples of the numeric level and of the hash matrix
  double proofs = 60;  // seconds
  uint64_t seed = 1;
  std::string report, json, replay;
  std::optional<double> epsilon;  // for every input of the box
  int threads = 0;                // of that search; 0: as many as there are
  double seconds = 0;             // 0: no limit
  int64_t boxes = 0;              // 0: no limit
  std::string state;              // a file to go on from
};
int same(const SameOptions& options);

// compile --require: is the statement shown of the model with what `allow` names, against the model without?
// Prints the verdict lines; says why not on stderr.
bool is_shown(const CompileOptions& options);

// Writes to stdout; Error if that fails (a full disk).
void put(const std::string& text);

}  // namespace tauto::cli
