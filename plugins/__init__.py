"""Business modules. Each folder is one plugin; see docs/plugins."""
