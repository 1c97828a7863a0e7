"""`python -m benchmarks classics` writes a folder of pictures, metrics and curves, and they are what they say."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from markdown_tables import cells
from PIL import Image
from samples import COLOUR

import aecodec
from aecodec import metrics
from aecodec.conformance.tiny_models import planeless_description, planeless_file
from aecodec.models import registry
from aecodec.models.description import SynthesisLayer
from benchmarks import __main__, classics

TILES = np.stack(COLOUR)
LOG = [{"epoch": 1, "seconds": 2.0, "loss": 0.5, "val_loss": 0.6}, {"epoch": 2, "loss": 0.25, "val_loss": 0.3}]


@pytest.fixture
def model(own_folder: Path) -> str:
    """The name of a model for colour pictures of 32x32, with random weights, and the log of a training beside it."""
    layers = SynthesisLayer(1, 48, "leaky5", grow=4), SynthesisLayer(3, 192, grow=8)
    d = dataclasses.replace(planeless_description(3), tile=(32, 32), synthesis_layers=layers)
    (own_folder / "planeless-1.safetensors").write_bytes(planeless_file(3, d))
    folder = own_folder / "planeless-1.safetensors.training"
    folder.mkdir()
    (folder / "log.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in LOG))
    return "planeless-1"


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "classics", *words])
    __main__.run(standalone_mode=False)


def read(results: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((results / "metrics.json").read_text())
    return found


def test_one_command_writes_pictures_metrics_and_curves_of_a_folder_of_pictures(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    dark = TILES // 4  # so that the bundled model needs as few bytes as one with a vector of 3
    monkeypatch.setattr(classics, "ID_BYTES", 4)
    (tmp_path / "pictures").mkdir()
    for index, tile in enumerate(dark):
        Image.fromarray(tile).save(tmp_path / "pictures" / f"{index:02}.png")
    results = tmp_path / "results"
    words = [str(tmp_path / "pictures"), "-m", "planeless", "--beside", "cifar", "-q", "50,100", "-o", str(results)]
    run(monkeypatch, *words)
    assert {path.name for path in results.iterdir()} == {"metrics.json", "metrics.md", "curves.png", "planeless-1.png"}
    found = read(results)
    assert found["pictures"] == len(dark) and found["epochs"] == {model: LOG}
    rows = found["results"]
    assert [row["model"] for row in rows] == [model, model, "cifar-5", "cifar-5"]
    files = aecodec.encode_many(list(dark), model="planeless", quality=100, effort=0)
    decoded = np.stack(aecodec.decode_many(files))
    assert rows[1]["quality"] == 100
    assert rows[1]["file_bytes"] == pytest.approx(np.mean([len(file) for file in files]))
    assert rows[1]["psnr"] == pytest.approx(metrics.pooled_psnr(dark, decoded))
    assert rows[1]["psnr"] == pytest.approx(-10 * np.log10(rows[1]["mse"]))
    for name in ("uqi", "sewar_uqi", "cross_entropy"):
        assert rows[1][name] == pytest.approx(getattr(metrics, name)(dark, decoded).mean())
    assert rows[2]["file_bytes"] <= rows[1]["file_bytes"]
    assert rows[3]["file_bytes"] <= rows[1]["file_bytes"] - classics.ID_BYTES
    page = (results / "metrics.md").read_text()
    output = capsys.readouterr()
    assert output.out == page
    table = page.split("\n\n")[-1]
    assert [line[:2] for line in cells(table)] == [[row["model"], f"quality {row['quality']}"] for row in rows]
    assert "planeless-1 is measured without its network" in output.err


def test_the_figure_has_originals_at_the_left_and_what_their_files_decode_to_at_the_right(model: str) -> None:
    settings = classics.Settings((100,), None, 0)
    found = classics.measure(TILES, registry.by_name(model), settings)
    section = classics.figure(found)
    assert len(section.rows) == classics.ROWS == 10 and len(section.heads) == 2
    files = aecodec.encode_many(list(TILES), model=model, quality=100, effort=0)
    for row, index in zip(section.rows, range(0, 20, 2), strict=True):
        left, right = (cell.picture for cell in row.cells)
        assert left is not None and np.array_equal(left, TILES[index])
        assert right is not None and np.array_equal(right, aecodec.decode(files[index]))


def test_pixels_of_the_figure_are_enlarged_without_smoothing(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "two.npz", a=np.full((2, 32, 32, 3), 9, np.uint8))
    run(monkeypatch, str(tmp_path / "two.npz"), "-m", model, "-o", str(tmp_path / "results"))
    with Image.open(tmp_path / "results" / f"{model}.png") as image:
        pixels = np.asarray(image)
    side = 32 * classics.SCALE
    ours = (pixels == 9).all(axis=2)
    assert ours.sum() >= 2 * side**2
    top, left = np.argwhere(ours)[0]
    assert ours[top : top + side, left : left + side].all()


def test_files_and_keras_data_sets_give_the_same_results_as_their_pictures(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = np.zeros(len(TILES), np.int64)
    data = SimpleNamespace(load_data=lambda: ((TILES[::-1], labels), (TILES, labels)))
    monkeypatch.setitem(sys.modules, "keras", SimpleNamespace(datasets=SimpleNamespace(cifar100=data)))
    np.savez(tmp_path / "test.npz", x=TILES[:12], y=TILES[12:])
    tables = []
    for index, source in enumerate([str(tmp_path / "test.npz"), "keras:cifar100:test"]):
        results = tmp_path / str(index)
        run(monkeypatch, source, "-m", model, "-n", "15", "-o", str(results))
        tables.append(read(results)["results"])
    assert tables[0] == tables[1]
    run(monkeypatch, "keras:cifar100", "-m", model, "-n", "15", "-o", str(tmp_path / "training"))
    assert read(tmp_path / "training")["results"] != tables[0]


def test_models_of_different_pictures_are_refused_before_anything_is_measured(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["x", "-m", model, "-m", "mnist", "-o", str(tmp_path / "results")]
    with pytest.raises(SystemExit, match="pictures of different kinds"):
        run(monkeypatch, *words)
    with pytest.raises(SystemExit, match="none is not a folder"):
        run(monkeypatch, "x", "-m", model, "-o", str(tmp_path / "none" / "results"))
    with pytest.raises(SystemExit, match="x does not exist"):
        run(monkeypatch, "x", "-m", model, "-o", str(tmp_path / "results"))
    assert not (tmp_path / "results").exists()


def test_the_model_beside_has_the_largest_quality_that_takes_no_more_bytes() -> None:
    def size(quality: int) -> float:
        files = aecodec.encode_many(list(TILES), model="cifar", quality=quality, effort=0)
        return sum(map(len, files)) / len(files)

    quality = classics.largest_quality(TILES, "cifar", 60.0, 0)
    assert quality is not None and size(quality) <= 60 < size(quality + 1)
    assert classics.largest_quality(TILES, "cifar", 1.0, 0) is None
    assert classics.largest_quality(TILES, "cifar", 1e6, 0) == 100
