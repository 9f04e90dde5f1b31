"""`make bench-gpu`: cached generation, replayed from CUDA graphs, held against a pass over everything and against what
reading the weights costs.

The bar, on one H200 at batch 1: 80 % of the bandwidth measured there (`measure.Writing` has the bound's formula). Its
size is a matter of the model: every kernel starts and ends, some microseconds during which nothing is read, about nine
a block. A block of 1.2B parameters in all is read in 24 us at 4.2 TB/s, one of Llama 3 8B in 104, one of LLaMA 65B in
385. Of a 1B model vLLM and SGLang reach half of an H100's bandwidth, one hand-written kernel for the whole model 78 %
(Spector et al. 2025, "Look Ma, No Bubbles!"). The bar is asked of all three; by this reckoning the largest, which an
H200 just holds, reaches it, and the smallest does not.
"""

from __future__ import annotations

import pytest
import torch

from model.build import build_model
from model.config import ModelConfig
from model.decoding import Decoding
from model.memory import count_parameters
from model.presets import preset

from .conftest import Note
from .measure import is_h200, measured_bandwidth, release, writing

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine"),
    pytest.mark.timeout(1200),
]
BAR = 0.8
SIZES = {
    "1.2B": ModelConfig(vocab_size=32_768, d_model=2048, n_layers=22, n_heads=16, n_kv_heads=16),
    "llama3-8b": preset("llama3-8b"),
    "llama-65b": preset("llama-65b"),
}
PROMPTS = ((3, 4, 5), (7, 8, 9, 10, 11, 12), (20,))


@pytest.mark.parametrize("name", ["ladder-2m", "gpt2", "t5-small", "llama3-8b"])
@pytest.mark.parametrize("compiled", [False, True])
def test_replayed_steps_give_the_logits_of_a_pass_over_everything(name: str, compiled: bool) -> None:
    """Float32; padded prompts, rows left and doubled as by beams, and several graphs."""
    torch.manual_seed(0)
    shape = {"n_layers": 3, "decoder_layers": 3 if name == "t5-small" else 0, "vocab_size": 512}
    if name == "llama3-8b":
        shape |= {"d_model": 256, "n_heads": 8, "n_kv_heads": 2, "ffn_dim": 512}
    model = build_model(ModelConfig.model_validate(preset(name).model_dump() | shape)).to("cuda").eval()
    with torch.no_grad():
        found = Decoding(model, PROMPTS, 30, 1, compiled=compiled, stride=8)
        wanted = Decoding(model, PROMPTS, 30, 1, cached=False)
        for number in range(30):
            one, other = found.logits(), wanted.logits()
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3 * float(other.abs().max()))
            rows = [0, 2, 0] if number == 5 else [0, 1, 2]
            likeliest = other.argmax(-1)[torch.tensor(rows, device="cuda")]
            for decoding in (found, wanted):
                decoding.select(rows)
                decoding.append(likeliest)


@pytest.mark.parametrize("name", SIZES)
def test_writing_against_the_bandwidth(name: str, note: Note) -> None:
    config, device = SIZES[name], torch.device("cuda")
    free, _ = torch.cuda.mem_get_info()
    if 2 * count_parameters(config).total + (4 << 30) > free:
        pytest.skip(f"{name} in bf16 needs more than the {free / 1e9:.0f} GB that are free here")
    bandwidth = measured_bandwidth(device, 2048)
    release()
    shares = []
    for compiled in (False, True):
        found = writing(config, device, bandwidth, compiled)
        release()
        shares.append(found.share)
        note(
            size=name, compiled=compiled, tokens_per_second=round(found.rate, 1), share=round(found.share, 4),
            bytes_a_token=found.bytes_read, measured_bandwidth=round(bandwidth),
        )  # fmt: skip
    if is_h200():
        assert max(shares) >= BAR
