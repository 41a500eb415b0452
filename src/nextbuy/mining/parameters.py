"""scikit-learn's estimator contract without its import, which takes longer than most of our fits."""

from __future__ import annotations

import inspect
from numbers import Integral
from typing import TYPE_CHECKING, Any

from nextbuy.orders.errors import InputError, nearest

if TYPE_CHECKING:
    from typing import Self


class Parameters:
    """get_params, set_params, clone and repr as scikit-learn's BaseEstimator has them.

    Importing `sklearn.base` costs about 1.2 CPU seconds and 110 MB; mining a small shop costs 0.3 seconds.
    """

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return [p for p in inspect.signature(cls.__init__).parameters if p != "self"]

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: ARG002 - sklearn's signature
        """Give the parameters by name."""
        return {name: getattr(self, name) for name in self._parameter_names()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name and give the estimator back."""
        known = self._parameter_names()
        for name, value in params.items():
            if name not in known:
                hint = nearest(name, known)
                raise InputError(
                    f"{type(self).__name__} has no parameter {name!r}. Did you mean one of {hint or known}?"
                )
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(estimator_type=None, target_tags=TargetTags(required=False), input_tags=InputTags())

    def __repr__(self) -> str:
        usual = {n: p.default for n, p in inspect.signature(type(self).__init__).parameters.items()}
        changed = {n: v for n, v in self.get_params().items() if v is not usual[n] and v != usual[n]}
        return f"{type(self).__name__}({', '.join(f'{n}={v!r}' for n, v in changed.items())})"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{escape(n)}</td><td>{escape(repr(v))}</td></tr>" for n, v in self.get_params().items()
        )
        return f"<details><summary><code>{escape(repr(self))}</code></summary><table>{rows}</table></details>"


def check_share(name: str, value: Any, *, example: float, above_zero: bool = False) -> None:
    """Refuse what is no share between 0 and 1."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= 1 or (above_zero and value == 0):
        extra = ", and above 0" if above_zero else ""
        raise InputError(f"{name}={value!r} must be a share between 0 and 1{extra}. Try {name}={example}.")


def check_whole(name: str, value: Any, *, least: int) -> None:
    """Refuse what is no whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise InputError(
            f"{name}={value!r} must be a whole number of at least {least}. Try {name}={max(least, 2)}."
        )
