"""The schemas of the core and of each plugin, kept apart. Use it through :mod:`core.host.migrations`."""
