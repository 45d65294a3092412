"""The lab: train, watch and take apart a small network in the browser."""
