// Outside implementations, see outside_system.h. A socket rather than pipes: writing to one whose other end
// has died is an error, not a signal.
#include "verify/outside_system.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "graph/npy_tensor.h"

namespace tauto::equivalence {
namespace {

bool is_file(const std::string& path) { return access(path.c_str(), R_OK) == 0; }

std::string program_folder() {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  const std::string s(path, n > 0 ? static_cast<size_t>(n) : 0);
  return s.substr(0, s.rfind('/'));
}

OutsideOptions found(OutsideOptions o) {
  const std::string folder = program_folder();
  if (o.script.empty()) o.script = folder + "/python/tauto/outside.py";
  if (const char* python = std::getenv("TAUTO_PYTHON3"); o.python.empty() && python && *python)
    o.python = python;
  if (o.python.empty())
    o.python = is_file(folder + "/../.venv/bin/python") ? folder + "/../.venv/bin/python" : "python3";
  if (!is_file(o.script))
    fail("same: required ", o.script, " to run outside implementations, got no such file");
  return o;
}

NpyArray text_array(std::vector<std::string> strings) {
  return {"<U", {static_cast<int64_t>(strings.size())}, {}, std::move(strings)};
}

const NpyArray* find(const NamedArrays& arrays, const std::string& name) {
  for (const auto& [n, a] : arrays)
    if (n == name) return &a;
  return nullptr;
}

std::string first_text(const NamedArrays& arrays, const std::string& name) {
  const NpyArray* a = find(arrays, name);
  return a && !a->strings.empty() ? a->strings[0] : "";
}

}  // namespace

OutsideProcess::OutsideProcess(const OutsideOptions& options, const std::vector<std::string>& arguments) {
  const OutsideOptions o = found(options);
  name_ = arguments.at(0) == "decide" ? cat("--decision ", arguments.at(1)) : arguments[0];
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    fail("same: ", name_, ": ", std::strerror(errno));
  std::vector<std::string> words{o.python, o.script};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  process_ = fork();
  if (process_ == 0) {
    dup2(ends[1], 0);  // dup2's copies survive exec
    dup2(2, 1);        // what it prints is not an answer
    execvp(argv[0], argv.data());
    _exit(127);
  }
  close(ends[1]);
  socket_ = ends[0];
  if (process_ < 0) fail("same: ", name_, ": cannot start ", o.python, ": ", std::strerror(errno));
}

OutsideProcess::~OutsideProcess() {
  if (socket_ >= 0) close(socket_);
  if (process_ <= 0) return;
  for (int i = 0; i < 200; ++i) {  // it ends when the socket does
    if (waitpid(process_, nullptr, WNOHANG) != 0) return;
    usleep(10000);
  }
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

NamedArrays OutsideProcess::ask(const NamedArrays& question) {
  const auto ended = [&] {
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = -1;
    fail("same: ", name_, ": its process ended with ",
         WIFSIGNALED(status) ? cat("signal ", WTERMSIG(status)) : cat("exit code ", WEXITSTATUS(status)));
  };
  if (process_ <= 0) fail("same: ", name_, ": its process has ended");
  const std::string body = write_npz(question);
  const uint64_t size = body.size();
  std::string frame(reinterpret_cast<const char*>(&size), sizeof size);
  frame += body;
  for (size_t at = 0; at < frame.size();) {
    const ssize_t n = send(socket_, frame.data() + at, frame.size() - at, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) ended();
    at += static_cast<size_t>(n);
  }
  const auto receive = [&](char* to, size_t count) {
    for (size_t at = 0; at < count;) {
      const ssize_t n = recv(socket_, to + at, count - at, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) ended();
      at += static_cast<size_t>(n);
    }
  };
  uint64_t length = 0;
  receive(reinterpret_cast<char*>(&length), sizeof length);
  if (length > static_cast<uint64_t>(kMaxTensorBytes)) fail("same: ", name_, ": answered with no frame");
  std::string answer(length, 0);
  receive(answer.data(), answer.size());
  NamedArrays arrays = read_npz(own(std::move(answer)), name_);
  if (const NpyArray* error = find(arrays, "error")) fail("same: ", name_, ": ", error->strings.at(0));
  return arrays;
}

namespace {

class OutsideSystem final : public System {
 public:
  OutsideSystem(const std::string& spec, const std::string& runtime, const std::string& path,
                std::vector<std::string> options, const OutsideOptions& outside)
      : System(spec),
        model_(LoadedModel::load(path)),
        process_(outside, arguments(runtime, path, std::move(options))) {
    version_ = first_text(process_.ask({{"do", text_array({"open"})}}), "version");
  }

  std::string describe() const override { return version_; }
  const NamedTypes& inputs() const override { return model_.inputs(); }
  const NamedTypes& outputs() const override { return model_.outputs(); }
  const LoadedModel& model() const override { return model_; }

  std::vector<Value> run(const std::vector<Value>& inputs) override {
    return outputs_of(process_.ask(question("run", inputs)));
  }

  NodeValues values(const std::vector<Value>& inputs, const std::vector<std::string>& nodes,
                    std::vector<Value>* results) override {
    NamedArrays q = question("values", inputs);
    q.emplace_back("nodes", text_array(nodes));
    const NamedArrays answer = process_.ask(q);
    if (results) *results = outputs_of(answer);
    NodeValues found;
    const NpyArray* names = find(answer, "nodes");
    for (size_t i = 0; names && i < names->strings.size(); ++i)
      if (const NpyArray* a = find(answer, cat("value_", i)))
        found[names->strings[i]] = tensor_of(*a, Type::unranked(element_of(*a)), spec());
    return found;
  }

 private:
  static std::vector<std::string> arguments(const std::string& runtime, const std::string& path,
                                            std::vector<std::string> options) {
    options.insert(options.begin(), {runtime, path});
    return options;
  }

  NamedArrays question(const char* what, const std::vector<Value>& inputs) const {
    NamedArrays q{{"do", text_array({what})}};
    std::vector<std::string> names;
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].is_tensor()) fail("same: ", spec(), ": required inputs that are tensors");
      names.push_back(model_.inputs()[i].first);
      q.emplace_back(cat("input_", i), array_of(inputs[i].tensor));
    }
    q.emplace_back("inputs", text_array(names));
    names.clear();
    for (const auto& [name, type] : model_.outputs()) names.push_back(name);
    q.emplace_back("outputs", text_array(names));
    return q;
  }

  std::vector<Value> outputs_of(const NamedArrays& answer) const {
    std::vector<Value> r;
    for (size_t i = 0; i < outputs().size(); ++i) {
      const NpyArray* a = find(answer, cat("output_", i));
      if (!a) fail("same: ", spec(), ": gave no output \"", outputs()[i].first, "\"");
      r.emplace_back(tensor_of(*a, outputs()[i].second, spec()));
    }
    return r;
  }

  LoadedModel model_;
  OutsideProcess process_;
  std::string version_;
};

}  // namespace

std::unique_ptr<System> open_outside(const std::string& spec, const std::string& runtime,
                                     const std::string& path, const std::vector<std::string>& options,
                                     const OutsideOptions& outside) {
  return std::make_unique<OutsideSystem>(spec, runtime, path, options, outside);
}

CustomRule::CustomRule(const std::string& path, const OutsideOptions& outside)
    : process_(outside, {"decide", path}), path_(path) {
  ties_ = first_text(process_.ask({{"do", text_array({"open"})}}), "ties");
}

std::vector<Decided> CustomRule::decide(const NamedTypes& outputs, const std::vector<Value>& values,
                                        int64_t count) {
  NamedArrays q{{"do", text_array({"decide"})}};
  std::vector<std::string> names;
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i].is_tensor()) fail("same: --decision ", path_, ": required outputs that are tensors");
    names.push_back(outputs[i].first);
    q.emplace_back(cat("output_", i), array_of(values[i].tensor));
  }
  q.emplace_back("outputs", text_array(names));
  const NamedArrays answer = process_.ask(q);
  const NpyArray* rows = find(answer, "decisions");
  const Tensor t = rows ? tensor_of(*rows, Type::unranked(i64), path_) : Tensor();
  if (!rows || t.rank() == 0 || t.dim(0) != count)
    fail("same: --decision ", path_, ": decide: required an array of integers with a row for each of ", count,
         " samples");
  const std::vector<int64_t> all = t.as_ints();
  const auto row = static_cast<std::ptrdiff_t>(all.size() / static_cast<size_t>(count));
  std::vector<Decided> list(static_cast<size_t>(count));
  for (size_t i = 0; i < list.size(); ++i) {
    const auto at = all.begin() + static_cast<std::ptrdiff_t>(i) * row;
    list[i].what.assign(at, at + row);
    list[i].margin = std::numeric_limits<double>::quiet_NaN();
  }
  return list;
}

bool has_pictures(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error)) {
    std::string ending = at->path().extension().string();
    std::transform(ending.begin(), ending.end(), ending.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    for (const char* known : {".png", ".jpg", ".jpeg", ".bmp"})
      if (ending == known) return true;
  }
  return false;
}

NamedValues read_pictures(const std::string& folder, const NamedTypes& inputs,
                          const OutsideOptions& outside) {
  if (inputs.size() != 1 || !inputs[0].second.is_tensor() || !inputs[0].second.ranked ||
      inputs[0].second.element != f32)
    fail("same: --data: ", folder, ": required a model with one input of f32 for pictures, got ",
         inputs.size(), inputs.size() == 1 ? " input of another type" : " inputs");
  std::vector<int64_t> shape;
  for (const Dim& d : inputs[0].second.dims) shape.push_back(d.as_literal().value_or(-1));
  OutsideProcess process(outside, {"pictures", folder});
  NamedValues values;
  for (const auto& [name, array] : process.ask({{"shape", array_of(Tensor::ints(shape))}}))
    values.emplace_back(name == "pictures" ? inputs[0].first : name,
                        tensor_of(array, Type::unranked(name == "pictures" ? f32 : i64), name));
  return values;
}

}  // namespace tauto::equivalence
