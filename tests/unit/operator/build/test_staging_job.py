"""Staging: whence, whither, with whose keys."""

from __future__ import annotations

import pytest
from support.operator.built import SOURCE, containers, context
from unet_operator.build.staging_job import staging_job


def test_staging_passes_the_bucket_s_secret_by_reference():
    s3 = {"uri": "s3://b/p", "endpoint": "https://cos.example.org", "secretName": "keys"}
    box = containers(staging_job(context(dataset={"source": {"s3": s3}})))[0]
    assert "envFrom" not in box, "only the keys that are named, never the Secret as a whole"
    found = {v["name"]: v["valueFrom"]["secretKeyRef"] for v in box["env"] if "valueFrom" in v}
    assert list(found) == ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]
    for name, key in found.items():
        assert key == {"name": "keys", "key": name, "optional": name == "AWS_SESSION_TOKEN"}
    assert "s3://b/p" in box["args"]


def test_staging_without_a_source_is_an_error_with_its_field():
    with pytest.raises(ValueError, match=r"spec\.dataset\.source"):
        staging_job(context())


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (SOURCE["source"], ["--https", "https://example.org/t.tar", "--sha256", "a" * 64]),
        (
            {"s3": {"uri": "s3://b/p", "endpoint": "https://cos.example.org"}},
            ["--s3", "s3://b/p", "--endpoint", "https://cos.example.org"],
        ),
        ({"msd": {}}, ["--msd", "Task01_BrainTumour"]),
        (
            {"msd": {"mirror": "https://m.example.org"}},
            ["--msd", "Task01_BrainTumour", "--mirror", "https://m.example.org"],
        ),
    ],
)
def test_staging_is_told_whence_and_whither(source, words):
    box = containers(staging_job(context(dataset={"source": source})))[0]
    assert box["args"] == ["stage", *words, "--target", "/data/Task01_BrainTumour"]
    assert "envFrom" not in box


def test_a_bucket_s_region_and_a_url_with_a_dollar_are_passed_as_they_are():
    s3 = {"uri": "s3://b/$(HOME)", "endpoint": "https://cos.example.org", "region": "ap-shanghai"}
    box = containers(staging_job(context(dataset={"source": {"s3": s3}})))[0]
    assert {"name": "AWS_REGION", "value": "ap-shanghai"} in box["env"]
    assert "s3://b/$$(HOME)" in box["args"], "how Kubernetes spells a literal $("


def test_the_staging_pod_has_resources_of_its_own():
    resources = {"requests": {"memory": "1Gi"}, "limits": {"memory": "2Gi"}}
    box = containers(staging_job(context(dataset={"source": {"msd": {}, "resources": resources}})))[
        0
    ]
    assert box["resources"] == resources
