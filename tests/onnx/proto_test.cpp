// Laws of the protobuf layer: read(write(m)) is m; whatever the bytes, reading ends with a message or one
// Error, in bounded depth and memory. (Real files: proto_files_test.cpp.)
#include <gtest/gtest.h>

#include <protozero/pbf_writer.hpp>
#include <random>

#include "onnx/decode_tensor.h"
#include "onnx/proto.h"
#include "support/error.h"

namespace tauto::onnx {
namespace {

using protozero::pbf_writer;

Model read_text(std::string bytes) { return read_model(own(std::move(bytes)), "m.onnx"); }

std::string error_of(const std::string& bytes) {
  try {
    read_text(bytes);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

// A message as the text `build` writes into it.
template <class F>
std::string message(const F& build) {
  std::string bytes;
  pbf_writer to(bytes);
  build(to);
  return bytes;
}

std::string in_graph(const std::string& graph) {
  return message([&](pbf_writer& w) { w.add_message(7, graph); });
}

// Every message and every field once, with distinct values.
ModelProto everything() {
  ModelProto m;
  m.ir_version = 13;
  m.producer_name = "producer";
  m.producer_version = "1.2";
  m.domain = "org.example";
  m.model_version = -7;
  m.doc_string = "a model";
  m.opset_import = {{"", 25}, {"ai.onnx.ml", 0}};
  m.metadata_props = {{"license", "none"}, {"", ""}};
  m.training_info = {"\x0a\x00"};
  m.configuration = {"\x0a\x01x"};

  TensorProto t;
  t.dims = {2, 0, -1};
  t.data_type = kInt4;
  t.name = "weights";
  t.raw_data = "\x01\x02";
  t.doc_string = "a tensor";
  t.external_data = {{"location", "w.bin"}, {"offset", "4096"}};
  t.data_location = TensorProto::kExternal;
  t.metadata_props = {{"k", "v"}};
  t.segment = "\x08\x01";
  t.float_data.wire = std::string_view("\0\0\x80\x3f", 4);
  t.int32_data.wire = std::string_view("\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
  t.int64_data.wire = "\x80\x01";
  t.uint64_data.wire = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
  t.double_data.wire = std::string_view("\0\0\0\0\0\0\xf0\x3f", 8);
  t.string_data = {"", "text"};

  TypeProto tensor, sequence, map, optional, sparse, opaque;
  TensorShapeProto shape;
  shape.dim = {{0, "", "N"}, {std::nullopt, "batch", ""}, {std::nullopt, "", ""}, {-3, "", ""}};
  tensor.tensor_type = TypeProto::Tensor{kFloat, shape};
  tensor.denotation = "IMAGE";
  sequence.sequence_type = TypeProto::Element{tensor};
  map.map_type = TypeProto::Map{kString, sequence};
  optional.optional_type = TypeProto::Element{map};
  sparse.sparse_tensor_type = TypeProto::Tensor{kUndefined, TensorShapeProto{}};
  opaque.opaque_type = TypeProto::Opaque{"d", "n"};

  GraphProto inner;
  inner.name = "inner";
  const SparseTensorProto sparse_value{t, t, {5, 6}};

  NodeProto node;
  node.input = {"x", "", "y"};
  node.output = {"z"};
  node.name = "node";
  node.op_type = "Foo";
  node.domain = "com.example";
  node.overload = "1";
  node.doc_string = "a node";
  node.metadata_props = {{"source", "line 3"}};
  node.device_configurations = {"\x0a\x01z"};
  const auto attribute = [&](std::string_view name, int32_t type) -> AttributeProto& {
    AttributeProto& a = node.attribute.emplace_back();
    a.name = name;
    a.type = type;
    return a;
  };
  attribute("f", AttributeProto::kFloat).f = -0.5f;
  attribute("i", AttributeProto::kInt).i = INT64_MIN;
  attribute("s", AttributeProto::kString).s = std::string_view("a\0\xff", 3);
  attribute("t", AttributeProto::kTensor).t = t;
  attribute("g", AttributeProto::kGraph).g = inner;
  attribute("p", AttributeProto::kTypeProto).tp = optional;
  attribute("x", AttributeProto::kSparseTensor).sparse_tensor = sparse_value;
  attribute("fs", AttributeProto::kFloats).floats = {1, -2.5f};
  attribute("is", AttributeProto::kInts).ints = {1, -1, INT64_MAX};
  attribute("ss", AttributeProto::kStrings).strings = {"", "b"};
  attribute("ts", AttributeProto::kTensors).tensors = {t, t};
  attribute("gs", AttributeProto::kGraphs).graphs = {inner, inner};
  attribute("xs", AttributeProto::kSparseTensors).sparse_tensors = {sparse_value};
  attribute("ps", AttributeProto::kTypeProtos).type_protos = {tensor, sparse, opaque};
  attribute("r", AttributeProto::kInt).ref_attr_name = "outer";
  attribute("d", AttributeProto::kInt).doc_string = "zero";

  const ValueInfoProto value{"x", tensor, "a value", {{"k", "v"}}};
  GraphProto g;
  g.name = "main";
  g.node = {node, node};
  g.initializer = {t};
  g.sparse_initializer = {sparse_value};
  g.doc_string = "a graph";
  g.input = {value};
  g.output = {value, value};
  g.value_info = {value, value, value};
  g.quantization_annotation = {{"x", {{"SCALE_TENSOR", "s"}}}};
  g.metadata_props = {{"g", "h"}};
  m.graph = g;

  FunctionProto f;
  f.name = "Foo";
  f.domain = "com.example";
  f.overload = "1";
  f.input = {"a"};
  f.output = {"b"};
  f.attribute = {"alpha"};
  f.attribute_proto = {node.attribute[1]};
  f.node = {node};
  f.doc_string = "a function";
  f.opset_import = {{"", 18}};
  f.value_info = {value};
  f.metadata_props = {{"a", "b"}};
  m.functions = {f};
  return m;
}

TEST(Proto, EveryFieldSurvivesWritingAndReading) {
  const std::string bytes = write_model(everything());
  const Model model = read_text(bytes);
  const ModelProto& m = model.proto;
  EXPECT_EQ(write_model(m), bytes);

  EXPECT_EQ(m.ir_version, 13);
  EXPECT_EQ(m.model_version, int64_t{-7});
  ASSERT_EQ(m.opset_import.size(), 2u);
  EXPECT_EQ(m.opset_import[1].domain, "ai.onnx.ml");
  ASSERT_TRUE(m.graph);
  const GraphProto& g = *m.graph;
  ASSERT_EQ(g.node.size(), 2u);
  EXPECT_EQ(g.node[1].input, (std::vector<std::string_view>{"x", "", "y"}));
  EXPECT_EQ(g.output[1].doc_string, "a value");
  const std::vector<AttributeProto>& a = g.node[0].attribute;
  EXPECT_EQ(a[0].f, -0.5f);
  EXPECT_EQ(a[1].i, INT64_MIN);
  EXPECT_EQ(a[2].s, std::string_view("a\0\xff", 3));
  EXPECT_EQ(a[4].g->name, "inner");
  EXPECT_EQ(a[5].tp->optional_type->elem_type->map_type->key_type, kString);
  EXPECT_EQ(a[7].floats, (std::vector<float>{1, -2.5f}));
  EXPECT_EQ(a[8].ints, (std::vector<int64_t>{1, -1, INT64_MAX}));
  EXPECT_EQ(a[14].ref_attr_name, "outer");
  const TensorProto& t = *a[3].t;
  EXPECT_EQ(t.dims, (std::vector<int64_t>{2, 0, -1}));
  EXPECT_EQ(t.float_data.values(), std::vector<float>{1});
  EXPECT_EQ(t.int32_data.values(), (std::vector<int32_t>{5, -1}));
  EXPECT_EQ(t.int64_data.values(), std::vector<int64_t>{128});
  EXPECT_EQ(t.uint64_data.values(), std::vector<uint64_t>{UINT64_MAX});
  EXPECT_EQ(t.double_data.values(), std::vector<double>{1});
  const std::vector<DimensionProto>& dim = g.input[0].type->tensor_type->shape->dim;
  ASSERT_EQ(dim.size(), 4u);
  EXPECT_EQ(dim[0].dim_value, 0);
  EXPECT_EQ(dim[1].dim_param, "batch");
  EXPECT_FALSE(dim[2].dim_value);
  EXPECT_EQ(dim[3].dim_value, -3);
  EXPECT_FALSE(a[13].type_protos[2].tensor_type);
  EXPECT_EQ(m.functions[0].attribute_proto[0].i, INT64_MIN);
}

TEST(Proto, ViewsPointIntoTheFile) {
  const Bytes file = own(write_model(everything()));
  const Model model = read_model(file, "m.onnx");
  const std::string_view raw = model.proto.graph->initializer[0].raw_data;
  EXPECT_GE(raw.data(), file.text().data());
  EXPECT_LT(raw.data(), file.text().data() + file.size());
}

TEST(Proto, PackedAndUnpackedScalarsAreTheSame) {
  const std::vector<int64_t> ints = {1, -5, 300};
  const std::vector<float> floats = {0.5f, 2};
  const auto model = [&](bool packed) {
    const std::string attribute = message([&](pbf_writer& w) {
      if (packed) w.add_packed_int64(8, ints.begin(), ints.end());
      if (packed) w.add_packed_float(7, floats.begin(), floats.end());
      for (const int64_t v : ints)
        if (!packed) w.add_int64(8, v);
      for (const float v : floats)
        if (!packed) w.add_float(7, v);
    });
    const std::string tensor = message([&](pbf_writer& w) {
      if (packed) w.add_packed_int64(7, ints.begin(), ints.end());
      if (packed) w.add_packed_float(4, floats.begin(), floats.end());
      for (const int64_t v : ints)
        if (!packed) w.add_int64(7, v);
      for (const float v : floats)
        if (!packed) w.add_float(4, v);
    });
    return in_graph(message([&](pbf_writer& w) {
      w.add_message(1, message([&](pbf_writer& n) { n.add_message(5, attribute); }));
      w.add_message(5, tensor);
    }));
  };
  for (const bool packed : {false, true}) {
    const Model m = read_text(model(packed));
    EXPECT_EQ(m.proto.graph->node[0].attribute[0].ints, ints);
    EXPECT_EQ(m.proto.graph->node[0].attribute[0].floats, floats);
    EXPECT_EQ(m.proto.graph->initializer[0].int64_data.values(), ints);
    EXPECT_EQ(m.proto.graph->initializer[0].float_data.values(), floats);
  }
  EXPECT_EQ(write_model(read_text(model(true)).proto), write_model(read_text(model(false)).proto));
}

TEST(Proto, PiecesOfOneMessageAreMerged) {  // protobuf's rule for a singular message given twice
  const std::string a = message([](pbf_writer& w) { w.add_string(2, "first"); });
  const std::string b = message([](pbf_writer& w) { w.add_message(1, std::string()); });
  const Model m = read_text(in_graph(b) + in_graph(a) + in_graph(b));
  EXPECT_EQ(m.proto.graph->name, "first");
  EXPECT_EQ(m.proto.graph->node.size(), 2u);
}

TEST(Proto, UnknownFieldsAreSkipped) {
  const std::string bytes = in_graph(message([](pbf_writer& w) {
    w.add_string(2, "g");
    w.add_string(1000, "later");
    w.add_fixed64(31, 1);
    w.add_fixed32(99, 1);
    w.add_uint64(536870911, 1);
  }));
  EXPECT_EQ(read_text(bytes).proto.graph->name, "g");
}

TEST(Proto, FilesOfValuesSurvive) {
  TensorProto t;
  t.data_type = kFloat;
  t.dims = {1};
  t.raw_data = "abcd";
  SequenceProto s;
  s.name = "s";
  s.elem_type = kTensorValue;
  s.tensor_values = {t, t};
  MapProto map;
  map.key_type = kInt64;
  map.keys = {4, -4};
  map.string_keys = {"k"};
  map.values = s;
  SequenceProto outer;
  outer.elem_type = kSequenceValue;
  outer.sequence_values = {s, s};
  outer.map_values = {map};
  outer.sparse_tensor_values = {{t, t, {9}}};
  OptionalProto o;
  o.elem_type = kSequenceValue;
  o.sequence_value = outer;
  o.tensor_value = t;
  o.map_value = map;
  o.sparse_tensor_value = SparseTensorProto{};
  o.optional_value = OptionalProto{};
  outer.optional_values = {o};

  EXPECT_EQ(write_tensor(read_tensor(own(write_tensor(t)), "t.pb").proto), write_tensor(t));
  const Document<SequenceProto> sequence = read_sequence(own(write_sequence(outer)), "s.pb");
  EXPECT_EQ(write_sequence(sequence.proto), write_sequence(outer));
  EXPECT_EQ(sequence.proto.sequence_values[1].tensor_values[1].raw_data, "abcd");
  const Document<OptionalProto> optional = read_optional(own(write_optional(o)), "o.pb");
  EXPECT_EQ(write_optional(optional.proto), write_optional(o));
  EXPECT_EQ(optional.proto.map_value->keys, (std::vector<int64_t>{4, -4}));
}

// --- errors -----------------------------------------------------------------------------------------------

TEST(Proto, ErrorsNameTheFieldAndTheByte) {
  using std::string_literals::operator""s;
  EXPECT_EQ(error_of(""), "m.onnx: not an ONNX file: it is empty");
  EXPECT_EQ(error_of("\x08\x03"), "m.onnx: not an ONNX file: required a graph, none given");
  EXPECT_EQ(error_of("\x08"),
            "m.onnx: not an ONNX file: field ir_version at byte 0: the bytes end inside a number");
  EXPECT_EQ(error_of("\x88"), "m.onnx: not an ONNX file: at byte 0: the bytes end inside a number");
  EXPECT_EQ(error_of("\0\0"s), "m.onnx: not an ONNX file: at byte 0: invalid tag 0");
  EXPECT_EQ(error_of("version https"),
            "m.onnx: not an ONNX file: at byte 0: field number 14 has unknown wire type 6");
  EXPECT_EQ(error_of("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            "m.onnx: not an ONNX file: field ir_version at byte 0: a number is longer than 10 bytes");
  EXPECT_EQ(
      error_of("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01z"),
      "m.onnx: not an ONNX file: field graph at byte 0: length 18446744073709551615 runs past the end, 1 "
      "bytes are left");
  EXPECT_EQ(error_of("\x38\x01"),
            "m.onnx: not an ONNX file: field graph at byte 0: required a length and bytes, given a varint");
  EXPECT_EQ(
      error_of("\x82\x7d\x05z"),
      "m.onnx: not an ONNX file: field (unknown) at byte 0: length 5 runs past the end, 1 bytes are left");

  const std::string node = message([](pbf_writer& w) {
    w.add_message(5, std::string());
    w.add_message(5, std::string("\x3a\x03"
                                 "abc"));  // three bytes of packed floats
  });
  EXPECT_EQ(
      error_of(in_graph(message([&](pbf_writer& w) {
        w.add_message(1, std::string());
        w.add_message(1, node);
      }))),
      "m.onnx: not an ONNX file: field graph.node[1].attribute[1].floats[0] at byte 10: required a multiple "
      "of 4 bytes, given 3");
  EXPECT_EQ(
      error_of(in_graph(message([&](pbf_writer& w) { w.add_message(5, std::string("\x3a\x01\x80")); }))),
      "m.onnx: not an ONNX file: field graph.initializer[0].int64_data at byte 4: the bytes end inside a "
      "number");
}

std::string nested_graphs(int count) {  // node > attribute > graph, from the inside out, without recursion
  std::string bytes;
  std::vector<std::string> heads;
  size_t size = 0;
  const auto wrap = [&](char tag) {
    std::string head(1, tag);
    protozero::add_varint_to_buffer(&head, size);
    size += head.size();
    heads.push_back(std::move(head));
  };
  for (int i = 0; i < count; ++i) {
    wrap('\x32');  // attribute.g
    wrap('\x2a');  // node.attribute
    wrap('\x0a');  // graph.node
  }
  wrap('\x3a');
  for (size_t i = heads.size(); i-- > 0;) bytes += heads[i];
  return bytes;
}

TEST(Proto, NestingIsLimited) {
  EXPECT_EQ(error_of(nested_graphs(90)), "no error");
  const std::string error = error_of(nested_graphs(100000));
  EXPECT_NE(error.find("field graph.node[0].attribute[0].g.node[0].attribute[0]...."), std::string::npos)
      << error;
  EXPECT_NE(error.find("nested more than 300 messages deep"), std::string::npos) << error;
  EXPECT_LT(error.size(), 300u);
}

TEST(Proto, MemoryIsBoundedByTheFile) {
  std::string graph;  // two bytes each, two hundred in memory
  for (int i = 0; i < 1500000; ++i) graph.append("\x0a\0", 2);
  EXPECT_NE(error_of(in_graph(graph)).find("would take more than 50 times the file's 3000005 bytes"),
            std::string::npos);
  // Many pieces of one message and of one packed field: linear in time and memory.
  std::string pieces;
  for (int i = 0; i < 200000; ++i) pieces += in_graph(std::string("\x0a\0", 2));
  EXPECT_EQ(read_text(pieces).proto.graph->node.size(), 200000u);
  std::string attribute;
  for (int i = 0; i < 200000; ++i)
    attribute.append(
        "\x2a\x06\x22\x04"
        "abcd",
        8);
  const std::string node = message([&](pbf_writer& w) { w.add_message(5, attribute); });
  EXPECT_NE(
      error_of(in_graph(message([&](pbf_writer& w) { w.add_message(1, node); }))).find("would take more"),
      std::string::npos);
}

TEST(Proto, TruncationAnywhereIsAnErrorOrAModel) {
  const std::string bytes = write_model(everything());
  size_t read = 0;
  for (size_t n = 0; n < bytes.size(); ++n) {
    const std::string error = error_of(bytes.substr(0, n));
    read += error == "no error";
    EXPECT_TRUE(error == "no error" || error.find("m.onnx: not an ONNX file: ") == 0) << error;
  }
  EXPECT_LT(read, 10u);  // only between the fields of the model itself, after the graph
}

// Decodes every tensor of a message's graph, so that a mutant's values are looked at too.
void decode_all(const Model& model) {
  for (const TensorProto& t : model.proto.graph->initializer) {
    try {
      decode_tensor(t, model.storage);
    } catch (const Error&) {
    }
  }
}

TEST(Proto, MutantsAreAnErrorOrAModel) {
  constexpr uint32_t kSeed = 20260;
  std::mt19937 random(kSeed);
  const std::string bytes = write_model(everything());
  size_t read = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string mutant = bytes;
    for (uint32_t edits = 1 + random() % 3; edits > 0; --edits) {
      const size_t at = random() % mutant.size();
      switch (random() % 4) {
        case 0:
          mutant[at] = static_cast<char>(random());
          break;
        case 1:
          mutant[at] = static_cast<char>(mutant[at] ^ (1 << random() % 8));
          break;
        case 2:
          mutant.erase(at, 1 + random() % 4);
          break;
        case 3:
          mutant.insert(at, mutant.substr(random() % mutant.size(), random() % 16));
          break;
      }
    }
    try {
      const Model m = read_text(mutant);
      ++read;
      decode_all(m);
      const std::string canonical = write_model(m.proto);
      ASSERT_EQ(write_model(read_text(canonical).proto), canonical) << "seed " << kSeed << ", mutant " << i;
    } catch (const Error&) {
    }
  }
  EXPECT_GT(read, 1000u);
  EXPECT_LT(read, 19000u);
}

}  // namespace
}  // namespace tauto::onnx
