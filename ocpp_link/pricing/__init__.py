"""What charging costs, as the back office tells it (OCA, California pricing requirements).

The whitepaper is not in this project's sources: its messages are as docs/overview.md names them.
"""
