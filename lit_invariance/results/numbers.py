"""The kinds of values in a results file, with the limits that a file from elsewhere is held to."""

from typing import Annotated

from pydantic import Field

MOST = 10**15
"""More than any count or measurement is; what draws it still reckons exactly."""

Count = Annotated[int, Field(ge=0, le=MOST)]
Number = Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]
Name = Annotated[str, Field(max_length=4096)]
