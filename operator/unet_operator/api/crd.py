"""Generates the CustomResourceDefinition from the models.

Kubernetes wants a *structural* OpenAPI v3 schema: no $ref, no null, every node typed.  What
pydantic emits is JSON Schema 2020-12; `structural` translates the part of it that the models
use and refuses the rest, so that a new kind of field cannot slip through wrongly.
"""

from __future__ import annotations

import copy
from typing import TypeAlias

from pydantic import JsonValue

from unet_operator.api.names import MAX_NAME
from unet_operator.api.schema import GROUP, KIND, PLURAL, VERSION, Model, rules
from unet_operator.api.spec import Spec
from unet_operator.api.status import Status

Node: TypeAlias = dict[str, JsonValue]
"""A node of a schema, or any other object of JSON."""

_DROPPED = {"title", "default", "unit", "$defs", "additionalProperties", "properties", "items"}
_KEPT = {
    "type",
    "description",
    "enum",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
}

_COLUMNS = (
    ("Phase", "string", ".status.phase", 0, "Where the training is."),
    ("Workers", "string", ".status.workers", 0, "Worker pods ready of those wanted."),
    ("Epoch", "integer", ".status.training.epoch", 0, "Epoch in work."),
    ("Loss", "number", ".status.training.loss", 0, "Training loss."),
    (
        "Dice",
        "number",
        ".status.dice",
        0,
        "Newest Dice: of the last validation, then of the evaluation.",
    ),
    ("ETA", "string", ".status.training.eta", 0, "Time left."),
    ("Age", "date", ".metadata.creationTimestamp", 0, "Time since it was created."),
    ("Attempt", "integer", ".status.attempt", 1, "Number of the present attempt."),
    ("Message", "string", ".status.message", 1, "The cause of the present state."),
)

_BEFORE_AN_ATTEMPT = (
    "!has(oldSelf.status) || !has(oldSelf.status.attempt) || oldSelf.status.attempt == 0"
)
_EQUAL = "self.spec.{field} == oldSelf.spec.{field}"
_BOTH_ABSENT_OR_EQUAL = (
    "(has(self.spec.{field}) == has(oldSelf.spec.{field}) && (!has(self.spec.{field}) || "
    "self.spec.{field} == oldSelf.spec.{field}))"
)
_FROZEN = {
    "dataset": _EQUAL,
    "output": _EQUAL,
    "training.seed": _EQUAL,
    "training.validationFraction": _EQUAL,
    "training.precision": _EQUAL,
    "training.learningRate": _BOTH_ABSENT_OR_EQUAL,
}
"""What no later attempt can follow: `unet train` refuses to go on with another."""


def openapi_schema() -> Node:
    """The schema of the whole resource."""
    return {
        "type": "object",
        "description": "A 3D U-Net to train on a Medical Segmentation Decathlon data set: "
        "MPI workers, a launcher, then an evaluation that prints its Dice score.",
        "required": ["spec"],
        **rules(
            (
                f"self.metadata.name.size() <= {MAX_NAME}",
                f"metadata.name must not be longer than {MAX_NAME} characters: its pods' "
                "names are longer and must fit in 63",
            ),
            (
                "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
                "metadata.name must begin with a letter and hold letters, digits and - only: "
                "it becomes part of host names",
            ),
            *(
                (
                    f"{_BEFORE_AN_ATTEMPT} || {rule.format(field=field)}",
                    f"spec.{field} cannot change once an attempt has started, since "
                    "checkpoints depend on it: create a new UNetTraining",
                )
                for field, rule in _FROZEN.items()
            ),
        ),
        "properties": {
            "apiVersion": {
                "type": "string",
                "description": f"{GROUP}/{VERSION}",
            },
            "kind": {"type": "string", "description": KIND},
            "metadata": {"type": "object"},
            "spec": {**structural(Spec), "description": "What the user asks for."},
            "status": {**structural(Status), "description": "What the operator has seen."},
        },
    }


def definition() -> Node:
    """The whole CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{PLURAL}.{GROUP}",
            # Uninstalling the chart must not delete trainings; kubectl ignores it.
            "annotations": {"helm.sh/resource-policy": "keep"},
        },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["unet"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": n, "type": t, "jsonPath": p, "priority": o, "description": d}
                        for n, t, p, o, d in _COLUMNS
                    ],
                    "schema": {"openAPIV3Schema": openapi_schema()},
                }
            ],
        },
    }


def structural(model: type[Model]) -> Node:
    """The model's structural schema, with units and defaults spelled out in descriptions.

    Raises:
        ValueError: the model uses a kind of schema that this translation does not know.
    """
    source = model.model_json_schema(mode="validation")
    return _node(source, mapping(source.get("$defs")), model.__name__)


def mapping(value: JsonValue | None) -> Node:
    """The value as an object of JSON; an empty one if it is none."""
    return value if isinstance(value, dict) else {}


def _node(source: Node, definitions: Node, path: str) -> Node:
    source = _resolve(source, definitions)
    int_or_string = "x-kubernetes-int-or-string" in source
    node: Node = {}
    for key, value in source.items():
        if key.startswith("x-kubernetes-") or (key in _KEPT and key != "description"):
            node[key] = copy.deepcopy(value)
        elif key == "exclusiveMinimum":
            node.update(minimum=value, exclusiveMinimum=True)
        elif key == "exclusiveMaximum":
            node.update(maximum=value, exclusiveMaximum=True)
        elif key == "const":
            node["enum"] = [value]
        elif key == "anyOf" and int_or_string:
            node["anyOf"] = value
        elif key not in _DROPPED and key not in ("required", "description"):
            raise ValueError(f"{path}: the CRD generator does not know {key}")
    if "type" not in node and not int_or_string:
        raise ValueError(f"{path}: has no type")
    if "properties" in source:
        node["properties"] = {
            name: _property(mapping(child), definitions, f"{path}.{name}")
            for name, child in mapping(source["properties"]).items()
        }
        if source.get("required"):
            node["required"] = source["required"]
    elif isinstance(source.get("additionalProperties"), dict) and (
        "x-kubernetes-preserve-unknown-fields" not in source
    ):
        node["additionalProperties"] = _node(
            mapping(source["additionalProperties"]), definitions, f"{path}.*"
        )
    if "items" in source:
        node["items"] = _node(mapping(source["items"]), definitions, f"{path}[]")
    return node


def _property(child: Node, definitions: Node, path: str) -> Node:
    """A field: its node, its description with unit and default, its default for the server."""
    node = _node(child, definitions, path)
    resolved = _resolve(child, definitions)
    if "description" not in resolved:
        raise ValueError(f"{path}: has no description")
    text = str(resolved["description"])
    if "unit" in resolved:
        text += f" Unit: {resolved['unit']}."
    default = child.get("default")
    if default is not None:
        # A default for an object is left to its fields: {} lets each of them apply, and the
        # schema states every default once.
        node["default"] = {} if "properties" in node and _nested(node, default) else default
        if "properties" not in node and default not in ("", [], {}):
            shown = str(default).lower() if isinstance(default, bool) else default
            text += f" Default: {_shown(shown)}."
        elif "properties" in node and node["default"]:
            text += f" Default: {_shown(default)}."
    return {"description": text, **node}


def _shown(value: JsonValue) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(
            f"{k} {{{_shown(v)}}}" if isinstance(v, dict) else f"{k}: {v}" for k, v in value.items()
        )
    return str(value)


def _nested(node: Node, default: JsonValue) -> bool:
    """Whether `default` is what the fields' own defaults would give."""
    return _defaults(node) == {k: v for k, v in mapping(default).items() if v is not None}


def _defaults(node: Node) -> Node:
    """The fields' own defaults, level by level."""
    fields = {name: mapping(field) for name, field in mapping(node.get("properties")).items()}
    return {name: _filled(field) for name, field in fields.items() if "default" in field}


def _filled(field: Node) -> JsonValue:
    return _defaults(field) if field["default"] == {} else field["default"]


def _resolve(source: Node, definitions: Node) -> Node:
    """Follows $ref and unwraps `X | None`."""
    if "$ref" in source:
        target = mapping(definitions[str(source["$ref"]).rsplit("/", 1)[1]])
        return {**_resolve(target, definitions), **{k: v for k, v in source.items() if k != "$ref"}}
    options = source.get("anyOf")
    if isinstance(options, list) and "x-kubernetes-int-or-string" not in source:
        real = [option for option in options if option != {"type": "null"}]
        if len(real) != 1:
            raise ValueError(f"a union of {len(real)} types has no structural schema")
        rest = {k: v for k, v in source.items() if k != "anyOf"}
        return {**_resolve(mapping(real[0]), definitions), **rest}
    return source
