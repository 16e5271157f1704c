// Memory of bytes accessed as i32, four bytes at once: what dot products read (dots.h), and results whose
// innermost axis is four bytes long, such as the three channels of an image and one of zeros:
//
//   out[p, c] = f(x[c, p]), c < 4      out4[p] = f(x[0, p]) | f(x[1, p]) << 8 | f(x[2, p]) << 16 | …
//
// so that the lanes are pixels, which lie side by side in x, and not four channels.
#pragma once

#include "loops/affine.h"
#include "schedule/schedule.h"

namespace tauto {

constexpr int64_t kWordBytes = 4;

bool is_whole_words(const Dim& bytes);

// The word in which the byte at an index lies whose `axis` counts the bytes of a word; nothing where words
// would not begin at multiples of four.
std::optional<loops::Affine> word_of(const loops::Affine& byte, const std::string& axis);

// A map to bytes that stores four at once; nothing if that does not apply, or if what is read lies side by
// side along the four as well.
std::optional<Nest> with_word_stores(const Nest& n);

}  // namespace tauto
