"""One bench for scenario tests: the same files on simulation, on processes, later on metal."""
