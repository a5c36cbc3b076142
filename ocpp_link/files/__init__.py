"""Files to and from the back office: transfers, firmware updates, diagnostics and logs."""
