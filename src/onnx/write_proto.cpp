// Messages to protobuf bytes, field by field in ascending order: the canonical form official writers produce.
#include <protozero/pbf_writer.hpp>

#include "onnx/proto_fields.h"
#include "support/error.h"

namespace tauto::onnx {
namespace {

using protozero::pbf_writer;

constexpr size_t kMaxBytes = size_t{1} << 31;  // protobuf refuses to read more

class Writer {
 public:
  Writer(pbf_writer& to, const std::string& buffer) : to_(to), buffer_(buffer) {}

  void operator()(int n, const char*, int64_t v, bool always = false) {
    if (v != 0 || always) to_.add_int64(tag(n), v);
  }
  void operator()(int n, const char*, int32_t v, bool always = false) {
    if (v != 0 || always) to_.add_int32(tag(n), v);
  }
  void operator()(int n, const char*, float v, bool always = false) {
    if (v != 0 || always) to_.add_float(tag(n), v);
  }
  void operator()(int n, const char*, const std::optional<int64_t>& v) {
    if (v) to_.add_int64(tag(n), *v);
  }
  void operator()(int n, const char* name, std::string_view v, bool always = false) {
    if (v.data() != nullptr || always) bytes(n, name, v);
  }
  template <class T>
  void operator()(int n, const char* name, const Packed<T>& v) {
    if (!v.empty()) bytes(n, name, v.wire);
  }
  void operator()(int n, const char*, const std::vector<int64_t>& v) {
    for (const int64_t x : v) to_.add_int64(tag(n), x);
  }
  void operator()(int n, const char*, const std::vector<float>& v) {
    for (const float x : v) to_.add_float(tag(n), x);
  }
  void operator()(int n, const char* name, const std::vector<std::string_view>& v) {
    for (const std::string_view x : v) bytes(n, name, x);
  }
  template <class M>
  void operator()(int n, const char*, const Box<M>& m) {
    if (m) message(n, *m);
  }
  template <class M>
  void operator()(int n, const char*, const std::vector<M>& v) {
    for (const M& m : v) message(n, m);
  }

 private:
  static protozero::pbf_tag_type tag(int n) { return static_cast<protozero::pbf_tag_type>(n); }

  void bytes(int n, const char* name, std::string_view v) {
    if (v.size() > kMaxBytes || buffer_.size() > kMaxBytes - v.size())
      fail("write ONNX: field ", name, " of ", v.size(),
           " bytes: required at most 2 GB in all; keep large weights as external data");
    to_.add_bytes(tag(n), v.data(), v.size());
  }

  template <class M>
  void message(int n, const M& m) {
    const size_t before = buffer_.size();
    {
      pbf_writer inner(to_, tag(n));
      Writer visit(inner, buffer_);
      fields(visit, m);
    }
    // protozero takes an empty sub-message back, but an empty shape (a scalar's) is not an absent one.
    if (buffer_.size() == before) to_.add_bytes(tag(n), nullptr, 0);
  }

  pbf_writer& to_;
  const std::string& buffer_;
};

template <class M>
std::string write(const M& m) {
  std::string buffer;
  pbf_writer to(buffer);
  Writer visit(to, buffer);
  fields(visit, m);
  return buffer;
}

}  // namespace

std::string write_model(const ModelProto& model) { return write(model); }
std::string write_tensor(const TensorProto& tensor) { return write(tensor); }
std::string write_sequence(const SequenceProto& sequence) { return write(sequence); }
std::string write_optional(const OptionalProto& optional) { return write(optional); }

}  // namespace tauto::onnx
