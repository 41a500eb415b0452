"""Where it runs: on this machine, or on the machines of a Spark cluster."""
