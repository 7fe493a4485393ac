"""What shows a server to a person: the preview of its apps, in a browser."""
