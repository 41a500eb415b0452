"""What predict refuses, and what it says."""

import pandas as pd
import pytest

import nextbuy as nb


@pytest.mark.parametrize("name", ["items", "exclude", "customers"])
def test_a_bare_id_is_no_list_of_ids(small_model, name):
    """One id where a list is meant is refused, instead of being read letter by letter."""
    with pytest.raises(
        nb.InputError, match=rf"{name}='TIL-0001' must be a list of ids. Try {name}=\['TIL-0001'\]"
    ):
        small_model.predict(**{name: "TIL-0001"})


def test_missing_customers_are_refused(small_model):
    """None among the customers asked for is no customer."""
    with pytest.raises(nb.InputError, match="1 of the ids in customers are missing"):
        small_model.predict(customers=["C-00001", None])


def test_a_frame_is_not_orders(small_model):
    """A frame has to pass the door first, and the error says how."""
    with pytest.raises(nb.InputError, match=r"not DataFrame. Try predict\(read_orders\(your_frame\)\)"):
        small_model.predict(pd.DataFrame({"customer_id": ["a"]}))


@pytest.mark.parametrize("as_of", ["02/03/2026", "2.3.2026", 20260601])
def test_an_unclear_date_is_refused(small_model, as_of):
    """A date that could be read day-first or month-first is no as_of."""
    with pytest.raises(nb.InputError, match="could be more than one date"):
        small_model.predict(as_of=as_of)
