// Printing and parsing of executables, see program_text.h. The structured bindings name every member, so that
// a new one does not compile before somebody has thought about it here.
#include "compile/program_text.h"

#include <mutex>

#include "codegen/x64/encode.h"
#include "compile/build_kernel.h"
#include "graph/scanner.h"
#include "graph/text.h"
#include "support/checksum.h"
#include "support/sha256.h"

namespace tauto {

Type scan_type(Scanner& s);

namespace {

std::string content_of(const Tensor& t, Trust trust) {
  const auto size = static_cast<size_t>(t.bytes());
  return trust == Trust::Content ? cat("sha256:", sha256_hex(t.raw(), size))
                                 : cat("sum:", checksum(t.raw(), size));
}

void require_content(const Tensor& t, const std::string& content, const std::string& name) {
  const Trust trust = content.starts_with("sum:") ? Trust::Checksum : Trust::Content;
  if (const std::string got = content_of(t, trust); got != content)
    throw Damaged(cat("constant @", name, ": required ", content, ", got ", got));
}

// --- printing ---------------------------------------------------------------------------------------------

std::string list_of(const std::vector<Dim>& dims) {
  std::string s = "[";
  for (size_t i = 0; i < dims.size(); ++i) s += (i ? ", " : "") + text_of(dims[i]);
  return s + "]";
}

template <class Ids>
std::string ids_text(const Ids& ids) {
  std::string s;
  for (Id id : ids) s += cat(" %", id);
  return s;
}

class Printer {
 public:
  Printer(const std::vector<Tensor>& constants, Trust trust) : trust_(trust) {
    for (size_t i = 0; i < constants.size(); ++i) constants_.emplace(constants[i].raw(), i);
  }

  std::string group(const CompiledGroup& compiled, size_t number) {
    const auto& [group, built, in_code] = compiled;
    const auto& [kind, result, nodes, reason, kernel, arguments, checks, equal, unsure, extents, bands,
                 source] = group;
    std::string s = cat(kind == Group::Kind::Kernel ? "compute"
                        : kind == Group::Kind::View ? "view"
                                                    : "reference",
                        " %", result, " of", ids_text(nodes));
    if (kind == Group::Kind::Kernel) s += cat(" by ", number);
    if (kind == Group::Kind::View) s += cat(" from %", source);
    if (!reason.empty()) s += " reason " + quote(reason);
    if (!kernel.name.empty()) s += " name " + quote(kernel.name);
    s += "\n";
    if (!kernel.sources.empty()) {
      s += " sources";
      for (const std::string& name : kernel.sources) s += " " + quote(name);
      s += "\n";
    }
    if (!arguments.empty()) s += " arguments" + arguments_text(arguments) + "\n";
    for (const RangeCheck& check : checks) {
      const auto& [value, first, every, least, end] = check;
      s += cat(" check %", value, " ", first, " ", every, " ", list_of({least, end}), "\n");
    }
    for (const auto& [x, y] : equal) s += cat(" equal ", list_of({x, y}), "\n");
    if (!unsure.empty()) s += cat(" unsure", ids_text(unsure), "\n");
    if (!extents.empty()) s += cat(" extents ", list_of(extents), "\n");
    if (bands) s += " bands" + bands_text(*bands) + "\n";
    return s;
  }

  static std::string kernel(const BuiltKernel& built, size_t bytes) {
    const auto& [program, sizes, from, to, step, workspace] = built.generated;
    return cat("kernel ", quote(built.scheduled.kernel.name), " ", bytes, " scratch ", program.scratch,
               " step ", step, "\n sizes ", list_of(sizes), " bounds ", list_of({from, to, workspace}), "\n");
  }

  std::string data_text() const {
    std::string s;
    for (const Tensor& t : data) s += cat("data ", type_of(t), " ", content_of(t, trust_), "\n");
    return s;
  }

  std::vector<Tensor> data;

 private:
  static std::string bands_text(const Bands& b) {
    const auto& [chain, extents, rows, strides, loops] = b;
    const auto numbers = [](const std::vector<int64_t>& v) { return list_of({v.begin(), v.end()}); };
    std::string s = cat(" ", chain, " rows ", rows, " of ", numbers(extents), " strides");
    for (const std::vector<int64_t>& stride : strides) s += " " + numbers(stride);
    s += " loops";
    for (const auto& [variable, extent, unit] : loops)
      s += cat(" ", quote(variable), " ", numbers({extent, unit}));
    return s;
  }

  std::string arguments_text(const std::vector<KernelArgument>& arguments) {
    std::string s;
    for (const KernelArgument& argument : arguments) {
      const auto& [kind, value, constant] = argument;
      CHECK(kind != KernelArgument::Kind::Probe, "a program with probes is not kept");
      if (kind == KernelArgument::Kind::Result) {
        s += " result";
      } else if (kind == KernelArgument::Kind::Value) {
        s += cat(" %", value);
      } else if (const auto at = constants_.find(constant.raw()); at != constants_.end()) {
        s += cat(" @graph ", at->second);
      } else {
        const auto [number, fresh] = numbers_.emplace(constant.raw(), data.size());
        if (fresh) data.push_back(constant);
        s += cat(" @data ", number->second);
      }
    }
    return s;
  }

  Trust trust_;
  std::map<const void*, size_t> constants_, numbers_;
};

// --- parsing ----------------------------------------------------------------------------------------------

// Constants that only references read, compared when the first of them is about to.
struct Later {
  std::once_flag once;
  std::vector<std::tuple<Tensor, std::string, std::string>> list;
};

class Parser {
 public:
  Parser(std::string_view text, std::shared_ptr<const Module> module, const std::vector<Tensor>& constants,
         const Bytes& bytes, const Bytes& code, Isa isa)
      : s_(text), constants_(constants), contents_(constants.size()), bytes_(bytes), code_(code) {
    parts_.module = std::move(module);
    parts_.isa = isa;
    parts_.has_stages = false;
  }

  std::shared_ptr<const Executable> parse() {
    while (s_.accept("constant")) constant();
    while (s_.accept("data")) data();
    while (s_.accept("kernel")) kernel();
    while (s_.accept("function")) function();
    s_.expect_end();
    if (parts_.functions.size() != parts_.module->functions.size()) s_.error("all functions of the module");
    parts_.code = std::move(writer_).seal();
    const auto later = std::make_shared<Later>();
    for (size_t i = 0; i < constants_.size(); ++i)
      if (!contents_[i].empty()) later->list.emplace_back(constants_[i], contents_[i], cat("graph ", i));
    if (!later->list.empty())
      parts_.before_constants = [later] {
        std::call_once(later->once, [&] {
          for (const auto& [tensor, content, name] : later->list) require_content(tensor, content, name);
        });
      };
    return assemble(std::move(parts_));
  }

 private:
  size_t number(std::string_view what, size_t end) {
    const int64_t n = s_.integer(what);
    if (n < 0 || static_cast<uint64_t>(n) >= end) s_.error(what, std::to_string(n));
    return static_cast<size_t>(n);
  }

  Dim dim() {
    std::string_view text = s_.balanced_until(",]");
    const Dim d = parse_dim(text);
    return d;
  }
  std::vector<Dim> dims() {
    std::vector<Dim> list;
    s_.expect("[");
    while (!s_.accept("]")) {
      if (!list.empty()) s_.expect(",");
      list.push_back(dim());
    }
    return list;
  }
  std::vector<Dim> dims(size_t count) {
    std::vector<Dim> list = dims();
    if (list.size() != count) s_.error(cat(count, " dimensions"), std::to_string(list.size()));
    return list;
  }

  Id id() {
    s_.expect("%");
    return static_cast<Id>(number("a node of the function", function_->nodes.size()));
  }
  std::vector<Id> ids() {
    std::vector<Id> list;
    while (s_.peek("%")) list.push_back(id());
    return list;
  }

  std::string content() {
    const std::string text = s_.name("a hash or a checksum");
    if (!text.starts_with("sum:") && !text.starts_with("sha256:")) s_.error("sum:… or sha256:…", text);
    return text;
  }

  void constant() {
    const size_t i = number("a constant of the graph", constants_.size());
    contents_[i] = content();
  }

  void data() {
    const Type type = scan_type(s_);
    if (!type.is_tensor() || !type.is_static() || type.element.is_string())
      s_.error("a tensor type of numbers");
    const Shape shape = static_shape(type);
    const std::string required = content();
    offset_ = (offset_ + 63) / 64 * 64;
    const auto size =
        static_cast<uint64_t>(element_count(shape)) * static_cast<uint64_t>(type.element.bytes());
    if (offset_ > bytes_.size() || size > bytes_.size() - offset_) s_.error(cat(size, " bytes at ", offset_));
    Tensor t(type.element, shape, bytes_.owner, bytes_.data() + offset_);
    require_content(t, required, cat("data ", data_.size()));
    offset_ += size;
    data_.push_back(std::move(t));
  }

  void kernel() {
    BuiltKernel k;
    auto& [program, sizes, from, to, step, workspace] = k.generated;
    k.scheduled.kernel.name = s_.quoted();
    const size_t size = number("bytes of code", code_.size() - code_at_ + 1);
    const std::span<const uint8_t> code = code_.span.subspan(code_at_, size);
    code_at_ += size;
    s_.expect("scratch");
    program.scratch = s_.integer("bytes of scratch memory");
    s_.expect("step");
    step = static_cast<int64_t>(number("a step of at least 1", size_t{1} << 62));
    if (step == 0) s_.error("a step of at least 1");
    s_.expect("sizes");
    sizes = dims();
    s_.expect("bounds");
    const std::vector<Dim> bounds = dims(3);
    from = bounds[0], to = bounds[1], workspace = bounds[2];
    writer_.add(k.scheduled.kernel.name, code);
    kernels_.push_back(std::make_shared<const BuiltKernel>(std::move(k)));
  }

  void function() {
    const std::string name = s_.name("a function's name");
    const auto at = parts_.module->functions.find(name);
    if (at == parts_.module->functions.end()) s_.error("a function of the module", name);
    function_ = at->second.get();
    CompiledFunction c;
    c.function = function_;
    s_.expect("block");
    c.block = s_.integer("lanes of a block");
    if (c.block < 1 || c.block > 64) s_.error("a block of 1 to 64");
    s_.expect("blocked");
    for (Id i : ids()) c.blocked.insert(i);
    while (true) {
      CompiledGroup g;
      if (s_.accept("compute"))
        g.group.kind = Group::Kind::Kernel;
      else if (s_.accept("view"))
        g.group.kind = Group::Kind::View;
      else if (s_.accept("reference"))
        g.group.kind = Group::Kind::Reference;
      else
        break;
      group(g);
      c.groups.push_back(std::move(g));
    }
    parts_.functions[name] = std::move(c);
  }

  void group(CompiledGroup& compiled) {
    Group& g = compiled.group;
    g.result = id();
    s_.expect("of");
    g.nodes = ids();
    if (g.nodes.empty() || g.nodes.back() != g.result) s_.error("nodes of which the result is the last");
    if (g.kind == Group::Kind::Kernel) {
      s_.expect("by");
      compiled.kernel = number("a kernel's number", kernels_.size());
      compiled.built = kernels_[compiled.kernel];
    }
    if (g.kind == Group::Kind::View) {
      s_.expect("from");
      g.source = id();
    }
    if (s_.accept("reason")) g.reason = s_.quoted();
    if (s_.accept("name")) g.kernel.name = s_.quoted();
    if (s_.accept("sources"))
      while (s_.peek("\"")) g.kernel.sources.push_back(s_.quoted());
    if (s_.accept("arguments"))
      while (argument(g)) {
      }
    while (s_.accept("check")) {
      RangeCheck c;
      c.value = id();
      c.first = number("the first element", SIZE_MAX >> 1);
      c.every = number("a distance of elements", SIZE_MAX >> 1);
      if (c.every == 0) s_.error("a distance of at least 1");
      const std::vector<Dim> range = dims(2);
      c.least = range[0], c.end = range[1];
      g.checks.push_back(std::move(c));
    }
    while (s_.accept("equal")) {
      const std::vector<Dim> pair = dims(2);
      g.equal.emplace_back(pair[0], pair[1]);
    }
    if (s_.accept("unsure")) g.unsure = ids();
    if (s_.accept("extents")) g.extents = dims();
    if (s_.accept("bands")) g.bands = bands(g);
  }

  std::vector<int64_t> numbers(int64_t least) {
    std::vector<int64_t> list;
    for (const Dim& d : dims()) {
      if (!d.is_literal() || d.literal() < least || d.literal() > kMaxTensorBytes)
        s_.error(cat("a number of ", least, " to ", kMaxTensorBytes), text_of(d));
      list.push_back(d.literal());
    }
    return list;
  }

  Bands bands(const Group& g) {
    Bands b;
    b.chain = number("a chain of the function", function_->nodes.size());
    s_.expect("rows");
    b.rows = s_.integer("rows of a band");
    s_.expect("of");
    b.extents = numbers(1);
    if (b.extents.empty() || b.rows < 1 || b.rows > b.extents.back())
      s_.error("rows of a band, of all there are");
    s_.expect("strides");
    while (s_.peek("[")) {
      b.strides.push_back(numbers(-kMaxTensorBytes));
      if (b.strides.back().size() != b.extents.size()) s_.error("a stride along each axis");
    }
    if (b.strides.size() != g.arguments.size()) s_.error("strides of each argument");
    s_.expect("loops");
    while (s_.peek("\"")) {
      Bands::Loop l;
      l.variable = s_.quoted();
      const std::vector<int64_t> about = numbers(1);
      if (about.size() != 2) s_.error("extent and rows of a step");
      l.extent = about[0], l.unit = about[1];
      b.loops.push_back(std::move(l));
    }
    return b;
  }

  bool argument(Group& g) {
    KernelArgument a;
    if (s_.accept("result")) {
      a.kind = KernelArgument::Kind::Result;
    } else if (s_.peek("%")) {
      a.value = id();
    } else if (s_.accept("@graph")) {
      const size_t i = number("a constant of the graph", constants_.size());
      if (!contents_[i].empty()) require_content(constants_[i], contents_[i], cat("graph ", i));
      contents_[i].clear();
      a.kind = KernelArgument::Kind::Constant;
      a.constant = constants_[i];
    } else if (s_.accept("@data")) {
      a.kind = KernelArgument::Kind::Constant;
      a.constant = data_[number("a packed constant", data_.size())];
    } else {
      return false;
    }
    g.arguments.push_back(std::move(a));
    return true;
  }

  Scanner s_;
  const std::vector<Tensor>& constants_;
  std::vector<std::string> contents_;  // of constants that are not compared yet
  const Bytes &bytes_, &code_;
  size_t offset_ = 0, code_at_ = 0;
  ExecutableParts parts_;
  CodeWriter writer_;
  std::vector<Tensor> data_;
  std::vector<std::shared_ptr<const BuiltKernel>> kernels_;
  const Function* function_ = nullptr;
};

}  // namespace

ProgramText text_of(const Executable& e, const std::vector<Tensor>& constants, Trust trust) {
  ProgramText r;
  Printer printer(constants, trust);
  std::map<const BuiltKernel*, size_t> numbers;
  std::string kernels, functions;
  for (const auto& [name, compiled] : e.functions()) {
    functions += cat("function ", quote(name), " block ", compiled.block, " blocked",
                     ids_text(compiled.blocked), "\n");
    for (const CompiledGroup& g : compiled.groups) {
      size_t number = 0;
      if (g.built) {
        const auto [at, fresh] = numbers.emplace(g.built.get(), numbers.size());
        number = at->second;
        if (fresh) r.code.push_back(e.code().code(g.kernel));
        if (fresh) kernels += Printer::kernel(*g.built, r.code.back().size());
      }
      functions += printer.group(g, number);
    }
  }
  // The graph's text has the SHA-256 of its constants.
  if (trust == Trust::Checksum)
    for (size_t i = 0; i < constants.size(); ++i)
      if (constants[i].count() > kShapeArithmeticElements)
        r.text += cat("constant ", i, " ", content_of(constants[i], trust), "\n");
  r.text += printer.data_text() + kernels + functions;
  r.data = std::move(printer.data);
  return r;
}

std::shared_ptr<const Executable> parse_executable(std::string_view text,
                                                   std::shared_ptr<const Module> module,
                                                   const std::vector<Tensor>& constants, const Bytes& data,
                                                   const Bytes& code, Isa isa) {
  return Parser(text, std::move(module), constants, data, code, isa).parse();
}

}  // namespace tauto
