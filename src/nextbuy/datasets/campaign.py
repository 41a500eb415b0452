"""A campaign in the generated shop: what its customers buy when some of them are written to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np

from nextbuy.orders.errors import InputError
from nextbuy.orders.table import to_us

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nextbuy.datasets.dataset import Dataset
    from nextbuy.orders.table import Moment


def simulate_campaign(
    data: Dataset,
    offers: Any,
    *,
    as_of: Moment,
    loyalty: float = 0.5,
    relative_uplift: float = 0.5,
    reach_days: int = 14,
    seed: int = 0,
) -> Any:
    """Give the orders as they would have been with these messages.

    From `as_of` on each need that a project brings is met in this shop with the chance `loyalty`, otherwise at a
    competitor's; when a message about its category came in the `reach_days` days up to it, the chance is
    `loyalty * (1 + relative_uplift)`. Each need keeps its lot whatever is sent, so two plans differ by their
    messages alone.

    Parameters
    ----------
    data : Dataset
        As `make_orders` gives it, with events; its orders go on after `as_of`.
    offers : frame
        What is sent: customer_id, category, send_on; rows whose `control` is true are not sent.
    as_of : date
        Before it nothing changes.
    loyalty : float, default 0.5
        0 to 1.
    relative_uplift : float, default 0.5
        -1 or more; `loyalty * (1 + relative_uplift)` is at most 1.
    reach_days : int, default 14
        A message on June 1 with 14 reaches needs from June 1 to June 14.
    seed : int, default 0

    Returns
    -------
    frame
        Order lines in the form of `data.orders`, without what went to competitors.

    Raises
    ------
    InputError
        When the data have no events or a chance is out of its range.

    Examples
    --------
    >>> from nextbuy.datasets import make_orders
    >>> data = make_orders(customers=300, days=400, return_share=0)
    >>> nobody = data.orders.head(0).assign(category="", send_on="2025-05-01")
    >>> quiet = simulate_campaign(data, nobody, as_of="2025-05-01")
    >>> len(data.orders) > len(quiet)
    True
    """
    if data.events is None:
        raise InputError("The data have no events. Try make_orders(customers=5_000), which gives them.")
    if not 0 <= loyalty <= 1 or relative_uplift < -1 or loyalty * (1 + relative_uplift) > 1:
        raise InputError(
            f"loyalty={loyalty!r}, relative_uplift={relative_uplift!r}: loyalty and loyalty x "
            "(1 + relative_uplift) are chances from 0 to 1. Try loyalty=0.5, relative_uplift=0.5."
        )
    start = np.datetime64(to_us(as_of), "us").astype("datetime64[D]")
    events = nw.from_native(data.events, eager_only=True).filter(nw.col("happened"))
    need_day = _days(events["antecedent_date"]) + events["lag_days"].to_numpy()
    open_ = np.flatnonzero(need_day >= start.astype(np.int64))
    needs = _keys(events["customer_id"].to_numpy()[open_], events["consequent"].to_numpy()[open_])
    sent = nw.from_native(offers, eager_only=True)
    held = sent["control"].to_numpy().astype(bool) if "control" in sent.columns else np.zeros(len(sent), bool)
    messages = _keys(sent["customer_id"].to_numpy(), sent["category"].to_numpy())[~held]
    reached = _reached(needs, need_day[open_], messages, _days(sent["send_on"])[~held], reach_days)
    lot = np.random.default_rng(seed).random(len(open_))
    lost = lot >= loyalty * (1 + relative_uplift * reached)

    lines = nw.from_native(data.orders, eager_only=True)
    catalog = nw.from_native(data.catalog, eager_only=True)
    category = dict(zip(catalog["item_id"].to_list(), catalog["category"].to_list(), strict=True))
    kinds = np.array([category[item] for item in lines["item_id"].to_list()], dtype=object)
    bought = _keys(lines["customer_id"].to_numpy(), kinds)
    gone = set(zip(needs[lost].tolist(), need_day[open_][lost].tolist(), strict=True))
    day = _days(lines["timestamp"]).tolist()
    stays = np.array([pair not in gone for pair in zip(bought.tolist(), day, strict=True)], dtype=bool)
    return lines.filter(stays.tolist()).to_native()


def _keys(customer: NDArray[Any], category: NDArray[Any]) -> NDArray[np.object_]:
    return np.array([f"{c}\x1f{k}" for c, k in zip(customer, category, strict=True)], dtype=object)


def _days(values: Any) -> NDArray[np.int64]:
    return np.asarray(values.to_numpy()).astype("datetime64[D]").astype(np.int64)


def _reached(
    needs: NDArray[np.object_],
    need_day: NDArray[np.int64],
    messages: NDArray[np.object_],
    sent_day: NDArray[np.int64],
    reach_days: int,
) -> NDArray[np.bool_]:
    """Say for each need whether a message came in the days up to it."""
    sent: dict[str, list[int]] = {}
    for key, day in zip(messages.tolist(), sent_day.tolist(), strict=True):
        sent.setdefault(key, []).append(day)
    return np.array(
        [
            any(0 <= day - one < reach_days for one in sent.get(key, ()))
            for key, day in zip(needs.tolist(), need_day.tolist(), strict=True)
        ],
        dtype=bool,
    )
