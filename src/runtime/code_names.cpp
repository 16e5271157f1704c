// See code_names.h. Formats: ELF-64 object file format (System V gABI); perf's jit-interface.txt.
#include "runtime/code_names.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <utility>

// The interface's own names: gdb sets a breakpoint in the function and reads the descriptor. Visible, because
// gdb must find them in a stripped library too; protected, because each library in a process has its own.
extern "C" {

struct jit_code_entry {
  jit_code_entry* next_entry;
  jit_code_entry* prev_entry;
  const char* symfile_addr;
  uint64_t symfile_size;
};

struct jit_descriptor {
  uint32_t version;
  uint32_t action_flag;
  jit_code_entry* relevant_entry;
  jit_code_entry* first_entry;
};

__attribute__((visibility("protected"), used))
jit_descriptor __jit_debug_descriptor = {1, 0, nullptr, nullptr};

__attribute__((visibility("protected"), noinline, used)) void __jit_debug_register_code() {
  asm volatile("" ::: "memory");
}

}  // extern "C"

namespace tauto {
namespace {

enum Action : uint32_t { kNothing, kRegister, kUnregister };

// Constructed when first used and never destroyed: models may be freed by destructors at the process's end.
std::mutex& names_mutex() {
  static std::mutex& mutex = *new std::mutex;
  return mutex;
}

void announce(Action action, jit_code_entry* entry) {
  __jit_debug_descriptor.action_flag = action;
  __jit_debug_descriptor.relevant_entry = entry;
  __jit_debug_register_code();
  __jit_debug_descriptor.action_flag = kNothing;
  __jit_debug_descriptor.relevant_entry = nullptr;
}

void write_perf_map(std::span<const NamedCode> kernels) {
  const char* wanted = std::getenv("TAUTO_PERF");
  if (!wanted || std::strcmp(wanted, "1") != 0) return;
  char path[64];
  std::snprintf(path, sizeof path, "/tmp/perf-%d.map", static_cast<int>(getpid()));
  // The folder is everybody's: no link is followed, and a file that is not ours is left alone.
  const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0) return;
  struct stat facts = {};
  if (fstat(file, &facts) == 0 && S_ISREG(facts.st_mode) && facts.st_uid == geteuid()) {
    const std::string lines = perf_map_lines(kernels);
    size_t written = 0;
    while (written < lines.size()) {
      const ssize_t n = write(file, lines.data() + written, lines.size() - written);
      if (n <= 0) break;
      written += static_cast<size_t>(n);
    }
  }
  close(file);
}

template <class T>
void append(std::string& bytes, const T& value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

struct CodeNames::Entry {
  std::string file;
  jit_code_entry link = {};
};

CodeNames::CodeNames() = default;
CodeNames::CodeNames(CodeNames&&) noexcept = default;

CodeNames& CodeNames::operator=(CodeNames&& other) noexcept {
  CodeNames old = std::move(*this);
  entry_ = std::move(other.entry_);
  return *this;
}

CodeNames::CodeNames(std::span<const NamedCode> kernels, const uint8_t* base, size_t size)
    : entry_(std::make_unique<Entry>()) {
  entry_->file = symbol_file(kernels, base, size);
  jit_code_entry& link = entry_->link;
  link.symfile_addr = entry_->file.data();
  link.symfile_size = entry_->file.size();
  const std::lock_guard lock(names_mutex());
  link.next_entry = __jit_debug_descriptor.first_entry;
  if (link.next_entry) link.next_entry->prev_entry = &link;
  __jit_debug_descriptor.first_entry = &link;
  announce(kRegister, &link);
  write_perf_map(kernels);
}

CodeNames::~CodeNames() {
  if (!entry_) return;
  jit_code_entry& link = entry_->link;
  const std::lock_guard lock(names_mutex());
  (link.prev_entry ? link.prev_entry->next_entry : __jit_debug_descriptor.first_entry) = link.next_entry;
  if (link.next_entry) link.next_entry->prev_entry = link.prev_entry;
  announce(kUnregister, &link);
}

std::string symbol_file(std::span<const NamedCode> kernels, const uint8_t* base, size_t size) {
  // Sections in this order; their names' places in .shstrtab are counted by hand below.
  enum { kNone, kText, kSymtab, kStrtab, kShstrtab, kSections };
  static const char section_names[] = "\0.text\0.symtab\0.strtab\0.shstrtab";
  constexpr uint32_t name_at[kSections] = {0, 1, 7, 15, 23};

  std::string strings(1, '\0'), symbols;
  append(symbols, Elf64_Sym{});
  for (const NamedCode& kernel : kernels) {
    Elf64_Sym symbol = {};
    symbol.st_name = static_cast<Elf64_Word>(strings.size());
    symbol.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC);
    symbol.st_shndx = kText;
    symbol.st_value = reinterpret_cast<uintptr_t>(kernel.code);
    symbol.st_size = kernel.size;
    append(symbols, symbol);
    strings.append(kernel.name.c_str()).push_back('\0');
  }

  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;  // symbol values are addresses
#if defined(__aarch64__)
  header.e_machine = EM_AARCH64;
#else
  header.e_machine = EM_X86_64;
#endif
  header.e_version = EV_CURRENT;
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = kSections;
  header.e_shstrndx = kShstrtab;
  header.e_shoff = sizeof(Elf64_Ehdr);

  const size_t content = sizeof(Elf64_Ehdr) + kSections * sizeof(Elf64_Shdr);
  Elf64_Shdr sections[kSections] = {};
  for (int i = 0; i < kSections; ++i) sections[i].sh_name = name_at[i];
  sections[kText].sh_type = SHT_NOBITS;
  sections[kText].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
  sections[kText].sh_addr = reinterpret_cast<uintptr_t>(base);
  sections[kText].sh_size = size;
  sections[kText].sh_addralign = 64;
  sections[kSymtab].sh_type = SHT_SYMTAB;
  sections[kSymtab].sh_offset = content;
  sections[kSymtab].sh_size = symbols.size();
  sections[kSymtab].sh_link = kStrtab;
  sections[kSymtab].sh_info = 1;  // the first global symbol
  sections[kSymtab].sh_entsize = sizeof(Elf64_Sym);
  sections[kSymtab].sh_addralign = 8;
  sections[kStrtab].sh_type = SHT_STRTAB;
  sections[kStrtab].sh_offset = content + symbols.size();
  sections[kStrtab].sh_size = strings.size();
  sections[kShstrtab].sh_type = SHT_STRTAB;
  sections[kShstrtab].sh_offset = content + symbols.size() + strings.size();
  sections[kShstrtab].sh_size = sizeof section_names;

  std::string file;
  append(file, header);
  append(file, sections);
  return file + symbols + strings + std::string(section_names, sizeof section_names);
}

std::string perf_map_lines(std::span<const NamedCode> kernels) {
  std::string lines;
  for (const NamedCode& kernel : kernels) {
    char place[48];
    std::snprintf(place, sizeof place, "%" PRIxPTR " %zx ", reinterpret_cast<uintptr_t>(kernel.code),
                  kernel.size);
    lines += place;
    for (char c : kernel.name) lines += c == '\n' || c == '\r' ? '?' : c;
    lines += '\n';
  }
  return lines;
}

}  // namespace tauto
