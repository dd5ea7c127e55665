"""What makes a PDF that carries an electronic invoice a Factur-X: the description in its metadata.

Source: Factur-X 1.0, chapter 6 (properties and the extension schema that PDF/A-3 asks for).
"""

from __future__ import annotations

import io

from pypdf import PdfReader, PdfWriter
from pypdf.generic import StreamObject

_NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_PROPERTIES = {
    "DocumentFileName": ("factur-x.xml", "name of the embedded XML invoice file"),
    "DocumentType": ("INVOICE", "INVOICE"),
    "Version": ("1.0", "The actual version of the Factur-X XML schema"),
    "ConformanceLevel": ("EN 16931", "The conformance level of the embedded Factur-X data"),
}
_SAID = "".join(f"<fx:{name}>{value}</fx:{name}>" for name, (value, _) in _PROPERTIES.items())
_DECLARED = "".join(
    f'<rdf:li rdf:parseType="Resource"><pdfaProperty:name>{name}</pdfaProperty:name>'
    "<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category>"
    f"<pdfaProperty:description>{meaning}</pdfaProperty:description></rdf:li>"
    for name, (_, meaning) in _PROPERTIES.items()
)
_SCHEMA = (
    '<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>'
    f"<pdfaSchema:namespaceURI>{_NAMESPACE}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
    f"<pdfaSchema:property><rdf:Seq>{_DECLARED}</rdf:Seq></pdfaSchema:property></rdf:li>"
)
_DESCRIPTION = f'<rdf:Description rdf:about="" xmlns:fx="{_NAMESPACE}">{_SAID}</rdf:Description>'
_EXTENSION = (
    '<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"'
    ' xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">'
    f"<pdfaExtension:schemas><rdf:Bag>{_SCHEMA}</rdf:Bag></pdfaExtension:schemas></rdf:Description>"
)


def with_facturx(content: bytes) -> bytes:
    """The same document, described as Factur-X of the profile EN 16931."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(content)))
    metadata = writer.root_object["/Metadata"].get_object()
    if not isinstance(metadata, StreamObject):
        raise TypeError("a document without metadata")
    metadata.set_data(_described(metadata.get_data().decode()).encode())
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _described(metadata: str) -> str:
    """The packet with our properties; a schema for extensions that is there gets one more member."""
    if "<pdfaExtension:schemas>" not in metadata:
        return metadata.replace("</rdf:RDF>", f"{_DESCRIPTION}{_EXTENSION}</rdf:RDF>", 1)
    with_schema = metadata.replace("</rdf:Bag></pdfaExtension:schemas>", f"{_SCHEMA}</rdf:Bag></pdfaExtension:schemas>")
    return with_schema.replace("</rdf:RDF>", f"{_DESCRIPTION}</rdf:RDF>", 1)
