// Reading of model options.
#include "compile/model_options.h"

#include <charconv>

#include "compile/faults.h"
#include "compile/pipeline.h"

namespace tauto {

std::vector<std::string> split_words(std::string_view text, std::string_view where) {
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

ModelOptions parse_model_options(std::string_view text, std::string_view where) {
  ModelOptions r;
  const std::vector<std::string> words = split_words(text, where);
  for (size_t i = 0; i < words.size(); ++i) {
    std::string_view w = words[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 == words.size()) fail(where, ": ", w, ": required a value");
      return words[++i];
    };
    if (w == "--interpret") {
      r.interpret = true;
    } else if (w == "--isa") {
      r.isa = choose_isa(this_cpu().features, value().c_str());
    } else if (w == "--threads") {
      const std::string& n = value();
      const auto [end, status] = std::from_chars(n.data(), n.data() + n.size(), r.threads);
      if (status != std::errc() || end != n.data() + n.size() || r.threads < 1 || r.threads > 1024)
        fail(where, ": --threads: required 1 to 1024, got \"", n, "\"");
    } else if (w == "--off") {
      std::string_view rest = value();
      for (size_t comma = 0; comma != rest.npos; rest.remove_prefix(comma == rest.npos ? 0 : comma + 1)) {
        comma = rest.find(',');
        r.off.emplace_back(rest.substr(0, comma));
      }
      compile_flags(r.off);  // refuses what is no stage
    } else if (w == "--precision") {
      r.precision = value();
    } else if (w == "--calibrate") {
      r.calibration = value();
    } else if (w == "--fault") {
      const std::string& given = value();
      const size_t colon = given.rfind(':');
      const char *from = given.data() + std::min(colon + 1, given.size()), *to = given.data() + given.size();
      const auto [end, status] = std::from_chars(from, to, r.fault_seed);
      if (colon == std::string::npos || status != std::errc() || end != to)
        fail(where, ": --fault: required KIND:SEED, got \"", given, "\"");
      r.fault = given.substr(0, colon);
      fault_named(r.fault);  // refuses what is none
    } else if (w == "--trust") {
      r.load.trust = true;
    } else if (w == "--allow" || w.substr(0, 8) == "--allow=") {
      if (w == "--allow" && i + 1 == words.size()) fail(where, ": --allow: required names of rewrites");
      r.load.allowed = Allowed::parse(w == "--allow" ? words[++i] : w.substr(8), cat(where, ": --allow"));
    } else if (w.substr(0, 2) == "--") {
      fail(where,
           ": required --allow, --precision, --calibrate, --trust, --isa, --threads, --off, --interpret or "
           "--fault, got \"",
           w, "\"");
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
