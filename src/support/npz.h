// NumPy's archives of arrays: a zip file with an entry "NAME.npy" for each array, stored or deflated.
// The file need not be trusted: entries that overlap, lie about their size or fail their checksum are
// refused.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "support/npy.h"

namespace tauto {

using NamedArrays = std::vector<std::pair<std::string, NpyArray>>;  // in the order of the archive

// `name` is how errors call the bytes.
NamedArrays read_npz(const Bytes& bytes, const std::string& name);

// The same arrays give the same bytes: entries bear no date.
std::string write_npz(const NamedArrays& arrays, bool compress = false);

}  // namespace tauto
