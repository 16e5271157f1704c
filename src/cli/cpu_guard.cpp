// Runs before every static constructor of the program (priority 101 is the first an application may have) and
// ends it with one clear line where main() could not even begin. Compiled for plain x86-64, see cpu_check.h.
#include <string.h>
#include <unistd.h>

#include "support/cpu_check.h"

namespace {

constexpr int kExitCpu = 70;  // EX_SOFTWARE of sysexits.h: this program cannot run here

void put(const char* text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(kExitCpu);
}

__attribute__((constructor(101))) void guard() {
  const char* problem = tauto::cpu_problem();
  if (!problem) return;
  put("tauto: ");
  put(problem);
  put("\n");
  _exit(kExitCpu);
}

}  // namespace
