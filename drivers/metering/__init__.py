"""Energy meters on a serial line: their register maps, the bus, and the polls."""
