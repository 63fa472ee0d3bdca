"""Which emoji are shipped, in what order, and what is known of each: names, tags, and the factors of persons."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from pathlib import Path

TONES = {"1f3fb": "light", "1f3fc": "medium-light", "1f3fd": "medium", "1f3fe": "medium-dark", "1f3ff": "dark"}
GENDER_SIGNS = {"2640": "woman", "2642": "man"}
GENDER_PERSONS = {"1f9d1": "person", "1f468": "man", "1f469": "woman"}
# Emoji that are one role though not all three genders have tones: (person, man, woman), "" where there is none.
FAMILIES = [
    ("1f9d1", "1f468", "1f469"),
    ("1f9d2", "1f466", "1f467"),
    ("1f9d3", "1f474", "1f475"),
    ("1fac5", "1f934", "1f478"),
    ("1fac4", "1fac3", "1f930"),
    ("1f9d1-200d-1f384", "1f385", "1f936"),
    ("", "1f57a", "1f483"),
]
FIELDS = [
    "position", "code", "name", "group", "subgroup", "tags", "kind", "base", "role", "gender", "tone",
    "cluster", "split", "outline_ok", "outline_shared", "overlap_3d",
]  # fmt: skip


def normal(code: str) -> str:
    """Return a code-point name in lower case and without variation selectors."""
    return "-".join(part for part in code.lower().split("-") if part != "fe0f")


def files_of(folder: Path, suffix: str) -> dict[str, Path]:
    """Return the files of a style by normalised code; where two names fall together, the longer (with fe0f) wins."""
    return {normal(path.stem): path for path in sorted(folder.glob(f"*{suffix}"), key=lambda p: (len(p.stem), p.stem))}


def with_tone(base: str, tone: str) -> str:
    """Return the code of a base emoji with a skin tone: the modifier stands after the first code point."""
    first, *rest = base.split("-")
    return "-".join([first, tone, *rest])


def find_roles(codes: set[str]) -> list[dict[str, str]]:
    """Return the person roles that have 3 genders x 6 tones, each as ``{gender: base code}``."""
    zwj: dict[str, dict[str, str]] = defaultdict(dict)
    sign: dict[str, dict[str, str]] = defaultdict(dict)
    for base in sorted(codes):
        if not all(with_tone(base, tone) in codes for tone in TONES):
            continue
        first, *rest = base.split("-")
        if first in GENDER_PERSONS and rest:
            zwj["-".join(rest)][GENDER_PERSONS[first]] = base
        else:
            signs = [GENDER_SIGNS[part] for part in rest if part in GENDER_SIGNS]
            neutral = "-".join([first, *(part for part in rest if part not in GENDER_SIGNS and part != "200d")])
            sign[neutral][signs[0] if signs else "person"] = base
    whole_zwj = [genders for genders in zwj.values() if len(genders) == 3]
    whole_sign = [genders for genders in sign.values() if len(genders) == 3]
    assert (len(whole_zwj), len(whole_sign)) == (23, 47), (len(whole_zwj), len(whole_sign))
    return whole_zwj + whole_sign


def read_annotations(path: Path) -> dict[str, dict]:
    """Return the entries of openmoji.json by normalised code."""
    return {normal(entry["hexcode"]): entry for entry in json.loads(path.read_text(encoding="utf-8"))}


def _tags(entry: dict) -> str:
    words = [word.strip() for field in ("tags", "openmoji_tags") for word in entry[field].split(",")]
    return "; ".join(dict.fromkeys(word for word in words if word))


def select(available: list[set[str]], notes: dict[str, dict]) -> list[dict]:
    """Return one row an emoji, in Unicode order, without the columns that need pictures.

    Args:
        available: the codes that each style has.
        notes: the entries of openmoji.json by code.
    """
    common = set.intersection(*available, set(notes))
    assert len(common) == 3256, len(common)
    codes = {code for code in common if notes[code]["group"] != "flags"}
    core = {code for code in codes if not TONES.keys() & set(code.split("-"))}
    assert (len(codes), len(core)) == (3003, 1558), (len(codes), len(core))

    known: dict[str, dict] = {}
    for genders in find_roles(codes):
        role = notes[genders["person"]]["annotation"]
        for gender, base in genders.items():
            known[base] = {"kind": "factorial", "base": base, "role": role, "gender": gender, "tone": "none"}
            for modifier, tone in TONES.items():
                known[with_tone(base, modifier)] = {**known[base], "tone": tone}
    assert len(known) == 1260, len(known)
    for person, man, woman in FAMILIES:
        role = notes[person or man]["annotation"]
        for gender, code in zip(("person", "man", "woman"), (person, man, woman), strict=True):
            if code in core:
                known[code] = {"kind": "core", "base": code, "role": role, "gender": gender, "tone": ""}
    for code in core - known.keys():
        sign = [part for part in code.split("-")[1:] if part in GENDER_SIGNS]
        neutral = "-".join(part for part in code.split("-200d-") if part not in GENDER_SIGNS)
        named = neutral if sign and neutral in core else code
        has_genders = sign or f"{code}-200d-2640" in core
        gender = GENDER_SIGNS[sign[0]] if sign else "person" if has_genders else ""
        role = notes[named]["annotation"]
        known[code] = {"kind": "core", "base": code, "role": role, "gender": gender, "tone": ""}

    order = sorted(known, key=lambda code: notes[code]["order"])
    assert len(order) == 2608, len(order)
    rows = []
    for position, code in enumerate(order):
        note = notes[code]
        row = {"position": position, "code": code, "name": note["annotation"], **known[code]}
        row |= {"group": note["group"], "subgroup": note["subgroups"], "tags": _tags(notes[known[code]["base"]])}
        rows.append(row)
    _check_rows(rows)
    return rows


def _check_rows(rows: list[dict]) -> None:
    """Assert that names and roles are unique and that the factorial part is complete."""
    twice = [name for name, count in Counter(row["name"] for row in rows).items() if count > 1]
    assert not twice, f"names used twice: {twice}"
    factorial = [row for row in rows if row["kind"] == "factorial"]
    cells = Counter((row["role"], row["gender"], row["tone"]) for row in factorial)
    assert len(cells) == 70 * 3 * 6
    assert set(cells.values()) == {1}
    shared = {row["role"] for row in factorial} & {row["role"] for row in rows if row["kind"] == "core"}
    assert not shared, f"roles both core and factorial: {shared}"
    for row in factorial:
        assert row["tone"] == "none" or f"{row['tone']} skin tone" in row["name"], row
