"""The pixels of an image file are what a person sees: by mode, by value."""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from core.data.pictures import FORMATS, MAX_PIXELS, SIDE, read, to_rgb
from core.system.errors import DataError
from tests.pictures import picture

SIZE = (96, 64)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)


def saved(image: Image.Image, kind: str = "PNG", **extra: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **extra)
    return file.getvalue()


def plain(mode: str, colour: object) -> Image.Image:
    return Image.new(mode, SIZE, colour)


def deep(value: int, dtype: str = "<u2") -> Image.Image:
    return Image.fromarray(np.full((SIZE[1], SIZE[0]), value, dtype))


def with_palette(colours: list[int]) -> Image.Image:
    image = plain("P", 1)
    image.putpalette(colours)
    return image


def lab() -> bytes:
    return saved(plain("LAB", (128, 128, 128)), "TIFF")


COLOURS: dict[str, tuple[Callable[[], bytes], tuple[int, int, int]]] = {
    "1, white": (lambda: saved(plain("1", 1)), WHITE),
    "L": (lambda: saved(plain("L", 77)), (77, 77, 77)),
    "L, transparent colour": (lambda: saved(plain("L", 77), transparency=77), WHITE),
    "L, another transparent colour": (lambda: saved(plain("L", 77), transparency=0), (77, 77, 77)),
    "RGB": (lambda: saved(plain("RGB", (10, 200, 30))), (10, 200, 30)),
    "RGB, transparent colour": (lambda: saved(plain("RGB", (10, 200, 30)), transparency=(10, 200, 30)), WHITE),
    "P": (lambda: saved(with_palette([1, 2, 3, 10, 200, 30])), (10, 200, 30)),
    "P, transparent": (lambda: saved(with_palette([1, 2, 3, 10, 200, 30]), transparency=1), WHITE),
    "P, transparent by bytes": (lambda: saved(with_palette([1, 2, 3, 0, 0, 0]), transparency=b"\xff\x80"), (127,) * 3),
    "P, GIF": (lambda: saved(with_palette([1, 2, 3, 10, 200, 30]), "GIF"), (10, 200, 30)),
    "P, transparent GIF": (lambda: saved(with_palette([1, 2, 3, 10, 200, 30]), "GIF", transparency=1), WHITE),
    "RGBA, opaque": (lambda: saved(plain("RGBA", (10, 200, 30, 255))), (10, 200, 30)),
    "RGBA, transparent": (lambda: saved(plain("RGBA", (0, 0, 0, 0))), WHITE),
    "RGBA, half black": (lambda: saved(plain("RGBA", (0, 0, 0, 128))), (127, 127, 127)),
    "LA, transparent": (lambda: saved(plain("LA", (0, 0))), WHITE),
    "LA, opaque": (lambda: saved(plain("LA", (77, 255))), (77, 77, 77)),
    "WebP, transparent": (lambda: saved(plain("RGBA", (0, 0, 0, 0)), "WEBP", lossless=True, exact=True), WHITE),
    "TIFF, transparent": (lambda: saved(plain("RGBA", (0, 0, 0, 0)), "TIFF"), WHITE),
    "ICO, transparent": (lambda: saved(plain("RGBA", (0, 0, 0, 0)), "ICO", sizes=[(32, 32)]), WHITE),
    "AVIF, transparent": (lambda: saved(plain("RGBA", (0, 0, 0, 0)), "AVIF", quality=100), WHITE),
    "CMYK": (lambda: saved(plain("CMYK", (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
    "CMYK, black": (lambda: saved(plain("CMYK", (0, 0, 0, 255)), "TIFF"), BLACK),
    "YCbCr": (lambda: saved(plain("YCbCr", (255, 128, 128)), "TIFF"), WHITE),
    "I;16, white": (lambda: saved(deep(65_535)), WHITE),
    "I;16, grey": (lambda: saved(deep(128 * 257)), (128, 128, 128)),
    "I;16, rounded down": (lambda: saved(deep(257 + 128)), (1, 1, 1)),
    "I;16, rounded up": (lambda: saved(deep(257 + 129)), (2, 2, 2)),
    "I;16, dark": (lambda: saved(deep(300)), (1, 1, 1)),
    "I;16, transparent": (lambda: saved(deep(300), transparency=300), WHITE),
    "I;16, TIFF": (lambda: saved(deep(200 * 257), "TIFF"), (200, 200, 200)),
    "I;16B, TIFF": (
        lambda: saved(Image.frombytes("I;16B", SIZE, b"\xc8\xc8" * (SIZE[0] * SIZE[1])), "TIFF"),
        (200,) * 3,
    ),
    "PGM of 16 bits": (lambda: b"P5 96 64 65535\n" + struct.pack(">H", 200 * 257) * (96 * 64), (200, 200, 200)),
    "PGM of 10 bits": (lambda: b"P5 96 64 1023\n" + struct.pack(">H", 1023) * (96 * 64), WHITE),
    "PGM": (lambda: saved(plain("L", 77), "PPM"), (77, 77, 77)),
    "PBM": (lambda: saved(plain("1", 0), "PPM"), BLACK),
    "BMP": (lambda: saved(plain("RGB", (10, 200, 30)), "BMP"), (10, 200, 30)),
    "JPEG 2000": (lambda: saved(plain("RGB", (10, 200, 30)), "JPEG2000"), (10, 200, 30)),
    "QOI": (lambda: saved(plain("RGB", (10, 200, 30)), "QOI"), (10, 200, 30)),
    "PCX": (lambda: saved(plain("RGB", (10, 200, 30)), "PCX"), (10, 200, 30)),
}


@pytest.mark.parametrize("case", COLOURS)
def test_a_colour_is_what_it_meant(case: str) -> None:
    make, colour = COLOURS[case]
    pixels = read(make(), "here").pixels
    expected = np.broadcast_to(np.array(colour, np.uint8)[:, None, None], (3, SIDE, SIDE))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, expected)


MODES = {
    "La": ((40, 128), (40 * 255 // 128 * 128 // 255 + 127,) * 3),
    "RGBa": ((0, 0, 0, 128), (127, 127, 127)),
    "PA": ((0, 0), WHITE),
    "HSV": ((0, 255, 255), (255, 0, 0)),
    "RGBX": ((10, 200, 30, 0), (10, 200, 30)),
}


@pytest.mark.parametrize("mode", MODES)
def test_modes_that_no_writer_makes(mode: str) -> None:
    value, colour = MODES[mode]
    rgb, _, _ = to_rgb(Image.new(mode, (2, 2), value), "here")
    difference = np.abs(np.asarray(rgb).astype(int) - np.array(colour)).max()
    assert difference <= (1 if mode == "La" else 0)


@pytest.mark.parametrize(
    ("mode", "content"),
    [
        ("I", saved(plain("I", 70_000), "TIFF")),
        ("F", saved(plain("F", 0.5), "TIFF")),
        ("F", b"Pf 2 2 -1.0\n" + struct.pack("<4f", 0, 0.5, 1, 2)),
        ("LAB", lab()),
    ],
)
def test_a_mode_without_a_white_is_refused(mode: str, content: bytes) -> None:
    with pytest.raises(DataError, match=rf"^cats/1 has pixels of the kind {mode}, .* convert it to grey or RGB"):
        read(content, "cats/1")


def test_black_on_transparent_is_black_on_white() -> None:
    """As most drawings are stored: every pixel is black, and alpha is the drawing."""
    alpha = np.zeros((64, 64), np.uint8)
    alpha[16:32, 8:24] = 255
    drawing = Image.merge("LA", (Image.new("L", (64, 64), 0), Image.fromarray(alpha)))
    for kind, mode in (("PNG", "LA"), ("PNG", "RGBA"), ("WEBP", "RGBA"), ("TIFF", "RGBA")):
        extra = {"lossless": True} if kind == "WEBP" else {}
        result = read(saved(drawing.convert(mode), kind, **extra), "here")
        np.testing.assert_array_equal(result.pixels, np.broadcast_to(255 - alpha, (3, 64, 64)))
        assert (result.is_transparent, result.is_as_before) == (True, False)


def test_a_gradient_of_16_bits_keeps_its_order() -> None:
    values = np.linspace(0, 65_535, 64).astype(np.uint16)
    result = read(saved(Image.fromarray(np.broadcast_to(values, (64, 64)).copy())), "here")
    np.testing.assert_array_equal(result.pixels[1, 5], np.round(values / 257).astype(np.uint8))
    assert (result.is_deep, result.brightest, result.is_as_before) == (True, 65_535, False)


def png_of_16_bits(key: tuple[int, int, int] | None) -> bytes:
    """64 x 64 pixels of (0x0A0A, 0, 0), which pillow can read, but not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + struct.pack(">3H", 0x0A0A, 0, 0) * 64) * 64
    transparent = chunk(b"tRNS", struct.pack(">3H", *key)) if key else b""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + transparent + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("key", "colour"), [(None, (10, 0, 0)), ((0x0A0A, 0, 0), WHITE), ((10, 0, 0), (10, 0, 0))])
def test_colour_of_16_bits(key: tuple[int, int, int] | None, colour: tuple[int, int, int]) -> None:
    result = read(png_of_16_bits(key), "here")
    np.testing.assert_array_equal(result.pixels, np.broadcast_to(np.array(colour)[:, None, None], (3, 64, 64)))
    assert (result.is_deep, result.is_transparent) == (True, colour == WHITE)


def test_opaque_alpha_and_plain_images_are_read_as_version_1_did() -> None:
    for mode in ("1", "L", "P", "RGB", "RGBA", "LA"):
        result = read(picture(3, mode=mode), "here")
        assert (result.is_as_before, result.is_transparent, result.is_deep) == (True, False, False)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_an_image_stands_upright_whatever_the_format(kind: str, orientation: int) -> None:
    """All eight orientations, of an image whose corners differ."""
    upright = np.zeros((64, 64, 3), np.uint8)
    upright[:32, :32], upright[:32, 32:], upright[32:, :32] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    undo = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a.transpose(1, 0, 2), 2),
        8: lambda a: np.rot90(a, -1),
    }
    stored = Image.fromarray(np.ascontiguousarray(undo[orientation](upright)))
    exif = stored.getexif()
    exif[0x0112] = orientation
    extra = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    pixels = read(saved(stored, kind, exif=exif, **extra), "here").pixels
    difference = np.abs(pixels.transpose(1, 2, 0).astype(int) - upright)
    assert difference.max() <= (4 if kind == "JPEG" else 0)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_of_several_images_is_read(kind: str) -> None:
    first, second = plain("RGB", (200, 10, 30)), plain("RGB", (10, 30, 200))
    extra = {"lossless": True} if kind == "WEBP" else {}
    result = read(saved(first, kind, save_all=True, append_images=[second], **extra), "here")
    assert result.is_animated
    assert result.pixels[:, 0, 0].tolist() == [200, 10, 30]
    assert not read(saved(first, kind), "here").is_animated


def test_previews_that_a_camera_adds_are_no_animation() -> None:
    content = saved(plain("RGB", (200, 10, 30)), "MPO", save_all=True, append_images=[plain("RGB", WHITE)])
    assert not read(content, "here").is_animated


def test_an_icon_larger_than_it_says_is_not_decoded() -> None:
    small = saved(plain("RGBA", (0, 0, 0, 0)), "ICO", sizes=[(32, 32)])
    large = saved(Image.new("1", (8_000, 8_000)))
    start = small.index(b"\x89PNG")
    with pytest.raises(DataError, match="has 8000 x 8000 pixels; at most"):
        read(small[:start] + large, "cats/x.ico")


@pytest.mark.parametrize("side", [8_000, 30_000])
def test_a_bomb_is_not_decoded(side: int) -> None:
    with pytest.raises(DataError, match=rf"{MAX_PIXELS:,}"):
        read(saved(Image.new("1", (side, side))), "here")


@pytest.mark.parametrize("content", [b"", b"text", b"GIF89a", picture(0)[:200], picture(0, "JPEG")[:300]])
def test_what_is_no_image_is_named(content: bytes) -> None:
    with pytest.raises(
        DataError, match=r"^cats/1 can't be read as an image \(.+\): repair or remove it\. Allowed: PNG"
    ):
        read(content, "cats/1")


def test_documents_and_programs_are_no_images() -> None:
    assert not {"EPS", "PDF", "WMF", "PSD", "FPX", "HDF5", "MPEG"} & {*FORMATS}
    with pytest.raises(DataError, match="not an image"):
        read(saved(plain("RGB", WHITE), "EPS"), "here")
