#!/usr/bin/env python3
"""Derives the polynomial coefficients of src/ops/math and prints src/ops/math/polynomials.h.

Method: weighted Remez exchange in 70-digit arithmetic (mpmath). The largest weighted error is made
equal and alternating on degree + 2 points, where the weight is what a small change of the polynomial
does to the function's relative error. Coefficients are then rounded to the format one by one, from the
constant term up; after each the remaining ones are fitted again, so that they absorb its rounding.

    scripts/derive_polynomials.py > src/ops/math/polynomials.h        # needs mpmath; about two minutes
"""
import sys

import mpmath
from mpmath import mp, mpf

mp.dps = 70
TINY = mpf(10) ** -22  # stands for 0 where a quotient has a removable singularity there
LN2 = mp.log(2)


def round_to(v, bits):
    """v rounded to `bits` significant bits, nearest."""
    if v == 0:
        return v
    m, e = mp.frexp(v)
    return mp.ldexp(mp.nint(mp.ldexp(m, bits)), e - bits)


def grid(a, b, n):
    """n Chebyshev points of [a, b], ends included."""
    pts = [(a + b) / 2 - (b - a) / 2 * mp.cos(mp.pi * i / (n - 1)) for i in range(n)]
    return [TINY if abs(x) < TINY else x for x in pts]


def solve(xs, fs, ws, degree):
    """The polynomial whose weighted error at the degree + 2 points is +E, -E, +E, ..."""
    n = degree + 2
    a = mpmath.matrix(n, n)
    b = mpmath.matrix(n, 1)
    for i in range(n):
        p = mpf(1)
        for j in range(degree + 1):
            a[i, j] = p
            p *= xs[i]
        a[i, degree + 1] = (-1) ** i / ws[i]
        b[i] = fs[i]
    s = mp.lu_solve(a, b)
    return [s[j] for j in range(degree + 1)]


def remez(xs, fs, ws, degree):
    """Minimax fit on the points xs of the values fs with weights ws (coefficients, largest error)."""
    heavy = max(ws)
    xs, fs, ws = zip(*((x, f, w) for x, f, w in zip(xs, fs, ws) if w > heavy * mpf("1e-9")))
    n = len(xs)
    k = degree + 2
    ref = [i * (n - 1) // (k - 1) for i in range(k)]
    best = None
    for _ in range(30):
        c = solve([xs[i] for i in ref], [fs[i] for i in ref], [ws[i] for i in ref], degree)
        err = [w * (f - mp.polyval(c[::-1], x)) for x, f, w in zip(xs, fs, ws)]
        top = max(abs(e) for e in err)
        if best is None or top < best[1]:
            best = (c, top)
        low = min(abs(err[i]) for i in ref)
        if top - low < top * mpf("0.002"):
            break
        runs = []  # the extremum of each run of equal sign
        for i, e in enumerate(err):
            if runs and (e > 0) == (err[runs[-1]] > 0):
                if abs(e) > abs(err[runs[-1]]):
                    runs[-1] = i
            else:
                runs.append(i)
        while len(runs) > k:  # drop the smallest, and a neighbour if it stands between two of them
            m = min(range(len(runs)), key=lambda i: abs(err[runs[i]]))
            if 0 < m < len(runs) - 1 and len(runs) - k >= 2:
                side = m + 1 if abs(err[runs[m + 1]]) < abs(err[runs[m - 1]]) else m - 1
                for i in sorted((m, side), reverse=True):
                    runs.pop(i)
            elif 0 < m < len(runs) - 1:
                runs.pop(0 if abs(err[runs[0]]) < abs(err[runs[-1]]) else -1)
            else:
                runs.pop(m)
        if len(runs) < k:
            break
        ref = runs
    return best


def fit(name, f, w, interval, degree, bits, comment, split=False):
    """Prints one array. f(x): the function to fit; w(x): its weight; bits: those of a coefficient, 24 or 53.

    split: the constant term has twice the bits and is printed as an array of its own, high part first."""
    a, b = (mpf(v) for v in interval)
    xs = grid(a, b, 30 * (degree + 2))
    fs = [f(x) for x in xs]
    ws = [abs(w(x)) for x in xs]
    out = []
    rest, weights = fs[:], ws[:]
    for j in range(degree + 1):
        c, _ = remez(xs, rest, weights, degree - j)
        c = round_to(c[0], 2 * bits if split and j == 0 else bits)
        out.append(c)
        rest = [(r - c) / x for r, x in zip(rest, xs)]
        weights = [v * abs(x) for v, x in zip(weights, xs)]
    top = max(abs(v * (t - mp.polyval(out[::-1], x))) for x, t, v in zip(xs, fs, ws))
    print(f"// {comment}; error 2^{mpmath.nstr(mp.log(top, 2), 4)}")
    if split:
        high = round_to(out[0], bits)
        print_array(f"{name}Head", [hexfloat(high), hexfloat(round_to(out[0] - high, bits))])
        out = out[1:]
    print_array(name, [hexfloat(c) for c in out])


def print_array(name, items):
    print(f"inline constexpr double {name}[] = {{")
    for i in range(0, len(items), 4):
        print("    " + ", ".join(items[i:i + 4]) + ("," if i + 4 < len(items) else "};"))
    print()
    sys.stdout.flush()


def hexfloat(v):
    mantissa, exponent = float(v).hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.')}p{exponent}"


HEAD = """// Printed by scripts/derive_polynomials.py, which names the method. Do not edit.
// Each array holds the coefficients of one polynomial, constant term first. "error" is the largest
// weighted error of the rounded coefficients: the part of the function's relative error that is theirs.
// clang-format off
#pragma once

namespace tauto::math {
"""


def exp_tail(r):
    return (mp.exp(r) - 1 - r) / r**2


def log_tail(f):
    return (mp.log(1 + f) - f + f**2 / 2) / f**3


def log_odd(z):
    s = mp.sqrt(z)
    return (mp.log((1 + s) / (1 - s)) / s - 2) / z


def odd(f):
    """For f odd: (f(x)/x - 1) / x^2 as a function of z = x^2, and its weight."""
    return (lambda z: (f(mp.sqrt(z)) / mp.sqrt(z) - 1) / z), (lambda z: z * mp.sqrt(z) / f(mp.sqrt(z)))


def two_over_pi(name, width, count):
    """2/pi cut into pieces of `width` bits, from the binary point on, times 2^200."""
    with mp.workprec(width * count + 64):
        v = int(mp.floor(mp.ldexp(2 / mp.pi, width * count)))
    out = []
    for i in range(count):
        piece = (v >> (width * (count - 1 - i))) % 2**width
        out.append(hexfloat(mp.ldexp(mpf(piece), 200 - width * (i + 1))))
    print(f"// 2/pi in pieces of {width} bits, times 2^200")
    print_array(name, out)


def main():
    print(HEAD)
    half = LN2 / 2 * mpf("1.0005")
    lo, hi = mp.sqrt(mpf(1) / 2) - 1 - mpf("1e-6"), mp.sqrt(mpf(2)) - 1 + mpf("1e-6")
    for name, degree, bits in (("kExpF32", 4, 24), ("kExpF64", 9, 53), ("kExpShort", 5, 53)):
        fit(name, exp_tail, lambda r: r**2 / mp.exp(r), (-half, half), degree, bits,
            "(e^r - 1 - r) / r^2, |r| <= ln2/2")
    fit("kLogF32", log_tail, lambda f: f**3 / mp.log(1 + f), (lo, hi), 7, 24,
        "(log(1 + f) - f + f^2/2) / f^3, sqrt(1/2) <= 1 + f <= sqrt(2)")
    s2 = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mpf("1.0001")
    for name, degree in (("kLogF64", 6), ("kLogShort", 3)):
        fit(name, log_odd, lambda z: z / 2, (0, s2), degree, 53,
            "(log((1 + s) / (1 - s)) / s - 2) / s^2 in s^2")
    fit("kLogPow", lambda z: (log_odd(z) - mpf(2) / 3) / z, lambda z: z**2 / 2, (0, s2), 6, 53,
        "((log((1 + s) / (1 - s)) / s - 2) / s^2 - 2/3) / s^2 in s^2")

    fit("kTanhF32", *odd(mp.tanh), (0, 1), 6, 24, "(tanh(x)/x - 1) / x^2 in x^2, |x| <= 1")
    for name, degree, bits in (("kSinhF32", 3, 24), ("kSinhF64", 6, 53)):
        fit(name, *odd(mp.sinh), (0, 1), degree, bits, "(sinh(x)/x - 1) / x^2 in x^2, |x| <= 1")
    for name, degree, bits in (("kCoshF32", 3, 24), ("kCoshF64", 6, 53)):
        fit(name, lambda z: (mp.cosh(mp.sqrt(z)) - 1) / z, lambda z: z / mp.cosh(mp.sqrt(z)), (0, 1), degree, bits,
            "(cosh(x) - 1) / x^2 in x^2, |x| <= 1")

    eighth = (mp.pi / 4 * mpf("1.0001")) ** 2
    for name, degree in (("kSinF64", 5), ("kSinShort", 3)):
        fit(name, *odd(mp.sin), (0, eighth), degree, 53, "(sin(x)/x - 1) / x^2 in x^2, |x| <= pi/4")
    for name, degree in (("kCosF64", 5), ("kCosShort", 2)):
        fit(name, lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, lambda z: z**2 / mp.cos(mp.sqrt(z)), (0, eighth),
            degree, 53, "(cos(x) - 1 + x^2/2) / x^4 in x^2, |x| <= pi/4")
    two_over_pi("kTwoOverPi48", 48, 26)
    two_over_pi("kTwoOverPi29", 29, 8)
    for name, degree in (("kAsinF64", 12), ("kAsinShort", 6)):
        fit(name, *odd(mp.asin), (0, mpf("0.25")), degree, 53, "(asin(x)/x - 1) / x^2 in x^2, |x| <= 1/2")
    sixteenth = mp.tan(mp.pi / 8) ** 2 * mpf("1.0001")
    for name, degree in (("kAtanF64", 10), ("kAtanShort", 5)):
        fit(name, *odd(mp.atan), (0, sixteenth), degree, 53, "(atan(x)/x - 1) / x^2 in x^2, |x| <= tan(pi/8)")

    for name, degree, bits, top in (("kErfF32", 6, 24, mpf(1)), ("kErfF64", 10, 53, mpf("0.75")),
                                    ("kErfShort", 5, 53, mpf("0.5"))):
        fit(name, lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1, lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)),
            (0, top**2), degree, bits, f"erf(x)/x - 1 in x^2, |x| <= {mpmath.nstr(top, 3)}")
    fit("kLogErfcF32", lambda t: mp.log(mp.erfc(1 + t)), lambda t: mp.erfc(1 + t) / mp.erf(1 + t), (0, 3), 7, 24,
        "log(erfc(1 + t)), 0 <= t <= 3")

    def x_of(t):
        return 4 * (1 + t) / (1 - t)

    def t_of(x):
        return (mpf(x) - 4) / (mpf(x) + 4)

    def erfcx(t):
        return mp.erfc(x_of(t)) * mp.exp(x_of(t) ** 2) * (1 + 2 * x_of(t))

    for name, degree, low, high in (("kErfcxF64", 22, "0.25", "27.5"), ("kErfcxShort", 12, "0.5", "10.25")):
        fit(name, erfcx, lambda t: 1 / erfcx(t), (t_of(low), t_of(high)), degree, 53,
            f"(1 + 2x) e^(x^2) erfc(x) in (x - 4)/(x + 4), {low} <= x <= {high}", split=degree > 12)
    fit("kErfcxSlope", lambda t: mp.diff(erfcx, t), lambda t: mpf(1), (t_of("0.25"), t_of("27.5")), 4, 24,
        "the derivative of that polynomial")
    print("}  // namespace tauto::math")


if __name__ == "__main__":
    main()
