"""What a contract is: promises, their checks, and the report."""
