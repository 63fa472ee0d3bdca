"""Split emoji into train, validation and test so that no picture of one has a near-duplicate in another."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

SHARES = {"train": 0.75, "validation": 0.10, "test": 0.15}
# Two pictures are near-duplicates below this root mean square difference (0..255, over all pixels and channels).
# Looked at pair by pair: below 15 the coloured pictures are one drawing with a detail changed (closed eyes, the hand of
# a clock, a freckle); from 15 to 20 the first expressions appear that a person tells apart at once. Line drawings are
# mostly white, so that the same change weighs less: below 10 they are the same lines but for a dot.
NEAR = {"3d": 15.0, "flat": 15.0, "noto": 15.0, "openmoji": 15.0, "outline": 10.0, "openmoji_line": 10.0}


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the root mean square differences (n, m) between two sets of pictures (n, ...) and (m, ...) in 0..255."""
    x, y = (array.reshape(len(array), -1).astype(np.float32) / 255 for array in (a, b))
    squared = (x**2).sum(1)[:, None] + (y**2).sum(1)[None] - 2 * (x @ y.T)
    return 255 * np.sqrt(np.maximum(squared, 0) / x.shape[1])


def near_pairs(pictures: dict[str, np.ndarray]) -> set[tuple[int, int]]:
    """Return the pairs that are near-duplicates in any style, as they are or mirrored (training flips them)."""
    pairs: set[tuple[int, int]] = set()
    for style, images in pictures.items():
        for other in (images, images[:, :, ::-1]):
            first, second = np.nonzero(distances(images, other) < NEAR[style])
            pairs.update((int(i), int(j)) for i, j in zip(first, second, strict=True) if i < j)
    return pairs


def clusters(roles: list[str], pairs: set[tuple[int, int]]) -> list[int]:
    """Return for each emoji the first emoji of its cluster: same role, or linked by near-duplicates (union-find)."""
    parent = list(range(len(roles)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first_of: dict[str, int] = {}
    for i, role in enumerate(roles):
        first_of.setdefault(role, i)
    same_role = {(first_of[role], i) for i, role in enumerate(roles)}
    for i, j in sorted(pairs | same_role):
        low, high = sorted((find(i), find(j)))
        parent[high] = low
    return [find(i) for i in range(len(roles))]


def assign(rows: list[dict], seed: int = 0) -> list[str]:
    """Return the split of each emoji: whole clusters, in the wanted shares within each kind and group.

    Clusters of one stratum are dealt from the largest to the smallest (ties in random order), each to the split that is
    furthest below its share; factorial clusters are counted in roles, the others in emoji.
    """
    members: dict[int, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        members[row["cluster"]].append(i)
    strata: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for cluster, emoji in members.items():
        roles = {rows[i]["role"] for i in emoji if rows[i]["kind"] == "factorial"}
        stratum = f"factorial {rows[emoji[0]]['subgroup']}" if roles else rows[emoji[0]]["group"]
        strata[stratum].append((len(roles) or len(emoji), cluster))
    rng = np.random.default_rng(seed)
    split_of: dict[int, str] = {}
    # What one stratum leaves over or short is carried to the next of its sort, so that small strata do not add up.
    carried = {"factorial": dict.fromkeys(SHARES, 0.0), "core": dict.fromkeys(SHARES, 0.0)}
    for stratum in sorted(strata):
        dealt = [strata[stratum][i] for i in rng.permutation(len(strata[stratum]))]
        dealt.sort(key=lambda pair: -pair[0])
        missing = carried["factorial" if stratum.startswith("factorial") else "core"]
        for split, share in SHARES.items():
            missing[split] += share * sum(size for size, _ in dealt)
        for size, cluster in dealt:
            split = max(SHARES, key=lambda name: missing[name])
            split_of[cluster] = split
            missing[split] -= size
    return [split_of[row["cluster"]] for row in rows]


def check_splits(splits: list[str], roles: list[str], pictures: dict[str, np.ndarray]) -> dict[str, float]:
    """Assert that no role is in two splits and no near-duplicates are; return the smallest distance by style."""
    split = np.array(splits)
    assert all(len({s for s, r in zip(splits, roles, strict=True) if r == role}) == 1 for role in set(roles))
    closest = {}
    for style, images in pictures.items():
        least = np.inf
        for one, rest in (("test", split != "test"), ("validation", split == "train")):
            for other in (images[rest], images[rest][:, :, ::-1]):
                least = min(least, float(distances(images[split == one], other).min()))
        assert least >= NEAR[style], f"{style}: pictures of two splits are only {least:.1f} apart"
        closest[style] = least
    return closest
