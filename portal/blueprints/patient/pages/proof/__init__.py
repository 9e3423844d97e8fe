"""Pages on which a patient proves who they are: number and name, the code, a remembered phone."""
