"""Documents and locks say what is there."""

import json
import re
from pathlib import Path

import pytest

from shared.contracts.events import MESSAGES
from trainyard.docs import ERRORS_DOC, EVENTS_DOC, GLOSSARY_DOC, errors_page, events_page, glossary_page
from trainyard.error_classes import error_classes

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "contracts" / "golden"


def test_the_events_page_is_generated_from_the_contracts() -> None:
    assert EVENTS_DOC.read_text() == events_page(), "run `make docs`"


def test_the_errors_page_is_generated_from_the_classes() -> None:
    assert ERRORS_DOC.read_text() == errors_page(), "run `make docs`"


def test_the_glossary_has_every_score() -> None:
    assert GLOSSARY_DOC.read_text() == glossary_page(), "run `make docs`"


def test_a_code_belongs_to_one_class() -> None:
    by_code: dict[str, list[str]] = {}
    for found in error_classes():
        by_code.setdefault(found.code, []).append(found.name)

    assert {code: names for code, names in by_code.items() if len(names) > 1} == {}


def test_every_message_ever_published_still_parses() -> None:
    for message in MESSAGES:
        examples = sorted(GOLDEN.glob(f"{message.type}.v*.json"))

        assert examples, f"tests/contracts/golden lacks {message.type}.v1.json"
        for path in examples:
            published = json.loads(path.read_bytes())
            parsed = message.model_validate(published).model_dump(mode="json")
            assert parsed | published == parsed


def test_locks_name_no_host_and_hash_everything() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text()
        assert not re.search(r"https?://|--index-url|--extra-index|--find-links", text), path.name
        pins = re.findall(r"^[a-z0-9][^\s]*==", text, flags=re.MULTILINE)
        assert pins
        assert text.count("--hash=sha256:") >= len(pins), path.name


def test_the_houses_words_stand_where_the_glossary_says() -> None:
    own = (ROOT / "docs" / "glossary.md").read_text().split("## The house's own words")[1].split("\n## ")[0]
    places = re.findall(r"\| `([^`]+)` \|$", own, flags=re.MULTILINE)

    paths = [place for place in places if "/" in place]
    names = [place for place in places if place.isidentifier()]
    assert len(paths) > 15
    assert not [path for path in paths if not (ROOT / path).exists()]
    text = "\n".join(path.read_text() for path in (ROOT / "shared").rglob("*.py"))
    assert not [name for name in names if name not in text]


def test_words_the_house_has_given_up_do_not_come_back() -> None:
    given_up = r"\b\w*(dossier|yardstick|undertaker|burial|workbench|logbook)\w*\b|\b(bury|examine)\b"
    for folder in ("shared", "services", "trainyard"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            found = re.search(given_up, path.read_text(), flags=re.IGNORECASE)
            assert found is None, f"{path.relative_to(ROOT)}: {found.group() if found else ''}"


@pytest.mark.parametrize("document", ["asvs.md", "security.md"])
def test_the_tests_a_promise_names_are_there(document: str) -> None:
    text = (ROOT / "docs" / document).read_text()
    named = set(re.findall(r"`(tests/[^`]+)`", text)) | {
        str(found.relative_to(ROOT))
        for name in re.findall(r"`(test_[a-z_]+\.py)`", text)
        for found in (ROOT / "tests").rglob(name)
    }

    assert len(named) > 10
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
    for name in re.findall(r"`(test_[a-z_]+\.py)`", text):
        assert any(path.endswith(name) for path in named), name


def test_every_item_of_the_standard_has_one_judgement() -> None:
    rows = [line.split("|") for line in (ROOT / "docs" / "asvs.md").read_text().splitlines()]
    judged = [row for row in rows if len(row) > 5 and row[1].strip()[:1].isdigit()]

    assert len(judged) > 200
    assert len({row[1] for row in judged}) == len(judged)
    assert {row[4].strip(" *") for row in judged} == {"held", "partly", "not held", "n/a"}
    assert all(row[5].strip() for row in judged)
