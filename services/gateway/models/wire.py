"""Model parameters in every spelling clients use, as specs of our kinds."""

from collections.abc import Mapping, Sequence
from typing import get_args

from pydantic import JsonValue, ValidationError

from services.gateway.problems import InvalidModelParams, fields_of, sentence
from shared.contracts.kinds import (
    KINDS,
    MODEL_SPEC,
    NEURAL,
    SPECS,
    WIRE_NAMES,
    Activation,
    ModelSpec,
    kind_named,
    plain,
)

_KIND_KEYS = ("kind", "MODE", "model_type", "modelType", "type", "model", "name")
_NESTED_KEYS = ("parameters", "params", "config")
_BOOSTING = frozenset(
    {"N_ESTIMATORS", "LEARNING_RATE", "MAX_DEPTH"}
)  # of boosted trees; come with every MODE
_WORDS = {
    **{plain(field): field for spec in SPECS.values() for field in spec.model_fields if field != "kind"},
    "ep": "epochs", "actf": "activation", "lr": "learning_rate", "filters": "layers", "k": "kernel_size",
    "lay": "LAY", "n": "N", "units": "N", "neurons": "N",
}  # fmt: skip
_LEGACY = frozenset({"LAY", "N", "EP", "ACTF", "K", "KERNEL", "C", "EPSILON"}) | _BOOSTING
_ACTIVATIONS: dict[str, Activation] = {
    **{a: a for a in get_args(Activation)}, "none": "linear", "keine": "linear",
}  # fmt: skip


def parse_models(
    configurations: Sequence[str | Mapping[str, JsonValue]] | Mapping[str, JsonValue],
    *,
    put_aside: list[str] | None = None,
) -> tuple[ModelSpec, ...]:
    """Return the specs of a list of names or configurations, or of a mapping from name to settings.

    Parameters
    ----------
    put_aside
        Takes the names of settings no such model has; None refuses them.

    Raises
    ------
    InvalidModelParams
        Naming every field that is unknown or out of range, by the name the client used.
    """
    if isinstance(configurations, Mapping):
        configurations = [
            {"kind": name, **(value if isinstance(value, dict) else {"enabled": value})}
            for name, value in configurations.items()
        ]
    specs: list[ModelSpec] = []
    problems: list[JsonValue] = []
    for position, named in enumerate(configurations):
        configuration = {"kind": named} if isinstance(named, str) else named
        if configuration.get("enabled", True) in (False, "false", "nein", 0):
            continue
        try:
            spec, unknown = _model(configuration, tolerant=put_aside is not None)
            specs.append(spec)
            (put_aside if put_aside is not None else []).extend(f"{position}.{name}" for name in unknown)
        except InvalidModelParams as error:
            found = error.details["fields"]
            problems += [
                {**field, "field": f"{position}.{field['field']}"} if isinstance(field, dict) else field
                for field in (found if isinstance(found, list) else [])
            ]
    if problems:
        raise InvalidModelParams(sentence(problems), fields=problems)
    if not specs:
        raise InvalidModelParams(
            "no model is asked for",
            fields=[{"field": "modelConfigurations", "message": "name at least one enabled model"}],
        )
    return tuple(specs)


def parameters(spec: ModelSpec) -> dict[str, JsonValue]:
    """Return a spec as it is echoed to clients: the model's wire name and the parameters in use."""
    used: dict[str, JsonValue] = spec.model_dump(mode="json", exclude={"kind"})
    return {"model": WIRE_NAMES[spec.kind], "kind": spec.kind, "parameters": used}


def _model(configuration: Mapping[str, JsonValue], *, tolerant: bool) -> tuple[ModelSpec, list[str]]:
    """Return the spec of one configuration, and the names in it that were passed over."""
    flat = {k: v for k, v in configuration.items() if k not in (*_NESTED_KEYS, "enabled", "id")}
    for key in _NESTED_KEYS:
        nested = configuration.get(key)
        flat |= nested if isinstance(nested, dict) else {}
    named_by = next((key for key in _KIND_KEYS if key in flat), None)
    word = str(flat.pop(named_by)) if named_by else ""
    kind = kind_named(word)
    if kind is None:
        known = ", ".join(WIRE_NAMES[kind] for kind in KINDS)
        raise _invalid(
            [{"field": named_by or "MODE", "message": f"{word[:40]!r} is no model; known are {known}"}]
        )
    legacy = named_by == "MODE"
    known_fields = SPECS[kind].model_fields
    spoken = {ours: theirs for theirs in flat if (ours := _word(theirs))}
    meant = {"LAY", "N", *known_fields} - {_word(name) for name in _BOOSTING if kind in NEURAL}
    values = _values(flat, {ours for ours in spoken if legacy and ours not in meant})
    layered = _layered(values, known_fields, legacy=legacy)
    if "tune" in layered and "tune" not in known_fields and not tolerant:
        raise _invalid(
            [{"field": "tune", "message": f"{WIRE_NAMES[kind]} chooses for itself; nothing is searched"}]
        )
    unknown = [name for name in layered if name not in known_fields] if tolerant else []
    try:
        spec = MODEL_SPEC.validate_python(
            {"kind": kind, **{name: value for name, value in layered.items() if name not in unknown}}
        )
        return spec, [spoken.get(name, name) for name in unknown]
    except ValidationError as error:
        # Name each field as the client spelled it.
        fields = fields_of(error.errors(include_url=False, include_input=False))
        renamed: list[JsonValue] = []
        for field in fields:
            if isinstance(field, dict):
                path = str(field["field"]).split(".")
                path = path[1:] if path[0] in KINDS else path
                head = spoken.get(path[0], path[0]) if path else "model"
                renamed.append({**field, "field": ".".join([head, *path[1:]])})
        raise _invalid(renamed) from None


def _word(name: str) -> str:
    return _WORDS.get(plain(name), name)


def _values(flat: Mapping[str, JsonValue], unused: set[str]) -> dict[str, JsonValue]:
    """Return the settings in our words; MODE picks its own of the legacy parameters."""
    named = {_word(name): _value(_word(name), value) for name, value in flat.items()}
    sent = {_word(name): name for name in flat}
    return {
        name: value
        for name, value in named.items()
        if value not in (None, "") and not (name in unused and sent[name] in _LEGACY)
    }


def _value(name: str, value: JsonValue) -> JsonValue:
    if not isinstance(value, str):
        return "linear" if name == "activation" and value is None else value
    text = value.strip()
    if name == "activation":
        return _ACTIVATIONS.get(text.lower(), text)
    return text.lower() if name == "kernel" else text


def _layered(
    values: dict[str, JsonValue], known: Mapping[str, object], *, legacy: bool
) -> dict[str, JsonValue]:
    """Turn LAY layers of N units into our list of layers; one number of filters is one layer."""
    if isinstance(values.get("layers"), int) and "LAY" not in values and "N" not in values:
        values = {**values, "layers": [values["layers"]]}
    if "layers" not in known and not legacy:
        return values
    count, units = values.pop("LAY", None), values.pop("N", None)
    if "layers" not in known or "layers" in values or (count is None and units is None):
        return values
    n_layers = _whole(count, "LAY", 1, 10) if count is not None else 1
    width = _whole(units, "N", 1, 2048) if units is not None else 64
    return {**values, "layers": [width] * n_layers}


def _whole(value: JsonValue, field: str, low: int, high: int) -> int:
    try:
        number = int(str(value))
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise _invalid([{"field": field, "message": f"needed is a whole number from {low} to {high}"}])
    return number


def _invalid(fields: list[JsonValue]) -> InvalidModelParams:
    return InvalidModelParams(sentence(fields), fields=fields)
