"""Accounts, hardware, places, credentials, national numbers, births, names: what is one, and what only looks so."""

from __future__ import annotations

import pytest

from pipeline.pii.spans import KINDS, find_spans

ALL = tuple(kind.name for kind in KINDS)
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq1j2n5o0qX9k3vB8zabcq1234567zZ\n-----END RSA PRIVATE KEY-----"


def found(text: str, min_confidence: float = 0.7) -> list[tuple[str, str]]:
    return [(span.kind, text[span.start : span.end]) for span in find_spans(text, ALL, (), min_confidence)]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("iban", "IBAN: GB82 WEST 1234 5698 7654 32 and", "GB82 WEST 1234 5698 7654 32"),
        ("iban", "DE89370400440532013000", "DE89370400440532013000"),
        ("iban", "to FR14 2004 1010 0505 0001 3M02 606 THANKS", "FR14 2004 1010 0505 0001 3M02 606"),
        ("mac", "HWaddr 00:1b:63:84:45:e6", "00:1b:63:84:45:e6"),
        ("mac", "ether 001b.6384.45e6", "001b.6384.45e6"),
        ("mac", "00-1B-63-84-45-E6", "00-1B-63-84-45-E6"),
        ("geo", "52°31'12.5\"N 13°24'18\"E", "52°31'12.5\"N 13°24'18\"E"),
        ("geo", "at 52.52000° N, 13.40495° E", "52.52000° N, 13.40495° E"),
        ("geo", "maps/@48.8583701,2.2944813,17z", "48.8583701,2.2944813"),
        ("geo", "lat 48.85837, lng 2.29448", "48.85837, lng 2.29448"),
        ("secret", "AKIAQ3EGRNVJ5ZXT7B2K", "AKIAQ3EGRNVJ5ZXT7B2K"),
        ("secret", "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8", "ghp_A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8"),
        ("secret", "api_key = 'q8Zr3vT1xN7mK5pL2wS9'", "q8Zr3vT1xN7mK5pL2wS9"),
        ("secret", f"key:\n{KEY}\nend", KEY),
        ("birthdate", "Date of birth: 3 May 1950.", "3 May 1950"),
        ("birthdate", "DOB 05/03/1950", "05/03/1950"),
        ("birthdate", "I was born on March 3, 1950 in York", "March 3, 1950"),
        ("birthdate", "Geburtsdatum: 3. Mai 1950", "3. Mai 1950"),
        ("person", "Card holder: Jane Q. Doe", "Jane Q. Doe"),
        ("person", "Patient name: John Smith, ward 3", "John Smith"),
        ("national_id", "NI number: JG 10 37 59 A", "JG 10 37 59 A"),
        ("national_id", "NHS no 943 476 5919", "943 476 5919"),
        ("national_id", "DNI 12345678Z", "12345678Z"),
        ("national_id", "390.533.447-05", "390.533.447-05"),
        ("national_id", "codice RCCMNL83S18D969H", "RCCMNL83S18D969H"),
        ("national_id", "NIR 2 95 10 99 126 111 93", "2 95 10 99 126 111 93"),
        ("national_id", "Steuer-ID: 36 574 261 809", "36 574 261 809"),
        ("national_id", "BSN 111222333", "111222333"),
        ("national_id", "PESEL: 44051401458", "44051401458"),
        ("national_id", "passport number: X1234567", "X1234567"),
        ("national_id", "driver's license number is A123-4567-8901", "A123-4567-8901"),
        ("national_id", "ITIN 912-90-3456", "912-90-3456"),
    ],
)  # fmt: skip
def test_what_is_personal(kind, text, value) -> None:
    assert found(text) == [(kind, value)]


@pytest.mark.parametrize(
    "text",
    [
        "GB82 WEST 1234 5698 7654 33", "XX00 1234 5678 9012 3456", "BREAD1234 5678 ABCD EFGH",
        "00:11:22:33:44:55", "aa:bb:cc:dd:ee:ff", "ff:ff:ff:ff:ff:ff", "01:00:5e:1b:22:3c", "00:00:5e:00:53:1f",
        "ab:cd:ef:01:23:45:67:89", "10-11-12-13-14-15", "1234.5678.9012",
        "0.12345, 0.45678", "lat 52.5, lon 13.4", "95°61'12\"N 13°24'18\"E", "at 45°C", "lat 98.12345, 13.12345",
        "AKIAIOSFODNN7EXAMPLE", "password: correcthorsebatterystaple", "api_key = YOUR_API_KEY_GOES_HERE_1",
        "sk-button-primary-large-rounded-outlined", "secret_key = os.environ['SECRET_KEY_2024']",
        "-----BEGIN PRIVATE KEY-----\nexample\n-----END PRIVATE KEY-----",
        "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA",
        "Jane (born 3 May 1950) is", "born 1950", "date of birth: unknown", "DOB 45/45/1950",
        "Name: Submit", "Card holder: see below", "Jane Doe wrote", "ship to: France",
        "12345678Z", "DNI 12345678A", "111222333", "390.533.447-06", "BSN 111222334", "QQ123456C",
        "passport number: 111111", "a PAN of 12 items", "SIN 123-456-789",
    ],
)  # fmt: skip
def test_what_only_looks_so(text) -> None:
    assert found(text) == []


def test_what_anyone_may_know_is_found_only_where_it_is_asked_for() -> None:
    text = "My name is Jane Eyre, born 3 May 1950."
    assert found(text) == []
    assert found(text, 0.5) == [("person", "Jane Eyre"), ("birthdate", "3 May 1950")]
