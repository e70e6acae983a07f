"""Bundled example in Python: functions over numbers and text, with nulls as None.

The guests in C, Zig, Go, AssemblyScript and Rust have functions of the same names, which give the
same answers.
"""

from math import gcd
from typing import Optional


class WitWorld:
    def gcd(self, a: int, b: int) -> int:
        # Both ends of the range have the greatest common divisor 2^63, which is none of s64.
        divisor = gcd(a, b)
        return divisor - 2**64 if divisor == 2**63 else divisor

    def collatz_steps(self, n: int) -> int:
        steps = 0
        while n > 1:
            n = n // 2 if n % 2 == 0 else 3 * n + 1
            steps += 1
        return steps

    def initials(self, text: str) -> str:
        letters = (word[0] for word in text.split(" ") if word)
        return "".join(letter.upper() for letter in letters if letter.isascii() and letter.isalpha())

    def mean_distance(
        self, a: Optional[float], b: Optional[float], c: Optional[float]
    ) -> Optional[float]:
        pairs = [(a, b), (b, c), (c, a)]
        distances = [abs(x - y) for x, y in pairs if x is not None and y is not None]
        return sum(distances) / len(distances) if distances else None
