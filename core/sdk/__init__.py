"""The door: the only package plugins import from core. Semantic version ``API_VERSION``; see docs/plugin-guide.md.

Names leave it only after two minor versions in which they warn.
"""

from core.contract import API_VERSION

__all__ = ["API_VERSION"]
