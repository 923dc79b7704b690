from __future__ import annotations

import html as escaping
import re
import shutil
import subprocess
from pathlib import Path

import fleets
import native_profiles
import profiles
import pytest

from l0gm_edge.core.comparison import Comparison
from l0gm_edge.core.report import Report
from l0gm_edge.report import comparison_page, fleet_page, html, profile_page

pytestmark = pytest.mark.browser
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1400,900"),
)

# The page under test stands in a frame of exact width; the wrapper, not the page, runs the script that looks at it.
WRAPPER = """<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<iframe style="border:0;width:{width}px;height:900px" srcdoc="{page}"></iframe><pre id="seen"></pre><script>
addEventListener("load", () => {{
  const frame = document.querySelector("iframe"), page = frame.contentDocument;
  const root = page.documentElement;
  const ink = [...page.querySelectorAll("main > section, header, .headline > div")];
  const seen = {{
    overflow: root.scrollWidth - {width},
    sticking_out: ink.filter(e => e.getBoundingClientRect().right > {width} + 0.5).length,
    loaded: frame.contentWindow.performance.getEntriesByType("resource").length,
    sections: page.querySelectorAll("main > section").length,
    dark: getComputedStyle(page.body).color === "rgb(230, 234, 240)" ? 1 : 0,
  }};
  document.querySelector("#seen").textContent = Object.entries(seen).map(([k, v]) => `${{k}}=${{v}};`).join("");
}});
</script>"""


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser."""
    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("Chromium is not installed")
    return found


def look(chromium: str, folder: Path, text: str, width: int, theme: str) -> dict[str, int]:
    """What the browser sees of the page in a frame of this width."""
    wrapper = folder / "wrapper.html"
    wrapper.write_text(WRAPPER.format(width=width, page=escaping.escape(text)), encoding="utf-8")
    scheme = f"--blink-settings=preferredColorScheme={0 if theme == 'dark' else 1}"
    command = [chromium, *FLAGS, scheme, f"--user-data-dir={folder / 'profile'}", "--dump-dom", wrapper.as_uri()]
    dom = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout
    seen = re.search(r'<pre id="seen">(.+?)</pre>', dom)
    assert seen, "the wrapper's script did not run"
    return {key: int(float(value)) for key, value in re.findall(r"(\w+)=([-\d.]+);", seen[1])}


@pytest.mark.parametrize("width", [1280, 400])
def test_the_page_fits_and_loads_nothing(chromium: str, tmp_path: Path, any_report: Report, width: int) -> None:
    seen = look(chromium, tmp_path, html.render(any_report), width, "light")
    assert seen["overflow"] <= 0
    assert seen["sticking_out"] == 0
    assert seen["loaded"] == 0
    assert seen["sections"] == 10 + bool(any_report.subsets.given)


def test_the_page_follows_the_theme(chromium: str, tmp_path: Path, reports: dict[str, Report]) -> None:
    page = html.render(reports["passing"])
    seen = {theme: look(chromium, tmp_path, page, 1280, theme)["dark"] for theme in ("light", "dark")}
    assert seen == {"light": 0, "dark": 1}


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize(
    "page",
    [
        "profile",
        "sustained",
        "offline",
        "threads",
        "aggregates",
        "comparison",
        "fleet of profiles",
        "fleet of comparisons",
    ],
)
def test_pages_of_devices_fit_too(chromium: str, tmp_path: Path, page: str, width: int) -> None:
    pages = {
        "profile": lambda: profile_page.render(profiles.profile(model=f"models/{'long' * 30}.onnx")),
        "sustained": lambda: opened(profile_page.render(profiles.sustained())),
        "offline": lambda: opened(profile_page.render(profiles.offline(10**9, 10**8))),
        "threads": lambda: opened(profile_page.render(profiles.threads((1, 1.0, (1.0, 1.0)), (64, 0.1, (0.1, 0.2))))),
        "comparison": lambda: comparison_page.render(_comparison()),
        "aggregates": lambda: profile_page.render(native_profiles.profile(model=f"models/{'long' * 30}.tflite")),
        "fleet of profiles": lambda: opened(fleet_page.render(fleets.of_profiles())),
        "fleet of comparisons": lambda: opened(fleet_page.render(fleets.of_comparisons())),
    }
    seen = look(chromium, tmp_path, pages[page](), width, "dark")
    assert (seen["sticking_out"], seen["loaded"], seen["dark"]) == (0, 0, 1)
    assert seen["overflow"] <= 0


def _comparison() -> Comparison:
    found = next(one.comparison for one in fleets.of_comparisons().members if one.comparison)
    return found.model_copy(update={"candidate": "git:v1.2:" + "bundles/" * 30})


def opened(page: str) -> str:
    """The page with everything unfolded."""
    return page.replace("<details>", "<details open>")
