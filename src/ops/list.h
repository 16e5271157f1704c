// The one list of operators, sorted by name. Everything else about an operator is in its own file.
#define TAUTO_OPS(X) \
  X(add)             \
  X(constant)        \
  X(contract)        \
  X(dims)            \
  X(item)            \
  X(parameter)       \
  X(relu)            \
  X(where)
