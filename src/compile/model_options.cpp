// Reading of model options.
#include "compile/model_options.h"

#include <optional>
#include <vector>

namespace tauto {
namespace {

std::vector<std::string> words_of(std::string_view text, std::string_view where) {
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    const bool quoted = text[at] == '"';
    const size_t from = quoted ? at + 1 : at;
    const size_t end = text.find(quoted ? '"' : ' ', from);
    if (quoted && end == text.npos) fail(where, ": required an ending \", got ", text.substr(at));
    words.emplace_back(text.substr(from, end == text.npos ? end : end - from));
    at = end == text.npos ? text.size() : end + 1;
  }
  return words;
}

}  // namespace

ModelOptions parse_model_options(std::string_view text, std::string_view where) {
  ModelOptions r;
  const std::vector<std::string> words = words_of(text, where);
  for (size_t i = 0; i < words.size(); ++i) {
    std::string_view w = words[i];
    if (w == "--trust") {
      r.load.trust = true;
    } else if (w == "--allow" || w.substr(0, 8) == "--allow=") {
      if (w == "--allow" && i + 1 == words.size()) fail(where, ": --allow: required names of rewrites");
      r.load.allowed = Allowed::parse(w == "--allow" ? words[++i] : w.substr(8), cat(where, ": --allow"));
    } else if (w.substr(0, 2) == "--") {
      fail(where, ": required --allow or --trust, got \"", w, "\"");
    } else if (r.path.empty()) {
      r.path = w;
    } else {
      fail(where, ": required one model, got \"", r.path, "\" and \"", w, "\"");
    }
  }
  if (r.path.empty()) fail(where, ": required a model, got \"", text, "\"");
  return r;
}

}  // namespace tauto
