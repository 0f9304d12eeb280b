"""Frozen values as `dataclasses` makes them, without its import: it and what it loads (`inspect`, `ast`, `dis`) would cost
an application that only logs more than the whole journal does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from dataclasses import Field

Value = TypeVar("Value")
_REQUIRED: Any = object()


@dataclass_transform(kw_only_default=True, frozen_default=True)
def value(cls: type[Value]) -> type[Value]:
    """Make of *cls* what `@dataclass(frozen=True, slots=True, kw_only=True)` would; its defaults must be immutable.

    `dataclasses.replace`, `fields` and `asdict` take it for one of theirs, and it may be copied and pickled.
    """
    defaults = {name: cls.__dict__.get(name, _REQUIRED) for name in cls.__annotations__}
    left_behind = {*defaults, "__dict__", "__weakref__"}
    body = {key: item for key, item in cls.__dict__.items() if key not in left_behind}
    own = {
        "__slots__": tuple(defaults),
        "__match_args__": (),
        "__init__": _constructor(defaults),
        "__eq__": _equals,
        "__hash__": lambda self: hash(_items(self)),
        "__repr__": show,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__getstate__": _items,
        "__setstate__": _restore,
        "__replace__": replaced,
        "__dataclass_fields__": _Fields(defaults),
    }
    made: type[Value] = type(cls.__name__, cls.__bases__, {**own, **body})
    return made


def replaced(old: Value, /, **changes: Any) -> Value:
    """Return *old* with other values in some of its fields."""
    names: tuple[str, ...] = old.__slots__  # type: ignore[attr-defined]  # it is made by `value`
    return type(old)(**{name: getattr(old, name) for name in names} | changes)


def _constructor(defaults: dict[str, Any]) -> Any:
    put = object.__setattr__

    def __init__(self: object, **given: Any) -> None:  # noqa: N807  # becomes a method
        for name, default in defaults.items():
            item = given.pop(name, default)
            if item is _REQUIRED:
                raise TypeError(f"{type(self).__name__} needs {name}")
            put(self, name, item)
        if given:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(given)}")

    return __init__


def _items(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in self.__slots__])


def _equals(self: Any, other: object) -> bool:
    return _items(self) == _items(other) if type(other) is type(self) else NotImplemented


def show(self: Any) -> str:
    """Return a value as code would make it."""
    fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__)
    return f"{type(self).__qualname__}({fields})"


def _refuse(self: object, name: str, *_: object) -> NoReturn:
    from dataclasses import FrozenInstanceError  # noqa: PLC0415  # only for mistakes

    raise FrozenInstanceError(f"{type(self).__name__}.{name} can't be changed: dataclasses.replace makes another one")


def _restore(self: Any, items: tuple[Any, ...]) -> None:
    for name, item in zip(self.__slots__, items, strict=True):
        object.__setattr__(self, name, item)


class _Fields:
    """Stands where `dataclasses` looks for a class's fields, and makes them when it does."""

    def __init__(self, defaults: dict[str, Any]) -> None:
        self._defaults = defaults

    def __get__(self, _: object, owner: Any) -> dict[str, Field[Any]]:
        from dataclasses import make_dataclass  # noqa: PLC0415  # for those who have loaded it already

        types = owner.__annotations__
        made: Any = make_dataclass(
            owner.__name__,
            [(name, types[name], _field(default)) for name, default in self._defaults.items()],
            frozen=True,
            kw_only=True,
        )
        owner.__dataclass_params__ = made.__dataclass_params__
        owner.__dataclass_fields__ = made.__dataclass_fields__  # in place of this
        fields: dict[str, Field[Any]] = made.__dataclass_fields__
        return fields


def _field(default: Any) -> Any:
    from dataclasses import field  # noqa: PLC0415  # as above

    return field() if default is _REQUIRED else field(default_factory=lambda: default)
