"""Until when an offer is good."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mass_day(
    send: NDArray[np.float64],
    *,
    trigger: NDArray[np.float64],
    lag_p10: NDArray[np.float64],
    lag_p50: NDArray[np.float64],
    lag_p90: NDArray[np.float64],
    window_end: NDArray[np.float64],
    share: float = 0.8,
) -> NDArray[np.float64]:
    """Give the day by which `share` of the mass still to come at the send date has come.

    Parameters
    ----------
    send, trigger, window_end : ndarray of float64
        Days since 1970-01-01.
    lag_p10, lag_p50, lag_p90 : ndarray of float64
        Days from the trigger by which 10, 50 and 90 % of the buyers have bought; NaN where there is no lag.
    share : float, default 0.8

    Returns
    -------
    ndarray of float64
        With lags: the hazard is constant between the three quantiles and goes on after the last. Without: the mass
        is spread evenly from the send date to the end of the window.
    """
    known = np.isfinite(trigger) & np.isfinite(lag_p10) & np.isfinite(lag_p50) & np.isfinite(lag_p90)
    p10 = np.maximum(np.where(known, lag_p10, 1.0), 1e-6)
    p50 = np.maximum(np.where(known, lag_p50, 2.0), p10 + 1e-6)
    p90 = np.maximum(np.where(known, lag_p90, 3.0), p50 + 1e-6)
    edges = np.stack([np.zeros_like(p10), p10, p50, p90])
    levels = -np.log([1.0, 0.9, 0.5, 0.1])
    rates = np.diff(levels)[:, None] / np.diff(edges, axis=0)

    elapsed = np.maximum(np.where(known, send - trigger, 0.0), 0.0)
    inside = np.clip(elapsed - edges[:-1], 0.0, np.diff(edges, axis=0))
    reached = (inside * rates).sum(0) + np.maximum(elapsed - p90, 0.0) * rates[-1]
    wanted = reached - np.log1p(-share)
    day = np.zeros_like(elapsed)
    for k in range(3):
        day += np.clip((wanted - levels[k]) / rates[k], 0.0, edges[k + 1] - edges[k])
    day += np.maximum(wanted - levels[3], 0.0) / rates[-1]
    even = send + share * np.maximum(window_end - send, 0.0)
    return np.ceil(np.where(known, trigger + day, even) - 1e-9)


def expiry(
    send: NDArray[np.float64], *, mass: NDArray[np.float64], ttl_days: int, deadline: float
) -> NDArray[np.float64]:
    """Give the earliest of mass day, send date plus time to live, and deadline; never before the send date.

    Examples
    --------
    >>> expiry(np.array([10.0, 10.0, 10.0]), mass=np.array([12.0, 40.0, 5.0]), ttl_days=14, deadline=20.0)
    array([12., 20., 10.])
    """
    first = np.minimum(np.minimum(mass, send + ttl_days), deadline)
    return np.maximum(first, send)
