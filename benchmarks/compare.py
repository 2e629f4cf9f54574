"""What a change does to the speed of training: this checkout against another one, in turns.

    git worktree add ../before main
    python benchmarks/compare.py ../before [--only cnn,word_gru] [--rounds 7] [overrides of the lab's config]

Prints, for each network, the training examples per second of both and the ratio of this checkout to the other: the
median of the ratios of each pair of turns, with their range. Seconds on a shared machine vary; a ratio whose range
holds 1 tells nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median

from networks import NETWORKS
from turns import HERE, Worker


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("before", type=Path, help="the other checkout")
    parser.add_argument("overrides", nargs="*", help="of the lab's config")
    parser.add_argument("--only", default=",".join(NETWORKS), help="networks, separated by commas")
    parser.add_argument("--rounds", type=int, default=7, help="pairs of turns")
    asked = parser.parse_args()
    if not (asked.before / "benchmarks" / "worker.py").is_file():
        parser.error(f"{asked.before} is not a checkout of this project")
    names = asked.only.split(",")
    if unknown := [name for name in names if name not in NETWORKS]:
        parser.error(f"unknown: {', '.join(unknown)}; networks are {', '.join(NETWORKS)}")
    print(f"{'network':12s} {'before':>10s} {'after':>10s}  ratio (range)")
    for name in names:
        arguments = ("lab", *asked.overrides)
        before, after = (Worker(name, arguments, checkout) for checkout in (asked.before.resolve(), HERE.parent))
        turns = [(before.turn(), after.turn()) for _ in range(asked.rounds)]
        before.close()
        after.close()
        ratios = [new / old for old, new in turns]
        old, new = (median(side) for side in zip(*turns, strict=True))
        print(f"{name:12s} {old:10.1f} {new:10.1f}  {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
