"""Tables of runs: what people's CSVs look like, and what is said of the ones that cannot be read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.scaling.points import make_points
from model.scaling.table import read_points
from storage.errors import UserError

GOOD = "params,tokens,loss\n1e6,2e7,4.5\n2_000_000,2e7,4.25\n"


def test_a_plain_table() -> None:
    points = read_points(GOOD, "runs.csv")["total"]
    assert points.params.tolist() == [1e6, 2e6]
    assert points.flops.tolist() == pytest.approx([1.2e14, 2.4e14])
    assert points.group == ("", "")


def test_tokens_follow_from_compute() -> None:
    points = read_points("N,C,eval_loss\n1e6,1.2e14,4\n", "runs.csv")["total"]
    assert points.tokens.tolist() == pytest.approx([2e7])


def test_spaces_a_byte_order_mark_and_blank_lines_do_no_harm() -> None:
    points = read_points("\ufeff params , tokens, loss ,note\n\n1e6,2e7,4.5,x\n\n", "runs.csv")["total"]
    assert points.loss.tolist() == [4.5]


def test_both_counts_of_n_side_by_side() -> None:
    text = "params,params_no_embed,tokens,loss,group\n1e6,8e5,2e7,4.5,web\n"
    found = read_points(text, "runs.csv")
    assert found["total"].params[0] == 1e6
    assert found["non_embedding"].params[0] == 8e5
    assert found["non_embedding"].group == ("web",)


@pytest.mark.parametrize(
    "text, says",
    [
        ("", "holds no runs"),
        ("params,tokens,loss\n", "holds no runs"),
        ("width,tokens,loss\n1,2,3\n", "no column 'params'"),
        ("params,loss\n1,3\n", "neither a column 'tokens' nor 'flops'"),
        ("params,tokens\n1,3\n", "no column 'loss'"),
        ("params,tokens,loss_a,loss_b\n1,2,3,4\n", "loss_a, loss_b"),
        ("params,tokens,loss\n1e6,2e7,4\n1e6,many,4\n", "line 3: tokens is 'many'"),
        ("params,tokens,loss\n1e6,2e7,-1\n", "line 2: loss is '-1'"),
        ("params,tokens,loss\n1e6,2e7,nan\n", "line 2: loss is 'nan'"),
        ("params,tokens,loss\n1e6,2e7\n", "line 2: loss is None"),
    ],
)
def test_a_bad_table_is_told_by_its_column(text: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        read_points(text, "runs.csv")
    assert says in str(caught.value)
    assert "runs.csv" in str(caught.value)


@settings(deadline=None)
@given(st.text(alphabet='params,tokens,loss\n\r"0123456789.e-;\x00', max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read_points("params,tokens,loss\n" + text, "runs.csv")
    except UserError:
        return
    assert np.isfinite(found["total"].loss).all()


def test_unequal_columns_are_refused() -> None:
    with pytest.raises(UserError, match="column params has 1 values"):
        make_points([1.0], [1.0, 2.0], [1.0, 2.0])


EPOCH_LIKE = "Model Size,Training Tokens,Training FLOP,loss\n70M,1.5B,6.3e17,3.61\n140M,3.0B,2.52e18,3.2\n"


@pytest.mark.parametrize(
    "text",
    [
        EPOCH_LIKE,
        EPOCH_LIKE.replace(",", ";"),
        EPOCH_LIKE.replace(",", "\t"),
        "params (M),tokens_b,val_loss\n70,1.5,3.61\n140,3,3.2\n",
        'n_params,train_tokens,Loss\n"70,000,000","1,500,000,000",3.61\n140000000,3e9,3.2\n',
        "tokens,compute,loss\n1.5e9,6.3e17,3.61\n3e9,2.52e18,3.2\n",
        "parameters;D;loss\n7e7;1,5e9;3,61\n1,4e8;3e9;3,2\n",
    ],
    ids=["names", "semicolons", "tabs", "header units", "grouped digits", "no sizes", "decimal commas"],
)
def test_the_same_runs_as_different_people_write_them(text: str) -> None:
    points = read_points(text, "runs.csv")["total"]
    assert points.params.tolist() == pytest.approx([7e7, 1.4e8])
    assert points.tokens.tolist() == pytest.approx([1.5e9, 3e9])
    assert points.loss.tolist() == [3.61, 3.2]


def test_a_loss_is_never_in_millions() -> None:
    with pytest.raises(UserError, match="no column 'loss'"):
        read_points("params,tokens,loss_b,loss_m\n1e6,1e8,3,4\n", "runs.csv")
    assert read_points("params,tokens,loss_b\n1e6,1e8,3\n", "runs.csv")["total"].loss.tolist() == [3.0]


def test_bad_rows_are_left_out_only_when_asked() -> None:
    text = GOOD + "3e6,2e7,nan\n,2e7,4\n4e6,diverged,4\n5e6,2e7,4.1\n"
    with pytest.raises(UserError, match=r"line 5: params is ''.*--skip-bad"):
        read_points(text, "runs.csv")
    assert read_points(text, "runs.csv", skip_bad=True)["total"].params.tolist() == [1e6, 2e6, 5e6]
    with pytest.raises(UserError, match="no row with positive numbers"):
        read_points("params,tokens,loss\n1e6,2e7,nan\n", "runs.csv", skip_bad=True)


def test_a_column_given_twice_is_refused() -> None:
    with pytest.raises(UserError, match="column 'loss' twice"):
        read_points("params,tokens,loss,loss\n1e6,2e7,4,5\n", "runs.csv")


def test_three_counts_of_parameters_and_two_of_compute() -> None:
    header = "params,params_no_embed,params_blocks_head,tokens,flops,unique_tokens,loss"
    found = read_points(f"{header}\n9e6,5e6,7e6,1e8,6e15,5e7,3\n", "runs.csv")
    assert {name: points.params[0] for name, points in found.items()} == {
        "total": 9e6,
        "non_embedding": 5e6,
        "blocks_and_head": 7e6,
    }
    total = found["total"]
    assert total.flops[0] == pytest.approx(5.4e15)
    assert total.flops_given is not None and total.flops_given[0] == 6e15
    assert total.unique is not None and total.unique[0] == 5e7
