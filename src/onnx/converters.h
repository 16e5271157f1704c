// The one list of converters: X(domain, operator), sorted. Each is a function tauto::onnx::convert::Operator.
#define TAUTO_CONVERTERS(X) \
  X("", Add)                \
  X("", Constant)           \
  X("", MatMul)             \
  X("", Relu)
