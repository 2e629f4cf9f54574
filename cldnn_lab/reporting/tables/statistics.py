"""What a few seeds say: intervals around a mean, and whether one setting beats another.

Everything is computed by scipy and statsmodels; here it is chosen, and each choice named:

- 95 % confidence interval of the mean, Student's t (Student, "The probable error of a mean", 1908).
- 95 % prediction interval of one more run, mean +- t s sqrt(1 + 1/n): where a published figure, which is one draw, lies
  if it comes from the same runs.
- Wilson's interval of a share (Wilson, 1927): what so many test examples can tell, however often a network is trained.
- Paired differences over the same seeds: BCa bootstrap interval of their mean (Efron, 1987); sign-flip permutation
  test, exact, two-sided; Holm's correction (Holm, 1979) over all comparisons of a table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.95
SIGNIFICANCE = 0.05
# Of so few differences a bootstrap interval is too narrow to be printed.
FEWEST_RESAMPLED = 6
_RESAMPLES = 9999
# All 2^n flips of so many signs are tried; of more, a sample.
_MOST_EXACT = 14


@dataclass(frozen=True)
class Summary:
    """Runs of one setting; None is what so few cannot tell.

    Attributes:
        n: how many.
        mean, std: of the runs; the standard deviation has n - 1.
        low, high: 95 % confidence interval of the mean.
        predicted_low, predicted_high: 95 % prediction interval of one more run.
    """

    n: int
    mean: float | None = None
    std: float | None = None
    low: float | None = None
    high: float | None = None
    predicted_low: float | None = None
    predicted_high: float | None = None

    def predicts(self, value: float) -> bool | None:
        """Whether one more run might well come to ``value``; None if that cannot be told.

        Runs that all came to one figure predict that figure.
        """
        if self.predicted_low is None or self.predicted_high is None:
            return None
        slack = 1e-9 * max(1.0, abs(value))
        return self.predicted_low - slack <= value <= self.predicted_high + slack


def summarize(values: Sequence[float], bounds: tuple[float, float] = (-math.inf, math.inf)) -> Summary:
    """The mean of runs and the intervals around it.

    Args:
        bounds: beyond which no run can come, such as 0 and 1 of a share; the intervals end there.
    """
    n = len(values)
    if n == 0:
        return Summary(0)
    mean = float(np.mean(values))
    if n == 1:
        return Summary(1, mean)
    std = float(np.std(values, ddof=1))
    t = float(stats.t.ppf((1 + LEVEL) / 2, n - 1))
    half, wide = t * std / math.sqrt(n), t * std * math.sqrt(1 + 1 / n)
    ends = np.clip([mean - half, mean + half, mean - wide, mean + wide], *bounds)
    return Summary(n, mean, std, *(float(end) for end in ends))


def find_test_interval(share: float, examples: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of so many test examples, such as an accuracy."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(share * examples, examples, alpha=1 - LEVEL, method="wilson")
    return float(low), float(high)


def compare_rankings(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Kendall's tau-b of the same rows ranked twice: 1 for one order, -1 for the reverse; None of fewer than two rows,
    and where all of one are equal."""
    if len(first) < 2:
        return None
    tau = float(stats.kendalltau(first, second).statistic)
    return tau if math.isfinite(tau) else None


@dataclass(frozen=True)
class Comparison:
    """Whether one setting beats another over the same seeds.

    Attributes:
        n: seeds that both have.
        better: in how many of them the one that is said to be better is.
        difference: mean over the seeds, of the better one less the other.
        low, high: 95 % BCa bootstrap interval of that mean; None of fewer than six seeds.
        p: of the sign-flip test, two-sided; None without a seed.
        p_holm: the same, corrected for all comparisons of the table.
        needed: seeds with which the corrected p can fall below .05 at all.
    """

    n: int
    better: int
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    needed: int

    @property
    def verdict(self) -> bool | None:
        """True: it is better; False: it is worse; None: cannot be told."""
        if self.p_holm is None or self.difference is None or self.p_holm >= SIGNIFICANCE:
            return None
        return self.difference > 0


def count_needed_seeds(comparisons: int) -> int:
    """Seeds with which a two-sided sign-flip test can fall below .05 after Holm's correction: the least of its p is
    2 / 2^n, times the number of comparisons."""
    return math.floor(math.log2(2 * max(1, comparisons) / SIGNIFICANCE)) + 1


def compare(differences: Sequence[Sequence[float]]) -> list[Comparison]:
    """All comparisons of one table.

    Args:
        differences: for each comparison, by seed, how much better the one that is said to be better is.
    """
    from statsmodels.stats.multitest import multipletests

    tested = [_test(values) for values in differences]
    known = [p for p in tested if p is not None]
    corrected = iter(multipletests(known, method="holm")[1] if known else ())
    needed = count_needed_seeds(len(differences))
    found = []
    for values, p in zip(differences, tested, strict=True):
        low, high = _bootstrap(values)
        found.append(
            Comparison(
                n=len(values),
                better=sum(value > 0 for value in values),
                difference=float(np.mean(values)) if len(values) else None,
                low=low,
                high=high,
                p=p,
                p_holm=None if p is None else float(next(corrected)),
                needed=needed,
            )
        )
    return found


def _test(values: Sequence[float]) -> float | None:
    """p of the two-sided sign-flip test of the mean."""
    if len(values) < 2:  # of one seed either sign is as likely
        return 1.0 if len(values) else None
    resamples = np.inf if len(values) <= _MOST_EXACT else _RESAMPLES
    tested = stats.permutation_test(
        (np.asarray(values, float),),
        np.mean,
        permutation_type="samples",
        n_resamples=resamples,
        rng=np.random.default_rng(0),
    )
    return float(tested.pvalue)


def _bootstrap(values: Sequence[float]) -> tuple[float | None, float | None]:
    if len(values) < FEWEST_RESAMPLED or np.ptp(values) == 0:
        return None, None
    interval = stats.bootstrap(
        (np.asarray(values, float),),
        np.mean,
        confidence_level=LEVEL,
        method="BCa",
        n_resamples=_RESAMPLES,
        rng=np.random.default_rng(0),
    ).confidence_interval
    low, high = float(interval.low), float(interval.high)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else (None, None)
