"""A stopped answer's cost is looked up afterwards; until then it is unknown."""

import pytest

from webapp.engine import costs


@pytest.mark.slow
def test_the_cost_of_a_stopped_answer_is_settled(bench, fake):
    assert costs.ASK_AFTER_SECONDS[0] <= 1
    fake.always({"counted": 500, "pace": 0.02})
    spent = {"id": "gen-1", "model": "some/model", "total_cost": 0.0042, "native_tokens_prompt": 7, "native_tokens_completion": 9}
    fake.always({"json": {"data": spent}}, at="/generation")
    id = bench.ask(person=bench.person())
    bench.until(lambda: "w000005" in bench.said(id))

    bench.engine.live[id].run.stop.request("user")
    ended = bench.until_ended(id)
    assert (ended.status, ended.cost) == ("stopped", None)
    bench.until(lambda: bench.generation(id).cost is not None)

    assert (bench.generation(id).cost, bench.generation(id).output_tokens) == ("0.0042", 9)
