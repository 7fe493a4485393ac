"""Git repositories, their history, and what builds leave behind."""
