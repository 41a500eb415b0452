"""The report is one page that holds everything."""

from __future__ import annotations

import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

import nextbuy as nb


class _Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.text, self.open = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in {"src", "href"}]
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def written(report, tmp_path_factory):
    return nb.write_report(report, tmp_path_factory.mktemp("report") / "report.html").read_bytes()


@pytest.fixture
def page(written):
    found = _Page()
    found.feed(written.decode())
    return found


def test_it_loads_nothing_from_elsewhere(page):
    """Every picture is inside, there is no script and no link, and every tag is closed."""
    assert len(page.addresses) == 6
    assert all(a.startswith("data:image/svg+xml;base64,") for a in page.addresses)
    assert "script" not in page.tags
    assert page.open == []


def test_it_says_what_the_report_says(page):
    """Verdict, dates, figures and their intervals stand in the page."""
    text = " ".join("".join(page.text).split())
    for words in (
        "The model beats",
        "2026-03-01, 2026-04-01",
        "0.4000",
        "642",
        "0.1234 (0.1111 to 0.1357)",
        "nDCG@10",
        "0.3000 (0.2800 to 0.3300)",
        "the next 30 days",
    ):
        assert words in text


def test_last_baskets_are_told_as_such(report, tmp_path):
    """A report of last baskets speaks of baskets, and of no probabilities."""
    made = nb.write_report(replace(report, split="last_basket"), tmp_path / "last.html").read_text(
        encoding="utf-8"
    )
    assert "a basket" in made
    assert "the next 30 days" not in made
    assert "Do the probabilities hold?" not in made


def test_names_are_no_markup(page):
    """A model called <b>naive</b> is shown as text."""
    assert "b" not in page.tags
    assert "<b>naive</b>" in "".join(page.text)


def test_the_same_report_is_the_same_file(report, written, tmp_path):
    """No date of today and no random id is in it."""
    assert nb.write_report(report, tmp_path / "2.html").read_bytes() == written


def test_without_jinja_it_says_what_to_install(report, tmp_path, monkeypatch):
    """The missing extra is named in the way pip wants it, and nothing is written."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(nb.InputError, match=r"pip install 'nextbuy\[report\]'"):
        nb.write_report(report, tmp_path / "report.html")
    assert not list(tmp_path.iterdir())
