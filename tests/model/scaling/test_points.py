"""Tables of runs: what people's CSVs look like, and what is said of the ones that cannot be read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.scaling.points import make_points, read_points
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
        ("size,tokens,loss\n1,2,3\n", "no column 'params'"),
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
