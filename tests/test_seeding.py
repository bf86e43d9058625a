"""Seeds come from names and numbers alone."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segarena.seeding import derive_seed


def test_seeds_are_the_same_on_every_machine():
    assert derive_seed("order", 0, 1) == 8783113041400999520
    assert derive_seed("split", 0, "a") == 7492511681614996975


@settings(deadline=None)
@given(st.lists(st.integers() | st.text("a/é\udcff", max_size=5), max_size=4))
def test_every_seed_suits_torch(parts):
    seed = derive_seed(*parts)
    assert 0 <= seed < 2**63
    torch.Generator().manual_seed(seed)


def test_each_part_and_their_order_matter():
    seeds = {derive_seed(*parts) for parts in [("a", 1, 2), ("a", 2, 1), ("a", 1, 3), ("b", 1, 2), ("a", 12), ("a", 1)]}
    assert len(seeds) == 6


def test_a_file_name_that_is_no_utf8_gives_a_seed():
    names = [bytes([0x61, byte]).decode(errors="surrogateescape") for byte in (0xE8, 0xE9)]
    assert derive_seed("split", 0, names[0]) != derive_seed("split", 0, names[1])
