"""What is known of the axes in a call: which are one, which are fixed, and for which sizes it holds."""
