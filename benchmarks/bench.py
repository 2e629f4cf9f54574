"""How fast the lab trains beside the script that a user would otherwise write: ``make bench``.

Training rates (turns.py), what a whole run costs beside its training (runs.py), how cost grows, and whether accuracy
suffers (accuracy.py).

    python benchmarks/bench.py [--rounds 5] [--only cnn,cldnn] [--parts rates,runs,scaling,accuracy]

Writes results.csv (network, variant, samples_per_second, ratio_to_plain), accuracy.csv, results.json (the rest),
results.md and scaling.png beside this file; with --only or --parts, what was not measured anew is kept.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd
from accuracy import measure
from networks import NETWORKS
from page import draw, machine, report
from runs import whole_runs
from turns import product_rates, rates, scaling

HERE = Path(__file__).parent
PARTS = ("rates", "runs", "scaling", "accuracy")


def main() -> None:
    """Measure what was asked for and write the results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="turns of each variant")
    parser.add_argument("--only", default=",".join(NETWORKS), help="networks, separated by commas")
    parser.add_argument("--parts", default=",".join(PARTS), help="what to measure")
    chosen = parser.parse_args()
    names, parts = chosen.only.split(","), chosen.parts.split(",")
    if unknown := [n for n in names if n not in NETWORKS] + [p for p in parts if p not in PARTS]:
        parser.error(f"unknown: {', '.join(unknown)}; networks are {', '.join(NETWORKS)}, parts {', '.join(PARTS)}")
    csv, facts_file, seeds = HERE / "results.csv", HERE / "results.json", HERE / "accuracy.csv"
    table = pd.read_csv(csv) if csv.is_file() else pd.DataFrame(columns=["network", "variant"])
    facts = json.loads(facts_file.read_text()) if facts_file.is_file() else {}
    if "rates" in parts:
        facts["products"] = product_rates()
        new = pd.DataFrame(rates(names, chosen.rounds))
        table = pd.concat([table[~table["network"].isin(names)], new]) if len(table) else new
        table.to_csv(csv, index=False)
    if "runs" in parts:
        facts["runs"] = whole_runs(7)
    if "scaling" in parts:
        growth = scaling()
        facts["scaling"] = growth.round(4).to_dict("records")
        draw(growth, HERE / "scaling.png")
    facts_file.write_text(json.dumps(facts, indent=1) + "\n")
    if "accuracy" in parts:
        measure().to_csv(seeds, index=False)
    accuracy = pd.read_csv(seeds) if seeds.is_file() else None
    (HERE / "results.md").write_text(report(table, facts, accuracy, machine()))


if __name__ == "__main__":
    main()
