"""A fine-tuned model on disk: what was learned and no more. LoRA keeps its updates, frozen features their head."""

from __future__ import annotations

import torch
from torch import Tensor

from model.build import fresh_like
from model.checkpoint import load_model, read_tensors, write_tensors
from model.finetune.config import WEIGHTS, Attempt, FinetuneConfig, FinetuneSpec, KeptModel
from model.finetune.heads import TaskModel
from model.finetune.lora import add_lora
from model.finetune.tasks import Scale, outputs_of
from storage.errors import UserError
from storage.uris import join


def save(spec: FinetuneSpec, attempt: Attempt, model: TaskModel, scale: Scale) -> None:
    """Write the weights that could learn, and what they belong to, into the attempt's folder."""
    learned: dict[str, Tensor] = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    about = KeptModel(
        task=spec.task, classes=spec.classes, config=spec.config, tokenizer_sha256=spec.tokenizer_sha256,
        mean=scale.mean, deviation=scale.deviation, pretrained=attempt.pretrained, seed=attempt.seed,
    )  # fmt: skip
    write_tensors(join(attempt.out_dir, WEIGHTS), learned, about.model_dump(mode="json"))


def load(path: str, base: str) -> tuple[TaskModel, KeptModel]:
    """The inverse of `save`, with the model it was made from.

    Args:
        path: Of `task.safetensors`.
        base: Weights of the model that was fine-tuned; only the shape counts of a model fine-tuned whole, or from
            random weights, which the seed gives again.

    Raises:
        UserError: They do not fit each other.
    """
    tensors, header = read_tensors(path)
    about = KeptModel.model_validate(header)
    body = load_model(base)
    if not about.pretrained:
        body = fresh_like(body, about.seed)
    config: FinetuneConfig = about.config
    if config.mode == "lora":
        add_lora(body, config.lora, 0)
    model = TaskModel(body, about.task, outputs_of(about.task, about.classes), config, 0)
    with torch.no_grad():
        left = model.load_state_dict(tensors, strict=False)
    if left.unexpected_keys:
        raise UserError(f"these weights do not fit the model {base}: {left.unexpected_keys[0]} has no place.")
    return model.eval(), about
