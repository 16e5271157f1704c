// Writing and reading the JSON of a comparison.
#include "verify/same_json.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace tauto::equivalence {
namespace {

using Json = nlohmann::ordered_json;

// JSON has no infinities; NaN and they become null.
Json number(double v) { return std::isfinite(v) ? Json(v) : Json(nullptr); }

Json pairs(const std::vector<std::pair<std::string, double>>& list) {
  Json j = Json::array();
  for (const auto& [name, share] : list) j.push_back({{"node", name}, {"share", number(share)}});
  return j;
}

Json verdict(const Verdict& v) {
  Json j{{"kind", text_of(v.kind)}};
  if (!v.reason.empty()) j["reason"] = v.reason;
  if (v.kind == Verdict::Kind::Supported) j["rate"] = v.rate, j["alpha"] = v.alpha;
  if (v.n > 0) j["n"] = v.n;
  if (!v.witness.empty()) j["witness"] = v.witness;
  return j;
}

}  // namespace

std::string json_of(const SameResult& r, const SameRequest& request) {
  Json j;
  j["same"] = 1;  // the version of this form
  Json& asked = j["request"] = Json{{"a", request.a}, {"b", request.b}, {"options", Json::array()}};
  for (const auto& [name, value] : request.options) asked["options"].push_back({name, value});
  j["holds"] = r.holds();
  j["a"] = {{"spec", r.a}, {"is", r.a_is}, {"sha256", r.a_sha256}};
  j["b"] = {{"spec", r.b}, {"is", r.b_is}, {"sha256", r.b_sha256}};
  j["contract"] = {
      {"semantics", r.semantics},         {"decision", r.decision}, {"ties", r.ties},
      {"budget", r.budget_text},          {"data", r.data},         {"data_sha256", r.data_sha256},
      {"binary_sha256", r.binary_sha256}, {"samples", r.samples},   {"compared", r.compared},
      {"equal_bits", r.equal_bits}};
  j["lines"] = Json::array();
  for (const Line& l : r.lines) {
    Json line{{"leg", l.leg},       {"path", l.path},     {"level", l.level},
              {"counts", l.counts}, {"detail", l.detail}, {"more", l.more}};
    if (l.verdict) line["verdict"] = verdict(*l.verdict);
    j["lines"].push_back(std::move(line));
  }
  j["text"] = text_of(r);
  j["outputs"] = Json::array();
  for (const OutputDifference& d : r.differences)
    j["outputs"].push_back({{"name", d.name},
                            {"elements", d.elements},
                            {"differ", d.differ},
                            {"most", number(d.most)},
                            {"mean", number(d.mean)},
                            {"scale", number(d.scale)}});
  j["nodes"] = Json::array();
  for (const SourceCheck& c : r.nodes)
    j["nodes"].push_back({{"node", c.node},
                          {"op", c.op},
                          {"worst", number(c.worst)},
                          {"error", number(c.error)},
                          {"bound", number(c.bound)},
                          {"at", c.at},
                          {"elements", c.elements},
                          {"outside", c.outside},
                          {"unbounded", c.unbounded},
                          {"largest", number(c.largest)},
                          {"scale", number(c.scale)},
                          {"ulps", c.ulps},
                          {"skipped", c.skipped}});
  j["values"] = Json::array();  // of our machine code
  for (size_t i = 0; i < r.values.size() && i < r.value_names.size(); ++i) {
    const ValueCheck& c = r.values[i];
    j["values"].push_back({{"node", r.value_names[i]},
                           {"worst", number(c.worst.ratio)},
                           {"error", number(c.worst.error)},
                           {"bound", number(c.worst.bound)},
                           {"elements", c.worst.elements},
                           {"outside", c.worst.outside},
                           {"trips", c.trips},
                           {"unbounded", c.worst.unbounded},
                           {"ulps", c.worst.ulps},
                           {"skipped", c.trips > 0         ? (c.worst.elements > 0 ? "" : "not compared")
                                       : c.skipped.empty() ? "not looked at"
                                                           : c.skipped}});
  }
  j["first_illegal"] = r.first_illegal;
  j["stage"] = r.stage;
  j["cut_effect"] = r.cut_effect;
  j["cuts"] = Json::array();
  for (const CutRow& c : r.cuts)
    j["cuts"].push_back(
        {{"op", c.op}, {"nodes", c.nodes}, {"changes", number(c.changes)}, {"off", number(c.off)}});
  j["flips"] = Json::array();
  for (const Flip& f : r.flips)
    j["flips"].push_back({{"sample", f.sample},
                          {"a", f.a},
                          {"b", f.b},
                          {"margin", number(f.margin)},
                          {"tied", f.tied},
                          {"excused", f.excused},
                          {"leg", f.leg},
                          {"label", f.label},
                          {"nodes", pairs(f.nodes)}});
  j["decisions"] = {{"ties", r.ties_seen},
                    {"nan_a", r.nan_a},
                    {"nan_b", r.nan_b},
                    {"labelled", r.labelled},
                    {"right_a", r.right_a},
                    {"right_b", r.right_b},
                    {"right_to_wrong", r.right_to_wrong},
                    {"wrong_to_right", r.wrong_to_right},
                    {"certified", r.certified},
                    {"certifiable", r.certifiable}};
  // Of each sample: margin, and 0 certified, 1 neither, 2 excused flip, 3 flip.
  j["margins"] = Json::array();
  for (const MarginPoint& m : r.margins)
    j["margins"].push_back({number(m.margin), m.flip ? (m.excused ? 2 : 3) : m.certified ? 0 : 1});
  j["hashes"] = Json::array();
  for (const HashRow& h : r.hashes)
    j["hashes"].push_back(
        {{"isa", h.isa}, {"how", h.how}, {"split", h.split}, {"threads", h.threads}, {"sha256", h.sha256}});
  j["proofs"] = Json::array();
  for (const auto& [kernel, what] : r.proofs) j["proofs"].push_back({{"kernel", kernel}, {"proof", what}});
  j["blame"] = pairs(r.blame);
  j["ledger"] = r.ledger;
  j["graph"] = Json::array();
  for (const SourceEdge& n : r.graph)
    j["graph"].push_back({{"node", n.node}, {"op", n.op}, {"inputs", n.inputs}});
  j["not_covered"] = r.not_covered;
  for (const RegionNumbers& n : r.regions)
    j["regions"].push_back({{"goal", n.goal},
                            {"boxes", n.boxes},
                            {"leaves", n.leaves},
                            {"left", n.left},
                            {"deepest", n.deepest},
                            {"closed", n.closed},
                            {"bound", number(n.bound)},
                            {"first_bound", number(n.first_bound)},
                            {"seen", number(n.seen)},
                            {"cpu_seconds", n.cpu_seconds},
                            {"seconds", n.seconds}});
  if (r.witness >= 0) j["witness"] = {{"sample", r.witness}, {"file", request.witness}};
  j["seconds"] = std::round(r.seconds * 100) / 100;
  return j.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Replay read_replay(std::string_view text, const std::string& name) {
  const Json j = Json::parse(text, nullptr, false);
  const auto wrong = [&] { fail("same: --replay: ", name, ": required what tauto same --json writes"); };
  try {
    if (j.is_discarded() || j.at("same") != 1) wrong();
    Replay r;
    r.request.a = j.at("request").at("a").get<std::string>();
    r.request.b = j.at("request").at("b").get<std::string>();
    for (const Json& o : j.at("request").at("options"))
      r.request.options.emplace_back(o.at(0).get<std::string>(), o.at(1).get<std::string>());
    for (const Json& l : j.at("lines"))
      r.verdicts.push_back(l.contains("verdict") ? l.at("verdict").at("kind").get<std::string>() : "");
    if (j.contains("witness")) {
      r.sample = j.at("witness").at("sample").get<int64_t>();
      r.request.witness = j.at("witness").at("file").get<std::string>();
    }
    return r;
  } catch (const Json::exception&) {
    wrong();
  }
  return {};
}

}  // namespace tauto::equivalence
