"""Published fits and models, to draw beside one's own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from model.scaling.points import FLOPS_PER_PARAM_TOKEN
from model.scaling.repetition import overtraining
from model.scaling.surface import Surface

CHINCHILLA = Surface(E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
"""Hoffmann et al. 2022, approach 3, as printed: its digits and the paper's 20 tokens a parameter disagree."""

CHINCHILLA_REFIT = Surface(E=1.8172, A=482.01, B=2085.43, alpha=0.3478, beta=0.3658)
"""The same runs fitted again, to the optimum: agrees with 20 tokens a parameter. Besiroglu et al. 2024, table 1."""

KAPLAN_EXPONENTS = {"params": 0.076, "tokens": 0.095, "flops": 0.057}
"""Kaplan et al. 2020, table 5: alpha_N (without embeddings), alpha_D, alpha_C."""


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A model as its paper describes it; `params` total, `tokens` seen in pre-training."""

    name: str
    params: float
    tokens: float
    year: int
    source: str

    @property
    def flops(self) -> float:
        """6 N D."""
        return FLOPS_PER_PARAM_TOKEN * self.params * self.tokens


MODELS = (
    PublishedModel("GPT-3 175B", 175e9, 300e9, 2020, "Brown et al. 2020"),
    PublishedModel("Chinchilla 70B", 70e9, 1.4e12, 2022, "Hoffmann et al. 2022"),
    PublishedModel("Llama 1 65B", 65e9, 1.4e12, 2023, "Touvron et al. 2023a"),
    PublishedModel("Llama 2 70B", 70e9, 2e12, 2023, "Touvron et al. 2023b"),
    PublishedModel("Llama 3 8B", 8_030_261_248, 15e12, 2024, "Grattafiori et al. 2024"),
    PublishedModel("Llama 3 70B", 70_553_706_496, 15e12, 2024, "Grattafiori et al. 2024"),
    PublishedModel("Llama 3 405B", 405_853_388_800, 15e12, 2024, "Grattafiori et al. 2024"),
)


def model_distances() -> list[dict[str, Any]]:
    """Every published model with its tokens a parameter over those best for its compute, by either law.

    At a fixed compute D / N goes with the square of D, hence the square.
    """
    return [
        asdict(model)
        | {
            "flops": model.flops,
            "refit": overtraining(CHINCHILLA_REFIT, model.params, model.tokens) ** 2,
            "printed": overtraining(CHINCHILLA, model.params, model.tokens) ** 2,
        }
        for model in MODELS
    ]
