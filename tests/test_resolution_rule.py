"""The rule for size and stride, on made tables of ceilings and costs."""

from __future__ import annotations

import numpy as np
import pytest

from segarena.config.resolution import ABOUT_AS_CHEAP, ENOUGH, Candidate, choose_resolution, sizes_up_to

TABLES = range(60)


def table(seed: int) -> list[Candidate]:
    """Up to 12 pairs with random ceilings and costs; some equal."""
    random = np.random.default_rng(seed)
    number = int(random.integers(1, 13))
    ceilings, costs = random.integers(1, 20, number) / 20, random.integers(1, 15, number)
    return [
        Candidate(32 * (place + 1), int(random.choice([8, 16])), ceiling, cost)
        for place, (ceiling, cost) in enumerate(zip(ceilings.tolist(), costs.tolist(), strict=True))
    ]


@pytest.mark.parametrize("seed", TABLES)
def test_the_choice_is_affordable_near_the_best_and_cheap(seed: int) -> None:
    pairs = table(seed)
    for limit in range(16):
        found = choose_resolution(pairs, limit)
        affordable = [pair for pair in pairs if pair.cost <= limit]
        assert found.is_affordable == bool(affordable)
        if not affordable:
            assert found.chosen.cost == min(pair.cost for pair in pairs)
            continue
        best = max(pair.ceiling for pair in affordable)
        assert (found.best.ceiling, found.chosen.cost <= limit) == (best, True)
        assert found.chosen.ceiling >= ENOUGH * best
        cheapest = min(pair.cost for pair in affordable if pair.ceiling >= ENOUGH * best)
        near = [pair for pair in affordable if pair.cost <= ABOUT_AS_CHEAP * cheapest]
        assert found.chosen in near
        assert found.chosen.ceiling == max(pair.ceiling for pair in near)
        if found.better is not None:
            assert found.better.ceiling > found.chosen.ceiling
            assert found.better.cost >= found.chosen.cost


@pytest.mark.parametrize("seed", TABLES)
def test_a_higher_limit_never_gives_a_lower_ceiling(seed: int) -> None:
    pairs = table(seed)
    found = [choose_resolution(pairs, limit) for limit in range(16)]
    ceilings = [one.chosen.ceiling for one in found if one.is_affordable]
    assert ceilings == sorted(ceilings)
    costs = [one.chosen.cost for one in found]
    assert costs == sorted(costs)


@pytest.mark.parametrize("seed", TABLES[:20])
def test_the_order_of_the_pairs_does_not_matter(seed: int) -> None:
    pairs = table(seed)
    for limit in (0, 4, 8, 16):
        assert choose_resolution(pairs, limit) == choose_resolution(pairs[::-1], limit)


@pytest.mark.parametrize(
    ("at_8", "at_16", "limit", "expected"),
    [
        ({256: 0.95, 512: 0.97}, {256: 0.90, 512: 0.95}, 99, (256, 16)),  # the cheapest is enough
        ({256: 0.80, 512: 0.85}, {256: 0.70, 512: 0.76}, 99, (256, 8)),  # a finer stride is cheaper than twice the size
        ({256: 0.50, 512: 0.90}, {256: 0.40, 512: 0.85}, 99, (512, 16)),  # only the larger size is enough
        ({256: 0.50, 512: 0.90}, {256: 0.40, 512: 0.60}, 99, (512, 8)),
        ({256: 0.50, 512: 0.90}, {256: 0.40, 512: 0.60}, 5, (512, 16)),  # which is the best of the affordable ones
        ({256: 0.50, 512: 0.90}, {256: 0.40, 512: 0.60}, 3, (256, 8)),
        ({256: 0.50, 512: 0.90}, {256: 0.40, 512: 0.60}, 1, (256, 16)),
        ({256: 0.50, 512: 0.90}, {256: 0.40, 512: 0.60}, 0, (256, 16)),  # none is affordable
    ],
)
def test_the_cheapest_pair_near_the_best_affordable_one_is_chosen(at_8, at_16, limit, expected) -> None:
    pairs = [
        Candidate(size, stride, ceiling, (size / 256) ** 2 * factor)
        for stride, ceilings, factor in ((8, at_8, 2.3), (16, at_16, 1))
        for size, ceiling in ceilings.items()
    ]
    chosen = choose_resolution(pairs, limit).chosen
    assert (chosen.size, chosen.output_stride) == expected


def test_of_pairs_that_cost_about_the_same_the_higher_ceiling_is_chosen() -> None:
    pairs = [Candidate(360, 16, 0.76, 1.0), Candidate(256, 8, 0.81, 1.08), Candidate(360, 8, 0.86, 2.0)]
    assert choose_resolution(pairs, limit=1.5).chosen == pairs[1]
    assert choose_resolution(pairs, limit=1.05).chosen == pairs[0]


def test_the_next_better_pair_and_its_cost_are_named() -> None:
    pairs = [Candidate(256, 16, 0.8, 1), Candidate(300, 16, 0.81, 2), Candidate(384, 8, 0.84, 3)]
    found = choose_resolution(pairs, limit=1)
    assert found.better == pairs[2]
    assert "80.0%" in found.why
    assert "size 384 and output stride 8, would take about 3 times" in found.why
    assert choose_resolution(pairs[2:], 9).better is None
    assert "least costly" in choose_resolution(pairs, 0).why


@pytest.mark.parametrize(
    ("shorter", "device", "usual", "small"),
    [
        (10, "cpu", [32], []),
        (96, "cpu", [96], []),
        (200, "cpu", [200], [128, 192]),
        (360, "cpu", [256, 360], [128, 192]),
        (5000, "cpu", [256, 384, 512], [128, 192]),
        (360, "cuda", [360], [256]),
        (5000, "cuda", [512, 768], [256, 384]),
    ],
)
def test_no_image_is_enlarged_and_small_sizes_are_for_need(
    shorter: int, device: str, usual: list[int], small: list[int]
) -> None:
    assert sizes_up_to(shorter, device) == (usual, small)


def test_a_larger_size_than_is_chosen_from_can_be_the_next_better_choice() -> None:
    pairs, larger = [Candidate(512, 8, 0.6, 1)], [Candidate(1024, 8, 0.85, 4), Candidate(1024, 16, 0.6, 2)]
    found = choose_resolution(pairs, 99, larger)
    assert (found.chosen, found.better) == (pairs[0], larger[0])
    assert "size 1024 and output stride 8, would take about 4 times" in found.why
