"""Requests at once, seconds, images of one size together, the end of a server: none loses or garbles an answer."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from serving_support import Client, Threshold, eventually, picture, serving

PNG = picture()


def in_hand(client: Client) -> float:
    lines = client.get("/metrics").body.decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("segarena_requests_in_hand "))


def test_more_requests_than_the_limit_are_refused_and_the_others_answered() -> None:
    model = Threshold()
    with serving(model, requests=3) as client, ThreadPoolExecutor(8) as pool:
        model.gate.clear()
        first = [pool.submit(client.post, PNG) for _ in range(3)]
        eventually(lambda: in_hand(client) == 3)
        refused = client.post(PNG)
        assert (refused.status, refused.headers["retry-after"]) == (429, "1")
        large = client.post(b"\0" * 3_000_000)  # the answer is read, although the body is not used
        assert large.status == 429
        assert client.get("/healthz").status == 200
        model.gate.set()
        assert [reply.result().status for reply in first] == [200] * 3
        assert client.post(PNG).status == 200


def test_images_of_one_size_are_labelled_together_and_get_their_own_masks() -> None:
    """While the first image is labelled, five of its size arrive, of which a batch takes four, and one of another."""
    model = Threshold()
    images = [picture(24, 16, seed) for seed in range(6)] + [picture(16, 24, 9)]
    with serving(model, max_batch=4) as client, ThreadPoolExecutor(8) as pool:
        alone = [client.post(image).mask for image in images]
        model.batches.clear()
        model.began.clear()
        model.gate.clear()
        replies = [pool.submit(client.post, images[0])]
        assert model.began.wait(60)
        replies += [pool.submit(client.post, image) for image in images[1:]]
        eventually(lambda: in_hand(client) == 7)
        time.sleep(0.3)  # they are decoded
        model.gate.set()
        masks = [reply.result().mask for reply in replies]
    assert all(np.array_equal(*pair) for pair in zip(masks, alone, strict=True))
    assert sorted(model.batches) == [1, 1, 1, 4]


def test_one_image_that_fails_does_not_fail_those_that_wait_with_it() -> None:
    from segarena.serving.labelling import Labeller
    from segarena.serving.models import ServedModel

    class Picky(Threshold):
        def predict(self, images):
            if any(image[0, 0, 0] == 7 for image in images):
                raise ValueError("seven")
            return super().predict(images)

    picky = Picky()
    picky.gate.clear()
    labeller = Labeller(8)
    model = ServedModel("a", picky)
    held = labeller.submit(model, np.zeros((1, 1, 3), np.uint8))
    assert picky.began.wait(60)
    futures = [labeller.submit(model, np.full((2, 2, 3), value, np.uint8)) for value in (1, 7, 200)]
    picky.gate.set()
    assert (held.result(60).batch, futures[0].result(60).batch, futures[2].result(60).mask[0, 0]) == (1, 1, 2)
    with pytest.raises(ValueError, match="seven"):
        futures[1].result(60)
    labeller.close()


def test_what_takes_too_long_is_given_up_and_keeps_its_place() -> None:
    model = Threshold()
    with serving(model, timeout=0.5, requests=2) as client, ThreadPoolExecutor(2) as pool:
        model.gate.clear()
        computed = pool.submit(client.post, PNG)
        assert model.began.wait(60)
        waiting = pool.submit(client.post, PNG)
        assert (computed.result().status, waiting.result().status) == (504, 503)
        assert in_hand(client) == 1  # the thread still computes
        model.gate.set()
        eventually(lambda: in_hand(client) == 0)
        assert client.post(PNG).status == 200
        assert len(model.batches) == 2  # what waited was not computed


def test_an_image_that_waited_for_most_of_its_time_gets_503() -> None:
    class Held(Threshold):
        def predict(self, images):
            masks = super().predict(images)
            if len(self.batches) == 2:
                assert second.wait(60)
            return masks

    model, second = Held(), threading.Event()
    with serving(model, timeout=1, max_batch=1) as client, ThreadPoolExecutor(2) as pool:
        model.gate.clear()
        pool.submit(client.post, PNG)
        assert model.began.wait(60)
        late = pool.submit(client.post, PNG)
        time.sleep(0.7)
        model.gate.set()
        assert (late.result().status, late.result().headers["retry-after"]) == (503, "1")
        second.set()


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    with serving(Threshold(), timeout=0.3) as client, socket.create_connection(("127.0.0.1", client.port)) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nabc")
        slow.settimeout(60)
        assert b" 408 " in slow.recv(1000).split(b"\r\n")[0]


def test_a_client_that_goes_away_frees_its_place() -> None:
    model = Threshold()
    with serving(model, requests=4) as client, ThreadPoolExecutor(1) as pool:
        model.gate.clear()
        held = pool.submit(client.post, PNG)
        assert model.began.wait(60)
        gone = socket.create_connection(("127.0.0.1", client.port))
        head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(PNG)}\r\n\r\n"
        gone.sendall(head.encode() + PNG)
        eventually(lambda: in_hand(client) == 2)
        gone.close()
        eventually(lambda: in_hand(client) == 1)
        model.gate.set()
        assert held.result().status == 200
    assert model.batches == [1]


def test_a_connection_that_sends_nothing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segarena.serving.server._HEAD_SECONDS", 0.2)
    with serving(Threshold()) as client, socket.create_connection(("127.0.0.1", client.port)) as silent:
        silent.sendall(b"GET / HTTP/1.1\r\nHost: ")
        silent.settimeout(60)
        assert silent.recv(100) == b""
        assert client.get("/healthz").status == 200


def test_too_many_connections_are_refused_as_every_request_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("segarena.serving.server._FURTHER_CONNECTIONS", 2)
    with serving(Threshold(), requests=1) as client:
        with (
            socket.create_connection(("127.0.0.1", client.port)),
            socket.create_connection(("127.0.0.1", client.port)),
        ):
            refused = client.get("/healthz")
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
            assert set(refused.json) == {"what", "where", "remedy"}
            assert "content-security-policy" in refused.headers
        eventually(lambda: client.get("/healthz").status == 200)


def test_large_images_are_decoded_a_few_at_a_time() -> None:
    """Two of the largest size; the third waits as the small file that it is."""
    import asyncio

    from segarena.serving.admission import PixelBudget

    async def check() -> None:
        budget, order, most, now = PixelBudget(100), [], 0, 0

        async def use(name: str, pixels: int) -> None:
            nonlocal most, now
            async with budget.taken(pixels):
                now += min(pixels, 100)
                most = max(most, now)
                order.append(name)
                await asyncio.sleep(0.01)
                now -= min(pixels, 100)

        tasks = [
            asyncio.create_task(use(name, size))
            for name, size in [("a", 50), ("b", 50), ("c", 60), ("d", 10), ("e", 500)]
        ]
        await asyncio.sleep(0)
        tasks[2].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (order, most) == (["a", "b", "d", "e"], 100)
        async with budget.taken(100):
            pass

    asyncio.run(check())


def test_pixels_of_a_request_that_ends_at_its_turn_are_free_again() -> None:
    import asyncio

    from segarena.serving.admission import PixelBudget

    async def check() -> None:
        budget = PixelBudget(100)

        async def use() -> None:
            async with budget.taken(100):
                raise AssertionError("it was cancelled")

        async with budget.taken(100):
            waiting = asyncio.create_task(use())
            await asyncio.sleep(0)
        waiting.cancel()  # it has its turn, and has not run since
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()
        async with asyncio.timeout(10), budget.taken(100):
            pass

    asyncio.run(check())


def test_answers_that_are_computed_are_sent_before_the_end() -> None:
    model = Threshold()
    with ThreadPoolExecutor(1) as pool:
        with serving(model) as client:
            model.gate.clear()
            reply = pool.submit(client.post, PNG)
            assert model.began.wait(60)
            threading.Timer(0.5, model.gate.set).start()
        assert reply.result().status == 200
