"""Page text to judge: written here, and easily bent to sit on a limit."""

from __future__ import annotations

import pyarrow as pa

from pipeline.batch import DocumentBatch
from pipeline.judging import Verdicts, run_stages
from pipeline.stage import Stage

OPENINGS = [
    "When spring comes", "Long ago", "Beyond the mill", "As travellers say", "With every flood",
    "Some days later", "By noon",
]  # fmt: skip
SUBJECTS = [
    "a river", "that hill", "every town", "our lake", "the harbour", "one bridge", "her market",
    "this garden", "his castle", "no forest", "a barge",
]  # fmt: skip
VERBS = [
    "crosses", "shelters", "feeds", "divides", "borders", "overlooks", "remembers", "outlives",
    "follows", "forgets", "hides", "repays", "meets",
]  # fmt: skip
OBJECTS = [
    "old walls", "quiet fields", "four roads", "grey stone", "silver reeds", "the people",
    "two chapels", "wild orchards", "salt and grain",
]  # fmt: skip
ENDINGS = [
    "to the north", "of its own will", "and nobody minds", "for a season", "while the bells ring",
    "with great patience",
]  # fmt: skip


def prose(sentences: int) -> str:
    """English of up to a dozen sentences that no rule minds, one a line."""
    parts = (OPENINGS, SUBJECTS, VERBS, OBJECTS, ENDINGS)
    rows = ([part[(i * 4 + i // len(part)) % len(part)] for part in parts] for i in range(sentences))
    return "\n".join("{}, {} {} {} {}.".format(*row) for row in rows)


def judge(stages: tuple[Stage, ...], *texts: str | None) -> Verdicts:
    """What the stages say of these texts."""
    return run_stages(DocumentBatch({"text": pa.array(texts, pa.string())}), stages)
