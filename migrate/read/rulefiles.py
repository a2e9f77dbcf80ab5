"""The rules as they are read from folders of YAML and checked, all mistakes at once."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from migrate import model, yamltext
from migrate.errors import InputError, YamlError
from migrate.model import Field, Rule
from migrate.read import rulecheck

if TYPE_CHECKING:
    from pydantic import TypeAdapter

LIMITS: Final = yamltext.Limits(size=512 * 1024, depth=16, aliases=0, nodes=50_000)


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    rule: Rule
    document: yamltext.Document


@dataclass(frozen=True, slots=True)
class _Mistake:
    path: Path
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}" if self.line else f"{self.path}: {self.what}"


def rules(directories: Sequence[Path] = ()) -> tuple[Rule, ...]:
    """The project's rules and those of the directories, by name; a later one replaces an earlier.

    Raises: `InputError` with every mistake of every file.
    """
    return _read(tuple(directories)) if directories else _own()


@cache
def _own() -> tuple[Rule, ...]:
    """The project's rules, which do not change while the program runs."""
    return _read(())


def _read(directories: tuple[Path, ...]) -> tuple[Rule, ...]:
    files: dict[str, _File] = {}
    mistakes: list[_Mistake] = []
    for number, directory in enumerate((rules_directory(), *directories)):
        for path in _paths(directory, mistakes):
            found = _file(path, directory, mistakes)
            # Our own rules are proven by the tests, and every start of the program waits for this.
            if found and number:
                _check(found, mistakes)
            if found:
                files[_name(path)] = found
    if not mistakes:
        mistakes.extend(_clashes(tuple(files.values())))
    _refuse(mistakes)
    return tuple(sorted((file.rule for file in files.values()), key=lambda rule: rule.name))


def rules_directory() -> Path:
    """Where the project's own rules are: in the installed package, or beside it in a checkout."""
    package = Path(str(resources.files("migrate")))
    inside = package / "rules"
    return inside if inside.is_dir() else package.parent / "rules"


def schema() -> dict[str, Any]:
    """The JSON Schema of a rule file; descriptions are the attribute docstrings of the model."""
    found = _adapter().json_schema()
    docstrings = _docstrings()
    for name, part in (("Rule", found), *found["$defs"].items()):
        for field, described in part["properties"].items():
            described.pop("title", None)
            if text := docstrings[name].get(field):
                described["description"] = text
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


@cache
def _adapter() -> TypeAdapter[Rule]:
    from pydantic import TypeAdapter

    return TypeAdapter(Rule)


def _paths(directory: Path, mistakes: list[_Mistake]) -> list[Path]:
    found = sorted(directory.glob("*/*.yaml"))
    astray = [*directory.glob("*.yaml"), *directory.glob("*.yml"), *directory.glob("*/*.yml")]
    misnamed = "a rule's file is called <vendor>/<family>.yaml"
    mistakes.extend(_Mistake(path, 0, misnamed) for path in sorted(astray))
    if not found and not astray:
        why = "looked for */*.yaml" if directory.is_dir() else "there is no such directory"
        what = f"no rules are here, {why}; 'dra-migrate rules new' begins one"
        mistakes.append(_Mistake(directory, 0, what))
    return found


def _file(path: Path, directory: Path, mistakes: list[_Mistake]) -> _File | None:
    from pydantic import ValidationError

    if not path.is_file() or not path.resolve().is_relative_to(directory.resolve()):
        mistakes.append(_Mistake(path, 0, "not a file of this directory"))
        return None
    try:
        document = _document(path)
        rule = _adapter().validate_python(document.value())
    except YamlError as error:
        mistakes.append(_Mistake(path, error.line, error.reason))
    except OSError as error:
        mistakes.append(_Mistake(path, 0, error.strerror or "cannot be read"))
    except ValidationError as error:
        wrong = (_mistake(path, document, at, what) for at, what in _invalid(error))
        mistakes.extend(wrong)
    else:
        return _File(path, rule, document)
    return None


def _check(file: _File, mistakes: list[_Mistake]) -> None:
    for at, what in rulecheck.mistakes(file.rule, _name(file.path)):
        mistakes.append(_mistake(file.path, file.document, at, _told(at, what)))


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _document(path: Path) -> yamltext.Document:
    with path.open("rb") as file:
        text = yamltext.parse(file.read(LIMITS.size + 1), limits=LIMITS)
    for line, column, what in text.warnings:
        raise YamlError(what, line=line, column=column)
    if len(text.documents) != 1:
        raise YamlError("a rule's file holds one document", line=1)
    return text.documents[0]


def _mistake(path: Path, document: yamltext.Document, at: Field, what: str) -> _Mistake:
    return _Mistake(path, document.position(at)[0], what)


def _invalid(error: Any) -> Iterator[tuple[Field, str]]:
    for each in error.errors(include_url=False, include_context=False):
        at = each["loc"]
        empty = "is empty; " if each["input"] is None else ""
        match each["type"]:
            case "missing" | "missing_argument":
                yield at, f"{at[-1]} is missing" + (f" in {_dotted(at[:-1])}" if at[1:] else "")
            case "unexpected_keyword_argument":
                yield at, f"{_dotted(at)} is not a field of a rule"
            case "dataclass_type" | "dataclass_exact_type" | "dict_type" | "mapping_type":
                yield at, _told(at, f"{empty}a mapping is expected")
            case "tuple_type":
                yield at, _told(at, f"{empty}a list is expected")
            case "string_type":
                yield at, _told(at, f"{empty}a text is expected")
            case _:
                what = str(each["msg"]).replace("Input should be", "expected is")
                yield at, _told(at, f"{empty}{what}")


def _clashes(files: Sequence[_File]) -> Iterator[_Mistake]:
    where = {file.rule.name: file for file in files}
    for clash in rulecheck.clashes([file.rule for file in files]):
        file = where[clash.rule.name]
        what = _told(clash.field, clash.what)
        if clash.other is not None:
            other = where[clash.other.name]
            what = f"{what} {other.path}:{other.document.position(clash.other_field)[0]}"
        yield _mistake(file.path, file.document, clash.field, what)


def _refuse(mistakes: Sequence[_Mistake]) -> None:
    if len(mistakes) == 1:
        only = mistakes[0]
        raise InputError(only.what, path=str(only.path), line=only.line)
    if mistakes:
        ordered = sorted(mistakes, key=lambda mistake: (mistake.path, mistake.line))
        listed = "".join(f"\n  {mistake}" for mistake in ordered)
        raise InputError(f"{len(mistakes)} mistakes in the rules:{listed}")


def _told(at: Field, what: str) -> str:
    return f"{_dotted(at)}: {what}" if at else what


def _dotted(at: Field) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at)
    return text.lstrip(".")


def _docstrings() -> dict[str, dict[str, str]]:
    """Per class of the model, the docstring that follows each attribute."""
    found: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(model.rule)).body:
        if isinstance(node, ast.ClassDef):
            pairs = zip(node.body, node.body[1:], strict=False)
            found[node.name] = {
                attribute.target.id: inspect.cleandoc(text.value.value)
                for attribute, text in pairs
                if isinstance(attribute, ast.AnnAssign)
                and isinstance(attribute.target, ast.Name)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
                and isinstance(text.value.value, str)
            }
    return found
