"""The HTTP face of the queue: submit a film, see how far it is, fetch the result."""
