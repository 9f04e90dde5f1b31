"""Words by what they speak of, for the classifier of contexts: a word it has never met may be of a group it has.

The groups are general English, written down by hand; they are no settings.
"""

from __future__ import annotations

_WORDS = {
    "contact": """
        call calls called calling phone phones telephone tel fax mobile cell dial ring text sms message
        contact contacts reach email write ask appointment reservations reservation booking hotline helpline
        whatsapp pager line desk office
    """,
    "person": """
        mr mrs ms miss dr prof name named he she his her him my me mine our your you jane john mary ann smith
        customer client patient applicant employee student member guest owner tenant user visitor caller
        driver nurse agent doctor manager mother father wife husband son daughter lives lived born hired
        admitted registered logged posted signed wrote gave spoke met paid
    """,
    "trade": """
        price prices cost costs item items sku qty quantity pcs order orders stock product model catalogue
        catalog part parts unit units sale sold lot invoice due shipped shipping parcel tracking barcode upc
        serial batch warehouse retail discount revenue total budget tax euro dollar dollars paid
    """,
    "record": """
        isbn issn doi patent docket case court section act figure table chapter page pages volume edition
        version release build driver firmware reference bibliography grant accession genbank cas number
        asteroid flight route bus vol pp standard report file ticket issue bug
    """,
    "measure": """
        mm cm km kg mhz ghz hz degrees weight dimension length width height speed frequency measured sum odd
        even prime digits random population points score value values vector ratio average mean percent inch
        inches metres meters litre volt watt
    """,
}
GROUPS = {name: frozenset(words.split()) for name, words in _WORDS.items()}


def groups_of(words: list[str]) -> list[str]:
    """Names of the groups that some of these words (lower case) are in."""
    return [name for name, members in GROUPS.items() if not members.isdisjoint(words)]
