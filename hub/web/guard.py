"""stub"""

from flask import g


def let_in(hub):
    class A:
        name = "ada@acme.example"
        role = "admin"

    g.account = A


def csrf_token():
    return "x"


def may(role):
    return True
