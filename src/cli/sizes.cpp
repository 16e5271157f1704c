// Reading --dim.
#include "cli/sizes.h"

#include <algorithm>
#include <charconv>

namespace tauto::cli {

std::pair<std::string, std::string> split_option(const std::string& option, const std::string& s,
                                                 const char* form) {
  const size_t at = s.rfind('=', s.ends_with('}') ? s.find('{') : std::string::npos);
  if (at == std::string::npos || at == 0 || at + 1 == s.size())
    fail(option, ": required ", form, ", got \"", s, "\"");
  return {s.substr(0, at), s.substr(at + 1)};
}

Env sizes_of(const std::vector<std::string>& dims, const LoadedModel& m, const std::string& command) {
  Env env;
  std::vector<std::string> known;
  for (const auto& [name, type] : m.inputs())
    if (type.is_tensor())
      for (const Dim& d : type.dims) symbols_of(d, known);
  for (const std::string& d : dims) {
    const auto [name, text] = split_option(command + ": --dim", d, "SYMBOL=SIZE");
    int64_t size = 0;
    const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), size);
    if (status != std::errc() || end != text.data() + text.size() || size < 0)
      fail(command, ": --dim ", name, ": required a size of 0 or more, got \"", text, "\"");
    if (!env.bind(name, size)) fail(command, ": --dim ", name, ": given twice");
    if (std::find(known.begin(), known.end(), name) == known.end())
      fail(command, ": --dim ", name, ": required a symbol of an input's shape, got none of that name");
  }
  return env;
}

}  // namespace tauto::cli
