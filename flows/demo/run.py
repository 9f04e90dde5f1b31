"""`winnow demo`: the ordinary flows on an ordinary recipe, over documentation that is already on this machine."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path

from flows import query
from flows.corpus_flow import corpus_flow
from flows.corpus_plan import CorpusRequest
from flows.demo.crawl import crawl_documentation
from flows.demo.exam import write_exams
from flows.demo.labelled import learn_domains
from flows.embedding.run import embed_training
from flows.evaluation import evaluate, read_benchmark
from flows.generation import generate
from flows.pretrain_flow import PretrainRequest, pretrain_flow
from flows.probing import probe_training
from flows.progress import progress, tell
from flows.recipe import Recipe, load_recipe
from flows.report_flow import ReportRequest, report_flow
from flows.rungs import in_ladder
from flows.scaling_flow import ScalingRequest, scaling_flow
from flows.steps import find_step
from flows.tokens_flow import TokensRequest, tokens_flow
from storage.errors import UserError
from storage.lake import Lake
from storage.uris import is_local

RECIPE = "demo"
ENCODER = "/encoder"
"""After the token set's name: the name of the training that is an encoder."""
ENCODER_TOKENS = 100_000

QUESTIONS = {
    "which rules drop most, and what only they drop": """
        SELECT rule, failed_pages, alone_pages FROM removed_alone_by ORDER BY failed_pages DESC LIMIT 10""",
    "pages that are copies, and of what": """
        SELECT kind, round(jaccard, 3) AS jaccard, page.url, kept.url AS copy_of FROM duplicates
        JOIN pages AS page USING (crawl, archive, "offset")
        JOIN pages AS kept ON kept.archive = survivor_archive AND kept."offset" = survivor_offset
        ORDER BY jaccard LIMIT 10""",
    "languages of the pages that were read": """
        SELECT language, count(*) AS pages, round(avg(language_prob), 2) AS mean_prob FROM pages
        WHERE language IS NOT NULL GROUP BY language ORDER BY pages DESC LIMIT 10""",
}
"""What the demo proposes to ask of its lake."""

ONE_PAGE = """
    SELECT url FROM ledger WHERE dropped_by_rule LIKE 'gopher%' AND url IS NOT NULL
    ORDER BY len(failed_rules), url LIMIT 1
"""


def run_demo(root: str, workers: int) -> None:
    """Crawl, corpus, tokens, model, ladder, report; resumes where an earlier one stopped.

    Raises:
        UserError: The lake is no local directory, or cannot be written.
    """
    if not is_local(root):
        raise UserError("the demo wants a directory on this machine for its lake.", "Give --lake DIR.")
    started = time.monotonic()
    lake = Lake(root)
    lake.check_writable()
    recipe = load_recipe(RECIPE)
    archives = crawl(Path(root) / "crawl")
    tell(
        f"{len(archives)} WARC files, {sum(path.stat().st_size for path in archives):,} bytes, in {archives[0].parent}"
    )
    exams = write_exams(Path(root) / "benchmarks", recipe.demo)
    corpus_flow(corpus_request(archives, exams, root, workers))
    tokens = tokens_flow(TokensRequest(name=None, config=recipe.tokens, lake=root, workers=workers))
    pretrain_flow(encoder_request(tokens.key, recipe, root))
    pretrain_flow(PretrainRequest(name=tokens.key, model=recipe.model, train=recipe.training, lake=root))
    trainings = tokens.key + ENCODER, tokens.key
    for training in trainings:
        probe_training(lake, training)
    learn_domains(lake, find_step(lake, "mix", tokens.key, ""), trainings)
    embed_training(lake, tokens.key, config=recipe.embeddings)
    scaling_flow(ScalingRequest(name=tokens.key, config=recipe.scaling, lake=root, workers=workers))
    for exam in exams.values():
        for training in (tokens.key, _largest_rung(lake)):
            evaluate(lake, training, read_benchmark(str(exam)))
    report = Path(report_flow(ReportRequest(lake=root)))
    tell_result(lake, tokens.key, report, time.monotonic() - started)


def corpus_request(archives: list[Path], exams: dict[str, Path], root: str, workers: int) -> CorpusRequest:
    """The demo's corpus, whose pages are searched for the questions that its models are asked."""
    files = ", ".join(f'{{name = "{name}", path = {json.dumps(str(path))}}}' for name, path in exams.items())
    return CorpusRequest(
        recipe=RECIPE, inputs=(str(archives[0].parent),), changes=(f"decontaminate.benchmarks=[{files}]",),
        crawl="demo", lake=root, workers=workers,
    )  # fmt: skip


def _largest_rung(lake: Lake) -> str:
    """Of the ladder, by parameters and then tokens: its training's id."""
    rungs = [row for row in lake.rows("trainings") if in_ladder(row["name"])]
    return str(max(rungs, key=lambda row: (row["params_total"], row["train_tokens"]))["training_id"])


def encoder_request(tokens: str, recipe: Recipe, root: str) -> PretrainRequest:
    """The decoder's twin that sees both sides and says hidden tokens: the same shape, trained on less.

    To be trained before the decoder, which so remains the lake's newest training.
    """
    model = recipe.model.model_copy(update={"causal": False, "masked_head": True})
    train = recipe.training.model_copy(update={"train_tokens": ENCODER_TOKENS})
    return PretrainRequest(name=tokens, run_name=tokens + ENCODER, model=model, train=train, lake=root)


def crawl(folder: Path) -> list[Path]:
    """The demo's archives, crawled unless they are there."""
    config = load_recipe(RECIPE).demo
    with progress("crawl", config.max_pages) as shown:

        def advance(fetched: int, most: int) -> None:
            while shown.done < fetched:
                shown.advance()

        return crawl_documentation(folder, config, advance)


def tell_result(lake: Lake, training: str, report: Path, seconds: float) -> None:
    """The funnel, a sample of what the model learnt, where everything lies, and what to ask next."""
    query.print_view(lake, "funnel", as_json=False)
    query.print_view(lake, "mixture", as_json=False)
    print("The model, continuing 'The function returns':")
    print(
        "  The function returns"
        + "".join(generate(lake, "The function returns", training, max_tokens=60)).replace("\n", "\n  ")
    )
    print(f"\nDone in {seconds:.0f} s. Everything lies in {Path(lake.root).resolve()}:")
    for folder, what in PLACES:
        print(f"  {folder:12} {what}")
    print("\nThings to ask it:")
    for question, command in proposals(lake).items():
        print(f"  # {question}\n  {command}")
    print(f"\nReport: {report.resolve()}")


def proposals(lake: Lake) -> dict[str, str]:
    """Questions, and for each the command that answers it, as a shell takes it."""
    asked = {question: ["sql", " ".join(statement.split())] for question, statement in QUESTIONS.items()}
    for page in query.sql(lake, ONE_PAGE).to_pylist():
        asked["a page that was removed: every value against its limit, its text"] = ["why", page["url"]]
    asked["the funnel under another limit, with pages let in"] = ["what-if", "--set", "gopher.min_words=30"]
    return {question: shlex.join(["winnow", *words, "--lake", lake.root]) for question, words in asked.items()}


PLACES = (
    ("crawl", "the WARC files, as a crawler writes them"),
    ("benchmarks", "questions that the models are asked, and that no page of the corpus may hold"),
    ("pages", "one row for every record read: its fate, every rule it failed, every signal"),
    ("documents", "texts of the survivors, personal data replaced"),
    ("duplicates", "what was removed as a copy, of which page, at which measured Jaccard"),
    ("corpus", "the mixed corpus: Parquet shards, mixture.parquet, a dataset card"),
    ("tokens", "tokenizer and packed sequences"),
    ("trainings", "one row a training; weights and checkpoints in checkpoints/"),
    ("evaluations", "fits of the scaling law, looks into the models, vectors of words, fine-tunings"),
)
