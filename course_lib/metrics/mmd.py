"""The maximum mean discrepancy of two samples of features, without bias, with its standard error."""

from __future__ import annotations

import torch
from torch import Tensor

from course_lib.arguments import check_alike, check_count, check_finite, check_floats, check_tensor, check_values
from course_lib.errors import ShapeError


def unbiased_mmd(
    fake: Tensor,
    real: Tensor,
    degree: int = 3,
    fake_groups: Tensor | None = None,
    real_groups: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the unbiased estimate of the squared maximum mean discrepancy of two samples, and its standard error.

    With the kernel ``k(x, y) = (x . y / d + 1)^degree`` it is the mean of k over pairs of different fakes, plus that
    over pairs of different reals, minus twice the mean over all pairs of a fake and a real. The error is the
    jackknife's: what leaving out each independent unit in turn changes. The unit is a row, or all rows of one group:
    patches of one photograph are not independent, and an error that takes them so comes out too small.

    Args:
        fake: features (N, d), N at least 3.
        real: features (M, d), M at least 3.
        degree: of the polynomial, at least 1.
        fake_groups: (N,) integers, rows with the same number belong to one unit; None: each row is one.
        real_groups: (M,) the same for the reals. A number that stands on both sides means one unit (the patches of a
            photograph and what was made of them), which is left out on both at once.

    Raises:
        ShapeError: if the features or groups do not fit, are no finite floats or too few, or the degree is below 1.

    Source:
        Gretton et al., A kernel two-sample test, 2012, equation 3; Efron and Stein, The jackknife estimate of variance,
        1981.
    """
    check_tensor(fake, "fake")
    check_tensor(real, "real")
    check_count(degree, "degree")
    if fake.dim() != 2 or real.dim() != 2 or fake.shape[1] != real.shape[1]:
        raise ShapeError(f"MMD takes features (N, d) and (M, d), not {tuple(fake.shape)} and {tuple(real.shape)}.")
    n, m, d = len(fake), len(real), fake.shape[1]
    if min(n, m) < 3:
        raise ShapeError(f"MMD needs three rows on each side, not {n} and {m}: give more pictures.")
    check_alike(fake, real, ("fake", "real"), shapes=False)
    for sample, name in ((fake, "fake"), (real, "real")):
        check_floats(sample, name)
        check_finite(sample, name)
    fake, real = fake.double(), real.double()
    fakes, reals, units, together = _units(n, m, fake_groups, real_groups)

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        return (a @ b.T / d + 1) ** degree

    def without_each(values: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Return the sum of a matrix without the rows and columns of each unit in turn."""
        nothing = values.new_zeros(units)
        by_row = nothing.index_add(0, rows, values.sum(dim=1))
        by_column = nothing.index_add(0, columns, values.sum(dim=0))
        inside = nothing.index_add(0, rows, (values * (rows[:, None] == columns)).sum(dim=1))
        return values.sum() - by_row - by_column + inside

    among_fakes, among_reals, between = kernel(fake, fake), kernel(real, real), kernel(fake, real)
    among_fakes.fill_diagonal_(0)
    among_reals.fill_diagonal_(0)
    value = among_fakes.sum() / (n * (n - 1)) + among_reals.sum() / (m * (m - 1)) - 2 * between.sum() / (n * m)

    n_left, m_left = n - torch.bincount(fakes, minlength=units), m - torch.bincount(reals, minlength=units)
    if min(int(n_left.min()), int(m_left.min())) < 2:
        raise ShapeError("Without one of the groups fewer than two rows are left on a side: give more groups.")
    without = without_each(among_fakes, fakes, fakes) / (n_left * (n_left - 1))
    without = without + without_each(among_reals, reals, reals) / (m_left * (m_left - 1))
    without = without - 2 * without_each(between, fakes, reals) / (n_left * m_left)
    samples = [without] if together else [without[fakes.unique()], without[reals.unique()]]
    variance = torch.stack([(len(one) - 1) * one.var(correction=0) for one in samples]).sum()
    return value, variance.sqrt()


def _units(n: int, m: int, fake_groups: Tensor | None, real_groups: Tensor | None) -> tuple[Tensor, Tensor, int, bool]:
    """Return the unit of each fake and of each real, counted from 0, their number, and whether sides share one."""
    for groups, count in ((fake_groups, n), (real_groups, m)):
        if groups is None:
            continue
        check_tensor(groups, "The groups")
        check_values(groups, "The groups")
        if groups.shape != (count,) or groups.dtype == torch.bool or groups.is_floating_point():
            raise ShapeError(
                f"The groups of {count} rows are {tuple(groups.shape)} {groups.dtype}: give one integer for each row."
            )
    if fake_groups is None or real_groups is None:  # then no unit stands on both sides
        first = torch.arange(n) if fake_groups is None else fake_groups.cpu().unique(return_inverse=True)[1]
        second = torch.arange(m) if real_groups is None else real_groups.cpu().unique(return_inverse=True)[1]
        second = second + int(first.max()) + 1
    else:
        both = torch.cat([fake_groups.cpu(), real_groups.cpu()]).unique(return_inverse=True)[1]
        first, second = both[:n], both[n:]
    together = bool(torch.isin(first, second).any())
    return first, second, int(max(first.max(), second.max())) + 1, together
