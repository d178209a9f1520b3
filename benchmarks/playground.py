"""What one move in the playground costs the browser: `.venv/bin/python -m benchmarks.playground`.

Frames a second would measure the machine's other work, too. Measured is CPU time of the page's main thread for a move:
solving the head, the influence field, drawing and the numbers beside it; a frame of 60 a second has 16.7 ms.
"""

from typing import Any

from playwright.sync_api import Browser

from benchmarks import report
from core.presentation import plane
from core.system.tables import markdown_table
from pages._playground import DEFENCE_NAMES, NO_DEFENCE, PoisonPoint, View
from tests.browser import server
from tests.browser.playground.harness import modules
from tests.browser.playground.test_widget import START

MOVES = 120
SLOWDOWN = 6
"""How much slower than this machine the phone is: what Chromium's own tools take for one of the middle range."""
SCREENS: dict[str, tuple[dict[str, Any], int]] = {
    "laptop, 1366 px": ({"viewport": {"width": 1366, "height": 768}}, 1),
    f"phone, 390 px, {SLOWDOWN} times slower": (
        {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2},
        SLOWDOWN,
    ),
}
MOVE = """async (moves) => {
  for (let i = 0; i < moves; i++) {
    const angle = (2 * Math.PI * i) / 60;
    playground.move(0, [2 * Math.cos(angle), 2 * Math.sin(angle)]);
    await new Promise(requestAnimationFrame);
  }
  return playground.scene.solved.worst;
}"""


def measure(browser: Browser, screen: dict[str, Any], slowdown: int, defence: str) -> dict[str, float]:
    """Milliseconds of CPU time for a move, and the largest gradient norm of all heads.

    Args:
        browser: a running one.
        screen: options of its page.
        slowdown: factor by which the processor is slowed down.
        defence: of the playground.
    """
    points = plane.DRAWN["three"]()
    poison = tuple(PoisonPoint(i % 3, (0.3 * i, -0.2 * i), i) for i in range(9))
    view = View(poison=poison, constraint="none", defence=defence)
    with modules(browser, **screen) as page:
        client = page.context.new_cdp_session(page)
        client.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})
        client.send("Performance.enable", {"timeDomain": "threadTicks"})
        data = {"plane": points.as_data(), "view": view.as_data(), "locks": {"lock": [], "hide": []}}
        page.evaluate(START, data)
        page.evaluate(MOVE, 20)  # compiles
        before = busy(client)
        worst = page.evaluate(MOVE, MOVES)
        return {"move": 1e3 * (busy(client) - before) / MOVES, "worst_gradient": worst}


def busy(client: Any) -> float:
    """Seconds of CPU time that the page's main thread has taken so far."""
    metrics = client.send("Performance.getMetrics")["metrics"]
    return next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


def main() -> None:
    """Measure every defence on every screen."""
    values: dict[str, dict[str, dict[str, float]]] = {}
    with server.browser() as browser:
        for name, (screen, slowdown) in SCREENS.items():
            for defence in (NO_DEFENCE, *DEFENCE_NAMES):
                values.setdefault(name, {})[defence] = measure(browser, screen, slowdown, defence)
    rows = [
        [name, defence, f"{cell['move']:.1f}", f"{cell['worst_gradient']:.0e}"]
        for name, cells in values.items()
        for defence, cell in cells.items()
    ]
    header = ["Screen", "Defence", "A move, ms", "Largest gradient norm"]
    text = (
        f"{markdown_table(header, rows)}\n\n300 clean points of three classes and 9 poisoned ones; {MOVES} moves. "
        f"Chromium without a GPU, on {report.machine()}. {report.load()}"
    )
    report.write("playground", text, {"machine": report.machine(), "moves": MOVES, "milliseconds": values})
    print(text)


if __name__ == "__main__":
    main()
