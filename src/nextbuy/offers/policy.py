"""What may be sent to whom: the rules of a campaign."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from nextbuy.orders.errors import InputError, nearest
from nextbuy.orders.frames import DAY_US
from nextbuy.orders.table import to_us

VALUES = ("auto", "uplift", "response", "probability")
SEND = ("window_start", "best_date")
# lowest value, highest value, whether None will do
_WHOLE: dict[str, tuple[float, float, bool]] = {
    "max_per_customer": (0, 1000, False),
    "cap_days": (1, 3660, False),
    "quiet_days": (0, 3660, False),
    "floor_days": (1, math.inf, True),
    "plan_days": (1, 3660, False),
    "item_cooldown_days": (0, math.inf, False),
    "max_per_item": (0, math.inf, True),
    "min_stock": (0, math.inf, False),
    "ttl_days": (0, math.inf, False),
    "horizon_days": (1, math.inf, False),
}
_NUMBERS: dict[str, tuple[float, float, bool]] = {
    "discount": (0, 1, False),
    "min_probability": (0, 1, False),
    "holdout": (0, 1, False),
    "global_holdout": (0, 1, False),
    "min_value": (-math.inf, math.inf, False),
    "min_margin": (-1, 1, False),
    "relative_uplift": (-1, math.inf, True),
    "max_conversion_factor": (1, math.inf, True),
    "budget": (0, math.inf, True),
    "threshold": (0, math.inf, True),
    "threshold_discount": (0, 1, False),
}


@dataclass(frozen=True, kw_only=True)
class OfferPolicy:
    """The rules of a campaign. All have defaults; all windows are sliding, counted in days.

    Parameters
    ----------
    max_per_customer : int, default 2
        Contacts of one customer in any `cap_days` days in a row, the contact log and the plan counted together.
    cap_days : int, default 30
        Length of that sliding window in days.
    quiet_days : int, default 7
        Two contacts of one customer are at least so many days apart; 0: no rule.
    floor_days : int or None, default None
        A customer who would stay without contact for so many days gets the best offer even if its value is below
        `min_value`. Every other rule still holds.
    plan_days : int, default 30
        Offers are sent within so many days from as_of on; a window that opens later is "not_yet".
    one_per_category : bool, default True
        At most one offer of a category for one customer in one plan.
    item_cooldown_days : int, default 60
        The same item is not offered to the same customer again for so many days; 0: no rule.
    send_at : {"window_start", "best_date"}, default "window_start"
        The day aimed at. A cap moves an offer to the nearest free day inside its window before it drops it.
    value : {"auto", "uplift", "response", "probability"}, default "auto"
        What offers are ranked by. "uplift": p1 (unit_margin - discount) - p0 unit_margin - contact cost, needs a
        measured uplift. "response": p (unit_margin - discount) - contact cost, which also counts those who would have
        bought anyway. "probability": p alone. "auto": the first of these for which the figures are there.
    min_value : float, default 0.0
        An offer worth less (money) is suppressed as negative_value.
    min_probability : float, default 0.0
        An offer less likely to be taken is suppressed as negative_value.
    relative_uplift : float or None, default None
        Uplift measured by your own experiment: 0.2 says 6 % buy with the offer where 5 % buy without.
    discount : float, default 0.0
        Share of the price, 0 to 1.
    discounts : mapping of item or category to float
        Other discounts for some items or categories.
    threshold : float or None, default None
        Order total from which `threshold_discount` holds: `threshold_offers` suggests what lifts an order over it.
    threshold_discount : float, default 0.0
        Share of the whole order, 0 to 1.
    min_margin : float, default 0.0
        Margin guard: unit_margin - discount must stay over this share of the price.
    max_conversion_factor : float or None, default None
        Margin guard: a discount that needs more than so many times the conversion is suppressed as margin.
    channels : mapping of str to float, default {"email": 0.0}
        Cost of one contact by channel, in the order of preference among equals.
    budget : float or None, default None
        Money for contact costs and expected discounts (probability x discount) of one plan.
    max_per_item : int or None, default None
        Quota: offers of one item in one plan.
    quotas : mapping of item or category to int
        Other quotas for some items or for whole categories.
    min_stock : int, default 1
        Items with less in stock are out_of_stock. Unknown stock passes.
    exclude_items, exclude_categories, exclude_customers : sequence of ids
        Vetoes.
    require_consent : bool, default False
        Refuse to plan without a consent table.
    ttl_days : int, default 14
        Time to live: an offer expires at most so many days after it is sent.
    deadline : date or None, default None
        Hard end of the campaign: nothing is sent or valid after this day.
    holdout : float, default 0.0
        Share of customers held out of this campaign: planned, marked control, never delivered.
    global_holdout : float, default 0.0
        Share of customers held out of every campaign of this salt: suppressed as holdout.
    campaign : str, default "nextbuy"
        Name; another name draws another campaign holdout.
    salt : str, default "nextbuy"
        Secret of the draw. Keep it from campaign to campaign, or the global holdout changes.
    coupons : bool, default False
        Give each offer a unique coupon code.
    horizon_days : int, default 30
        Horizon of the predictions' probability, for judging which contacts of the log had time to answer.

    Raises
    ------
    InputError
        When a value makes no sense.

    Examples
    --------
    >>> OfferPolicy(max_per_customer=1, quiet_days=14).quiet_days
    14
    >>> OfferPolicy.from_dict({"quite_days": 14})
    Traceback (most recent call last):
    ...
    nextbuy.orders.errors.InputError: The policy has no 'quite_days'. Did you mean 'quiet_days'? ...
    """

    max_per_customer: int = 2
    cap_days: int = 30
    quiet_days: int = 7
    floor_days: int | None = None
    plan_days: int = 30
    one_per_category: bool = True
    item_cooldown_days: int = 60
    send_at: str = "window_start"
    value: str = "auto"
    min_value: float = 0.0
    min_probability: float = 0.0
    relative_uplift: float | None = None
    discount: float = 0.0
    discounts: Mapping[str, float] = field(default_factory=dict)
    threshold: float | None = None
    threshold_discount: float = 0.0
    min_margin: float = 0.0
    max_conversion_factor: float | None = None
    channels: Mapping[str, float] = field(default_factory=lambda: {"email": 0.0})
    budget: float | None = None
    max_per_item: int | None = None
    quotas: Mapping[str, int] = field(default_factory=dict)
    min_stock: int = 1
    exclude_items: tuple[Any, ...] = ()
    exclude_categories: tuple[Any, ...] = ()
    exclude_customers: tuple[Any, ...] = ()
    require_consent: bool = False
    ttl_days: int = 14
    deadline: Any = None
    holdout: float = 0.0
    global_holdout: float = 0.0
    campaign: str = "nextbuy"
    salt: str = "nextbuy"
    coupons: bool = False
    horizon_days: int = 30

    def __post_init__(self) -> None:
        for name, limits in _WHOLE.items():
            self._check(name, getattr(self, name), *limits, whole=True)
        for name, limits in _NUMBERS.items():
            self._check(name, getattr(self, name), *limits)
        for name in ("one_per_category", "require_consent", "coupons"):
            if not isinstance(getattr(self, name), bool):
                raise InputError(f"{name}={getattr(self, name)!r} must be True or False.")
        for name in ("campaign", "salt"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise InputError(f"{name}={getattr(self, name)!r} must be a text of at least one character.")
        self._words()
        self._mapping("discounts", low=0, high=1, whole=False)
        self._mapping("channels", low=0, whole=False)
        self._mapping("quotas", low=0, whole=True)
        if self.threshold is not None and not 0 < self.threshold_discount < 1:
            raise InputError(
                f"threshold={self.threshold:g} goes with a discount between 0 and 1, but "
                f"threshold_discount={self.threshold_discount:g}. Try threshold_discount=0.05."
            )
        if not self.channels:
            raise InputError(
                "channels is empty: there is no way to send an offer. Try channels={'email': 0.0}."
            )
        if self.deadline is not None:
            to_us(self.deadline, name="deadline")

    def _words(self) -> None:
        for name, known in (("value", VALUES), ("send_at", SEND)):
            if getattr(self, name) not in known:
                close = nearest(getattr(self, name), known, most=1) or [known[0]]
                raise InputError(
                    f"{name}={getattr(self, name)!r} is not known. Did you mean {close[0]!r}? "
                    f"Known: {', '.join(map(repr, known))}."
                )
        for name in ("exclude_items", "exclude_categories", "exclude_customers"):
            given = getattr(self, name)
            if isinstance(given, str) or not hasattr(given, "__iter__"):
                raise InputError(f"{name}={given!r} must be a list of ids. Try {name}=[{given!r}].")
            object.__setattr__(self, name, tuple(given))

    @property
    def deadline_day(self) -> float:
        """Day of the deadline since 1970-01-01; infinite without one."""
        return math.inf if self.deadline is None else float(to_us(self.deadline, name="deadline") // DAY_US)

    @staticmethod
    def _check(
        name: str,
        value: Any,
        low: float,
        high: float = math.inf,
        optional: bool = False,
        *,
        whole: bool = False,
    ) -> None:
        if value is None and optional:
            return
        right = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not right or not low <= value <= high or math.isinf(value):
            kind = "a whole number" if whole else "a number"
            bound = f", at least {low:g}" if math.isfinite(low) else ""
            bound = f" from {low:g} to {high:g}" if math.isfinite(high) else bound
            raise InputError(f"{name}={value!r} must be {kind}{bound}{' or None' if optional else ''}.")

    def _mapping(self, name: str, *, low: float, high: float = math.inf, whole: bool) -> None:
        given = getattr(self, name)
        if not isinstance(given, Mapping):
            raise InputError(
                f"{name}={given!r} must map names to numbers. Try {name}={{'name': {low + 1:g}}}."
            )
        for key, value in given.items():
            self._check(f"{name}[{key!r}]", value, low, high, whole=whole)
        object.__setattr__(self, name, {str(k): v for k, v in given.items()})

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Make a policy from names and values; an unknown name is refused with the nearest known one."""
        known = [f.name for f in fields(cls)]
        unknown = [name for name in given if name not in known]
        if unknown:
            close = nearest(unknown[0], known, most=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            more = (
                f" ({len(unknown)} unknown: {', '.join(map(repr, unknown[:3]))})" if len(unknown) > 1 else ""
            )
            raise InputError(f"The policy has no {unknown[0]!r}.{hint}{more} Known: {', '.join(known)}.")
        return cls(**given)

    @classmethod
    def from_toml(cls, path: str | Path) -> Self:
        """Read a policy from a TOML file: the parameters as keys, at the top or in a table `[policy]`.

        Raises
        ------
        InputError
            When there is no such file, it is no TOML, or a key or value is wrong.
        """
        path = Path(path)
        try:
            given = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path.name} is no TOML: {error}. Lines look like: quiet_days = 7") from error
        except (OSError, ValueError) as error:  # a path with a zero byte is a ValueError
            told = getattr(error, "strerror", None) or error
            raise InputError(f"The policy {str(path)!r} cannot be read: {told}. Check the path.") from error
        if set(given) == {"policy"} and isinstance(given["policy"], dict):
            given = given["policy"]
        try:
            return cls.from_dict(given)
        except InputError as error:
            raise InputError(f"{path.name}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """Give the parameters as plain values, for a manifest; `from_dict` takes them back."""
        out = asdict(self)
        out["deadline"] = None if self.deadline is None else str(self.deadline)
        return {k: list(v) if isinstance(v, tuple) else v for k, v in out.items()}

    def public(self) -> dict[str, Any]:
        """Give the parameters as `to_dict` does, with the salt, which is a secret, as a checksum."""
        return self.to_dict() | {"salt": blake2b(self.salt.encode(), digest_size=8).hexdigest()}
