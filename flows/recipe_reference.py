"""docs/recipes.md: every key of a recipe with its type, range, default and meaning, from the models that check it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from flows.recipe import STAGE_SECTIONS, Recipe, load_recipe, shipped_recipes
from storage.schema import Section

PAGE = """# Recipe reference

Written by `python -m flows.docs` from the models that check recipes; a test compares. A recipe is a TOML file of these
sections; what it does not say has the value shown here, the published one where there is one. `winnow recipe NAME`
prints a recipe with every key, `--set section.key=value` changes one key of one run, and a key or value that cannot be
is refused with the nearest right one.

## Shipped recipes

{shipped}

{sections}"""

LONGEST_DEFAULT = 90
_SIGNS = {Ge: ("≥", "ge"), Gt: (">", "gt"), Le: ("≤", "le"), Lt: ("<", "lt")}


def recipes_page() -> str:
    """The whole page."""
    parts = [_section("", "The recipe itself", Recipe, top=True)]
    for name, field in Recipe.model_fields.items():
        model = _model_of(field.annotation)
        if model is not None:
            listed = get_origin(field.annotation) is tuple
            parts.append(_section(name, f"`[[{name}]]`" if listed else f"`[{name}]`", model))
    return PAGE.format(shipped=_shipped(), sections="\n".join(parts))


def _shipped() -> str:
    """Each shipped recipe with the sections it has on."""
    rows = []
    for name in shipped_recipes():
        recipe = load_recipe(name)
        on = [key for key in STAGE_SECTIONS if getattr(getattr(recipe, key), "enabled", False)]
        rows.append(f"| `{name}` | {', '.join(on)} |")
    return "\n".join(("| recipe | sections that are on |", "| --- | --- |", *rows))


def _section(name: str, title: str, model: type[Section], top: bool = False) -> str:
    doc = " ".join((inspect.getdoc(model) or "").partition("\n\n")[0].split())
    fields = {key: field for key, field in model.model_fields.items() if not (top and _model_of(field.annotation))}
    lines = [f"## {title}", "", doc, "", "| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    lines += [_row(key, field) for key, field in fields.items()]
    for key, inner in _inner(fields):
        path = f"{name}.{key}" if name else key
        lines += ["", _section(path, f"`{path}`", inner).replace("## ", "### ", 1).rstrip()]
    return "\n".join(lines) + "\n"


def _inner(fields: Mapping[str, FieldInfo]) -> Iterator[tuple[str, type[Section]]]:
    """Keys that hold sections of their own."""
    for key, field in fields.items():
        model = _model_of(field.annotation)
        if model is not None:
            yield key, model


def _row(key: str, field: FieldInfo) -> str:
    limits = ", ".join(filter(None, map(_limit, field.metadata)))
    kind = f"{_type(field.annotation)}{f', {limits}' if limits else ''}"
    return f"| `{key}` | {_cell(kind)} | {_cell(_default(field))} | {_cell(field.description or '')} |"


def _limit(one: Any) -> str:
    for kind, (sign, attribute) in _SIGNS.items():
        if isinstance(one, kind):
            return f"{sign} {getattr(one, attribute)}"
    if isinstance(one, MinLen):
        return f"at least {one.min_length}"
    return f"at most {one.max_length}" if isinstance(one, MaxLen) else ""


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "must be given"
    if isinstance(value, Section):
        return "below"
    text = _toml(value)
    return f"`{text}`" if len(text) <= LONGEST_DEFAULT else f"`{text[:LONGEST_DEFAULT].rsplit(' ', 1)[0]}` …"


def _toml(value: Any) -> str:
    """A value as a recipe would say it; null, which TOML lacks, is a key left out."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, set | frozenset):
        return _toml(sorted(value))
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list | tuple) else f"{value}"


def _type(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{_toml(value)}`" for value in arguments)
    if origin is not None and origin in (tuple, list, frozenset, set):
        inner = [argument for argument in arguments if argument is not Ellipsis]
        return "list of " + " and ".join(dict.fromkeys(map(_type, inner)))
    if origin is dict or origin is Mapping or str(origin).endswith("Mapping'>"):
        return f"table of {_type(arguments[1])}"
    if type(None) in arguments:
        return " or ".join(dict.fromkeys(_type(one) for one in arguments if one is not type(None))) + " or null"
    if origin is Union or (arguments and str(origin).endswith("UnionType'>")):
        return " or ".join(dict.fromkeys(map(_type, arguments)))
    if hasattr(annotation, "__metadata__"):
        return _type(arguments[0])
    names = {str: "text", int: "whole number", float: "number", bool: "true or false", Any: "anything"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _model_of(annotation: Any) -> type[Section] | None:
    """The section that a key holds, one or a list or a table of them."""
    if inspect.isclass(annotation) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_model_of, get_args(annotation))), None)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
