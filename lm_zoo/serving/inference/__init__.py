"""What computes the answers: requests share the calls and the steps of one model."""
