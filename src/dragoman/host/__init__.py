"""What brings servers to a person: the host with its model, consent, audit and sandboxes; the preview of apps."""
