"""What the service says about itself holds, whatever it is asked."""

from collections.abc import Callable

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
]


def test_every_endpoint_tells_its_errors(client: httpx.Client):
    paths = client.get("/openapi.json").json()["paths"]
    assert sorted(paths) == [
        "/v1/health",
        "/v1/jobs",
        "/v1/jobs/upload",
        "/v1/jobs/{id}",
        "/v1/jobs/{id}/cancel",
        "/v1/jobs/{id}/result",
    ]
    for path, methods in paths.items():
        for method in methods.values():
            assert ({"401", "422"} <= set(method["responses"])) or path == "/v1/health"
            for status, answer in method["responses"].items():
                if int(status) >= 400:
                    schema = answer["content"]["application/json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Refused"}, (path, status)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")  # of schemathesis itself
@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/upload", "/v1/jobs/{id}", "/v1/jobs/{id}/result"])
def test_no_request_makes_the_service_fail(client: httpx.Client, finished: Callable, path: str):
    """Requests as the description allows them, and others; the same ones every time. Half of the ids are real."""
    real = client.post("/v1/jobs/upload?name=film.mp4", content=b"nothing").json()["id"]
    finished(real)
    schema = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    asked = []

    @settings(
        max_examples=15,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        operation = data.draw(st.sampled_from([schema[path][method] for method in schema[path]]))
        mode = data.draw(st.sampled_from(list(schemathesis.GenerationMode)))
        case = data.draw(operation.as_strategy(generation_mode=mode))
        if "{id}" in path and len(asked) % 2:
            case.path_parameters["id"] = real
        asked.append(case.call_and_validate(checks=CHECKS, headers=dict(client.headers)).status_code)

    ask()
    assert {status // 100 for status in asked} == {2, 4}, asked
