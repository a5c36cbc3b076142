"""Fields and arguments whose name alone differs between the generations."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

REQUEST_EXI: Mapping[str, str] = types.MappingProxyType(
    {
        "exiRequest": "exi_request",
        "iso15118SchemaVersion": "iso15118_schema_version",
        "certificateAction": "certificate_action",
    }
)
"""Request_Exi_Stream_Schema -> RequestExiStreamSchema."""
RESPONSE_EXI: Mapping[str, str] = types.MappingProxyType(
    {"exiResponse": "exi_response", "certificateAction": "certificate_action"}
)
"""Response_Exi_Stream_Status -> ResponseExiStreamStatus."""
ARGUMENTS: Mapping[str, Mapping[str, str]] = types.MappingProxyType(
    {
        "evse_manager.set_get_certificate_response": {
            "certificate_response": "certificate_reponse"
        },
        "iso15118_extensions.set_get_certificate_response": {
            "certificate_reponse": "certificate_response"
        },
    }
)
"""Method -> other spelling that is taken -> its argument as the page spells it."""


def renamed(value: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """`value` with the keys of `names` renamed; a key whose new name is taken stays."""
    return {
        names[key] if key in names and names[key] not in value else key: inner
        for key, inner in value.items()
    }
