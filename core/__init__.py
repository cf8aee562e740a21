"""The minimal core of Jinqiao CRM: it knows plugins, people and permissions, and no bank word."""

__version__ = "0.1.0"
