// How long each group of a run took, and what it did in that time.
//
//   Profile p;
//   e->run(inputs, {.profile = &p});
//   for (const ProfileLine& l : lines_of(*e, {p})) …
//
// The work of a kernel is counted from its tensor expression for the sizes of the run: each function of
// elements is one operation (a fused multiply-add two) for each element it is needed for; bytes are those of
// the buffers it reads and writes, each counted once. What another program would have to do for the same
// result, then; not what this one happens to do.
#pragma once

#include <string>
#include <vector>

#include "compile/executable.h"

namespace tauto {

struct Profile {
  struct Event {
    const CompiledFunction* function;
    uint32_t group, env;
    int64_t start, took, self;  // nanoseconds; self: without the groups of functions that it called
    int depth;
  };
  std::vector<Event> events;
  std::vector<Env> envs;  // the sizes that were known
  int64_t start = 0, end = 0;

  void add(const CompiledFunction& f, size_t group, const Env& env, int64_t start, int64_t took, int64_t self,
           int depth);
};

int64_t now();  // nanoseconds of a steady clock

struct Work {
  double flops = 0, bytes = 0;
};
// Of one call of a kernel; zeros for other groups, and where a size is not known.
Work work_of(const Group& g, const Env& env);

struct ProfileLine {
  std::string function, name, kind;  // kernel, view, reference
  std::vector<std::string> operators, sources;
  int64_t calls = 0;   // in one run
  double seconds = 0;  // in one run: the median over the runs
  Work work;           // in one run
};
// The slowest first. All runs are of `e`, with the same inputs.
std::vector<ProfileLine> lines_of(const Executable& e, const std::vector<Profile>& runs);
double median_seconds(const std::vector<Profile>& runs);  // of whole runs
double median_between(const std::vector<Profile>& runs);  // of what is in no line

// Chrome's trace format (chrome://tracing, ui.perfetto.dev): one event for each group that ran.
std::string trace_json(const Profile& p);

}  // namespace tauto
