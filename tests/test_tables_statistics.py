"""Statistics of a table: against figures worked out by hand, and what a few seeds cannot tell."""

from __future__ import annotations

import math

import pytest

from cldnn_lab.reporting.tables.statistics import (
    compare,
    compare_rankings,
    count_needed_seeds,
    find_test_interval,
    summarize,
)


def test_intervals_of_three_runs_are_those_of_students_t() -> None:
    found = summarize([0.1, 0.2, 0.3])
    # t(0.975, 2) = 4.302653, s = 0.1
    assert found.mean == pytest.approx(0.2) and found.std == pytest.approx(0.1)
    assert found.high - found.mean == pytest.approx(4.302653 * 0.1 / math.sqrt(3), rel=1e-6)
    assert found.predicted_high - found.mean == pytest.approx(4.302653 * 0.1 * math.sqrt(1 + 1 / 3), rel=1e-6)


def test_intervals_end_where_no_run_can_come() -> None:
    found = summarize([0.9, 1.0, 0.98], (0, 1))
    assert found.high == found.predicted_high == 1 and found.low == summarize([0.9, 1.0, 0.98]).low > 0
    assert found.predicts(1.0) is True and found.predicts(0.5) is False


def test_one_run_has_no_interval_and_none_has_no_mean() -> None:
    assert summarize([0.5]).mean == 0.5
    assert summarize([0.5]).low is None and summarize([0.5]).predicts(0.5) is None
    assert summarize([]).mean is None


def test_a_published_figure_is_one_draw() -> None:
    runs = [0.48, 0.49, 0.50, 0.49, 0.48, 0.50]
    assert summarize(runs).predicts(0.47) is True  # outside the interval of the mean, inside that of one more run
    assert summarize(runs).low > 0.47
    assert summarize(runs).predicts(0.40) is False
    assert summarize([0.1, 0.1, 0.1]).predicts(0.1) is True


def test_the_test_set_alone_allows_an_interval() -> None:
    low, high = find_test_interval(0.5, 100)
    # Wilson: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n), z = 1.959964
    assert (low, high) == pytest.approx((0.403832, 0.596168), abs=1e-6)


def test_five_seeds_are_too_few_for_a_verdict_and_six_are_enough_for_one_comparison() -> None:
    assert [count_needed_seeds(k) for k in (1, 2, 3, 4, 8)] == [6, 7, 7, 8, 9]
    for k in range(1, 30):
        n = count_needed_seeds(k)
        assert k * 2 / 2**n < 0.05 <= k * 2 / 2 ** (n - 1)
    (five,) = compare([[0.1, 0.2, 0.1, 0.3, 0.2]])
    (six,) = compare([[0.1, 0.2, 0.1, 0.3, 0.2, 0.1]])
    assert (five.p, five.verdict) == (pytest.approx(2 / 32), None)
    assert (six.p, six.verdict, six.better) == (pytest.approx(2 / 64), True, 6)


def test_comparisons_of_a_table_are_corrected_together() -> None:
    strong, weak = [0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.2], [0.1, -0.2, 0.1, -0.1, 0.2, 0.1, 0.0]
    first, second, third = compare([strong, weak, [-value for value in strong]])
    assert first.p_holm == pytest.approx(3 * 2 / 128)
    assert (first.verdict, second.verdict, third.verdict) == (True, None, False)
    assert first.low < first.difference < first.high
    assert third.difference == pytest.approx(-first.difference)


def test_what_was_not_run_is_not_tested() -> None:
    none, one = compare([[], [0.1]])
    assert none.difference is None and none.verdict is None and none.p is None
    assert one.difference == 0.1 and one.verdict is None and one.low is None


def test_equal_runs_have_no_winner() -> None:
    (found,) = compare([[0.0] * 8])
    assert found.verdict is None and found.better == 0


def test_two_budgets_agree_as_far_as_they_rank_rows_alike() -> None:
    assert compare_rankings([1, 2, 3], [10, 20, 30]) == 1
    assert compare_rankings([1, 2, 3], [3, 2, 1]) == -1
    assert compare_rankings([1], [1]) is None and compare_rankings([1, 1], [1, 2]) is None
