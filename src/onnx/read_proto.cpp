// Protobuf bytes to messages: one pass over each message's tags to count what repeats (so that vectors are
// made at their size, and a budget is charged before memory is), one to read. Recursion is limited. A chain
// of `Where` on the stack remembers the way down, for errors.
#include <protozero/exception.hpp>
#include <protozero/varint.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <filesystem>

#include "onnx/proto_fields.h"
#include "support/error.h"

namespace tauto::onnx {
namespace {

static_assert(std::endian::native == std::endian::little, "float fields and raw data are read as they lie");

constexpr int kMaxDepth = 300;              // messages; a nested sub-graph takes three
constexpr uint64_t kFreeBytes = 64u << 20;  // budget for structs: this much,
constexpr uint64_t kBytesPerByte = 50;      // and this much per byte of file (real models need less than 30)
constexpr size_t kFieldNumbers = 32;        // ONNX's are below

enum Wire : uint32_t { kVarint = 0, kFixed64 = 1, kLength = 2, kFixed32 = 5 };

std::string wire_name(uint32_t wire) {
  switch (wire) {
    case kVarint:
      return "a varint";
    case kFixed64:
      return "8 bytes";
    case kLength:
      return "a length and bytes";
    case kFixed32:
      return "4 bytes";
    default:
      return cat("unknown wire type ", wire);
  }
}

struct Where {
  const Where* up;
  const char* field;
  int64_t index;  // -1: not repeated
};

struct Source {
  std::string_view name;
  std::string_view what;  // "an ONNX file"
  std::string_view bytes;
  uint64_t budget = 0;
};

template <class T>
constexpr Wire wire_of = std::is_same_v<T, float>    ? kFixed32
                         : std::is_same_v<T, double> ? kFixed64
                                                     : kVarint;

class Reader {
 public:
  Reader(Source& source, Storage& storage, std::string_view bytes, const Where* where, int depth)
      : source_(source),
        storage_(storage),
        p_(bytes.data()),
        end_(bytes.data() + bytes.size()),
        where_(where),
        depth_(depth) {}

  template <class M>
  void read(M& m) {
    if (depth_ > kMaxDepth) error("nested more than ", kMaxDepth, " messages deep");
    count_fields();
    while (p_ != end_) {
      next_tag();
      fields(*this, m);
      if (number_ != 0) {
        field_ = "(unknown)";
        skip();
      }
      number_ = 0;
      field_ = nullptr;
    }
  }

  // The visitor: one overload per kind of member (proto_fields.h). Only the field whose tag was read acts.
  void operator()(uint32_t n, const char* name, int64_t& v, bool = false) {
    if (is(n, name)) v = static_cast<int64_t>(varint());
  }
  void operator()(uint32_t n, const char* name, int32_t& v, bool = false) {
    if (is(n, name)) v = static_cast<int32_t>(varint());
  }
  void operator()(uint32_t n, const char* name, float& v, bool = false) {
    if (is(n, name)) v = fixed<float>();
  }
  void operator()(uint32_t n, const char* name, std::optional<int64_t>& v) {
    if (is(n, name)) v = static_cast<int64_t>(varint());
  }
  void operator()(uint32_t n, const char* name, std::string_view& v, bool = false) {
    if (is(n, name)) v = bytes();
  }
  void operator()(uint32_t n, const char* name, std::vector<std::string_view>& v) {
    if (!is(n, name)) return;
    index_ = static_cast<int64_t>(v.size());
    reserve(n, v);
    v.push_back(bytes());
  }
  void operator()(uint32_t n, const char* name, std::vector<int64_t>& v) {
    if (is(n, name)) repeated<int64_t>(v);
  }
  void operator()(uint32_t n, const char* name, std::vector<float>& v) {
    if (is(n, name)) repeated<float>(v);
  }
  template <class T>
  void operator()(uint32_t n, const char* name, Packed<T>& v) {
    if (!is(n, name)) return;
    const std::string_view wire = chunk<T>();
    v.wire = counts_[n] == 1 && v.empty() && joined_.count(n) == 0 ? wire : gather<T>(n, v.wire, wire);
  }
  template <class M>
  void operator()(uint32_t n, const char* name, Box<M>& m) {
    if (!is(n, name)) return;
    if (!m) charge(sizeof(M));
    message(m.make());
  }
  template <class M>
  void operator()(uint32_t n, const char* name, std::vector<M>& v) {
    if (!is(n, name)) return;
    index_ = static_cast<int64_t>(v.size());
    reserve(n, v);
    message(v.emplace_back());
  }

 private:
  bool is(uint32_t n, const char* name) {
    if (n != number_) return false;
    number_ = 0;  // taken
    field_ = name;
    index_ = -1;
    return true;
  }

  void next_tag() {
    at_ = p_;
    const uint64_t tag = decode();
    wire_ = static_cast<uint32_t>(tag & 7);
    if (tag >> 3 == 0 || tag > 0xffffffffu) error("invalid tag ", tag);
    number_ = static_cast<uint32_t>(tag >> 3);
    if (wire_ != kVarint && wire_ != kFixed64 && wire_ != kLength && wire_ != kFixed32)
      error("field number ", number_, " has ", wire_name(wire_));
  }

  // A quiet first pass: how often each field occurs. What is malformed is reported by the second.
  void count_fields() {
    const char* const begin = p_;
    try {
      while (p_ != end_) {
        const uint64_t tag = protozero::decode_varint(&p_, end_);
        if (tag >> 3 < kFieldNumbers) ++counts_[tag >> 3];
        uint64_t length = 0;
        switch (tag & 7) {
          case kVarint:
            protozero::skip_varint(&p_, end_);
            break;
          case kFixed64:
            length = 8;
            break;
          case kFixed32:
            length = 4;
            break;
          case kLength:
            length = protozero::decode_varint(&p_, end_);
            break;
          default:
            length = UINT64_MAX;
            break;
        }
        if (length > left()) break;
        p_ += length;
      }
    } catch (const protozero::exception&) {
    }
    p_ = begin;
  }

  void skip() {
    if (wire_ == kVarint)
      decode();
    else
      take(wire_ == kFixed64 ? 8 : wire_ == kFixed32 ? 4 : decode());
  }

  uint64_t left() const { return static_cast<uint64_t>(end_ - p_); }

  uint64_t decode() {
    try {
      return protozero::decode_varint(&p_, end_);
    } catch (const protozero::end_of_buffer_exception&) {
      error("the bytes end inside a number");
    } catch (const protozero::exception&) {
      error("a number is longer than 10 bytes");
    }
  }

  std::string_view take(uint64_t length) {
    if (length > left()) error("length ", length, " runs past the end, ", left(), " bytes are left");
    const std::string_view bytes(p_, length);
    p_ += length;
    return bytes;
  }

  void require(Wire wire) {
    if (wire_ != wire) error("required ", wire_name(wire), ", given ", wire_name(wire_));
  }

  uint64_t varint() {
    require(kVarint);
    return decode();
  }
  template <class T>
  T fixed() {
    require(wire_of<T>);
    T v;
    std::memcpy(&v, take(sizeof(T)).data(), sizeof(T));
    return v;
  }
  std::string_view bytes() {
    require(kLength);
    return take(decode());
  }

  // One occurrence of a repeated scalar, packed or not, as checked packed wire bytes.
  template <class T>
  std::string_view chunk() {
    const char* const begin = p_;
    if (wire_ != kLength) {
      require(wire_of<T>);
      skip();
      return {begin, static_cast<size_t>(p_ - begin)};
    }
    const std::string_view wire = bytes();
    if (wire_of<T> == kVarint)
      check_varints(wire);
    else if (wire.size() % sizeof(T) != 0)
      error("required a multiple of ", sizeof(T), " bytes, given ", wire.size());
    return wire;
  }

  void check_varints(std::string_view wire) {
    int length = 0;
    for (const char c : wire) {
      length = c < 0 ? length + 1 : 0;
      if (length >= protozero::max_varint_length) error("a number is longer than 10 bytes");
    }
    if (length != 0) error("the bytes end inside a number");
  }

  template <class T>
  void repeated(std::vector<T>& v) {
    index_ = static_cast<int64_t>(v.size());
    if (wire_ == kLength) {
      const std::vector<T> values = Packed<T>{chunk<T>()}.values();
      v.insert(v.end(), values.begin(), values.end());
    } else if constexpr (wire_of<T> == kVarint) {
      v.push_back(static_cast<T>(varint()));
    } else {
      v.push_back(fixed<T>());
    }
  }

  // Packed data in several pieces are rare (writers that do not pack): they are joined in text of the
  // storage.
  template <class T>
  std::string_view gather(uint32_t n, std::string_view before, std::string_view wire) {
    std::string& joined = joined_[n];
    if (joined.empty()) joined = before;
    joined.append(wire);
    if (--counts_[n] > 0) return before;
    charge(joined.size());
    return storage_.keep(std::move(joined));
  }

  template <class M>
  void message(M& m) {
    const std::string_view inside = bytes();
    const Where here{where_, field_, index_};
    Reader(source_, storage_, inside, &here, depth_ + 1).read(m);
  }

  template <class T>
  void reserve(uint32_t n, std::vector<T>& v) {
    if (reserved_ >> n & 1) return;
    reserved_ |= 1u << n;
    charge(counts_[n] * sizeof(T));
    const size_t needed = v.size() + counts_[n];
    // A message given in many pieces is merged: then grow geometrically.
    if (needed > v.capacity()) v.reserve(v.empty() ? needed : std::max(needed, 2 * v.capacity()));
  }

  void charge(uint64_t size) {
    if (size > source_.budget)
      error("the messages would take more than ", kBytesPerByte, " times the file's ", source_.bytes.size(),
            " bytes");
    source_.budget -= size;
  }

  template <class... A>
  [[noreturn]] void error(const A&... a) const {
    const Where here{where_, field_, index_};
    const std::string path = path_to(field_ ? &here : where_);
    fail(source_.name, ": not ", source_.what, ": ", path.empty() ? "" : cat("field ", path, " "), "at byte ",
         static_cast<uint64_t>(at_ - source_.bytes.data()), ": ", cat(a...));
  }

  // graph.node[17].attribute[2]; of a very long way only both ends.
  static std::string path_to(const Where* where) {
    constexpr size_t kHead = 6, kTail = 4;
    std::vector<const Where*> way;
    for (; where; where = where->up) way.push_back(where);
    std::string path;
    for (size_t i = 0; i < way.size(); ++i) {
      const Where& w = *way[way.size() - 1 - i];
      if (way.size() > kHead + kTail && i == kHead) path += "...";
      if (way.size() > kHead + kTail && i >= kHead && i < way.size() - kTail) continue;
      path += cat(i ? "." : "", w.field, w.index >= 0 ? cat('[', w.index, ']') : "");
    }
    return path;
  }

  Source& source_;
  Storage& storage_;
  const char* p_;
  const char* const end_;
  const Where* const where_;
  const int depth_;

  uint32_t number_ = 0;  // of the field whose tag was read; 0 once it has been taken
  uint32_t wire_ = 0;
  const char* at_ = p_;          // its first byte
  const char* field_ = nullptr;  // its name
  int64_t index_ = -1;
  uint32_t reserved_ = 0;
  std::array<uint32_t, kFieldNumbers> counts_{};
  std::map<uint32_t, std::string> joined_;
};

template <class M>
Document<M> read(Bytes bytes, std::string name, std::string folder, const char* what) {
  Document<M> document;
  document.storage = std::make_shared<Storage>(std::move(bytes), std::move(name), std::move(folder));
  Storage& storage = *document.storage;
  Source source{storage.name, what, storage.file.text()};
  source.budget = kFreeBytes + kBytesPerByte * source.bytes.size();
  Reader(source, storage, source.bytes, nullptr, 0).read(document.proto);
  return document;
}

}  // namespace

const Bytes& Storage::external(std::string_view location) {
  if (folder.empty())
    fail("path \"", location, "\": a model read from memory has no folder for external data");
  const auto found = externals_.find(location);
  if (found != externals_.end()) return found->second;
  return externals_.emplace(location, map_file_inside(folder, location)).first->second;
}

template <class T>
size_t Packed<T>::count() const {
  if (wire_of<T> != kVarint) return wire.size() / sizeof(T);
  size_t n = 0;
  for (const char c : wire) n += c >= 0;
  return n;
}

template <class T>
std::vector<T> Packed<T>::values() const {
  std::vector<T> v(count());
  if (wire_of<T> != kVarint) {
    if (!v.empty()) std::memcpy(v.data(), wire.data(), v.size() * sizeof(T));
    return v;
  }
  const char* p = wire.data();
  for (T& x : v) x = static_cast<T>(protozero::decode_varint(&p, wire.data() + wire.size()));
  return v;
}

template struct Packed<float>;
template struct Packed<double>;
template struct Packed<int32_t>;
template struct Packed<int64_t>;
template struct Packed<uint64_t>;

Model read_model(Bytes bytes, std::string name, std::string folder) {
  Model model = read<ModelProto>(std::move(bytes), std::move(name), std::move(folder), "an ONNX file");
  const Storage& storage = *model.storage;
  if (storage.file.empty()) fail(storage.name, ": not an ONNX file: it is empty");
  if (!model.proto.graph) fail(storage.name, ": not an ONNX file: required a graph, none given");
  return model;
}

Model load_model(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  return read_model(map_file(path), path, folder.empty() ? "." : folder);
}

Document<TensorProto> read_tensor(Bytes bytes, std::string name) {
  return read<TensorProto>(std::move(bytes), std::move(name), "", "an ONNX tensor");
}
Document<SequenceProto> read_sequence(Bytes bytes, std::string name) {
  return read<SequenceProto>(std::move(bytes), std::move(name), "", "an ONNX sequence");
}
Document<OptionalProto> read_optional(Bytes bytes, std::string name) {
  return read<OptionalProto>(std::move(bytes), std::move(name), "", "an ONNX optional");
}

}  // namespace tauto::onnx
