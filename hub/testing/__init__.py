"""The conformance kit for plugin authors: contracts to inherit in tests, and servers to test against.

The fixtures come with the pytest plugin of this distribution; nothing needs to be imported for them.
"""
