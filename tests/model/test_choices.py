"""Choices of how a training is carried out: the same result by each, or the one that is asked for."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch._dynamo.utils import counters
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from model import train as training
from model.build import build_model
from model.config import ModelConfig, TrainConfig
from model.data import open_tokens
from model.encoder_decoder import EncoderDecoder
from model.flops import exact_flops_per_token, flops_per_token, matmul_parameters
from model.objective import prepare_blocks
from model.objective_config import training_model
from model.objectives import causal_loss, losses_of
from model.optim import make_optimizer, set_learning_rate
from model.parallel import Ranks
from model.parts import ObjectiveConfig
from model.prepare import Prepared
from model.presets import preset
from model.rules import essence, settle
from model.signals import StopSignal
from model.tensorboard import EventFile, masked_crc
from model.transformer import Transformer
from storage.errors import UserError

from .conftest import SHORT, TINY
from .test_train import losses_of as recorded_losses
from .test_train import spec_of

LONG = ModelConfig.model_validate(
    {
        **preset("chinchilla-70b").model_dump(),
        "vocab_size": 64,
        "d_model": 32,
        "n_layers": 2,
        "n_heads": 4,
        "n_kv_heads": 4,
    }
)


def losses_with(tokens_dir: Path, out: Path, **changes: Any) -> list[float]:
    training.train(spec_of(tokens_dir, out, train=SHORT.model_copy(update=changes)))
    return recorded_losses(out)


def test_parts_recomputing_and_precision_change_little(tokens_dir: Path, tmp_path: Path) -> None:
    plain = losses_with(tokens_dir, tmp_path / "plain")
    parts = losses_with(tokens_dir, tmp_path / "parts", micro_batch_tokens=16 * 3)
    again = losses_with(tokens_dir, tmp_path / "again", recompute=True)
    half = losses_with(tokens_dir, tmp_path / "half", precision="bf16")
    assert parts == pytest.approx(plain, rel=1e-5) and again == plain
    assert half == pytest.approx(plain, rel=0.02) and half != plain


def test_compiled_blocks_give_the_same_gradients_and_are_one_graph() -> None:
    """A break in each block's graph leaves all that lies around it unfused, and nothing says so."""
    tokens = torch.randint(2, 64, (2, 17))
    gradients = []
    counters.clear()
    for compiled in (False, True):
        model = Transformer(TINY)
        prepare_blocks([*model.blocks], TrainConfig(compile=compiled, recompute=compiled), backend="aot_eager")
        causal_loss(model, tokens, 1).nats.backward()
        gradients.append([weight.grad for weight in model.parameters()])
        assert [*model.state_dict()] == [*Transformer(TINY).state_dict()]
    for plain, found in zip(*gradients, strict=True):
        assert plain is not None and found is not None
        torch.testing.assert_close(found, plain, rtol=1e-5, atol=1e-5 * float(plain.abs().max()))
    assert counters["stats"]["unique_graphs"] and not counters["graph_break"]


@pytest.mark.parametrize("name", ["gpt2", "llama3-8b", "bert-base-mlm", "t5-base", "bart-base"])
def test_matrices_that_multiply_every_token(name: str) -> None:
    config = preset(name)
    with torch.device("meta"):
        model = build_model(config)
    tables = ("embedding", "relative_bias")
    matrices = [w for n, w in model.named_parameters() if w.ndim == 2 and not any(table in n for table in tables)]
    tied = config.vocab_size * config.d_model if config.tied_embeddings else 0
    assert matmul_parameters(config) == sum(weight.numel() for weight in matrices) + tied


def test_an_elmos_matrices_are_its_lstms_and_the_output_twice() -> None:
    config = preset("tiny-elmo").model_copy(update={"vocab_size": 500})
    model = build_model(config)
    lstms = [w for n, w in model.named_parameters() if ".layers." in n and w.ndim == 2]
    head = 2 * config.vocab_size * config.d_model
    assert matmul_parameters(config) == sum(weight.numel() for weight in lstms) + head
    assert exact_flops_per_token(config, 16) == flops_per_token(config, 16) == 6 * matmul_parameters(config)


def test_the_usual_count_of_attention_is_its_whole_square() -> None:
    """PaLM, appendix B: 6 N + 12 L H Q T."""
    assert flops_per_token(TINY, 32) == 6 * matmul_parameters(TINY) + 12 * 2 * 4 * 8 * 32


@pytest.mark.parametrize("name", ["t5-base", "bart-base"])
def test_of_two_stacks_every_token_goes_through_one(name: str) -> None:
    """Of 60 stored tokens 51 and 3 marks are read, 9 and 3 marks written; torch counts attention's square whole."""
    small = {"vocab_size": 64, "d_model": 32, "n_layers": 2, "decoder_layers": 3, "n_heads": 4, "n_kv_heads": 4}
    config = preset(name).model_copy(update=small | {"ffn_dim": 80, "max_positions": 64})
    model = build_model(config)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        model(torch.randint(2, 64, (1, 54)), torch.randint(2, 64, (1, 12)))
    width, seen = 12 * 32 * 3, 0.2 * (12 - 13 / 2)  # of the decoder's own square the half it does not see
    counted = 3 * counter.get_total_flops() / 60
    assert exact_flops_per_token(config, 60) == pytest.approx(counted - width * seen, rel=1e-3)
    assert exact_flops_per_token(config, 60) < flops_per_token(config, 60)


def test_an_encoders_output_matrix_meets_the_hidden_tokens_only() -> None:
    config = preset("bert-base-mlm")
    head = 6 * config.d_model * (config.vocab_size + config.d_model)
    less = flops_per_token(config, 128) - exact_flops_per_token(config, 128, ObjectiveConfig(hidden_frac=0.25))
    assert less == pytest.approx(0.75 * head)


@pytest.mark.parametrize(
    "config", [TINY, TINY.model_copy(update={"n_kv_heads": 4, "head_width": 6}), LONG], ids=["llama", "narrow", "xl"]
)
def test_flops_are_those_torch_counts(config: ModelConfig) -> None:
    """Product by product, attention's square whole; torch does not see the output matrix's gradient, added in place."""
    model, tokens = Transformer(config), torch.randint(2, 64, (24, 33))
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        causal_loss(model, tokens, 1).nats.backward()
    counted = counter.get_total_flops() / (24 * 32) + 2 * 64 * 32
    square = exact_flops_per_token(config, 2 * 32 - 1)  # positions see as many as in a square of 32
    distances = 4 * 2 * 32 * 32 / 24 if config.positions == "transformer_xl" else 0  # made once a batch
    assert square == pytest.approx(counted - distances, rel=1e-9)
    assert exact_flops_per_token(config, 32) < square


@pytest.mark.parametrize(
    "name", ["tiny", "tiny-gpt2", "bert-base", "tiny-bert", "tiny-bert-pairs", "tiny-t5", "tiny-elmo"]
)
def test_whatever_learns_is_reached_by_the_loss(tokens_dir: Path, tmp_path: Path, name: str) -> None:
    """Several ranks wait for the gradient of every weight that learns: a pooler that nobody reads has none."""
    sizes = {"vocab_size": 64, "d_model": 32, "n_layers": 2, "n_heads": 4, "n_kv_heads": 4, "max_positions": 64}
    model = ModelConfig.model_validate({**preset(name).model_dump(), **sizes, "ffn_dim": 64})
    model = training_model(model, open_tokens(str(tokens_dir)), ObjectiveConfig())
    made = training._Training(
        spec_of(tokens_dir, tmp_path / "out", model=model),
        open_tokens(str(tokens_dir)),
        Ranks(0, 1, torch.device("cpu")),
        StopSignal(),
    )
    made._gradient(made.loader.at(0))
    without = [key for key, weight in made.model.named_parameters() if weight.requires_grad and weight.grad is None]
    assert without == []


def test_norms_and_biases_do_not_decay() -> None:
    model = Transformer(preset("gpt2").model_copy(update={"d_model": 16, "n_heads": 2, "n_kv_heads": 2, "n_layers": 1}))
    groups = make_optimizer(model, settle(SHORT, model.config)).param_groups
    plain = {id(weight) for group in groups if not group["weight_decay"] for weight in group["params"]}
    expected = {id(w) for n, w in model.named_parameters() if n.endswith("bias") or "norm" in n}
    assert plain == expected and all(group["fused"] for group in groups)


def test_rules_fill_in_what_is_not_given_and_nothing_else() -> None:
    model = ModelConfig()
    given = settle(SHORT, model)
    assert given == SHORT
    large = settle(TrainConfig(train_tokens=100_000_000_000), preset("llama3-8b"))
    assert large.batch_tokens == pytest.approx(0.58 * 1e11**0.571, rel=1e-3)
    assert large.learning_rate == pytest.approx(1.79 * 8_030_261_248**-0.713 * 1e11**0.307, rel=0.05)
    assert large.warmup_frac == pytest.approx(8.030261248 / 100) and large.beta2 == 0.95
    small = settle(TrainConfig(train_tokens=1_000_000, batch_tokens=1_000), model)
    assert small.beta2 == pytest.approx(0.5 ** (1_000 / 100_000))
    assert essence(SHORT) == essence(SHORT.model_copy(update={"checkpoint_steps": 3, "compile": True}))
    assert essence(SHORT) != essence(SHORT.model_copy(update={"seed": 5}))


def spread_after(width: int, kind: str, base: ModelConfig, steps: int = 4) -> tuple[float, float]:
    """How much the hidden state and the logits of a model have changed after some steps, root mean square."""
    torch.manual_seed(0)
    heads = width // 16
    sizes = {"vocab_size": 64, "d_model": width, "n_layers": 2, "n_heads": heads, "n_kv_heads": heads}
    model = build_model(base.model_copy(update=sizes | {"ffn_dim": 2 * width}))
    train = SHORT.model_copy(update={"parametrisation": kind, "mup_base_width": 64, "weight_decay": 0.0})
    training.check_mup(model.config, train)
    training.rescale(model, train)
    optimizer = make_optimizer(model, train)
    tokens = torch.randint(2, 64, (8, 17))
    prepared = Prepared(tokens[:, :-1], tokens[:, 1:], source=tokens.flip(1))

    def now() -> tuple[torch.Tensor, torch.Tensor]:
        with torch.no_grad():
            if isinstance(model, EncoderDecoder):
                hidden = model.decode(prepared.tokens, model.encode(tokens.flip(1)))
            else:
                hidden = model.hidden(prepared.tokens)
            return hidden, model.head(hidden)

    before = now()
    for _ in range(steps):
        set_learning_rate(optimizer, 1e-3)
        optimizer.zero_grad()
        (losses_of(model, prepared).tokens / prepared.targets.numel()).backward()
        optimizer.step()
    changes = [float((b - a).square().mean().sqrt()) for a, b in zip(before, now(), strict=True)]
    return changes[0], changes[1]


_GATED = {"activation": "geglu", "tied_embeddings": False, "scaled_head": False, "decoder_layers": 2, "init_std": None}
T5_1_1 = preset("t5-base").model_copy(update=_GATED)


@pytest.mark.parametrize(("base", "widths"), [(ModelConfig(), (64, 128, 256, 512)), (T5_1_1, (64, 128, 256))])
def test_under_mup_a_step_changes_as_much_at_every_width(base: ModelConfig, widths: tuple[int, ...]) -> None:
    """The coordinate check: the slope of changes over widths, both in logarithms (Yang et al. 2022, section D.1)."""
    slopes = {}
    for kind in ("standard", "mup"):
        changes = np.log([spread_after(width, kind, base) for width in widths])
        slopes[kind] = [float(np.polyfit(np.log(widths), changes[:, i], 1)[0]) for i in range(2)]
    assert abs(slopes["mup"][0]) < 0.06 and abs(slopes["mup"][1]) < 0.2, slopes
    assert slopes["standard"][0] > 0.1 and slopes["standard"][1] > 0.2, slopes


@pytest.mark.parametrize(("name", "told"), [("t5-base", "scaled_head=false"), ("tiny-elmo", "LSTMs")])
def test_mup_refuses_what_it_has_no_rule_for(name: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        training.check_mup(preset(name), TrainConfig(parametrisation="mup"))
    training.check_mup(preset(name), TrainConfig())


def test_mup_refuses_tied_embeddings_and_trains_from_a_silent_output(tokens_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="muP"):
        training.check_mup(TINY.model_copy(update={"tied_embeddings": True}), TrainConfig(parametrisation="mup"))
    losses = losses_with(tokens_dir, tmp_path / "mup", parametrisation="mup", mup_base_width=16)
    assert losses[0] == pytest.approx(np.log(64), rel=1e-6) and losses[-1] < losses[0] - 0.5


def test_event_files_are_records_tensorboard_reads(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "curves", 3)
    file.add(7, {"loss": 2.5, "rate": 0.125})
    file.close()
    (path,) = (tmp_path / "curves").iterdir()
    assert ".tfevents." in path.name
    data, events = path.read_bytes(), []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        assert struct.unpack("<I", data[8:12]) == (masked_crc(data[:8]),)
        event, end = data[12 : 12 + length], data[12 + length : 16 + length]
        assert struct.unpack("<I", end) == (masked_crc(event),)
        events.append(event)
        data = data[16 + length :]
    assert b"brain.Event:2" in events[0]
    loss = b"\x0a\x04loss\x15" + struct.pack("<f", 2.5)
    assert len(events) == 2 and loss in events[1] and b"\x10\x07" in events[1]


def test_checksums_are_crc32c() -> None:
    """The check value of CRC-32C for "123456789" is e3069283 (RFC 3720, appendix B.4)."""
    crc = 0xE3069283
    assert masked_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
