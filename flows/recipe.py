"""A run described: the rooms' own configurations in one frozen value, read from TOML.

    load_recipe("fineweb", ["gopher.min_words=30", "language.targets=['de']"])

A recipe is what is hashed into fingerprints, written beside the corpus, and rebuilt for what-if questions. Nothing in
it says where or how fast: that is `flows.settings`.
"""

from __future__ import annotations

import difflib
import importlib
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from flows.changes import apply_change
from flows.demo.config import DemoConfig
from flows.recipe_files import found_paths, whole_paths
from flows.url_lists import UrlSection, content_digest
from model.config import ModelConfig, TrainConfig
from model.scaling.ladder import LadderConfig
from pipeline.archive.config import ArchiveConfig
from pipeline.decontaminate import DecontaminateConfig
from pipeline.dedup.config import DedupConfig
from pipeline.domains.config import DomainsConfig
from pipeline.embedding.config import EmbeddingsConfig
from pipeline.extract.config import ExtractConfig
from pipeline.language import LanguageConfig
from pipeline.mix_config import MixConfig
from pipeline.pii.config import PiiConfig
from pipeline.pii.surrogates import SurrogatesConfig
from pipeline.quality.c4 import C4Config
from pipeline.quality.classifier import ClassifierConfig
from pipeline.quality.fineweb import FineWebConfig
from pipeline.quality.gopher import GopherConfig
from pipeline.quality.lines import LinesConfig
from pipeline.quality.nemo import NemoConfig
from pipeline.quality.perplexity import PerplexityConfig
from pipeline.stage import Rule, Stage
from pipeline.tokens_config import TokensConfig
from pipeline.toxicity import ToxicityConfig
from storage.errors import UserError
from storage.index_config import IndexConfig
from storage.schema import Section


class CustomStage(Section):
    """A filter from outside: `use` names a function that returns a Stage, `settings` are its arguments."""

    use: str = Field(description="module:function, for example my_filters:shouting")
    settings: dict[str, Any] = Field({}, description="arguments of that function")

    def stages(self) -> tuple[Stage, ...]:
        """The stage; UserError where it cannot be had."""
        module, _, function = self.use.partition(":")
        try:
            return (getattr(importlib.import_module(module), function)(**self.settings),)
        except (ImportError, AttributeError, TypeError, ValueError) as error:
            raise UserError(
                f"custom stage {self.use!r} cannot be loaded: {error}.",
                "Give it as module:function; the module's folder must be on PYTHONPATH.",
            ) from error


class Inputs(Section):
    """Where a source lies and what it holds."""

    paths: tuple[str, ...] = Field(description="files, directories, globs, URLs or CC-MAIN-... snapshots")
    domain: str = Field("web", description="what it is, for mixing; anything but web is taken as curated")
    crawl: str | None = Field(None, description="name of the crawl; by default the snapshot's, or `local`")
    sample: int | None = Field(None, ge=1, description="archives to take of each path, drawn by `seed`; null takes all")
    seed: int = Field(0, description="draws the sample; a larger one with the same seed only adds archives")


class Recipe(Section):
    """Everything that decides what comes out."""

    name: str
    inputs: tuple[Inputs, ...] = Field((), description="sources of the run, besides those on the command line")
    curated: tuple[str, ...] = Field(
        ("extract", "domains", "decontaminate", "pii", "dedup", "surrogates"),
        description="sections whose stages apply to sources declared as another domain than web: the rules for web "
        "pages would throw away code, formulas and verse",
    )
    max_failed_share: float = Field(0.05, ge=0, le=1, description="share of archives that may fail before the run does")

    index: IndexConfig = IndexConfig()
    archive: ArchiveConfig = ArchiveConfig()
    url: UrlSection = UrlSection()
    extract: ExtractConfig = ExtractConfig()
    domains: DomainsConfig = DomainsConfig()
    language: LanguageConfig = LanguageConfig()
    gopher: GopherConfig = GopherConfig()
    c4: C4Config = C4Config()
    fineweb: FineWebConfig = FineWebConfig()
    lines: LinesConfig = LinesConfig()
    nemo: NemoConfig = NemoConfig()
    perplexity: PerplexityConfig = PerplexityConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    custom: tuple[CustomStage, ...] = ()
    toxicity: ToxicityConfig = ToxicityConfig()
    decontaminate: DecontaminateConfig = DecontaminateConfig()
    pii: PiiConfig = PiiConfig()
    dedup: DedupConfig = DedupConfig()
    surrogates: SurrogatesConfig = SurrogatesConfig()
    mix: MixConfig = MixConfig()
    tokens: TokensConfig = TokensConfig()
    model: ModelConfig = ModelConfig()
    training: TrainConfig = TrainConfig()
    scaling: LadderConfig = LadderConfig()
    embeddings: EmbeddingsConfig = EmbeddingsConfig()
    demo: DemoConfig = DemoConfig()

    def section(self, name: str) -> tuple[Any, ...]:
        """The configurations under one of `STAGE_SECTIONS`: one, or as many custom stages as there are."""
        return self.custom if name == "custom" else (getattr(self, name),)

    def sections(self, domain: str = "web") -> list[Any]:
        """The configurations whose stages a source of that domain goes through, in order; those enabled."""
        names = [name for name in STAGE_SECTIONS if domain == "web" or name in self.curated]
        return [part for name in names for part in self.section(name) if getattr(part, "enabled", True)]

    def stages(self, domain: str = "web") -> tuple[Stage, ...]:
        """The stages a source of that domain goes through, in order."""
        return tuple(stage for part in self.sections(domain) for stage in part.stages())

    def files(self, domain: str = "web") -> dict[str, str]:
        """Files that the sections of that domain name and whose content decides what comes out, with their sha256.

        Raises:
            UserError: There is no such file, or it may not be read.
        """
        named = [path for part in self.sections(domain) for path in getattr(part, "files", dict)().values()]
        return {path: content_digest(path) for path in sorted(set(named))}

    def rules(self) -> tuple[Rule, ...]:
        """Every rule of the web stages, in the order they judge."""
        return tuple(rule for stage in self.stages() for rule in stage.rules)


STAGE_SECTIONS = (
    *("url", "extract", "domains", "language", "gopher", "c4", "fineweb", "lines", "nemo"),
    *("perplexity", "classifier", "custom", "toxicity", "decontaminate", "pii", "dedup", "surrogates"),
)
"""Sections that measure documents, in the order they run: a filter of the house is a line here and a field above."""


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with Winnow."""
    return sorted(
        entry.name.removesuffix(".toml") for entry in _recipe_folder().iterdir() if entry.name.endswith(".toml")
    )


def load_recipe(name_or_path: str, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of that name or file, with `section.key=value` changes applied.

    Raises:
        UserError: No such recipe, no TOML, an unknown key (names the nearest right one) or a value out of range.
    """
    try:
        data = tomllib.loads(_read(name_or_path))
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"recipe {name_or_path} is not valid TOML: {error}.") from error
    data.setdefault("name", Path(name_or_path).stem)
    return _made(data, changes, Path(name_or_path))


def changed_recipe(recipe: Recipe, changes: Sequence[str]) -> Recipe:
    """A recipe with `section.key=value` changes applied: the one that has these beside all it was made of.

    Raises:
        UserError: An unknown key or a value out of range, as from `load_recipe`.
    """
    return _made(recipe.model_dump(), changes) if changes else recipe


def whole(recipe: Recipe) -> Recipe:
    """The recipe with whole paths of the files it names: what it means does not hang on where it is read."""
    return Recipe.model_validate(whole_paths(recipe.model_dump()))


def _made(data: dict[str, Any], changes: Sequence[str], path: Path = Path()) -> Recipe:
    for change in changes:
        apply_change(data, change)
    data = found_paths(data, path)
    try:
        recipe = Recipe.model_validate(data)
    except ValidationError as error:
        raise UserError(_explain(error), "`winnow recipe NAME` prints every key with its default.") from error
    for section in (recipe.perplexity, recipe.classifier):
        section.check(recipe.language.targets if recipe.language.enabled else ())
    if not recipe.language.enabled and any(rule.languages for rule in recipe.rules()):
        raise UserError("the recipe has rules per language and language.enabled is false:", "switch it on.")
    return recipe


def _recipe_folder() -> Any:
    return resources.files("flows") / "recipes"


def _read(name_or_path: str) -> str:
    if name_or_path in shipped_recipes():
        return str((_recipe_folder() / f"{name_or_path}.toml").read_text("utf-8"))
    path = Path(name_or_path)
    if path.suffix == ".toml":
        try:
            return path.read_text("utf-8")
        except OSError as error:
            raise UserError(f"the recipe {path} cannot be read: {error.strerror}.", "Check the path.") from error
        except UnicodeDecodeError as error:
            raise UserError(f"the recipe {path} is not valid TOML: it is not UTF-8.") from error
    nearest = difflib.get_close_matches(name_or_path, shipped_recipes(), 1)
    guess = f"did you mean {nearest[0]}?" if nearest else f"shipped ones: {', '.join(shipped_recipes())}."
    raise UserError(f"there is no recipe {name_or_path!r};", f"{guess} A file of your own must end in .toml.")


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    if first["type"] == "model_type":
        return f"recipe key {'.'.join(where)} is a section, got {first['input']!r}: give {'.'.join(where)}.KEY a value."
    if first["type"] != "extra_forbidden":
        return f"recipe key {'.'.join(where)}: {first['msg'].lower()}, got {first['input']!r}."
    same = [key for key in known_keys() if len(where) == 1 and key.endswith(f".{where[0]}")]
    nearest = same or difflib.get_close_matches(".".join(where), known_keys(), 1, cutoff=0.4)
    hint = f" Did you mean {' or '.join(nearest)}?" if nearest else ""
    return f"there is no recipe key {'.'.join(where)}.{hint}"


def known_keys(section: type[Section] = Recipe, prefix: str = "") -> list[str]:
    """Every key a recipe may have, dotted."""
    keys = []
    for name, info in section.model_fields.items():
        keys.append(prefix + name)
        if isinstance(info.annotation, type) and issubclass(info.annotation, Section):
            keys.extend(known_keys(info.annotation, f"{prefix}{name}."))
    return keys
