"""A self-hosted survey hub: customer events in, surveys out, answers back."""

__version__ = "0.1.0"
