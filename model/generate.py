"""Write on from prompts: `python -m model.generate SPEC.json` (see `GenerationSpec`), ids in and ids out.

One line of JSON a token, so that whoever started it can show text as it comes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.build import LanguageModel
from model.checkpoint import load_model
from model.decoding import Decoding, room_of
from model.device import in_bf16
from model.process import choose_device, emit, serve, settle
from model.sampling import chances, choose, penalise
from model.specs import GenerationSpec
from storage.errors import UserError


@dataclass(frozen=True)
class Candidate:
    """A token that might have come next.

    Attributes:
        probability: What the model gives it.
        chance: What it was drawn with: after penalty, temperature and filters.
    """

    token: int
    probability: float
    chance: float


@dataclass(frozen=True)
class Written:
    """One more token of one prompt's text, and the likeliest ones at that place, as many as were asked for."""

    row: int
    token: int
    candidates: tuple[Candidate, ...] = ()


def generate(model: LanguageModel, spec: GenerationSpec, cached: bool = True) -> Iterator[Written]:
    """Token ids that follow each prompt; a text ends before `stop_id`, after `max_tokens`, or with the last learned
    position.

    Args:
        model: A decoder or a T5. Past the length it was trained on its text falls apart, but nothing fails.
        spec: Prompts and sampling; the same seed gives the same ids.
        cached: See `Decoding`.

    Raises:
        UserError: The model does not write, or a prompt fills all its positions.
    """
    spec = spec.model_copy(update={"max_tokens": room_of(model, spec.prompts, spec.max_tokens)})
    if spec.beams > 1:
        for row, prompt in enumerate(spec.prompts):
            yield from (Written(row, token) for token in search_beams(model, spec, prompt, cached))
        return
    yield from _sample(model, spec, cached)


@torch.no_grad()
def _sample(model: LanguageModel, spec: GenerationSpec, cached: bool) -> Iterator[Written]:
    decoding = Decoding(model, spec.prompts, spec.max_tokens, spec.pad_id, cached, spec.compile)
    generators = [torch.Generator().manual_seed(spec.seed + row) for row in range(len(spec.prompts))]
    texts = [_begin(model, spec, prompt) for prompt in spec.prompts]
    going = [True] * len(texts)
    for _ in range(spec.max_tokens):
        drawn = _draw(decoding.logits(), spec, texts, going, generators)
        tokens = []
        for row, (token, candidates) in enumerate(drawn):
            going[row] = going[row] and token != spec.stop_id
            if going[row]:
                yield Written(row, token, candidates)
            tokens.append(token if going[row] else spec.pad_id)
            texts[row].append(tokens[-1])
        if not any(going):
            return
        decoding.append(tokens)


def _draw(
    logits_BV: Tensor,
    spec: GenerationSpec,
    texts: list[list[int]],
    going: list[bool],
    generators: list[torch.Generator],
) -> Iterator[tuple[int, tuple[Candidate, ...]]]:
    """The next token of each row, and its candidates; of a text that has ended whatever fills."""
    if spec.temperature == 0 and spec.repetition_penalty == 1 and not spec.why:
        # chosen where the logits are: the way to the host is longer than a small model's step
        yield from ((token, ()) for token in logits_BV.argmax(-1).tolist())
        return
    for row, logits_V in enumerate(logits_BV.cpu()):
        if not going[row]:
            yield spec.pad_id, ()
            continue
        penalised = logits_V
        if spec.repetition_penalty != 1:
            penalised = penalise(logits_V, torch.tensor(texts[row]), spec.repetition_penalty)
        yield choose(penalised, spec, generators[row]), _candidates(logits_V, penalised, spec)


def _begin(model: LanguageModel, spec: GenerationSpec, prompt: Sequence[int]) -> list[int]:
    """What is there before anything is written: a T5's decoder has not the prompt."""
    return [spec.pad_id] if model.config.kind == "encoder_decoder" else [*prompt]


def _candidates(logits_V: Tensor, penalised_V: Tensor, spec: GenerationSpec) -> tuple[Candidate, ...]:
    if not spec.why:
        return ()
    probabilities, drawn = torch.softmax(logits_V, dim=-1), chances(penalised_V, spec)
    likeliest = probabilities.topk(min(spec.why, len(probabilities))).indices.tolist()
    return tuple(Candidate(token, float(probabilities[token]), float(drawn[token])) for token in likeliest)


@torch.no_grad()
def search_beams(
    model: LanguageModel, spec: GenerationSpec, prompt: Sequence[int], cached: bool = True
) -> tuple[int, ...]:
    """The best text found by keeping the `beams` likeliest beginnings at each step, as `transformers` does.

    A text's worth is its log-probability over its tokens, the stop included, to the power of `length_penalty`.
    """
    decoding = Decoding(model, [prompt] * spec.beams, spec.max_tokens, spec.pad_id, cached, spec.compile)
    begun = _begin(model, spec, prompt)
    texts: list[list[int]] = [[] for _ in range(spec.beams)]
    scores = torch.tensor([0.0] + [-1e9] * (spec.beams - 1))  # all beams are the same at first: one counts
    finished: list[tuple[float, tuple[int, ...]]] = []
    for length in range(1, spec.max_tokens + 1):
        logits = decoding.logits().cpu()
        seen = [torch.tensor([*begun, *text]) for text in texts]
        log_probs = torch.log_softmax(logits, dim=-1)
        log_probs = torch.stack(
            [penalise(row, ids, spec.repetition_penalty) for row, ids in zip(log_probs, seen, strict=True)]
        )
        values, places = (scores[:, None] + log_probs).flatten().topk(2 * spec.beams)
        kept: list[tuple[int, int, float]] = []
        for rank, (value, place) in enumerate(zip(values.tolist(), places.tolist(), strict=True)):
            beam, token = divmod(place, log_probs.shape[1])
            if token == spec.stop_id or length == spec.max_tokens:
                if rank < spec.beams:
                    text = texts[beam] if token == spec.stop_id else [*texts[beam], token]
                    finished.append((value / length**spec.length_penalty, tuple(text)))
            elif len(kept) < spec.beams:
                kept.append((beam, token, value))
        finished = sorted(finished, key=lambda found: -found[0])[: spec.beams]
        full = len(finished) == spec.beams
        if not kept or (full and kept[0][2] / length**spec.length_penalty <= finished[-1][0]):
            break
        texts = [[*texts[beam], token] for beam, token, _ in kept]
        scores = torch.tensor([value for _, _, value in kept])
        decoding.select([beam for beam, _, _ in kept])
        decoding.append([token for _, token, _ in kept])
    return finished[0][1]


def _work(spec: GenerationSpec) -> None:
    settle(spec.threads)
    device = choose_device(spec.device)
    kind = torch.bfloat16 if in_bf16(spec.precision, device) else torch.float32
    model = load_model(spec.weights).to(device, kind).eval()
    beyond = [token for prompt in spec.prompts for token in prompt if not 0 <= token < model.config.vocab_size]
    if beyond:
        raise UserError(f"token id {beyond[0]} is not in a vocabulary of {model.config.vocab_size}.")
    for written in generate(model, spec):
        why = [[found.token, found.probability, found.chance] for found in written.candidates]
        emit("token", row=written.row, id=written.token, **({"why": why} if why else {}))
    emit("end")


if __name__ == "__main__":
    raise SystemExit(serve(GenerationSpec, _work))
