"""The one page that says what a directory holds, protected by its own checksum."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from nextbuy.storage.files import to_json


def checksum(content: Any) -> str:
    """SHA-256 of `content` in its one canonical spelling: sorted keys, no spaces."""
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(plain.encode()).hexdigest()


def seal(content: dict[str, Any]) -> bytes:
    """Spell a manifest, its checksum last."""
    return to_json(content | {"checksum": checksum(content)})


def unseal(raw: bytes) -> dict[str, Any]:
    """Read a manifest back, without its checksum.

    Raises
    ------
    ValueError
        When a byte is not as `seal` wrote it: even a space too many.
    """
    content = json.loads(raw)
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - the content is wrong, not a caller's type
    stated = content.pop("checksum", None)
    if stated != checksum(content) or seal(content) != raw:
        raise ValueError("its checksum does not match")
    return content
