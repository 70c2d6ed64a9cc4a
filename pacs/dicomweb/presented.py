"""Presentation states shown on the image that they refer to. PS3.18 10.4.1.1.4, 9.4.1.2.3."""

from pacs.dicomweb.door import caller, door, key_of
from pacs.dicomweb.opened import opened
from pacs.dicomweb.picture_parameters import PictureParameters
from pacs.dicomweb.picture_texts import lines_of
from pacs.errors import NotAcceptable, NotFound
from pacs.model import StoredInstance
from pacs.pixels.rendering.annotate import annotated
from pacs.pixels.rendering.formats import still
from pacs.pixels.rendering.presentation import Referenced, references_of, render_presented
from pacs.pixels.rendering.profiles import in_profile


def presented(
    state: StoredInstance, parameters: PictureParameters, kind: str, sop_uid: str = "", frame: int = 0
) -> bytes:
    """A picture of the image `sop_uid` that the state refers to, or of the first one that the caller may see.

    `frame` (from 1) takes the place of the state's own. Raises `NotAcceptable` when there is none.
    """
    file = opened(state)
    for each in references_of(file.data_set, file.encoding):
        if sop_uid and each.sop_uid != sop_uid:
            continue
        try:
            image = door().archive.open(key_of(state.study_uid, each.series_uid, each.sop_uid), caller())[0]
        except NotFound:
            continue
        shown = Referenced(each.series_uid, each.sop_uid, frame or each.frame)
        source = opened(image)
        picture = render_presented(source, shown, file.data_set, file.encoding, parameters.look)
        if parameters.annotation:
            picture = annotated(picture, lines_of(source.data_set, parameters.annotation))
        picture, profile = in_profile(picture, source.data_set, parameters.profile)
        return still(picture, kind, parameters.quality, profile)
    raise NotAcceptable("the images that this presentation state refers to are not here")
