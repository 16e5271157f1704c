// Recording runs, adding up what they say, and Chrome's trace.
#include "compile/profile.h"

#include <algorithm>
#include <chrono>

#include "compile/stages.h"

namespace tauto {
namespace {

double median(std::vector<double> v) {
  if (v.empty()) return 0;
  std::sort(v.begin(), v.end());
  return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
}

const char* kind_of(const Group& g) {
  constexpr const char* kNames[] = {"kernel", "view", "reference"};
  return kNames[static_cast<int>(g.kind)];
}

std::vector<std::string> sources_of(const Module& m, const Function& f, const Group& g) {
  std::vector<std::string> names;
  for (Id id : g.nodes)
    for (int s : f.provenance[static_cast<size_t>(id)])
      if (const std::string& name = m.sources[static_cast<size_t>(s)];
          std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(name);
  return names;
}

std::string json(const std::string& s) {
  std::string r = "\"";
  for (char c : s) {
    constexpr const char* kHex = "0123456789abcdef";
    if (c == '"' || c == '\\')
      r += '\\', r += c;
    else if (static_cast<unsigned char>(c) < 0x20)
      r += "\\u00", r += kHex[c / 16], r += kHex[c % 16];
    else
      r += c;
  }
  return r + "\"";
}

}  // namespace

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void Profile::add(const CompiledFunction& f, size_t group, const Env& env, int64_t started, int64_t took,
                  int64_t self, int depth) {
  if (envs.empty() || !(envs.back() == env)) envs.push_back(env);
  events.push_back(
      {&f, static_cast<uint32_t>(group), static_cast<uint32_t>(envs.size() - 1), started, took, self, depth});
}

std::vector<ProfileLine> lines_of(const Executable& e, const std::vector<Profile>& runs) {
  std::map<std::pair<const CompiledFunction*, uint32_t>, size_t> index;
  std::vector<ProfileLine> lines;
  for (const auto& [name, f] : e.functions())
    for (size_t k = 0; k < f.groups.size(); ++k) {
      const Group& g = f.groups[k].group;
      index[{&f, static_cast<uint32_t>(k)}] = lines.size();
      ProfileLine l;
      l.function = name;
      l.name = name_of(f, f.groups[k]);
      l.kind = kind_of(g);
      for (Id id : g.nodes) l.operators.emplace_back(f.function->node(id).op->name);
      l.sources = sources_of(e.module(), *f.function, g);
      lines.push_back(std::move(l));
    }
  std::vector<std::vector<double>> seconds(lines.size());
  for (const Profile& run : runs) {
    std::vector<int64_t> sum(lines.size(), 0);
    std::map<std::pair<size_t, uint32_t>, Work> known;
    for (const Profile::Event& event : run.events) {
      const size_t at = index.at({event.function, event.group});
      sum[at] += event.self;
      if (&run != &runs.front()) continue;
      ++lines[at].calls;
      const auto [work, added] = known.try_emplace({at, event.env});
      if (added) work->second = work_of(event.function->groups[event.group].group, run.envs[event.env]);
      lines[at].work.flops += work->second.flops;
      lines[at].work.bytes += work->second.bytes;
    }
    for (size_t i = 0; i < lines.size(); ++i) seconds[i].push_back(static_cast<double>(sum[i]) * 1e-9);
  }
  for (size_t i = 0; i < lines.size(); ++i) lines[i].seconds = median(seconds[i]);
  lines.erase(std::remove_if(lines.begin(), lines.end(), [](const ProfileLine& l) { return l.calls == 0; }),
              lines.end());
  std::stable_sort(lines.begin(), lines.end(),
                   [](const ProfileLine& a, const ProfileLine& b) { return a.seconds > b.seconds; });
  return lines;
}

double median_seconds(const std::vector<Profile>& runs) {
  std::vector<double> v;
  for (const Profile& p : runs) v.push_back(static_cast<double>(p.end - p.start) * 1e-9);
  return median(v);
}

double median_between(const std::vector<Profile>& runs) {
  std::vector<double> v;
  for (const Profile& p : runs) {
    int64_t rest = p.end - p.start;
    for (const Profile::Event& e : p.events) rest -= e.self;
    v.push_back(static_cast<double>(rest) * 1e-9);
  }
  return median(v);
}

std::string trace_json(const Profile& p) {
  const auto micros = [](int64_t ns) { return cat(static_cast<double>(ns) / 1000); };
  std::string s = "{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n";
  s += cat("{\"name\": \"run\", \"ph\": \"X\", \"pid\": 1, \"tid\": 1, \"ts\": 0, \"dur\": ",
           micros(p.end - p.start), "}");
  for (const Profile::Event& e : p.events) {
    const CompiledGroup& g = e.function->groups[e.group];
    const Work w = work_of(g.group, p.envs[e.env]);
    std::string sources;
    for (const std::string& name : g.group.kernel.sources)
      sources += (sources.empty() ? "" : ", ") + json(name);
    s += cat(",\n{\"name\": ", json(name_of(*e.function, g)), ", \"cat\": \"", kind_of(g.group),
             "\", \"ph\": \"X\", \"pid\": 1, \"tid\": 1, \"ts\": ", micros(e.start - p.start),
             ", \"dur\": ", micros(e.took), ", \"args\": {\"function\": ", json(e.function->function->name),
             ", \"flops\": ", w.flops, ", \"bytes\": ", w.bytes, ", \"nodes\": [", sources, "]}}");
  }
  return s + "\n]}\n";
}

}  // namespace tauto
