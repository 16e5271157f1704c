// The generator's state, shared by its three sources: regions and statements (generate.cpp), index arithmetic
// (generate_index.cpp), elements (generate_values.cpp).
//
// The program is written region by region: region 0 is the kernel, every loop and `if` opens another. A
// region has four lists: `before` (runs in the region around it, just before this one), `head` (first in each
// iteration), `code`, `tail` (last in each iteration: pointers step). A register is known from a place on: 2
// L = from the head of region L, 2 L + 1 = from here on in its code. A pure instruction goes to the earliest
// place where all of its operands are known; that is all there is to hoisting.
#pragma once

#include <map>
#include <unordered_map>

#include "codegen/generate.h"

namespace tauto {

// An index that is a byte, as of a table that is looked up: 32 bits of a lane hold it.
bool is_byte(const loops::Expr& index);

// Whether it handles 64-bit elements in lanes: index arithmetic (i64 without a load) does not count, nor an index
// that is a byte. Integers that only say where others lie are scalars if no lane changes them; as long as there
// are no lanes yet it is taken for granted that none will. Notes what it writes.
bool handles_wide(const loops::Kernel& k, std::map<const loops::Buffer*, bool>& written);  // lanes_for.cpp

class Generator {
 public:
  Generator(const loops::Kernel& kernel, int lanes, int registers);
  Generated run();

 private:
  using Reg = vec::Reg;
  using VecOp = vec::VecOp;
  using Lane = vec::Lane;
  using Expr = loops::Expr;

  // ---- regions and instructions (generate.cpp)
  struct Key {
    vec::Instr instr;
    int versions[7] = {};  // of the registers read; of the memory read
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    size_t operator()(const Key& k) const;
  };
  struct Region {
    std::vector<vec::Instr> before, head, code, tail;
    vec::Instr open;
    std::vector<Key> known;  // forgotten when the region closes
    std::vector<Key> loads;  // those of its code that are still known, the latest used last
    std::vector<std::string> pointers;
    Reg from;  // of a loop
    std::optional<int64_t> literal_from;
    int64_t step = 1;
  };
  int current() const { return static_cast<int>(regions_.size()) - 1; }
  int here() const { return 2 * current() + 1; }
  int place_of(Reg r) const;
  void set_place(Reg r, int place);
  std::vector<vec::Instr>& list_at(int place);
  // A pure instruction: an equal one's register, or emitted where its operands allow, not before `earliest`.
  // `time` tells loads apart between which their buffer was written.
  Reg pure(vec::Instr i, int earliest = 0, int time = 0);
  Reg pure(VecOp op, Lane lane, std::initializer_list<Reg> operands, int64_t immediate = 0);
  Reg scalar_op(VecOp op, std::initializer_list<Reg> operands, int64_t immediate = 0);
  void keep_loads(const Key& latest);
  void emit_here(vec::Instr i);
  Reg fresh(vec::Class c, Lane lane);
  int& version(Reg r) { return versions_[{static_cast<int>(r.cls), r.id}]; }
  void make_mutable(Reg r) { mutable_[{static_cast<int>(r.cls), r.id}] = true; }
  void open_loop(const std::string& variable, Reg from, Reg to, int64_t step);
  void open_if(vec::Compare c, Reg a, Reg b);
  void close();

  void statement(const loops::Stmt& s);
  void statement(const loops::Store& s);
  void statement(const loops::For& s);
  void statement(const loops::Block& s);
  void statement(const loops::If& s);
  void statement(const loops::Let& s);
  void statement(const loops::Allocate& s);
  std::optional<bool> decided(const Expr& condition);
  void under(const Expr& condition, const std::function<void()>& body);

  // ---- index arithmetic (generate_index.cpp)
  struct Linear {  // constant + lane · (lane number) + Σ coefficient · register, or a vector of indices
    std::vector<std::pair<Reg, Dim>> terms;
    Dim constant = 0;
    int64_t lane = 0;
    Reg varying;  // vector of I32 or I64, to be added
  };
  struct Bound {  // what a variable stands for
    enum class Kind { Literal, Scalar, Lanes, Vector } kind = Kind::Literal;
    int64_t value = 0;
    Reg reg;      // Scalar: a loop's register or a let's; Vector: a let's value
    Linear from;  // Lanes: index of lane 0
  };
  Reg immediate(int64_t v);
  Reg size_register(const Dim& d);
  Reg scaled(Reg r, const Dim& factor);
  Reg sum(const Linear& l);  // as a scalar; no lanes
  Reg scalar(const Expr& e);
  std::optional<int64_t> literal(const Expr& e);
  Linear linear(const Expr& e);
  void add(Linear& to, const Linear& l, const Dim& factor);
  bool varies(const Expr& e);     // with the lane
  bool is_index(const Expr& e);   // made of variables and sizes only
  bool is_linear(const Expr& e);  // has a Linear without a vector of indices
  Reg index_vector(const Expr& e);
  Reg index_vector(const Linear& l);
  Lane index_lane() const { return wide_ ? Lane::I64 : Lane::I32; }
  Linear element_offset(const loops::Buffer& b, const std::vector<Expr>& index);
  Reg pointer(const loops::Buffer& b, const Linear& offset);  // without constant and lane
  Reg step_pointer(Reg p, Reg term, const Dim& bytes);
  vec::Address address(const loops::Buffer& b, const Linear& offset);
  void store_apart(const loops::Buffer& b, Linear offset, Reg v);  // the lanes not side by side
  void store_probe(const loops::Probe& p, Reg v);                  // in the lanes that want the value
  Reg index_mask(const Expr& condition);                           // lanes where an index comparison holds

  // ---- elements (generate_values.cpp)
  Reg value(const Expr& e);     // of any type but bool; lanes of lane_of(type)
  Reg mask(const Expr& e);      // of bool
  Reg evaluate(const Expr& e);  // value, not looked up
  Reg load(const loops::Load& l, ElementType type);
  Reg apply(const loops::Apply& a, ElementType type);
  Reg convert(Reg from, ElementType f, ElementType to);
  Reg wrap(Reg r, ElementType type);
  Reg ordered(Reg r, ElementType type);  // unsigned as signed of the same order
  Reg number(Lane lane, double v);
  Reg constant(Lane lane, uint64_t bits);
  Reg selected(const loops::Apply& a, ElementType type);
  bool has_tile(const loops::Buffer& b, const std::vector<Expr>& index);
  Reg tile_register(const loops::Buffer& b, const std::vector<Expr>& index, bool define);
  void masked(Reg m, const std::function<void()>& body);

  const loops::Kernel& kernel_;
  Generated out_;
  vec::Assembler a_;
  int lanes_, registers_;
  bool wide_ = false;
  std::vector<Region> regions_;
  std::unordered_map<Key, Reg, KeyHash> known_;
  std::map<std::pair<int, int>, int> versions_, places_;
  std::map<std::pair<int, int>, bool> mutable_;
  std::map<std::string, Bound> bound_;
  std::map<std::string, Reg> pointers_;
  std::map<int, int> loop_of_;                             // scalar register of a loop → region
  std::map<const loops::Buffer*, int> argument_, stores_;  // stores_: how many stores so far
  std::map<const loops::Buffer*, Dim> scratch_;
  std::map<std::pair<const loops::Buffer*, int64_t>, Reg> tiles_;
  std::map<std::pair<int, int>, Reg>
      tile_lanes_;  // the mask under which a tile's register was last written whole
  std::map<const loops::ExprNode*, Reg> memo_;
  std::map<const loops::Buffer*, bool> written_;
  Reg tail_;                           // lanes of a masked tail: at least one is set
  Reg tail_end_;                       // how many they are
  std::optional<int64_t> tail_count_;  // the same, where it is known
  Reg guard_;                          // lanes chosen by a select around, within the tail
  bool has_parallel_ = false;
};

}  // namespace tauto
