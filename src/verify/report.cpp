// The page of a comparison, see report.h.
#include "verify/report.h"

#include <algorithm>
#include <cmath>

#include "verify/page/page.h"

namespace tauto::equivalence {
namespace {

constexpr size_t kMostPictures = 40;
constexpr int64_t kLeastSide = 8, kMostSide = 512;

std::string joined(const char* const* parts) {
  std::string s;
  for (; *parts; ++parts) s += *parts;
  return s;
}

// A script's text may hold anything but what ends it.
std::string inside_script(std::string s) {
  for (size_t at = 0; (at = s.find("</", at)) != std::string::npos; at += 3) s.insert(at + 1, "\\");
  return s;
}

std::string base64(const std::vector<uint8_t>& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string s;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t v = 0;
    for (size_t k = 0; k < 3; ++k) v = v << 8 | (i + k < bytes.size() ? bytes[i + k] : 0u);
    for (size_t k = 0; k < 4; ++k) s += i + k <= bytes.size() ? kDigits[v >> (18 - 6 * k) & 63] : '=';
  }
  return s;
}

struct Picture {
  int64_t width = 0, height = 0, channels = 1;
  int64_t x = 1, y = 0, c = 0;  // strides
};

// Is a sample of this shape a picture? Axes of size 1 do not count; one of 1 or 3 channels before or behind
// two of space, or a square number of pixels in a row.
std::optional<Picture> picture_of(const Shape& shape) {
  Shape s;
  for (const int64_t n : shape)
    if (n != 1) s.push_back(n);
  Picture p;
  const auto side = [](int64_t n) { return n >= kLeastSide && n <= kMostSide; };
  if (s.size() == 1) {
    const auto n = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(s[0]))));
    if (n * n != s[0] || !side(n)) return std::nullopt;
    p.width = p.height = p.y = n;
    return p;
  }
  if (s.size() == 2 && side(s[0]) && side(s[1])) {
    p.height = s[0];
    p.width = p.y = s[1];
    return p;
  }
  if (s.size() != 3) return std::nullopt;
  p.channels = 3;
  if (s[0] == 3 && side(s[1]) && side(s[2])) {
    p.height = s[1];
    p.width = p.y = s[2];
    p.c = s[1] * s[2];
    return p;
  }
  if (s[2] == 3 && side(s[0]) && side(s[1])) {
    p.height = s[0];
    p.width = s[1];
    p.x = 3;
    p.y = 3 * s[1];
    p.c = 1;
    return p;
  }
  return std::nullopt;
}

std::string pictures_of(const Samples& samples, const NamedTypes& inputs, const SameResult& r) {
  std::string list;
  for (size_t k = 0; k < r.flips.size() && k < kMostPictures && !inputs.empty(); ++k) {
    const Tensor t = samples.one(0, r.flips[k].sample);
    const std::optional<Picture> p = picture_of(t.shape());
    if (!p || !(t.type().is_float() || t.type() == u8)) return "[]";
    const std::vector<double> v = as_doubles(t);
    const auto [least, most] = std::minmax_element(v.begin(), v.end());
    const double span = *most > *least ? *most - *least : 1;
    std::vector<uint8_t> bytes;
    for (int64_t y = 0; y < p->height; ++y)
      for (int64_t x = 0; x < p->width; ++x)
        for (int64_t c = 0; c < p->channels; ++c) {
          const double level = (v[static_cast<size_t>(y * p->y + x * p->x + c * p->c)] - *least) / span;
          bytes.push_back(static_cast<uint8_t>(level >= 0 ? level * 255 + 0.5 : 0));  // NaN is black
        }
    list += cat(list.empty() ? "" : ",\n", "{\"sample\": ", r.flips[k].sample, ", \"width\": ", p->width,
                ", \"height\": ", p->height, ", \"channels\": ", p->channels, ", \"data\": \"", base64(bytes),
                "\"}");
  }
  return cat("[", list, "]");
}

}  // namespace

std::string report_page(const std::string& json, const Samples& samples, const NamedTypes& inputs,
                        const SameResult& r) {
  return cat(
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width\">\n",
      "<title>", r.holds() ? "Same" : "Not shown to be the same", "</title>\n<style>\n", joined(kChartStyle),
      joined(kPageStyle), "</style>\n<body><main></main>\n<script type=\"application/json\" id=\"data\">",
      inside_script(json), "</script>\n<script type=\"application/json\" id=\"pictures\">",
      pictures_of(samples, inputs, r), "</script>\n<script>", inside_script(joined(kChartScript)),
      "</script>\n<script>\n", inside_script(joined(kPageScript)), "</script>\n</body>\n</html>\n");
}

}  // namespace tauto::equivalence
