"""The demonstration: from plug to bill, in front of a newcomer."""
