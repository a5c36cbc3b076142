"""The bench: a simulated plant, simulated boards, the demo CSMS and the tools that use them."""
