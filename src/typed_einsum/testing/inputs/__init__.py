"""Where inputs come from: arguments made from annotations, objects built from guesses."""
