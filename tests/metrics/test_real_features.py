"""Features of real pictures are computed once for VGG-KID and VGG-FID, and kept over a reset where asked."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from torch import Tensor

from course_lib.metrics import VGGFID, VGGKID, PooledVGG, unbiased_mmd, vgg_kid


class Counted(PooledVGG):
    """The course's features, on a network that costs nothing, which counts the pictures that it looks at."""

    num_features = 12

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self._remember = False
        self._remembered: Any = OrderedDict()
        self.seen = 0

    def _features(self, images: Tensor) -> Tensor:
        self.seen += len(images)
        return torch.nn.functional.avg_pool2d(images, 4).flatten(1).double()


def pictures(seed: int, count: int = 20) -> Tensor:
    return torch.rand(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture
def features() -> Counted:
    return Counted()


def test_real_pictures_are_looked_at_once_by_both_metrics(features: Counted) -> None:
    fake, real = pictures(1), pictures(2)
    first = vgg_kid(fake, real, features=features)
    assert features.seen == 40
    fid = VGGFID(features)
    fid.update(real, real=True)
    assert features.seen == 40
    fid.update(fake, real=False)
    assert features.seen == 60  # fakes are new each time
    assert vgg_kid(fake, real, features=features) == first
    assert features.seen == 80


def test_what_is_remembered_is_that_of_these_very_pictures(features: Counted) -> None:
    fake, real = pictures(1), pictures(2)
    vgg_kid(fake, real, features=features)
    changed = real.clone()
    changed[3, 0, 0, 0] += 0.5
    assert vgg_kid(fake, changed.clamp(-1, 1), features=features) != vgg_kid(fake, real, features=features)
    expected, _ = unbiased_mmd(features._features(fake), features._features(real))
    assert vgg_kid(fake, real, features=features)[0] == pytest.approx(float(expected))


def test_old_pictures_are_forgotten_when_there_are_too_many(features: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("course_lib.metrics.vgg_distance.REMEMBERED", 50)
    with features.remembering(True):
        for seed in (1, 2, 3):
            features(pictures(seed))
        assert features.seen == 60
        features(pictures(3))
        assert features.seen == 60
        features(pictures(1))
        assert features.seen == 80
    assert sum(map(len, features._remembered.values())) <= 50


@pytest.mark.parametrize("metric", [VGGKID, VGGFID])
@pytest.mark.filterwarnings("ignore")
def test_a_reset_keeps_the_real_pictures_where_asked(features: Counted, metric: Any) -> None:
    real, fakes = pictures(2), (pictures(3), pictures(4))

    def value(one: Any) -> float:
        found = one.compute()
        return float(found[0] if isinstance(found, tuple) else found)

    expected = []
    for fake in fakes:
        fresh = metric(features=features)
        fresh.update(real, real=True)
        fresh.update(fake, real=False)
        expected.append(value(fresh))
    kept = metric(features=features, reset_real_features=False)
    kept.update(real, real=True)
    found = []
    for fake in fakes:
        kept.update(fake, real=False)
        found.append(value(kept))
        kept.reset()
    assert found == pytest.approx(expected)
    forgetful = metric(features=features)
    forgetful.update(real, real=True)
    forgetful.reset()
    forgetful.update(fakes[0], real=False)
    with pytest.raises(ValueError, match="needs"):
        forgetful.compute()
