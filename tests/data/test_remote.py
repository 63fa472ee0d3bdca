"""The list of downloads: complete, and clear about what it does not know."""

from __future__ import annotations

import re

import pytest

from course_lib import data
from course_lib.data.remote import DOWNLOADS
from course_lib.errors import DataError


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"name": "facade"}, "did you mean 'facades'"),
        ({"name": "maps", "split": "validation"}, "no split 'validation': choose one of train, test"),
        ({"name": "maps", "direction": "BA"}, "'AtoB' or 'BtoA'"),
        ({"name": "maps", "size": 0}, "size is 0"),
        ({"name": "maps", "limit": True}, "limit is True"),
    ],
)
def test_wrong_arguments(call: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        data.download(**call)


def test_the_catalogue_is_complete() -> None:
    assert len({remote.name for remote in DOWNLOADS}) == len(DOWNLOADS) == 12
    for remote in DOWNLOADS:
        assert remote.about > 10**7
        assert re.search(r"ships? with the course$", remote.instead)
        assert remote.checksum is None or re.fullmatch(r"sha256:[0-9a-f]{64}", remote.checksum)
        assert all(mirror.endswith("/") for mirror in remote.mirrors)
        for entry in re.findall(r'load\("(\w+)"', remote.instead):
            assert entry in data.names()
