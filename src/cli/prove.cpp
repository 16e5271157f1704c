// tauto prove: what is shown of a model for every input, without data.
#include "cli/commands.h"
#include "cli/progress.h"
#include "compile/loaded_model.h"
#include "verify/prove_integers.h"

namespace tauto::cli {

int prove(const ProveOptions& o) {
  const Progress progress("proving");
  const IntegerProofs p = prove_integers(*LoadedModel::load(o.model, {}).module());
  put(text_of(p));
  return p.proved == p.neurons ? 0 : kExitDiffers;
}

}  // namespace tauto::cli
