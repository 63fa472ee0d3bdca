"""Exercises 12.1, 12.3 and 12.4: other right answers pass, and wrong ones get the message of the mistake."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from course_lib.errors import ExerciseError
from course_lib.exercises import check, exercises, find
from course_lib.exercises.checking import judge
from course_lib.lessons.lesson_12.exercises.gram import gram
from course_lib.lessons.lesson_12.exercises.losses import _cases as loss_cases
from course_lib.lessons.lesson_12.exercises.losses import broken_losses, losses
from course_lib.lessons.lesson_12.exercises.toys import ToyVGG
from course_lib.lessons.lesson_12.exercises.tv_loss import tv_loss
from course_lib.losses.perceptual import content_loss, gram_matrix, style_loss, total_variation


def refused(exercise_id: str, answer: Any) -> str:
    """Return what a check raises, without the number of the exercise."""
    with pytest.raises(ExerciseError) as caught:
        check(exercise_id, answer)
    text = str(caught.value)
    assert text.endswith((".", "?"))
    return text.removeprefix(f"Exercise {exercise_id}: ")


def test_the_lesson_has_six_exercises() -> None:
    assert list(exercises("12")) == [f"12.{number}" for number in range(1, 7)]


@pytest.mark.parametrize("number", range(1, 7))
def test_blank_says_so_and_goes_on(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    exercise = find(f"12.{number}")
    names: dict[str, Any] = {"torch": torch}
    exec(exercise.stub, names)
    check(exercise.id, names[exercise.name])
    assert "not attempted yet" in capsys.readouterr().out


@pytest.mark.parametrize("number", range(1, 7))
def test_messages_are_one_sentence_and_hints_three(number: int) -> None:
    exercise = find(f"12.{number}")
    assert len(exercise.hints) == 3
    for mistake in exercise.mistakes:
        assert not any(end in mistake.message for end in (". ", "? ", "! ")), mistake.message


@pytest.mark.parametrize("number", range(1, 7))
def test_the_cell_needs_torch_alone(number: int) -> None:
    exercise = find(f"12.{number}")
    names: dict[str, Any] = {"torch": torch}
    exec(exercise.cell, names)
    assert judge(exercise, names[exercise.name]) == ""


# 12.1: the Gram matrix


def _by_loops(features: Tensor) -> Tensor:
    n, c, h, w = features.shape
    entries = [
        torch.stack([(features[i, a] * features[i, b]).sum() for b in range(c)]) / (c * h * w)
        for i in range(n)
        for a in range(c)
    ]
    return torch.stack(entries).view(n, c, c)


@pytest.mark.parametrize(
    "answer",
    [
        _by_loops,
        gram_matrix,
        lambda f: torch.einsum("nchw,ndhw->ncd", f, f) / f[0].numel(),
        lambda f: (f.unsqueeze(1) * f.unsqueeze(2)).mean(dim=(3, 4)) / f.shape[1],
        lambda f: torch.stack([m.flatten(1) @ m.flatten(1).T / m.numel() for m in f]),
        lambda f: gram(f.transpose(2, 3)),  # the layout does not matter
        lambda f: gram(f.flip(3)),
    ],
)
def test_gram_right(answer: Any) -> None:
    assert judge(find("12.1"), answer) == ""


def test_gram_by_hand() -> None:
    found = gram(torch.tensor([1.0, -2.0, 0.5, 3.0]).view(1, 4, 1, 1))[0]
    assert found[0].tolist() == [0.25, -0.5, 0.125, 0.75]
    assert found[3, 3].item() == 2.25  # as `why` says
    assert found[1, 3].item() == -1.5


def _rows(f: Tensor) -> Tensor:
    return f.view(f.shape[0], f.shape[1], -1)


@pytest.mark.filterwarnings("ignore:cov")
@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda f: torch.bmm(_rows(f), _rows(f).mT) / (f.shape[2] * f.shape[3]), "You divide by H W alone"),
        (lambda f: torch.bmm(_rows(f), _rows(f).mT) / f[0].numel() ** 2, "You divide by the square of the size"),
        (lambda f: torch.bmm(_rows(f), _rows(f).mT) / (f.shape[1] * _rows(f).shape[2] ** 2), "by the square of the"),
        (lambda f: torch.bmm(_rows(f), _rows(f).mT), "Your sum over positions is not divided at all"),
        (lambda f: torch.bmm(_rows(f), _rows(f).mT) / f.numel(), "You divide by the size of the whole batch"),
        (lambda f: torch.bmm(_rows(f), _rows(f).mT) / f.shape[1], "does not hold the number of positions"),
        (lambda f: gram(f).mean(dim=0), "The pictures of the batch are mixed"),
        (lambda f: f.flatten(0, 1).flatten(1) @ f.flatten(0, 1).flatten(1).T / f[0].numel(), "The pictures of the"),
        (lambda f: torch.bmm(_rows(f).mT, _rows(f)) / f[0].numel(), "This is the matrix of positions"),
        (lambda f: gram(f - f.mean(dim=(2, 3), keepdim=True)), "You subtract the mean of each channel"),
        (lambda f: (f.view(len(f), -1, f.shape[1]).mT @ f.view(len(f), -1, f.shape[1])) / f[0].numel(), "Your rows"),
        (lambda f: F.normalize(_rows(f), dim=2) @ F.normalize(_rows(f), dim=2).mT, "You made the channels length 1"),
        (lambda f: f.mean((2, 3))[:, :, None] * f.mean((2, 3))[:, None], "You average over the positions before"),
        (lambda f: (f**2).mean(dim=(2, 3)), "Each channel is multiplied with itself alone"),
        (lambda f: gram(f).squeeze(0), "do not squeeze it"),
        (lambda f: gram(f.permute(0, 2, 3, 1).reshape(f.shape)), "Your rows are not channels"),
        (lambda f: torch.stack([torch.cov(m) for m in _rows(f)]), "You subtract the mean of each channel"),
        (lambda f: torch.stack([torch.cov(m, correction=0) for m in _rows(f)]), "You subtract the mean of each"),
        (lambda f: torch.softmax(_rows(f) @ _rows(f).mT, dim=2), "You turn the entries into probabilities"),
        (lambda f: gram(f) / gram(f).sum((1, 2), True), "You turn the entries into probabilities"),
        (lambda f: f @ f.transpose(2, 3) / f[0].numel(), "H and W are still two axes"),
        (lambda f: gram(f.detach()), "No gradient can flow back from your result to the features"),
        (lambda f: 3 * gram(f), "your result is 3 times the right one"),
        (lambda f: torch.triu(gram(f)), "Half of each matrix is 0"),
        (lambda f: gram(f).sin(), "On two feature maps"),
        (lambda f: print(end=""), "returned nothing (None)"),
    ],
)
def test_gram_wrong(answer: Any, message: str) -> None:
    assert message in refused("12.1", answer)


# 12.3: which picture is judged, and which is the target


def _with_the_courses_losses(features_of, netG, x, style):
    found = features_of(netG(x))
    return {
        "style": style_loss(gram_matrix(found), gram_matrix(features_of(style))),
        "content": content_loss(found, features_of(x)),
    }


def _detached_targets(features_of, netG, x, style):
    y_hat = netG(x)
    target = features_of(style).detach()
    difference = gram(features_of(y_hat)) - gram(target)
    return {
        "content": F.mse_loss(features_of(y_hat), features_of(x).detach()),
        "style": (difference**2).sum() / len(x),
        "tv": 0.0,
    }


@pytest.mark.parametrize("answer", [_with_the_courses_losses, _detached_targets])
def test_losses_right(answer: Any) -> None:
    assert judge(find("12.3"), answer) == ""


def test_the_broken_losses_do_as_the_task_says() -> None:
    """The content loss is 0 without graph, and with `requires_grad_` on x netG still gets no gradient."""
    features_of, netG, x, style = loss_cases()[0].inputs
    names: dict[str, Any] = {"torch": torch}
    exec(find("12.3").given, names)
    found = names["broken_losses"](features_of, netG, x, style)
    assert found["content"].item() == 0
    assert found["style"].item() > 0
    assert not found["content"].requires_grad
    assert not found["style"].requires_grad
    found = broken_losses(features_of, netG, x.requires_grad_(), style)
    (found["content"] + found["style"]).backward()
    assert all(parameter.grad is None for parameter in netG.parameters())
    found = losses(features_of, netG, x, style)
    (found["content"] + found["style"]).backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in netG.parameters())
    assert all(parameter.grad is None for parameter in features_of.parameters())


def _terms(content: str = "mse(f(y), f(x))", style: str = "far(f(y), f(s))", first: str = "y = g(x)") -> Any:
    """Return losses as a learner may write them: f is the loss network, g netG, s the painting."""
    names: dict[str, Any] = {"torch": torch, "mse": F.mse_loss, "gram": gram}
    code = (
        "def far(a, b):\n    return (gram(a) - gram(b)).square().sum(dim=(1, 2)).mean()\n"
        f"def answer(f, g, x, s):\n    {first}\n    return {{'content': {content}, 'style': {style}}}"
    )
    exec(code, names)
    return names["answer"]


def _calls_backward(features_of, netG, x, style):
    found = losses(features_of, netG, x, style)
    found["content"].backward(retain_graph=True)
    return found


@pytest.mark.parametrize(
    "answer, message",
    [
        (broken_losses, "Neither term contains the output"),
        (lambda f, g, x, s: broken_losses(f, g, x.requires_grad_(), s), "Neither term contains the output"),
        (_terms(content="mse(f(x), f(x))"), "The content term still compares x with its own target"),
        (_terms(style="far(f(x), f(s))"), "The style term still compares x with the painting"),
        (_terms("mse(f(y), f(s).expand_as(f(x)))", "far(f(y), f(x))"), "The two targets are exchanged"),
        (_terms(content="(f(y) - f(s)).pow(2).mean()"), "The content target is wrong"),
        (_terms(style="far(f(y), f(x))"), "The style target is wrong"),
        (_terms(content="mse(f(y), f(y).detach())"), "A term compares the output with itself"),
        (_terms(style="far(f(y), f(g(s)))"), "You send the painting through netG"),
        (_terms(first="y = g(x).detach()"), "no gradient of either term reaches netG"),
        (_terms(first="y = torch.no_grad()(g)(x)"), "no gradient of either term reaches netG"),
        (_terms(content="mse(f(y).detach(), f(x))"), 'The value of "content" is right'),
        (_terms(style="far(f(y.detach()), f(s))"), 'The value of "style" is right'),
        (_terms(content="mse(y, x)"), "The content term compares pixels"),
        (_terms(content="far(f(y), f(x))"), "The content term compares Gram matrices"),
        (_terms(style="(f(y) - f(s)).square().mean()"), "The style term compares features position by position"),
        (_terms(style="mse(gram(f(y)), gram(f(s)).expand(len(x), -1, -1))"), "The style term is averaged over"),
        (_terms(content="(f(y) - f(x)).square().sum()"), "The content term is summed"),
        (_terms(content="(f(y) - f(x)).abs().mean()"), "The content term takes absolute differences"),
        (_terms(style="torch.linalg.matrix_norm(gram(f(y)) - gram(f(s))).mean()"), "a norm without its square"),
        (_terms(style="far(y, s)"), "Gram matrices of pixels"),
        (_terms(first="y = g(s)", content="mse(f(y).expand_as(f(x)), f(x))"), "is made from the painting"),
        (_terms(content="mse(f(x), f(x))", style="2 * far(f(y), f(s))"), "still compares x with its own target"),
        (_terms(content="mse(f(y), f(x)).item()"), '"content" should be a scalar tensor'),
        (_terms(style="(gram(f(y)) - gram(f(s))).square().sum((1, 2))"), "yours is a tensor of shape (2,)"),
        (_terms(content="0.5 * mse(f(y), f(x))"), 'the value of "content": expected'),
        (_calls_backward, "without calling `backward()`"),
        (lambda f, g, x, s: sum(losses(f, g, x, s).values()), "Return a dict of both losses"),
        (lambda f, g, x, s: print(end=""), "returned nothing (None)"),
    ],
)
def test_losses_wrong(answer: Any, message: str) -> None:
    assert message in refused("12.3", answer)


def test_making_the_loss_network_trainable_is_no_remedy() -> None:
    def answer(features_of, netG, x, style):
        features_of.requires_grad_(True)
        return broken_losses(features_of, netG, x, style)

    assert "Neither term contains the output" in refused("12.3", answer)

    def right_but_thawed(features_of, netG, x, style):
        features_of.requires_grad_(True)
        return losses(features_of, netG, x, style)

    assert "Your function leaves `requires_grad` of `features_of.conv.weight` on" in refused("12.3", right_but_thawed)


def test_the_toy_vgg_is_frozen_and_in_eval_mode() -> None:
    vgg = ToyVGG(norm=True)
    assert not any(parameter.requires_grad for parameter in vgg.parameters())
    assert not vgg.norm.training
    assert (vgg(torch.randn(1, 3, 4, 4)) > 0).all()


# 12.4: total variation


@pytest.mark.parametrize(
    "answer",
    [
        total_variation,
        lambda x: (x.diff(dim=2).pow(2).sum() + x.diff(dim=3).pow(2).sum()) / x.numel(),
        lambda x: sum(((x.roll(1, d) - x).narrow(d, 1, x.shape[d] - 1) ** 2).sum() for d in (2, 3)) / x.numel(),
        lambda x: (
            (F.pad(x, (0, 1, 0, 1), "replicate").diff(dim=2)[..., :-1] ** 2).mean()
            + (F.pad(x, (0, 1, 0, 1), "replicate").diff(dim=3)[:, :, :-1] ** 2).mean()
        ),  # no step at the border
    ],
)
def test_tv_right(answer: Any) -> None:
    assert judge(find("12.4"), answer) == ""


def test_tv_by_hand() -> None:
    board = (torch.arange(4).view(4, 1) + torch.arange(4)) % 2 * 2.0 - 1
    assert tv_loss(board.view(1, 1, 4, 4)).item() == pytest.approx(4 * 24 / 16)  # 12 pairs each way, each (2)^2
    assert tv_loss(torch.linspace(0, 3, 4).expand(2, 3, 5, 4)).item() == pytest.approx(3 / 4)  # 3 steps of 1 in 4
    assert tv_loss(torch.full((2, 3, 4, 4), -0.3)).item() == 0


@pytest.mark.parametrize(
    "answer, message",
    [
        (lambda x: sum((x - x.roll(-1, d)).square().sum() for d in (2, 3)) / x.numel(), "The border is wrapped"),
        (lambda x: F.pad(x, (1, 1, 1, 1))[..., 1:-1].diff(dim=2).square().sum() / x.numel(), "On two noisy pictures"),
        (
            lambda x: (
                sum(s.square().sum() for s in (F.pad(x, (0, 0, 1, 1)).diff(dim=2), F.pad(x, (1, 1)).diff(dim=3)))
                / x.numel()
            ),
            "The border is padded with 0",
        ),
        (lambda x: x.diff(dim=2).square().sum() / x.numel(), "with the one below it alone"),
        (lambda x: x.diff(dim=3).square().sum() / x.numel(), "with the one beside it alone"),
        (lambda x: (x.diff(dim=2).abs().sum() + x.diff(dim=3).abs().sum()) / x.numel(), "the absolute value"),
        (lambda x: tv_loss(x) ** 0.5, "with a square root over both directions"),
        (
            lambda x: (x.diff(dim=2)[..., :-1] ** 2 + x.diff(dim=3)[:, :, :-1] ** 2).sum() / x.numel(),
            "You cut both directions to the same shape",
        ),
        (lambda x: x.diff(dim=2).square().mean() + x.diff(dim=3).square().mean(), "by the number of its own pairs"),
        (lambda x: tv_loss(x) / 2, "You averaged the two directions"),
        (lambda x: tv_loss(x) * x.numel(), "Your sum is not divided by all of"),
        (lambda x: (x.diff(dim=2).sum() + x.diff(dim=3).sum()) / x.numel(), "The differences keep their signs"),
        (lambda x: (x.diff(dim=1) ** 2).sum() / x.numel() + (x.diff(dim=2) ** 2).sum() / x.numel(), "You compare chan"),
        (
            lambda x: (
                ((x[:, :, 2:] - x[:, :, :-2]) ** 2).sum() / x.numel()
                + ((x[..., 2:] - x[..., :-2]) ** 2).sum() / x.numel()
            ),
            "that are two apart",
        ),
        (lambda x: sum((x.diff(n=2, dim=d) ** 2).sum() for d in (2, 3)) / x.numel(), "You took second differences"),
        (lambda x: x.var(dim=(2, 3), correction=0).mean(), "that is contrast"),
        (
            lambda x: (
                tv_loss(x)
                + (x[..., 1:, 1:] - x[..., :-1, :-1]).square().sum() / x.numel()
                + (x[..., 1:, :-1] - x[..., :-1, 1:]).square().sum() / x.numel()
            ),
            "Pixels that touch at a corner",
        ),
        (lambda x: x.diff(dim=2).abs().mean() + x.diff(dim=3).abs().mean(), "You took absolute values, and a mean"),
        (lambda x: tv_loss(x) * x.numel() / x.shape[2] / x.shape[3], "Your sum is not divided by all of"),
        (lambda x: tv_loss(x).item(), "Return the tensor, without `.item()`"),
        (lambda x: tv_loss(x.detach()), "No gradient can flow back from your loss to the pixels"),
        (lambda x: 5 * tv_loss(x), "your result is 5 times the right one"),
    ],
)
def test_tv_wrong(answer: Any, message: str) -> None:
    assert message in refused("12.4", answer)
