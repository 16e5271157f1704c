// Values in files, see value_files.h.
#include "cli/value_files.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "graph/literal.h"
#include "graph/npy_tensor.h"
#include "graph/scanner.h"
#include "onnx/encode_tensor.h"
#include "onnx/import.h"
#include "ops/interval.h"
#include "support/npz.h"

namespace tauto::cli {
namespace {

bool ends_with(std::string_view s, std::string_view end) {
  return s.size() >= end.size() && s.substr(s.size() - end.size()) == end;
}

bool is_folder(const std::string& path) {
  struct stat s {};
  return stat(path.c_str(), &s) == 0 && S_ISDIR(s.st_mode);
}

bool exists(const std::string& path) {
  struct stat s {};
  return stat(path.c_str(), &s) == 0;
}

Tensor ends(const Tensor& t, bool high) {
  Tensor r(t.type().is_float() ? f64 : i64, t.shape());
  for (int64_t i = 0; i < t.count(); ++i) {
    if (t.type().is_float())
      r.data<double>()[i] = high ? t.data<FInterval<double>>()[i].hi : t.data<FInterval<double>>()[i].lo;
    else
      r.data<int64_t>()[i] = high ? t.data<IInterval>()[i].hi : t.data<IInterval>()[i].lo;
  }
  return r;
}

std::string file_name(const std::string& name) {
  std::string s = name.empty() || name[0] == '.' ? "_" + name : name;
  for (char& c : s)
    if (c == '/' || c == '\0') c = '_';
  return s;
}

void write_pb(const std::string& path, const std::string& name, const Value& v) {
  onnx::Storage storage({}, path, "");
  std::string bytes;
  if (v.is_tensor())
    bytes = onnx::write_tensor(onnx::proto_of(v.tensor, name, storage));
  else if (v.tag == Value::Tag::Optional)
    bytes = onnx::write_optional(onnx::optional_proto_of(v, name, storage));
  else
    bytes = onnx::write_sequence(onnx::sequence_proto_of(v, name, storage));
  write_file(path, bytes);
}

bool all_exact(const Value& v) {
  if (v.is_tensor()) return v.tensor.rep() == Rep::Exact;
  for (const Value& p : v.parts)
    if (!all_exact(p)) return false;
  return true;
}

}  // namespace

Value read_value(const std::string& path, const Type& declared, const std::string& where) {
  if (ends_with(path, "}")) {
    try {
      Scanner s(path);
      Tensor t = scan_literal(s);
      s.expect_end();
      return t;
    } catch (const Error& e) {
      fail(where, ": ", e.what());
    }
  }
  if (ends_with(path, ".npy")) {
    const bool wrapped = declared.tag == Type::Tag::Optional;
    const Type& inner = wrapped ? declared.parts[0] : declared;
    if (!inner.is_tensor()) fail(where, ": required ", declared, " in a .pb file, got ", path);
    return tensor_of(read_npy(map_file(path), path), inner, where);
  }
  if (!ends_with(path, ".pb")) fail(where, ": required a .npy or .pb file or a literal, got \"", path, "\"");
  switch (declared.tag) {
    case Type::Tag::Sequence: {
      const auto d = onnx::read_sequence(map_file(path), path);
      return onnx::value_of(d.proto, d.storage);
    }
    case Type::Tag::Optional: {
      const auto d = onnx::read_optional(map_file(path), path);
      return onnx::value_of(d.proto, d.storage);
    }
    default: {
      const auto d = onnx::read_tensor(map_file(path), path);
      return onnx::tensor_of(d.proto, d.storage);
    }
  }
}

NamedValues read_values(const std::string& path, const LoadedModel& model) {
  NamedValues values;
  if (is_folder(path)) {
    size_t index = 0;
    for (const NamedTypes* list : {&model.inputs(), &model.defaults()})
      for (const auto& [name, type] : *list) {
        const std::string stem = cat(path, "/", file_name(name));
        const std::string where = cat("run: input \"", name, "\"");
        for (const std::string& file : {stem + ".npy", stem + ".pb", cat(path, "/input_", index, ".pb")})
          if (exists(file)) {
            values.emplace_back(name, read_value(file, type, where));
            break;
          }
        ++index;
      }
    return values;
  }
  if (!ends_with(path, ".npz")) fail("run: --inputs: required a .npz file or a folder, got \"", path, "\"");
  for (const auto& [name, array] : read_npz(map_file(path), path)) {
    const Type* declared = nullptr;
    for (const NamedTypes* list : {&model.inputs(), &model.defaults()})
      for (const auto& [n, type] : *list)
        if (n == name) declared = type.tag == Type::Tag::Optional ? &type.parts[0] : &type;
    const Type any = Type::unranked(element_of(array));
    values.emplace_back(name, tensor_of(array, declared ? *declared : any, cat("run: input \"", name, "\"")));
  }
  return values;
}

std::vector<std::string> write_values(const std::string& path, const NamedValues& values, bool as_pb) {
  const bool archive = ends_with(path, ".npz");
  if (archive && as_pb) fail("run: --pb: required a folder for --out, got ", path);
  if (!archive && mkdir(path.c_str(), 0777) != 0 && !is_folder(path))
    fail("run: --out: ", path, ": ", std::strerror(errno));
  NamedArrays arrays;
  std::vector<std::string> written;
  std::set<std::string> used;
  for (size_t i = 0; i < values.size(); ++i) {
    const auto& [name, v] = values[i];
    if (as_pb || !v.is_tensor()) {
      if (!all_exact(v)) fail("run: --rep: required exact values for .pb files and sequences");
      if (archive) fail("run: --out: output \"", name, "\" is no tensor: required a folder, got ", path);
      written.push_back(as_pb ? cat(path, "/output_", i, ".pb") : cat(path, "/", file_name(name), ".pb"));
      write_pb(written.back(), name, v);
      continue;
    }
    const auto add = [&](const std::string& key, const Tensor& t) {
      if (archive) {
        arrays.emplace_back(key, array_of(t));
        return;
      }
      std::string unique = file_name(key);
      while (!used.insert(unique).second) unique += "_";
      written.push_back(cat(path, "/", unique, ".npy"));
      write_file(written.back(), write_npy(array_of(t)));
    };
    if (v.tensor.rep() == Rep::Interval && !v.tensor.type().is_string()) {
      add(name + ".lo", ends(v.tensor, false));
      add(name + ".hi", ends(v.tensor, true));
    } else {
      add(name, v.tensor);
    }
  }
  if (archive) {
    write_file(path, write_npz(arrays));
    written.push_back(path);
  }
  return written;
}

}  // namespace tauto::cli
