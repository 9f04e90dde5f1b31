"""Where things stand in the arrays that the scan of a page fills and its parts share."""

from __future__ import annotations

MAX_DEPTH = 512
"""Open elements that are told apart, as in browsers; text below them belongs to the innermost."""

START, END, NODE, BYTES, LINK_BYTES, WORDS, STOPS, COMMAS = range(8)
DIGITS, UPPERS, LINKS, BREAKS, BOLD_BYTES, INLINE_BITS, HIDES = range(8, 15)
"""Columns of `html_blocks.Blocks.counts`: first and last byte of its text, its element, bytes that are no white
space, those of them in links and in bold, words between white space, sentence ends, commas, digits, capital letters,
links, line breaks, evidence of inline elements in it, ways in which it is hidden."""
COLUMNS = 15

PARENT, NAME, BITS, SHAPE, CONCEALS, CELL, ROW, ITEM, ORDINAL, REVERSED = range(10)
"""Columns of `html_blocks.Blocks.elements`: index of the element around (-1 for the page), number of its name, its own
evidence, a hash of its name and class, bits of how it is hidden, the nearest table cell, row and list item (-1
without), where a list's numbers start or an item's number if it says so (else NO_ORDINAL), 1 for a list that counts
down."""
FIELDS = 10

NO_ORDINAL = -(1 << 31)
"""As ORDINAL: none is given, or one that is no integer of 32 bits."""

SIZE, BLOCKS, ELEMENTS, DEPTH, STEPS, UNSEEN_AT, PRES, A_AT, BOLDS, FIRST, IN_WORD = range(11)
"""The scan's scalars: bytes of text, blocks and elements so far, open elements, elements passed in looking for others,
where on the stack the element no reader sees and the link begin (-1 for none), open pre and bold elements, where the
block's text begins, whether a word is being read."""
SCALARS = 11

S_NAME, S_ELEMENT, S_BLOCK, S_HIDES = range(4)
"""Columns of the stack of open elements: number of its name, the innermost element that separates text, whether it is
that one itself, bits of how it is hidden."""
