"""The sentences of predictions, in every language there is."""

import re
import tomllib
from importlib.resources import files

import pytest

import nextbuy as nb
from nextbuy.predict.reasons import languages, reason_texts

FACT = {
    "trigger": "Плочки",
    "date": "2026-05-01",
    "followed": 1412,
    "exposed": 31240,
    "share": 0.332,
    "item": "Bathtub",
    "follower": "bathtub",
    "window": 180,
    "lag_p50": 26.4,
}


def _texts(language):
    return tomllib.loads((files("nextbuy.predict") / "texts" / f"{language}.toml").read_text("utf-8"))


def test_english_bulgarian_and_french_are_there():
    """Three languages, each a file."""
    assert {"en", "bg", "fr"} <= set(languages())


@pytest.mark.parametrize("language", languages())
def test_each_language_says_the_same_facts(language):
    """Every sentence of a language names exactly the facts that the English one names."""
    for part in ("reasons", "explain", "sources"):
        english, own = _texts("en")[part], _texts(language)[part]
        assert own.keys() == english.keys()
        for code, text in own.items():
            assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", english[code])), code


def test_numbers_are_written_as_the_language_writes_them():
    """Thousands and percent follow the language."""
    english, bulgarian, french = (
        reason_texts(["popular"], [FACT], language=language)[0] for language in ("en", "bg", "fr")
    )
    assert "1,412 of 31,240" in english
    assert "(33%)" in english
    assert "1\N{NO-BREAK SPACE}412 от 31\N{NO-BREAK SPACE}240" in bulgarian
    assert "(33\N{NO-BREAK SPACE}%)" in french


def test_a_model_speaks_the_language_asked_for(small_orders):
    """`language` reaches the column `reason`; an unknown one is refused with the known ones."""
    lines = nb.read_orders(small_orders.frame().head(400))
    rows = nb.NextPurchase(language="bg").fit(lines).predict(k=2)
    assert rows["reason"].str.contains("клиенти|купувачи").all()
    with pytest.raises(nb.InputError, match=r"language='de' is not known. Try one of bg, en, fr"):
        nb.NextPurchase(language="de").fit(lines)
