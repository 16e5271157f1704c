// Writing and reading of artifacts, see artifact.h.
#include "compile/artifact.h"

#include <bit>
#include <charconv>
#include <cstring>
#include <numeric>

#include "compile/compiler_version.h"
#include "compile/ledger.h"
#include "compile/program_text.h"
#include "graph/text.h"
#include "runtime/user_key.h"
#include "support/sha256.h"
#include "tauto/version.h"

namespace tauto {
namespace {

static_assert(std::endian::native == std::endian::little);

// As PNG's: a transfer that takes it for text damages it visibly.
constexpr std::array<uint8_t, 8> kMagic = {0x89, 't', 'a', 'u', 't', 'o', '\r', '\n'};
constexpr uint32_t kFormat = 2;

enum SectionName : size_t { kGraph, kLedger, kProgram, kCode, kConstants, kData, kSections };

struct Section {
  uint64_t offset, size;
};

// The digests cover: `text` the graph's text and the ledger; `native` program and code; `head` the header
// before it, with those two. Constants are covered by the texts.
struct Header {
  std::array<uint8_t, 8> magic;
  uint32_t format;
  ArtifactKind kind;
  Section sections[kSections];
  Digest text, native, head, signature;
};
static_assert(sizeof(Header) == 240 && std::has_unique_object_representations_v<Header>);

std::string_view bytes_of(const void* p, size_t size) { return {static_cast<const char*>(p), size}; }

Digest digest_of(std::initializer_list<std::string_view> parts) {
  Sha256 h;
  for (std::string_view part : parts) h.add(part.data(), part.size());
  return h.digest();
}
Digest head_of(const Header& h) { return digest_of({bytes_of(&h, offsetof(Header, head))}); }
Digest signature_of(const Header& h, const UserKey& key) {
  return hmac_sha256(key, {"tauto artifact", bytes_of(&h, offsetof(Header, signature))});
}

size_t padding_to_64(size_t end) { return (64 - end % 64) % 64; }

const char kZeros[64] = {};

struct Writer {
  std::vector<std::string_view> parts;
  size_t end = 0;

  Section add(std::initializer_list<std::string_view> list) {
    align();
    const size_t start = end;
    for (std::string_view part : list) put(part);
    return {start, end - start};
  }
  Section add(const std::vector<Tensor>& tensors) {
    align();
    const size_t start = end;
    for (const Tensor& t : tensors) {
      align();
      put(bytes_of(t.raw(), static_cast<size_t>(t.bytes())));
    }
    return {start, end - start};
  }

 private:
  void align() { put(bytes_of(kZeros, padding_to_64(end))); }
  void put(std::string_view part) {
    if (!part.empty()) parts.push_back(part);
    end += part.size();
  }
};

[[noreturn]] void refuse(std::string_view why) { fail("artifact: ", why); }

// The header, if all of it and of what it promises is there.
Header header_of(const Bytes& file) {
  Header h;
  if (file.size() < sizeof h) refuse(cat("required a header of ", sizeof h, " bytes, got ", file.size()));
  std::memcpy(&h, file.data(), sizeof h);
  if (h.magic != kMagic) refuse("required its first bytes, got others");
  if (h.format != kFormat) refuse(cat("required format ", kFormat, ", got ", h.format));
  if (!same_digest(h.head, head_of(h))) refuse("its header is damaged");
  for (const Section& s : h.sections)
    if (s.offset % 64 != 0 || s.offset > file.size() || s.size > file.size() - s.offset)
      refuse(cat("required ", s.size, " bytes at ", s.offset, ", the file has ", file.size()));
  return h;
}

std::string_view first_line(std::string_view& text) {
  const size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Of the first line of a graph's text; -1 where it does not say.
int semantics_of(std::string_view text) {
  const std::string_view line = first_line(text);
  constexpr std::string_view kWord = " semantics ";
  const size_t at = line.rfind(kWord);
  int version = -1;
  if (at != line.npos) std::from_chars(line.data() + at + kWord.size(), line.data() + line.size(), version);
  return version;
}

}  // namespace

bool is_artifact(const Bytes& file) {
  return file.size() >= kMagic.size() && std::memcmp(file.data(), kMagic.data(), kMagic.size()) == 0;
}

std::string environment_of(Isa isa) {
  const Cpu& cpu = this_cpu();
  return cat("tauto ", kVersion, " sources ", kCompilerVersion, " semantics ", kSemanticsVersion, " for ",
             isa_name(isa), " of ", text_of(cpu.features), "; caches ", cpu.l1, " ", cpu.l2, " ", cpu.l3);
}

ArtifactParts artifact_of(const Executable& e, ArtifactKind kind, const std::string& note) {
  CHECK(note.size() <= 4096 && note.find('\n') == note.npos);
  struct Owner {
    Header header{};
    std::string graph, ledger, program, code;
    std::vector<Tensor> constants, data;
  };
  const auto owner = std::make_shared<Owner>();
  Owner& o = *owner;
  o.graph = text_of(e.module(), o.constants);
  if (kind == ArtifactKind::File) o.ledger = text_of(ledger_of(e));
  ProgramText program =
      text_of(e, o.constants, kind == ArtifactKind::File ? Trust::Content : Trust::Checksum);
  o.program = cat(environment_of(e.isa()), "\n", note, "\n", program.text);
  o.data = std::move(program.data);
  for (std::span<const uint8_t> code : program.code)
    o.code.append(reinterpret_cast<const char*>(code.data()), code.size());

  Header& h = o.header;
  h.magic = kMagic;
  h.format = kFormat;
  h.kind = kind;
  Writer w;
  w.add({bytes_of(&h, sizeof h)});
  h.sections[kGraph] = w.add({o.graph});
  h.sections[kLedger] = w.add({o.ledger});
  h.sections[kProgram] = w.add({o.program});
  h.sections[kCode] = w.add({o.code});
  h.sections[kConstants] = w.add(o.constants);
  h.sections[kData] = w.add(o.data);
  h.text = digest_of({o.graph, o.ledger});
  h.native = digest_of({o.program, o.code});
  h.head = head_of(h);
  std::string reason;
  if (const std::optional<UserKey> key = user_key(reason)) h.signature = signature_of(h, *key);
  return {std::move(w.parts), owner};
}

Artifact read_artifact(const Bytes& given, ArtifactKind kind, bool trust) {
  const Bytes file = aligned(given, 64);
  const Header h = header_of(file);
  const auto section = [&](SectionName n) { return file.slice(h.sections[n].offset, h.sections[n].size); };
  const Bytes graph = section(kGraph), ledger = section(kLedger), program = section(kProgram),
              code = section(kCode);
  if (h.text != digest_of({graph.text(), ledger.text()})) refuse("its graph is damaged");
  Artifact a;
  a.graph_hash = hex(h.text);
  const int semantics = semantics_of(graph.text());
  if (semantics >= 0 && semantics != kSemanticsVersion)
    refuse(cat("required a graph of semantics ", kSemanticsVersion, ", got one of semantics ", semantics,
               ": its operators mean other bits; make it from its source model again"));
  std::vector<Tensor> constants;
  const Bytes side = section(kConstants);
  Module m = parse_module(graph.text(), side, constants, kind == ArtifactKind::File);
  m.ledger = parse_ledger(ledger.text());
  a.module = std::make_shared<const Module>(std::move(m));

  const auto without_code = [&](std::string why) {
    a.why_not = std::move(why);
    return std::move(a);
  };
  if (h.native != digest_of({program.text(), code.text()}))
    return without_code("its machine code is damaged");
  std::string_view text = program.text();
  const std::string_view environment = first_line(text);
  a.note = first_line(text);
  if (!trust) {
    std::string reason;
    const std::optional<UserKey> key = user_key(reason);
    if (!key) return without_code(std::move(reason));
    if (h.kind != kind || !same_digest(h.signature, signature_of(h, *key)))
      return without_code("its machine code is not signed by this user");
  }
  const Isa isa = native_isa();
  if (const std::string here = environment_of(isa); environment != here)
    return without_code(cat("its machine code is for ", environment, ", here is ", here));
  try {
    a.executable = parse_executable(text, a.module, constants, section(kData), code, isa);
  } catch (const Error& e) {
    return without_code(e.what());
  }
  return a;
}

}  // namespace tauto
