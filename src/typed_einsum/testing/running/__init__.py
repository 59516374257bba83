"""How a call is run and varied: sizes that fit, failures, the same call again with other inputs."""
