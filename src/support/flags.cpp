// Reading the environment, and the two ways to see what is compiled: lines on stderr, files in a folder.
#include "support/flags.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "support/error.h"
#include "support/file.h"

namespace tauto {

bool Flags::is_off(std::string_view name) const {
  return std::find(off.begin(), off.end(), name) != off.end();
}

Flags flags_of(const char* debug, const char* dump, const char* off, const char* perf) {
  Flags f;
  if (const std::string d = debug ? debug : ""; !d.empty()) {
    if (d.size() != 1 || d[0] < '0' || d[0] > '5') fail("TAUTO_DEBUG: required 0 to 5, got \"", d, "\"");
    f.debug = d[0] - '0';
  }
  if (dump) f.dump = dump;
  if (const std::string p = perf ? perf : ""; !p.empty() && p != "0" && p != "1")
    fail("TAUTO_PERF: required 0 or 1, got \"", p, "\"");
  std::string_view rest = off ? off : "";
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    if (comma != 0) f.off.emplace_back(rest.substr(0, comma));
    rest.remove_prefix(comma == rest.npos ? rest.size() : comma + 1);
  }
  return f;
}

Flags read_flags() {
  return flags_of(std::getenv("TAUTO_DEBUG"), std::getenv("TAUTO_DUMP"), std::getenv("TAUTO_OFF"),
                  std::getenv("TAUTO_PERF"));
}

void say(const std::string& line) { std::fputs((line + "\n").c_str(), stderr); }

std::string Dump::next(const std::string& stem) const {
  static std::atomic<int> count{0};
  const std::string number = std::to_string(count++);
  return (number.size() < 2 ? "0" : "") + number + "_" + stem;
}

void Dump::write(const std::string& name, std::string_view text) const {
  if (!on()) return;
  std::error_code status;
  std::filesystem::create_directories(folder_, status);
  if (status) fail("TAUTO_DUMP: required a folder, got \"", folder_, "\" (", status.message(), ")");
  write_file(folder_ + "/" + name, text);
}

}  // namespace tauto
