"""Contexts of numbers, generated: personal ones, and the lists, tables, code and prose in which numbers are no one's.

`#` is where the number goes, `@` where another number of the same look goes. Every template is filled many times with
neighbours at random, so that a classifier learns the words and the layout and not the template.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

FILLS = 24
SEED = 7

FORMS: dict[str, Callable[[random.Random], str]] = {
    "phone": lambda r: r.choice(("{}{}{} {}{}{} {}{}{}{}", "{}{}{}-{}{}{}-{}{}{}{}", "{}{}{}.{}{}{}.{}{}{}{}")),
    "ssn": lambda r: "{}{}{}-{}{}-{}{}{}{}",
    "card": lambda r: r.choice(("{}{}{}{} {}{}{}{} {}{}{}{} {}{}{}{}", "{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}{}")),
    "ip": lambda r: "{}{}{}.{}{}.{}{}{}.{}{}",
    "mac": lambda r: "{}a:{}b:{}c:d{}:e{}:f{}",
    "national_id": lambda r: r.choice(("{}{}{}.{}{}{}.{}{}{}-{}{}", "9{}{}-{}{}-{}{}{}{}")),
}

PERSONAL = (
    "You can reach me at # any time", "Please call # to make an appointment", "Phone # or write to us",
    "my number is #, text me after six", "Jane Doe, #, lives in Leeds", "for reservations: #",
    "Contact: John Smith #",
    "home # work @", "ask for Mary at #", "she gave her number as #", "his number is # and hers is @", "Tel #",
    "Customer Jane Roe, born in York, number #", "the applicant's number # was checked", "her account # was charged",
    "paid by Jane with #, please refund", "Employee: Robert Brown #, hired in May",
    "patient # was admitted on Monday",
    "logged in from # yesterday", "the user at # posted this comment", "registered to Ann Lee under #",
    "Name: Jane Doe\n#\nLondon", "Mr. Smith\n#\n", "contact the owner on #", "message me: #", "#",
    "Questions? #", "Our front desk: #", "emergency contact # (mother)", "leave a message at #", "My # is below",
    "Dr. Alice Jones # Room", "Agent: Bill Gray - #", "to cancel ring #", "sms # for details", "I lost it, it was #",
    "member since May, id #", "the driver, Tom White, #", "Nurse on duty #", "press contact # Anna Blue",
    "visitor # has been banned",
    "telephone number: #", "call us now for a quote: #", "posted by # on Tuesday",
    "the device of Jane answers at #", "send it to Jane, #",
)  # fmt: skip

OTHER = (
    "Price list: item # costs $12.50", "part no. # in stock", "SKU # 4 pcs 9.99", "Order # shipped, total $@",
    "ISBN # (paperback)", "model # replaces model @", "catalogue number #, page 12", "serial # of the engine",
    "| # | @ | @ |", "#\t@\t@\t@", "# @ @ @ @", "@ @ # @ @\n@ @ @", "12.5, #, 33.1, @, 7.9", "x = # + y * @",
    "$# = \\frac{1}{2}$", "values [#, @, @]", "const ID = #;", "hash {#: 1, @: 2}", "version # released",
    "section # of the act", "see figure # and table @", "case no. # of the court", "docket # filed",
    "grant # from NSF",
    "accession # in GenBank", "CAS # is a solvent", "the sum of #, @ and @ is odd", "population # in 1990, @ in 2000",
    "revenue $# in the quarter", "€ # per unit", "£# a month", "lot # sold for $900", "item: # qty: 3 price: 4.00",
    "tracking number # (parcel)", "invoice # due in 30 days", "patent # granted", "build # of the driver",
    "test vector # gives @", "for example # or @ in the documentation", "sample data: #, @",
    "dimension # mm, weight 3 kg",
    "frequency # MHz", "asteroid # discovered", "bus route # stops", "measured # at 20 degrees", "UPC # barcode",
    "dial caliper # inch steel", "product code # blue", "reference # in the bibliography, pp. 3", "doi 10.1000 / #",
    "random number #", "the number # is prime", "digits of pi: #", "score # points", "batch # of tablets",
)  # fmt: skip

NEIGHBOURS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "that",
    "it",
    "was",
    "for",
    "on",
    "with",
    "as",
    "at",
    "by",
    "from",
    "this",
    "be",
    "are",
    "or",
    "an",
    "which",
    "were",
    "had",
    "not",
    "but",
    "have",
    "their",
    "there",
    "one",
    "all",
    "we",
    "can",
    "her",
    "has",
    "him",
    "would",
    "who",
    "more",
    "if",
    "out",
    "so",
    "what",
    "up",
    "said",
    "when",
    "about",
    "into",
    "than",
    "them",
    "some",
    "could",
    "time",
    "these",
    "two",
    "may",
    "then",
    "do",
    "first",
    "any",
    "my",
    "now",
    "such",
    "like",
    "our",
    "over",
    "even",
    "most",
    "made",
    "after",
    "also",
    "did",
    "many",
    "before",
    "must",
    "through",
]


Row = tuple[str, str, int, int, bool]
"""Kind, text, start, end and whether it is personal."""


def generate(held_out: bool | None) -> Iterator[Row]:
    """Rows of every third template (held out), the others, or all."""
    return (row for _, row in generate_by_template(held_out))


def generate_by_template(held_out: bool | None) -> Iterator[tuple[str, Row]]:
    """The same rows, each with the template that it fills."""
    source = random.Random(SEED)
    for templates, personal in ((PERSONAL, True), (OTHER, False)):
        for number, template in enumerate(templates):
            rows = [(kind, *_filled(template, kind, source), personal) for kind in FORMS for _ in range(FILLS // 4)]
            if held_out is None or (number % 3 == 2) == held_out:
                yield from ((template, row) for row in rows)


def _filled(template: str, kind: str, source: random.Random) -> tuple[str, int, int]:
    before = " ".join(source.choices(NEIGHBOURS, k=source.randrange(7))).capitalize()
    after = " ".join(source.choices(NEIGHBOURS, k=source.randrange(7)))
    gap = source.choice((" ", "\n", ". ")) if before else ""
    text = f"{before}{gap}{template}{source.choice((' ', chr(10), '. '))}{after}"
    form = FORMS[kind](source)
    head, _, tail = text.partition("#")
    head = "".join(_number(form, source) if c == "@" else c for c in head)
    value = _number(form, source)
    tail = "".join(_number(form, source) if c == "@" else c for c in tail)
    return f"{head}{value}{tail}", len(head), len(head) + len(value)


def _number(form: str, source: random.Random) -> str:
    return form.format(*(source.randrange(1, 10) for _ in range(form.count("{}"))))
