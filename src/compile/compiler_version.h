// Which compiler this is: a hash of its sources, so that code that another one made is not taken for its own.
#pragma once

namespace tauto {

// Hexadecimal digits; the build writes it (src/compile/compiler_version.cmake).
extern const char* const kCompilerVersion;

}  // namespace tauto
