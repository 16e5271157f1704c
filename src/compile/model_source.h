// What a LoadedModel shares with its copies: where its graphs come from, those that were made, and the
// programs they were compiled to.
#pragma once

#include <list>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>

#include "compile/loaded_model.h"
#include "compile/programs.h"
#include "onnx/import.h"

namespace tauto {

struct LoadedModel::Source {
  std::string name = "model";  // the file
  NamedTypes inputs, defaults, outputs;
  bool general = true;  // is there a graph for all inputs? Not if it depends on values of `needed`
  // Of an ONNX file. With a signature from the cache it is read when somebody asks for a graph.
  Bytes file;
  std::string folder;
  FileStamp stamp;  // of size 0: not a file of its own
  Allowed allowed;
  PrecisionPlan precision;

  std::mutex mutex;  // guards what follows, and importing
  onnx::Model onnx;
  std::shared_ptr<const Module> all;
  std::string identity;  // of `all`, for the cache
  std::set<std::string> needed;
  std::string reason;  // why they are needed, with file and node
  std::list<std::pair<std::string, std::shared_ptr<const Module>>> kept;  // by values; latest first
  std::list<std::pair<std::string, Programs>> compiled;                   // the same; "": of `all`
  struct Probed {
    std::string values;
    ProbeOptions options;
    std::shared_ptr<const Executable> executable;
  } probed;                                          // the latest program with probes
  std::vector<Lease> idle;                           // of programs in `compiled`; latest last
  const std::function<bool()>* importing = nullptr;  // asked by the import that compiling needs

  static std::shared_ptr<Source> from_file(Bytes file, std::string name, std::string folder,
                                           const FileStamp& stamp, const LoadOptions& options);
  static std::shared_ptr<Source> from_artifact(const Bytes& file, const std::string& name,
                                               const LoadOptions& options);
  static std::shared_ptr<Source> from_module(Module m, const LoadOptions& options);

  // What follows is called with `mutex` held. The graph for all inputs; Error: there is none.
  std::shared_ptr<const Module> whole(const std::function<bool()>* cancelled);
  // The graph for these inputs, and what it is kept under.
  std::pair<std::string, std::shared_ptr<const Module>> graph(const RunInputs& given,
                                                              const std::function<bool()>* cancelled);
  // Its programs. One of them for inputs: see Programs::get.
  Programs& programs(const RunInputs& given, const std::function<bool()>* cancelled);
  std::shared_ptr<const Executable> program(const RunInputs& given, const std::function<bool()>* cancelled,
                                            bool with_stages);

  // These take it themselves. The latest idle one that `fits`, or an empty one.
  template <class F>
  Lease take(F fits) {
    const std::lock_guard lock(mutex);
    for (size_t i = idle.size(); i-- > 0;) {
      if (!fits(idle[i])) continue;
      Lease l = std::move(idle[i]);
      idle.erase(idle.begin() + static_cast<ptrdiff_t>(i));
      return l;
    }
    return {};
  }
  void give_back(Lease l);

  // A run: its errors name the file too.
  template <class F>
  auto located(F run) const {
    try {
      return run();
    } catch (const Cancelled&) {
      throw;
    } catch (const Damaged&) {
      throw;
    } catch (const Error& e) {
      throw Error(cat(name, ": ", e.what()));
    } catch (const std::bad_alloc&) {
      throw Error(cat(name, ": required more memory than there is"));
    } catch (const std::length_error&) {
      throw Error(cat(name, ": required more memory than there can be"));
    }
  }

 private:
  void take_types(const Module& m);
  std::shared_ptr<const Module> with_allowed(Module m) const;
  void import_all(const std::function<bool()>* cancelled);
  const onnx::Model& document();
  void require(const onnx::NeedsValues& e);
  const std::string& identity_of_all();
  // What is allowed, for the identities of programs. (An allowed rewrite may leave a file's graph as it is.)
  std::string suffix() const;  // of identities: what the file was changed by
  std::string signature() const;
  bool take_signature(std::string_view text);
  std::pair<std::string, std::shared_ptr<const Module>> specialised(const RunInputs& given,
                                                                    const std::function<bool()>* cancelled);
};

}  // namespace tauto
