"""The types of the published interfaces, one internal model in their present generation.

Field names are those of the interface pages. Closed types refuse unknown fields; an absent field
is UNSET and is left out on the wire, never null.
"""
