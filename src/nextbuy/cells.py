"""Text that no spreadsheet runs. Below all rooms: whoever writes a CSV file, writes like this."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

_FORMULA = r"^[=+\-@\t\r\n]"
_NUMBER = r"^[+\-][0-9 ()./-]*$"  # of a telephone, or below zero: it computes nothing


def harmless(column: pa.ChunkedArray | pa.Array, *, numbers: bool = False) -> pa.ChunkedArray | pa.Array:
    """Put an apostrophe before every text that a spreadsheet would take for a formula.

    Parameters
    ----------
    column : pyarrow array of text
    numbers : bool, default False
        Leave alone what is only a number with its sign, such as +359 88: for files whose ids a tool has to know again.

    References
    ----------
    OWASP, "CSV injection".

    Examples
    --------
    >>> harmless(pa.array(["=1+1", "tap", "+359 88"])).to_pylist()
    ["'=1+1", 'tap', "'+359 88"]
    >>> harmless(pa.array(["=1+1", "tap", "+359 88"]), numbers=True).to_pylist()
    ["'=1+1", 'tap', '+359 88']
    """
    text = column.cast(pa.string())  # one width of text: the join below takes no two
    risky = pc.match_substring_regex(text, _FORMULA)
    if numbers:
        risky = pc.and_not(risky, pc.match_substring_regex(text, _NUMBER))
    return pc.if_else(risky, pc.binary_join_element_wise("'", text, ""), text)
