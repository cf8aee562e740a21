"""One contract rule per module."""
