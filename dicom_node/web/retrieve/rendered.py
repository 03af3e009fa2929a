"""Pictures: rendered resources and thumbnails (PS3.18 8.3.5, 10.4.1.1.3, 10.4.1.1.4)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain

from fastapi import Request, Response

from dicom_node import log
from dicom_node.archive.reader import Pixels
from dicom_node.errors import Unreadable
from dicom_node.values import Instance
from dicom_node.web.accept import Offer, chosen, wanted_by
from dicom_node.web.address import uids_of
from dicom_node.web.multipart import Part, multipart_answer
from dicom_node.web.problem import Refused
from dicom_node.web.retrieve.frames import numbers_in
from dicom_node.web.retrieve.located import Keys, found_at, instances_of, opened
from dicom_node.web.retrieve.picture import View, Window, picture
from dicom_node.web.services import Served, Services
from dicom_node.web.told import Account

__all__ = ["rendered_answer", "thumbnail_answer"]

_log = log.get("web")
_JPEG, _PNG = "image/jpeg", "image/png"
_SINGLE = (Offer(_JPEG), Offer(_PNG))
_PARTS = (Offer(_JPEG, multipart=True), Offer(_PNG, multipart=True))
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?")
_FUNCTIONS = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_LARGEST, _SMALL = 4096, 128
_QUALITY = 90
_TRIED = 8


@dataclass(frozen=True, slots=True)
class _Shown:
    """What is asked for: a view, a media type, a quality from 1 to 100."""

    view: View
    kind: str
    quality: int

    def encoded(self, pixels: Pixels, index: int, most_bytes: int) -> bytes:
        """Return one frame as the file of a picture."""
        shown, out = picture(pixels, index, self.view, most_bytes), BytesIO()
        try:
            if self.kind == _JPEG:
                shown.save(out, "JPEG", quality=self.quality)
            else:
                shown.save(out, "PNG")
        except (OSError, ValueError) as exc:
            raise Unreadable(f"no {self.kind} can be made of frame {index + 1}") from exc
        return out.getvalue()


def rendered_answer(request: Request, services: Served) -> Response:
    """Answer with pictures: one of an instance or a frame, else a part for each frame."""
    numbers = numbers_in(request.path_params["frames"]) if "frames" in request.path_params else []
    is_one = "instance" in request.path_params and len(numbers) < 2
    offer = chosen(wanted_by(request), (*_SINGLE, *_PARTS) if is_one else _PARTS)
    shown = _Shown(_view(request.query_params, None), offer.kind, _quality(request.query_params))
    keys = found_at(services, uids_of(request))
    if not offer.multipart:
        numbers = numbers or [1]
    pictures = _pictures(services, keys, numbers, shown, Account(request, services, "pictures"))
    first = next(pictures, None)
    if first is None:
        raise Refused(406, "nothing there can be shown as a picture")
    if not offer.multipart:
        return Response(first, media_type=offer.kind)
    parts = (Part(offer.kind, (content,)) for content in chain([first], pictures))
    return multipart_answer(offer.kind, parts)


def thumbnail_answer(request: Request, services: Served) -> Response:
    """Answer with a small picture of what is in the middle."""
    numbers = numbers_in(request.path_params["frames"]) if "frames" in request.path_params else []
    offer = chosen(wanted_by(request), _SINGLE)
    view = _view(request.query_params, (_SMALL, _SMALL))
    shown = _Shown(view, offer.kind, _quality(request.query_params))
    keys = found_at(services, uids_of(request))
    middle = len(keys) // 2
    tried = [*keys[middle:], *keys[:middle]][:_TRIED]
    account = Account(request, services, "pictures")
    content = next(_pictures(services, tried, numbers or [1], shown, account), None)
    if content is None:
        raise Refused(406, "nothing there can be shown as a picture")
    return Response(content, media_type=offer.kind)


def _pictures(
    services: Services, keys: Keys, numbers: Sequence[int], shown: _Shown, account: Account
) -> Iterator[bytes]:
    """Yield what can be shown, frame by frame; all frames where none are listed."""
    with account:
        for instance in instances_of(services, keys):
            try:
                for number, content in enumerate(_of_instance(services, instance, numbers, shown)):
                    if not number:
                        account.went(instance)
                    yield content
            except Unreadable as exc:
                _log.info("not shown", sop_instance_uid=instance.sop_instance_uid, why=str(exc))


def _of_instance(
    services: Services, instance: Instance, numbers: Sequence[int], shown: _Shown
) -> Iterator[bytes]:
    most = services.settings.frame_mb * 2**20
    with opened(services, instance) as source:
        pixels = Pixels.of(source)
        if numbers and max(numbers) > pixels.number_of_frames:
            raise Refused(404, f"the instance has {pixels.number_of_frames} frames")
        for number in numbers or range(1, pixels.number_of_frames + 1):
            yield shown.encoded(pixels, number - 1, most)


def _view(query: Mapping[str, str], size: tuple[int, int] | None) -> View:
    window = _window(query["window"]) if "window" in query else None
    if "viewport" not in query:
        return View(window, size)
    values = _numbers("viewport", query["viewport"], (2, 6), "128,128 or 128,128,0,0,64,64")
    width, height, *region = values
    if not (1 <= width <= _LARGEST and 1 <= height <= _LARGEST):
        raise Refused(400, f"viewport is not between 1 and {_LARGEST} pixels wide and high")
    x, y, cut_width, cut_height = region or (0, 0, 0, 0)
    return View(window, (int(width), int(height)), (x, y, cut_width, cut_height))


def _window(text: str) -> Window:
    parts = text.split(",")
    wanted = "40,400,linear; functions are linear, linear-exact and sigmoid"
    function = _FUNCTIONS.get(parts[2].lower()) if len(parts) > 2 else "LINEAR"
    if function is None or len(parts) > 3:
        raise Refused(400, f"window is none; {wanted}")
    center, width = _numbers("window", ",".join(parts[:2]), (2,), wanted)
    if width < 1:
        raise Refused(400, "the width of window is less than 1")
    return Window(center, width, function)


def _numbers(name: str, text: str, counts: Sequence[int], wanted: str) -> list[float]:
    parts = text.split(",")
    if len(parts) not in counts or not all(_NUMBER.fullmatch(part or "0") for part in parts):
        raise Refused(400, f"{name} is none; {wanted}")
    return [float(part or 0) for part in parts]


def _quality(query: Mapping[str, str]) -> int:
    text = query.get("quality", str(_QUALITY))
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= 100:
        raise Refused(400, "quality is no whole number from 1 to 100")
    return int(text)
