"""From the events of the core to the records that bill them."""
