// SHA-256 and HMAC against the examples of their standards, and the two ways to compute one against each
// other.
#include "support/sha256.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tauto {
namespace {

std::string hash(std::string_view s, bool plain) {
  Sha256 h(plain);
  h.add(s.data(), s.size());
  return hex(h.digest());
}

// FIPS 180-4's examples (NIST, "SHA256.pdf").
TEST(Sha256, IsTheStandards) {
  for (bool plain : {false, true}) {
    EXPECT_EQ(hash("", plain), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(hash("abc", plain), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", plain),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(hash(std::string(1000000, 'a'), plain),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
}

TEST(Sha256, PiecesAndInstructionsChangeNothing) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<uint8_t> bytes(random() % 700);
    for (uint8_t& b : bytes) b = static_cast<uint8_t>(random());
    Sha256 plain(true), pieces;
    plain.add(bytes.data(), bytes.size());
    for (size_t at = 0; at < bytes.size();) {
      const size_t n = std::min<size_t>(1 + random() % 200, bytes.size() - at);
      pieces.add(bytes.data() + at, n);
      at += n;
    }
    EXPECT_EQ(plain.digest(), pieces.digest()) << "seed 1, trial " << trial;
  }
}

// RFC 4231, test cases 1, 2 and 6.
TEST(Hmac, IsTheStandards) {
  const auto mac = [](const std::vector<uint8_t>& key, std::initializer_list<std::string_view> parts) {
    return hex(hmac_sha256(key, parts));
  };
  EXPECT_EQ(mac(std::vector<uint8_t>(20, 0x0b), {"Hi ", "There"}),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(mac({'J', 'e', 'f', 'e'}, {"what do ya want for nothing?"}),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(mac(std::vector<uint8_t>(131, 0xaa), {"Test Using Larger Than Block-Size Key - Hash Key First"}),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hmac, DigestsDifferInAnyBit) {
  Digest a{};
  for (size_t bit = 0; bit < 256; ++bit) {
    Digest b = a;
    b[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    EXPECT_FALSE(same_digest(a, b));
  }
  EXPECT_TRUE(same_digest(a, a));
}

}  // namespace
}  // namespace tauto
