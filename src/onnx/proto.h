// ONNX's protobuf messages as plain structs: onnx.proto of onnx 1.22 (IR versions 3..13), field for field,
// under their own names. Nothing is judged here beyond the encoding: whether an operator exists, a name is
// bound or a dimension makes sense is the importer's business.
//
// Reading copies no text and no weights: every std::string_view points into the bytes of the file (or into
// text given to Storage::keep), and stays valid as long as the Storage that came with the message. Typed
// tensor data keep their packed wire form until asked for. Fields unknown to this version are dropped.
//
// The bytes need not be trusted. Whatever they hold, reading ends with the message or with one tauto::Error
// that names the field, and allocates at most 64 MB + 50 bytes per byte of file.
//
// `fields` in proto_fields.h lists each message's fields once, for the reader and the writer alike.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/file.h"

namespace tauto::onnx {

// What a message's views point into: the file, text made later, and external data files (each mapped once).
class Storage {
 public:
  Storage(Bytes file, std::string name, std::string folder)
      : file(std::move(file)), name(std::move(name)), folder(std::move(folder)) {}
  Storage(const Storage&) = delete;

  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }
  const Bytes& external(std::string_view location);          // not thread-safe
  bool has_external() const { return !externals_.empty(); }  // was any asked for?

  const Bytes file;
  const std::string name;    // how errors call the file
  const std::string folder;  // where external data lie; empty: read from memory, external data are refused

 private:
  std::deque<std::string> texts_;
  std::map<std::string, Bytes, std::less<>> externals_;
};

// An optional sub-message on the heap, copied deeply.
template <class T>
class Box {
 public:
  Box() = default;
  Box(T value) : p_(std::make_unique<T>(std::move(value))) {}
  Box(const Box& o) : p_(o.p_ ? std::make_unique<T>(*o.p_) : nullptr) {}
  Box(Box&&) noexcept = default;
  Box& operator=(const Box& o) { return *this = Box(o); }
  Box& operator=(Box&&) noexcept = default;

  explicit operator bool() const { return p_ != nullptr; }
  T& operator*() { return *p_; }
  const T& operator*() const { return *p_; }
  T* operator->() { return p_.get(); }
  const T* operator->() const { return p_.get(); }
  T& make() { return p_ ? *p_ : *(p_ = std::make_unique<T>()); }  // itself, created if absent

 private:
  std::unique_ptr<T> p_;
};

// A packed repeated scalar in wire form: varints (int32, int64, uint64) or little-endian words (float,
// double).
template <class T>
struct Packed {
  std::string_view wire;

  bool empty() const { return wire.empty(); }
  size_t count() const;
  std::vector<T> values() const;
};

enum DataType : int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBfloat16 = 16,
  kFloat8e4m3fn = 17,
  kFloat8e4m3fnuz = 18,
  kFloat8e5m2 = 19,
  kFloat8e5m2fnuz = 20,
  kUint4 = 21,
  kInt4 = 22,
  kFloat4e2m1 = 23,
  kFloat8e8m0 = 24,
  kUint2 = 25,
  kInt2 = 26,
};

struct StringStringEntryProto {
  std::string_view key, value;
};
using Metadata = std::vector<StringStringEntryProto>;

struct OperatorSetIdProto {
  std::string_view domain;
  int64_t version = 0;
};

struct TensorProto {
  enum Location : int32_t { kDefault = 0, kExternal = 1 };

  std::vector<int64_t> dims;
  int32_t data_type = kUndefined;
  int32_t data_location = kDefault;
  std::string_view segment;  // unparsed
  Packed<float> float_data;
  Packed<int32_t> int32_data;
  std::vector<std::string_view> string_data;
  Packed<int64_t> int64_data;
  std::string_view name;
  std::string_view raw_data;
  Packed<double> double_data;
  Packed<uint64_t> uint64_data;
  std::string_view doc_string;
  Metadata external_data;
  Metadata metadata_props;
};

struct SparseTensorProto {
  Box<TensorProto> values, indices;
  std::vector<int64_t> dims;
};

struct DimensionProto {  // at most one of value and param; neither: unknown
  std::optional<int64_t> dim_value;
  std::string_view dim_param;
  std::string_view denotation;
};

struct TensorShapeProto {
  std::vector<DimensionProto> dim;
};

struct TypeProto {  // at most one of the six
  struct Tensor {
    int32_t elem_type = kUndefined;
    Box<TensorShapeProto> shape;  // absent: unknown rank
  };
  struct Element {  // of a sequence or an optional
    Box<TypeProto> elem_type;
  };
  struct Map {
    int32_t key_type = kUndefined;
    Box<TypeProto> value_type;
  };
  struct Opaque {
    std::string_view domain, name;
  };

  Box<Tensor> tensor_type;
  Box<Element> sequence_type;
  Box<Map> map_type;
  Box<Opaque> opaque_type;
  Box<Tensor> sparse_tensor_type;
  Box<Element> optional_type;
  std::string_view denotation;
};

struct ValueInfoProto {
  std::string_view name;
  Box<TypeProto> type;
  std::string_view doc_string;
  Metadata metadata_props;
};

struct GraphProto;

struct AttributeProto {
  enum Type : int32_t {
    kUndefined = 0,
    kFloat = 1,
    kInt = 2,
    kString = 3,
    kTensor = 4,
    kGraph = 5,
    kFloats = 6,
    kInts = 7,
    kStrings = 8,
    kTensors = 9,
    kGraphs = 10,
    kSparseTensor = 11,
    kSparseTensors = 12,
    kTypeProto = 13,
    kTypeProtos = 14,
  };

  std::string_view name;
  std::string_view ref_attr_name;  // in a function's body: the function's attribute that is meant
  int32_t type = kUndefined;
  float f = 0;
  int64_t i = 0;
  std::string_view s;
  Box<TensorProto> t;
  Box<GraphProto> g;
  Box<SparseTensorProto> sparse_tensor;
  Box<TypeProto> tp;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string_view> strings;
  std::vector<TensorProto> tensors;
  std::vector<GraphProto> graphs;
  std::vector<SparseTensorProto> sparse_tensors;
  std::vector<TypeProto> type_protos;
  std::string_view doc_string;
};

struct NodeProto {
  std::vector<std::string_view> input;   // an empty name: the optional input is absent
  std::vector<std::string_view> output;  // an empty name: the optional output is not wanted
  std::string_view name;
  std::string_view op_type;
  std::vector<AttributeProto> attribute;
  std::string_view doc_string;
  std::string_view domain;
  std::string_view overload;
  Metadata metadata_props;
  std::vector<std::string_view> device_configurations;  // unparsed
};

struct TensorAnnotation {
  std::string_view tensor_name;
  Metadata quant_parameter_tensor_names;
};

struct GraphProto {
  std::vector<NodeProto> node;
  std::string_view name;
  std::vector<TensorProto> initializer;
  std::string_view doc_string;
  std::vector<ValueInfoProto> input;
  std::vector<ValueInfoProto> output;
  std::vector<ValueInfoProto> value_info;
  std::vector<TensorAnnotation> quantization_annotation;
  std::vector<SparseTensorProto> sparse_initializer;
  Metadata metadata_props;
};

struct FunctionProto {
  std::string_view name;
  std::vector<std::string_view> input;
  std::vector<std::string_view> output;
  std::vector<std::string_view> attribute;      // without a default
  std::vector<AttributeProto> attribute_proto;  // with one
  std::vector<NodeProto> node;
  std::string_view doc_string;
  std::vector<OperatorSetIdProto> opset_import;
  std::string_view domain;
  std::vector<ValueInfoProto> value_info;
  std::string_view overload;
  Metadata metadata_props;
};

struct ModelProto {
  int64_t ir_version = 0;
  std::string_view producer_name;
  std::string_view producer_version;
  std::string_view domain;
  std::optional<int64_t> model_version;
  std::string_view doc_string;
  Box<GraphProto> graph;
  std::vector<OperatorSetIdProto> opset_import;
  Metadata metadata_props;
  std::vector<std::string_view> training_info;  // unparsed
  std::vector<FunctionProto> functions;
  std::vector<std::string_view> configuration;  // unparsed
};

// onnx-data.proto: values as files, for inputs and outputs that are no plain tensors.
struct MapProto;
struct OptionalProto;

enum ValueKind : int32_t {  // elem_type of SequenceProto and OptionalProto
  kNoValue = 0,
  kTensorValue = 1,
  kSparseTensorValue = 2,
  kSequenceValue = 3,
  kMapValue = 4,
  kOptionalValue = 5,
};

struct SequenceProto {
  std::string_view name;
  int32_t elem_type = kNoValue;
  std::vector<TensorProto> tensor_values;
  std::vector<SparseTensorProto> sparse_tensor_values;
  std::vector<SequenceProto> sequence_values;
  std::vector<MapProto> map_values;
  std::vector<OptionalProto> optional_values;
};

struct MapProto {
  std::string_view name;
  int32_t key_type = kUndefined;
  std::vector<int64_t> keys;
  std::vector<std::string_view> string_keys;
  Box<SequenceProto> values;
};

struct OptionalProto {
  std::string_view name;
  int32_t elem_type = kNoValue;
  Box<TensorProto> tensor_value;
  Box<SparseTensorProto> sparse_tensor_value;
  Box<SequenceProto> sequence_value;
  Box<MapProto> map_value;
  Box<OptionalProto> optional_value;
};

// A message together with what its views point into.
template <class T>
struct Document {
  T proto;
  std::shared_ptr<Storage> storage;
};
using Model = Document<ModelProto>;

// `name` is how errors call the bytes; `folder` is where external data lie (see Storage).
// A model must have a graph.
Model read_model(Bytes bytes, std::string name, std::string folder = "");
Model load_model(const std::string& path);
Document<TensorProto> read_tensor(Bytes bytes, std::string name);
Document<SequenceProto> read_sequence(Bytes bytes, std::string name);
Document<OptionalProto> read_optional(Bytes bytes, std::string name);

// The protobuf bytes; Error: they would exceed protobuf's 2 GB (large weights belong into external data).
std::string write_model(const ModelProto& model);
std::string write_tensor(const TensorProto& tensor);
std::string write_sequence(const SequenceProto& sequence);
std::string write_optional(const OptionalProto& optional);

}  // namespace tauto::onnx
