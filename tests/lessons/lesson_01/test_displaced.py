"""Displaced pictures: known places, and minimisers that are known without any training."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from course_lib.data.containers import ImageSet
from course_lib.errors import ShapeError
from course_lib.lessons.lesson_01.displaced import Displaced, moved, moved_answers
from course_lib.metrics.answers import exact_minimisers


def pictures(count: int = 5, side: int = 12) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, side, side), generator=generator, dtype=torch.uint8)


def test_a_picture_moves_to_the_right_and_its_border_repeats():
    row = torch.tensor([1, 2, 3, 4]).view(1, 1, 1, 4).repeat(3, 1, 1, 1)
    found = moved(row, torch.tensor([1, 0, -2])).view(3, 4).tolist()
    assert found == [[1, 1, 2, 3], [1, 2, 3, 4], [3, 4, 4, 4]]


def test_the_mean_of_the_answers_is_a_motion_blur():
    images = pictures().float() / 127.5 - 1
    mean, _, _ = exact_minimisers(moved_answers(images, 3))
    kernel = torch.full((3, 1, 1, 7), 1 / 7)
    blurred = F.conv2d(F.pad(images, (3, 3, 0, 0), mode="replicate"), kernel, groups=3)
    assert torch.allclose(mean, blurred, atol=1e-6)


def test_the_answer_in_the_middle_is_the_picture():
    images = pictures()
    answers = moved_answers(images, 2)
    assert answers.shape == (5, 5, 3, 12, 12)
    assert torch.equal(answers[:, 2], images)


def test_every_pair_is_one_of_the_answers_and_all_displacements_occur():
    images = pictures(40)
    dataset = Displaced(ImageSet("toys", "train", images=images), reach=2)
    answers = moved_answers(images.float() / 127.5 - 1, 2)
    seen, epochs = set(), []
    for epoch in range(4):
        found = []
        for batch in dataset.batches(8, generator=torch.Generator().manual_seed(epoch)):
            assert torch.equal(batch.x, answers[batch.index, 2])
            apart = (answers[batch.index] - batch.y[:, None]).abs().amax(dim=(2, 3, 4))
            assert (apart.amin(dim=1) == 0).all()
            found += list(zip(batch.index.tolist(), apart.argmin(dim=1).tolist(), strict=True))
        assert sorted(row for row, _ in found) == list(range(40))
        seen |= {by for _, by in found}
        epochs.append(dict(found))
    assert seen == set(range(5))
    assert epochs[0] != epochs[1]  # drawn anew


def test_a_mirrored_picture_is_moved_after_it_is_mirrored():
    images = pictures(20)
    dataset = Displaced(ImageSet("toys", "train", images=images), reach=1)
    for batch in dataset.batches(5, flip=True, generator=torch.Generator().manual_seed(0)):
        apart = (moved_answers(batch.x, 1) - batch.y[:, None]).abs().amax(dim=(2, 3, 4))
        assert (apart.amin(dim=1) == 0).all()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: moved(pictures(), torch.ones(5)), "by is torch.float32"),
        (lambda: moved(pictures(), torch.ones(4, dtype=torch.int64)), "for each of the 5 pictures"),
        (lambda: moved(pictures(), torch.full((5,), 12)), "between -11 and 11"),
        (lambda: moved_answers(pictures(), 0), "reach is 0"),
        (lambda: moved_answers(pictures(), 12), "between -11 and 11"),
        (lambda: Displaced(pictures()), "takes an ImageSet"),
        (lambda: Displaced(ImageSet("toys", "train", images=pictures()), reach=12), "give less than 12"),
    ],
)
def test_what_cannot_be_moved_is_refused_in_a_sentence(wrong, says):
    with pytest.raises(ShapeError, match=says):
        wrong()
