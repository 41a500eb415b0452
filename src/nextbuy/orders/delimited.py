"""Text files with delimiters: delimiter and encoding found out, malformed lines set aside."""

from __future__ import annotations

import codecs
import csv
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from nextbuy.orders import scratch
from nextbuy.orders.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from pathlib import Path

_DELIMITERS = ",;\t|"
_BOMS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8-sig"}
_HEAD_BYTES = 1 << 16
BLOCK = 1 << 22  # bytes parsed at once; no line can be longer


@dataclass(eq=False)
class Delimited:
    """A text file as read: every column text, and the lines that could not be read with their numbers."""

    table: pa.Table
    encoding: str
    malformed: list[tuple[int, str]] = field(default_factory=list)  # line in the file, its text


def read_delimited(path: Path, *, wanted: Collection[str], encoding: str | None = None) -> Delimited:
    """Read a delimited text file, plain or compressed, with every column as text.

    Parameters
    ----------
    path : Path
    wanted : collection of str
        Column names looked for; they decide between delimiters.
    encoding : str or None
        None: UTF-8 where the bytes are, else UTF-16 by its mark or zeros, else cp1251 or cp1252 as guessed.

    Raises
    ------
    InputError
        When the file is empty, binary, or not in the given encoding.
    """
    head = _head(path)
    if not head.strip():
        raise InputError(
            f"{path.name} is empty. Give a file with a header line, or leave it out of the glob."
        )
    tried = [encoding] if encoding else _candidates(path, head)
    for number, codec in enumerate(tried):
        try:
            first = _decode(head, codec)
            return _read(path, codec, _delimiter(first, wanted))
        except (pa.ArrowInvalid, UnicodeError, LookupError) as error:
            if number < len(tried) - 1 and ("UTF8" in str(error) or isinstance(error, UnicodeError)):
                continue
            if isinstance(error, LookupError) or "UTF8" in str(error) or isinstance(error, UnicodeError):
                raise InputError(
                    f"{path.name} cannot be read as encoding={codec!r}: {error}. "
                    "Leave encoding= out to have it detected, or try encoding='cp1252'."
                ) from error
            raise InputError(
                f"{path.name} is no readable CSV: {error}. Open it in an editor and check it."
            ) from error
    raise AssertionError


@contextmanager
def _complete(path: Path, errors: tuple[type[Exception], ...] = (OSError,)) -> Iterator[None]:
    """Name the file that ends too soon or cannot be read."""
    try:
        yield
    except errors as error:
        raise InputError(f"{path.name} cannot be read: {error}. Check that the file is complete.") from error


def _head(path: Path) -> bytes:
    with (
        _complete(path, (OSError, pa.ArrowException)),
        pa.input_stream(str(path), compression="detect") as stream,
    ):
        return bytes(stream.read(_HEAD_BYTES))


def _batches(
    path: Path, lines: arrow_csv.CSVStreamingReader, *, quote: str | bool
) -> Iterator[pa.RecordBatch]:
    """Give what a file holds piece by piece; an error of whoever takes the pieces is not the file's."""
    with _complete(path):
        for some in lines:
            yield some if quote else _unquoted(some)


def _unquoted(lines: pa.RecordBatch) -> pa.RecordBatch:
    """Take the quotes off values that have them on both ends, where quotes were read as letters."""
    columns = []
    for values in lines.columns:
        inside = pc.replace_substring_regex(values, r'^"(.*)"$', r"\1")
        inside = pc.replace_substring(inside, '""', '"')
        columns.append(pc.if_else(pc.match_substring_regex(values, r'^".*"$'), inside, values))
    return pa.RecordBatch.from_arrays(columns, schema=lines.schema)


def _candidates(path: Path, head: bytes) -> list[str]:
    for mark, codec in _BOMS.items():
        if head.startswith(mark):
            return [codec]
    zeros = head.count(b"\0")
    if zeros:
        even, odd = head[::2].count(b"\0"), head[1::2].count(b"\0")
        if max(even, odd) > 0.3 * len(head) / 2 and min(even, odd) < 0.01 * len(head):
            return ["utf-16-le" if odd > even else "utf-16-be"]
        raise InputError(
            f"{path.name} is binary, not text. nextbuy reads .csv, .csv.gz and .parquet: "
            "check the file's type."
        )
    return ["utf-8", *(["cp1251"] if _cyrillic(head) else []), "cp1252", "latin-1"]


def _cyrillic(head: bytes) -> bool:
    """Guess whether single bytes are Cyrillic: words of letters beyond ASCII, not one here and there."""
    runs = re.findall(rb"[\x80-\xff]+", head)
    high = b"".join(runs)
    long = sum(len(r) for r in runs if len(r) > 2)
    letters = len(re.findall(rb"[\xc0-\xff\xa8\xb8\xb9]", high))
    return bool(high) and long > 0.7 * len(high) and letters > 0.95 * len(high)


def _decode(head: bytes, codec: str) -> list[str]:
    """Give the first lines of the file; a character cut at the end of `head` is no error."""
    text = head.decode(codec, errors="strict" if len(head) < _HEAD_BYTES and codec != "utf-8" else "replace")
    # not splitlines, for which a form feed ends a line too
    return re.split(r"\r\n|\r|\n", text.lstrip("\ufeff"))[:20]


def _delimiter(lines: list[str], wanted: Collection[str]) -> str:
    """Choose the delimiter whose header holds most wanted names, then the one that fits most lines."""

    def score(mark: str) -> tuple[int, int, int]:
        rows = list(csv.reader(lines, delimiter=mark))
        rows = [r for r in rows if r] or [[]]
        names = {n.strip() for n in rows[0]}
        same = sum(len(r) == len(rows[0]) for r in rows)
        return sum(w in names for w in wanted), same if len(rows[0]) > 1 else 0, len(rows[0])

    return max(_DELIMITERS, key=score)


def _read(path: Path, codec: str, delimiter: str) -> Delimited:
    bad: list[Any] = []
    table = _arrow(path, codec, delimiter, quote='"', newlines=False)
    if table is None or _breaks(table):
        # a line that is refused is handed over as text, which it must be
        _check_text(path, codec)
        # quoted line breaks and stray quotes look alike: the reading that keeps most lines is right
        best: tuple[int, pa.Table | None, list[Any]] = (-1, None, [])
        for quote, newlines in (('"', True), ('"', False), (False, False)):
            refused: list[Any] = []
            made = _arrow(
                path, codec, delimiter, quote=quote, newlines=newlines, refused=refused, threads=False
            )
            if made is not None and made.num_rows > best[0]:
                best = (made.num_rows, made, refused)
        _, table, bad = best
        if table is None:
            raise pa.ArrowInvalid("quotes that never close")
    names = [n.strip().lstrip("\ufeff").strip('"') for n in table.column_names]
    return Delimited(table.rename_columns(names), codec, [(r.number or 0, r.text or "") for r in bad])


def _check_text(path: Path, codec: str) -> None:
    """Raise UnicodeError with the line where a file is not UTF-8; other codecs are read through Python's own."""
    if codec not in {"utf-8", "utf-8-sig"}:
        return
    decoder, line = codecs.getincrementaldecoder("utf-8")(), 1
    with _complete(path), pa.input_stream(str(path), compression="detect") as stream:
        while True:
            chunk = stream.read(1 << 20)
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line += error.object.count(b"\n", 0, error.start)
                byte = error.object[error.start]
                raise UnicodeError(f"line {line} is not UTF-8: byte 0x{byte:02x}, {error.reason}") from error
            line += chunk.count(b"\n")
            if not chunk:
                return


def _breaks(table: pa.Table) -> bool:
    """Say whether any value holds a line break: it was quoted, or a stray quote swallowed the lines."""
    return any(pc.any(pc.match_substring(c, "\n")).as_py() for c in table.columns)


def _arrow(
    path: Path,
    codec: str,
    delimiter: str,
    *,
    quote: str | bool,
    newlines: bool,
    refused: list[Any] | None = None,
    threads: bool = True,
    names: Sequence[str] | None = None,
) -> pa.Table | None:
    """Read a file, all of it text; None where a line has too many fields or too few and `refused` takes none."""

    def refuse(row: Any) -> str:
        assert refused is not None
        refused.append(row)
        return "skip"

    head = names or next(csv.reader(_decode(_head(path), codec)[:1], delimiter=delimiter), [])
    stream = pa.input_stream(str(path), compression="detect")
    try:
        with stream:
            options = (
                arrow_csv.ReadOptions(
                    encoding="utf-8" if codec == "utf-8-sig" else codec,
                    use_threads=threads,
                    block_size=BLOCK,
                ),
                arrow_csv.ParseOptions(
                    delimiter=delimiter,
                    quote_char=quote,
                    newlines_in_values=newlines,
                    invalid_row_handler=None if refused is None else refuse,
                ),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(head, pa.string()), strings_can_be_null=False
                ),
            )
            # read_csv in threads loses without a word what stands behind a stray quote, up to the end of its block
            with _complete(path):
                lines = arrow_csv.open_csv(stream, *options)
            odd = names is None and not all(pa.types.is_string(t) for t in lines.schema.types)
            table = (
                lines.schema.empty_table()
                if odd
                else scratch.table(_batches(path, lines, quote=quote), lines.schema)
            )
    except pa.ArrowInvalid as error:
        text = str(error)
        # a line of the file may stand in the message of a parse error
        if not text.startswith("CSV parse error") and ("UTF8" in text or "utf-" in text.lower()):
            _check_text(path, codec)  # says the line
            raise
        if "mpty CSV" in text:
            raise InputError(f"{path.name} is empty. Give a file with a header line.") from error
        return None
    if odd:
        # arrow sees other names in the header, such as one with a line break
        if refused is not None:
            refused.clear()
        return _arrow(
            path,
            codec,
            delimiter,
            quote=quote,
            newlines=newlines,
            refused=refused,
            threads=threads,
            names=table.column_names,
        )
    return table
