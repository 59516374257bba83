"""What several tests share: references written by hand; sources, values and equations made at random."""
