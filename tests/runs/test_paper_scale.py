"""The runs on the papers' data sets: a step of each from a small archive; the lessons test their settings."""

from __future__ import annotations

import download_server as local
import pytest
import torch

from course_lib import data, runs
from course_lib.data import downloads
from course_lib.data.containers import PairedSet, UnpairedSet
from course_lib.data.jitter import Jittered
from course_lib.errors import DataError
from course_lib.runs import paper_scale

server = local.server  # the fixture

RUNS = {name: runs.run(name) for name in runs.names() if runs.run(name).download}
JITTERED = set(RUNS) - {"lesson_10/edges2shoes"}
each_run = pytest.mark.parametrize("name", RUNS)


def coloured(row: int) -> tuple[int, int, int]:
    return (20 * row, 255 - 20 * row, 90)


def archive(remote: downloads.RemoteSet) -> bytes:
    """Return an archive of the set's own layout with a few small pictures in each of its folders."""
    content = {}
    for entry in remote.folders.values():
        for folder in (entry,) if isinstance(entry, str) else entry:
            for row in range(1, 11):
                one = coloured(row)
                body = local.pair(one, one[::-1]) if isinstance(entry, str) else local.picture(one, (48, 40), one)
                content[f"{remote.name}/{folder}/{row}.png"] = body
    return local.zipped(content) if remote.archive.endswith(".zip") else local.tar(content)


@pytest.fixture
def served(server, monkeypatch: pytest.MonkeyPatch):
    """Serve a small archive of each set, and let the catalogue expect it."""
    smaller = []
    for remote in downloads.DOWNLOADS:
        if remote.name in {name.split("/")[1] for name in RUNS}:
            server.files[remote.archive] = archive(remote)
            smaller.append(remote)
    for remote in smaller:
        local.announce(monkeypatch, remote.name, server.files[remote.archive], counts={})
        monkeypatch.setattr(local, "DOWNLOADS", downloads.DOWNLOADS)  # announce() begins from those it knows
    monkeypatch.setenv("COURSE_DOWNLOADS", server.url)
    return server


def test_every_run_has_the_name_of_a_set_that_can_be_downloaded() -> None:
    assert len(RUNS) >= 7
    assert {name.split("/")[1] for name in RUNS} <= set(data.downloadable())
    assert all(one.download and not (one.start or one.settings.ema_decay or one.recorded) for one in RUNS.values())


@each_run
def test_a_step_at_the_smoke_preset_from_a_small_archive(name: str, served) -> None:
    """The whole way: download, unpack, read, jitter, train; then translate."""
    system, history = runs.train(name, steps=1, progress=False, device="cpu")
    (archive_name,) = (one.archive for one in downloads.DOWNLOADS if one.name == name.split("/")[1])
    assert served.requests == [(archive_name, 0)]
    assert len(history) == 1
    assert all(torch.isfinite(torch.tensor(values)).all() for values in history.to_dict()["values"].values())
    output = system.translate(torch.zeros(1, 3, 32, 32))
    assert output.shape == (1, 3, 32, 32)
    assert output.abs().max() <= 1
    assert system.total_steps == 1


@each_run
def test_what_is_trained_on_is_the_set_of_that_name(name: str, served) -> None:
    dataset = RUNS[name].dataset()
    assert dataset.name.startswith(name.split("/")[1])
    assert isinstance(dataset, Jittered) == (name in JITTERED)
    whole = dataset.dataset if isinstance(dataset, Jittered) else dataset
    assert isinstance(whole, PairedSet | UnpairedSet)
    batch = next(dataset.batches(8))
    assert batch.x.shape == batch.y.shape == (8, 3, 32, 32)
    if name in JITTERED:
        held = whole.x.images if isinstance(whole, UnpairedSet) else whole.x
        assert held.shape[2:] == (35, 35)
    # the way that the paper translates: labels (B) to photographs (A) for the facades, A to B for the others
    if isinstance(whole, PairedSet):
        colours = {tuple(pixel) for pixel in ((batch.x[:, :, 16, 16] + 1) * 127.5).round().long().tolist()}
        a_side = {coloured(row) for row in range(1, 11)}
        expected = {one[::-1] for one in a_side} if name.endswith("facades") else a_side
        assert colours <= expected


@each_run
def test_the_smoke_preset_takes_few_pictures_and_one_epoch(name: str, served) -> None:
    assert len(RUNS[name].dataset()) == 8
    assert RUNS[name].sizes.epochs == 1


def test_a_set_of_single_pictures_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    images = data.ImageSet("faces", "train", torch.zeros(2, 3, 40, 40, dtype=torch.uint8))
    monkeypatch.setattr(data, "download", lambda *_, **__: images)
    with pytest.raises(DataError, match="'celeba' has one side only"):
        paper_scale.training_pictures("celeba")


def test_without_a_network_the_error_names_what_ships_with_the_course(server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_DOWNLOADS", local.NOTHING_LISTENS)
    with pytest.raises(DataError, match=r"no connection.*ships with the course"):
        RUNS["lesson_10/maps"].dataset()
