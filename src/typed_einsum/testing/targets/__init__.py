"""What is checked: the functions of a file, and how the file is imported."""
