"""Where tasks run: what a user can get wrong, and that paths do not depend on where a worker stands."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flows import runners
from flows.corpus_plan import CorpusRequest, plan_corpus
from flows.runners import RunnerKind, open_pools
from storage.errors import UserError
from tests.flows.archives import article, page, write_warc


@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_a_missing_package_is_named_with_its_extra(kind: RunnerKind, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"prefect_{kind}", None)
    monkeypatch.setitem(sys.modules, f"prefect_{kind}.task_runners", None)
    with (
        pytest.raises(UserError, match=rf"prefect-{kind}, which is not installed.*winnow\[{kind}\]"),
        open_pools(kind, None, 1),
    ):
        pass


@pytest.mark.parametrize(
    ("kind", "address", "said"),
    [
        ("processes", "tcp://127.0.0.1:8786", "--address is of a cluster"),
        ("dask", "tcp://127.0.0.1:1", "no Dask cluster answers at tcp://127.0.0.1:1"),
        ("dask", "no address", "no Dask cluster answers at no address"),
        ("dask", "tcp://192.0.2.1:8786", "could not reach Prefect's server"),
    ],
)
def test_an_address_that_cannot_be(kind: RunnerKind, address: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runners, "CONNECT_SECONDS", 1)
    pytest.importorskip("prefect_dask", reason="winnow[dask] is not installed", exc_type=ImportError)
    with pytest.raises(UserError, match=said), open_pools(kind, address, 1):
        pass


def test_workers_of_a_cluster_are_given_whole_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_warc(tmp_path / "a.warc.gz", {"http://a.test/": page(article(1))})
    monkeypatch.chdir(tmp_path)
    here, there = (
        plan_corpus(CorpusRequest(inputs=("a.warc.gz",), lake="lake", workers=1, runner=runner))
        for runner in ("processes", "dask")
    )
    assert (there.jobs[0].source.uri, there.jobs[0].lake) == (str(tmp_path / "a.warc.gz"), str(tmp_path / "lake"))
    assert there.run_id == here.run_id, "where a run runs is no part of what it is"
