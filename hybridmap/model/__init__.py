"""The model that is trained: roles of parameters, encoder, constraint and process model as one."""
