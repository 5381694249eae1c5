"""Caffe: nets, their weights, and the device they run on."""
