"""The tokens flow on a small corpus: exactly once, the same bytes, resumed, skipped when done."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tokenizers

from flows.fertility import SPLITS, fertility_table
from flows.steps import Step, find_step, run_step
from flows.tokens_flow import identity_of, write_meta
from flows.tokens_task import TokensJob, encode_shard, load_tokenizer, make_tokenizer
from model.token_set import TokenSet
from pipeline.tokens_config import TokensConfig
from storage import schema
from storage.errors import UserError
from storage.files import write_bytes
from storage.lake import Lake, fingerprint
from storage.shards import read_table, write_table

CONFIG = TokensConfig(vocab_size=600, sequence_length=32)
SENTENCE = "the corpus is read once and every token of it lands in one sequence 1234 — größer 🙂"
WORDS = SENTENCE.split(" ")


def rows_of_corpus() -> list[dict[str, Any]]:
    rows = []
    for i in range(60):
        text = " ".join(WORDS[(i * k) % len(WORDS)] for k in range(1, 5 + i))
        row = dict.fromkeys(schema.CORPUS.names) | {
            "text": text, "id": f"doc-{i}", "dump": "d", "file_path": "f", "token_count": 1, "epoch": 0,
            "domain": "web" if i % 3 else "code", "language": "en" if i % 2 else None,
            "split": "held_out" if i % 5 == 2 else "train",
        }  # fmt: skip
        rows.append(row)
        if i % 4 == 0 and row["split"] == "train":
            rows.append(row | {"epoch": 1})
    return rows


def make_corpus(root: Path) -> tuple[Lake, Step]:
    lake, rows = Lake(str(root)), rows_of_corpus()

    def work() -> Any:
        tables = [pa.Table.from_pylist(part, schema.CORPUS) for part in (rows[:40], rows[40:])]
        paths = [f"{lake.corpus_dir('toy', 'c')}/part-{i}.parquet" for i in range(2)]
        pairs = zip(paths, tables, strict=True)
        return [write_table(lake.root, path, "corpus", table) for path, table in pairs], {}

    return lake, run_step(lake, "mix", "toy", "c", work)


def make_tokens(lake: Lake, corpus: Step, order: tuple[int, ...] = (0, 1), config: TokensConfig = CONFIG) -> TokenSet:
    """What the flow does, without Prefect."""
    directory = lake.tokens_dir("toy", "t")
    shards = [output.path for output in corpus.outputs_of("corpus")]
    make_tokenizer(lake, directory, shards, config)
    jobs = [TokensJob(lake.root, directory, shards[n], n, config) for n in order]
    found = {job.number: encode_shard(job) for job in jobs}
    return write_meta(lake, corpus, "t", config, [found[n] for n in sorted(found)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, TokenSet]:
    lake, corpus = make_corpus(tmp_path_factory.mktemp("lake"))
    return lake, make_tokens(lake, corpus)


def is_held_out(row: dict[str, Any]) -> bool:
    return bool(row["split"] == "held_out")


def read_split(lake: Lake, tokens: TokenSet, split: str) -> list[dict[str, Any]]:
    directory = lake.tokens_dir("toy", "t")
    files = {"train": tokens.train, "held_out": tokens.held_out}[split].files
    kind = f"<u{np.dtype(np.uint16 if tokens.vocab_size <= 2**16 else np.uint32).itemsize}"
    rows = [row for file in files for row in read_table(lake.absolute(f"{directory}/{file}")).to_pylist()]
    return [row | {"tokens": np.frombuffer(row["tokens"], kind).tolist()} for row in rows]


def texts_in(lake: Lake, rows: list[dict[str, Any]]) -> list[str]:
    tokenizer = load_tokenizer(lake, lake.tokens_dir("toy", "t"), CONFIG)
    ids = [token for row in rows for token in row["tokens"] if token != tokenizer.pad_id]
    text = tokenizer.decode(ids)
    return text.split(CONFIG.end_of_document)[:-1]


def test_every_document_comes_back_from_one_split(made: tuple[Lake, TokenSet]) -> None:
    lake, tokens = made
    rows = rows_of_corpus()
    held = [row["text"] for row in rows if is_held_out(row)]
    train = [row["text"] for row in rows if not is_held_out(row)]
    by_domain = sorted(read_split(lake, tokens, "held_out"), key=lambda row: str(row["domain"]))
    assert held and sorted(texts_in(lake, by_domain)) == sorted(held)
    assert texts_in(lake, read_split(lake, tokens, "train")) == train
    assert (tokens.held_out.total.documents, tokens.train.total.documents) == (len(held), len(train))


def test_the_books_of_a_token_set_balance(made: tuple[Lake, TokenSet]) -> None:
    lake, tokens = made
    for split, part in (("train", tokens.train), ("held_out", tokens.held_out)):
        rows = read_split(lake, tokens, split)
        assert len(rows) == part.sequences and all(len(row["tokens"]) == 33 for row in rows)
        filled = sum(token != tokens.pad_id for row in rows for token in row["tokens"])
        assert filled == part.total.tokens == sum(counts.tokens for counts in part.domains.values())
    repeats = [row for row in rows_of_corpus() if row["epoch"] and not is_held_out(row)]
    assert tokens.train.total.documents - tokens.train.unique.documents == len(repeats) > 0


def test_held_out_sequences_are_of_one_domain_and_every_domain_has_some(made: tuple[Lake, TokenSet]) -> None:
    lake, tokens = made
    domain_of = {row["id"]: row["domain"] for row in rows_of_corpus()}
    rows = read_split(lake, tokens, "held_out")
    assert {row["domain"] for row in rows} == {"web", "code"} == set(tokens.held_out.domains)
    assert all({domain_of[name] for name in row["doc_ids"]} == {row["domain"]} for row in rows)
    assert {row["domain"] for row in read_split(lake, tokens, "train")} == {None}


def test_fertility_is_counted_by_domain_and_language(tmp_path: Path) -> None:
    lake, corpus = make_corpus(tmp_path)
    make_tokens(lake, corpus)
    shards = [encode_shard(TokensJob(lake.root, lake.tokens_dir("toy", "t"), s.path, n, CONFIG))
              for n, s in enumerate(corpus.outputs_of("corpus"))]  # fmt: skip
    rows = fertility_table(group for shard in shards for group in shard.groups).to_pylist()
    tokenizer = load_tokenizer(lake, lake.tokens_dir("toy", "t"), CONFIG)
    for domain, language in (("web", "en"), ("web", None), ("code", "en")):
        chosen = [r for r in rows_of_corpus() if (r["domain"], r["language"]) == (domain, language)]
        texts = [row["text"] for row in chosen if not is_held_out(row)]
        row = next(r for r in rows if (r["split"], r["domain"], r["language"]) == ("train", domain, language))
        tokens, size = sum(len(tokenizer.encode(text)) for text in texts), sum(len(text.encode()) for text in texts)
        assert (row["documents"], row["tokens"], row["bytes"]) == (len(texts), tokens, size)
        words = sum(len(text.split()) for text in texts)  # no marks stand at words here
        assert row["words"] == words and row["tokens_per_word"] == tokens / words
        assert row["bytes_per_token"] == size / tokens


def test_encoders_get_sequences_of_their_own(tmp_path: Path) -> None:
    lake, corpus = make_corpus(tmp_path)
    tokens = make_tokens(lake, corpus, config=CONFIG.model_copy(update={"packing": "masked"}))
    assert tokens.encoder is not None and tokens.width == tokens.sequence_length == 32
    rows = read_split(lake, tokens, "train")
    assert all(len(row["tokens"]) == 32 and row["tokens"][0] == tokens.encoder.classification for row in rows)
    ends = sum(row["tokens"].count(tokens.encoder.separator) for row in rows)
    assert ends == sum(len(row["doc_starts"]) for row in rows) >= tokens.train.total.documents


def test_an_existing_tokenizer_is_taken_and_completed(tmp_path: Path) -> None:
    theirs = tokenizers.Tokenizer(tokenizers.models.WordPiece({"[UNK]": 0, "the": 1, "corpus": 2}, unk_token="[UNK]"))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    theirs.save(str(tmp_path / "theirs.json"))
    config = CONFIG.model_copy(update={"tokenizer": str(tmp_path / "theirs.json")})
    lake, corpus = make_corpus(tmp_path / "lake")
    tokens = make_tokens(lake, corpus, config=config)
    assert tokens.specials == {name: 3 + i for i, name in enumerate(config.all_special_tokens)}
    assert {token for row in read_split(lake, tokens, "train") for token in row["tokens"]} <= {0, 1, 2, 3, 4}


def test_another_tokenizer_is_another_token_set(tmp_path: Path) -> None:
    """By its content, not by where it lies."""
    (tmp_path / "a.json").write_text("1")
    (tmp_path / "b.json").write_text("1")
    (tmp_path / "c.json").write_text("2")
    configs = [CONFIG.model_copy(update={"tokenizer": str(tmp_path / f"{name}.json")}) for name in "abc"]
    first, same, other = (fingerprint(identity_of(config)) for config in configs)
    assert first == same != other
    with pytest.raises(UserError, match=r"gone\.json"):
        identity_of(CONFIG.model_copy(update={"tokenizer": "gone.json"}))


def test_best_fit_cuts_only_what_is_longer_than_a_sequence(made: tuple[Lake, TokenSet], tmp_path: Path) -> None:
    lake, corpus = make_corpus(tmp_path)
    tokens = make_tokens(lake, corpus, config=CONFIG.model_copy(update={"packing": "best_fit"}))
    plain = made[1]
    assert tokens.train.total == plain.train.total and tokens.train.sequences >= plain.train.sequences
    rows = read_split(lake, tokens, "train")
    filled = sum(token != tokens.pad_id for row in rows for token in row["tokens"])
    assert filled == tokens.train.total.tokens
    assert tokens.train.packing.padding_tokens == len(rows) * 33 - filled
    assert tokens.train.packing.cut_documents < plain.train.packing.cut_documents


def test_ids_beyond_uint16_are_kept(tmp_path: Path) -> None:
    lake, corpus = make_corpus(tmp_path)
    directory = lake.tokens_dir("toy", "t")
    trained = json.loads(make_and_read_tokenizer(lake, corpus, directory))
    shift = 70_000  # the same tokenizer, its ids moved beyond 65,536
    for token in trained["added_tokens"]:
        token["id"] += shift
    trained["model"]["vocab"] = {token: number + shift for token, number in trained["model"]["vocab"].items()}
    write_bytes(lake.absolute(f"{directory}/tokenizer.json"), json.dumps(trained).encode())
    tokens = make_tokens(lake, corpus)
    table = read_table(lake.absolute(f"{directory}/train-00000.parquet"))
    assert table.schema.field("tokens").type == pa.binary(33 * 4)
    assert min(token for row in read_split(lake, tokens, "train") for token in row["tokens"]) >= shift
    held = [row["text"] for row in rows_of_corpus() if not is_held_out(row)]
    assert texts_in(lake, read_split(lake, tokens, "train")) == held


def make_and_read_tokenizer(lake: Lake, corpus: Step, directory: str) -> str:
    make_tokenizer(lake, directory, [output.path for output in corpus.outputs_of("corpus")], CONFIG)
    return Path(lake.absolute(f"{directory}/tokenizer.json")).read_text()


def test_files_carry_the_tokenizers_digest(made: tuple[Lake, TokenSet]) -> None:
    lake, tokens = made
    for split in SPLITS:
        table = read_table(lake.absolute(f"{lake.tokens_dir('toy', 't')}/{split}-00000.parquet"))
        metadata = table.schema.field("tokens").metadata
        assert metadata[b"tokenizer_sha256"].decode() == tokens.tokenizer_sha256
        assert metadata[b"doc"]


def test_any_order_of_shards_gives_the_same_bytes(made: tuple[Lake, TokenSet], tmp_path: Path) -> None:
    lake, _ = made
    other, corpus = make_corpus(tmp_path)
    make_tokens(other, corpus, order=(1, 0))
    ours, theirs = (Path(one.absolute(one.tokens_dir("toy", "t"))) for one in (lake, other))
    assert sorted(p.name for p in ours.iterdir()) == sorted(p.name for p in theirs.iterdir())
    assert all(p.read_bytes() == (theirs / p.name).read_bytes() for p in ours.iterdir())


def test_a_finished_shard_is_not_made_again_and_a_half_made_one_is(tmp_path: Path) -> None:
    lake, corpus = make_corpus(tmp_path)
    first = make_tokens(lake, corpus)
    directory = Path(lake.absolute(lake.tokens_dir("toy", "t")))
    before = {p.name: p.stat().st_mtime_ns for p in directory.iterdir()}
    (directory / "shard-00001.json").unlink()
    (directory / "train-00001.parquet").write_bytes(b"torn")
    assert make_tokens(lake, corpus) == first
    after = {p.name: p.stat().st_mtime_ns for p in directory.iterdir()}
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {"shard-00001.json", "train-00001.parquet", "held_out-00001.parquet", "meta.json"}


def test_an_empty_corpus_and_a_missing_one_are_said_in_words(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    with pytest.raises(UserError, match="no finished mix of toy"):
        find_step(lake, "mix", "toy", "Make one.")
    empty = write_table(lake.root, "corpus/e.parquet", "corpus", schema.CORPUS.empty_table())
    with pytest.raises(UserError, match="no text"):
        make_tokenizer(lake, "tokens/e", [empty.path], CONFIG)
    before = schema.CORPUS.empty_table().drop_columns(["split"])
    old = write_table(lake.root, "corpus/o.parquet", "corpus", before)
    with pytest.raises(UserError, match="by an older Winnow"):
        make_tokenizer(lake, "tokens/o", [old.path], CONFIG)


def test_meta_is_plain_json(made: tuple[Lake, TokenSet]) -> None:
    lake, tokens = made
    path = Path(lake.absolute(lake.tokens_dir("toy", "t"))) / "meta.json"
    assert TokenSet.model_validate(json.loads(path.read_text())) == tokens


def test_a_set_of_before_is_read_as_a_decoders(made: tuple[Lake, TokenSet]) -> None:
    values = made[1].model_dump()
    for name in ("width", "packing", "specials", "encoder"):
        del values[name]
    values["left_out"] = {"documents": 1, "tokens": 0, "bytes": 9}
    old = TokenSet.model_validate(values)
    assert (old.width, old.packing, old.encoder) == (33, "concatenate", None)
