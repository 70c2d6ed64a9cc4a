"""How a move is cut into what associations take at once. PS3.4 C.4.2."""

from itertools import chain

from hypothesis import given
from hypothesis import strategies as st

from pacs.dimse.moving import CHUNK_OBJECTS, _chunks
from tests.dimse.test_suboperations import stored


@given(st.lists(st.integers(1, 70), max_size=6))
def test_chunks_keep_order_and_series_apart(sizes: list[int]) -> None:
    instances = [
        stored(number)._replace(series_uid=f"1.{series}") for series, size in enumerate(sizes) for number in range(size)
    ]
    chunks = list(_chunks(instances))
    assert list(chain.from_iterable(chunks)) == instances
    assert all(len({each.series_uid for each in chunk}) == 1 for chunk in chunks)
    assert all(0 < len(chunk) <= CHUNK_OBJECTS for chunk in chunks)
