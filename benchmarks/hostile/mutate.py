"""Changes to bytes that parsers stumble over: cut, doubled, flipped, spliced, and words with a meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

WORDS = (
    b"", b"\0", b"\n", b"\r", b"\r\n", b"\t", b",", b";", b"|", b'"', b"'", b"\\", b" ", b"\xff\xfe",
    b"\xfe\xff",
    b"\xef\xbb\xbf", b"\x80", b"\xff", b"\xd0\x90", b"\xe2\x80\x8b", b"\xc2\xa0", b"=1+1", b"+", b"-", b"@",
    b"-0", b"1e400",
    b"-1e-400", b"nan", b"inf", b"-inf", b"NaT", b"null", b"None", b"NA", b"true", b"0", b"-1",
    b"9223372036854775807",
    b"9223372036854775808", b"-9223372036854775809", b"99999999999999999999999", b"1,234.5", b"1.234,5",
    b"0x10", b"1_000",
    b"0000-00-00", b"9999-12-31", b"10000-01-01", b"1677-09-21", b"2262-04-12", b"2026-02-30", b"31/02/2026",
    b"13/13/2026",
    b"2026-03-29T02:30:00", b"2026-01-01T00:00:00+99:99", b"20260101", b"1767225600", b"1e18", b"customer_id",
    b"order_id",
    b"timestamp", b"item_id", b"quantity", b"price", b"../../etc/passwd", b"/etc/passwd", b"{", b"}", b"[",
    b"]", b":", b"PAR1",
    b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"'shape': (1000000000000,)", b"'descr': '|O'", b'{"value": 1e999}',
    b"a" * 300,
    b"[" * 300, b'"' * 7, b"," * 70, b"\n" * 40,
)  # fmt: skip


def mutated(content: bytes, draw: random.Random, *, others: tuple[bytes, ...] = ()) -> bytes:
    """Give `content` with one to eight changes."""
    made = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 5, 8))):
        at = draw.randrange(len(made) + 1)
        end = min(len(made), at + draw.choice((1, 1, 2, 4, 8, 30, 200)))
        kind = draw.randrange(7)
        if kind == 0 and made:
            made[at % len(made)] ^= 1 << draw.randrange(8)
        elif kind == 1 and made:
            made[at % len(made)] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
        elif kind == 2:
            del made[at:end]
        elif kind == 3:
            made[at:at] = made[at:end] * draw.choice((1, 2, 9))
        elif kind == 4:
            made[at : draw.choice((at, end))] = draw.choice(WORDS)
        elif kind == 5 and others:
            other = draw.choice(others)
            start = draw.randrange(len(other) + 1)
            made[at : draw.choice((at, end))] = other[start : start + draw.randrange(60)]
        elif kind == 6:
            made[at:at] = draw.randbytes(draw.choice((1, 2, 4, 16)))
    return bytes(made[:100_000])
