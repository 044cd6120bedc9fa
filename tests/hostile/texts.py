"""Texts that have broken other programs. Tests carry them through everything the hub does with a text."""

from __future__ import annotations

MARKUP = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    "</title></textarea></style><svg/onload=alert(1)>",
    "javascript:alert(1)",
    "&lt;b&gt; &#x3c;i&#x3e; &amp;amp;",
    "<!-- --!> ]]> <?php ?>",
]
TEMPLATES = [
    "{{7*7}}",
    "${7*7}",
    "#{7*7}",
    "{% raw %}",
    "<%= 7*7 %>",
    "{0.__class__}",
    "{name}",
    "%(name)s %s %n %d",
    "$HOME `id` $(id)",
]
FORMULAS = [
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    " =1",
    "'=1",
    "＝1",
    '=HYPERLINK("http://x.example")',
]
LINES = [
    "Ada\r\nBcc: eve@evil.example",
    "Ada\nSubject: other\n\nbody",
    "Ada\r\n.\r\nMAIL FROM:<eve@evil.example>",
    "12:00:00 ERROR forged\n12:00:01 ERROR line",
    "a\u2028b\u2029c\x85d\x0be\x0cf",
]
CHARACTERS = [
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "\u202egnp.exe",
    "\u2066\u2067bidi",
    "zero\u200b\u200d\ufeffwidth",
    "Z\u0351\u036b\u0343\u036a" * 60,
    "👩\u200d👩\u200d👧\u200d👦🏳️\u200d🌈",
    "مرحبا שלום",
    "ﬃ Ⅷ ① İ ß",
    "\ufffe\uffff\U0010ffff",
]
STRUCTURES = [
    "'; DROP TABLE person; --",
    '" OR 1=1 --',
    "\\'; \\x00 \\u0000",
    '{"$ne": null}',
    '","NPS_rating":0,"x":"',
    "../../../../etc/passwd",
    "..\\..\\win.ini",
    "%2e%2e%2f%00",
    "file:///etc/passwd",
    "http://169.254.169.254/latest/meta-data/",
    "(kept)",
    "$PATH",
    "null",
    "true",
    "-1",
    "1e400",
    "ada@acme.example",
    '"ada"@acme.example',
    "o'brien+<b>@acme.example",
]
TEXTS = ["", " ", *MARKUP, *TEMPLATES, *FORMULAS, *LINES, *CHARACTERS, *STRUCTURES]
HUGE = "long " * 200_000
"""A megabyte."""
