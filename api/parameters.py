"""Parameters that several routes share, as the API's description shows them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from api.schemas.base import identity_pattern

AccountId = Annotated[
    str,
    Path(pattern=identity_pattern("acc"), description="The account, as the API answered it.", examples=["acc_1001"]),
]
ServiceId = Annotated[str, Path(pattern=identity_pattern("svc"), description="The line.", examples=["svc_1001"])]
InvoiceId = Annotated[
    str, Path(pattern=identity_pattern("inv"), description="The invoice or credit note.", examples=["inv_1001"])
]
MethodId = Annotated[
    str, Path(pattern=identity_pattern("pm"), description="The stored payment method.", examples=["pm_1001"])
]
DisputeId = Annotated[str, Path(pattern=identity_pattern("dsp"), description="The dispute.", examples=["dsp_1001"])]
CaseId = Annotated[str, Path(pattern=identity_pattern("case"), description="The dunning case.", examples=["case_1001"])]
FeeId = Annotated[str, Path(pattern=identity_pattern("fee"), description="The dunning fee.", examples=["fee_1001"])]
BrandCode = Annotated[str, Path(max_length=31, description="The brand's code.", examples=["vonk"])]
SegmentName = Annotated[str, Path(max_length=64, description="The accounts' segment.", examples=["business"])]
FileId = Annotated[str, Path(pattern=identity_pattern("file"), description="The usage file.", examples=["file_1001"])]
IssueId = Annotated[str, Path(pattern=identity_pattern("rec"), description="The kept record.", examples=["rec_1001"])]
