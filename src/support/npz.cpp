// zip by minizip, whose file calls are led to memory: the file is mapped already, and is written as a whole.
#include "support/npz.h"

#include <minizip/unzip.h>
#include <minizip/zip.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <set>

#include "support/error.h"

namespace tauto {
namespace {

// What minizip takes for a file.
struct Memory {
  std::string_view in;  // read ...
  std::string out;      // ... or written
  bool writes = false;
  uint64_t at = 0;

  uint64_t size() const { return writes ? out.size() : in.size(); }
};

Memory& memory(void* p) { return *static_cast<Memory*>(p); }

voidpf open_memory(voidpf self, const void*, int) { return self; }
int close_memory(voidpf, voidpf) { return 0; }
int memory_error(voidpf, voidpf) { return 0; }
ZPOS64_T tell_memory(voidpf, voidpf stream) { return memory(stream).at; }

long seek_memory(voidpf, voidpf stream, ZPOS64_T offset, int origin) {
  Memory& m = memory(stream);
  const uint64_t base = origin == ZLIB_FILEFUNC_SEEK_SET   ? 0
                        : origin == ZLIB_FILEFUNC_SEEK_CUR ? m.at
                                                           : m.size();
  const uint64_t to = base + offset;  // minizip passes negative offsets wrapped
  if (to > m.size()) return -1;
  m.at = to;
  return 0;
}

uLong read_memory(voidpf, voidpf stream, void* to, uLong size) {
  Memory& m = memory(stream);
  const uint64_t n = std::min<uint64_t>(size, m.in.size() - std::min<uint64_t>(m.at, m.in.size()));
  if (n > 0) std::memcpy(to, m.in.data() + m.at, n);
  m.at += n;
  return n;
}

uLong write_memory(voidpf, voidpf stream, const void* from, uLong size) {
  Memory& m = memory(stream);
  if (m.at + size > m.out.size()) m.out.resize(m.at + size);
  if (size > 0) std::memcpy(m.out.data() + m.at, from, size);
  m.at += size;
  return size;
}

zlib_filefunc64_def calls_on(Memory& m) {
  return {open_memory, read_memory, write_memory, tell_memory, seek_memory, close_memory, memory_error, &m};
}

constexpr size_t kPiece = size_t{1} << 30;  // minizip counts a call's bytes in 32 bits
constexpr uint64_t kMaxRatio = 1032;        // deflate's largest

// minizip reads on where the end record is cut off; this requires all of it, and the comment it announces.
constexpr size_t kEndSize = 22;
bool ends_whole(std::string_view file) {
  const size_t at = file.rfind("PK\x05\x06");
  if (at == file.npos || file.size() - at < kEndSize) return false;
  const size_t comment =
      static_cast<uint8_t>(file[at + 20]) + size_t{256} * static_cast<uint8_t>(file[at + 21]);
  return file.size() - at - kEndSize == comment;
}

struct CloseZip {
  void operator()(void* zip) const { unzClose(zip); }
};

class Archive {
 public:
  Archive(const Bytes& bytes, const std::string& name) : size_(bytes.size()), name_(name) {
    memory_.in = bytes.text();
    if (!ends_whole(memory_.in)) fail(name_, ": not a NumPy archive: it does not end as a zip file");
    if (memory_.in.size() == kEndSize && memory_.in[10] == 0 && memory_.in[11] == 0)
      return;  // no entries, which minizip takes for no zip file
    zlib_filefunc64_def calls = calls_on(memory_);
    zip_.reset(unzOpen2_64("", &calls));
    if (!zip_) fail(name_, ": not a NumPy archive: it is no zip file");
  }

  NamedArrays read() {
    NamedArrays arrays;
    if (!zip_) return arrays;
    std::set<std::string> names;
    unz_global_info64 info;
    if (unzGetGlobalInfo64(zip_.get(), &info) != UNZ_OK) fail(name_, ": not a NumPy archive: bad directory");
    for (ZPOS64_T i = 0; i < info.number_entry; ++i) {
      if ((i == 0 ? unzGoToFirstFile(zip_.get()) : unzGoToNextFile(zip_.get())) != UNZ_OK)
        fail(name_, ": not a NumPy archive: the directory ends before entry ", uint64_t{i});
      auto [entry, bytes] = read_entry();
      constexpr std::string_view kEnding = ".npy";
      if (entry.size() < kEnding.size() || entry.compare(entry.size() - 4, 4, kEnding) != 0)
        fail(name_, ": not a NumPy archive: entry \"", entry, "\" is no .npy file");
      std::string key = entry.substr(0, entry.size() - kEnding.size());
      if (!names.insert(key).second) fail(name_, ": not a NumPy archive: \"", key, "\" is there twice");
      NpyArray array = read_npy(bytes, cat(name_, "[\"", key, "\"]"));
      arrays.emplace_back(std::move(key), std::move(array));
    }
    return arrays;
  }

 private:
  std::pair<std::string, Bytes> read_entry() {
    unz_file_info64 info;
    std::array<char, 1024> text;
    if (unzGetCurrentFileInfo64(zip_.get(), &info, text.data(), text.size(), nullptr, 0, nullptr, 0) !=
        UNZ_OK)
      fail(name_, ": not a NumPy archive: bad directory");
    if (info.size_filename >= text.size())
      fail(name_, ": not a NumPy archive: a name of ", uint64_t{info.size_filename}, " bytes");
    std::string entry(text.data(), info.size_filename);
    const auto error = [&](const auto&... a) { fail(name_, ": entry \"", entry, "\": ", cat(a...)); };
    if ((info.flag & 1) != 0) error("it is encrypted");
    if (info.compression_method != 0 && info.compression_method != Z_DEFLATED)
      error("required compression method 0 or 8, given ", uint64_t{info.compression_method});
    // Entries do not overlap: together they are no longer than the file, and none can grow without limit.
    if (info.compressed_size > size_ - std::min<uint64_t>(size_, used_))
      error("its data run past the end of the file");
    used_ += info.compressed_size;
    if (info.uncompressed_size > info.compressed_size * (info.compression_method == 0 ? 1 : kMaxRatio))
      error("required at most ", kMaxRatio, " bytes per compressed byte, given ",
            uint64_t{info.uncompressed_size}, " of ", uint64_t{info.compressed_size});
    if (unzOpenCurrentFile(zip_.get()) != UNZ_OK) error("bad header");
    std::vector<uint8_t> bytes(info.uncompressed_size);
    size_t done = 0;
    while (done < bytes.size()) {
      const int n = unzReadCurrentFile(zip_.get(), bytes.data() + done,
                                       static_cast<unsigned>(std::min(kPiece, bytes.size() - done)));
      if (n <= 0) error("bad compressed data after ", done, " of ", bytes.size(), " bytes");
      done += static_cast<size_t>(n);
    }
    uint8_t more;
    if (unzReadCurrentFile(zip_.get(), &more, 1) != 0) error("required ", bytes.size(), " bytes, given more");
    if (unzCloseCurrentFile(zip_.get()) != UNZ_OK) error("the checksum does not match");
    return {std::move(entry), own(std::move(bytes))};
  }

  Memory memory_;
  const uint64_t size_;
  const std::string& name_;
  uint64_t used_ = 0;
  std::unique_ptr<void, CloseZip> zip_;
};

}  // namespace

NamedArrays read_npz(const Bytes& bytes, const std::string& name) { return Archive(bytes, name).read(); }

std::string write_npz(const NamedArrays& arrays, bool compress) {
  Memory file;
  file.writes = true;
  zlib_filefunc64_def calls = calls_on(file);
  const zipFile zip = zipOpen2_64("", APPEND_STATUS_CREATE, nullptr, &calls);
  CHECK(zip != nullptr);
  // Closed in any case: minizip's own memory hangs on it.
  struct Close {
    zipFile zip;
    bool done = false;
    int operator()() { return done = true, zipClose(zip, nullptr); }
    ~Close() {
      if (!done) zipClose(zip, nullptr);
    }
  } close{zip};
  for (const auto& [name, array] : arrays) {
    const std::string bytes = write_npy(array);
    zip_fileinfo info{};
    info.dosDate = 0x00210000;  // the first day of the format, 1980-01-01
    const bool big = bytes.size() > 0xf0000000;
    const int method = compress ? Z_DEFLATED : 0;
    CHECK(zipOpenNewFileInZip64(zip, cat(name, ".npy").c_str(), &info, nullptr, 0, nullptr, 0, nullptr,
                                method, Z_DEFAULT_COMPRESSION, big) == ZIP_OK);
    for (size_t at = 0; at < bytes.size(); at += kPiece)
      CHECK(zipWriteInFileInZip(zip, bytes.data() + at,
                                static_cast<unsigned>(std::min(kPiece, bytes.size() - at))) == ZIP_OK);
    CHECK(zipCloseFileInZip(zip) == ZIP_OK);
  }
  CHECK(close() == ZIP_OK);
  return std::move(file.out);
}

}  // namespace tauto
