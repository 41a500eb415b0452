"""Whatever a time column holds comes out as UTC microseconds."""

# ruff: noqa: DTZ001 - times without zone are what is read here
from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nextbuy.orders import InputError, read_orders
from nextbuy.orders.times import read_times


def read(values, *, time_format=None, timezone="UTC"):
    """Give times as datetime64, NaT where unknown, and the whole answer."""
    column = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    out = read_times([column], time_format=time_format, timezone=timezone)
    return np.where(out.known, out.us.astype("M8[us]"), np.datetime64("NaT")), out


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("2026-03-04", "2026-03-04"),
        ("2026-03-04 05:06", "2026-03-04T05:06"),
        ("2026-03-04T05:06:07Z", "2026-03-04T05:06:07"),
        ("2026-03-04T05:06:07.123456+02:00", "2026-03-04T03:06:07.123456"),
        ("2026-03-04 05:06:07-0530", "2026-03-04T10:36:07"),
        ("2026-03-04 05:06:07 UTC", "2026-03-04T05:06:07"),
        ("2026/3/4 5:06", "2026-03-04T05:06"),
        ("04.03.2026", "2026-03-04"),
        ("13/2/26 8:26 PM", "2026-02-13T20:26"),
        ("2/13/2026 12:05 am", "2026-02-13T00:05"),
        ("4 Mar 2026", "2026-03-04"),
        ("Mar 4, 2026 05:06", "2026-03-04T05:06"),
        ("20260304", "2026-03-04"),
        ("1772600767", "2026-03-04T05:06:07"),
        ("1772600767000", "2026-03-04T05:06:07"),
        (" 2026-03-04 ", "2026-03-04"),
        ("31/12/69", "1969-12-31"),
        ("2026-03-04 05:06:07,5", "2026-03-04T05:06:07.5"),
    ],
)
def test_one_text(text, want):
    """Each way to write a moment is read as that moment."""
    assert read([text])[0][0] == np.datetime64(want, "us")


@pytest.mark.parametrize(
    "text", ["", "x", "2026-02-29", "2026-13-01", "32/01/2026", "1/1/2026 25:00", "Monday", "may", "10:30"]
)
def test_no_time(text):
    """What is no moment is unknown, never today or the first of a month."""
    assert not read([text, "2026-01-01"])[1].known[0]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2040, 1, 1)), min_size=1, max_size=20))
def test_formats_that_hold_a_day_past_twelve_are_told_apart(moments):
    """With one day past the twelfth, day-first and month-first texts give the same moments, without doubt."""
    moments = [m.replace(second=0, microsecond=0) for m in [*moments, dt.datetime(2020, 5, 23)]]
    want = np.array(moments, "M8[us]")
    for style in (
        "%d/%m/%Y %H:%M",
        "%m/%d/%Y %H:%M",
        "%d-%m-%Y %H:%M",
        "%m/%d/%Y %I:%M %p",
        "%Y-%m-%d %H:%M:%S",
    ):
        got, out = read([m.strftime(style) for m in moments])
        np.testing.assert_array_equal(got, want)
        assert len(out.ambiguous) == 0


def test_zones_in_one_column_all_become_utc():
    """Offsets may differ from row to row, and rows without one are read in `timezone`."""
    got, out = read(
        ["2026-01-01T12:00+01:00", "2026-01-01T12:00Z", "2026-01-01T12:00"], timezone="America/New_York"
    )
    assert got.astype(str).tolist() == [
        "2026-01-01T11:00:00.000000",
        "2026-01-01T12:00:00.000000",
        "2026-01-01T17:00:00.000000",
    ]
    assert out.known.all()


@pytest.mark.parametrize("style", ["13-01-2026", "01/13/2026", "2026-01-13", "2026-01-13 00:00"])
def test_a_year_at_the_end_is_no_offset(style):
    """The tail of a date is not taken for a zone: a naive time is read in `timezone`, however written."""
    assert read([style], timezone="Asia/Tokyo")[0][0] == np.datetime64("2026-01-12T15:00", "us")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_units_and_zones_of_typed_columns(unit):
    """Typed datetimes of any unit are the same moments; a typed zone counts, whatever `timezone` says."""
    naive = pa.array([dt.datetime(2026, 1, 1, 12)]).cast(pa.timestamp(unit))
    assert read(naive)[0][0] == np.datetime64("2026-01-01T12:00", "us")
    aware = pa.array([dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)]).cast(pa.timestamp(unit, "Asia/Tokyo"))
    assert read(aware, timezone="America/New_York")[0][0] == np.datetime64("2026-01-01T12:00", "us")


def test_dates_and_categories():
    """Date columns and coded text are read too."""
    assert read(pa.array([dt.date(2026, 1, 2)]))[0][0] == np.datetime64("2026-01-02", "us")
    assert read(pa.array(["2026-01-02"]).dictionary_encode())[0][0] == np.datetime64("2026-01-02", "us")
    frame = pl.DataFrame(
        {"customer_id": [1], "order_id": [1], "timestamp": [dt.date(2026, 1, 2)], "item_id": [1]}
    )
    assert str(read_orders(frame).start) == "2026-01-02 00:00:00"


def test_objects_of_different_zones_in_pandas():
    """A pandas column of datetimes of two zones and none is read row by row."""
    east, west = dt.timezone(dt.timedelta(hours=9)), dt.timezone(dt.timedelta(hours=-5))
    moments = [
        dt.datetime(2026, 1, 1, 9, tzinfo=east),
        dt.datetime(2026, 1, 1, 9, tzinfo=west),
        dt.datetime(2026, 1, 1, 9),
    ]
    frame = pd.DataFrame(
        {
            "customer_id": [1, 2, 3],
            "order_id": [1, 2, 3],
            "item_id": 1,
            "timestamp": pd.Series(moments, dtype=object),
        }
    )
    got = read_orders(frame).frame().sort_values("customer_id")["timestamp"].dt.hour.tolist()
    assert got == [0, 14, 9]


@pytest.mark.parametrize(
    ("value", "said"), [(20454, "days since 1970-01-01"), (46023, "spreadsheet days since 1899-12-30")]
)
def test_day_numbers_are_read_and_named(value, said):
    """A number of days is 2026-01-01 in its own count, and the count assumed is named."""
    got, out = read(pa.array([value]))
    assert got[0] == np.datetime64("2026-01-01", "us")
    assert out.numeric_as == said


def test_time_format_decides():
    """A format reads what fits it and nothing else; a unit reads numbers."""
    got, out = read(["2026|01|31", "2026-01-31"], time_format="%Y|%m|%d")
    assert out.known.tolist() == [True, False]
    assert got[0] == np.datetime64("2026-01-31", "us")
    assert read([86400], time_format="s")[0][0] == np.datetime64("1970-01-02", "us")
    assert read(["86400000"], time_format="ms")[0][0] == np.datetime64("1970-01-02", "us")
    assert read(["31/01/2026 10:00 +0200"], time_format="%d/%m/%Y %H:%M %z")[0][0] == np.datetime64(
        "2026-01-31T08:00", "us"
    )
    with pytest.raises(InputError, match="time_format="):
        read(["2026-01-01"], time_format="%Q")


def test_moments_beyond_all_calendars_are_unknown():
    """Numbers and datetimes that no calendar holds are unknown, not an overflow."""
    assert not read(pa.array([2**62], pa.int64()).cast(pa.timestamp("s")))[1].known[0]
    assert not read(pa.array([1e300, np.inf, -np.inf]))[1].known.any()


@pytest.mark.parametrize(
    ("text", "timezone"), [("0001-01-01", "Asia/Tokyo"), ("9999-12-31 23:00", "America/New_York")]
)
def test_a_zone_leads_to_no_year_that_cannot_be(text, timezone):
    """A first or last hour of the calendar that lies outside of it in UTC is no known time."""
    assert np.isnat(read(pa.array([text]), timezone=timezone)[0]).all()
    assert not np.isnat(read(pa.array([text]))[0]).any()
