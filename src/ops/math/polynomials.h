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

// (e^r - 1 - r) / r^2, |r| <= ln2/2; error 2^-34.16
inline constexpr double kExpShort[] = {
    0x1.0000003a4d26fp-1, 0x1.55555442ae802p-3, 0x1.55548d69ac826p-5, 0x1.11127125bb84ap-7,
    0x1.6d8d5a165344ap-10, 0x1.9f08802c0f0fbp-13};

// (log(1 + f) - f + f^2/2) / f^3, sqrt(1/2) <= 1 + f <= sqrt(2); error 2^-27.35
inline constexpr double kLogF32[] = {
    0x1.555554p-2, -0x1.000226p-2, 0x1.99a01cp-3, -0x1.547288p-3,
    0x1.22d922p-3, -0x1.0d8254p-3, 0x1.055f86p-3, -0x1.38cbdcp-4};

// (log((1 + s) / (1 - s)) / s - 2) / s^2 in s^2; error 2^-59.49
inline constexpr double kLogF64[] = {
    0x1.5555555555592p-1, 0x1.999999997ff03p-2, 0x1.24924941e365ep-2, 0x1.c71c521222034p-3,
    0x1.74663d75171dcp-3, 0x1.39a1d959e5742p-3, 0x1.2f0465110deb4p-3};

// (log((1 + s) / (1 - s)) / s - 2) / s^2 in s^2; error 2^-37.6
inline constexpr double kLogShort[] = {
    0x1.555554fd9b24ep-1, 0x1.999a7a922ea5p-2, 0x1.2438d4e6d5b67p-2, 0x1.e2f6e2610f906p-3};

// ((log((1 + s) / (1 - s)) / s - 2) / s^2 - 2/3) / s^2 in s^2; error 2^-66.28
inline constexpr double kLogPow[] = {
    0x1.9999999999b3p-2, 0x1.2492492457d59p-2, 0x1.c71c722d67995p-3, 0x1.745ce9e2abb63p-3,
    0x1.3b1eec35d6b59p-3, 0x1.0f7fe4c4a576cp-3, 0x1.0e42e1453c0d6p-3};

// (tanh(x)/x - 1) / x^2 in x^2, |x| <= 1; error 2^-27.68
inline constexpr double kTanhF32[] = {
    -0x1.55553cp-2, 0x1.110be4p-3, -0x1.b9623ap-5, 0x1.6009a6p-6,
    -0x1.045ff6p-7, 0x1.2da032p-9, -0x1.77cdb2p-12};

// (sinh(x)/x - 1) / x^2 in x^2, |x| <= 1; error 2^-31.62
inline constexpr double kSinhF32[] = {
    0x1.555556p-3, 0x1.1110ep-7, 0x1.a022bcp-13, 0x1.756c1ep-19};

// (sinh(x)/x - 1) / x^2 in x^2, |x| <= 1; error 2^-61.78
inline constexpr double kSinhF64[] = {
    0x1.5555555555556p-3, 0x1.111111111101ep-7, 0x1.a01a01a037268p-13, 0x1.71de3a3b06d88p-19,
    0x1.ae646ff4ed24ep-26, 0x1.6116f4ae7477ap-33, 0x1.b5c8927de2059p-41};

// (cosh(x) - 1) / x^2 in x^2, |x| <= 1; error 2^-29.92
inline constexpr double kCoshF32[] = {
    0x1.fffffep-2, 0x1.5555e4p-5, 0x1.6be63ap-10, 0x1.acf41p-16};

// (cosh(x) - 1) / x^2 in x^2, |x| <= 1; error 2^-59.42
inline constexpr double kCoshF64[] = {
    0x1.0000000000001p-1, 0x1.55555555553adp-5, 0x1.6c16c16c343c6p-10, 0x1.a01a01813848cp-16,
    0x1.27e50cb033411p-22, 0x1.1ee30aeb70fap-29, 0x1.9a38d293d8ab1p-37};

// (sin(x)/x - 1) / x^2 in x^2, |x| <= pi/4; error 2^-57.89
inline constexpr double kSinF64[] = {
    -0x1.5555555555548p-3, 0x1.111111110f73p-7, -0x1.a01a019be92eap-13, 0x1.71de355547153p-19,
    -0x1.ae5e4ba63e6fp-26, 0x1.5d8b62c05481dp-33};

// (sin(x)/x - 1) / x^2 in x^2, |x| <= pi/4; error 2^-37.5
inline constexpr double kSinShort[] = {
    -0x1.5555554c700e3p-3, 0x1.11110868f8e87p-7, -0x1.a00f7dff0eebcp-13, 0x1.6cd1ab26e3acp-19};

// (cos(x) - 1 + x^2/2) / x^4 in x^2, |x| <= pi/4; error 2^-63.94
inline constexpr double kCosF64[] = {
    0x1.555555555554bp-5, -0x1.6c16c16c15013p-10, 0x1.a01a019c8ed1p-16, -0x1.27e4f7f141d15p-22,
    0x1.1ee9db8ee20d2p-29, -0x1.8fa65eff38e66p-37};

// (cos(x) - 1 + x^2/2) / x^4 in x^2, |x| <= pi/4; error 2^-33.01
inline constexpr double kCosShort[] = {
    0x1.55554a0fcda7ap-5, -0x1.6c0c329fe932ep-10, 0x1.99eb4c8c8c21p-16};

// 2/pi in pieces of 48 bits, times 2^200
inline constexpr double kTwoOverPi48[] = {
    0x1.45f306dc9c88p+199, 0x1.529fc2757d1p+148, 0x1.ea69bb81b6c4p+103, 0x1.2b3278872082p+55,
    0x1.fca2c757bd76p+7, 0x1.8ac36e48dc74p-41, 0x1.09374b801924p-90, 0x1.77504e8c90ep-139,
    0x1.fc3bd6396252p-185, 0x1.4e7dd1046beap-233, 0x1.75da24274cep-283, 0x1.c09ad17df904p-330,
    0x1.cc8eb1cc1a98p-379, 0x1.cfa4e422fc58p-427, 0x1.7bf250763ffp-473, 0x1.2fffbc0b301ep-521,
    0x1.de5e2316b414p-569, 0x1.b47db4d9fb3cp-618, 0x1.3e584dba7a3p-667, 0x1.fb34f2ff5168p-715,
    0x1.d49eeb1faf94p-762, 0x1.e2f67a0e73eep-809, 0x1.14a525d4d7f6p-857, 0x1.7ec47e35742p-906,
    0x1.580cc11bf1ecp-954, 0x1.aeafc33ef08p-1002};

// 2/pi in pieces of 29 bits, times 2^200
inline constexpr double kTwoOverPi29[] = {
    0x1.45f306dp+199, 0x1.9391054p+170, 0x1.4fe13abp+141, 0x1.d1f534dp+112,
    0x1.b81b6c5p+83, 0x1.5993c4p+52, 0x1.c820ff2p+25, 0x1.163abdep-4};

// (asin(x)/x - 1) / x^2 in x^2, |x| <= 1/2; error 2^-59.86
inline constexpr double kAsinF64[] = {
    0x1.5555555555577p-3, 0x1.333333332e13p-4, 0x1.6db6db7212772p-5, 0x1.f1c71a94ece6fp-6,
    0x1.6e8bdee0e5a62p-6, 0x1.1c49f05201efp-6, 0x1.ca1f8e5b9ca4ep-7, 0x1.7585830998aafp-7,
    0x1.613cac1723d53p-7, 0x1.e5f3ffb304d55p-9, 0x1.639ccf40ab6eep-6, -0x1.57fddb1da8d8fp-6,
    0x1.0b46d01ed5bc3p-5};

// (asin(x)/x - 1) / x^2 in x^2, |x| <= 1/2; error 2^-35.85
inline constexpr double kAsinShort[] = {
    0x1.55555605c4218p-3, 0x1.3332aa08ae5c1p-4, 0x1.6ddabfa9fb1bp-5, 0x1.ed5d1b1d4d16cp-6,
    0x1.931f8aab01705p-6, 0x1.ec252befe01ddp-8, 0x1.1bd275aed0125p-5};

// (atan(x)/x - 1) / x^2 in x^2, |x| <= tan(pi/8); error 2^-59.44
inline constexpr double kAtanF64[] = {
    -0x1.555555555553dp-2, 0x1.9999999995864p-3, -0x1.24924922ad1fap-3, 0x1.c71c70e5efd78p-4,
    -0x1.745cf8d8651dep-4, 0x1.3b1118cfac61ep-4, -0x1.10ebb4c098446p-4, 0x1.df0f170e22d86p-5,
    -0x1.9cd1d06972663p-5, 0x1.37d34b5cf775fp-5, -0x1.2565385352a38p-6};

// (atan(x)/x - 1) / x^2 in x^2, |x| <= tan(pi/8); error 2^-35.36
inline constexpr double kAtanShort[] = {
    -0x1.555554c5f424dp-2, 0x1.999918931d833p-3, -0x1.247ed8af60bd5p-3, 0x1.c463d1001ec4fp-4,
    -0x1.5b2f1fdf854dcp-4, 0x1.849d8cb5f2206p-5};

// erf(x)/x - 1 in x^2, |x| <= 1.0; error 2^-29.39
inline constexpr double kErfF32[] = {
    0x1.06eba8p-3, -0x1.81273ep-2, 0x1.ce2ce6p-4, -0x1.b7f71ap-6,
    0x1.53f224p-8, -0x1.a3515ep-11, 0x1.4771fep-14};

// erf(x)/x - 1 in x^2, |x| <= 0.75; error 2^-56.33
inline constexpr double kErfF64[] = {
    0x1.06eba8214db69p-3, -0x1.812746b037a32p-2, 0x1.ce2f21a046d98p-4, -0x1.b82ce313ec9b9p-6,
    0x1.565bcd4b43851p-8, -0x1.c02dbfcf802d2p-11, 0x1.f9a483d0f8b83p-14, -0x1.f4ea0948aae18p-17,
    0x1.babf9cdfbfbbcp-20, -0x1.61865e404c114p-23, 0x1.c97bd6704b273p-27};

// erf(x)/x - 1 in x^2, |x| <= 0.5; error 2^-36.29
inline constexpr double kErfShort[] = {
    0x1.06eba820d7925p-3, -0x1.8127466e3f5a6p-2, 0x1.ce2ef1ad06baap-4, -0x1.b82017a9eaf5ap-6,
    0x1.54ceb7854c8e7p-8, -0x1.9353f528cdde4p-11};

// log(erfc(1 + t)), 0 <= t <= 3; error 2^-26.64
inline constexpr double kLogErfcF32[] = {
    -0x1.d97fcp+0, -0x1.51c98p+1, -0x1.afb83p-1, -0x1.500c2cp-5,
    0x1.1c7928p-7, -0x1.7b0768p-12, -0x1.50d644p-11, 0x1.6d201cp-13};

// (1 + 2x) e^(x^2) erfc(x) in (x - 4)/(x + 4), 0.25 <= x <= 27.5; error 2^-58.32
inline constexpr double kErfcxF64Head[] = {
    0x1.3ba5916e9fd7fp+0, -0x1.8cf7be77a87e8p-55};

inline constexpr double kErfcxF64[] = {
    -0x1.1df1ad154a28fp-3, 0x1.f7f5df66fd4f3p-7, 0x1.16ecefcfa5485p-4, -0x1.9ddb23c3e7957p-4,
    0x1.7fee004e0ffecp-4, -0x1.0fb06dfe700e1p-4, 0x1.3079edf6d072ap-5, -0x1.0962387cd91c9p-6,
    0x1.49c67271fe866p-8, -0x1.8d4aa2111d3d4p-11, -0x1.a1df1adce6f67p-13, 0x1.3be0df500d594p-13,
    -0x1.9959be1b22de3p-16, -0x1.78a5067bbcd04p-17, 0x1.7f228bc0ff0f9p-18, 0x1.41e10eac4656cp-22,
    -0x1.ba02ff3f3e90bp-21, 0x1.1f126125fda22p-24, 0x1.c8826c2b5703fp-24, -0x1.a0d299f07ee52p-27,
    -0x1.6f31ef5415baep-27, -0x1.94e863d24c7cdp-36};

// (1 + 2x) e^(x^2) erfc(x) in (x - 4)/(x + 4), 0.5 <= x <= 10.25; error 2^-37.21
inline constexpr double kErfcxShort[] = {
    0x1.3ba5916ea73d5p+0, -0x1.1df1ad126494dp-3, 0x1.f7f5dbdb73173p-7, 0x1.16ecedce7f2cdp-4,
    -0x1.9ddb12ef3350dp-4, 0x1.7fee383d880abp-4, -0x1.0fb1474084489p-4, 0x1.3074855aa91cbp-5,
    -0x1.095198a7e7565p-6, 0x1.4ac1e7687d4p-8, -0x1.8f60b997c663bp-11, -0x1.ef2958eb1ac28p-13,
    0x1.1d2509344381ep-13};

// the derivative of that polynomial; error 2^-5.92
inline constexpr double kErfcxSlope[] = {
    -0x1.044ddcp-3, 0x1.895564p-4, -0x1.9d19d2p-6, -0x1.917d62p-1,
    0x1.0d62f6p+0};

}  // namespace tauto::math
