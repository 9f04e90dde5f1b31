"""A whole ladder on this machine, from the shared text to a fitted law: design, corpus, tokens, runs.

python -m tests.bench.gpu.ladder --device cpu --minutes 2 --vocab 512 --sequence-length 128 --workers 2 --lake DIR
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from flows.corpus_flow import corpus_flow
from flows.corpus_plan import CorpusRequest
from flows.recipe import load_recipe
from flows.scaling_design import LadderWish, describe_design, make_design, recipe_text, write_recipe
from flows.scaling_flow import ScalingRequest, fit_line, scaling_flow
from flows.tokens_flow import TokensRequest, tokens_flow
from flows.work import prefect_api
from model.config import Device
from model.scaling.analysis import Analysis
from model.scaling.design import Design

TEXT = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "text"
DOMAINS = ("books", "math", "academic", "conversations", "web", "wikipedia", "code")


@dataclass(frozen=True)
class Climbed:
    """A ladder that was run: its design, what it found by how N is counted, and the seconds its runs took."""

    design: Design
    fits: dict[str, Analysis]
    seconds: float


def inputs(text: Path) -> tuple[str, ...]:
    """The shared text as inputs of a corpus, each file with its domain."""
    return tuple(f"{name}={path}" for name in DOMAINS for path in sorted(text.glob(f"{name}*.jsonl.zst")))


def climb(wish: LadderWish, device: Device, lake: str, text: Path = TEXT) -> Climbed:
    """Design a ladder for the time, make its tokens, and run it; what is in the lake already is not made again."""
    design, speed = make_design(wish)
    print("\n".join(describe_design(design, speed, wish)), flush=True)
    path = Path(lake).parent / "ladder.toml"
    write_recipe(path, recipe_text(design.config, wish))
    recipe = load_recipe(str(path), ())
    with prefect_api():
        corpus_flow(CorpusRequest(recipe=str(path), inputs=inputs(text), lake=lake, workers=wish.workers))
        tokens_flow(TokensRequest(name=recipe.name, config=recipe.tokens, lake=lake, workers=wish.workers))
        request = ScalingRequest(
            name=recipe.name, config=recipe.scaling, lake=lake, workers=wish.workers, device=device
        )
        started = time.monotonic()
        fits = scaling_flow(request)
    return Climbed(design, fits, time.monotonic() - started)


def main() -> None:
    """Run one and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--vocab", type=int, default=4096)
    parser.add_argument("--sequence-length", type=int, default=512)
    parser.add_argument("--budgets", type=int, default=4)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--lake", default="")
    options = parser.parse_args()
    if not inputs(TEXT):
        sys.exit("the ladder is run on the shared third-party text, which is not beside this checkout (../shared/data)")
    wish = LadderWish(
        options.minutes, options.device, options.vocab, options.sequence_length, options.workers, options.budgets
    )
    found = climb(wish, options.device, options.lake or f"{tempfile.mkdtemp(prefix='ladder-')}/lake")
    print(f"{len(found.design.ladder)} runs in {found.seconds / 60:.1f} minutes")
    for count, analysis in found.fits.items():
        print(fit_line(count, analysis))


if __name__ == "__main__":
    main()
