"""Drawing examples: even subsets, and shares held out."""

from __future__ import annotations

import numpy as np

from cldnn_lab.data.dataset import Split


def limit(split: Split, limit: int | None, seed: int) -> Split:
    """At most ``limit`` examples, drawn by :func:`draw_evenly`. The same object where nothing is left out."""
    return split if limit is None or limit >= len(split) else split.take(draw_evenly(split, limit, seed))


def draw_evenly(split: Split, limit: int, seed: int) -> np.ndarray:
    """Indices of at most ``limit`` examples, in order: evenly from the classes, and from the SNRs within a class."""
    keys = [split.tags["snr"]] if "snr" in split.tags else []
    if split.y.ndim == 1 and split.y.dtype.kind in "iu":
        keys.insert(0, split.y)
    return np.sort(_draw(np.arange(len(split)), limit, keys, np.random.default_rng(seed)))


def _draw(index: np.ndarray, count: int, keys: list[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """``count`` of ``index``, spread evenly over the values of the first key, within each over the next."""
    if not keys or count >= len(index):
        return rng.permutation(index)[:count]
    values = keys[0][index]
    groups = [index[values == value] for value in np.unique(values)]
    # The smallest groups first: what they cannot give is left to the larger ones. Ties are drawn, so that
    # a limit below the number of classes does not always leave out the last ones.
    order = rng.permutation(len(groups))
    order = order[np.argsort([len(groups[i]) for i in order], kind="stable")]
    chosen, left = [], count
    for done, group in enumerate(order):
        # What does not divide goes to the groups that come last.
        take = min(len(groups[group]), left // (len(groups) - done))
        chosen.append(_draw(groups[group], take, keys[1:], rng))
        left -= take
    return np.concatenate(chosen)


def split_share(
    strata: np.ndarray | None,
    count: int,
    fraction: float,
    seed: int,
    *,
    within: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of ``count`` examples in two, in order: what stays, and ``fraction`` of it, of each stratum alike.

    Args:
        strata: of each example, such as its class; None where all are alike.
        within: of each example, what a stratum's share is spread over evenly, such as the SNR.
        groups: of each example; a group stays together, so that the share is met as nearly as groups allow. A group
            lies within one stratum and one value of ``within``.

    Raises:
        ValueError: where a stratum is too small to give an example (or a group) to each.
    """
    rng = np.random.default_rng(seed)
    labels = np.zeros(count, np.int32) if strata is None else strata
    out = np.zeros(count, bool)
    seen = given = 0
    for label in np.unique(labels):
        index = np.flatnonzero(labels == label)
        _, first, member, sizes = np.unique(
            index if groups is None else groups[index], return_index=True, return_inverse=True, return_counts=True
        )
        if len(sizes) < 2:
            raise ValueError(f"stratum {label} has a single example or group")
        order = _order_evenly(sizes, None if within is None else within[index[first]], rng)
        # What rounding takes from one stratum it gives to a later one, so that the whole share is right.
        seen += len(index)
        taken = np.cumsum(sizes[order])
        number = int(np.argmin(np.abs(taken[:-1] - (round(seen * fraction) - given)))) + 1
        given += int(taken[number - 1])
        out[index] = np.isin(member, order[:number])
    return np.flatnonzero(~out), np.flatnonzero(out)


def _order_evenly(sizes: np.ndarray, values: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """A random order in which the first so many hold the same share of every value, each counted by its size."""
    order = rng.permutation(len(sizes))
    if values is None:
        return order
    place = np.empty(len(order))
    for value in np.unique(values):
        these = np.flatnonzero(values[order] == value)
        reached = np.cumsum(sizes[order[these]])
        place[these] = (reached - rng.random() * sizes[order[these]]) / reached[-1]
    return order[np.argsort(place, kind="stable")]


def split_as_sklearn(count: int, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What scikit-learn's ``train_test_split(test_size=fraction, random_state=seed)`` gives, and in its order.

    Spelt out because importing scikit-learn takes longer than reading the data.
    """
    order = np.random.RandomState(seed).permutation(count)
    tested = int(np.ceil(count * fraction))
    return order[tested:], order[:tested]


def hold_out(split: Split, fraction: float, seed: int) -> tuple[Split, Split]:
    """``split`` in two: what stays, and ``fraction`` of it held out, stratified by class, and by SNR within a class.

    Where examples are tagged with the ``capture`` they were cut from, no capture is in both.

    Raises:
        ValueError: where a class is too small to give one to each.
    """
    strata = split.y if split.y.ndim == 1 and split.y.dtype.kind in "iu" else None
    stay, out = split_share(
        strata, len(split), fraction, seed, within=split.tags.get("snr"), groups=split.tags.get("capture")
    )
    return split.take(stay), split.take(out)
