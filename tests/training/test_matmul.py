"""How exact products of matrices are: set for the run alone, and told apart by a resumed run."""

import pytest
import torch

from course_lib.data.mixtures import ring
from course_lib.errors import TrainingError
from course_lib.systems.gan import GAN, GANConfig
from course_lib.training import fit


def run(**options):
    system = GAN(GANConfig(g_hidden=(4,), d_hidden=(4,)))
    points = ring().points(64)
    return fit(system, points, steps=2, batch_size=8, flip=False, device="cpu", progress=False, **options)


@pytest.mark.parametrize("exactness", ["highest", "high", "medium"])
def test_it_holds_inside_the_run_and_no_longer(exactness):
    before = torch.get_float32_matmul_precision()
    seen = []
    run(matmul=exactness, on_step=lambda *_: seen.append(torch.get_float32_matmul_precision()))
    assert seen == [exactness, exactness]
    assert torch.get_float32_matmul_precision() == before


def test_it_is_put_back_after_an_error():
    before = torch.get_float32_matmul_precision()

    def fail(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(matmul="medium", on_step=fail)
    assert torch.get_float32_matmul_precision() == before


def test_unknown_word():
    with pytest.raises(TrainingError, match="choose one of highest, high, medium"):
        run(matmul="low")


def test_a_run_is_not_resumed_with_other_products(tmp_path):
    run(checkpoint=tmp_path)
    with pytest.raises(TrainingError, match="matmul"):
        run(checkpoint=tmp_path, matmul="medium")
