// Feature bits as in Intel's SDM, volume 2A, CPUID (leaves 1, 7.0, 7.1) and volume 1, 13.3 (XCR0); caches and
// topology from Linux's sysfs, which has one form for every architecture.
#include "support/cpu.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "support/error.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace tauto {
namespace {

constexpr uint32_t kYmmState = 0x6, kZmmState = 0xe6, kTileState = 0x60000;

bool bit(uint32_t word, int index) { return (word >> index & 1) != 0; }

CpuFeatureWords read_words() {
  CpuFeatureWords words;
#if defined(__x86_64__)
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d)) words.leaf1_ecx = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    words.leaf7_ebx = b, words.leaf7_ecx = c, words.leaf7_edx = d;
    if (a >= 1 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) words.leaf7_1_eax = a;
  }
  if (bit(words.leaf1_ecx, 27)) {  // OSXSAVE: xgetbv exists
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    words.xcr0 = a;
  }
#endif
  return words;
}

// The first word of a small file; empty if there is none.
std::string read_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

int64_t parse_size(const std::string& text) {  // "48K", "2048K", "260M"
  char* end = nullptr;
  const int64_t number = std::strtoll(text.c_str(), &end, 10);
  return *end == 'K' ? number << 10 : *end == 'M' ? number << 20 : number;
}

void read_caches(Cpu& cpu, const std::string& folder) {
  cpu.l1 = 32 << 10, cpu.l2 = 256 << 10;
  for (int i = 0; i < 8; ++i) {
    const std::string index = folder + "/cache/index" + text_of(i) + "/";
    const std::string type = read_word(index + "type");
    const int64_t size = parse_size(read_word(index + "size"));
    if ((type != "Data" && type != "Unified") || size <= 0) continue;
    const std::string level = read_word(index + "level");
    if (level == "1") {
      cpu.l1 = size;
      cpu.line = std::max(16, static_cast<int>(parse_size(read_word(index + "coherency_line_size"))));
    } else if (level == "2") {
      cpu.l2 = size;
    } else if (level == "3") {
      cpu.l3 = size;
      cpu.l3_sharers = std::max(1, count_cpu_list(read_word(index + "shared_cpu_list")));
    }
  }
}

// Whole CPUs that the control group (version 2, then 1) grants; a large number without a limit.
int quota() {
  std::ifstream unified("/sys/fs/cgroup/cpu.max");
  std::string limit;
  double period = 0;
  double granted = 0;
  if (unified >> limit >> period && limit != "max") granted = std::atof(limit.c_str());
  if (granted <= 0) {
    granted = std::atof(read_word("/sys/fs/cgroup/cpu/cpu.cfs_quota_us").c_str());
    period = std::atof(read_word("/sys/fs/cgroup/cpu/cpu.cfs_period_us").c_str());
  }
  return granted > 0 && period > 0 ? std::max(1, static_cast<int>(granted / period)) : 1 << 20;
}

void read_cores(Cpu& cpu) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  int first = 0;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    cpu.logical = std::max(1, CPU_COUNT(&allowed));
    std::set<std::string> cores;
    for (int i = CPU_SETSIZE - 1; i >= 0; --i) {
      if (!CPU_ISSET(i, &allowed)) continue;
      first = i;
      const std::string folder = "/sys/devices/system/cpu/cpu" + text_of(i);
      const std::string siblings = read_word(folder + "/topology/thread_siblings_list");
      cores.insert(siblings.empty() ? text_of(i) : siblings);
    }
    cpu.cores = std::max<int>(1, static_cast<int>(cores.size()));
  } else {
    cpu.logical = cpu.cores = std::max(1, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
  }
  const int most = quota();
  cpu.logical = std::min(cpu.logical, most);
  cpu.cores = std::min(cpu.cores, most);
  read_caches(cpu, "/sys/devices/system/cpu/cpu" + text_of(first));
}

std::string read_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    const size_t colon = line.find(": ");
    return colon == std::string::npos ? "" : line.substr(colon + 2);
  }
  return "unknown";
}

}  // namespace

CpuFeatures features_of(const CpuFeatureWords& w) {
  CpuFeatures f;
  const bool ymm = (w.xcr0 & kYmmState) == kYmmState;
  const bool zmm = (w.xcr0 & kZmmState) == kZmmState;
  const bool tiles = (w.xcr0 & kTileState) == kTileState;
  f.avx2 = ymm && bit(w.leaf7_ebx, 5) && bit(w.leaf1_ecx, 12) && bit(w.leaf1_ecx, 29);
  f.avx512 = f.avx2 && zmm && bit(w.leaf7_ebx, 16) && bit(w.leaf7_ebx, 17) && bit(w.leaf7_ebx, 28) &&
             bit(w.leaf7_ebx, 30) && bit(w.leaf7_ebx, 31);
  f.avx_vnni = f.avx2 && bit(w.leaf7_1_eax, 4);
  f.avx512_vnni = f.avx512 && bit(w.leaf7_ecx, 11);
  f.avx512_vbmi = f.avx512 && bit(w.leaf7_ecx, 1);
  f.avx512_vpopcntdq = f.avx512 && bit(w.leaf7_ecx, 14);
  f.avx512_bf16 = f.avx512 && bit(w.leaf7_1_eax, 5);
  f.avx512_fp16 = f.avx512 && bit(w.leaf7_edx, 23);
  const bool amx = tiles && bit(w.leaf7_edx, 24);
  f.amx_int8 = amx && bit(w.leaf7_edx, 25);
  f.amx_bf16 = amx && bit(w.leaf7_edx, 22);
  return f;
}

const Cpu& this_cpu() {
  static const Cpu cpu = [] {
    Cpu c;
    c.features = features_of(read_words());
    c.name = read_name();
    read_cores(c);
    return c;
  }();
  return cpu;
}

namespace {
constexpr const char* kIsaNames[] = {"avx2", "avx512", "avx2-novnni", "avx512-novnni"};
}
const char* isa_name(Isa isa) { return kIsaNames[static_cast<size_t>(isa)]; }

bool has_vnni(Isa isa, const CpuFeatures& f) {
  return (isa == Isa::Avx2 && f.avx_vnni) || (isa == Isa::Avx512 && f.avx512_vnni);
}

bool has_vbmi(Isa isa, const CpuFeatures& f) { return isa == Isa::Avx512 && f.avx512_vbmi; }
bool has_popcnt(Isa isa, const CpuFeatures& f) { return isa == Isa::Avx512 && f.avx512_vpopcntdq; }
bool has_bf16(Isa isa, const CpuFeatures& f) { return isa == Isa::Avx512 && f.avx512_bf16; }

Isa choose_isa(const CpuFeatures& features, const char* forced) {
  const std::string name = forced ? forced : "";
  if (name.empty()) return features.avx512 ? Isa::Avx512 : Isa::Avx2;
  const auto known = std::find(std::begin(kIsaNames), std::end(kIsaNames), name);
  if (known == std::end(kIsaNames))
    fail("TAUTO_ISA: required avx2, avx512, avx2-novnni or avx512-novnni, got \"", name, "\"");
  const Isa isa = static_cast<Isa>(known - std::begin(kIsaNames));
  if (!(is_avx512(isa) ? features.avx512 : features.avx2)) {
    fail("TAUTO_ISA: required a CPU with ", is_avx512(isa) ? "avx512" : "avx2",
         ", this one has: ", text_of(features));
  }
  return isa;
}

Isa native_isa() { return choose_isa(this_cpu().features, std::getenv("TAUTO_ISA")); }

std::string text_of(const CpuFeatures& f) {
  const struct {
    bool present;
    const char* name;
  } all[] = {{f.avx2, "avx2"},
             {f.avx512, "avx512"},
             {f.avx_vnni, "avx_vnni"},
             {f.avx512_vnni, "avx512_vnni"},
             {f.avx512_vbmi, "avx512_vbmi"},
             {f.avx512_vpopcntdq, "avx512_vpopcntdq"},
             {f.avx512_bf16, "avx512_bf16"},
             {f.avx512_fp16, "avx512_fp16"},
             {f.amx_int8, "amx_int8"},
             {f.amx_bf16, "amx_bf16"}};
  std::string text;
  for (const auto& one : all) {
    if (one.present) text += (text.empty() ? "" : " ") + std::string(one.name);
  }
  return text.empty() ? "none of the known features" : text;
}

std::string text_of(const Cpu& cpu) {
  return cat(text_of(cpu.features), "; L1 ", cpu.l1 >> 10, " KiB, L2 ", cpu.l2 >> 10, " KiB, L3 ",
             cpu.l3 >> 10, " KiB shared by ", cpu.l3_sharers, ", line ", cpu.line, "; ", cpu.cores,
             " cores, ", cpu.logical, " threads");
}

int count_cpu_list(const std::string& list) {
  std::istringstream parts(list);
  int count = 0;
  for (std::string part; std::getline(parts, part, ',');) {
    int first = 0, last = 0, used = 0;
    if (std::sscanf(part.c_str(), "%d%n", &first, &used) != 1) return 0;
    if (part[static_cast<size_t>(used)] == 0) {
      last = first;
    } else if (std::sscanf(part.c_str() + used, "-%d", &last) != 1 || last < first) {
      return 0;
    }
    count += last - first + 1;
  }
  return count;
}

}  // namespace tauto
