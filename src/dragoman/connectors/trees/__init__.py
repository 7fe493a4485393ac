"""Trees of files, wherever they are: found, searched line by line, and read in parts."""
