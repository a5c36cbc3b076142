"""The link to the back office: a version-neutral core and one thin dialect per OCPP version."""
