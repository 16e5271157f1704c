// The cache of programs, see program_cache.h.
#include "compile/program_cache.h"

#include <chrono>

#include "compile/pipeline.h"
#include "runtime/user_key.h"
#include "support/sha256.h"

namespace tauto {
namespace {

// A file that is changed twice within this many nanoseconds may have the same stamp: clocks have a grain.
constexpr int64_t kGrain = 1'000'000'000;

std::string hash_of(const std::string& s) { return sha256_hex(s.data(), s.size()); }

std::string artifact_name(const std::string& identity) {
  return hash_of(cat(identity, "\n", environment_of(native_isa()))) + ".tauto";
}

std::string text_of(const FileStamp& s) {
  return cat(s.device, " ", s.inode, " ", s.size, " ", s.modified, " ", s.changed);
}

int64_t wall_clock() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string stat_name(const FileStamp& s) {
  return hash_of(cat(text_of(s), "\n", environment_of(native_isa()))) + ".stat";
}

// "MAC SETTLED CONTENT\nSIGNATURE". Settled: the file had not changed for a grain when this was written.
std::string entry_of(const FileStamp& stamp, bool settled, const KnownFile& file) {
  const std::string text = cat(" ", settled ? 1 : 0, " ", file.content, "\n", file.signature);
  std::string reason;
  const std::optional<UserKey> key = user_key(reason);
  return key ? cat(hex(hmac_sha256(*key, {"tauto stat", stat_name(stamp), text})), text) : "";
}

}  // namespace

std::optional<ProgramCache> ProgramCache::of_environment() {
  const Flags flags = compile_flags();
  if (!flags.dump.empty() || !flags.off.empty() || flags.debug >= 2) return std::nullopt;
  std::optional<CacheFolder> folder = CacheFolder::of_environment();
  std::string reason;
  if (!folder || !user_key(reason)) return std::nullopt;
  return ProgramCache(std::move(*folder));
}

std::optional<KnownFile> ProgramCache::known(const FileStamp& stamp, const Bytes& file) const {
  const std::optional<Bytes> entry = folder_.find(stat_name(stamp));
  if (!entry) return std::nullopt;
  const std::string_view text = entry->text();
  constexpr size_t kHash = 64, kSettled = kHash + 1, kContent = kSettled + 2, kEnd = kContent + kHash + 1;
  if (text.size() < kEnd) return std::nullopt;
  const bool settled = text[kSettled] == '1';
  KnownFile k{std::string(text.substr(kContent, kHash)), std::string(text.substr(kEnd))};
  if (text != entry_of(stamp, settled, k)) return std::nullopt;
  if (settled) return k;
  if (sha256_hex(file.data(), file.size()) != k.content) return std::nullopt;
  remember(stamp, k);
  return k;
}

void ProgramCache::remember(const FileStamp& stamp, const KnownFile& file) const {
  const bool settled = wall_clock() - std::max(stamp.modified, stamp.changed) > kGrain;
  const std::string entry = entry_of(stamp, settled, file);
  const std::string_view part = entry;
  if (!entry.empty()) folder_.store(stat_name(stamp), {&part, 1});
}

std::optional<Artifact> ProgramCache::find(const std::string& identity) const {
  const std::string name = artifact_name(identity);
  const std::optional<Bytes> file = folder_.find(name);
  if (!file) return std::nullopt;
  std::string why;
  try {
    Artifact a = read_artifact(*file, ArtifactKind::Cache, false);
    if (a.executable && a.note == identity) {
      if (compile_flags().debug >= 1)
        say(cat("tauto: from the cache: ", a.executable->code().size(), " kernels"));
      return a;
    }
    why = a.executable ? "it is another program's" : a.why_not;
  } catch (const Error& e) {
    why = e.what();
  }
  if (compile_flags().debug >= 1) say(cat("tauto: cache: ", name, ": ", why));
  folder_.remove(name);
  return std::nullopt;
}

void ProgramCache::store(const std::string& identity, const Executable& e) const {
  const ArtifactParts artifact = artifact_of(e, ArtifactKind::Cache, identity);
  const std::string why = folder_.store(artifact_name(identity), artifact.parts);
  if (!why.empty() && compile_flags().debug >= 1) say(cat("tauto: cache: ", why));
}

}  // namespace tauto
