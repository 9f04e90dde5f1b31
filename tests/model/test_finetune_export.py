"""A kept fine-tuning in `transformers`: the same logits from the same ids; a sentence where there is no such model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer as Reader

from flows.exporting import with_marks
from model.build import build_model
from model.config import ModelConfig
from model.encoder_decoder import EncoderDecoder
from model.export import export
from model.finetune.answering import source_of
from model.finetune.batches import show
from model.finetune.config import WEIGHTS, FinetuneSpec, Item, Task
from model.finetune.kept import load
from model.finetune.run import finetune
from model.finetune.tasks import head_outputs
from model.specs import ExportSpec
from pipeline.labelled.encoding import Marks, encode_examples
from pipeline.labelled.examples import Instructed, Labelled
from pipeline.tokens import Tokenizer, train_tokenizer
from pipeline.tokens_config import TokensConfig
from storage.errors import UserError
from tests.model.made_tasks import DECODER, ENCODER, LAST, PAD, T5, spec_of

BERT = ModelConfig(
    vocab_size=64, d_model=32, n_layers=2, n_heads=4, n_kv_heads=4, ffn_dim=64, norm="layer", norm_first=False,
    activation="gelu", biases=True, positions="learned", causal=False, max_positions=32, segments=2, pooler=True,
    masked_head=True, tied_embeddings=True, norm_eps=1e-12,
)  # fmt: skip
GPT2 = ModelConfig(
    vocab_size=64, d_model=32, n_layers=1, n_heads=4, n_kv_heads=4, ffn_dim=128, norm="layer", activation="gelu_tanh",
    biases=True, positions="learned", max_positions=32, tied_embeddings=True,
)  # fmt: skip


def exported(folder: Path, task: Task, model: ModelConfig, mode: str, pretrained: bool = True) -> FinetuneSpec:
    spec = spec_of(folder, task, model, mode=mode, min_steps=4, epochs=1, learning_rate=1e-2, checks=1)
    attempt = spec.attempts[0].model_copy(update={"pretrained": pretrained})
    spec = spec.model_copy(update={"attempts": (attempt,)})
    with torch.enable_grad():
        finetune(spec, 0)
    kept = str(folder / "out" / WEIGHTS)
    export(
        ExportSpec(
            weights=spec.weights,
            task_weights=kept,
            out_dir=str(folder / "hf"),
            max_positions=32,
            end_id=LAST,
            pad_id=PAD,
        )
    )
    return spec


@pytest.fixture(autouse=True)
def _without_gradients() -> Iterator[None]:
    with torch.no_grad():
        yield


@pytest.mark.parametrize(
    ("task", "model", "mode", "pretrained"),
    [
        ("classification", BERT, "full", True),
        ("pairs", BERT, "lora", False),
        ("similarity", BERT, "lora", True),
        ("tagging", BERT, "full", True),
        ("qa", BERT, "lora", True),
        ("tagging", DECODER, "lora", True),
        ("qa", DECODER, "full", False),
        ("tagging", GPT2, "full", True),
        ("qa", GPT2, "full", True),
    ],
)
def test_transformers_says_the_same(
    tmp_path: Path, task: Task, model: ModelConfig, mode: str, pretrained: bool
) -> None:
    spec = exported(tmp_path, task, model, mode, pretrained)
    ours, about = load(str(tmp_path / "out" / WEIGHTS), spec.weights)
    kind = {"tagging": "TokenClassification", "qa": "QuestionAnswering"}.get(task, "SequenceClassification")
    loader: Any = getattr(transformers, f"AutoModelFor{kind}")
    theirs, told = loader.from_pretrained(tmp_path / "hf", output_loading_info=True)
    assert not any(told[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    items, cpu = spec.measure.items, torch.device("cpu")
    shown = show(items, PAD, cpu)
    segments = {"token_type_ids": shown.segments} if model.segments else {}
    said = theirs.eval()(input_ids=shown.tokens, attention_mask=shown.visible.long(), **segments)
    for row, (item, output) in enumerate(zip(items, head_outputs(ours, items, PAD, cpu), strict=True)):
        found = torch.from_numpy(output)
        if task == "qa":
            expected = torch.stack([said.start_logits, said.end_logits], -1)[row, : len(item.ids)].double()
        elif task == "tagging":
            expected = said.logits[row, list(item.places)]
        else:
            expected = said.logits[row]
            found = found * about.deviation + about.mean if task == "similarity" else found
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)
    if task != "qa":
        names = ["score"] if task == "similarity" else [*spec.classes]
        assert [theirs.config.id2label[number] for number in range(len(names))] == names


@pytest.mark.parametrize("model", [DECODER, T5])
def test_a_model_of_instructions_is_what_it_was(tmp_path: Path, model: ModelConfig) -> None:
    spec = exported(tmp_path, "instruction", model, "lora")
    ours, _ = load(str(tmp_path / "out" / WEIGHTS), spec.weights)
    tokens, begun = torch.tensor([spec.measure.items[0].ids]), torch.tensor([[PAD, 40]])
    if isinstance(ours.body, EncoderDecoder):
        theirs: Any = transformers.AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "hf")
        found, expected = ours.body(tokens, begun), theirs(input_ids=tokens, decoder_input_ids=begun).logits
    else:
        theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "hf")
        found, expected = ours.body(tokens), theirs(tokens).logits
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(
    ("task", "model", "mode", "words"),
    [
        ("classification", DECODER, "full", "read BERT's pooler"),
        ("tagging", BERT, "frozen", "mix of a frozen model's layers"),
        ("tagging", ENCODER, "full", "no architecture of transformers"),
        ("tagging", T5, "full", "has no place in transformers"),
    ],
)
def test_what_is_nothing_in_transformers_is_refused(
    tmp_path: Path, task: Task, model: ModelConfig, mode: str, words: str
) -> None:
    with pytest.raises(UserError, match=words):
        exported(tmp_path, task, model, mode)
    assert not (tmp_path / "hf" / "config.json").exists()


def test_the_tokenizer_puts_the_marks_where_the_fine_tuning_did() -> None:
    content = train_tokenizer(["a bright film and a dull one " * 20], TokensConfig(vocab_size=512))
    ours = Tokenizer(content, "<|end_of_text|>", "[PAD]")
    specials = {token["content"]: token["id"] for token in json.loads(content)["added_tokens"]}
    end, other = specials["<|end_of_text|>"], specials["[PAD]"]
    marks = Marks(end, other, end)
    theirs = Reader.from_str(with_marks(content.encode(), marks, "texts").decode())
    one, two = encode_examples([Labelled("a film"), Labelled("a film", "a dull one")], ours, marks, {}, 64)
    assert tuple(theirs.encode("a film").ids) == one.ids
    found = theirs.encode("a film", "a dull one")
    assert tuple(found.ids) == two.ids and found.type_ids.index(1) == two.second_at
    (prompt,) = encode_examples([Instructed("a film", "dull")], ours, marks, {}, 64)
    item, shapes = Item(example=0, ids=prompt.ids, second_at=0, targets=prompt.targets), (DECODER, T5)
    for shape, given in zip(shapes, ("prompt", "source"), strict=True):
        reader = Reader.from_str(with_marks(content.encode(), marks, given).decode())
        assert tuple(reader.encode("a film").ids) == source_of(build_model(shape), item)
    with pytest.raises(UserError, match="no special token of id 7000"):
        with_marks(content.encode(), Marks(7000, end, end), "texts")
