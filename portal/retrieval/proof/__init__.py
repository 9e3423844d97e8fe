"""How a patient proves who they are: codes, sessions, passes, slips."""
