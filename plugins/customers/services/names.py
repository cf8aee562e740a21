"""Names as people type them, store them, sort them and look for them.

A name is found by any part of it, by its pinyin and by its initials. All three are index entries of one kind: a text
that the query must be the beginning of. The part "国强" of 张国强 is found because "国强" is itself an entry.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from itertools import product

SEPARATOR = "·"
LONGEST = 60
"""Characters of an index entry; a longer query is compared by its first sixty."""
LAST = "~"
"""Sorts after every name: those who have none."""

_HANZI = "㐀-䶿一-鿿豈-﫿\U00020000-\U000323af"
_DOTS = re.compile(rf"(?<=[{_HANZI}])\s*[•・．.。∙⋅‧᛫●·･]\s*(?=[{_HANZI}])")
_UNIT = re.compile(rf"[{_HANZI}]|[a-z0-9]+")
_RUN = re.compile(rf"[{_HANZI}]+|[a-z0-9]+")
_REGION = re.compile(r"^(?:中国|[一-鿿]{2,3}(?:省|市|自治区)|[一-鿿]{2,3}[县区])+(?=[一-鿿]{2})")
_LEGAL = re.compile(r"(?:股份有限公司|有限责任公司|有限公司|专业合作社|合作社|集团|公司|经营部|商行)+$")

SURNAMES = {
    "单": "shan", "仇": "qiu", "解": "xie", "查": "zha", "曾": "zeng", "区": "ou", "朴": "piao", "盖": "ge",
    "员": "yun", "乐": "yue", "任": "ren", "华": "hua", "缪": "miao", "宓": "mi", "秘": "bi", "冼": "xian",
    "洗": "xian", "折": "she", "黑": "he", "纪": "ji", "种": "chong", "繁": "po", "召": "shao", "燕": "yan",
    "覃": "qin", "谌": "chen", "尹": "yin", "令": "ling", "翟": "zhai", "费": "fei", "能": "nai", "祭": "zhai",
}  # fmt: skip
"""What a character is called when it is a surname, where the dictionary says otherwise or may."""
COMPOUND = {
    "尉迟": ("yu", "chi"), "万俟": ("mo", "qi"), "长孙": ("zhang", "sun"), "单于": ("chan", "yu"),
    "澹台": ("tan", "tai"), "鲜于": ("xian", "yu"), "令狐": ("ling", "hu"), "乐正": ("yue", "zheng"),
    "宰父": ("zai", "fu"), "亓官": ("qi", "guan"), "夏侯": ("xia", "hou"), "皇甫": ("huang", "fu"),
}  # fmt: skip


def stored(name: str) -> str:
    """The name as it is kept and shown: outer space gone, one sign (U+00B7) between the parts of a minority name."""
    return _DOTS.sub(SEPARATOR, " ".join(name.split()))


def normalised(text: str) -> str:
    """The form names are compared in: half-width, lower case, letters and digits only."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ü", "v")
    return "".join(c for c in folded if c.isalnum())


def units(name: str) -> list[str]:
    """What a name is made of: hanzi one by one, Latin words whole."""
    return _UNIT.findall(_folded(name))


def syllables(name: str, person: bool) -> list[str]:
    """The reading of a name, one syllable or word at a time; surnames as surnames."""
    plain = _folded(name)
    spoken: list[str] = []
    for run in _RUN.findall(plain):
        spoken.extend([run] if run.isascii() else _read(run))
    if person and spoken:
        return _as_surname(plain, spoken)
    return spoken


@lru_cache(maxsize=4_096)
def _read(hanzi: str) -> tuple[str, ...]:
    from pypinyin import Style, lazy_pinyin  # its dictionary is big and slow to load; only new names need it

    return tuple(lazy_pinyin(hanzi, style=Style.NORMAL, errors="ignore"))


def sort_name(name: str | None, person: bool) -> str:
    """What lists are sorted by: pinyin, then the characters, so that like names stand together; nameless last."""
    if not name or not units(name):
        return LAST
    return f"{' '.join(syllables(name, person))}  {normalised(name)}"[:200]  # two spaces: 张三 before 张三丰


def entries(name: str, person: bool) -> frozenset[str]:
    """Every text whose beginning finds this name."""
    found = set(_parts(name)) | set(_spoken(name, person))
    if not person:
        brief = core_of(name)
        found |= set(_spoken(brief, person))
    return frozenset(entry[:LONGEST] for entry in found if entry)


def of_party(name: str | None, short_name: str | None, person: bool) -> frozenset[str]:
    """Every text that finds a customer: by its name and by what colleagues call it."""
    by_name = entries(name, person) if name else frozenset()
    return by_name | entries(short_name, person=False) if short_name else by_name


def core_of(name: str) -> str:
    """A company's name without region in front and legal form behind: 杭州市滨江精工有限公司 → 滨江精工."""
    brief = _LEGAL.sub("", _REGION.sub("", name))
    return brief if len(brief) >= 2 else name


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold().replace("ü", "v")


def _parts(name: str) -> Iterator[str]:
    """The name from each hanzi or word on to its end."""
    pieces = units(name)
    for start in range(len(pieces)):
        yield "".join(pieces[start:])


def _spoken(name: str, person: bool) -> Iterator[str]:
    """Full pinyin and initials in each reading: as a surname, as the dictionary says, ü as v and as u."""
    readings = {tuple(syllables(name, person)), tuple(syllables(name, False))}
    for reading in readings:
        yield "".join(s[0] for s in reading)
        for spelling in _spellings(reading):
            yield "".join(spelling)


def _spellings(reading: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    choices = [(s, s.replace("v", "u")) if s[:2] in {"lv", "nv"} else (s,) for s in reading]
    if sum(len(c) > 1 for c in choices) > 2:  # a firm called 绿绿绿绿 must not get sixteen spellings
        yield reading
        yield tuple(c[-1] for c in choices)
        return
    yield from product(*choices)


def _as_surname(name: str, spoken: list[str]) -> list[str]:
    if name[:2] in COMPOUND:
        return [*COMPOUND[name[:2]], *spoken[2:]]
    if name[0] in SURNAMES:
        return [SURNAMES[name[0]], *spoken[1:]]
    return spoken
