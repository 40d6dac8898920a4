"""The CustomResourceDefinition: structural, described, bounded, and one with the models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml
from pydantic import BaseModel, Field
from support.operator.making import SPEC
from support.operator.schemas import ALL_FIELDS, SCHEMA, SPEC_SCHEMA, STATUS_SCHEMA, VERSION
from unet_operator.api.crd import definition, structural
from unet_operator.api.schema import Model, Quantity
from unet_operator.api.spec import Spec
from unet_operator.api.status import ConditionType, Phase, Status
from unet_operator.lifecycle.phase import phase

ROOT = Path(__file__).resolve().parents[4]
FULL = yaml.safe_load((ROOT / "manifests/samples/full.yaml").read_text())["spec"]


def nodes(node: dict, path: str) -> Iterator[tuple[str, dict]]:
    """Every node of a schema, items and values of maps included."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(node.get(inner), dict):
            yield from nodes(node[inner], f"{path}.{inner}")


def test_a_plain_apply_takes_it():
    """kubectl keeps a copy in an annotation, which may hold 262,144 bytes."""
    assert len(json.dumps(definition())) < 200_000


@pytest.mark.parametrize(("path", "node"), ALL_FIELDS, ids=[path for path, _ in ALL_FIELDS])
def test_every_field_is_described_and_typed(path, node):
    assert re.match(r"[A-Za-z`0-9].*\.$", node["description"]), node["description"]
    assert "type" in node or node.get("x-kubernetes-int-or-string")


SHOWN = [(p, n) for p, n in ALL_FIELDS if n.get("default") not in (None, "", [], {})]


@pytest.mark.parametrize(("path", "node"), SHOWN, ids=[path for path, _ in SHOWN])
def test_a_default_is_told_in_words(path, node):
    assert "Default: " in node["description"]
    if isinstance(node["default"], int | str) and not isinstance(node["default"], bool):
        assert str(node["default"]) in node["description"]


@pytest.mark.parametrize(
    ("path", "node"), [*nodes(SCHEMA, "")], ids=[p for p, _ in nodes(SCHEMA, "")]
)
def test_the_schema_is_structural(path, node):
    assert not set(node) & {"$ref", "$defs", "oneOf", "not", "nullable", "const", "title"}
    assert not ("properties" in node and "additionalProperties" in node)
    if node.get("type") == "array":
        assert "items" in node
    if node.get("x-kubernetes-int-or-string"):
        assert node["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    else:
        assert "anyOf" not in node
        assert node["type"] in ("object", "array", "string", "integer", "number", "boolean")


def test_unknown_fields_pass_in_affinity_alone():
    passing = [
        path for path, node in nodes(SCHEMA, "") if node.get("x-kubernetes-preserve-unknown-fields")
    ]
    assert passing == [".spec.workers.affinity"]


def test_every_list_and_text_of_the_spec_is_bounded():
    """Else the API server could not bound the cost of the rules, and etcd the object."""
    for path, node in nodes(SPEC_SCHEMA, "spec"):
        if node.get("type") == "array":
            assert "maxItems" in node, path
        if node.get("type") == "string" and "enum" not in node:
            assert "maxLength" in node or "{64}" in node.get("pattern", ""), path


def test_every_number_of_the_spec_has_a_least_value():
    for path, node in nodes(SPEC_SCHEMA, "spec"):
        if node.get("type") in ("integer", "number"):
            assert "minimum" in node, path


def test_patterns_are_anchored_and_of_the_kind_that_kubernetes_knows():
    """RE2 has neither lookaround nor back references."""
    for path, node in nodes(SCHEMA, ""):
        pattern = node.get("pattern")
        if pattern:
            assert pattern.startswith("^"), path
            assert pattern.endswith("$"), path
            assert not re.search(r"\(\?[=!<]|\\[1-9]", pattern), path


def test_every_rule_says_what_to_do_in_words():
    for path, node in nodes(SCHEMA, ""):
        for rule in node.get("x-kubernetes-validations", []):
            assert set(rule) == {"rule", "message"}, path
            assert len(rule["message"]) > 12, path


def test_columns_show_fields_that_are_there_with_their_type():
    kinds = dict(ALL_FIELDS)
    for column in VERSION["additionalPrinterColumns"]:
        path = column["jsonPath"].lstrip(".")
        if path == "metadata.creationTimestamp":
            continue
        assert kinds[path]["type"] == column["type"], path


def test_the_columns_of_a_plain_get():
    plain = [c["name"] for c in VERSION["additionalPrinterColumns"] if c["priority"] == 0]
    assert plain == ["Phase", "Workers", "Epoch", "Loss", "Dice", "ETA", "Age"]


def test_status_is_a_subresource_and_conditions_merge_by_type():
    assert VERSION["subresources"] == {"status": {}}
    conditions = STATUS_SCHEMA["properties"]["conditions"]
    assert conditions["x-kubernetes-list-type"] == "map"
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


def test_phases_and_conditions_are_those_of_the_models():
    assert STATUS_SCHEMA["properties"]["phase"]["enum"] == list(Phase.__args__)
    items = STATUS_SCHEMA["properties"]["conditions"]["items"]
    assert items["properties"]["type"]["enum"] == list(ConditionType.__args__)
    assert phase(Status()) in Phase.__args__


def test_uninstalling_the_chart_keeps_the_definition_and_so_every_training():
    assert definition()["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def defaulted(value: object, node: dict) -> object:
    """What the API server stores: defaults filled in, level by level."""
    if isinstance(value, dict):
        value = {
            **{k: n["default"] for k, n in node.get("properties", {}).items() if "default" in n},
            **value,
        }
        children = node.get("properties", {})
        return {k: defaulted(v, children[k]) if k in children else v for k, v in value.items()}
    if isinstance(value, list) and "items" in node:
        return [defaulted(item, node["items"]) for item in value]
    return value


@pytest.mark.parametrize("spec", [SPEC, FULL], ids=["smallest", "full"])
def test_the_server_s_defaults_are_the_operator_s(spec):
    assert Spec.model_validate(defaulted(spec, SPEC_SCHEMA)) == Spec.model_validate(spec)


def test_what_the_server_stores_of_the_smallest_spec_is_spelled_out():
    """So that an operator with other defaults does not change a training that is there."""
    stored = defaulted(SPEC, SPEC_SCHEMA)
    told = Spec.model_validate(stored).model_dump(by_alias=True, exclude_none=True)
    assert stored == told


class Odd(BaseModel):
    """Of two types at once."""

    both: int | str = Field(description="Both.")


class Bare(Model):
    """Without a description."""

    field: int


class Strange(Model):
    """With a rule of JSON Schema that has no place in a structural schema."""

    field: Annotated[float, Field(multiple_of=2)] = Field(description="Even.")


class Free(BaseModel):
    """Without any type."""

    field: object = Field(description="Anything.")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Odd, "union of 2 types"),
        (Bare, "Bare.field: has no description"),
        (Strange, "does not know multipleOf"),
        (Free, "Free.field: has no type"),
    ],
)
def test_the_generator_refuses_what_it_does_not_know(model, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        structural(model)


class Inner(Model):
    """A section."""

    size: Quantity = Field(default="1Gi", description="Size.")
    kind: Literal["a"] = Field(default="a", description="Kind.")


class Outer(Model):
    """A section whose default is not that of its fields, and one whose is."""

    other: Inner = Field(default=Inner(size="2Gi"), description="Other.")
    same: Inner = Field(default=Inner(), description="Same.")
    ratio: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None, description="Ratio.", json_schema_extra={"unit": "parts"}
    )
    on: bool = Field(default=True, description="On.")


def test_a_section_s_own_default_is_kept_and_else_left_to_its_fields():
    made = structural(Outer)["properties"]
    assert made["other"]["default"] == {"size": "2Gi", "kind": "a"}
    assert made["other"]["description"] == "Other. Default: size: 2Gi, kind: a."
    assert made["same"]["default"] == {}
    assert made["same"]["description"] == "Same."


def test_bounds_units_and_choices_are_translated():
    made = structural(Outer)["properties"]
    assert made["ratio"] == {
        "description": "Ratio. Unit: parts.",
        "type": "number",
        "minimum": 0,
        "exclusiveMinimum": True,
        "maximum": 1,
        "exclusiveMaximum": True,
    }
    assert made["on"]["description"] == "On. Default: true."
    assert made["same"]["properties"]["kind"]["enum"] == ["a"]
