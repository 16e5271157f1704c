// The header is a Python dictionary literal; `Header` parses just the three entries that NumPy writes.
#include "support/npy.h"

#include <algorithm>
#include <cstring>

#include "support/error.h"

namespace tauto {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxRank = 64;                // NumPy's own
constexpr size_t kMaxBytes = size_t{1} << 62;  // far from overflow

struct Type {
  char kind = 0;     // b i u f c U S
  size_t size = 0;   // bytes of one element
  size_t width = 0;  // characters of a string
};

// "" if `descr` is supported, else what is wrong with it.
std::string parse_type(std::string_view descr, Type& type) {
  const auto given = [&](std::string_view why) { return cat(why, ", given element type \"", descr, "\""); };
  if (descr.size() < 2) return given("required a byte order, a kind and a size");
  const char order = descr[0];
  type.kind = descr[1];
  type.width = 0;
  if (descr.size() > 11) return given("required a size below 10^9");
  for (const char c : descr.substr(2)) {
    if (c < '0' || c > '9') return given("required a kind and a size");
    type.width = type.width * 10 + static_cast<size_t>(c - '0');
  }
  type.size = type.kind == 'U' ? 4 * type.width : type.width;
  if (std::string_view("<>=|").find(order) == std::string_view::npos) return given("required a byte order");
  if (order == '>' && type.size > 1 && type.kind != 'S') return given("required little-endian numbers");
  if (type.kind == 'O') return given("pickled Python objects are refused: they run code when read");
  if (type.kind == 'V') return given("raw elements have no number type (bfloat16 is written so)");
  const auto sized = [&](std::initializer_list<size_t> sizes) {
    return std::find(sizes.begin(), sizes.end(), type.size) != sizes.end();
  };
  const bool known = type.kind == 'b'                       ? sized({1})
                     : type.kind == 'i' || type.kind == 'u' ? sized({1, 2, 4, 8})
                     : type.kind == 'f'                     ? sized({2, 4, 8})
                     : type.kind == 'c'                     ? sized({8, 16})
                                                            : type.kind == 'U' || type.kind == 'S';
  if (!known) return given("required bool, int, uint, float16/32/64, complex64/128 or strings");
  return "";
}

size_t product(const std::vector<int64_t>& shape, size_t size, bool& fits) {
  size_t bytes = size;
  fits = true;
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  for (const int64_t d : shape) {
    if (bytes != 0 && static_cast<size_t>(d) > kMaxBytes / bytes) fits = false;
    if (!fits) return 0;
    bytes *= static_cast<size_t>(d);
  }
  return bytes;
}

class Header {
 public:
  Header(std::string_view text, std::string_view name) : rest_(text), name_(name) {}

  void parse() {
    bool has_descr = false, has_order = false, has_shape = false;
    const auto once = [&](bool& has, std::string_view key) {
      if (has) error("the key \"", key, "\" is given twice");
      has = true;
    };
    expect('{');
    while (!take('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        once(has_descr, key);
        skip_space();
        if (!rest_.empty() && rest_[0] == '[') error("record arrays are not supported");
        descr = quoted();
      } else if (key == "fortran_order") {
        once(has_order, key);
        fortran = word();
      } else if (key == "shape") {
        once(has_shape, key);
        tuple();
      } else {
        error("required the keys descr, fortran_order and shape, given \"", key, "\"");
      }
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (!rest_.empty()) error("text follows the dictionary");
    if (!has_descr || !has_order || !has_shape)
      error("required the keys descr, fortran_order and shape, one is missing");
  }

  std::string descr;
  bool fortran = false;
  std::vector<int64_t> shape;

 private:
  template <class... A>
  [[noreturn]] void error(const A&... a) const {
    fail(name_, ": not a NumPy array: header: ", cat(a...));
  }

  void skip_space() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n' || rest_[0] == '\t'))
      rest_.remove_prefix(1);
  }
  bool take(char c) {
    skip_space();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) error("required '", c, "', given \"", rest_.substr(0, 20), "\"");
  }
  std::string_view quoted() {
    skip_space();
    const char quote = rest_.empty() ? '\0' : rest_[0];
    const size_t end = quote == '\'' || quote == '"' ? rest_.find(quote, 1) : rest_.npos;
    if (end == rest_.npos) error("required a quoted text, given \"", rest_.substr(0, 20), "\"");
    const std::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }
  bool word() {
    skip_space();
    for (const bool value : {false, true}) {
      const std::string_view text = value ? "True" : "False";
      if (rest_.substr(0, text.size()) != text) continue;
      rest_.remove_prefix(text.size());
      return value;
    }
    error("required True or False, given \"", rest_.substr(0, 20), "\"");
  }
  void tuple() {
    expect('(');
    while (!take(')')) {
      skip_space();
      int64_t value = 0;
      size_t digits = 0;
      for (; digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9'; ++digits) {
        if (digits >= 18) error("a dimension has more than 18 digits");
        value = value * 10 + (rest_[digits] - '0');
      }
      if (digits == 0) error("required dimensions of 0 or more, given \"", rest_.substr(0, 20), "\"");
      rest_.remove_prefix(digits);
      if (!rest_.empty() && rest_[0] == 'L') rest_.remove_prefix(1);  // Python 2
      if (shape.size() == kMaxRank) error("required at most ", kMaxRank, " dimensions");
      shape.push_back(value);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
  }

  std::string_view rest_;
  std::string_view name_;
};

// Column-major to row-major: walks the result in order, with the strides of the source.
Bytes from_fortran(const Bytes& source, const std::vector<int64_t>& shape, size_t size) {
  if (shape.size() < 2 || source.empty()) return source;
  std::vector<uint8_t> result(source.size());
  std::vector<size_t> stride(shape.size()), index(shape.size(), 0);
  size_t step = size;
  for (size_t a = 0; a < shape.size(); ++a) {
    stride[a] = step;
    step *= static_cast<size_t>(shape[a]);
  }
  size_t from = 0;
  for (size_t to = 0; to < result.size(); to += size) {
    std::memcpy(result.data() + to, source.data() + from, size);
    for (size_t a = shape.size(); a-- > 0;) {
      from += stride[a];
      if (++index[a] < static_cast<size_t>(shape[a])) break;
      from -= stride[a] * index[a];
      index[a] = 0;
    }
  }
  return own(std::move(result));
}

bool is_character(uint32_t c) { return c < 0xd800 || (c >= 0xe000 && c <= 0x10ffff); }

void append_utf8(std::string& text, uint32_t c) {
  const auto byte = [&](uint32_t b) { text.push_back(static_cast<char>(b)); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xc0 | c >> 6);
    byte(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    byte(0xe0 | c >> 12);
    byte(0x80 | (c >> 6 & 0x3f));
    byte(0x80 | (c & 0x3f));
  } else {
    byte(0xf0 | c >> 18);
    byte(0x80 | (c >> 12 & 0x3f));
    byte(0x80 | (c >> 6 & 0x3f));
    byte(0x80 | (c & 0x3f));
  }
}

// The characters of a UTF-8 text; Error if it is none.
std::u32string characters(const std::string& text) {
  std::u32string result;
  for (size_t i = 0; i < text.size();) {
    const uint32_t first = static_cast<uint8_t>(text[i++]);
    const int more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    uint32_t c = more == 0 ? first : first & (0x3fu >> more);
    bool good = first < 0x80 || (first >= 0xc2 && first < 0xf5);
    for (int k = 0; k < more && good; ++k, ++i) {
      good = i < text.size() && (text[i] & 0xc0) == 0x80;
      if (good) c = c << 6 | (static_cast<uint8_t>(text[i]) & 0x3f);
    }
    constexpr uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};
    if (!good || c < kLeast[more] || !is_character(c))
      fail("write .npy: required UTF-8 text, given a string with other bytes; required \"|S\" for those");
    result.push_back(c);
  }
  return result;
}

std::vector<std::string> to_strings(const Bytes& data, const Type& type, std::string_view name) {
  std::vector<std::string> strings;
  strings.reserve(data.size() / type.size);
  for (size_t at = 0; at < data.size(); at += type.size) {
    std::string text;
    if (type.kind == 'S') {
      text = data.text().substr(at, type.size);
    } else {
      for (size_t i = 0; i < type.width; ++i) {
        uint32_t c;
        std::memcpy(&c, data.data() + at + 4 * i, 4);
        if (!is_character(c)) fail(name, ": not a NumPy array: ", uint64_t{c}, " is no Unicode character");
        append_utf8(text, c);
      }
    }
    text.erase(text.find_last_not_of('\0') + 1);
    strings.push_back(std::move(text));
  }
  return strings;
}

// The strings as NumPy stores them, and their width.
std::string from_strings(const std::vector<std::string>& strings, char kind, size_t& width) {
  std::vector<std::u32string> wide;
  width = 1;
  for (const std::string& s : strings) {
    if (!s.empty() && s.back() == '\0')
      fail("write .npy: a string ends in a zero byte, which NumPy's format cannot hold");
    if (kind == 'U') wide.push_back(characters(s));
    width = std::max(width, kind == 'U' ? wide.back().size() : s.size());
  }
  const size_t size = kind == 'U' ? 4 * width : width;
  std::string data(strings.size() * size, '\0');
  for (size_t i = 0; i < strings.size(); ++i) {
    if (kind == 'U')
      std::memcpy(data.data() + i * size, wide[i].data(), 4 * wide[i].size());
    else
      std::memcpy(data.data() + i * size, strings[i].data(), strings[i].size());
  }
  return data;
}

}  // namespace

NpyArray read_npy(const Bytes& bytes, std::string_view name) {
  const auto error = [&](const auto&... a) { fail(name, ": not a NumPy array: ", cat(a...)); };
  const std::string_view text = bytes.text();
  if (text.substr(0, kMagic.size()) != kMagic) error("it does not begin with \\x93NUMPY");
  if (text.size() < 8) error("the header is cut off");
  const int version = static_cast<uint8_t>(text[6]);
  if (version < 1 || version > 3) error("required format version 1, 2 or 3, given ", version);
  const size_t digits = version == 1 ? 2 : 4, start = 8 + digits;
  if (text.size() < start) error("the header is cut off");
  uint32_t length = 0;
  std::memcpy(&length, text.data() + 8, digits);
  if (length > text.size() - start)
    error("the header of ", length, " bytes runs past the end, ", text.size() - start, " bytes are left");

  Header header(text.substr(start, length), name);
  header.parse();
  Type type;
  const std::string wrong = parse_type(header.descr, type);
  if (!wrong.empty()) fail(name, ": ", wrong);

  bool fits = false;
  const size_t size = product(header.shape, type.size, fits);
  const size_t given = text.size() - start - length;
  if (!fits) error("shape ", header.shape, " of \"", header.descr, "\" is too large");
  if (size != given)
    error("shape ", header.shape, " of \"", header.descr, "\" required ", size, " bytes of data, given ",
          given);

  NpyArray array{header.descr, header.shape, bytes.slice(start + length, size), {}};
  array.descr[0] = type.size == 1 || type.kind == 'S' ? '|' : '<';
  if (header.fortran) array.data = from_fortran(array.data, array.shape, type.size);
  if (!array.is_text()) return array;
  if (type.size == 0) {  // any number of them would fit into no bytes
    const size_t count = product(header.shape, 1, fits);
    if (count != 0 || !fits)
      error("required strings of at least one character, given \"", header.descr, "\"");
  } else {
    array.strings = to_strings(array.data, type, name);
  }
  array.data = {};
  return array;
}

std::string write_npy(const NpyArray& array) {
  std::string descr = array.descr, text;
  std::string_view data = array.data.text();
  Type type;
  if (array.is_text()) {
    size_t width = 0;
    text = from_strings(array.strings, descr[1], width);
    data = text;
    descr = cat(descr[1] == 'U' ? "<U" : "|S", width);
  }
  const std::string wrong = parse_type(descr, type);
  if (!wrong.empty()) fail("write .npy: ", wrong);
  bool fits = false;
  CHECK(array.shape.size() <= kMaxRank);
  for (const int64_t d : array.shape) CHECK(d >= 0, "shape ", array.shape);
  CHECK(product(array.shape, type.size, fits) == data.size() && fits, "shape ", array.shape, " of ", descr,
        ", given ", data.size(), " bytes");

  std::string shape = "(";
  for (size_t i = 0; i < array.shape.size(); ++i) shape += cat(i ? ", " : "", array.shape[i]);
  if (array.shape.size() == 1) shape += ',';  // (3,) and (3, 4)
  std::string header = cat("{'descr': '", descr, "', 'fortran_order': False, 'shape': ", shape, "), }");
  const size_t start = kMagic.size() + 4;
  header.append(63 - (start + header.size()) % 64, ' ');  // data begin at a multiple of 64
  header += '\n';
  std::string file(kMagic);
  file += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
  file.reserve(start + header.size() + data.size());
  return file.append(header).append(data);
}

}  // namespace tauto
