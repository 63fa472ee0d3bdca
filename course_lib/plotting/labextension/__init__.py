"""Alt texts for the pictures of notebooks in JupyterLab and Notebook, which show none by themselves.

``make lab`` installs this extension. Elsewhere: ``python -m course_lib.plotting.labextension``.
"""
