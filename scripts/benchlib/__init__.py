"""What `scripts/bench` is made of. It measures from outside: over sockets, by process figures of the kernel.

objects   generated CT      wire       raw upper layer: senders and receivers that are never the bottleneck
servers   TrialPACS and Orthanc, started and watched
measures  one function a figure                    report   medians, ratios, floors; table and JSON
deid      scores on a corpus with an answer key    peer_tools  public de-identification tools, in their own venv
"""
