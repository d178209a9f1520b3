"""Two servers with one store and one scheduler behind nginx, as docs/deploy.md configures it."""

import base64
import http.client
import os
import re
import shutil
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from core.serving.middleware import PERSON_COOKIE
from core.system.paths import ROOT
from tests.browser import server as app_server
from tests.browser.server import shown
from tests.browser.test_bring import zip_of
from tests.patience import until
from tests.serving.test_cluster import Cluster

pytestmark = [
    pytest.mark.browser,
    pytest.mark.processes,
    pytest.mark.slow,
]  # a whole deployment: proxy, scheduler, two servers

RUN_MS = 300_000
SMALL = "attack=label-flip&train=100&test=50&budget=20"


@dataclass
class Site:
    """What people reach, and what lies behind it.

    Attributes:
        address: of the lab behind the proxy.
        ports: of the two servers.
        log: the proxy's, a line a request: server, person, path.
        running: each server's life, by its port.
        start: starts a server on its port.
    """

    address: str
    ports: tuple[int, int]
    log: Path
    running: dict[int, ExitStack]
    start: Callable[[int], None]

    def requests(self) -> list[tuple[str, str, str]]:
        """Server, person and path of each request that has ended."""
        return [(*line.split(" ", 2),) for line in self.log.read_text().splitlines()]  # type: ignore[misc]

    def server_of(self, person: str) -> int:
        """The port of the server that this person's requests go to."""
        before = len(self.requests())
        request = urllib.request.Request(f"{self.address}/gallery", headers={"Cookie": f"{PERSON_COOKIE}={person}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            answer.read()
        until(lambda: len(self.requests()) > before)
        return next(int(server.rpartition(":")[2]) for server, who, _ in reversed(self.requests()) if who == person)

    def person_at(self, port: int) -> str:
        """Somebody whom the proxy sends to this server."""
        return next(person for i in range(64) if self.server_of(person := f"{i:032x}") == port)


def nginx() -> str:
    found = shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))
    if found is None:
        message = "NO NGINX: two servers behind a proxy were not tested; install it, as by apt install nginx-light"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return found


def configuration(port: int, servers: tuple[int, int]) -> str:
    """A whole configuration around the part that docs/deploy.md shows, with free ports of this machine."""
    [shown] = re.findall(r"^```nginx\n(.*?)^```$", (ROOT / "docs" / "deploy.md").read_text(), re.M | re.S)
    for old, new in (("listen 80;", f"listen 127.0.0.1:{port};"), *zip((":8501", ":8502"), servers, strict=True)):
        assert shown.count(old) == 1
        shown = shown.replace(old, str(new) if old.startswith("listen") else f":{new}")
    temporary = "".join(f"{kind}_temp_path {kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;\n" if os.geteuid() == 0 else ""
    log = f"log_format lab '$upstream_addr $cookie_{PERSON_COOKIE} $uri';\naccess_log access.log lab;\n"
    return f"{user}daemon off;\npid nginx.pid;\nevents {{}}\nhttp {{\n{temporary}{log}{shown}}}\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    program, home, place = nginx(), tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("nginx")
    port, *ports = (app_server.free_port() for _ in range(3))
    servers = (ports[0], ports[1])
    (place / "nginx.conf").write_text(configuration(port, servers))
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("POISON_LAB_HOME", str(home))
        cluster = Cluster(home)
        stack.callback(lambda: [cluster.kill(one) for one in cluster.processes if one.poll() is None])
        cluster.start_scheduler()
        cluster.worker()
        running = {number: stack.enter_context(ExitStack()) for number in servers}

        def start(number: int) -> None:
            server = app_server.server(
                home, number, "/lab", f"server-{number}.log", POISON_LAB_SCHEDULER=cluster.address
            )
            running[number].enter_context(server)

        for number in servers:
            start(number)
        command = [program, "-p", str(place), "-c", "nginx.conf", "-e", "error.log"]
        with app_server.running(command, place, dict(os.environ), port, place / "nginx.log", "/lab") as address:
            yield Site(address, servers, place / "access.log", running, start)


def visit(browser: Browser, site: Site, person: str, path: str) -> Page:
    """A page that this person opens in a browser of their own."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(app_server.PAGE_MS)
    expect.set_options(timeout=app_server.PAGE_MS)
    host = site.address.removesuffix("/lab")
    context.add_cookies([{"name": PERSON_COOKIE, "value": person, "url": f"{host}/lab/"}])
    page = context.new_page()
    page.goto(f"{site.address}/{path}")
    page.get_by_test_id("stMain").get_by_role("heading", level=1).wait_for()
    app_server.settled(page)
    return page


def poisoned(page: Page) -> Locator:
    """The accuracy with poison, in a fold that is drawn once it is open."""
    page.get_by_test_id("stExpander").filter(has_text="How: the accuracy").locator("summary").click()
    return page.locator("[data-testid=stMetric]").filter(has=shown(page, "Poisoned", exact=True))


def test_what_one_server_has_computed_and_kept_the_other_shows(browser: Browser, site: Site, tmp_path: Path) -> None:
    ada, grace = (site.person_at(port) for port in site.ports)
    first = visit(browser, site, ada, f"lab?{SMALL}")
    first.locator(".st-key-run button").click()
    expect(shown(first, "Already computed")).to_be_visible(timeout=RUN_MS)
    drop = poisoned(first).text_content() or ""
    second = visit(browser, site, grace, f"lab?{SMALL}")
    expect(shown(second, "Already computed")).to_be_visible()
    assert poisoned(second).text_content() == drop
    assert "%" in drop

    first.goto(f"{site.address}/bring")
    first.locator(".st-key-file-images input[type=file]").set_input_files(zip_of(tmp_path, "cats", "dogs"))
    stored = shown(first, "Stored as upload:pets-")
    expect(stored).to_be_visible()
    [name] = re.findall(r"upload:pets-\w+", stored.inner_text())
    second.goto(f"{site.address}/lab?data={quote(name)}")
    expect(shown(second, "poisoned among 43 training images")).to_be_visible()
    for page in (first, second):
        page.context.close()


def test_a_browser_stays_with_its_server(browser: Browser, site: Site) -> None:
    before = len(site.requests())
    for port in site.ports:
        site.person_at(port)
    new = browser.new_context()
    new.set_default_timeout(app_server.PAGE_MS)
    page = new.new_page()
    page.goto(f"{site.address}/gallery")
    page.get_by_test_id("stMain").get_by_role("heading", level=1).wait_for()
    app_server.settled(page)
    [person] = [cookie["value"] for cookie in new.cookies() if cookie["name"] == PERSON_COOKIE]
    new.close()
    until(lambda: ("/lab/_stcore/stream") in {path for _, who, path in site.requests() if who == person})
    by_person: dict[str, set[str]] = {}
    for server, who, _ in site.requests()[before:]:
        if who != "-":
            by_person.setdefault(who, set()).add(server)
    assert {who: len(servers) for who, servers in by_person.items() if len(servers) > 1} == {}
    assert len(set.union(*by_person.values())) == 2, "both servers have been asked"


@pytest.mark.parametrize(("origin", "status"), [("http://lab.example", 101), ("http://other.example", 403)])
def test_a_websocket_is_upgraded_for_the_pages_of_this_site_alone(origin: str, status: int, site: Site) -> None:
    connection = http.client.HTTPConnection(site.address.removeprefix("http://").removesuffix("/lab"), timeout=60)
    connection.putrequest("GET", "/lab/_stcore/stream", skip_host=True)
    for name, value in (
        ("Host", "lab.example"),
        ("Origin", origin),
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", base64.b64encode(bytes(16)).decode()),
    ):
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_when_a_server_ends_its_people_come_to_the_other_and_return(browser: Browser, site: Site) -> None:
    port, other = site.ports
    ada = site.person_at(port)
    page = visit(browser, site, ada, "lab")
    site.running[port].close()
    try:
        page.reload()
        expect(shown(page, "Already computed")).to_be_visible()
        assert site.server_of(ada) == other
    finally:
        site.start(port)
    until(lambda: site.server_of(ada) == port)
    page.context.close()
