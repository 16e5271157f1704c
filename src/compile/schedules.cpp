// Reading the schedules of a program.
#include "compile/schedules.h"

#include "support/error.h"

namespace tauto {
namespace {

constexpr std::string_view kHead = "schedule @";

}  // namespace

Schedules parse_schedules(std::string_view text) {
  Schedules all;
  ScheduleKey key;
  std::string plan;  // with an empty line for each one before it: parse_plan counts
  int number = 0;
  const auto finish = [&] {
    const Plan p = parse_plan(plan);
    if (!key.second.empty() && !all.try_emplace(key, p).second)
      fail("schedule @", key.first, " ", key.second, ": stands there twice");
    plan.assign(static_cast<size_t>(number), '\n');
  };
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    ++number;
    if (line.substr(0, kHead.size()) != kHead) {
      const std::string_view content = line.substr(0, line.find('#'));
      if (key.second.empty() && content.find_first_not_of(" \t\r") != content.npos)
        fail("schedule: line ", number, ": required \"schedule @FUNCTION KERNEL\", got \"", content, "\"");
      plan += std::string(line) + "\n";
      continue;
    }
    finish();
    std::string_view rest = line.substr(kHead.size());
    rest = rest.substr(0, rest.find('#'));
    while (!rest.empty() && (rest.back() == ' ' || rest.back() == '\r')) rest.remove_suffix(1);
    const size_t space = rest.find(' ');
    if (space == 0 || space == rest.npos || space + 1 == rest.size())
      fail("schedule: line ", number, ": required \"schedule @FUNCTION KERNEL\", got \"", line, "\"");
    key = {std::string(rest.substr(0, space)), std::string(rest.substr(space + 1))};
  }
  finish();
  return all;
}

void require_used(const Schedules& s, const std::set<ScheduleKey>& used) {
  for (const auto& [key, plan] : s)
    if (!used.count(key))
      fail("schedule @", key.first, " ", key.second, ": the program has no kernel of that name");
}

}  // namespace tauto
