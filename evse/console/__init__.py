"""The technician's console: what is typed becomes calls at the door, answers become lines."""
