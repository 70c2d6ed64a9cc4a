"""Behaviour of TrialPACS, by package. Real files and real peers where there are any."""
