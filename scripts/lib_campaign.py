"""What campaigns share that keep their finished units as files and write a page."""

from __future__ import annotations

import hashlib


def digest(path: str) -> str:
    """Of a file: what a unit is known again by."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()[:16]


def write_between(page: str, marks: tuple[str, str], text: str) -> None:
    """Puts `text` between the two lines of a page that are its marks."""
    with open(page, encoding="utf-8") as handle:
        before, begin, rest = handle.read().partition(marks[0])
    after = rest.partition(marks[1])[2]
    with open(page, "w", encoding="utf-8") as handle:
        handle.write(f"{before}{begin}\n{text}\n{marks[1]}{after}")
