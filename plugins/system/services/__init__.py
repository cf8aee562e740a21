"""The domain of system."""
