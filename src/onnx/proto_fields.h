// The fields of every message, once: number, name, member. A visitor is called for each field in ascending
// order as visit(number, name, member) and dispatches on the member's type:
//   int32_t, int64_t, float, std::optional<int64_t>    a scalar
//   std::string_view                                   text, bytes or an unparsed message
//   Packed<T>                                          a packed repeated scalar
//   std::vector<int64_t>, std::vector<float>           a repeated scalar, written unpacked as proto2 has it
//   std::vector<std::string_view>                      repeated text
//   Box<M>, std::vector<M>                             a sub-message, repeated sub-messages
// A zero number, an empty list, an absent text or message is not written, except where a fourth argument
// `true` says that the field is there even so (a type's discriminator promises it).
#pragma once

#include <type_traits>

#include "onnx/proto.h"

namespace tauto::onnx {

// M is T or const T: the reader fills, the writer only looks.
template <class M, class T>
concept Is = std::is_same_v<std::remove_const_t<M>, T>;

template <class V, Is<StringStringEntryProto> M>
void fields(V& visit, M& m) {
  visit(1, "key", m.key);
  visit(2, "value", m.value);
}

template <class V, Is<OperatorSetIdProto> M>
void fields(V& visit, M& m) {
  visit(1, "domain", m.domain);
  visit(2, "version", m.version, true);
}

template <class V, Is<TensorProto> M>
void fields(V& visit, M& m) {
  visit(1, "dims", m.dims);
  visit(2, "data_type", m.data_type, true);
  visit(3, "segment", m.segment);
  visit(4, "float_data", m.float_data);
  visit(5, "int32_data", m.int32_data);
  visit(6, "string_data", m.string_data);
  visit(7, "int64_data", m.int64_data);
  visit(8, "name", m.name);
  visit(9, "raw_data", m.raw_data);
  visit(10, "double_data", m.double_data);
  visit(11, "uint64_data", m.uint64_data);
  visit(12, "doc_string", m.doc_string);
  visit(13, "external_data", m.external_data);
  visit(14, "data_location", m.data_location);
  visit(16, "metadata_props", m.metadata_props);
}

template <class V, Is<SparseTensorProto> M>
void fields(V& visit, M& m) {
  visit(1, "values", m.values);
  visit(2, "indices", m.indices);
  visit(3, "dims", m.dims);
}

template <class V, Is<DimensionProto> M>
void fields(V& visit, M& m) {
  visit(1, "dim_value", m.dim_value);
  visit(2, "dim_param", m.dim_param);
  visit(3, "denotation", m.denotation);
}

template <class V, Is<TensorShapeProto> M>
void fields(V& visit, M& m) {
  visit(1, "dim", m.dim);
}

template <class V, Is<TypeProto::Tensor> M>
void fields(V& visit, M& m) {
  visit(1, "elem_type", m.elem_type, true);
  visit(2, "shape", m.shape);
}

template <class V, Is<TypeProto::Element> M>
void fields(V& visit, M& m) {
  visit(1, "elem_type", m.elem_type);
}

template <class V, Is<TypeProto::Map> M>
void fields(V& visit, M& m) {
  visit(1, "key_type", m.key_type, true);
  visit(2, "value_type", m.value_type);
}

template <class V, Is<TypeProto::Opaque> M>
void fields(V& visit, M& m) {
  visit(1, "domain", m.domain);
  visit(2, "name", m.name);
}

template <class V, Is<TypeProto> M>
void fields(V& visit, M& m) {
  visit(1, "tensor_type", m.tensor_type);
  visit(4, "sequence_type", m.sequence_type);
  visit(5, "map_type", m.map_type);
  visit(6, "denotation", m.denotation);
  visit(7, "opaque_type", m.opaque_type);
  visit(8, "sparse_tensor_type", m.sparse_tensor_type);
  visit(9, "optional_type", m.optional_type);
}

template <class V, Is<ValueInfoProto> M>
void fields(V& visit, M& m) {
  visit(1, "name", m.name);
  visit(2, "type", m.type);
  visit(3, "doc_string", m.doc_string);
  visit(4, "metadata_props", m.metadata_props);
}

template <class V, Is<AttributeProto> M>
void fields(V& visit, M& m) {
  const bool literal = m.ref_attr_name.empty();
  visit(1, "name", m.name);
  visit(2, "f", m.f, literal && m.type == AttributeProto::kFloat);
  visit(3, "i", m.i, literal && m.type == AttributeProto::kInt);
  visit(4, "s", m.s, literal && m.type == AttributeProto::kString);
  visit(5, "t", m.t);
  visit(6, "g", m.g);
  visit(7, "floats", m.floats);
  visit(8, "ints", m.ints);
  visit(9, "strings", m.strings);
  visit(10, "tensors", m.tensors);
  visit(11, "graphs", m.graphs);
  visit(13, "doc_string", m.doc_string);
  visit(14, "tp", m.tp);
  visit(15, "type_protos", m.type_protos);
  visit(20, "type", m.type);
  visit(21, "ref_attr_name", m.ref_attr_name);
  visit(22, "sparse_tensor", m.sparse_tensor);
  visit(23, "sparse_tensors", m.sparse_tensors);
}

template <class V, Is<NodeProto> M>
void fields(V& visit, M& m) {
  visit(1, "input", m.input);
  visit(2, "output", m.output);
  visit(3, "name", m.name);
  visit(4, "op_type", m.op_type);
  visit(5, "attribute", m.attribute);
  visit(6, "doc_string", m.doc_string);
  visit(7, "domain", m.domain);
  visit(8, "overload", m.overload);
  visit(9, "metadata_props", m.metadata_props);
  visit(10, "device_configurations", m.device_configurations);
}

template <class V, Is<TensorAnnotation> M>
void fields(V& visit, M& m) {
  visit(1, "tensor_name", m.tensor_name);
  visit(2, "quant_parameter_tensor_names", m.quant_parameter_tensor_names);
}

template <class V, Is<GraphProto> M>
void fields(V& visit, M& m) {
  visit(1, "node", m.node);
  visit(2, "name", m.name);
  visit(5, "initializer", m.initializer);
  visit(10, "doc_string", m.doc_string);
  visit(11, "input", m.input);
  visit(12, "output", m.output);
  visit(13, "value_info", m.value_info);
  visit(14, "quantization_annotation", m.quantization_annotation);
  visit(15, "sparse_initializer", m.sparse_initializer);
  visit(16, "metadata_props", m.metadata_props);
}

template <class V, Is<FunctionProto> M>
void fields(V& visit, M& m) {
  visit(1, "name", m.name);
  visit(4, "input", m.input);
  visit(5, "output", m.output);
  visit(6, "attribute", m.attribute);
  visit(7, "node", m.node);
  visit(8, "doc_string", m.doc_string);
  visit(9, "opset_import", m.opset_import);
  visit(10, "domain", m.domain);
  visit(11, "attribute_proto", m.attribute_proto);
  visit(12, "value_info", m.value_info);
  visit(13, "overload", m.overload);
  visit(14, "metadata_props", m.metadata_props);
}

template <class V, Is<ModelProto> M>
void fields(V& visit, M& m) {
  visit(1, "ir_version", m.ir_version);
  visit(2, "producer_name", m.producer_name);
  visit(3, "producer_version", m.producer_version);
  visit(4, "domain", m.domain);
  visit(5, "model_version", m.model_version);
  visit(6, "doc_string", m.doc_string);
  visit(7, "graph", m.graph);
  visit(8, "opset_import", m.opset_import);
  visit(14, "metadata_props", m.metadata_props);
  visit(20, "training_info", m.training_info);
  visit(25, "functions", m.functions);
  visit(26, "configuration", m.configuration);
}

template <class V, Is<SequenceProto> M>
void fields(V& visit, M& m) {
  visit(1, "name", m.name);
  visit(2, "elem_type", m.elem_type, true);
  visit(3, "tensor_values", m.tensor_values);
  visit(4, "sparse_tensor_values", m.sparse_tensor_values);
  visit(5, "sequence_values", m.sequence_values);
  visit(6, "map_values", m.map_values);
  visit(7, "optional_values", m.optional_values);
}

template <class V, Is<MapProto> M>
void fields(V& visit, M& m) {
  visit(1, "name", m.name);
  visit(2, "key_type", m.key_type, true);
  visit(3, "keys", m.keys);
  visit(4, "string_keys", m.string_keys);
  visit(5, "values", m.values);
}

template <class V, Is<OptionalProto> M>
void fields(V& visit, M& m) {
  visit(1, "name", m.name);
  visit(2, "elem_type", m.elem_type, true);
  visit(3, "tensor_value", m.tensor_value);
  visit(4, "sparse_tensor_value", m.sparse_tensor_value);
  visit(5, "sequence_value", m.sequence_value);
  visit(6, "map_value", m.map_value);
  visit(7, "optional_value", m.optional_value);
}

}  // namespace tauto::onnx
