"""System: what administrators see and switch. Holds no business data."""
