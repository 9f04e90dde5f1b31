"""What `winnow scaling plan` was asked for, and the answer to it for one fit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from model.scaling.fit import Fit
from model.scaling.hardware import budget_flops, find_accelerator
from model.scaling.plan import corpus_plan, cost_of, plan, plan_for_loss, serving_plan
from storage.errors import UserError


@dataclass(frozen=True, slots=True)
class Wish:
    """A budget (one of `flops`, `gpu_hours` and `loss`) and what else to plan for; 0 leaves a question out.

    Attributes:
        flops: 6 N D.
        gpu_hours: Device-hours at `mfu` of the peak of `gpu`.
        loss: To reach, in the unit of the runs'.
        serve_tokens: Read and written in the model's lifetime.
        unique_tokens: Of the corpus.
    """

    flops: float | None
    gpu_hours: float | None
    loss: float | None
    gpu: str
    mfu: float
    serve_tokens: float
    unique_tokens: float

    def check(self) -> None:
        """What can be told before anything is fitted, which may take minutes.

        Raises:
            UserError: Not exactly one budget, one that buys nothing, or a GPU or share of its peak that is none.
        """
        given = [value for value in (self.flops, self.gpu_hours, self.loss) if value is not None]
        if len(given) != 1:
            raise UserError("a plan takes one budget.", "Give one of --flops, --gpu-hours and --loss.")
        if given[0] <= 0:
            raise UserError(f"a budget of {given[0]:g} buys nothing.", "Give a number above 0.")
        budget_flops(find_accelerator(self.gpu), 1, self.mfu)


def make_plans(fit: Fit, wish: Wish) -> dict[str, Any]:
    """The plan for a wish as plain values: `Plan`, with `cost`, and `serving` and `corpus` where asked for.

    Raises:
        UserError: Not exactly one budget, or one that makes no plan.
    """
    wish.check()
    gpu = find_accelerator(wish.gpu)
    match (wish.flops, wish.gpu_hours, wish.loss):
        case (float() as flops, None, None):
            found = plan(fit, flops)
        case (None, float() as hours, None):
            found = plan(fit, budget_flops(gpu, hours, wish.mfu))
        case (_, _, loss):
            found = plan_for_loss(fit, float(loss or 0))
    rest: dict[str, Any] = {"cost": asdict(cost_of(found, gpu, wish.mfu))}
    if wish.serve_tokens > 0:
        rest["serving"] = asdict(serving_plan(fit, found.flops, wish.serve_tokens))
    if wish.unique_tokens > 0:
        rest["corpus"] = asdict(corpus_plan(fit, found, wish.unique_tokens))
    return asdict(found) | rest
