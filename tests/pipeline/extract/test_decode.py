"""Character sets: what decides, and that no bytes make it raise."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.extract.decode import decode_page

RUSSIAN = "Привет мир, как дела сегодня? Это длинный текст на русском языке."
META = '<meta http-equiv="Content-Type" content="text/html; charset={}">'


@pytest.mark.parametrize(
    ("body", "hint", "text", "charset"),
    [
        (b"\xef\xbb\xbfcaf\xc3\xa9", "latin1", "café", "utf-8"),
        ("hé".encode("utf-16"), None, "hé", "utf-16-le"),
        (b"\xfe\xff" + "hé".encode("utf-16-be"), None, "hé", "utf-16-be"),
        (b"caf\xe9", "ISO-8859-1", "café", "cp1252"),
        (b"\x93quoted\x94", "iso-8859-1", "“quoted”", "cp1252"),
        ("日本語".encode("shift_jis"), "Shift_JIS", "日本語", "shift_jis"),
        (
            META.format("windows-1251").encode() + b"\xcf\xf0",
            None,
            META.format("windows-1251") + "Пр",
            "cp1251",
        ),
        (
            b'<?xml version="1.0" encoding="koi8-r"?>\xf0',
            None,
            '<?xml version="1.0" encoding="koi8-r"?>П',
            "koi8-r",
        ),
        (META.format("utf-16").encode(), None, META.format("utf-16"), "utf-8"),
        (b"plain", "no-such-charset", "plain", "utf-8"),
        (b"<p>plain</p>", "utf-16", "<p>plain</p>", "utf-8"),
        ("<p>wide</p>".encode("utf-16-le"), "utf-16", "<p>wide</p>", "utf-16-le"),
        (RUSSIAN.encode("cp1251"), None, RUSSIAN, "cp1251"),
        (RUSSIAN.encode("cp1251"), "utf-8", RUSSIAN, "cp1251"),
        (RUSSIAN.encode(), "windows-1251", None, "cp1251"),
        ("naïve café ".encode() * 9 + b"\xff", "utf-8", "naïve café " * 9 + "\ufffd", "utf-8"),
        (b"a\0b\r\nc\rd", None, "ab\nc\nd", "utf-8"),
        (b"", None, "", "utf-8"),
    ],
)
def test_what_decides(body, hint, text, charset):
    decoded, used = decode_page(body, hint)
    assert used == charset
    assert text is None or decoded.decode() == text


@given(
    body=st.binary(max_size=400),
    hint=st.none() | st.sampled_from(["utf-8", "gbk", "utf-16", "x", ""]) | st.text(max_size=9),
)
def test_nothing_makes_it_raise_and_the_page_is_utf8(body, hint):
    page, _ = decode_page(body, hint)
    assert "\0" not in page.decode()
