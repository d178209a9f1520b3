"""Bringing images and weights through the app, in a real browser: what is kept can be used, what is refused is told."""

import io
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from core.extractors.networks import network
from core.pretraining.train import export
from tests.browser.server import server, settled, shown
from tests.pictures import pets, zipped

pytestmark = pytest.mark.browser


@pytest.fixture
def page(page: Page, address: str) -> Page:
    page.goto(f"{address}/bring")
    expect(page.get_by_role("heading", name="Upload your own data")).to_be_visible()
    return page


def zip_of(place: Path, *classes: str) -> Path:
    (place / "pets.zip").write_bytes(zipped({**pets(30, classes), "__MACOSX/._x.png": b""}).getvalue())
    return place / "pets.zip"


def large_zip(place: Path, megabytes: int) -> Path:
    """Two classes of so much noise, which nothing makes smaller."""
    rng = np.random.default_rng(0)
    path = place / "noise.zip"
    side = 600  # more than 1 MB an image
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(megabytes):
            png = io.BytesIO()
            Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(png, "PNG", compress_level=0)
            archive.writestr(f"{('left', 'right')[number % 2]}/{number}.png", png.getvalue())
    assert path.stat().st_size > megabytes << 20
    return path


def test_more_than_50_megabytes_are_stored_and_leave_the_memory(page: Page, address: str, tmp_path: Path) -> None:
    """As Streamlit's own limit was once 50 MB, the page said 500 MB, and an upload ended with "AxiosError"."""
    page.locator(".st-key-file-images input[type=file]").set_input_files(large_zip(tmp_path, 60))
    expect(shown(page, "Stored as upload:noise-")).to_be_visible()
    expect(shown(page, "21 to train, 9 to test")).to_have_count(2)
    expect(shown(page, "AxiosError")).to_have_count(0)
    with urllib.request.urlopen(f"{address}/_stcore/metrics") as answer:
        assert b"UploadedFileManager" not in answer.read(), "nothing is held any more"
    page.get_by_role("radio", name="torchvision").click()  # another run of the page, which does not have the file
    expect(shown(page, "Choose the architecture of the weights")).to_be_visible()
    settled(page)
    expect(shown(page, "Stored as upload:noise-")).to_be_visible()
    page.locator("[class*=st-key-remove-upload-noise]").get_by_role("button").click()
    expect(shown(page, "Stored as upload:noise-")).to_have_count(0)


def test_what_is_too_large_is_refused_in_words(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POISON_LAB_IMAGE_UPLOAD_MEGABYTES", "1")
    with server(tmp_path) as address:
        page = browser.new_page()
        page.goto(f"{address}/bring")
        page.locator(".st-key-file-images input[type=file]").set_input_files(large_zip(tmp_path, 2))
        expect(shown(page, "File must be 1.0MB or smaller")).to_be_visible()
        expect(shown(page, "POISON_LAB_IMAGE_UPLOAD_MEGABYTES raises the limit")).to_be_visible()
        expect(shown(page, "AxiosError")).to_have_count(0)
        page.close()


def test_images_are_shown_kept_and_used(page: Page, tmp_path: Path) -> None:
    page.locator(".st-key-file-images input[type=file]").set_input_files(zip_of(tmp_path, "cats", "dogs"))
    expect(shown(page, "Stored as upload:pets-")).to_be_visible()
    expect(shown(page, "21 to train, 9 to test")).to_have_count(2)
    expect(page.get_by_alt_text("Images of dogs")).to_be_visible()
    expect(shown(page, "2 classes: cats 30, dogs 30.")).to_be_visible()
    expect(shown(page, "1 file was passed over: 1 hidden.")).to_be_visible()
    page.get_by_role("button", name="Use it in the lab").first.click()
    expect(page.get_by_role("heading", name="Poison Lab")).to_be_visible()
    page.wait_for_url("**/lab?data=upload%3Apets-*")
    expect(shown(page, "poisoned among 43 training images")).to_be_visible()


def test_weights_are_checked_kept_and_removed(page: Page, tmp_path: Path) -> None:
    about = {"mean": [0.5] * 3, "std": [0.5] * 3, "input_size": 28, "arch": "resnet10-small", "data": "mnist"}
    export(tmp_path / "mine.safetensors", network("resnet10-small"), {**about, "method": "moco"})
    page.locator("[class*=st-key-file-own] input[type=file]").set_input_files(tmp_path / "mine.safetensors")
    expect(shown(page, "Stored as upload:mine-")).to_be_visible()
    expect(shown(page, "Pretrained on: mnist; method: moco")).to_be_visible()
    # The memory holds the file no more: what is said of it afterwards is said of what was stored.
    shown(page, "What the tensors can't show").click()
    page.get_by_role("textbox", name="Mean").fill("0.1,0.2,0.3")
    page.get_by_role("textbox", name="Mean").press("Enter")
    expect(shown(page, "normalised with mean 0.100, 0.200, 0.300")).to_be_visible()
    page.locator("[class*=st-key-remove-upload-mine]").first.get_by_role("button").click()
    expect(page.locator("[class*=st-key-remove-upload-mine]")).to_have_count(1)
    # By its key: while the page is still being drawn, the last "Remove" is one of an earlier upload.
    page.locator("[class*=st-key-remove-upload-mine]").get_by_role("button").click()
    expect(shown(page, "Stored as upload:mine-")).to_have_count(0)
    expect(shown(page, "mine.safetensors: 512 features")).to_have_count(0)


def test_what_is_refused_is_told_and_not_kept(page: Page, tmp_path: Path) -> None:
    expect(shown(page, "Your uploads", exact=True)).to_be_visible()
    page.locator(".st-key-file-images input[type=file]").set_input_files(zip_of(tmp_path, "cats"))
    expect(shown(page, "Rejected; nothing was stored")).to_be_visible()
    expect(shown(page, "pets.zip holds one class of images; two or more are needed")).to_be_visible()
    expect(shown(page, "pets: 1 classes")).to_have_count(0)
