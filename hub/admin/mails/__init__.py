"""Mails that wait or went: seen, foretold, held, released, cancelled, settled."""
