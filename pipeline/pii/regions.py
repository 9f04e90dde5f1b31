"""Which countries' national telephone forms a page is likely to use, from its language and its host."""

from __future__ import annotations

from functools import lru_cache

LANGUAGE_REGIONS: dict[str, tuple[str, ...]] = {
    "ar": ("SA", "EG", "AE"), "bg": ("BG",), "ca": ("ES",), "cs": ("CZ",), "da": ("DK",),
    "de": ("DE", "AT", "CH"), "el": ("GR", "CY"), "en": ("US", "CA", "GB", "AU", "IN", "IE", "NZ", "ZA"),
    "es": ("ES", "MX", "AR", "CO", "CL"), "et": ("EE",), "fa": ("IR",), "fi": ("FI",),
    "fr": ("FR", "BE", "CH", "CA"), "he": ("IL",), "hi": ("IN",), "hr": ("HR",), "hu": ("HU",),
    "id": ("ID",), "is": ("IS",), "it": ("IT", "CH"), "ja": ("JP",), "ko": ("KR",), "lt": ("LT",),
    "lv": ("LV",), "nb": ("NO",), "nl": ("NL", "BE"), "no": ("NO",), "pl": ("PL",), "pt": ("BR", "PT"),
    "ro": ("RO",), "ru": ("RU", "BY", "KZ"), "sk": ("SK",), "sl": ("SI",), "sr": ("RS",),
    "sv": ("SE", "FI"), "th": ("TH",), "tr": ("TR",), "uk": ("UA",), "vi": ("VN",),
    "zh": ("CN", "TW", "HK"),
}  # fmt: skip
"""ISO 639-1 language to ISO 3166 countries, most speakers online first."""

TLD_REGIONS = {"uk": "GB", "gov": "US", "mil": "US", "edu": "US", "su": "RU"}
"""Top-level domains that are not simply a country's code."""

GENERIC_COUNTRY_TLDS = frozenset((
    "ai", "cc", "co", "fm", "gg", "io", "is", "me", "ly", "nu", "sh", "to", "tv", "vc", "ws",
))  # fmt: skip
"""Country codes that the world registers under: they say nothing of where a page is from."""


@lru_cache(maxsize=4096)
def likely_regions(language: str | None, host: str | None) -> tuple[str, ...]:
    """Countries by the host's ending, then by the language; empty when neither tells."""
    tld = (host or "").rpartition(".")[2].lower()
    by_host = TLD_REGIONS.get(tld, tld.upper() if len(tld) == 2 and tld not in GENERIC_COUNTRY_TLDS else "")
    by_language = LANGUAGE_REGIONS.get((language or "").split("-")[0].split("_")[0], ())
    return tuple(dict.fromkeys(filter(None, (by_host, *by_language))))
