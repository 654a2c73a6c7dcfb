"""libsae's counter-based random numbers (src/base/rng.h) in Python, for witnesses that need the same draws."""

import math

MASK32, MASK64 = (1 << 32) - 1, (1 << 64) - 1


def mix(x):
    x = (x + 0x9E3779B97F4A7C15) & MASK64
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK64
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK64
    return x ^ (x >> 31)


class Philox:
    """sae_rng_make(seed, purpose, 0)."""

    def __init__(self, seed, purpose):
        name = 0xCBF29CE484222325
        for byte in purpose.encode():
            name = (name ^ byte) * 0x100000001B3 & MASK64
        self.key, self.stream = mix(seed), mix(name ^ mix(0))

    def words(self, i):
        c = [i & MASK32, i >> 32, self.stream & MASK32, self.stream >> 32]
        k0, k1 = self.key & MASK32, self.key >> 32
        for _ in range(10):
            p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
            c = [(p1 >> 32) ^ c[1] ^ k0, p1 & MASK32, (p0 >> 32) ^ c[3] ^ k1, p0 & MASK32]
            k0, k1 = (k0 + 0x9E3779B9) & MASK32, (k1 + 0xBB67AE85) & MASK32
        return c

    def below(self, i, bound):
        w = self.words(i)
        return ((w[0] << 32 | w[1]) * bound) >> 64

    def normal(self, i):
        w = self.words(i)
        u = (((w[0] << 32 | w[1]) >> 11) + 1) * 2.0**-53
        v = ((w[2] << 32 | w[3]) >> 11) * 2.0**-53
        return math.sqrt(-2 * math.log(u)) * math.cos(2 * math.pi * v)

    def shuffled(self, n):
        items = list(range(n))
        for i in range(n - 1, 0, -1):
            j = self.below(n - 1 - i, i + 1)
            items[i], items[j] = items[j], items[i]
        return items
