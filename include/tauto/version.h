// The version of the project.
#pragma once

namespace tauto {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace tauto
