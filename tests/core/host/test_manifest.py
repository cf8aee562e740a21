from __future__ import annotations

from pathlib import Path

import pytest

from core.host.manifest import ManifestError, read

GOOD = 'name = "visits"\ntitle = "Visits"\nversion = "1.2.0"\napi = ">=1.0,<2"\n'


def written(folder: Path, text: str) -> Path:
    (folder / "plugin.toml").write_text(text, "utf-8")
    return folder


def test_every_field_is_read(tmp_path: Path) -> None:
    more = 'requires = { customers = ">=0.1" }\nuses = ["products"]\nextends = ["managers"]\n'
    more += "protected = true\ntraining = true\n"
    manifest = read(written(tmp_path, GOOD + more))
    assert (manifest.name, manifest.title, manifest.version) == ("visits", "Visits", "1.2.0")
    assert dict(manifest.requires) == {"customers": ">=0.1"}
    assert (manifest.uses, manifest.extends, manifest.protected, manifest.training) == (
        ("products",),
        ("managers",),
        True,
        True,
    )
    assert manifest.api_fits


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        (GOOD.replace("visits", "a_name_too_long_x"), "name", "16 characters"),
        (GOOD.replace('"visits"', '"Visits"'), "name", "lower case"),
        (GOOD.replace('"visits"', '"core"'), "name", "choose another"),
        (GOOD.replace('name = "visits"\n', ""), "name", "is missing"),
        (GOOD.replace("1.2.0", "first"), "version", "not a version"),
        (GOOD.replace('"1.2.0"', "1.2"), "version", "text"),
        (GOOD.replace(">=1.0,<2", "one"), "api", ">=1.0,<2"),
        (GOOD + 'requires = { customers = "new" }\n', "requires.customers", "version range"),
        (GOOD + 'requires = { visits = ">=1" }\n', "requires", "itself"),
        (GOOD + 'requires = ["customers"]\n', "requires", "a table"),
        (GOOD + "uses = [1]\n", "uses", "not a plugin name"),
        (GOOD + 'protected = "yes"\n', "protected", "true or false"),
        (GOOD + 'requries = { customers = ">=1" }\n', "requries", "the fields are"),
        ("name = visits\n", "file", "TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_mend(tmp_path: Path, text: str, field: str, words: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read(written(tmp_path, text))
    assert caught.value.field == field
    assert str(tmp_path / "plugin.toml") in str(caught.value)
    assert words in str(caught.value)


def test_no_file_and_no_utf8(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="does not exist"):
        read(tmp_path)
    (tmp_path / "plugin.toml").write_bytes('title = "客户"'.encode("gb18030"))
    with pytest.raises(ManifestError, match="save it as UTF-8"):
        read(tmp_path)


@pytest.mark.parametrize(("api", "fits"), [(">=1.0,<2", True), (">=2.0", False), ("==1.*", True), (">=0.5,<1", False)])
def test_api_range_is_compared_with_this_core(tmp_path: Path, api: str, fits: bool) -> None:
    assert read(written(tmp_path, GOOD.replace(">=1.0,<2", api))).api_fits is fits
