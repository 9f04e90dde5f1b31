"""`winnow quality`: train what the perplexity and classifier sections judge by, and calibrate it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.options import JsonOption

InputsArgument = Annotated[
    list[str],
    typer.Argument(
        help="JSONL, Parquet, WARC or WET, directories or globs of them, .txt files, or a lake (its documents)."
    ),
]
OutputOption = Annotated[str, typer.Option("--output", help="File to write.")]

quality_app = typer.Typer(
    no_args_is_help=True, help="Models that judge pages: perplexity, classifier, and their percentiles."
)


@quality_app.command("train-perplexity")
def train_perplexity(
    inputs: InputsArgument,
    output: OutputOption,
    language: Annotated[str, typer.Option(help="Language of the text, as the language model labels it.")] = "en",
    order: Annotated[int, typer.Option(min=2, max=8, help="Longest n-gram.")] = 5,
    prune: Annotated[
        str, typer.Option(help="Leave out n-grams of each length that occur at most so often; the last holds on.")
    ] = "0 0 1",
    normalisation: Annotated[
        str, typer.Option(help="words; or spaces, for text that is cut into pieces already.")
    ] = "words",
    arpa: Annotated[str, typer.Option(help="Write the model in ARPA form too, for KenLM and others.")] = "",
    run_words: Annotated[
        int, typer.Option(min=1, help="Words counted in memory (70 bytes each) before they go to disk.")
    ] = 8_000_000,
    as_json: JsonOption = False,
) -> None:
    """A Kneser-Ney n-gram model of reference text, for the recipe's perplexity.models."""
    from flows.perplexity_task import PerplexityTraining
    from flows.perplexity_task import train_perplexity as train
    from flows.quality_texts import Texts, check_inputs

    config = PerplexityTraining(order=order, prune=_numbers(prune), normalisation=normalisation, run_words=run_words)
    report = train(Texts(check_inputs(inputs, "train on")), language, output, config, arpa)
    _print(report, as_json, ("documents", "passed_over", "words", "ngrams", "discounts_fell_back", "held_out"))


@quality_app.command("train-classifier")
def train_classifier(
    positive: Annotated[list[str], typer.Option(help="Reference texts, as INPUTS elsewhere; repeatable.")],
    negative: Annotated[list[str], typer.Option(help="A random part of a crawl, or a lake; repeatable.")],
    output: OutputOption,
    dim: Annotated[int, typer.Option(min=1, help="Width of the word vectors.")] = 64,
    epochs: Annotated[int, typer.Option(min=1, help="Times through the texts.")] = 5,
    learning_rate: Annotated[float, typer.Option(help="Halved where training ends in NaN.")] = 0.1,
    as_json: JsonOption = False,
) -> None:
    """A fastText classifier of reference text against a crawl, for the recipe's classifier.model."""
    from flows.classifier_task import ClassifierTraining
    from flows.classifier_task import train_classifier as train
    from flows.quality_texts import Texts, check_inputs

    config = ClassifierTraining(dim=dim, epochs=epochs, learning_rate=learning_rate)
    good, crawl = (Texts(check_inputs(given, "train on")) for given in (positive, negative))
    report = train(good, crawl, output, config)
    shown = ("trained", "held_out", "auc", "at_half", "by_share_of_negatives", "reliability", "learning_rate")
    _print(report, as_json, shown)


@quality_app.command()
def calibrate(
    inputs: InputsArgument,
    output: OutputOption,
    perplexity: Annotated[list[str], typer.Option(help="LANGUAGE=MODEL; repeatable.")] = [],  # noqa: B006  typer
    pieces: Annotated[list[str], typer.Option(help="LANGUAGE=SENTENCEPIECE of a KenLM model.")] = [],  # noqa: B006
    classifier: Annotated[str, typer.Option(help="fastText model.")] = "",
    label: Annotated[
        str, typer.Option(help='Its label that counts; "number" where labels are numbers.')
    ] = "__label__hq",
    language: Annotated[
        list[str], typer.Option(help="Pages that count; by default those of the models, else en.")
    ] = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Percentiles of a crawl's pages under these models: perplexity.calibration, classifier.calibration."""
    import pyarrow as pa

    from flows.calibrate_task import CalibrateRequest
    from flows.calibrate_task import calibrate as run
    from flows.quality_texts import Texts, check_inputs
    from flows.tables import print_table
    from pipeline.quality.classifier import ClassifierConfig
    from pipeline.quality.perplexity import PerplexityConfig

    models = _pairs(perplexity, "--perplexity")
    scored = PerplexityConfig(enabled=bool(models), models=models, pieces=_pairs(pieces, "--pieces"))
    judged = ClassifierConfig(enabled=bool(classifier), model=classifier or None, label=label)
    languages = tuple(language) or tuple(models) or ("en",)
    request = CalibrateRequest(Texts(check_inputs(inputs, "calibrate on")), scored, judged, languages)
    print_table(pa.Table.from_pylist(run(request, output)), "json" if as_json else "table", title=str(Path(output)))


def _numbers(text: str) -> tuple[int, ...]:
    from storage.errors import UserError

    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError as error:
        raise UserError(f"--prune {text!r} is not a list of counts,", "for example --prune '0 0 1'.") from error


def _pairs(given: list[str], option: str) -> dict[str, str]:
    from storage.errors import UserError

    pairs = dict(item.partition("=")[::2] for item in given)
    if not all(key and value for key, value in pairs.items()):
        raise UserError(f"{option} {' '.join(given)!r} is not LANGUAGE=PATH.")
    return pairs


def _print(report: dict[str, Any], as_json: bool, shown: tuple[str, ...]) -> None:
    if as_json:
        print(json.dumps(report))
        return
    for key in shown:
        print(f"{key:22} {_short(report[key])}")
    print(f"\n{report['model']}  sha256 {report['sha256']}\nThe whole report: {report['model']}.json")


def _short(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "".join(f"\n    {_short(row)}" for row in value)
    if isinstance(value, dict):
        return "  ".join(f"{key} {_short(item)}" for key, item in value.items())
    if isinstance(value, list):
        return " ".join(map(_short, value))
    return f"{value:,.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
