"""The page of a sweep, as far as it can be told without a browser."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cldnn_lab.config.errors import ConfigError
from cldnn_lab.reporting import page
from cldnn_lab.reporting.page import pictures as page_pictures
from cldnn_lab.reporting.page import write_page
from cldnn_lab.reporting.settings import fold_seeds
from cldnn_lab.runs.record import Record
from cldnn_lab.runs.table import FIRST, IDENTITY, Runs
from cldnn_lab.storage import manifest

PAGE = files(page)


def make_runs(folder: Path, jobs: list[dict[str, Any]], histories: dict[str, pd.DataFrame] | None = None) -> Runs:
    """Runs whose rows have the given cells; ``optimizer`` and ``seed`` are overrides."""
    columns = [*FIRST, "optimizer", "seed", *IDENTITY]
    metrics = [name for name in dict.fromkeys(name for job in jobs for name in job) if name not in columns]
    table = pd.DataFrame(jobs, columns=[*columns, *metrics])
    imported = {run: Record(run, "", None, {}, {}, history=history) for run, history in (histories or {}).items()}
    return Runs(table, ("optimizer", "seed"), folder, imported=imported)


def make_job(run: int, optimizer: str = "adam", seed: int = 1, **cells: Any) -> dict[str, Any]:
    """A row of a completed job, unless ``cells`` says otherwise."""
    row = {"run": str(run), "status": "completed", "optimizer": optimizer, "seed": seed, "fingerprint": f"f{run}"}
    return {**row, "setting_fingerprint": f"s{optimizer}", **cells}


def make_history(rows: int, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).random((rows, 4))
    history = pd.DataFrame(values, columns=["loss", "val_loss", "accuracy", "val_accuracy"])
    return history.assign(epoch=np.arange(1.0, rows + 1), step=np.arange(1, rows + 1) * 100)


def write(folder: Path, runs: Runs, **options: Any) -> str:
    """The text of a page that is written into ``folder``."""
    path = write_page(folder / "index.html", runs, fold_seeds(runs), **{"title": "a sweep", **options})
    return path.read_text(encoding="utf-8")


def read_part(text: str, name: str) -> str:
    """What the browser unpacks from the element of this name."""
    found = re.search(f'id="{name}">([^<]*)</script>', text)
    assert found is not None
    return gzip.decompress(base64.b64decode(found[1])).decode()


def read_data(text: str) -> dict[str, Any]:
    return json.loads(read_part(text, "data"))


def read_pictures(text: str) -> dict[str, str]:
    found = re.search('id="picture-data">(.*)</script>', text)
    assert found is not None
    return json.loads(found[1])


def test_page_holds_every_job_and_setting(tmp_path: Path) -> None:
    jobs = [
        make_job(0, "sgd", test_accuracy=0.5, validated_on="test"),
        make_job(1, "adam", test_accuracy=0.8, validated_on="test"),
        make_job(2, "adam", seed=2, test_accuracy=0.9, validated_on="test"),
        make_job(3, "sgd", seed=2, status="failed", reason="no memory."),
        make_job(4, "rmsprop", status="waiting"),
    ]
    data = read_data(write(tmp_path, make_runs(tmp_path, jobs), command="train -m optimizer=adam,sgd"))
    assert data["command"] == "train -m optimizer=adam,sgd"
    assert data["objective"] == ["test_accuracy", "max"]
    assert data["jobs"]["run"] == ["0", "1", "2", "3", "4"]
    assert data["jobs"]["reason"] == [None, None, None, "no memory.", None]
    assert data["jobs"]["test_accuracy"] == [0.5, 0.8, 0.9, None, None]
    assert data["settings"]["optimizer"] == ["adam", "sgd", "rmsprop"]
    assert data["settings"]["n"] == [2, 1, 0]
    assert data["settings"]["test_accuracy_mean"] == [pytest.approx(0.85), 0.5, None]
    assert data["setting_of"] == [1, 0, 0, 1, 2]
    assert data["names"][0] == "optimizer=adam"
    assert data["validated_on"] == "test"


def test_page_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    text = write(tmp_path, make_runs(tmp_path, [make_job(0, test_loss=1.0)]))
    assert "default-src 'none'" in text
    assert not re.findall(
        r"""(?:src|href)\s*=\s*["']?(?!#)[^"' >]+""", re.sub(r"<script.*?</script>", "", text, flags=re.S)
    )
    own = (
        "".join(PAGE.joinpath("scripts", name).read_text() for name in page._SCRIPTS)
        + PAGE.joinpath("page.css").read_text()
    )
    assert re.findall("https?://[^\"']*", own.replace("http://www.w3.org/2000/svg", "")) == []
    assert "import(" not in own and "fetch(" not in own and "url(" not in own


def test_page_holds_the_libraries_whole(tmp_path: Path) -> None:
    text = write(tmp_path, make_runs(tmp_path, [make_job(0, test_loss=1.0)]))
    scripts = read_part(text, "scripts-of-others")
    for name in ("tabulator.min.js", "uPlot.iife.min.js"):
        assert PAGE.joinpath("vendor", name).read_text(encoding="utf-8") in scripts
    assert "Copyright (c) 2022 Leon Sorokin" in text and "Oli Folkerd" in text


def test_files_of_others_are_as_published() -> None:
    rows = re.findall(r"^\| `(\S+)` \|.*\| `([0-9a-f]{64})` \|$", PAGE.joinpath("vendor/README.md").read_text(), re.M)
    assert {name for name, _ in rows} == {path.name for path in PAGE.joinpath("vendor").iterdir()} - {"README.md"}
    for name, digest in rows:
        assert hashlib.sha256(PAGE.joinpath("vendor", name).read_bytes()).hexdigest() == digest, name


def test_nothing_from_the_data_is_markup(tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script>"
    folder = tmp_path / "0"
    folder.mkdir()
    Image.new("RGB", (4, 4)).save(folder / "<script>.png")
    jobs = [make_job(0, evil, status="failed", reason=evil), make_job(1, "adam", **{evil: 1.0})]
    text = write(tmp_path, make_runs(tmp_path, jobs), title=evil, command=evil)
    assert evil not in text
    assert text.count("<script") == text.count("</script>") == 6
    assert list(read_pictures(text)) == ["0/<script>.png"]
    data = read_data(text)
    assert data["title"] == data["command"] == data["jobs"]["reason"][0] == evil
    # In the browser texts become nodes; only Tabulator's headings are HTML, and those are escaped by the browser.
    own = "".join(PAGE.joinpath("scripts", name).read_text() for name in page._SCRIPTS)
    assert not re.search(r"innerHTML\s*\+?=|insertAdjacentHTML|outerHTML|document\.write", own)


@pytest.mark.parametrize(
    "jobs",
    [
        [make_job(0, test_loss=1.0)],
        [make_job(0, status="failed", reason="bad."), make_job(1, "sgd", status="waiting")],
        [make_job(0, status="diverged", test_loss=float("nan"), xla=True, objective=None)],
    ],
    ids=["one job", "none completed", "nothing finite"],
)
def test_page_of_little(tmp_path: Path, jobs: list[dict[str, Any]]) -> None:
    text = write(tmp_path, make_runs(tmp_path, jobs))
    assert len(read_data(text)["jobs"]["run"]) == len(jobs)
    assert json.loads(read_part(text, "curves-data")) == {"metrics": [], "axes": [], "jobs": [None] * len(jobs)}


def test_imported_runs_have_curves_and_no_files(tmp_path: Path) -> None:
    runs = make_runs(
        tmp_path, [{**make_job(0), "run": "runs.csv/0", "test_accuracy": 0.5}], {"runs.csv/0": make_history(3)}
    )
    text = write(tmp_path, runs)
    assert read_data(text)["files"] == [{}]
    curves = json.loads(read_part(text, "curves-data"))
    assert curves["metrics"] == ["accuracy", "loss"]  # the objective's first
    assert curves["jobs"][0]["epoch"] == [1, 2, 3]


def test_curves_keep_their_ends_and_their_gaps(tmp_path: Path) -> None:
    history = make_history(1001)
    history.loc[[0, 1000], "loss"] = [2 / 3, np.nan]
    curves = json.loads(read_part(write(tmp_path, make_runs(tmp_path, [make_job(0)], {"0": history})), "curves-data"))
    curve = curves["jobs"][0]
    assert len(curve["step"]) == len(curve["loss"]) == page.MOST_POINTS
    assert (curve["step"][0], curve["step"][-1]) == (100, 100_100)
    assert (curve["loss"][0], curve["loss"][-1]) == (0.66667, None)


def test_thousand_jobs_stay_below_the_limit(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    names = ["test_accuracy", "test_loss", *(f"test_{index}" for index in range(20))]
    figures = random.random((1000, len(names)))
    jobs = [
        make_job(
            index,
            f"o{index // 5}",
            index % 5,
            setting_fingerprint=str(index // 5),
            **dict(zip(names, row, strict=True)),
        )
        for index, row in enumerate(figures)
    ]
    text = write(tmp_path, make_runs(tmp_path, jobs, {str(index): make_history(200, index) for index in range(1000)}))
    assert len(text.encode()) <= page.LIMIT
    curves = json.loads(read_part(text, "curves-data"))["jobs"]
    assert len(curves) == 1000 and {len(curve["loss"]) for curve in curves} <= set(range(20, page.MOST_POINTS))


def fill_run(folder: Path, size: int = 40) -> None:
    """A run directory with a picture that compresses badly, a config and a log."""
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text("epochs: 3\n")
    (folder / "train.log").write_text("said much\n" * 1000 + "the end")
    (folder / "environment.json").write_text('{"python": "3.11", "version.keras": "3.15", "device": "CPU"}')
    noise = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "loss.png")


def test_files_of_a_job_are_in_the_page(tmp_path: Path) -> None:
    for run in ("0", "1"):
        fill_run(tmp_path / "sweep" / run)
    (tmp_path / "sweep" / "0" / "run.json").write_text(
        '{"started": "2026-01-02T03:04:05", "updated": "2026-01-02T04:00:00"}'
    )
    Image.new("RGB", (4, 4)).save(tmp_path / "comparison.png")
    runs = make_runs(tmp_path / "sweep", [make_job(0), make_job(1, status="failed")])
    text = write(tmp_path, runs, pictures=[tmp_path / "comparison.png"])
    data = read_data(text)
    completed, failed = data["files"]
    assert completed == {"folder": "sweep/0", "pictures": ["sweep/0/loss.png"], "config": "epochs: 3\n", "log": None}
    assert failed["log"].endswith("the end") and len(failed["log"]) < 5000
    assert data["environment"] == ["keras 3.15, Python 3.11, CPU"]
    assert (data["began"], data["changed"]) == ("2026-01-02T03:04:05", "2026-01-02T04:00:00")
    embedded = read_pictures(text)
    assert list(embedded) == ["comparison.png", "sweep/0/loss.png", "sweep/1/loss.png"]
    picture = base64.b64decode(embedded["sweep/0/loss.png"].removeprefix("data:image/png;base64,"))
    assert picture == (tmp_path / "sweep/0/loss.png").read_bytes()


def test_pictures_beyond_the_limit_are_small_and_the_best_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [make_job(index, f"o{index}", test_accuracy=index / 10) for index in range(4)]
    for job in jobs:
        fill_run(tmp_path / job["run"], size=200)
    whole = (tmp_path / "0" / "loss.png").stat().st_size
    for limit in ("LIMIT", "LIMIT_AS_THEY_ARE"):
        monkeypatch.setattr(page_pictures, limit, whole)
    text = write(tmp_path, make_runs(tmp_path, jobs))
    embedded = read_pictures(text)
    assert list(embedded) == [f"{index}/loss.png" for index in (3, 2, 1, 0)][: len(embedded)]
    assert 0 < len(embedded) < 4 and sum(map(len, embedded.values())) <= whole
    assert read_data(text)["files"][0]["pictures"] == ["0/loss.png"]  # still linked


def test_a_file_of_somebody_else_stays(tmp_path: Path) -> None:
    manifest.begin_list(tmp_path)
    (tmp_path / "index.html").write_text("mine")
    with pytest.raises(ConfigError, match=r"index\.html"):
        write(tmp_path, make_runs(tmp_path, [make_job(0)]))
    assert (tmp_path / "index.html").read_text() == "mine"


# As much of a browser's document as the heading of a column needs.
DOCUMENT = """globalThis.document = {createElement: () => ({
  append(text) { this.text = text; }, setAttribute() {}, get innerHTML() { return this.text.replaceAll("<", "&lt;"); }
})}"""


@pytest.mark.skipif(shutil.which("node") is None, reason="node runs the page's functions")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("formatMean(0.91234, 0.0123)", "0.912 ± 0.012"),
        ("formatMean(0.5, null)", "0.5"),
        ("formatMean(1, 0)", "1.000 ± 0.000"),
        ("formatMean(12345.6, 789)", "12346 ± 789"),
        ("formatInterval(-0.1, 0.25, 0.05, 0.1)", "−0.100 to 0.250"),
        ("format(0.00001234)", "1.23e−5"),
        ("format(null)", "–"),
        ("passes('> 0.9', 0.95) && !passes('>0.9', 0.9) && passes('>=0.9', 0.9) && !passes('<1', null)", True),
        ("passes('= adam', 'adam') && !passes('=ada', 'adam') && passes('ADA', 'adam') && passes('=0.10', 0.1)", True),
        ("[3, null, 1].sort((a, b) => compare(a, b, 0, 0, 0, 'asc'))", [1, 3, None]),
        ("[3, null, 1].sort((a, b) => -compare(a, b, 0, 0, 0, 'desc'))", [3, 1, None]),
        ("interpolate([1, 3, 5], [10, 30, null], [0, 1, 2, 3, 4, 5, 6])", [None, 10, 20, 30, None, None, None]),
        (
            "summarise([[1, null], [3, 5]], [0, 1])",
            {"mean": [2, None], "low": [1, None], "high": [3, None], "empty": False},
        ),
        ("toRows({a: [1, 2], b: ['x', null]})", [{"a": 1, "b": "x"}, {"a": 2, "b": None}]),
        (
            f"({DOCUMENT}, [makeColumn('<b>').title, makeColumn('x_mean', {{title: '<b>'}}).title])",
            ["&lt;b>", "&lt;b>"],
        ),
        ("toJobAddress('a/b c#%')", "#job=a/b%20c%23%25"),
    ],
)
def test_functions_of_the_page(expression: str, expected: Any) -> None:
    scripts = "\n".join(PAGE.joinpath("scripts", name).read_text() for name in page._SCRIPTS[:3])
    command = ["node", "-e", f"{scripts}\nconsole.log(JSON.stringify({expression}));"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == expected
