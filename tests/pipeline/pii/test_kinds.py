"""Each kind: what is personal data, and what only looks like it."""

from __future__ import annotations

import pytest

from pipeline.pii.card import issuer, luhn
from pipeline.pii.regions import likely_regions
from pipeline.pii.spans import KINDS, find_spans

ALL = tuple(kind.name for kind in KINDS)


def found(text: str, language: str | None = None, host: str | None = None) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in find_spans(text, ALL, likely_regions(language, host))]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("write to jane.doe+news@mail.example.co.uk.", "jane.doe+news@mail.example.co.uk"),
        ("<jane@example.com>", "jane@example.com"),
        ("mailto:jane@example.com?subject=x", "jane@example.com"),
        ("jane [at] example dot com", "jane [at] example dot com"),
        ("jane [at] example.com", "jane [at] example.com"),
        ("jane(at)example(dot)org", "jane(at)example(dot)org"),
        ("mail jane AT example DOT com now", "jane AT example DOT com"),
        ("an jörg@müller.de schreiben", "jörg@müller.de"),
        ("x" * 64 + "@example.org", "x" * 64 + "@example.org"),
    ],
)
def test_email_addresses(text, value) -> None:
    assert found(text) == [("email", value)]


@pytest.mark.parametrize(
    "text",
    [
        "icon@2x.png", "react@18.2.0", "a @ b", "A@B.T", "follow @jane.doe", "git@github.com:jane/repo.git",
        "look at example dot com", "x" * 65 + "@example.org", "meet [at] noon", "@property",
        "jane@localhost",
    ],
)  # fmt: skip
def test_no_email_addresses(text) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("London office: +44 20 7946 0958.", "+44 20 7946 0958"),
        ("Ring +44 20 7946 0958 today", "+44 20 7946 0958"),
        ("+46 (0)8 928 571 38", "+46 (0)8 928 571 38"),
        ("0033 1 42 68 53 00", "0033 1 42 68 53 00"),
        ("(415) 861-5449", "(415) 861-5449"),
        ("1-800-547-8367", "1-800-547-8367"),
        ("Fax: 345-899-3560x4587", "345-899-3560x4587"),
        ("Phone:\n467 3395", "467 3395"),
        ("tel. 9498777106", "9498777106"),
        ("call 415-555-2671, 415-555-2672", "415-555-2671"),
    ],
)
def test_phone_numbers(text, value) -> None:
    assert ("phone", value) in found(text)


def test_a_national_number_is_read_by_the_pages_country() -> None:
    assert found("030 901820", "de") == []  # eight digits, and nothing says telephone
    assert found("030 23125 000", "de") == [("phone", "030 23125 000")]
    assert found("91 523 45 67 89", host="example.com") == []
    assert found("01 42 68 53 00", host="shop.example.fr") == [("phone", "01 42 68 53 00")]


@pytest.mark.parametrize(
    "text",
    [
        "ISBN 978-0-306-40615-7", "ISBN 0-306-40615-2", "2004-02-16 11:34:35", "12:30:45", "16.02.2004",
        "1914-1918", "1,234,567,890", "3.14159265358979", "sha 0123456789abcdef", "1234567 8901234 1234567",
        "Boston, MA 02110-1301", "Decimal('+35236450.6')", "grant 0389-00031", "no. 09.003.2004",
        "1 2 3 4 5 6 7 8 9", "x+1234567890", "call 2000 times", "office 365", "RFC 2119, 2004-2006",
    ],
)  # fmt: skip
def test_numbers_that_are_no_personal_data(text) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Here's my SSN: 460-89-9847", "460-89-9847"),
        ("social security number 460 89 9847", "460 89 9847"),
        ("SSN 460899847", "460899847"),
        ("460-89-9847", "460-89-9847"),
    ],
)
def test_social_security_numbers(text, value) -> None:
    assert found(text) == [("ssn", value)]


@pytest.mark.parametrize(
    "text",
    [
        "000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "1123-45-6789",
        "CAS 123-45-67890", "460 89 9847",
    ],
)  # fmt: skip
def test_no_social_security_numbers(text) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4111 1111 1111 1111", "4111 1111 1111 1111"),
        ("4111-1111-1111-1111", "4111-1111-1111-1111"),
        ("5555555555554444", "5555555555554444"),
        ("3782 822463 10005", "3782 822463 10005"),
        ("4111 1111 1111 1111 12/27 123", "4111 1111 1111 1111"),
        ("card 4111 1111 1111 1111 123", "4111 1111 1111 1111"),
        ("my card 501864667909", "501864667909"),
        ("cards: 4111111111111111, 5555555555554444.", "5555555555554444"),
    ],
)
def test_payment_cards(text, value) -> None:
    assert ("card", value) in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112", "501864667909", "0000000000000000", "0.4111111111111111",
        "id=4111111111111111", "9111111111111111", "/4111111111111111/",
        "1234 4111 1111 1111 1111 2345 6789",
    ],
)  # fmt: skip
def test_no_payment_cards(text) -> None:
    assert found(text) == []


def test_luhn_and_issuers() -> None:
    assert luhn("79927398713") and not luhn("79927398710")
    assert issuer("2221000000000009") == issuer("2720999999999996") == "mastercard"
    assert issuer("2220999999999999") is None and issuer("411111111111111") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("blocked 106.31.73.20 today", "106.31.73.20"),
        ("from 106.31.73.20.", "106.31.73.20"),
        ("ping 8.8.8.8", "8.8.8.8"),
        ("http://212.126.215.106/x", "212.126.215.106"),
        ("server at 4.12.3.1:8080", "4.12.3.1"),
        ("dig @2001:4860:4860::8888", "2001:4860:4860::8888"),
        ("[2a00:1450:4009:81f::200e]", "2a00:1450:4009:81f::200e"),
        ("6e40:4041:c617:e898:c11:40d2:c669:2eb4", "6e40:4041:c617:e898:c11:40d2:c669:2eb4"),
    ],
)
def test_public_addresses(text, value) -> None:
    assert found(text) == [("ip", value)]


@pytest.mark.parametrize(
    "text",
    [
        "4.12.3.1", "see section 4.12.3.1", "1.3.6.1.4.1.311.21", "1.2.840.113549.1.1.5",
        "version 106.31.73.20", "Chrome/96.0.4664.110", "openresty/1.9.7.1", "host 192.168.1.1",
        "ip 127.0.0.1", "ip 10.0.0.1", "ip 224.0.0.1", "ip 256.1.1.1", "ip 01.02.03.04x",
        "Corollary 4.5.13.1", "IP stack version 4.12.3.1", "std::vector", "add::fee", "fe80::1",
        "2001:db8::1", "::1", "12:30:45", "x[1::2]", "123:2:3:4:5:6:7:8",
    ],
)  # fmt: skip
def test_numbers_that_are_no_public_addresses(text) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Visit 1600 Pennsylvania Avenue NW", "1600 Pennsylvania Avenue"),
        ("at 218 Withers St Apt. 1A, Brooklyn, NY 11211 or", "218 Withers St Apt. 1A, Brooklyn, NY 11211"),
        ("lives at 221B Baker Street, London NW1 6XE.", "221B Baker Street, London NW1 6XE"),
        ("to 1905 Main Street", "1905 Main Street"),
        ("P.O. Box 255", "P.O. Box 255"),
        ("PSC 0413, Box 8144\nAPO AA 42323", "PSC 0413, Box 8144\nAPO AA 42323"),
        ("in 12 rue de la Paix, 75002 Paris", "12 rue de la Paix, 75002 Paris"),
        ("Via Garibaldi 14", "Via Garibaldi 14"),
        ("Friedrichstraße 43", "Friedrichstraße 43"),
        ("ved Søndergade 52", "Søndergade 52"),
        ("Paris, Rue de Vincennes No. 374.", "Rue de Vincennes No. 374"),
        ("at 1901 Shore Line Drive, they", "1901 Shore Line Drive"),
    ],
)
def test_street_addresses(text, value) -> None:
    assert found(text) == [("address", value)]


@pytest.mark.parametrize(
    "text",
    [
        "the 1987 Wall Street Journal", "the left corner of Table 4", "Spring 2005", "Route 66",
        "In 1914 Germany", "100 ways", "2001 via Air Iceland", "- 2 Week Colorado Road Trip",
        "On May 18 Mount St. Helens", "$72 Million Sale of Westin Michigan Avenue Chicago",
        "Fiber, 5G ISPs Still On The Rise",
        "Return to Step 2. The", "as in 6.1 The Annotation Gate", "on the west side of US Route 1, south",
        "- 5 Fourteenth Street Line", "Via Interstate 15",
    ],
)  # fmt: skip
def test_no_street_addresses(text) -> None:
    assert found(text) == []


def test_regions_come_from_the_host_then_the_language() -> None:
    assert likely_regions("de-AT", "www.example.ch") == ("CH", "DE", "AT")
    assert likely_regions("fr", "example.co.uk")[0] == "GB"
    assert likely_regions(None, "example.io") == likely_regions("xx", None) == ()
