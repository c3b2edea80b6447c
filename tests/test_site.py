"""The pages make a web site in which every link and every anchor leads somewhere, and every page is found."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

TREE = Path(__file__).resolve().parent.parent
DOCS = TREE / "docs"
MANY = 20
"""Links to other sites that may be: nobody here can tell whether they still lead somewhere."""


def make_site(docs: Path, site: Path) -> tuple[int, str]:
    """Status and complaints of Sphinx, as ``make docs`` calls it."""
    sphinx = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html"]
    made = subprocess.run([*sphinx, docs, site], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return made.returncode, made.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of the pages, made once, without a warning."""
    made = tmp_path_factory.mktemp("site")
    assert make_site(DOCS, made) == (0, "")
    return made


def test_site_lists_the_pages_as_the_index_does(site: Path) -> None:
    index = (site / "index.html").read_text()
    sections = re.findall(r"^## (.+)$", (DOCS / "index.md").read_text(), re.MULTILINE)
    assert re.findall(r'class="caption".*?<span class="caption-text">(.+?)</span>', index) == sections
    assert 'href="configuration.html"' in index


SEARCHES = {
    "wifi": "choosing",
    "vlan": "choosing",
    "dhcp": "configuration",
    "slaac": "configuration",
    "conflict": "troubleshooting",
    "duplicate": "troubleshooting",
    "keep address": "troubleshooting",
    "reach host": "modes",
}


@pytest.mark.parametrize("words", SEARCHES)
def test_searches_find_their_page_first(site: Path, words: str) -> None:
    """Sphinx's search gives 100 points to a main entry of the index that equals the words, and to a title about 15."""
    found = json.loads((site / "searchindex.js").read_text().removeprefix("Search.setIndex(").removesuffix(")"))
    entries = [(found["docnames"][page], is_main) for page, _, is_main in found["indexentries"][words]]
    assert entries == [(SEARCHES[words], True)]


MISTAKES = {
    "a page that is not there": ("[lost](nowhere.md)", "nowhere.md"),
    "an anchor that is not there": ("[lost](listed.md#nowhere)", "nowhere"),
    "a picture that is not there": ("![lost](nowhere.svg)", "nowhere.svg"),
    "a page in no index": ("", "forgotten.md: WARNING: document isn't included in any toctree"),
}


@pytest.mark.parametrize(("mistake", "complaint"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_are_found(tmp_path: Path, mistake: str, complaint: str) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(DOCS / "conf.py", docs)
    shutil.copy(TREE / "pyproject.toml", tmp_path)
    (docs / "index.md").write_text(f"# Index\n\n- [Listed](listed.md)\n\n{mistake}\n")
    (docs / "listed.md").write_text("# Listed\n")
    if not mistake:
        (docs / "forgotten.md").write_text("# Forgotten\n")
    status, complaints = make_site(docs, tmp_path / "site")
    assert status == 1
    assert complaint in complaints


def test_links_to_other_sites_are_few_and_well_formed() -> None:
    pages = [TREE / "README.md", TREE / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    links = {link for page in pages for link in re.findall(r"\]\((\w+:[^)\s]*)\)", page.read_text())}
    assert len(links) <= MANY
    for link in links:
        parts = urlsplit(link)
        assert parts.scheme == "https", link
        assert re.fullmatch(r"(?:[a-z0-9-]+\.)+[a-z]+", parts.netloc), link
        assert not link.endswith((".", ",")), link
