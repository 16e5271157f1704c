// Regions and statements.
#include "codegen/generate.h"

#include <algorithm>

#include "codegen/generator.h"
#include "codegen/rules.h"
#include "support/error.h"

namespace tauto {

using loops::LoopKind;
using vec::Class;
using vec::Instr;

// ---- instructions -----------------------------------------------------------------------------------------

size_t Generator::KeyHash::operator()(const Key& k) const {
  size_t h = static_cast<size_t>(k.instr.op);
  const auto mix = [&](int64_t v) { h = (h ^ static_cast<size_t>(v)) * 0x9e3779b97f4a7c15u; };
  const auto mix_reg = [&](Reg r) { mix(static_cast<int>(r.cls) * 1000003 + r.id); };
  mix(static_cast<int>(k.instr.lane));
  mix(static_cast<int>(k.instr.memory.kind) * 256 + k.instr.memory.bits);
  for (Reg r : k.instr.operand) mix_reg(r);
  mix_reg(k.instr.mask);
  mix_reg(k.instr.address.base);
  mix(k.instr.address.offset);
  mix(k.instr.immediate);
  for (int v : k.versions) mix(v);
  return h ^ (h >> 29);
}

int Generator::place_of(Reg r) const {
  const std::pair<int, int> id{static_cast<int>(r.cls), r.id};
  if (mutable_.count(id)) return here();
  const auto at = places_.find(id);
  CHECK(at != places_.end(), "a register without a place");
  return at->second;
}

void Generator::set_place(Reg r, int place) { places_[{static_cast<int>(r.cls), r.id}] = place; }

std::vector<Instr>& Generator::list_at(int place) {
  const int region = place / 2;
  if (place % 2 == 0) return regions_[static_cast<size_t>(region)].head;
  if (region == current()) return regions_.back().code;
  return regions_[static_cast<size_t>(region) + 1].before;
}

Generator::Reg Generator::fresh(Class c, Lane lane) {
  if (c == Class::Scalar) return a_.scalar();
  return c == Class::Mask ? a_.mask() : a_.vector(lane);
}

Generator::Reg Generator::pure(Instr i, int earliest, int time) {
  Key key{i, {}};
  int place = earliest, n = 0;
  const auto use = [&](Reg r) {
    if (!r) return;
    place = std::max(place, place_of(r));
    const auto v = versions_.find({static_cast<int>(r.cls), r.id});
    const int slot = n++;
    key.versions[slot] = v == versions_.end() ? 0 : v->second;
  };
  for (Reg r : i.operand) use(r);
  use(i.mask);
  use(i.address.base);
  use(i.address.index);
  key.versions[6] = time;
  const bool loads = i.op == VecOp::Load || i.op == VecOp::Broadcast;
  if (const auto at = known_.find(key); at != known_.end()) {
    if (loads) keep_loads(key);
    return at->second;
  }
  // What does not leave this region stands where it is first used, not at the region's head: fewer live at
  // once.
  if (place / 2 == current()) place = here();
  Class result = Class::Vector;
  switch (i.op) {
    case VecOp::Compare:
    case VecOp::First:
    case VecOp::FillM:
    case VecOp::AndM:
    case VecOp::OrM:
    case VecOp::XorM:
    case VecOp::NotM:
      result = Class::Mask;
      break;
    default:
      if (i.op <= VecOp::LoadS || i.op == VecOp::Any) result = Class::Scalar;
  }
  const Reg r = fresh(result, i.lane);
  i.result = r;
  list_at(place).push_back(i);
  set_place(r, place);
  known_.emplace(key, r);
  regions_[static_cast<size_t>(place / 2)].known.push_back(key);
  if (loads && place == here()) {
    regions_.back().loads.push_back(key);
    keep_loads(key);
  }
  return r;
}

// A load costs less than an accumulator that has to give way for what was loaded: only as many loads are
// remembered as there are registers beside the tiles.
void Generator::keep_loads(const Key& latest) {
  std::vector<Key>& loads = regions_.back().loads;
  const auto at = std::find(loads.begin(), loads.end(), latest);
  if (at == loads.end()) return;  // of a region around
  std::rotate(at, at + 1, loads.end());
  const auto most = static_cast<size_t>(std::max(registers_ - static_cast<int>(tiles_.size()), 2));
  for (; loads.size() > most; loads.erase(loads.begin())) known_.erase(loads.front());
}

Generator::Reg Generator::pure(VecOp op, Lane lane, std::initializer_list<Reg> operands, int64_t immediate) {
  Instr i;
  i.op = op;
  i.lane = lane;
  i.immediate = immediate;
  int n = 0;
  for (Reg r : operands) i.operand[n++] = r;
  return pure(i);
}

Generator::Reg Generator::scalar_op(VecOp op, std::initializer_list<Reg> operands, int64_t immediate) {
  return pure(op, Lane::I64, operands, immediate);
}

void Generator::emit_here(Instr i) {
  regions_.back().code.push_back(i);
  if (i.result) {
    make_mutable(i.result);
    ++version(i.result);
  }
}

// ---- regions ----------------------------------------------------------------------------------------------

void Generator::open_loop(const std::string& variable, Reg from, Reg to, int64_t step) {
  Region r;
  r.open.op = VecOp::Loop;
  r.open.lane = Lane::I64;
  r.open.operand[0] = from;
  r.open.operand[1] = to;
  r.open.immediate = step;
  r.open.result = a_.scalar();
  r.from = from;
  r.step = step;
  regions_.push_back(std::move(r));
  const Reg counter = regions_.back().open.result;
  set_place(counter, 2 * current());
  loop_of_[counter.id] = current();
  Bound b;
  b.kind = Bound::Kind::Scalar;
  b.reg = counter;
  bound_[variable] = b;
}

void Generator::open_if(vec::Compare c, Reg a, Reg b) {
  Region r;
  r.open.op = VecOp::If;
  r.open.lane = Lane::I64;
  r.open.operand[0] = a;
  r.open.operand[1] = b;
  r.open.immediate = static_cast<int64_t>(c);
  regions_.push_back(std::move(r));
}

void Generator::close() {
  Region r = std::move(regions_.back());
  regions_.pop_back();
  for (const Key& k : r.known) known_.erase(k);
  for (const std::string& p : r.pointers) pointers_.erase(p);
  std::vector<Instr>& to = regions_.back().code;
  const auto append = [&](const std::vector<Instr>& from) { to.insert(to.end(), from.begin(), from.end()); };
  append(r.before);
  to.push_back(r.open);
  append(r.head);
  append(r.code);
  append(r.tail);
  Instr end;
  end.op = VecOp::End;
  end.lane = Lane::I64;
  to.push_back(end);
}

// ---- statements -------------------------------------------------------------------------------------------

void Generator::statement(const loops::Stmt& s) {
  std::visit([&](const auto& node) { statement(node); }, s->node);
}

void Generator::statement(const loops::Block& s) {
  for (const loops::Stmt& each : s.stmts) statement(each);
}

// What gives e when it is rounded to 16 bits, as stores do.
static loops::Expr unrounded(const loops::Expr& e) {
  if (!e.type().is_float() || e.type().bits != 16) return e;
  if (const auto* c = e.as<loops::Convert>(); c && c->from.type() == f32) return c->from;
  const auto* a = e.as<loops::Apply>();
  if (!a || a->function != loops::Function::Choose) return loops::convert(e, f32);
  return loops::select(a->arguments[0], unrounded(a->arguments[1]), unrounded(a->arguments[2]));
}

void Generator::statement(const loops::Store& s) {
  memo_.clear();
  if (s.buffer->scope == loops::Scope::Registers) {
    const Reg v = s.value.type().is_bool() ? mask(s.value) : value(s.value);
    const bool defined = has_tile(*s.buffer, s.index);
    const Reg to = tile_register(*s.buffer, s.index, true);
    Reg& defined_in = tile_lanes_[{static_cast<int>(to.cls), to.id}];
    if (!tail_ || !defined) {
      defined_in = tail_;
    } else if (!(defined_in == tail_)) {  // lanes beyond the end keep what they have
      if (to.cls == Class::Mask) throw NotGenerated{"conditions kept in a masked tile"};
      Instr merge;
      merge.op = VecOp::Select;
      merge.lane = a_.lane(to);
      merge.operand[0] = tail_;
      merge.operand[1] = v;
      merge.operand[2] = to;
      merge.result = to;
      emit_here(merge);
      return;
    }
    // The instruction that made the value may write the tile itself: it is the last one, and nobody else has
    // it, not even by a name.
    std::vector<Instr>& code = regions_.back().code;
    const bool named = std::any_of(bound_.begin(), bound_.end(), [&](const auto& b) {
      return b.second.kind == Bound::Kind::Vector && b.second.reg == v;
    });
    if (!named && !code.empty() && code.back().result == v &&
        !mutable_.count({static_cast<int>(v.cls), v.id}) && !regions_.back().known.empty() &&
        known_[regions_.back().known.back()] == v) {
      known_.erase(regions_.back().known.back());
      regions_.back().known.pop_back();
      code.back().result = to;
      make_mutable(to);
      ++version(to);
      return;
    }
    Instr move;
    move.op = to.cls == Class::Mask ? VecOp::OrM : VecOp::MoveV;
    move.lane = to.cls == Class::Mask ? Lane::I32 : a_.lane(v);
    move.operand[0] = v;
    if (to.cls == Class::Mask) move.operand[1] = v;
    move.result = to;
    emit_here(move);
    return;
  }
  const Reg v = value(unrounded(s.value));
  const Linear offset = element_offset(*s.buffer, s.index);
  if (offset.varying) throw NotGenerated{"a store whose lanes lie where only run time knows"};
  if (offset.lane != 0 && offset.lane != 1) return store_apart(*s.buffer, offset, v);
  Instr i;
  i.op = offset.lane == 1 ? VecOp::Store : VecOp::StoreOne;
  i.lane = a_.lane(v);
  i.memory = s.buffer->type;
  i.operand[0] = v;
  i.address = address(*s.buffer, offset);
  if (offset.lane == 1) i.mask = tail_;
  emit_here(i);
  ++stores_[s.buffer.get()];
}

// Lane by lane: the vector moves down by one each time, lane 0 is stored.
void Generator::store_apart(const loops::Buffer& b, Linear offset, Reg v) {
  const int64_t step = offset.lane, count = tail_count_.value_or(lanes_);
  offset.lane = 0;
  Instr store;
  store.op = VecOp::StoreOne;
  store.lane = a_.lane(v);
  store.memory = b.type;
  for (int64_t lane = 0; lane < count; ++lane) {
    if (lane > 0) v = pure(VecOp::Down, store.lane, {v}, 1);
    store.operand[0] = v;
    store.address = address(b, offset);
    const bool asks = tail_ && !tail_count_ && lane > 0;
    if (asks) open_if(vec::Compare::Less, immediate(lane), tail_end_);
    emit_here(store);
    if (asks) close();
    offset.constant += Dim(step);
  }
  ++stores_[&b];
}

void Generator::statement(const loops::For& s) {
  const auto from = literal(s.from), to = literal(s.to);
  if (s.kind == LoopKind::Lanes) {
    const Linear first = linear(s.from), extent_end = linear(s.to);
    Linear extent = extent_end;
    add(extent, first, Dim(-1));
    Bound b;
    b.kind = Bound::Kind::Lanes;
    b.from = first;
    bound_[s.variable] = b;
    const Reg outer = tail_;
    CHECK(!outer, "lanes within lanes");
    std::erase_if(extent.terms, [](const auto& t) { return t.second == Dim(0); });
    const bool full =
        extent.terms.empty() && extent.constant.is_literal() && extent.constant.literal() >= lanes_;
    if (!full) {
      tail_end_ = sum(extent);
      tail_ = pure(VecOp::First, Lane::I32, {tail_end_});
      if (extent.terms.empty()) tail_count_ = extent.constant.as_literal();
    }
    statement(s.body);
    tail_ = outer;
    tail_count_.reset();
    bound_.erase(s.variable);
    return;
  }
  if (s.kind == LoopKind::Unrolled || (from && to && *to - *from <= s.step && s.kind == LoopKind::Serial)) {
    CHECK(from && to, "an unrolled loop needs literal bounds");
    for (int64_t v = *from; v < *to; v += s.step) {
      Bound b;
      b.value = v;
      bound_[s.variable] = b;
      statement(s.body);
    }
    bound_.erase(s.variable);
    return;
  }
  if (s.kind == LoopKind::Parallel && !has_parallel_ && current() == 0) {
    has_parallel_ = true;
    const auto dim_of = [&](const Expr& e) {
      if (const auto* size = e.as<loops::Size>()) return size->dim;
      const auto v = literal(e);
      CHECK(v, "the bounds of a parallel loop are sizes");
      return Dim(*v);
    };
    out_.parallel_from = dim_of(s.from);
    out_.parallel_to = dim_of(s.to);
    out_.parallel_step = s.step;
    Instr arg;  // numbers are filled in at the end, when all sizes are known
    arg.op = VecOp::Arg;
    arg.lane = Lane::I64;
    arg.immediate = -1;
    const Reg begin = pure(arg);
    arg.immediate = -2;
    const Reg end = pure(arg);
    open_loop(s.variable, begin, end, s.step);
  } else {
    const Reg begin = scalar(s.from), end = scalar(s.to);
    open_loop(s.variable, begin, end, s.step);
    regions_.back().literal_from = from;
  }
  statement(s.body);
  close();
  bound_.erase(s.variable);
}

// A comparison of indices that is the same each time; nothing where only run time knows.
std::optional<bool> Generator::decided(const Expr& condition) {
  if (const auto* l = condition.as<loops::Literal>()) return l->bits != 0;
  const auto* a = condition.as<loops::Apply>();
  if (!a || a->arguments.size() != 2 || !is_index(a->arguments[0]) || !is_index(a->arguments[1]) ||
      varies(condition))
    return std::nullopt;
  Linear d = linear(a->arguments[1]);
  add(d, linear(a->arguments[0]), -1);
  std::erase_if(d.terms, [](const auto& t) { return t.second == Dim(0); });
  if (!d.terms.empty() || !d.constant.is_literal()) return std::nullopt;
  const int64_t v = d.constant.literal();
  switch (a->function) {
    case loops::Function::Less:
      return v > 0;
    case loops::Function::LessEqual:
      return v >= 0;
    case loops::Function::Equal:
      return v == 0;
    default:
      return std::nullopt;
  }
}

void Generator::under(const Expr& condition, const std::function<void()>& body) {
  const auto* a = condition.as<loops::Apply>();
  if (const auto* l = condition.as<loops::Literal>()) {
    if (l->bits) body();
    return;
  }
  if (!a) throw NotGenerated{"a branch on data"};
  switch (a->function) {
    case loops::Function::And:
      return under(a->arguments[0], [&] { under(a->arguments[1], body); });
    case loops::Function::Or: {
      const auto first = decided(a->arguments[0]);
      if (!first) throw NotGenerated{"a branch on either of two conditions"};
      if (*first) return body();
      return under(a->arguments[1], body);
    }
    case loops::Function::Less:
    case loops::Function::LessEqual:
    case loops::Function::Equal: {
      if (!(a->arguments[0].type() == i64)) throw NotGenerated{"a branch on data"};
      if (const auto known = decided(condition)) {
        if (*known) body();
        return;
      }
      const Reg x = scalar(a->arguments[0]), y = scalar(a->arguments[1]);
      open_if(a->function == loops::Function::Less        ? vec::Compare::Less
              : a->function == loops::Function::LessEqual ? vec::Compare::LessEqual
                                                          : vec::Compare::Equal,
              x, y);
      body();
      close();
      return;
    }
    default:
      throw NotGenerated{"a branch on data"};
  }
}

void Generator::statement(const loops::If& s) {
  under(s.condition, [&] { statement(s.then); });
}

void Generator::statement(const loops::Let& s) {
  memo_.clear();
  Bound b;
  if (s.value.type() == i64 && !varies(s.value)) {
    b.kind = Bound::Kind::Scalar;
    b.reg = scalar(s.value);
  } else {
    b.kind = Bound::Kind::Vector;
    b.reg = s.value.type().is_bool() ? mask(s.value) : value(s.value);
  }
  bound_[s.variable] = b;
  statement(s.body);
  bound_.erase(s.variable);
}

void Generator::statement(const loops::Allocate& s) {
  if (s.buffer->scope == loops::Scope::Scratch) {
    scratch_[s.buffer.get()] = out_.workspace;
    const Dim bytes = s.buffer->layout.elements * Dim(s.buffer->type.bytes()) + Dim(63);
    out_.workspace += floor_div(bytes, Dim(64)) * Dim(64);
  }
  statement(s.body);
  std::erase_if(tiles_, [&](const auto& tile) { return tile.first.first == s.buffer.get(); });
}

// ---- the whole --------------------------------------------------------------------------------------------

Generator::Generator(const loops::Kernel& kernel, int lanes, int registers)
    : kernel_(kernel), lanes_(lanes), registers_(registers) {
  wide_ = handles_wide(kernel, written_);
  int n = 0;
  for (const loops::BufferPtr& b : kernel.buffers) argument_[b.get()] = n++;
}

Generated Generator::run() {
  regions_.emplace_back();
  statement(kernel_.body);
  Region& r = regions_.back();
  vec::Program p = std::move(a_.program);
  p.name = kernel_.name;
  p.lanes = lanes_;
  p.code = std::move(r.head);
  p.code.insert(p.code.end(), r.code.begin(), r.code.end());
  const auto first = static_cast<int64_t>(kernel_.buffers.size() + out_.sizes.size());
  for (Instr& i : p.code) {
    if (i.op == VecOp::Arg && i.immediate < 0) i.immediate = first - 1 - i.immediate;
    if (!vec::has_lane(i.op)) i.lane = Instr().lane;
  }
  out_.program = std::move(p);
  return std::move(out_);
}

Generated generate(const loops::Kernel& kernel, int lanes, int registers) {
  return Generator(kernel, lanes, registers).run();
}

}  // namespace tauto
