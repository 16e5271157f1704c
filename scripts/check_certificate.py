"""Checks decision certificates in exact arithmetic, without the compiler: python, numpy's arrays of Python integers,
the onnx package to read the model.

    scripts/check_certificate.py model.onnx certificate.json...

A certificate (written by `python -m tauto.certify`) names a model by its hash, an input by its bits and a decision
(top1, argmin, topk:K, threshold:T on the output's last axis), and claims that every legal execution in f32 makes that
decision: products and sums in any order, fused or not, each operation rounded to nearest or kept exact, and where the
model casts to f16 or bf16 and back, rounded to that (the decision is the one without). It says on which side each relu's
elements are, which elements' radii need a functional of their own, and for every pair of outputs a margin and an error
bound. Everything claimed is computed again here, and compared.

Numbers are integers in units of 2^-P. c is the centre (any point near the exact value: what it is off by is added to
the errors), r a bound on |execution - c|. Each operator gives

    noise   what its own roundings and its bend may add       |v - f(inputs)| and |f(c + d) - f(c) - J d|
    pull    J transposed, by which functionals go backwards

and a functional g of the output is off by at most sum |lambda| noise over all operators, lambda being its adjoints.
Rounding of sums of n products: gamma_n * sum |x||w|, gamma_n = n u / (1 - n u), u = 2^-24 (Higham 2002, eq. 3.5).
"""

import argparse
import base64
import hashlib
import json
import sys

import numpy as np
import onnx
from onnx import helper, numpy_helper

P = 80                         # binary places
ONE = 1 << P
U = 1 << (P - 24)              # unit roundoff of f32
DENORMAL = 1                   # no less than 2^-149
LARGEST = ((1 << 24) - 1) << (104 + P)
HALVES = {onnx.TensorProto.FLOAT16: ((1 << (P - 11)) + (257 << (P - 32)), 1 << (P - 24), 65504 << P),   # unit, denormal, most
          onnx.TensorProto.BFLOAT16: ((1 << (P - 8)) + (258 << (P - 32)), 1, 255 << (120 + P))}
FORMAT = "tauto decision certificate 1"


class Rejected(Exception):
    pass


def require(condition, reason):
    if not condition:
        raise Rejected(reason)


def fixed(array):
    """A float array in units of 2^-P, towards minus infinity, and whether something was cut off."""
    array = np.asarray(array, np.float64)
    require(np.isfinite(array).all(), "a constant or input is not finite")
    mantissa, exponent = np.frexp(array.reshape(-1))
    whole = (mantissa * 2.0 ** 53).astype(np.int64)
    out, cut = np.empty(whole.size, object), False
    for i, (m, e) in enumerate(zip(whole.tolist(), exponent.tolist())):
        shift = e - 53 + P
        if shift >= 0:
            out[i] = m << shift
        else:
            out[i] = m >> -shift
            cut = cut or (out[i] << -shift) != m
    return out.reshape(array.shape), cut


def up(x):  # from units of 2^-2P to 2^-P, towards plus infinity
    return -((-x) >> P)


def rounding(x):  # how far the nearest number of f32 is from x
    step = 1 << max(abs(x).bit_length() - 24, 0)
    rest = abs(x) % step
    return min(rest, step - rest)


def gamma(n):
    require(n < 1 << 22, "a sum of too many terms")
    return -(-(n << P) // ((1 << 24) - n))


def zeros(shape):
    return np.full(shape, 0, object)


class Value:
    """c: object array. r: radii, None where exact."""

    def __init__(self, c, r=None):
        self.c, self.r = c, r

    def radius(self):
        return zeros(self.c.shape) if self.r is None else self.r


class Network:
    """Runs the model's nodes on centres and radii, keeping a tape for functionals."""

    def __init__(self, model, certificate):
        self.model, self.certificate = model, certificate
        self.values, self.tape = {}, []          # tape: (output, [(input, pull)], noise)
        self.refined = {r["node"]: list(r["elements"]) for r in certificate.get("refined", [])}
        self.patterns = {a["node"]: a["pattern"] for a in certificate["activations"]}
        self.seen, self.roundings = set(), {}    # roundings: that terms of a sum may go through

    def run(self, feeds):
        graph = self.model.graph
        for name, array in [(t.name, numpy_helper.to_array(t)) for t in graph.initializer] + list(feeds.items()):
            self.constant(name, array)
        for node in graph.node:
            handler = getattr(self, "op_" + node.op_type, None)
            require(handler and node.domain in ("", "ai.onnx"), f"operator {node.op_type} is not known to this checker")
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            handler(node, attributes)
        require(self.seen == set(self.patterns), "activations are given for other nodes than the model's")

    def constant(self, name, array):
        if array.dtype in (np.float32, np.float64):
            require(array.dtype == np.float32, f"constant {name}: required f32, got {array.dtype}")
            c, cut = fixed(array)
            # A cut constant is off by less than a unit: as an error of its own.
            self.values[name] = Value(c, zeros(c.shape) + 1 if cut else None)
            if cut:
                self.tape.append((name, [], zeros(c.shape) + 1))
        else:
            self.values[name] = array

    def emit(self, name, c, inputs, reach, own=None, bend=None):
        """inputs: (name, pull); reach: how far f may be from c when inputs are anywhere within their radii."""
        inputs = [(n, pull) for n, pull in inputs if self.values[n].r is not None]
        r = None
        if inputs or own is not None:
            own = zeros(c.shape) if own is None else own
            noise, r = own if bend is None else own + bend, reach + own if inputs else own
            require((np.abs(c) + r <= LARGEST).all(), f"{name}: may overflow")
            self.tape.append((name, inputs, noise))
        self.values[name] = Value(c, r)

    # ---- functionals -----------------------------------------------------------------------------------------

    def bound(self, name, seeds):
        """For each row of `seeds` (functional, shape of the value): sum of |lambda| noise."""
        adjoints = {name: seeds}
        error = zeros(len(seeds))
        for output, inputs, noise in reversed(self.tape):
            adjoint = adjoints.pop(output, None)
            if adjoint is None:
                continue
            error = error + (np.abs(adjoint) * noise).reshape(len(seeds), -1).sum(axis=1)
            for source, pull in inputs:
                pulled, r = pull(adjoint), self.values[source].r
                pulled = pulled >> P                      # off by less than a unit: charged with the radius
                error = error + int(r.sum())
                adjoints[source] = adjoints[source] + pulled if source in adjoints else pulled
        return np.array([-((-e) >> P) for e in error], object)

    def refine(self, name, elements):
        value = self.values[name]
        require(value.r is not None, f"{name} is exact, nothing to refine")
        for first in range(0, len(elements), 16):
            part = elements[first:first + 16]
            seeds = zeros((len(part), value.c.size))
            for row, element in enumerate(part):
                require(0 <= element < value.c.size, "a refined element does not exist")
                seeds[row, element] = ONE
            bounds = self.bound(name, seeds.reshape((len(part),) + value.c.shape))
            r = value.r.reshape(-1).copy()
            for element, bound in zip(part, bounds):
                r[element] = min(r[element], bound)
            value.r = r.reshape(value.r.shape)

    # ---- products and sums -----------------------------------------------------------------------------------

    def products(self, name, x, w, terms, times, pull):
        """x (named) times constant w, `terms` products each; times(a, b) contracts, pull(adjoint) gives x's."""
        value, weights = self.values[x], self.values[w]
        require(isinstance(weights, Value) and weights.r is None, f"{w}: weights must be exact constants")
        magnitude = times(np.abs(value.c), np.abs(weights.c))
        c = times(value.c, weights.c) >> P                # cut: one unit
        spread = zeros(c.shape) if value.r is None else up(times(value.r, np.abs(weights.c)))
        noise = up((up(magnitude) + spread) * gamma(terms + 2)) + (terms + 2) * DENORMAL + 1
        self.roundings[name] = terms + 2
        self.emit(name, c, [(x, pull)], spread, noise)

    def add(self, name, a, b, sign=1):
        x, y = self.values[a], self.values[b]
        c = x.c + sign * y.c
        reach = x.radius() + y.radius() + zeros(c.shape)
        if x.r is None and y.r is None:      # then the rounding is known
            own = np.frompyfunc(rounding, 1, 1)(c)
        else:
            own = up((np.abs(c) + reach) * U) + DENORMAL
        for product, addend in ((a, y), (b, x)):   # the accumulators of a product may start from its addend
            if product in self.roundings:
                own = own + up((np.abs(addend.c) + addend.radius()) * gamma(self.roundings[product]))
                self.roundings[name] = max(self.roundings.get(name, 0), self.roundings[product] + 1)
        self.emit(name, c, [(a, unbroadcast(x.c.shape, 1)), (b, unbroadcast(y.c.shape, sign))], reach, own)

    def op_Add(self, node, _, sign=1):
        self.add(node.output[0], *node.input, sign)

    def op_Sub(self, node, _):
        self.op_Add(node, _, -1)

    def op_Cast(self, node, attributes):
        """From f32: rounded once more. Nothing reads the half (under a name of its own) but a Cast back, which is exact."""
        (x,), (y,), to = node.input, node.output, attributes["to"]
        require(to in HALVES or to == onnx.TensorProto.FLOAT and x + "/half" in self.values, "Cast: required f32 to a half and back")
        x, y = (x, y + "/half") if to in HALVES else (x + "/half", y)
        value, (unit, tiny, largest) = self.values[x], HALVES.get(to, (0, 0, LARGEST))
        require(((most := np.abs(value.c) + value.radius()) < largest).all(), f"{y}: may overflow")
        self.emit(y, value.c, [(x, lambda g: g << P)], value.radius(), up(most * unit) + tiny if to in HALVES else None)

    def op_MatMul(self, node, _):
        x, w = node.input
        weights = self.values[w].c
        require(weights.ndim == 2, "MatMul: required weights of rank 2")
        self.products(node.output[0], x, w, weights.shape[0], lambda a, b: a @ b, lambda g: g @ weights.T)

    def op_Gemm(self, node, attributes):
        require(attributes.get("alpha", 1.0) == 1.0 and attributes.get("beta", 1.0) == 1.0 and
                not attributes.get("transA"), "Gemm: required alpha 1, beta 1, transA 0")
        x, w = node.input[:2]
        turned = bool(attributes.get("transB"))
        weights = self.values[w].c.T if turned else self.values[w].c
        bias = len(node.input) > 2 and node.input[2]
        product = node.output[0] + "/product" if bias else node.output[0]
        self.products(product, x, w, weights.shape[0], lambda a, b: a @ (b.T if turned else b), lambda g: g @ weights.T)
        if bias:
            self.add(node.output[0], product, bias)

    def op_Conv(self, node, attributes):
        x, w = node.input[:2]
        value, weights = self.values[x], self.values[w].c
        require(attributes.get("group", 1) == 1 and value.c.ndim == 4, "Conv: required group 1 and two dimensions")
        window = Window(value.c.shape, weights.shape[2:], attributes)
        n, outputs = value.c.shape[0], weights.shape[0]

        def times(a, b):
            return (b.reshape(outputs, -1) @ window.patches(a, 0)).reshape((outputs, n) + window.size).swapaxes(0, 1)

        def pull(g):
            rows = g.swapaxes(1, 2).reshape(len(g), outputs, -1)
            return np.stack([window.scatter(weights.reshape(outputs, -1).T @ row) for row in rows])

        terms = int(np.prod(weights.shape[1:]))
        bias = len(node.input) > 2 and node.input[2]
        product = node.output[0] + "/product" if bias else node.output[0]
        self.products(product, x, w, terms, times, pull)
        if bias:
            require(self.values[bias].r is None, "Conv: the bias must be exact")
            self.values[product + "/bias"] = Value(self.values[bias].c.reshape(-1, 1, 1))
            self.add(node.output[0], product, product + "/bias")

    # ---- choices ---------------------------------------------------------------------------------------------

    def op_Relu(self, node, _):
        x, label = node.input[0], node.name or node.output[0]
        pattern = self.patterns.get(label)
        require(pattern is not None, f"{label}: no activations are given")
        self.seen.add(label)
        if label in self.refined:
            self.refine(x, self.refined[label])
        value = self.values[x]
        c, r = value.c, value.radius()
        require(len(pattern) == c.size and set(pattern) <= set("01u"), f"{label}: activations of another size")
        claimed = np.array(list(pattern)).reshape(c.shape)
        require((c[claimed == "1"] - r[claimed == "1"] >= 0).all(), f"{label}: an element is not certainly on")
        require((c[claimed == "0"] + r[claimed == "0"] <= 0).all(), f"{label}: an element is not certainly off")
        doubtful = claimed == "u"
        slack = (1 << (P - 40)) + (r[doubtful] >> 20)
        require((np.abs(c[doubtful]) <= r[doubtful] + slack).all(), f"{label}: an element is decided after all")
        on = c > 0
        bend = zeros(c.shape)
        bend[doubtful] = np.maximum(r[doubtful] - np.abs(c[doubtful]), 0)
        self.emit(node.output[0], np.where(on, c, 0), [(x, lambda g: np.where(on, g, 0) << P)],
                  np.where(on, r, bend), bend=bend)

    def op_MaxPool(self, node, attributes):
        x = node.input[0]
        if (label := node.name or node.output[0]) in self.refined:
            self.refine(x, self.refined[label])
        value = self.values[x]
        require(value.c.ndim == 4 and not attributes.get("ceil_mode"), "MaxPool: required two dimensions, ceil_mode 0")
        window = Window(value.c.shape, attributes["kernel_shape"], attributes)
        shape, low = value.c.shape[:2] + window.size, -(1 << 400)
        one = Window((shape[0] * shape[1], 1) + value.c.shape[2:], attributes["kernel_shape"], attributes)
        c = one.patches(value.c.reshape(one.shape), low)           # taps x elements
        r = one.patches(value.radius().reshape(one.shape), 0)
        at = np.array([int(np.argmax(c[:, i])) for i in range(c.shape[1])])
        columns = np.arange(c.shape[1])
        best, radius = c[at, columns], r[at, columns]
        others = c + r
        others[at, columns] = low
        bend = np.maximum(others.max(axis=0) - (best - radius), 0)

        def pull(g):
            out = []
            for row in g.reshape(len(g), -1):
                taps = zeros(c.shape)
                taps[at, columns] = row
                out.append(one.scatter(taps).reshape(value.c.shape) << P)
            return np.stack(out)

        reach = np.minimum(radius + bend, r.max(axis=0))
        self.emit(node.output[0], best.reshape(shape), [(x, pull)], reach.reshape(shape), bend=bend.reshape(shape))

    # ---- movement --------------------------------------------------------------------------------------------

    def move(self, node, function, back):
        x, name = node.input[0], node.output[0]
        value = self.values[x]
        if not isinstance(value, Value):
            self.values[name] = function(value)
            return
        self.emit(name, function(value.c), [(x, lambda g: back(g) << P)], None if value.r is None else function(value.r))

    def op_Constant(self, node, attributes):
        require("value" in attributes, "Constant: required a tensor")
        self.constant(node.output[0], numpy_helper.to_array(attributes["value"]))

    def reshaped(self, node, shape):
        before = self.values[node.input[0]].c.shape
        self.move(node, lambda a: a.reshape(shape), lambda g: g.reshape((len(g),) + before))

    def op_Identity(self, node, _):
        self.reshaped(node, self.values[node.input[0]].c.shape)

    def op_Flatten(self, node, attributes):
        shape, axis = self.values[node.input[0]].c.shape, attributes.get("axis", 1)
        self.reshaped(node, (int(np.prod(shape[:axis])), -1))

    def op_Reshape(self, node, attributes):
        shape = [int(d) for d in self.values[node.input[1]]]
        require(not attributes.get("allowzero"), "Reshape: required allowzero 0")
        own = self.values[node.input[0]].c.shape
        self.reshaped(node, tuple(own[i] if d == 0 else d for i, d in enumerate(shape)))

    def op_Transpose(self, node, attributes):
        perm = list(attributes["perm"])
        inverse = [0] + [1 + perm.index(i) for i in range(len(perm))]
        self.move(node, lambda a: a.transpose(perm), lambda g: g.transpose(inverse))


def unbroadcast(shape, sign):  # the adjoint of an operand that was broadcast: summed over what was repeated
    def pull(g):
        g = g.sum(axis=tuple(range(1, g.ndim - len(shape))))
        axes = tuple(i + 1 for i, d in enumerate(shape) if d == 1 and g.shape[i + 1] != 1)
        return (sign * g.sum(axis=axes, keepdims=True)) << P
    return pull


class Window:
    """Sliding windows over the last two of four dims, as ONNX's Conv and MaxPool describe them."""

    def __init__(self, shape, kernel, attributes):
        require(attributes.get("auto_pad", b"NOTSET") in (b"NOTSET", b"VALID"), "auto_pad: required NOTSET or VALID")
        self.shape, self.kernel = tuple(shape), tuple(kernel)
        self.stride = tuple(attributes.get("strides", (1, 1)))
        self.dilation = tuple(attributes.get("dilations", (1, 1)))
        pads = attributes.get("pads", (0, 0, 0, 0))
        self.before, self.after = tuple(pads[:2]), tuple(pads[2:])
        self.size = tuple((shape[2 + i] + self.before[i] + self.after[i] - self.dilation[i] * (self.kernel[i] - 1) - 1)
                          // self.stride[i] + 1 for i in range(2))

    def slices(self):
        for k in range(self.kernel[0]):
            for l in range(self.kernel[1]):
                yield k * self.kernel[1] + l, tuple(
                    slice(o * d, o * d + (n - 1) * s + 1, s)
                    for o, d, n, s in zip((k, l), self.dilation, self.size, self.stride))

    def patches(self, x, padding):  # [channel and tap, image and position]
        n, channels = x.shape[:2]
        (top, left), (bottom, right) = self.before, self.after
        padded = np.full((n, channels, x.shape[2] + top + bottom, x.shape[3] + left + right), padding, object)
        padded[:, :, top:top + x.shape[2], left:left + x.shape[3]] = x
        out = np.empty((channels, self.kernel[0] * self.kernel[1], n) + self.size, object)
        for tap, (rows, columns) in self.slices():
            out[:, tap] = padded[:, :, rows, columns].swapaxes(0, 1)
        return out.reshape(out.shape[0] * out.shape[1], -1)

    def scatter(self, taps):  # the transpose of patches
        n, channels, height, width = self.shape
        (top, left), (bottom, right) = self.before, self.after
        padded = zeros((n, channels, height + top + bottom, width + left + right))
        taps = taps.reshape((channels, self.kernel[0] * self.kernel[1], n) + self.size)
        for tap, (rows, columns) in self.slices():
            padded[:, :, rows, columns] += taps[:, tap].swapaxes(0, 1)
        return padded[:, :, top:top + height, left:left + width]


def pairs_of(decision, c):
    """The pairs (above, below) that a decision needs apart at centre c, and its winners; -1: the threshold."""
    flat = c.reshape(-1)
    kind, _, argument = decision.partition(":")
    if kind == "threshold":
        limit = fixed(np.array([float(argument)]))[0][0]
        over = [bool(v > limit) for v in flat]
        return [(i, -1) if o else (-1, i) for i, o in enumerate(over)], [i for i, o in enumerate(over) if o], limit
    require(kind in ("top1", "argmin", "topk"), f"decision {decision} is not known")
    sign, k, classes = (-1 if kind == "argmin" else 1), int(argument or 1), c.shape[-1]
    require(k < classes, f"decision {decision}: only {classes} classes")
    pairs, winners = [], []
    for row in range(0, flat.size, classes):
        order = sorted(range(row, row + classes), key=lambda i: (-sign * flat[i], i))
        winners += order[:k]
        pairs += [(a, b) if sign > 0 else (b, a) for a in order[:k] for b in order[k:]]
    return pairs, winners, 0


def read_model(path):
    with open(path, "rb") as handle:
        content = handle.read()
    return onnx.load_from_string(content), hashlib.sha256(content).hexdigest()


def check(path, certificate, loaded=None):
    """Raises Rejected. `loaded`: (model, hash) of path, when it was read before."""
    model, digest = loaded or read_model(path)
    require(certificate.get("format") == FORMAT, "another format")
    require(certificate["model"] == digest, "the model is another one")
    feeds = {i["name"]: np.frombuffer(base64.b64decode(i["f32"]), "<f4").reshape(i["shape"])
             for i in certificate["inputs"]}
    given = {t.name for t in model.graph.initializer}
    shapes = {i.name: [d.dim_value for d in i.type.tensor_type.shape.dim]
              for i in model.graph.input if i.name not in given}
    require(set(feeds) == set(shapes), "inputs of other names than the model's")
    require(all(a.ndim == len(shapes[n]) and all(d in (0, s) for d, s in zip(shapes[n], a.shape))
                for n, a in feeds.items()), "an input of another shape than the model's")
    network = Network(model, certificate)
    network.run(feeds)
    output = certificate["output"]
    require(output in {o.name for o in model.graph.output}, "no such output")
    value = network.values[output]
    c, r = value.c.reshape(-1), value.radius().reshape(-1)
    pairs, winners, limit = pairs_of(certificate["decision"], value.c)
    require(certificate["winners"] == winners, "the decision is another one")
    claimed = {(s["above"], s["below"]): s for s in certificate["separations"]}
    require(len(claimed) == len(pairs) == len(certificate["separations"]) and set(claimed) == set(pairs),
            "pairs of outputs are missing")
    functionals = []
    for pair in pairs:
        margin = margin_of(pair, c, limit)
        same(claimed[pair]["margin"], margin, pair)
        error = sum(int(r[i]) for i in pair if i >= 0)
        if margin > error:
            believe(claimed[pair], margin, error, pair)
        else:
            functionals.append(pair)
    for first in range(0, len(functionals), 16):
        part = functionals[first:first + 16]
        seeds = zeros((len(part), c.size))
        for row, pair in enumerate(part):
            for i, sign in zip(pair, (ONE, -ONE)):
                seeds[row, i] += sign if i >= 0 else 0
        for pair, error in zip(part, network.bound(output, seeds.reshape((len(part),) + value.c.shape))):
            margin = margin_of(pair, c, limit)
            require(margin > error, f"{pair}: margin {margin / ONE:.3g} does not exceed the bound {error / ONE:.3g}")
            believe(claimed[pair], margin, error, pair)


def margin_of(pair, c, limit):
    return (c[pair[0]] if pair[0] >= 0 else limit) - (c[pair[1]] if pair[1] >= 0 else limit)


def same(claim, margin, pair):
    """The claim was computed in f64: equal but for 2^-30 of it and of 1."""
    claim = int(fixed(np.array([claim]))[0][0])
    require(abs(claim - margin) <= (ONE + abs(margin)) >> 30, f"outputs {pair}: the margin is another one")


def believe(claim, margin, error, pair):
    bound = int(fixed(np.array([claim["error"]]))[0][0])
    require(error <= bound + (bound >> 10) + 2, f"outputs {pair}: the error may be larger than claimed")
    require(claim["margin"] > claim["error"], f"outputs {pair}: the claimed margin does not exceed the claimed bound")


def main():
    parser = argparse.ArgumentParser(description="Check decision certificates in exact arithmetic.")
    parser.add_argument("model")
    parser.add_argument("certificates", nargs="+")
    options = parser.parse_args()
    loaded, rejected = read_model(options.model), 0
    for path in options.certificates:
        try:
            with open(path, encoding="utf-8") as handle:
                certificate = json.load(handle)
            check(options.model, certificate, loaded)
            print(f"{path}: accepted, {certificate['decision']} is {certificate['winners']} in every legal execution")
        except (Rejected, KeyError, TypeError, ValueError) as error:
            rejected += 1
            print(f"{path}: rejected: {error!r}" if not isinstance(error, Rejected) else f"{path}: rejected: {error}")
    return 1 if rejected else 0


if __name__ == "__main__":
    sys.exit(main())
