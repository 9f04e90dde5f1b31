"""How much each rule is expected to remove: the bands outside which a run raises an alarm.

A band is a share of the pages that reach the rule's stage. Published recipes report stages, not rules: RefinedWeb's
funnel loses 1.5 % at extraction, 51 % to language, 24 % to Gopher's repetition rules and 16 % to its page rules; C4's
terminal punctuation alone takes 30 % of the text, FineWeb's own rules 22 %. A single rule is given the room up to
about what its whole stage removes, and must remove something where web pages always have some of what it looks for;
limits that only guard against hostile pages may remove nothing. A rule may carry a band of its own (`expected_drop`).

Sources: RefinedWeb (arXiv:2306.01116) figure 2; FineWeb (arXiv:2406.17557) section 3.
"""

from __future__ import annotations

from pipeline.stage import Rule

BANDS: dict[str, tuple[float, float]] = {
    "extract.html_bytes": (0.0, 0.01),
    "extract.html_steps": (0.0, 0.01),
    "extract.text_chars": (0.0, 0.2),
    "language.language_is_target": (0.01, 0.8),
    "language.language_prob": (0.005, 0.8),  # pages in other languages fail it too
    "gopher.dup_paragraph_frac": (0.0005, 0.2),
    "gopher.dup_paragraph_chars_frac": (0.0005, 0.2),
    "gopher.dup_line_frac": (0.001, 0.25),
    "gopher.dup_line_chars_frac": (0.001, 0.25),
    "gopher.top_2gram_chars_frac": (0.0005, 0.2),
    "gopher.top_3gram_chars_frac": (0.0005, 0.2),
    "gopher.top_4gram_chars_frac": (0.0005, 0.2),
    **{f"gopher.dup_{n}gram_chars_frac": (0.001, 0.25) for n in range(5, 11)},
    "gopher.word_count": (0.002, 0.4),
    "gopher.mean_word_chars": (0.0002, 0.1),
    "gopher.hash_word_frac": (0.0, 0.05),
    "gopher.ellipsis_word_frac": (0.0, 0.05),
    "gopher.bullet_line_frac": (0.0, 0.05),
    "gopher.ellipsis_line_frac": (0.0002, 0.1),
    "gopher.alpha_word_frac": (0.002, 0.25),
    "gopher.stop_word_count": (0.001, 0.3),
    "c4.lorem_ipsum_count": (0.0, 0.02),
    "c4.curly_bracket_count": (0.001, 0.15),
    "c4.sentence_count": (0.005, 0.5),
    "fineweb.punctuated_line_frac": (0.001, 0.4),
    "fineweb.short_line_frac": (0.0005, 0.3),
    "fineweb.dup_filled_line_chars_frac": (0.001, 0.3),
    "fineweb.newline_word_frac": (0.0002, 0.3),
    "lines.removed_word_frac": (0.001, 0.35),  # RefinedWeb's line corrections take 23 % of what reaches them
    "url.url_host_blocked": (0.0, 0.1),  # RefinedWeb's URL rules take 2.2 % in all
    "url.url_banned_string_count": (0.0, 0.1),
    "url.url_banned_word_count": (0.0, 0.1),
    "url.url_soft_word_count": (0.0, 0.1),
    "nemo.common_word_count": (0.001, 0.3),
    "nemo.spaced_word_count": (0.002, 0.4),
    "nemo.letter_word_frac": (0.001, 0.3),
    "nemo.odd_char_frac": (0.001, 0.3),
    "nemo.unended_line_frac": (0.001, 0.5),
    "nemo.unique_line_frac": (0.0005, 0.3),
    "nemo.unique_line_char_frac": (0.0005, 0.3),
    "nemo.unique_paragraph_frac": (0.0005, 0.3),
    "nemo.unique_paragraph_char_frac": (0.0005, 0.3),
    "nemo.boilerplate_paragraph_frac": (0.0, 0.2),
    **{
        f"nemo.{signal}": (0.0, 0.15)
        for signal in (
            "blank_char_frac",
            "bracket_char_frac",
            "digit_char_frac",
            "listed_line_frac",
            "longest_word_chars",
            "mean_spaced_word_chars",
            "symbol_word_frac",
            "trailing_line_frac",
            "url_char_frac",
        )
    },
}
"""Rule to band; of a rule that is not listed only a drop of nearly everything is unexpected (`Rule.expected_drop`)."""

_UNSAID = Rule("", "").expected_drop


def expected_drop(rule: Rule) -> tuple[float, float]:
    """The band of a rule: its own where it has one, else the house's, which a limit for one language shares."""
    if rule.expected_drop != _UNSAID:
        return rule.expected_drop
    return next((BANDS[name] for name in (rule.name, rule.name.rpartition(".")[0]) if name in BANDS), _UNSAID)
