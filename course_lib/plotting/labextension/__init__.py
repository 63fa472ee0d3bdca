"""Alt texts for pictures, and names for controls, in JupyterLab and Notebook, which give none by themselves.

``make lab`` installs this extension. Elsewhere: ``python -m course_lib.plotting.labextension``.
"""
