"""The verdict says in plain words what the gains say."""

from nextbuy.evaluate.report import verdict


def _row(baseline, gain, low, high, *, kind="all", metric="ndcg"):
    return {"kind": kind, "metric": metric, "baseline": baseline, "gain": gain, "low": low, "high": high}


def test_every_baseline_is_told_of_few():
    """Beaten ones weakest lead first, then those that are not, and one of these forbids to deploy."""
    rows = [_row("popularity", 1.5, 1.2, 1.8), _row("personal_frequency", 0.11, 0.07, 0.154)]
    assert verdict(rows, 10) == (
        "The model beats personal frequency by 11 % (7 to 15); beats popularity by 150 % (120 to 180) in nDCG@10. "
        "It may be deployed."
    )
    rows += [_row("up_cf", 0.02, -0.01, 0.05), _row("mine", -0.1, -0.2, -0.05)]
    assert verdict(rows, 5).endswith(
        "does not clearly beat UP-CF: 2 % (-1 to 5); does not beat mine: -10 % (-20 to -5) in nDCG@5. Do not deploy it."
    )


def test_many_baselines_are_told_by_the_best():
    """Of four or more that are beaten only the one with the least lead is named."""
    rows = [_row(f"b{n}", 0.1 * n, 0.1 * n - 0.05, 0.1 * n + 0.05) for n in range(1, 6)]
    assert verdict(rows, 10) == (
        "The model beats all 5 baselines, the best of them (b1) by 10 % (5 to 15) in nDCG@10. It may be deployed."
    )
    assert "beats 5 baselines, the best" in verdict([*rows, _row("ease", -0.1, -0.2, 0.1)], 10)


def test_one_kind_alone_can_be_behind():
    """Ahead of all items together and behind in new ones is told; recall alone, or a doubt, is not."""
    ahead = _row("popularity", 0.2, 0.1, 0.3)
    told = verdict([ahead, _row("recent_popularity", -0.1, -0.2, -0.05, kind="new")], 10)
    assert "Of new items alone it is behind recent popularity: -10 % (-20 to -5)." in told
    assert told.endswith("It may be deployed.")
    for other in (
        _row("x", -0.1, -0.2, 0.05, kind="new"),
        _row("x", -0.1, -0.2, -0.05, kind="repeat", metric="recall"),
        _row("x", None, None, None, kind="new"),
    ):
        assert "behind" not in verdict([ahead, other], 10)


def test_nothing_to_compare_with_is_said():
    """No baseline, or one that finds nothing."""
    assert verdict([], 10) == "The model was compared with nothing."
    assert "where popularity finds nothing" in verdict([_row("popularity", None, None, None)], 10)
