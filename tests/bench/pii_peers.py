"""The other side of bench_pii: finds personal data with presidio, scrubadub or datatrove, in an environment of its own.

    python tests/bench/pii_peers.py presidio|scrubadub|datatrove < texts.json > spans.json

Texts are a JSON list of strings; the answer holds the CPU seconds and, for each text, spans of (kind, start, end) with
kinds named as Winnow names them. Nothing of Winnow is imported. presidio runs its pattern recognisers, with its default
threshold of 0 raised to 0.4, as its documentation advises where no language model adds context.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

Spans = list[tuple[str, int, int]]

PRESIDIO = {
    "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone", "US_SSN": "ssn", "CREDIT_CARD": "card", "IP_ADDRESS": "ip",
    "IBAN_CODE": "iban", "US_ITIN": "national_id", "US_PASSPORT": "national_id", "UK_NHS": "national_id",
    "US_DRIVER_LICENSE": "national_id", "US_BANK_NUMBER": "account", "CRYPTO": "secret", "MAC_ADDRESS": "mac",
}  # fmt: skip
SCRUBADUB = {
    "email": "email", "phone": "phone", "social_security_number": "ssn", "credit_card": "card", "credential": "secret",
    "address": "address", "postalcode": "postcode", "national_insurance_number": "national_id",
}  # fmt: skip
MIN_SCORE = 0.4


def presidio() -> Callable[[str], Spans]:
    from presidio_analyzer import PatternRecognizer, RecognizerRegistry

    registry = RecognizerRegistry()
    registry.load_predefined_recognizers(languages=["en"])
    plain = [r for r in registry.recognizers if isinstance(r, PatternRecognizer) or r.name == "PhoneRecognizer"]

    def find(text: str) -> Spans:
        results = [hit for r in plain for hit in r.analyze(text, r.supported_entities, None) or ()]
        return [
            (PRESIDIO[hit.entity_type], hit.start, hit.end)
            for hit in results
            if hit.score >= MIN_SCORE and hit.entity_type in PRESIDIO
        ]

    return find


def scrubadub() -> Callable[[str], Spans]:
    import scrubadub as library

    scrubber = library.Scrubber()

    def find(text: str) -> Spans:
        return [(SCRUBADUB[f.type], f.beg, f.end) for f in scrubber.iter_filth(text) if f.type in SCRUBADUB]

    return find


def datatrove() -> Callable[[str], Spans]:
    from datatrove.pipeline.formatters import PIIFormatter

    formatter = PIIFormatter()

    def find(text: str) -> Spans:
        spans: Spans = []
        for kind, replacer in (("email", formatter.emails_replacer), ("ip", formatter.ip_replacer)):
            for match in replacer.regex.finditer(text):
                if replacer.validator is None or replacer.validator(match.group(0)):
                    spans.append((kind, *match.span()))
        return spans

    return find


def main() -> None:
    """Read texts, write spans and the CPU time that finding them took."""
    find = {"presidio": presidio, "scrubadub": scrubadub, "datatrove": datatrove}[sys.argv[1]]()
    texts = json.load(sys.stdin)
    find("Warm up: jane@example.com")
    started = time.process_time()
    spans = [find(text) for text in texts]
    json.dump({"cpu_seconds": time.process_time() - started, "spans": spans}, sys.stdout)


if __name__ == "__main__":
    main()
