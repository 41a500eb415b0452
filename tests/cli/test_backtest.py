"""`nextbuy backtest` gives the library's report."""

from __future__ import annotations

import io


def test_backtest_prints_summary_and_verdict(nextbuy, shop, tmp_path, monkeypatch):
    """Table, verdict, JSON and page are all of one report."""
    import nextbuy as nb
    from nextbuy.evaluate import PersonalFrequency

    reports = []
    run = nb.backtest

    def spy(*words, **options):
        reports.append(run(*words, **options))
        return reports[-1]

    monkeypatch.setattr(nb, "backtest", spy, raising=False)
    # a model that learns in no time; the command does not care
    monkeypatch.setattr(nb, "NextPurchase", PersonalFrequency, raising=False)
    source = [shop / "orders.parquet", "--cutoffs", 1, "-k", 5, "--report", tmp_path / "r.html"]
    code, said, _ = nextbuy("backtest", *source, "--json")
    assert code == 0
    assert said["verdict"] == reports[0].verdict
    assert len(said["summary"]) == len(reports[0].summary)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "recall@5" in page
    assert reports[0].scores["cutoff"].iloc[0] in page


def test_too_short_a_history_says_so(nextbuy, tmp_path):
    """A week of orders cannot be split: a message with what to try."""
    rows = "\n".join(f"c{i % 9},o{i},2026-01-0{1 + i % 7},item{i % 5}" for i in range(60))
    (tmp_path / "o.csv").write_text(f"customer_id,order_id,timestamp,item_id\n{rows}\n")
    code, _, err = nextbuy("backtest", tmp_path / "o.csv")
    assert code == 3
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_options_reach_the_library(nextbuy, shop, tmp_path, monkeypatch):
    """Last baskets, all baselines, and a directory that is filled; --json holds no NaN."""
    import nextbuy as nb
    from nextbuy.evaluate import PersonalFrequency

    monkeypatch.setattr(nb, "NextPurchase", PersonalFrequency, raising=False)
    words = ["--split", "last_basket", "--baskets", 2, "--min-baskets", 12, "--refits", 2]
    code, said, _ = nextbuy(
        "backtest", shop / "orders.parquet", *words, "--resume", tmp_path / "kept", "--json"
    )
    assert code == 0
    assert {row["cutoff"] for row in said["scores"]} == {"last", "last-1"}
    assert all(value == value for row in said["scores"] for value in row.values())  # noqa: PLR0124 - NaN
    assert len(list((tmp_path / "kept").glob("*.parquet"))) == 2 * 3
    code, said, _ = nextbuy("backtest", shop / "orders.parquet", "--cutoffs", 1, "--published", "--json")
    assert {"tifu_knn", "taiw", "ease", "up_cf"} <= {row["model"] for row in said["summary"]}
    assert len(said["gains"]) == 11 * 3 * 2


def test_a_terminal_sees_how_far_it_is(monkeypatch):
    """On a terminal a bar counts the fits and names the last one; without one, and under --json, nothing is shown."""
    from rich.console import Console

    from nextbuy.cli import output

    for on, options, shown in ((True, {}, True), (False, {}, False), (True, {"json": True}, False)):
        seen = io.StringIO()
        console = Console(file=seen, force_terminal=on, width=100)
        monkeypatch.setattr(output, "stderr", lambda console=console: console)
        with output.progress_bar(output.Output(**options), "Fitting") as say:
            say(3, 12, "2025-01-01: tifu_knn")
        assert ("3/12" in seen.getvalue() and "tifu_knn" in seen.getvalue()) == shown
