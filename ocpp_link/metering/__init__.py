"""What meters say for the back office: which measurands, when sampled, and how they are kept."""
