"""The manifest says everything the host must know without importing the plugin."""

from __future__ import annotations

from collections.abc import Iterator

from core.contract import API_VERSION
from core.host.checks.finding import Finding
from core.host.checks.source import Plugin
from core.host.manifest import ManifestError, read

CODE = "CRM001"
WHERE = "plugin.toml"


def check(plugin: Plugin) -> Iterator[Finding]:
    """Fields there, of the right type, and meaning something; written for this core."""
    try:
        manifest = read(plugin.folder)
    except ManifestError as error:
        yield Finding(CODE, f"{error.field}: {error.problem}; {error.mend}", WHERE)
        return
    if not manifest.api_fits:
        cure = "widen it, or port the plugin"
        yield Finding(CODE, f"api {manifest.api!r} leaves out this core's {API_VERSION}; {cure}", WHERE)
    for field, names in (("uses", manifest.uses), ("extends", manifest.extends)):
        if manifest.name in names:
            yield Finding(CODE, f"{field} names the plugin itself; take it out", WHERE)
