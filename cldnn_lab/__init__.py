"""Train CNNs, RNNs and CLDNNs from YAML configs and keep results worth handing in."""

__version__ = "0.1.0"
