"""VGG-KID and VGG-FID: how far one set of pictures is from another, seen by the bundled VGG-16.

**No figure from here may be compared with a FID or KID of the literature.** Those look through Inception-v3, at 299 x
299 pixels, trained in another way; these look through the third convolution of VGG-16's fourth stage, at the size the
pictures have. The unit is another, and so may be the order of two models that are close. Compare figures of this
course with each other only, from the same truth and about the same number of pictures.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from course_lib.arguments import check_count, check_network
from course_lib.errors import ShapeError
from course_lib.metrics.checks import check_images
from course_lib.metrics.mmd import unbiased_mmd
from course_lib.models.vgg import CHANNELS, VGG16Features

FEATURE_LAYER = "relu4_3"
# Between the root mean squares of the pooled features of the bundled photographs (44, in patches of 64 x 64) and emoji
# (72). Dividing by it gives the kernel (x . y / d + 1)^3 arguments near 1; without it the cube alone would rule.
FEATURE_SCALE = 60.0
REMEMBERED = 20_000  # pictures, of which the features take 4 kB each


class PooledVGG(nn.Module):
    """One vector a picture: the mean over positions of VGG-16's ``relu4_3``, 512 numbers of about unit size.

    Pictures are not enlarged: doubling those of 64 pixels costs four times as much and shows blur and lost colour no
    better (measured on the bundled photographs; only noise is seen more clearly).

    Features of real pictures are remembered, since the same held-out set is compared with again and again: by VGG-KID
    and by VGG-FID, and after each tenth of a training.

    Args:
        weights: as for :class:`course_lib.models.VGG16Features`.
        batch_size: pictures looked at together.

    Raises:
        DataError: as for :class:`course_lib.models.VGG16Features`.
        ShapeError: if a batch is to hold no picture.
    """

    num_features = CHANNELS[FEATURE_LAYER]

    def __init__(self, weights: str | Mapping[str, Tensor] = "bundled", batch_size: int = 50) -> None:
        super().__init__()
        check_count(batch_size, "batch_size")
        self.vgg = VGG16Features((FEATURE_LAYER,), weights=weights)
        self.batch_size = batch_size
        self._remember = False
        self._remembered: OrderedDict[str, Tensor] = OrderedDict()

    @contextmanager
    def remembering(self, real: bool) -> Iterator[None]:
        """Inside the block the features of pictures that were seen before are those of then, if ``real``."""
        before, self._remember = self._remember, real
        try:
            yield
        finally:
            self._remember = before

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return the features (N, 512) of pictures (N, 3, H, W) in [-1, 1], in float64 on the CPU.

        The network computes where its weights are: ``PooledVGG().to("cuda")`` takes the pictures there.
        """
        check_images(images)
        if not self._remember:
            return self._features(images)
        pixels = images.detach().cpu().contiguous()
        digest = hashlib.sha256(pixels.view(-1).view(torch.uint8).numpy().tobytes())
        key = f"{tuple(images.shape)} {images.dtype} {digest.hexdigest()}"
        if key not in self._remembered:
            self._remembered[key] = self._features(images)
            while sum(map(len, self._remembered.values())) > REMEMBERED and len(self._remembered) > 1:
                self._remembered.popitem(last=False)
        self._remembered.move_to_end(key)
        return self._remembered[key].clone()

    def _features(self, images: Tensor) -> Tensor:
        device = self.vgg.mean.device
        found = []
        for part in images.split(self.batch_size):
            features = self.vgg(((part.to(device).float() + 1) / 2).clamp(0, 1))[FEATURE_LAYER]
            found.append(features.mean(dim=(2, 3)).cpu().double() / FEATURE_SCALE)
        return torch.cat(found)


class VGGKID(KernelInceptionDistance):
    """torchmetrics' kernel distance with VGG-16's features (VGG-KID): ``update(images, real=...)``, then ``compute()``.

    With ``subset_size=None`` (the default) the value is :func:`unbiased_mmd` of all pictures, which is the mean over
    *all* subsets that torchmetrics would draw some of, and the spread is its standard error. With a subset size both
    are torchmetrics' own: mean and standard deviation over random subsets, drawn from ``seed``.

    Args:
        subset_size: pictures in a subset, at least 2, or None for all.
        subsets: how many subsets to draw, at least 1; without effect if ``subset_size`` is None.
        seed: of the subsets; the global random state is not touched.
        features: what turns (N, 3, H, W) in [-1, 1] into (N, d); None: :class:`PooledVGG`.
        reset_real_features: whether ``reset`` forgets the real pictures too; False to compare with them again.

    Raises:
        ShapeError: if a subset is to hold fewer than two pictures, there is to be no subset, or the features are none.
    """

    def __init__(
        self,
        subset_size: int | None = None,
        subsets: int = 100,
        seed: int = 0,
        features: nn.Module | None = None,
        reset_real_features: bool = True,
    ) -> None:
        if subset_size is not None:
            check_count(subset_size, "subset_size", 2)  # of one picture there is no pair, and no estimate
        check_count(subsets, "subsets")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that features are kept is meant
            super().__init__(
                _features(features),
                subsets=subsets,
                subset_size=subset_size or 2,
                reset_real_features=reset_real_features,
            )
        self.all_pictures = subset_size is None
        self.seed = seed

    @torch.no_grad()
    def update(self, imgs: Tensor, real: bool) -> None:
        """Add pictures (N, 3, H, W) in [-1, 1], of the truth (``real=True``) or of the model.

        Raises:
            ShapeError: if the pictures have another shape, type or range.
        """
        _check_update(self.inception, imgs, real)
        with _remembering(self.inception, real):
            super().update(imgs, real)

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return the distance and its spread, two float64 scalars.

        Raises:
            ShapeError: if there are fewer pictures than a subset holds, or fewer than three.
        """
        counts = [len(torch.cat(found)) if found else 0 for found in (self.real_features, self.fake_features)]
        least = 3 if self.all_pictures else self.subset_size
        if min(counts) < least:
            raise ShapeError(f"VGG-KID needs {least} pictures on each side, not {counts[0]} real and {counts[1]} fake.")
        if self.all_pictures:
            return unbiased_mmd(torch.cat(self.fake_features), torch.cat(self.real_features))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return super().compute()


class VGGFID(FrechetInceptionDistance):
    """torchmetrics' Frechet distance with VGG-16's features (VGG-FID): ``update(images, real=...)``, ``compute()``.

    It is the distance between two Gaussians fitted to the features, ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2))``. It
    is biased upwards, the more the fewer pictures; below as many pictures as features (512) the covariances are
    singular, and a warning says so: use VGG-KID there.

    Args:
        features: what turns (N, 3, H, W) in [-1, 1] into (N, d), with an attribute ``num_features``; None:
            :class:`PooledVGG`.
        reset_real_features: whether ``reset`` forgets the real pictures too; False to compare with them again.

    Raises:
        ShapeError: if the features are none.
    """

    def __init__(self, features: nn.Module | None = None, reset_real_features: bool = True) -> None:
        super().__init__(_features(features), reset_real_features=reset_real_features)

    @torch.no_grad()
    def update(self, imgs: Tensor, real: bool) -> None:
        """Add pictures (N, 3, H, W) in [-1, 1], of the truth (``real=True``) or of the model.

        Raises:
            ShapeError: if the pictures have another shape, type or range.
        """
        _check_update(self.inception, imgs, real)
        with _remembering(self.inception, real):
            super().update(imgs, real)

    def compute(self) -> Tensor:
        """Return the distance, a float64 scalar of at least 0, below which only rounding would bring it.

        Raises:
            ShapeError: if there are fewer than two pictures on one side.
        """
        count = int(min(self.real_features_num_samples, self.fake_features_num_samples))
        dimension = len(self.real_features_sum)
        if count < 2:
            raise ShapeError("VGG-FID needs two pictures on each side: it fits a covariance to them.")
        if count < dimension:
            warnings.warn(
                f"VGG-FID of {count} pictures rests on singular {dimension} x {dimension} covariances and is far too "
                "large: use vgg_kid, or compare only with figures from the same number of pictures.",
                stacklevel=2,
            )
        return super().compute().clamp(min=0)


def vgg_kid(
    fake: Tensor,
    real: Tensor,
    subset_size: int | None = None,
    subsets: int = 100,
    seed: int = 0,
    features: nn.Module | None = None,
    fake_groups: Tensor | None = None,
    real_groups: Tensor | None = None,
) -> tuple[float, float]:
    """Return the VGG-KID between two sets of pictures and its spread; near 0 (also below) if they look alike.

    It is the squared maximum mean discrepancy with the kernel ``(x . y / d + 1)^3`` on pooled VGG-16 features, without
    bias at any number of pictures. Not comparable with the KID of the literature: see the module's text.

    Args:
        fake: (N, 3, H, W) in [-1, 1], N at least 3.
        real: (M, 3, H, W); M need not be N.
        subset_size: None: all pictures at once, and the spread is the standard error of the value. Else mean and
            standard deviation over random subsets of this size, at least 2, as the literature gives them.
        subsets: how many, at least 1.
        seed: of the subsets.
        features: as for :class:`VGGKID`, to load the network once or to use a GPU; None: on the CPU.
        fake_groups: (N,) integers that say which fakes belong together, as patches of one photograph do; the standard
            error then counts photographs, see :func:`unbiased_mmd`. None: each picture stands for itself.
        real_groups: (M,) the same for the reals.

    Raises:
        ShapeError: if the pictures have another shape, type or range, or are too few, as may be the numbers.

    Source:
        Binkowski et al., Demystifying MMD GANs, 2018, section 4; features and the use of all pictures are ours.
    """
    metric = VGGKID(subset_size, subsets, seed, features)
    metric.update(fake, real=False)
    metric.update(real, real=True)
    if fake_groups is None and real_groups is None:
        value, spread = metric.compute()
    elif subset_size is not None:
        raise ShapeError("Groups say what the standard error counts, and subsets have none: leave subset_size out.")
    else:
        made, truth = torch.cat(metric.fake_features), torch.cat(metric.real_features)
        value, spread = unbiased_mmd(made, truth, fake_groups=fake_groups, real_groups=real_groups)
    return float(value), float(spread)


def vgg_fid(fake: Tensor, real: Tensor, features: nn.Module | None = None) -> float:
    """Return the VGG-FID between two sets of pictures; 0 if their features have the same mean and covariance.

    Not comparable with the FID of the literature: see the module's text.

    Args:
        fake: (N, 3, H, W) in [-1, 1]; warns if N is below the number of features (512).
        real: (M, 3, H, W); M need not be N.
        features: as for :class:`VGGFID`.

    Raises:
        ShapeError: if the pictures have another shape, type or range, or are too few.

    Source:
        Heusel et al., GANs trained by a two time-scale update rule converge to a local Nash equilibrium, 2017,
        equation 6.
    """
    metric = VGGFID(features)
    metric.update(fake, real=False)
    metric.update(real, real=True)
    return float(metric.compute())


@lru_cache(maxsize=1)
def _bundled_features() -> PooledVGG:
    return PooledVGG()


def _remembering(features: Any, real: bool) -> Any:
    """Let the course's network remember real pictures; another one is asked each time."""
    return features.remembering(real) if isinstance(features, PooledVGG) else nullcontext()


def _features(features: nn.Module | None) -> Any:
    if features is None:
        return _bundled_features()
    check_network(features, "features")
    return features


def _check_update(features: Any, images: Tensor, real: bool) -> None:
    if not isinstance(real, bool):
        raise ShapeError(f"real is {real!r}: say True for the truth and False for the model.")
    if not isinstance(features, PooledVGG):  # which looks itself
        check_images(images)
