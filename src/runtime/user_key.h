// The key of a user: 32 random bytes that nobody else may read, by which Tauto knows the files it wrote
// itself.
//
// A model file is untrusted; machine code in it runs only if this key authenticates it (compile/artifact.h).
// The key lies in $XDG_CONFIG_HOME/tauto/key, by default ~/.config/tauto/key, and is made when first needed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace tauto {

using UserKey = std::array<uint8_t, 32>;

// Nothing where there is none and none can be made, or where others may read or change it; `reason` says so.
std::optional<UserKey> user_key(std::string& reason);

}  // namespace tauto
