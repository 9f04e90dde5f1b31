"""The only reader of environment variables: where things are on this machine, never what a run means.

What changes a result belongs in a recipe; what changes only where or how fast it is made belongs here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Environment variables `WINNOW_*`, each with its default."""

    model_config = SettingsConfigDict(env_prefix="WINNOW_", frozen=True)

    lake: str = Field("lake", description="directory or URL prefix of the lake")
    workers: int = Field(
        default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, description="processes a flow may use"
    )
    crawl_base_url: str = Field(
        "https://data.commoncrawl.org/", description="where CC-MAIN-... snapshots are read from; a mirror will do"
    )
    crawl_list_url: str | None = Field(
        None, description="collinfo.json, the list of snapshots; by default Common Crawl's, or the base URL's own"
    )
    downloads: str | None = Field(
        None, description="directory that keeps the archives read from web servers; null reads them without keeping"
    )
    allow_private: bool = Field(
        False, description="read from private addresses where a redirect, a list or a name leads to one"
    )
    stall_seconds: float = Field(1800, gt=0, description="after which a task that makes no progress is given up")
    notify_url: SecretStr | None = Field(
        None,
        description="where `winnow up` has Prefect post messages, as JSON with a `text`; null: nowhere",
    )
    report_url: str | None = Field(
        None, description="where the lake's report is served, as runs link to it; `winnow up` sets it"
    )
    cache: str = Field("~/.cache/winnow", description="where trained models are kept")

    @property
    def notify_address(self) -> str | None:
        """`notify_url`, told."""
        return self.notify_url.get_secret_value() if self.notify_url else None


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()


def permit_private_addresses() -> None:
    """What WINNOW_ALLOW_PRIVATE=true says, for this process and all it starts."""
    os.environ["WINNOW_ALLOW_PRIVATE"] = "true"
    settings.cache_clear()


def quiet_ray() -> None:
    """Keep Ray from reporting its use to its makers. To be called before Ray is imported; what the user has set
    stays."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")


def quiet_prefect() -> None:
    """Keep Prefect's log lines and tracebacks for its server: on the command line Winnow tells its own progress and
    failures. Nothing is reported to Prefect's makers, so its notice that something may be is not shown either. To be
    called before Prefect is imported; what the user has set stays."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    os.environ.setdefault("DO_NOT_TRACK", "1")


def reach_own_servers() -> None:
    """Have no proxy asked for what is served on this machine, such as the Prefect server of a run, by this process and
    all it starts. Where the user set proxies and no exception, each request to 127.0.0.1 would go to them."""
    proxies = [name for name in os.environ if name.lower().endswith("_proxy") and name.lower() != "no_proxy"]
    if not proxies:
        return
    without = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if without.strip() != "*":
        without = ",".join(filter(None, [without, "127.0.0.1", "localhost"]))
    os.environ |= {"no_proxy": without, "NO_PROXY": without}


def rest_threads() -> None:
    """Have OpenMP's threads sleep where they wait for each other, here and in all that is started. To be called before
    numpy and torch are imported; what the user has set stays.

    By default they spin: of two processes on two cores each took 9 ms for the suffixes of 300 words, and so 0.2 ms.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def python_path(home: str) -> str:
    """PYTHONPATH with a folder before what the user has there."""
    return os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))


@contextmanager
def in_environment(name: str, value: str) -> Iterator[None]:
    """A variable of this process, and of all it starts, while the block lasts."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        del os.environ[name]
        if before is not None:
            os.environ[name] = before
