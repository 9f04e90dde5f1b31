"""From stored sequences to what a model is shown and asked: targets, hidden tokens, who sees whom. On the CPU.

Everything drawn is a matter of the seed, the position and the sequence itself (`model.noise`), so that a batch may be
cut among ranks and parts in any way. The number of targets is known here, before anything is computed: the losses of
all parts of all ranks are divided by their sum.

Shapes, in tensor names: B sequences, W stored tokens of each, T positions shown, S positions of an encoder's source.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from model.characters import token_bytes, word_edges
from model.documents import Documents, documents_of, match_documents
from model.encoder_decoder import PackedPairs
from model.noise import IGNORED, Ids, Vocabulary, corrupt_spans, generator_of, mask_tokens, pair_pieces
from model.objective_config import Kind, added_ids, sentinel_names
from model.parts import ObjectiveConfig
from model.token_set import TokenSet
from storage.errors import UserError

Fetch = Callable[[int], tuple[Ids, Ids]]
"""Tokens and documents of any training sequence, by a number from 0 on that wraps round, int64[W] each."""


@dataclass(frozen=True)
class Prepared:
    """What a model is shown and asked.

    Attributes:
        tokens: int64[B, T].
        targets: int64[B, T]; `IGNORED` where nothing is asked.
        before: The other direction's targets, int64[B, T]; ELMo.
        source: An encoder's tokens, int64[B, S]; T5.
        segments, positions: int64[B, T]; None: all 0, counted on.
        visible: False for padding, bool[B, T]; None: nowhere.
        lengths: Tokens that are no padding, int64[B]; ELMo.
        pairs: 1 where the second piece does not follow the first, int64[B].
        documents, packed: Who sees whom; None: a row is one document.
        target_count, pair_count: How many losses there are of either kind.
    """

    tokens: Tensor
    targets: Tensor
    before: Tensor | None = None
    source: Tensor | None = None
    segments: Tensor | None = None
    positions: Tensor | None = None
    visible: Tensor | None = None
    lengths: Tensor | None = None
    pairs: Tensor | None = None
    documents: Documents | None = None
    packed: PackedPairs | None = None
    target_count: int = 0
    pair_count: int = 0

    def to(self, device: torch.device) -> Prepared:
        """On another device."""
        moved = {name.name: getattr(self, name.name) for name in fields(self)}
        return replace(self, **{name: value.to(device) for name, value in moved.items() if hasattr(value, "to")})


def vocabulary_of(tokens: TokenSet, tokenizer: str, kind: Kind, objective: ObjectiveConfig) -> Vocabulary:
    """What noise must know of a token set's ids."""
    added = added_ids(tokens, kind, objective)
    names = tokens.specials | added
    size = tokens.vocab_size + len(added)
    special = np.zeros(size, bool)
    special[[tokens.end_id, tokens.pad_id, *names.values()]] = True
    opens, closes = word_edges(token_bytes(tokenizer, size))
    encoder = tokens.encoder
    absent = tokens.pad_id  # of a kind that does not use it
    return Vocabulary(
        size=size, special=special, opens=opens, closes=closes, end_id=tokens.end_id, pad_id=tokens.pad_id,
        mask_id=encoder.mask if encoder else names.get("[MASK]", absent),
        class_id=encoder.classification if encoder else names.get("[CLS]", absent),
        separator_id=encoder.separator if encoder else names.get("[SEP]", absent),
        sentinels=np.array([names[name] for name in sentinel_names(objective) if name in names], np.int64),
    )  # fmt: skip


class Preparer:
    """Prepares batches for one objective.

    Args:
        kind: The objective.
        config: Its settings.
        vocabulary: What the ids are.
        length: Positions a model sees.
        seed: Of all that is drawn.
        fetch: Other sequences, for pairs that do not belong together; of no use to other objectives.
    """

    def __init__(
        self, kind: Kind, config: ObjectiveConfig, vocabulary: Vocabulary, length: int, seed: int,
        fetch: Fetch | None = None,
    ) -> None:  # fmt: skip
        self.kind, self.config, self.vocabulary = kind, config, vocabulary
        self.length, self.seed, self.fetch = length, seed, fetch

    def __call__(self, tokens_BW: Tensor, documents_BW: Tensor, position: int) -> Prepared:
        """Prepare some sequences.

        Args:
            tokens_BW: int64.
            documents_BW: The document each is of, numbered within its row; -1 for padding.
            position: How far the training is; the same one draws the same.
        """
        tokens, documents = tokens_BW.cpu().numpy(), documents_BW.cpu().numpy()
        make = {
            "causal": self._causal,
            "masked": self._masked,
            "masked_pairs": self._pairs,
            "span_corruption": self._spans,
            "bidirectional": self._bidirectional,
        }[self.kind]
        found = make(tokens, documents, position)
        count = int((found.targets != IGNORED).sum())
        if found.before is not None:
            count += int((found.before != IGNORED).sum())
        return replace(found, target_count=count, pair_count=0 if found.pairs is None else len(found.pairs))

    def _causal(self, tokens: Ids, documents: Ids, position: int) -> Prepared:
        """A position is of the document of the token that it is asked for: so the end of one document begins the
        next, as it does in front of a prompt.
        """
        shown, asked, of = tokens[:, :-1], tokens[:, 1:], documents[:, 1:]
        targets = np.where((of < 0) | (asked == self.vocabulary.pad_id), IGNORED, asked)
        return apart(shown, targets, of, self.config)

    def _masked(self, tokens: Ids, documents: Ids, position: int) -> Prepared:
        tokens, documents = tokens[:, : self.length], documents[:, : self.length]
        pairs = [self._mask(row, position) for row in tokens]
        shown, targets = (np.stack(side) for side in zip(*pairs, strict=True))
        return apart(shown, targets, documents, self.config)

    def _mask(self, row: Ids, position: int) -> tuple[Ids, Ids]:
        config, generator = self.config, generator_of(self.seed, position, row)
        return mask_tokens(
            row, self.vocabulary, generator, config.hidden_frac, config.kept_frac, config.random_frac,
            config.whole_words,
        )  # fmt: skip

    def _pairs(self, tokens: Ids, documents: Ids, position: int) -> Prepared:
        rows = [self._pair(row, of, position) for row, of in zip(tokens, documents, strict=True)]
        masked = [self._mask(row, position) for row, _, _ in rows]
        lengths = np.array([len(row) for row, _, _ in rows])
        width = int(lengths.max())
        return Prepared(
            _tensor(_padded([shown for shown, _ in masked], width, self.vocabulary.pad_id)),
            _tensor(_padded([asked for _, asked in masked], width, IGNORED)),
            segments=_tensor(_padded([segments for _, segments, _ in rows], width, 0)),
            visible=torch.from_numpy(np.arange(width) < lengths[:, None]),
            pairs=torch.tensor([int(strange) for _, _, strange in rows]),
        )

    def _pair(self, row: Ids, of: Ids, position: int) -> tuple[Ids, Ids, bool]:
        """Two halves of a row's longest document, or half of it and half of another sequence's; and which."""
        if self.fetch is None:
            raise UserError("pairs need the whole token set to draw from.")
        generator = generator_of(self.seed, position, row[::-1].copy())
        first, second = self._halves(row, of)
        strange = bool(generator.random() < 0.5)
        if strange:
            _, second = self._halves(*self.fetch(int(generator.integers(2**62))))
        return *pair_pieces(first, second, self.vocabulary, self.length), strange

    def _halves(self, row: Ids, of: Ids) -> tuple[Ids, Ids]:
        sizes = np.bincount(of[of >= 0], minlength=1)
        longest = row[of == sizes.argmax()]
        longest = longest[~self.vocabulary.special[longest]]
        return longest[: len(longest) // 2], longest[len(longest) // 2 :]

    def _spans(self, tokens: Ids, documents: Ids, position: int) -> Prepared:
        """Documents are corrupted one by one, and packed again on both sides; padding is a document of its own."""
        rows = [self._corrupt(row, of, position) for row, of in zip(tokens, documents, strict=True)]
        lengths = [[np.array([len(pair[side]) for pair in row], np.int64) for row in rows] for side in (0, 1)]
        widths = [max(int(row.sum()) for row in side) + 1 for side in lengths]
        source, target = (
            _padded([np.concatenate([pair[side] for pair in row]) for row in rows], widths[side], IGNORED)
            for side in (0, 1)
        )
        begins = [np.cumsum(row) - row for row in lengths[1]]
        shown = np.concatenate([np.full((len(rows), 1), IGNORED), target[:, :-1]], axis=1)
        for row, starts in zip(shown, begins, strict=True):
            row[starts] = IGNORED
        pad = self.vocabulary.pad_id  # what a decoder begins with, as well
        whole = [
            [np.append(row, width - row.sum()) for row in side] for side, width in zip(lengths, widths, strict=True)
        ]
        packed = PackedPairs(match_documents(whole[0]), match_documents(whole[1]), match_documents(whole[1], whole[0]))
        return Prepared(
            _tensor(np.where(shown == IGNORED, pad, shown)),
            _tensor(target),
            source=_tensor(np.where(source == IGNORED, pad, source)),
            packed=packed,
        )

    def _corrupt(self, row: Ids, of: Ids, position: int) -> list[tuple[Ids, Ids]]:
        """Source and target of each document of a row; one too short to hide anything is left out."""
        generator, config = generator_of(self.seed, position, row), self.config
        whole = _stretches(row, of) if config.document_masking else [row[of >= 0]]
        texts = [text[~self.vocabulary.special[text]] for text in whole]
        return [
            corrupt_spans(text, self.vocabulary, generator, config.hidden_frac, config.mean_span)
            for text in texts
            if len(text) >= 2
        ] or [(np.array([self.vocabulary.end_id]), np.array([self.vocabulary.end_id]))]

    def _bidirectional(self, tokens: Ids, documents: Ids, position: int) -> Prepared:
        if self.config.document_masking:
            rows = [part for row, of in zip(tokens, documents, strict=True) for part in _stretches(row, of)]
        else:
            rows = [row[of >= 0] for row, of in zip(tokens, documents, strict=True)]
        width = max(len(row) for row in rows)
        return Prepared(
            _tensor(_padded(rows, width, self.vocabulary.pad_id)),
            _tensor(_padded([np.append(row[1:], IGNORED) for row in rows], width, IGNORED)),
            before=_tensor(_padded([np.insert(row[:-1], 0, IGNORED) for row in rows], width, IGNORED)),
            lengths=torch.tensor([len(row) for row in rows]),
        )


def apart(shown: Ids, targets: Ids, of: Ids, config: ObjectiveConfig) -> Prepared:
    """Sequences whose documents do not see each other, where the objective says so and a row has several.

    Args:
        shown, targets: int64[B, T].
        of: The document of each position, int64[B, T], numbered within its row.
        config: What of this a model was, or is, trained with.
    """
    starts = [np.flatnonzero(np.diff(row)) + 1 for row in of]
    several = config.document_masking and any(len(row) for row in starts)
    documents = documents_of(starts, of.shape[1]) if several else None
    positions = None
    if config.restart_positions:
        positions = _tensor(np.stack([_restarted(row, of.shape[1]) for row in starts]))
    return Prepared(_tensor(shown), _tensor(targets), documents=documents, positions=positions)


def _tensor(values: Ids) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.int64))


def _padded(rows: Sequence[Ids], width: int, filler: int) -> Ids:
    out = np.full((len(rows), width), filler, np.int64)
    for number, row in enumerate(rows):
        out[number, : len(row)] = row
    return out


def _restarted(starts: Ids, width: int) -> Ids:
    """Positions that count from each document's beginning, int64[width]."""
    begins = np.zeros(width, np.int64)
    begins[starts] = starts
    return np.arange(width) - np.maximum.accumulate(begins)


def _stretches(row: Ids, of: Ids) -> list[Ids]:
    """The documents of a row, padding left out."""
    cuts = np.flatnonzero(np.diff(of)) + 1
    return [part for part, ids in zip(np.split(row, cuts), np.split(of, cuts), strict=True) if ids[0] >= 0]
