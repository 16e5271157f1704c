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


def fit(name, f, w, interval, degree, bits, comment, first=None):
    """Prints one array. f(x): the function to fit; w(x): its weight; bits: 24, 53 or a list per coefficient."""
    a, b = (mpf(v) for v in interval)
    xs = grid(a, b, 30 * (degree + 2))
    fs = [f(x) for x in xs]
    ws = [abs(w(x)) for x in xs]
    out = []
    rest, weights = fs[:], ws[:]
    top = None
    for j in range(degree + 1):
        if first is not None and j < len(first):
            c = first[j]
        else:
            c, _ = remez(xs, rest, weights, degree - j)
            c = round_to(c[0], bits)
        out.append(c)
        rest = [(r - c) / x for r, x in zip(rest, xs)]
        weights = [v * abs(x) for v, x in zip(weights, xs)]
    top = max(abs(v * (t - mp.polyval(out[::-1], x))) for x, t, v in zip(xs, fs, ws))
    print(f"// {comment}; error 2^{mpmath.nstr(mp.log(top, 2), 4)}")
    items = [hexfloat(c) for c in out]
    print(f"inline constexpr double {name}[] = {{")
    for i in range(0, len(items), 4):
        print("    " + ", ".join(items[i:i + 4]) + ("," if i + 4 < len(items) else "};"))
    print()
    sys.stdout.flush()


def hexfloat(v):
    return float(v).hex().replace("0000000p", "p") if False else trim(float(v).hex())


def trim(h):
    mant, exp = h.split("p")
    if "." in mant:
        mant = mant.rstrip("0").rstrip(".")
    return f"{mant}p{exp}"


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


def main():
    print(HEAD)
    half = LN2 / 2 * mpf("1.0005")
    lo, hi = mp.sqrt(mpf(1) / 2) - 1 - mpf("1e-6"), mp.sqrt(mpf(2)) - 1 + mpf("1e-6")
    fit("kExpF32", exp_tail, lambda r: r**2 / mp.exp(r), (-half, half), 4, 24, "(e^r - 1 - r) / r^2, |r| <= ln2/2")
    fit("kExpF64", exp_tail, lambda r: r**2 / mp.exp(r), (-half, half), 9, 53, "(e^r - 1 - r) / r^2, |r| <= ln2/2")
    fit("kLogF32", log_tail, lambda f: f**3 / mp.log(1 + f), (lo, hi), 7, 24,
        "(log(1 + f) - f + f^2/2) / f^3, sqrt(1/2) <= 1 + f <= sqrt(2)")
    s2 = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mpf("1.0001")
    fit("kLogF64", log_odd, lambda z: z / 2, (0, s2), 6, 53,
        "(log((1 + s) / (1 - s)) / s - 2) / s^2 in s^2")
    fit("kTanhF32", lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z,
        lambda z: z * mp.sqrt(z) / mp.tanh(mp.sqrt(z)), (0, mpf("1.0")), 6, 24,
        "(tanh(x)/x - 1) / x^2 in x^2, |x| <= 1")
    fit("kErfF32", lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1,
        lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)), (0, 1), 6, 24, "erf(x)/x - 1 in x^2, |x| <= 1")
    fit("kLogErfcF32", lambda t: mp.log(mp.erfc(1 + t)), lambda t: mp.erfc(1 + t) / mp.erf(1 + t), (0, 3), 7, 24,
        "log(erfc(1 + t)), 0 <= t <= 3")
    fit("kErfF64", lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1,
        lambda z: mp.sqrt(z) / mp.erf(mp.sqrt(z)), (0, mpf("0.75") ** 2), 10, 53, "erf(x)/x - 1 in x^2, |x| <= 0.75")

    def x_of(t):
        return 4 * (1 + t) / (1 - t)

    def erfcx(t):
        return mp.erfc(x_of(t)) * mp.exp(x_of(t) ** 2) * (1 + 2 * x_of(t))

    fit("kErfcxF64", erfcx, lambda t: 1 / erfcx(t), ((mpf("0.49") - 4) / (mpf("0.49") + 4), mpf("23.5") / mpf("31.5")),
        22, 53, "(1 + 2x) e^(x^2) erfc(x) in (x - 4)/(x + 4), 1/2 <= x <= 27.5")
    print("}  // namespace tauto::math")


if __name__ == "__main__":
    main()
