"""``crm plugin new``: a plugin with one of everything, which passes its own tests and the contract suite."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.contract import API_VERSION
from core.host.manifest import NAME, NAMES_TAKEN

TEMPLATE = Path(__file__).parent / "template"
SUFFIX = ".jinja"


def create(name: str, folder: Path | str, title: str = "") -> Path:
    """Write the plugin ``name`` into ``folder/name`` and return that folder.

    Args:
        name: 1 to 16 of a-z, 0-9 and _, beginning with a letter.
        folder: where plugins lie: ``plugins``, or a folder of ``CRM_PLUGIN_PATH``; made when it is not there.
        title: what people read; by default made from the name.

    Raises:
        ValueError: the name is not one a plugin can have.
        FileExistsError: there is something of that name already.
    """
    if not NAME.fullmatch(name) or name in NAMES_TAKEN:
        raise ValueError(f"{name!r} can be no plugin's name: 1 to 16 of a-z, 0-9 and _, beginning with a letter")
    target = Path(folder) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.mkdir()
    major = API_VERSION.partition(".")[0]
    values = {
        "name": name,
        "title": _one_line(title) or name.replace("_", " ").capitalize(),
        "klass": "".join(part.capitalize() for part in name.split("_")),
        "api": f">={API_VERSION},<{int(major) + 1}",
    }
    for source in sorted(TEMPLATE.rglob(f"*{SUFFIX}")):
        _render(source.relative_to(TEMPLATE), target, values)
    return target


def _one_line(title: str) -> str:
    """A title that cannot break out of the TOML, PO and Markdown it is written into."""
    return " ".join(title.replace('"', "").replace("\\", "").split())


def _render(source: Path, target: Path, values: dict[str, str]) -> None:
    # Delimiters of its own: much of what is written is a Jinja template itself.
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - writes source files, not pages
        block_start_string="[%",
        block_end_string="%]",
        variable_start_string="[[",
        variable_end_string="]]",
        comment_start_string="[#",
        comment_end_string="#]",
    )
    path = target / str(source).removesuffix(SUFFIX).replace("NAME", values["name"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(environment.get_template(source.as_posix()).render(values), "utf-8")
