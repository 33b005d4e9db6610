"""Makes the XMP packet of a crop, by which photo libraries find people and looks.

Source: face regions as in the Metadata Working Group's "Guidelines for Handling Image Metadata",
version 2.0 (2010), 5.9; keywords flat as in Dublin Core, and in levels as Lightroom
(`lr:hierarchicalSubject`, between bars) and digiKam (`digiKam:TagsList`, between slashes, people
below "People") write them; people by name also as in IPTC's Extension Schema (`PersonInImage`).
"""

from collections.abc import Iterable

from markupsafe import Markup

from pipeline import __version__
from pipeline.faces import Floats, visible

PEOPLE, LOOKS = "People", "Looks"
"""The first levels of keywords. Of an emotion nothing is claimed but that somebody looks so."""

PACKET = Markup("""\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
 xmlns:digiKam="http://www.digikam.org/ns/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/"
 xmlns:stDim="http://ns.adobe.com/xap/1.0/sType/Dimensions#"
 xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#">
<xmp:CreatorTool>mine-video {version}</xmp:CreatorTool>
<dc:subject><rdf:Bag>{flat}</rdf:Bag></dc:subject>
<lr:hierarchicalSubject><rdf:Bag>{barred}</rdf:Bag></lr:hierarchicalSubject>
<digiKam:TagsList><rdf:Seq>{slashed}</rdf:Seq></digiKam:TagsList>
<Iptc4xmpExt:PersonInImage><rdf:Bag>{people}</rdf:Bag></Iptc4xmpExt:PersonInImage>
<mwg-rs:Regions rdf:parseType="Resource">
<mwg-rs:AppliedToDimensions stDim:w="{width}" stDim:h="{height}" stDim:unit="pixel"/>
<mwg-rs:RegionList><rdf:Bag><rdf:li rdf:parseType="Resource">
<mwg-rs:Type>Face</mwg-rs:Type>{name}
<mwg-rs:Area stArea:x="{x:.6f}" stArea:y="{y:.6f}" stArea:w="{w:.6f}" stArea:h="{h:.6f}" \
stArea:unit="normalized"/>
</rdf:li></rdf:Bag></mwg-rs:RegionList>
</mwg-rs:Regions>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>""")


def crop_xmp(person: str, emotion: str, box: Floats, size: tuple[int, int]) -> bytes:
    """The packet of a crop, for Pillow's `xmp=`.

    Args:
        person: A name, or "" for somebody unknown, whose region has no name.
        emotion: How the person looks.
        box: `(4,)` the face in pixels of the crop; what leaves the crop is cut off.
        size: Width and height of the crop in pixels.
    """
    (width, height), (x1, y1, x2, y2) = size, (float(value) for value in box)
    left, right = (min(max(x / width, 0.0), 1.0) for x in (x1, x2))
    top, bottom = (min(max(y / height, 0.0), 1.0) for y in (y1, y2))
    person = visible(person)
    levels = [(PEOPLE, person)] * bool(person) + [(LOOKS, emotion)]
    return PACKET.format(
        version=__version__, width=width, height=height,
        flat=_items(last for _, last in levels),
        barred=_items(f"{first}|{last.replace('|', '/')}" for first, last in levels),
        slashed=_items("/".join(level) for level in levels),
        people=_items([person] if person else []),
        name=Markup("<mwg-rs:Name>{}</mwg-rs:Name>").format(person) if person else "",
        x=(left + right) / 2, y=(top + bottom) / 2, w=right - left, h=bottom - top,
    ).encode()  # fmt: skip


def _items(texts: Iterable[str]) -> Markup:
    return Markup("").join(Markup("<rdf:li>{}</rdf:li>").format(text) for text in texts)
