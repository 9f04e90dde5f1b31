"""What class, id, role and itemprop say of an element: their words, looked up in a table of known ones.

A name such as `relatedPosts-widget_2` is the words related, posts, widget. Known words belong to one of the
groups below, one bit each; the words are English because class names are, in every language's pages.
"""

from __future__ import annotations

import numpy as np

from pipeline.kernels.compiled import inlined

GROUPS: dict[str, str] = {
    "nav": "nav navbar navigation navi navbox navigational toc topnav subnav sitenav mainnav pagenav navlink navlinks",
    "menu": "menu submenu menus dropdown megamenu hamburger offcanvas drawer menubar menuitem tabs tablist toolbar",
    "header": "header masthead topbar banner head hdr site siteheader",
    "footer": "footer foot bottom colophon footnav ftr sitefooter contentinfo copyright legal",
    "sidebar": "sidebar side aside rail sidebars secondary complementary widget widgets sidenav",
    "comment": "comment comments disqus commentlist respond replies discussion commenter commenting",
    "share": "share sharing social sharedaddy socials addtoany follow facebook twitter pinterest linkedin whatsapp",
    "related": "related recommended recommendation recommendations similar more suggested trending popular read also"
    " upsell crosssell recent next previous prev latest teaser",
    "promo": "ad ads advert advertisement sponsor sponsored promo promotion cta banner outbrain taboola dfp adsense"
    " newsletter subscribe subscription signup optin donate offer",
    "crumbs": "breadcrumb breadcrumbs crumb crumbs pagination pager paging pages",
    "popup": "cookie cookies consent gdpr modal popup overlay lightbox notice alert toast tooltip dialog notification",
    "meta": "meta byline author date tag tags category categories published timestamp time bio info posted postmeta"
    " datetime avatar profile username credit",
    "content": "content contents entry body text story article articlebody main maincontent primary blog single"
    " copy prose richtext markdown wysiwyg rte editor articlecontent postcontent mw parser output",
    "post": "post posts message messages thread topic reply answer question forum postbody bbcode messagebody",
    "product": "product products price sku cart shop variant buy description specs specifications specification"
    " details detail features feature quantity shipping stock add",
    "listing": "list listing listings grid card cards item items results result tile tiles collection archive row",
    "form": "form search login signin register input filter filters sort facet facets password account",
    "media": "caption gallery slider carousel slide image figure video photo thumbnail thumb swiper player",
    "unseen": "hidden sr visuallyhidden screenreader offscreen invisible noprint skip skiplink hide",
    "hero": "hero jumbotron intro lead summary excerpt title headline subtitle heading lede dek",
    "service": "section container wrapper wrap block module row column col elementor faq accordion testimonial"
    " testimonials review reviews rating team",
    "code": "code highlight codehilite sourcecode syntax snippet docs doc documentation api reference section",
}
"""The groups and their words."""
UNSEEN_GROUP = 1 << list(GROUPS).index("unseen")

_SLOTS = 2048
_SEED, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


def hash_word(word: str) -> int:
    """FNV-1a of a word's bytes, 64 bits; 0 stands for no word."""
    value = int(_SEED)
    for byte in word.encode():
        value = (value ^ byte) * int(_PRIME) % (1 << 64)
    return value


def _table() -> tuple[np.ndarray, np.ndarray]:
    bits: dict[int, int] = {}
    for bit, words in enumerate(GROUPS.values()):
        for word in words.split():
            bits[hash_word(word)] = bits.get(hash_word(word), 0) | 1 << bit
    hashes, groups = np.zeros(_SLOTS, np.uint64), np.zeros(_SLOTS, np.int64)
    for value, group in bits.items():
        slot = value % _SLOTS
        while hashes[slot]:
            slot = (slot + 1) % _SLOTS
        hashes[slot], groups[slot] = value, group
    return hashes, groups


_HASHES, _BITS = _table()


@inlined
def _groups_of(word):  # type: ignore[no-untyped-def]
    slot = np.int64(word & np.uint64(_SLOTS - 1))
    while _HASHES[slot] != 0:
        if _HASHES[slot] == word:
            return _BITS[slot]
        slot = (slot + 1) & (_SLOTS - 1)
    return np.int64(0)


@inlined
def read_evidence(data, start, end):  # type: ignore[no-untyped-def]
    """The groups (bits) of the words in data[start:end], an attribute's value."""
    bits = np.int64(0)
    word, letters, lower = _SEED, 0, False
    for at in range(start, end):
        byte = data[at]
        upper = 65 <= byte <= 90
        letter = upper or 97 <= byte <= 122
        if letters and (not letter or (upper and lower)):
            bits |= _groups_of(word)
            word, letters = _SEED, 0
        if letter:
            word = (word ^ np.uint64(byte | 32)) * _PRIME
            letters += 1
        lower = letter and not upper
    if letters:
        bits |= _groups_of(word)
    return bits
