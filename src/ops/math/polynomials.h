// Printed by scripts/derive_polynomials.py, which names the method. Do not edit.
// Each array holds the coefficients of one polynomial, constant term first. "error" is the largest
// weighted error of the rounded coefficients: the part of the function's relative error that is theirs.
// clang-format off
#pragma once

namespace tauto::math {

// (e^r - 1 - r) / r^2, |r| <= ln2/2; error 2^-28.25
inline constexpr double kExpF32[] = {
    0x1.fffffcp-2, 0x1.555492p-3, 0x1.5558bp-5, 0x1.123996p-7,
    0x1.6a4e32p-10};

// (e^r - 1 - r) / r^2, |r| <= ln2/2; error 2^-57.91
inline constexpr double kExpF64[] = {
    0x1.000000000000ap-1, 0x1.555555555550ap-3, 0x1.5555555550774p-5, 0x1.1111111124d66p-7,
    0x1.6c16c1844742cp-10, 0x1.a01a013671451p-13, 0x1.a01999dde40dap-16, 0x1.71df0f6e3497cp-19,
    0x1.28ad9027edc1ep-22, 0x1.ad9ca8c39086bp-26};

// (log(1 + f) - f + f^2/2) / f^3, sqrt(1/2) <= 1 + f <= sqrt(2); error 2^-27.35
inline constexpr double kLogF32[] = {
    0x1.555554p-2, -0x1.000226p-2, 0x1.99a01cp-3, -0x1.547288p-3,
    0x1.22d922p-3, -0x1.0d8254p-3, 0x1.055f86p-3, -0x1.38cbdcp-4};

// (log((1 + s) / (1 - s)) / s - 2) / s^2 in s^2; error 2^-59.49
inline constexpr double kLogF64[] = {
    0x1.5555555555592p-1, 0x1.999999997ff03p-2, 0x1.24924941e365ep-2, 0x1.c71c521222034p-3,
    0x1.74663d75171dcp-3, 0x1.39a1d959e5742p-3, 0x1.2f0465110deb4p-3};

// (tanh(x)/x - 1) / x^2 in x^2, |x| <= 1; error 2^-27.68
inline constexpr double kTanhF32[] = {
    -0x1.55553cp-2, 0x1.110be4p-3, -0x1.b9623ap-5, 0x1.6009a6p-6,
    -0x1.045ff6p-7, 0x1.2da032p-9, -0x1.77cdb2p-12};

// erf(x)/x - 1 in x^2, |x| <= 1; error 2^-29.39
inline constexpr double kErfF32[] = {
    0x1.06eba8p-3, -0x1.81273ep-2, 0x1.ce2ce6p-4, -0x1.b7f71ap-6,
    0x1.53f224p-8, -0x1.a3515ep-11, 0x1.4771fep-14};

// log(erfc(1 + t)), 0 <= t <= 3; error 2^-26.64
inline constexpr double kLogErfcF32[] = {
    -0x1.d97fcp+0, -0x1.51c98p+1, -0x1.afb83p-1, -0x1.500c2cp-5,
    0x1.1c7928p-7, -0x1.7b0768p-12, -0x1.50d644p-11, 0x1.6d201cp-13};

// erf(x)/x - 1 in x^2, |x| <= 0.75; error 2^-56.33
inline constexpr double kErfF64[] = {
    0x1.06eba8214db69p-3, -0x1.812746b037a32p-2, 0x1.ce2f21a046d98p-4, -0x1.b82ce313ec9b9p-6,
    0x1.565bcd4b43851p-8, -0x1.c02dbfcf802d2p-11, 0x1.f9a483d0f8b83p-14, -0x1.f4ea0948aae18p-17,
    0x1.babf9cdfbfbbcp-20, -0x1.61865e404c114p-23, 0x1.c97bd6704b273p-27};

// (1 + 2x) e^(x^2) erfc(x) in (x - 4)/(x + 4), 1/2 <= x <= 27.5; error 2^-54.57
inline constexpr double kErfcxF64[] = {
    0x1.3ba5916e9fd7fp+0, -0x1.1df1ad154a29p-3, 0x1.f7f5df66fadffp-7, 0x1.16ecefcfa55a9p-4,
    -0x1.9ddb23c3d3726p-4, 0x1.7fee004e0cd87p-4, -0x1.0fb06e00779ffp-4, 0x1.3079edf74b922p-5,
    -0x1.09623811757b4p-6, 0x1.49c6724a1fab2p-8, -0x1.8d4b099a9e696p-11, -0x1.a1defcc400492p-13,
    0x1.3be8a574dbb1p-13, -0x1.995d35347ffecp-16, -0x1.7a2497062ecp-17, 0x1.7f4200b3c67b8p-18,
    0x1.a0c59b5cf4459p-22, -0x1.bb58ca2263231p-21, -0x1.65d989d161842p-25, 0x1.d06d10de7326fp-24,
    0x1.0ed18bee24896p-24, -0x1.82c02f5eaef3cp-27, -0x1.826623c3d256bp-26};

}  // namespace tauto::math
